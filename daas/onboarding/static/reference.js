// The reference: shows the OpenAPI document with Swagger UI, and signs its requests. Keys stay in this page.
/* global SwaggerUIBundle */

import { md5 } from "./md5.js";
import { RCWS, canonical, objectOf } from "./rcws.js";
import { DIRECT, base64, hmac } from "./signing.js";

const at = (id) => document.getElementById(id);

/** Sign a request of Swagger UI; without keys it is sent unsigned. */
async function sign(request) {
  const [publicKey, privateKey] = ["public-key", "private-key"].map((id) => at(id).value.trim());
  if (request.loadSpec || !publicKey || !privateKey) {
    return request;
  }
  const { pathname, search } = new URL(request.url, document.baseURI);
  const uri = pathname + search;
  const [scheme, call] = uri.startsWith("/v1/") ? [RCWS, readCallForLists(request)] : [DIRECT, readCallForMessages(request)];
  const string = scheme.parts({ method: request.method, uri, ...call }).map(({ text }) => text).join(scheme.joint);
  const signature = scheme.encodings[0].encode(await hmac(privateKey, string));
  request.headers.Authorization = `${scheme.word} ${publicKey}:${signature}`;
  return request;
}

/** Return the signed values of a request for messages except its URI; add date and Content-MD5 to its headers. */
function readCallForMessages({ headers, body }) {
  headers["X-Daas-Date"] ||= new Date().toUTCString();
  if (typeof body === "string") { // A multipart form gets its boundary, and so its bytes, only when it is sent.
    headers["Content-MD5"] ||= base64(md5(new TextEncoder().encode(body)));
  }
  return { date: headers["X-Daas-Date"], contentMd5: headers["Content-MD5"], contentType: headers["Content-Type"] };
}

/** Return the signed data of a request for lists and contacts; send JSON as it is signed. */
function readCallForLists(request) {
  const { headers, body } = request;
  if (body === undefined || headers["Content-Type"] === "application/json") {
    request.body = body && canonical(body);
    return { posted: request.body };
  }
  return { posted: objectOf(body instanceof FormData ? body.entries() : new URLSearchParams(body)) };
}

/** Switch Swagger UI to the dark scheme, which it does not do by itself; paper is never dark. */
function follow({ matches }) {
  document.documentElement.classList.toggle("dark-mode", matches);
}

const dark = matchMedia("screen and (prefers-color-scheme: dark)");
dark.addEventListener("change", follow);
follow(dark);
at("insecure").hidden = isSecureContext;

/**
 * Fit Swagger UI into our page: only the calls, without a title and landmarks; without the locks that ask for an
 * Authorization header, which nobody can type; and with a name for the selects that have none.
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

/** Return the OpenAPI document with empty optional fields in forms: Swagger UI would invent values and send them. */
async function loadDocument(url) {
  const spec = await (await fetch(url)).json();
  const operations = Object.values(spec.paths).flatMap((path) => Object.values(path));
  const bodies = operations.flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}));
  for (const { schema: { properties = {}, required = [] } } of bodies) {
    const optional = Object.entries(properties).filter(([name]) => !required.includes(name));
    optional.forEach(([, argument]) => { argument.examples = [""]; });
  }
  return spec;
}

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  spec: await loadDocument(at("swagger-ui").dataset.url),
  layout: "Calls",
  plugins: [fit],
  requestInterceptor: sign,
  validatorUrl: null,
});
