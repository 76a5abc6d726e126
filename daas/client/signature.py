"""Sign requests when they are sent, by httpx or by requests."""

import re
import time
from collections.abc import Generator, MutableMapping
from email.utils import formatdate
from typing import Any, Protocol, TypeVar

import httpx

from ..signing.daas_scheme import DIRECT, content_md5
from ..signing.mechanism import KeyPair, RequestToSign, SigningScheme, sign


class PreparedRequest(Protocol):
    """The used part of a prepared request of the library requests, which need not be installed."""

    method: str | None
    headers: MutableMapping[str, Any]
    body: Any

    @property
    def path_url(self) -> str:
        """The request target: the path, and the query if there is one."""


Prepared = TypeVar("Prepared", bound=PreparedRequest)


class SignatureAuth(httpx.Auth):
    """Sign each request when it is sent: pass it as `auth` to httpx (sync or async) or requests.

    It sets Date, Content-MD5 (unless `content_md5` is false or there is no body) and Authorization. `clock_offset`
    (seconds) is added to this machine's clock. With the scheme of lists and contacts, a posted body must be JSON. Raise
    ValueError for keys that a header cannot contain.
    """

    requires_request_body = True

    def __init__(
        self,
        public_key: str,
        private_key: str,
        *,
        scheme: SigningScheme = DIRECT,
        content_md5: bool = True,
        clock_offset: float = 0,
    ) -> None:
        for name, key in [("public", public_key), ("private", private_key)]:
            if not re.fullmatch(r"[!-9;-~]+", key):
                raise ValueError(f"The {name} key must be printable ASCII characters without colons or spaces.")
        self._keys = KeyPair(public_key, private_key)
        self.scheme = scheme
        self.content_md5 = content_md5
        self.clock_offset = clock_offset

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request of httpx, whose body is already read."""
        target = request.extensions.get("target", request.url.raw_path).decode("latin-1")
        self._sign(request.method, target, request.headers, request.content)
        yield request

    def __call__(self, request: Prepared) -> Prepared:
        """Sign a prepared request of requests and return it; raise TypeError if its body is a stream."""
        body = request.body or b""
        # Encoded here, so that the signed bytes are the bytes that are sent.
        body = body.encode() if isinstance(body, str) else body
        if not isinstance(body, bytes):
            raise TypeError("The body must be bytes or text: a stream cannot be signed.")
        if body:
            request.body = body
        self._sign(request.method or "", request.path_url, request.headers, body)
        return request

    def _sign(self, method: str, uri: str, headers: MutableMapping[str, Any], body: bytes) -> None:
        # If both are sent, the service uses X-Daas-Date instead of Date.
        headers.pop("X-Daas-Date", None)
        headers["Date"] = formatdate(time.time() + self.clock_offset, usegmt=True)
        if self.content_md5 and body:
            headers["Content-MD5"] = content_md5(body)
        to_sign = RequestToSign(
            method, uri, headers["Date"], headers.get("Content-Type"), headers.get("Content-MD5"), body
        )
        headers["Authorization"] = sign(self.scheme, to_sign, self._keys).authorization
