// Write a signed request as source code: a curl command, or a Python program.

/** Return a curl command that sends the request with its headers as they are. */
export function asCurl({ method, origin, uri, headers, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  if (body && !headers["Content-Type"]) {
    lines.push("-H 'Content-Type:'"); // Otherwise curl adds one, which is not signed.
  }
  if (body) {
    lines.push(`--data-raw ${quoted(new TextDecoder().decode(body))}`);
  }
  return [`curl -i -X ${method} ${quoted(origin + uri)}`, ...lines].join(" \\\n  ");
}

/**
 * Return a Python program that signs and sends the request.
 *
 * `now` says whether the date is that of each run. The private key is read from the environment.
 */
export function asPython(request) {
  const { method, origin, uri, body, publicKey, scheme } = request;
  const python = JSON.stringify; // JSON's strings are Python's too.
  const digest = scheme.word === "DAAS" ? "base64.b64encode(digest.hexdigest().encode()).decode()" : "digest.hexdigest()";
  return `import base64
import hashlib
import hmac
import os
import urllib.error
import urllib.request
from email.utils import formatdate

body = ${body ? `${python(new TextDecoder().decode(body))}.encode()` : "None"}
${linesOf(request, python)}
digest = hmac.new(os.environ["DAAS_PRIVATE_KEY"].encode(), string_to_sign.encode("latin-1"), hashlib.sha256)
headers["Authorization"] = ${python(`${scheme.word} ${publicKey}:`)} + ${digest}
request = urllib.request.Request(${python(origin + uri)}, body, headers, method=${python(method)})
try:
    response = urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    response = error
print(response.status, response.read().decode())
`;
}

/** Return the lines of the program that set the headers and the string to sign. */
function linesOf({ scheme, now, headers, ...call }, python) {
  const { Authorization, ...sent } = headers;
  const values = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, python(value)]));
  if (now && sent["X-Daas-Date"]) {
    values["X-Daas-Date"] = "formatdate(usegmt=True)";
  }
  const set = Object.entries(values).map(([name, value]) => `headers[${python(name)}] = ${value}`);
  const lines = scheme.parts({ ...call, date: sent["X-Daas-Date"] }).map(({ name, text }) =>
    (name === "date" ? 'headers["X-Daas-Date"]' : python(text)));
  return ["headers = {}", ...set, `string_to_sign = ${python(scheme.joint)}.join([${lines.join(", ")}])`].join("\n");
}

/** Return text as one word of a shell: in single quotes, or, with line ends, as bash's $'...'. */
function quoted(text) {
  if (/[\r\n]/.test(text)) {
    const escaped = text.replace(/[\\']/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
    return `$'${escaped}'`;
  }
  return `'${text.replaceAll("'", "'\\''")}'`;
}
