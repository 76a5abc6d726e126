// The reference: shows the OpenAPI document with Swagger UI, and signs what that sends. Keys stay in this page.
/* global SwaggerUIBundle */

import { md5 } from "./md5.js";
import { ENCODINGS, base64, hmac, linesToSign } from "./signing.js";

const at = (id) => document.getElementById(id);

/** Signs a request of Swagger UI's; without keys it goes out as it is, and shows how that is answered. */
async function sign(request) {
  const [publicKey, privateKey] = ["public-key", "private-key"].map((id) => at(id).value.trim());
  if (request.loadSpec || !publicKey || !privateKey) {
    return request;
  }
  const { headers, body } = request;
  headers["X-Daas-Date"] ||= new Date().toUTCString();
  if (typeof body === "string") { // A form in parts gets its boundary, and so its bytes, only when it is sent.
    headers["Content-MD5"] ||= base64(md5(new TextEncoder().encode(body)));
  }
  const { pathname, search } = new URL(request.url, document.baseURI);
  const lines = linesToSign({
    method: request.method,
    date: headers["X-Daas-Date"],
    contentMd5: headers["Content-MD5"],
    contentType: headers["Content-Type"],
    uri: pathname + search,
  });
  const hash = await hmac(privateKey, lines.map(({ text }) => text).join("\n"));
  headers.Authorization = `DAAS ${publicKey}:${ENCODINGS[0].encode(hash)}`;
  return request;
}

/** Tells Swagger UI of the dark scheme, which it does not ask for itself; paper is never dark. */
function follow({ matches }) {
  document.documentElement.classList.toggle("dark-mode", matches);
}

const dark = matchMedia("screen and (prefers-color-scheme: dark)");
dark.addEventListener("change", follow);
follow(dark);
at("insecure").hidden = isSecureContext;

/**
 * Fits Swagger UI into a page of ours: the calls alone, without a title and landmarks of their own; without the locks
 * that ask for an Authorization header, which nobody can type; and with a name for the lists that have none.
 */
function fit({ React: { createElement } }) {
  const Calls = ({ getComponent }) =>
    createElement("div", { className: "swagger-ui" }, createElement(getComponent("SvgAssets")),
      createElement(getComponent("operations", true)));
  const named = (List) => (properties) =>
    createElement("div", { ref: (element) => element?.querySelector("select")?.setAttribute("aria-label", "Example") },
      createElement(List, properties));
  return { components: { Calls }, wrapComponents: { authorizeOperationBtn: () => () => null, ExamplesSelect: named } };
}

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: at("swagger-ui").dataset.url,
  layout: "Calls",
  plugins: [fit],
  requestInterceptor: sign,
  validatorUrl: null,
});
