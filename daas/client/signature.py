"""Signs requests at the moment they are sent, whichever library sends them."""

import re
import time
from collections.abc import Generator, MutableMapping
from email.utils import formatdate
from typing import Any, Protocol, TypeVar

import httpx

from ..signing.daas_scheme import DIRECT, content_md5
from ..signing.mechanism import KeyPair, RequestToSign, SigningScheme, sign


class PreparedRequest(Protocol):
    """What is used of a request of the library `requests`, which need not be installed."""

    method: str | None
    headers: MutableMapping[str, Any]
    body: Any

    @property
    def path_url(self) -> str:
        """The target: the path and, if there is one, the query."""


Prepared = TypeVar("Prepared", bound=PreparedRequest)


class SignatureAuth(httpx.Auth):
    """Signs each request as it is sent: the `auth` of a call or a client of httpx, sync or async, or of requests.

    Sets Date, Content-MD5 of the body (unless `content_md5` is false or there is none) and Authorization.
    `clock_offset` is added to this machine's clock, in seconds. What is posted to lists and contacts, with `scheme`
    MIGOMAIL, has to be JSON. Raises ValueError for keys that no header
    can hold.
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
                raise ValueError(f"The {name} key must be printable ASCII characters, no colon or blank.")
        self._keys = KeyPair(public_key, private_key)
        self.scheme = scheme
        self.content_md5 = content_md5
        self.clock_offset = clock_offset

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request of httpx, which has read its body."""
        target = request.extensions.get("target", request.url.raw_path).decode("latin-1")
        self._sign(request.method, target, request.headers, request.content)
        yield request

    def __call__(self, request: Prepared) -> Prepared:
        """Sign a request of requests; raises TypeError if its body is a stream, which nothing has read yet."""
        body = request.body or b""
        # Encoded here, so that what is signed is what is sent.
        body = body.encode() if isinstance(body, str) else body
        if not isinstance(body, bytes):
            raise TypeError("A body is signed as a whole: give it as bytes or text, not as a stream.")
        if body:
            request.body = body
        self._sign(request.method or "", request.path_url, request.headers, body)
        return request

    def _sign(self, method: str, uri: str, headers: MutableMapping[str, Any], body: bytes) -> None:
        # Where both are sent, it would count instead of the Date.
        headers.pop("X-Daas-Date", None)
        headers["Date"] = formatdate(time.time() + self.clock_offset, usegmt=True)
        if self.content_md5 and body:
            headers["Content-MD5"] = content_md5(body)
        to_sign = RequestToSign(
            method, uri, headers["Date"], headers.get("Content-Type"), headers.get("Content-MD5"), body
        )
        headers["Authorization"] = sign(self.scheme, to_sign, self._keys).authorization
