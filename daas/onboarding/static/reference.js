// Shows the OpenAPI document with Swagger UI, and signs what it sends.
/* global SwaggerUIBundle */
import { authorization } from "./signing.js";

const valueOf = (id) => document.getElementById(id).value.trim();

async function signed(request) {
  const publicKey = valueOf("public-key");
  const privateKey = valueOf("private-key");
  // The document itself is open to all; a call without keys goes out unsigned, and shows how that is answered.
  if (request.loadSpec || !publicKey || !privateKey) return request;
  const { pathname, search } = new URL(request.url, document.baseURI);
  request.headers["X-Daas-Date"] ||= new Date().toUTCString();
  const sent = new Headers(request.headers);
  request.headers.Authorization = await authorization(publicKey, privateKey, {
    method: request.method,
    date: sent.get("X-Daas-Date"),
    contentMd5: sent.get("Content-MD5") ?? undefined,
    contentType: sent.get("Content-Type") ?? undefined,
    uri: pathname + search,
  });
  return request;
}

document.getElementById("insecure").hidden = isSecureContext;
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: document.getElementById("swagger-ui").dataset.url,
  deepLinking: true,
  // Nobody can type an Authorization header that holds for the next call: the locks that would ask for one are left out.
  plugins: [() => ({ wrapComponents: { authorizeOperationBtn: () => () => null } })],
  requestInterceptor: signed,
  validatorUrl: null,
});
