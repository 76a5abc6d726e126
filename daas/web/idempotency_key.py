"""The Idempotency-Key header of a request."""

import re

from ..errors import MalformedIdempotencyKey
from .context import RequestContext

_KEY = re.compile(r"[!-~]{1,128}")


def read_idempotency_key(context: RequestContext) -> str | None:
    """Return the Idempotency-Key, None if none was sent; raise MalformedIdempotencyKey.

    A key sent twice has a space after the comma with which the server joins the two, and so is malformed.
    """
    key = context.header("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _KEY.fullmatch(key):
        raise MalformedIdempotencyKey
    return key
