"""Reads and writes JSON without losing anything: equal names, the order of names, and numbers as they are written.

`json.loads` keeps the last of two equal names and turns `1e2` into 100.0: what a client signed could then not be
written again, and an argument sent twice would look like one. Both APIs read JSON here, and nowhere else.
"""

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

#: How deep an object may nest, itself included.
MAX_DEPTH = 8

# Whatever is between two values, then a string, a bracket that opens, another value, or the end. A string that is never
# closed runs to the end, so that no text is looked at twice.
_NAME_OR_VALUE = re.compile(rb'[^"\[{+.\w-]*+(?:("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[-+.\w]++)|\Z)', re.DOTALL)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_ENCODE_IN_ASCII = json.JSONEncoder(ensure_ascii=True).encode


class JsonNumber(str):
    """A JSON number as it is written; never converted, so that `1.0`, `1e2` and 5,000 digits stay what they are."""

    __slots__ = ()


class JsonObject(list[tuple[str, Any]]):
    """A JSON object: every name with its value, in the order written, equal names too."""

    __slots__ = ()


class JsonError(ValueError):
    """A text that is not one JSON object of bounded depth; `reason` is the name of the error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_object(body: bytes) -> JsonObject:
    """Return the JSON object that a body in UTF-8 is; a byte order mark before it is ignored. Raises JsonError.

    Values are str, JsonNumber, True, False, None, list and JsonObject.
    """
    try:
        value = json.loads(
            without_byte_order_mark(body).decode(),
            object_pairs_hook=JsonObject,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_reject_constant,
        )
    except RecursionError as error:
        raise JsonError("json-too-deep") from error
    except ValueError as error:
        raise JsonError("json-unreadable") from error
    if _is_deeper_than(MAX_DEPTH, value):
        raise JsonError("json-too-deep")
    if not isinstance(value, JsonObject):
        raise JsonError("json-no-object")
    return value


def write_object(value: JsonObject, *, in_ascii: bool) -> str:
    """Return an object as JSON without spaces, every letter as it is or those beyond ASCII as `\\uXXXX`."""
    return _write(value, _ENCODE_IN_ASCII if in_ascii else _ENCODE)


def has_more_values_than(limit: int, body: bytes) -> bool:
    """Return whether a JSON text has more names and values than a limit, without reading on from there."""
    found = itertools.islice(_NAME_OR_VALUE.finditer(body), limit + 1)
    return sum(1 for match in found if match[1]) > limit


def without_byte_order_mark(body: bytes) -> bytes:
    """Return a body without the UTF-8 byte order mark that some programs write before a text."""
    return body.removeprefix(_BYTE_ORDER_MARK)


def _write(value: Any, encode: Callable[[str], str]) -> str:
    if isinstance(value, JsonObject):
        return "{" + ",".join([f"{encode(name)}:{_write(member, encode)}" for name, member in value]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_write(member, encode) for member in value]) + "]"
    return value if isinstance(value, JsonNumber) else encode(value)


def _is_deeper_than(limit: int, value: Any) -> bool:
    """Return whether a value nests deeper, looking at one level after the other."""
    containers = [value] if isinstance(value, list) else []
    for _ in range(limit):
        if not containers:
            return False
        containers = [
            member
            for container in containers
            for member in ([pair[1] for pair in container] if isinstance(container, JsonObject) else container)
            if isinstance(member, list)
        ]
    return bool(containers)


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
