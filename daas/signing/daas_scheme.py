"""The `DAAS key:signature` scheme of the Direct message calls."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from .content_type import media_type, without_boundary
from .mechanism import BASE64_OF_HEX, BASE64_OF_RAW, RequestToSign, SigningScheme


def strings_to_sign(request: RequestToSign) -> Sequence[bytes]:
    """Give the strings to sign of a request: the documented one, then the one with the bare media type.

    Method, date, Content-MD5 (left out if it is not sent), content type without its boundary (left out of
    a request without body that sends none) and URI, joined by one newline. Browsers append a charset to
    the content type on their own, so a client there can only sign the bare media type.
    """
    content_type = request.content_type
    if content_type is None:
        return [_join(request, [])]
    documented = without_boundary(content_type)
    bare = media_type(content_type)
    return [_join(request, [text]) for text in dict.fromkeys([documented, bare])]


def content_md5(body: bytes) -> str:
    """Give the Content-MD5 that our own clients send: base64 of the 16 bytes (RFC 1864)."""
    return base64.b64encode(_md5(body).digest()).decode()


def content_md5_matches(header: str, body: bytes) -> bool:
    """Tell whether a Content-MD5 header is that of the body, in any of the forms that clients send.

    These are base64 of the raw 16 bytes, hexadecimal text in either case, and base64 of the lower-case
    hexadecimal text.
    """
    digest = _md5(body)
    hexadecimal = digest.hexdigest()
    sent = header.encode("latin-1")
    return any(
        [
            hmac.compare_digest(sent, base64.b64encode(digest.digest())),
            hmac.compare_digest(sent.lower(), hexadecimal.encode()),
            hmac.compare_digest(sent, base64.b64encode(hexadecimal.encode())),
        ]
    )


DIRECT = SigningScheme(
    words=("DAAS",),
    strings_to_sign=strings_to_sign,
    encodings=(BASE64_OF_HEX, BASE64_OF_RAW),
)


def _join(request: RequestToSign, content_type: list[str]) -> bytes:
    md5 = [] if request.content_md5 is None else [request.content_md5]
    lines = [request.method.upper(), request.date or "", *md5, *content_type, request.uri]
    return "\n".join(lines).encode("latin-1")


def _md5(body: bytes) -> "hashlib._Hash":
    # MD5 is what the documented header holds; what it protects is protected by the HMAC that covers it.
    return hashlib.md5(body, usedforsecurity=False)
