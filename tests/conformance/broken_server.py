"""A server that violates the contract: it changes requests and responses around the app, and uses nothing inside it."""

import base64
import hashlib
import hmac
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

from daas.conformance.target import Target
from daas.signing.mechanism import KeyPair

FORM = "application/x-www-form-urlencoded"

Environ = dict[str, Any]
Pairs = list[tuple[str, str]]


def compact(value: object) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def without_host(target: str) -> str:
    """Return a target without scheme and host, as it is signed."""
    return re.sub(r"^\w+://[^/]*", "", target)


class Answer:
    """A response of the app, which can be changed."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    def become(self, status: int, **parts: Any) -> None:
        """Become another response, with the same request_id."""
        self.status = status
        self.body = compact({"request_id": self.json["request_id"], **parts})


class Request:
    """A request to the app, which can be changed; `memory` is shared by all requests to the server."""

    def __init__(self, environ: Environ, known: Target, memory: dict[str, Any]) -> None:
        self.environ = environ
        self.known = known
        self.memory = memory
        self._body: bytes | None = None

    def __getitem__(self, name: str) -> str | None:
        """Return a header by its name in the environ, such as `HTTP_DATE`."""
        value: str | None = self.environ.get(name)
        return value

    def __setitem__(self, name: str, value: str | None) -> None:
        self.environ.pop(name, None)
        if value is not None:
            self.environ[name] = value

    @property
    def method(self) -> str:
        method: str = self.environ["REQUEST_METHOD"]
        return method

    @property
    def target(self) -> str:
        """The target as on the request line."""
        target: str = self.environ["RAW_URI"]
        return target

    @target.setter
    def target(self, target: str) -> None:
        path, _, query = without_host(target).partition("?")
        self.environ |= {"RAW_URI": target, "REQUEST_URI": target, "QUERY_STRING": query}
        self.environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")

    @property
    def path(self) -> str:
        return without_host(self.target).partition("?")[0]

    @property
    def body(self) -> bytes:
        """The body, or the part of it that arrived."""
        if self._body is None:
            size = -1 if self.environ.get("wsgi.input_terminated") else int(self["CONTENT_LENGTH"] or 0)
            self._body = self.environ["wsgi.input"].read(size)
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body
        self["HTTP_TRANSFER_ENCODING"] = None
        self.environ["wsgi.input_terminated"] = False
        self["CONTENT_LENGTH"] = str(len(body))

    @property
    def signature(self) -> str:
        return (self["HTTP_AUTHORIZATION"] or "").strip().rpartition(":")[2]

    @property
    def public_key(self) -> str:
        return (self["HTTP_AUTHORIZATION"] or "").strip().rpartition(":")[0].rpartition(" ")[2]

    @property
    def keys(self) -> KeyPair | None:
        """The key pair that the Authorization header names; None if the kit does not know it."""
        known = (self.known.granted, self.known.refused, self.known.other)
        return next((keys for keys in known if keys and keys.public_key == self.public_key), None)

    def hashes(self, strings: Iterable[str]) -> list[bytes]:
        """Return the hash of each string under the application's private key; none for an unknown one."""
        keys = self.keys
        if keys is None:
            return []
        return [hmac.digest(keys.private_key.encode(), string.encode("latin-1"), "sha256") for string in strings]

    def deny(self) -> None:
        """Remove the signature from the request."""
        self["HTTP_AUTHORIZATION"] = ""


class DirectRequest(Request):
    """A request of the API for Direct messages."""

    @property
    def date(self) -> str:
        return self[self.date_header] or ""

    @property
    def date_header(self) -> str:
        return "HTTP_X_DAAS_DATE" if "HTTP_X_DAAS_DATE" in self.environ else "HTTP_DATE"

    @property
    def media_type(self) -> str:
        return (self["CONTENT_TYPE"] or "").partition(";")[0].strip()

    @property
    def documented_type(self) -> str | None:
        """The content type without its boundary; None if there is none."""
        content_type = self["CONTENT_TYPE"] or None
        return content_type and re.sub(r'[ \t]*;[ \t]*boundary=("[^"]*"|[^;]*)', "", content_type, flags=re.IGNORECASE)

    def string(self, **changed: str | None) -> str:
        """Return the string to sign, with parts changed: `method`, `date`, `md5`, `content_type`, `uri`."""
        parts = {
            "method": self.method,
            "date": self.date,
            "md5": self["HTTP_CONTENT_MD5"],
            "content_type": self.documented_type,
            "uri": without_host(self.target),
            **changed,
        }
        return "\n".join(part for part in parts.values() if part is not None)

    def strings(self, **changed: str | None) -> list[str]:
        """Return the documented string to sign and that of browsers."""
        return [self.string(**changed), self.string(**{"content_type": self.media_type or None, **changed})]

    def is_signed_for(self, strings: Iterable[str]) -> bool:
        """Return whether the signature is one of the two accepted texts for one of the strings."""
        texts = [text for digest in self.hashes(strings) for text in (digest.hex().encode(), digest)]
        return self.signature in {base64.b64encode(text).decode() for text in texts}

    @property
    def is_well_signed(self) -> bool:
        return self.is_signed_for(self.strings())

    def sign(self) -> None:
        """Sign the request as it is now, if the application is known."""
        for digest in self.hashes([self.string()]):
            self["HTTP_AUTHORIZATION"] = f"DAAS {self.public_key}:{base64.b64encode(digest.hex().encode()).decode()}"

    def set_date(self, date: str) -> None:
        """Change the date of a well-signed request."""
        if self.is_well_signed and date != self.date:
            self[self.date_header] = date
            self.sign()

    def set_md5(self, md5: str | None) -> None:
        """Change the Content-MD5 of a well-signed request."""
        if self.is_well_signed and md5 != self["HTTP_CONTENT_MD5"]:
            self["HTTP_CONTENT_MD5"] = md5
            self.sign()

    def set_type(self, content_type: str) -> None:
        """Change the content type of a well-signed request."""
        if self.is_well_signed:
            self["CONTENT_TYPE"] = content_type
            self.sign()

    @property
    def right_md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.body, usedforsecurity=False).digest()).decode()

    @property
    def pairs(self) -> Pairs:
        """The arguments of the body, read leniently; raises ValueError if it cannot be read."""
        kind = self.media_type.lower()
        if kind == "application/json":
            pairs = json.loads(self.body, object_pairs_hook=lambda pairs: pairs, parse_int=str, parse_float=str)
            return [(name, value) for name, value in pairs if isinstance(value, str)]
        if kind == "multipart/form-data":
            return re.findall(r'name="(\w+)"[^\n]*\r\n\r\n(.*?)\r\n--', self.body.decode("latin-1"), re.DOTALL)
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def argument(self, name: str) -> str:
        """Return an argument, or an empty text."""
        try:
            return dict(self.pairs).get(name, "")
        except (ValueError, TypeError):
            return ""

    def set_pairs(self, pairs: Pairs) -> None:
        """Send other arguments, as a form."""
        if self.is_well_signed:
            self.body = urlencode(pairs).encode()
            self["CONTENT_TYPE"] = FORM
            if self["HTTP_CONTENT_MD5"] is not None:
                self["HTTP_CONTENT_MD5"] = self.right_md5
            self.sign()

    def change_values(self, change: Callable[[str, str], str]) -> None:
        """Change the values of the arguments of a body that can be read, by their names."""
        try:
            pairs = self.pairs
        except (ValueError, TypeError):
            return
        if (changed := [(name, change(name.lower(), value)) for name, value in pairs]) != pairs:
            self.set_pairs(changed)


class ListsRequest(Request):
    """A request of the API for lists and contacts."""

    def string(self, *, method: str | None = None, is_sorted: bool = True) -> str:
        """Return the string that PHP signs, before it is lower-cased."""
        path, _, query = self.target.partition("?")
        pairs = sorted(query.split("&"), key=lambda pair: pair.partition("=")[0]) if is_sorted else query.split("&")
        uri = f"{path}?{'&'.join(pairs)}" if query else path
        return f"{method or self.method}::{uri}::{self._text}"

    @property
    def _text(self) -> str:
        """Return the text that PHP signs for the body; the body itself if it is neither JSON nor a form."""
        body = self.body.strip()
        if body in {b"", b"[]"}:
            return '{"posted_data":"[]"}'
        try:
            posted = json.loads(body) if body.startswith(b"{") else dict(parse_qsl(body.decode(), strict_parsing=True))
        except ValueError:
            return self.body.decode("latin-1")
        return json.dumps(posted, sort_keys=True, separators=(",", ":")).replace("/", r"\/")

    def is_signed_for(self, string: str) -> bool:
        """Return whether the signature is the lower-case hexadecimal text of the hash of a string."""
        return self.signature in {digest.hex() for digest in self.hashes([string])}

    def sign(self, keys: KeyPair | None = None) -> None:
        """Sign the request as it is now, like PHP; for another application if its keys are given."""
        if keys is not None:
            self["HTTP_AUTHORIZATION"] = f"RCWS {keys.public_key}:"
        for digest in self.hashes([self.string().lower()]):
            self["HTTP_AUTHORIZATION"] = f"RCWS {self.public_key}:{digest.hex()}"


Serve = Callable[[Any], Answer]


@dataclass(frozen=True)
class Broken:
    """A way to break the server, and the ids of the cases made for it."""

    break_: Callable[[Any, Serve], Answer]
    cases: tuple[str, ...]


class BrokenServers(dict[str, Broken]):
    """The ways to break the server, by name; `kind` is the type of request that their functions take."""

    def __init__(self, kind: type[Request]) -> None:
        super().__init__()
        self.kind = kind

    def around(self, *cases: str) -> Callable[[Callable[[Any, Serve], Answer]], None]:
        """Register a function that responds itself; its `serve` calls the app."""

        def note(break_: Callable[[Any, Serve], Answer]) -> None:
            self[break_.__name__.replace("_", " ")] = Broken(break_, cases)

        return note

    def before(self, *cases: str) -> Callable[[Callable[[Any], object]], None]:
        """Register a function that changes each request before the app gets it."""

        def note(change: Callable[[Any], object]) -> None:
            def break_(request: Any, serve: Serve) -> Answer:
                change(request)
                return serve(request)

            self[change.__name__.replace("_", " ")] = Broken(break_, cases)

        return note

    def after(self, *cases: str) -> Callable[[Callable[[Any, Answer], object]], None]:
        """Register a function that changes each response of the app."""

        def note(change: Callable[[Any, Answer], object]) -> None:
            def break_(request: Any, serve: Serve) -> Answer:
                response = serve(request)
                change(request, response)
                return response

            self[change.__name__.replace("_", " ")] = Broken(break_, cases)

        return note

    def wrap(self, app: Any, known: Target, broken: Broken) -> Any:
        """Return the WSGI application of a broken server."""
        memory: dict[str, Any] = {}

        def serve(request: Request) -> Answer:
            environ = {**request.environ, "wsgi.input": io.BytesIO(request.body)}
            chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
            return Answer(int(status.split(" ")[0]), headers, b"".join(chunks))

        def wrapped(environ: Environ, start_response: Any) -> list[bytes]:
            response = broken.break_(self.kind(environ, known, memory), serve)
            response.headers["Content-Length"] = str(len(response.body))
            start_response(f"{response.status} X", list(response.headers))
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

        return wrapped
