"""The `DAAS key:signature` scheme of the Direct message calls."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from .content_type import media_type, without_boundary
from .mechanism import BASE64_OF_HEX, BASE64_OF_RAW, RequestToSign, SigningScheme


def strings_to_sign(request: RequestToSign) -> Sequence[bytes]:
    """Return every string to sign that is accepted for a request, the documented one first.

    Method, date, Content-MD5 (left out if it is not sent), content type without its boundary (left out if it is not
    sent) and URI, joined by newlines, in Latin-1: one byte for each character of a header. Browsers differ in two
    ways, and what they sign is accepted too:

    - They append a charset to the content type on their own, so that a client can only sign the bare media type.
    - They send a header as Latin-1, but sign its text as UTF-8; only the name of a zone in a date has such letters.
    """
    dates = [(request.date or "").encode("latin-1"), (request.date or "").encode()]
    sent = request.content_type
    content_types: list[str | None] = [without_boundary(sent), media_type(sent)] if sent else [sent]
    if sent == "" and request.method.upper() != "GET":
        # Rejected anyway, as a missing content type; so that this can be said, the line may be left out too.
        content_types.append(None)
    return [*dict.fromkeys(_join(request, date, content_type) for date in dates for content_type in content_types)]


def content_md5(body: bytes) -> str:
    """Return the Content-MD5 that our own clients send: base64 of the 16 bytes (RFC 1864)."""
    return base64.b64encode(_md5(body).digest()).decode()


def content_md5_matches(header: str, body: bytes) -> bool:
    """Return whether a Content-MD5 header is that of the body, in any of the forms that clients send.

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


def _join(request: RequestToSign, date: bytes, content_type: str | None) -> bytes:
    optional = [line.encode("latin-1") for line in (request.content_md5, content_type) if line is not None]
    return b"\n".join([request.method.upper().encode("latin-1"), date, *optional, request.uri.encode("latin-1")])


def _md5(body: bytes) -> "hashlib._Hash":
    # The documented header is MD5; its value is itself protected, by the HMAC that covers it.
    return hashlib.md5(body, usedforsecurity=False)
