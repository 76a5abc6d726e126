"""Collections of all calls for Postman and Bruno, made from the OpenAPI document; a script in them signs requests."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import werkzeug
from flask import Flask

from ..web.authentication import requires_no_auth
from ..web.openapi import build_document
from .downloads import send_file

_JSON = "application/json"

# Both programs have crypto-js built in.
_SIGN = r"""const cryptoJs = require("crypto-js");

// Return the headers that sign a request. `uri` is path and query as sent; `body` is the JSON text, or undefined.
function sign(method, uri, body, publicKey, privateKey) {
  const hmac = (text) => cryptoJs.HmacSHA256(text, privateKey).toString();
  if (uri.startsWith("/v1/")) {
    const [path, query] = uri.split("?");
    const name = (pair) => pair.split("=")[0];
    const pairs = (query || "").split("&").sort((one, other) => (name(one) < name(other) ? -1 : 1));
    const posted = body ? JSON.parse(body) : { posted_data: "[]" };
    const sorted = JSON.stringify(posted, Object.keys(posted).sort());
    const string = `${method}::${path}${query ? `?${pairs.join("&")}` : ""}::${sorted}`;
    return { Authorization: `RCWS ${publicKey}:${hmac(string.toLowerCase())}` };
  }
  const headers = { "X-Daas-Date": new Date().toUTCString() };
  const lines = [method, headers["X-Daas-Date"]];
  if (body) {
    headers["Content-MD5"] = cryptoJs.MD5(body).toString(cryptoJs.enc.Base64);
    lines.push(headers["Content-MD5"], "application/json");
  }
  const hash = hmac([...lines, uri].join("\n"));
  const signature = cryptoJs.enc.Base64.stringify(cryptoJs.enc.Utf8.parse(hash));
  return { ...headers, Authorization: `DAAS ${publicKey}:${signature}` };
}
"""

_POSTMAN = r"""
const text = (value) => pm.variables.replaceIn(value);
// Postman escapes these characters when it sends.
const uri = text(pm.request.url.getPathWithQuery()).replace(/[^\x21-\x7e]+|["'<>`{}]/g, encodeURIComponent);
const body = pm.request.body && pm.request.body.raw ? text(pm.request.body.raw) : undefined;
const headers = sign(pm.request.method, uri, body, text("{{public_key}}"), text("{{private_key}}"));
Object.entries(headers).forEach(([key, value]) => pm.request.headers.upsert({ key, value }));
"""

_POSTMAN_TEST = """pm.test("The signature is accepted", () => pm.expect(pm.response.code).not.to.equal(401));
"""

_BRUNO = r"""
const text = (value) => value.replace(/{{(\w+)}}/g, (_, name) => bru.getEnvVar(name));
const uri = text(req.getUrl()).replace(/^https?:\/\/[^/]*/, "");
const body = req.getMethod() === "GET" ? undefined : req.getBody({ raw: true });
const json = body && typeof body !== "string" ? JSON.stringify(body) : body;
if (json) {
  req.setBody(json, { raw: true }); // So that the bytes that are sent are those that are signed.
}
const headers = sign(req.getMethod(), uri, json, bru.getEnvVar("public_key"), bru.getEnvVar("private_key"));
Object.entries(headers).forEach(([name, value]) => req.setHeader(name, value));
"""

_BRUNO_TEST = """test("The signature is accepted", () => expect(res.getStatus()).to.not.equal(401));
"""

_VARIABLES = {"public_key": "", "private_key": ""}


@dataclass(frozen=True)
class Call:
    """A request of the collections: its arguments have the examples of the OpenAPI document.

    `query` has name, value and whether the argument is required; `body` is JSON text.
    """

    folder: str
    name: str
    method: str
    path: str
    query: list[tuple[str, str, bool]] = field(default_factory=list)
    body: str | None = None


def init_collections(app: Flask, url: str) -> None:
    """Serve the collections for download; `url` is the server's address in them."""

    # The calls are complete only after all are registered, so the document is made at the first download.
    @cache
    def document() -> dict[str, Any]:
        return build_document(app)

    @app.get("/onboarding/documentation/collections/daas.postman_collection.json")
    @requires_no_auth()
    def download_postman_collection() -> werkzeug.Response:
        """Send the collection for Postman."""
        return send_file(postman_collection(document(), url), _JSON)

    @app.get("/onboarding/documentation/collections/daas-bruno.zip")
    @requires_no_auth()
    def download_bruno_collection() -> werkzeug.Response:
        """Send the collection for Bruno."""
        return send_file(bruno_collection(document(), url), "application/zip")


def calls_of(document: dict[str, Any]) -> Iterator[Call]:
    """Yield each call of an OpenAPI document."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = [_resolve(document, parameter) for parameter in operation["parameters"]]
            examples = {parameter["name"]: str(_example_of(parameter)) for parameter in parameters}
            content = operation.get("requestBody", {"content": {}})["content"]
            yield Call(
                folder=operation["tags"][0],
                name=re.split("[,;.]", operation["summary"])[0],
                method=method.upper(),
                path=re.sub("{(.*?)}", lambda name: quote(examples[name[1]]), path),  # noqa: B023  It is called at once.
                query=[
                    (parameter["name"], examples[parameter["name"]], parameter.get("required", False))
                    for parameter in parameters
                    if parameter["in"] == "query"
                ],
                body=json.dumps(content[_JSON]["example"]) if _JSON in content else None,
            )


def postman_collection(document: dict[str, Any], url: str) -> bytes:
    """Return a collection in Postman's format 2.1; `url` is the server's address."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for call in calls_of(document):
        folders.setdefault(call.folder, []).append({"name": call.name, "request": _postman_request(call)})
    collection = {
        "info": {
            "name": "daas",
            "description": "Set the variables url, public_key and private_key. A script signs each request.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "event": [
            {"listen": "prerequest", "script": {"type": "text/javascript", "exec": (_SIGN + _POSTMAN).splitlines()}},
            {"listen": "test", "script": {"type": "text/javascript", "exec": _POSTMAN_TEST.splitlines()}},
        ],
        "variable": [{"key": name, "value": value} for name, value in {"url": url, **_VARIABLES}.items()],
        "item": [{"name": name, "item": calls} for name, calls in folders.items()],
    }
    return json.dumps(collection, indent=2).encode()


def bruno_collection(document: dict[str, Any], url: str) -> bytes:
    """Return a collection as the files that Bruno opens, in a ZIP file; `url` is the server's address."""
    variables = "".join(f"  {name}: {value}\n" for name, value in {"url": url, **_VARIABLES}.items())
    files = {
        "bruno.json": json.dumps({"version": "1", "name": "daas", "type": "collection"}, indent=2),
        "collection.bru": _block("script:pre-request", _SIGN + _BRUNO) + _block("tests", _BRUNO_TEST),
        "environments/daas.bru": f"vars {{\n{variables}}}\n",
    }
    for number, call in enumerate(calls_of(document), 1):
        files[f"{call.folder}/{call.name}.bru"] = _bruno_request(call, number)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # Without the time, so that the same release has the same bytes.
            archive.writestr(zipfile.ZipInfo(f"daas/{name}"), content)
    return packed.getvalue()


def _postman_request(call: Call) -> dict[str, Any]:
    query = [
        {"key": name, "value": value, **({} if required else {"disabled": True})}
        for name, value, required in call.query
    ]
    request: dict[str, Any] = {
        "method": call.method,
        "header": [],
        "url": {
            "raw": "{{url}}" + call.path + _query_of(call),
            "host": ["{{url}}"],
            "path": call.path.split("/")[1:],
            "query": query,
        },
    }
    if call.body is not None:
        request["header"] = [{"key": "Content-Type", "value": _JSON}]
        request["body"] = {"mode": "raw", "raw": call.body, "options": {"raw": {"language": "json"}}}
    return request


def _bruno_request(call: Call, number: int) -> str:
    body = "none" if call.body is None else "json"
    request = f"url: {{{{url}}}}{call.path}{_query_of(call)}\nbody: {body}\nauth: none\n"
    blocks = [_block("meta", f"name: {call.name}\ntype: http\nseq: {number}\n"), _block(call.method.lower(), request)]
    if call.query:
        query = "".join(f"{'' if required else '~'}{name}: {value}\n" for name, value, required in call.query)
        blocks.append(_block("params:query", query))
    if call.body is not None:
        blocks += [_block("headers", f"Content-Type: {_JSON}\n"), _block("body:json", call.body)]
    return "\n".join(blocks)


def _block(name: str, text: str) -> str:
    lines = "".join(f"  {line}".rstrip() + "\n" for line in text.splitlines())
    return f"{name} {{\n{lines}}}\n"


def _query_of(call: Call) -> str:
    required = [(name, value) for name, value, is_required in call.query if is_required]
    return f"?{urlencode(required)}" if required else ""


def _resolve(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    reference = parameter.get("$ref")
    return document["components"]["parameters"][reference.rpartition("/")[2]] if reference else parameter


def _example_of(parameter: dict[str, Any]) -> Any:
    schema = parameter["schema"]
    return schema.get("examples", [schema.get("default", "")])[0]
