"""Reads the body of a request whole, or says that it did not arrive so.

WSGI servers hand on a body that was cut short as if it were complete, and `id=1812` cut short is `id=181`:
this is the one place that reads a body, and it counts.
"""

import re
from typing import Any

from ..errors import BodyNotWhole

#: A body that is larger than allowed is still read to its end, to see that it has one, up to so many times the limit.
LARGEST_READ = 6
# More digits than these are a body that no machine holds.
_LONGEST_LENGTH = 18
_STEP = 64 * 1024


def read_whole_body(environ: dict[str, Any], limit: int) -> bytes | None:
    """Read the body that a request announces, by its length or in chunks; None if it has more than `limit` bytes.

    Raises BodyNotWhole if it ends before its announced end or its chunks are broken.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        announced = None
    else:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not re.fullmatch(r"[0-9]+", length):
            raise BodyNotWhole("content-length-malformed")
        announced = int(length.lstrip("0")[:_LONGEST_LENGTH] or 0)
    if announced is not None and announced > limit * LARGEST_READ:
        return None
    body = _read(environ, limit * LARGEST_READ if announced is None else announced)
    if announced is not None and len(body) < announced:
        raise BodyNotWhole("body-cut-short")
    return body if len(body) <= limit else None


def _read(environ: dict[str, Any], size: int) -> bytes:
    pieces = []
    while size > 0:
        try:
            piece = environ["wsgi.input"].read(min(size, _STEP))
        except Exception as error:  # Each server has its own exceptions for broken chunks and lost clients.
            raise BodyNotWhole("body-broken") from error
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
