"""Read the body of a request as a whole, or report that it did not arrive as a whole.

WSGI servers pass on a body that was cut short as if it were complete, and `id=1812` cut short is `id=181`. This module
is the only one that reads a body, and it counts the bytes.
"""

import re
from typing import Any
from urllib.parse import unquote

from ..errors import BodyNotWhole
from ..reasons import Reason

# A body over the limit is still read, and thrown away: so it can be seen whether it is complete, and a client that
# sends all of it before it reads sees the 413 instead of a broken connection. This many times the limit are read; fewer
# of chunks, because each chunk costs the server work, however small it is.
_MAX_READ = 64
_MAX_READ_IN_CHUNKS = 6
# A length with more digits is more than any machine can hold.
_MAX_LENGTH_DIGITS = 18
_STEP = 64 * 1024


def target_of(environ: dict[str, Any]) -> str:
    """Return the path and query of a request as on the request line, without scheme and host."""
    target: str = environ.get("RAW_URI", "")
    return re.sub(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", target)


def path_of(environ: dict[str, Any]) -> str:
    """Return the path of a request, decoded except escaped slashes: those do not separate segments."""
    path = target_of(environ).partition("?")[0]
    return "%2F".join(map(unquote, re.split("%2f", path, flags=re.IGNORECASE))) if "%" in path else path


def read_whole_body(environ: dict[str, Any], limit: int) -> bytes | None:
    """Return the body that a request announces, by its length or in chunks; None if it has more than `limit` bytes.

    Raises BodyNotWhole if it ends before its announced end or its chunks are broken.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        body, size = _read(environ, limit, limit * _MAX_READ_IN_CHUNKS)
        return body if size <= limit else None
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch(r"[0-9]+", length):
        raise BodyNotWhole(Reason.CONTENT_LENGTH_MALFORMED)
    announced = int(length.lstrip("0")[:_MAX_LENGTH_DIGITS] or 0)
    if announced > limit * _MAX_READ:
        return None
    body, size = _read(environ, limit, announced)
    if size < announced:
        raise BodyNotWhole(Reason.BODY_CUT_SHORT)
    return body if size <= limit else None


def _read(environ: dict[str, Any], limit: int, most: int) -> tuple[bytes, int]:
    """Read at most `most` bytes; return what was read until `limit` was passed, and how many bytes there were."""
    pieces, size = [], 0
    while size < most:
        try:
            piece = environ["wsgi.input"].read(min(most - size, _STEP))
        except Exception as error:  # Each server has its own exceptions for broken chunks and lost clients.
            raise BodyNotWhole(Reason.BODY_BROKEN) from error
        if not piece:
            break
        if size <= limit:
            pieces.append(piece)
        size += len(piece)
    return b"".join(pieces), size
