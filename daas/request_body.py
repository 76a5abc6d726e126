"""Reads the body of a request whole, or says that it did not arrive so.

WSGI servers hand on a body that was cut short as if it were complete, and `id=1812` cut short is `id=181`:
this is the one place that reads a body, and it counts.
"""

import re
import socket
import threading
from contextlib import suppress
from typing import Any

from .errors import BodyNotWhole

# How long and how far the server reads on behind a body that is too large, so that a client that is still
# sending sees the answer instead of a broken pipe.
_READ_ON_SECONDS = 2.0
_READ_ON_BYTES = 4 * 1024 * 1024
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
    too_large = announced is not None and announced > limit
    body = b"" if too_large else _read(environ, limit + 1 if announced is None else announced)
    if too_large or len(body) > limit:
        _read_on(environ, announced)
        return None
    if announced is not None and len(body) < announced:
        raise BodyNotWhole("body-cut-short")
    return body


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


def _read_on(environ: dict[str, Any], announced: int | None) -> None:
    """Read and forget what is still coming, within bounds; a body cut short within them is still said to be."""
    connection: socket.socket | None = environ.get("gunicorn.socket")
    late = threading.Event()

    def stop() -> None:
        late.set()
        if connection:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)

    # A client that sends a drop now and then would outlast any time-out of the socket's own.
    timer = threading.Timer(_READ_ON_SECONDS, stop)
    timer.start()
    seen = 0
    try:
        while seen < _READ_ON_BYTES and (piece := environ["wsgi.input"].read(_STEP)):
            seen += len(piece)
    except Exception as error:
        if not late.is_set():
            raise BodyNotWhole("body-broken") from error
    finally:
        timer.cancel()
    if announced is not None and seen < min(announced, _READ_ON_BYTES) and not late.is_set():
        raise BodyNotWhole("body-cut-short")
