"""The `RCWS key:signature` scheme of the calls for lists and contacts."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from .mechanism import BASE64_OF_RAW, DigestEncoding, RequestToSign, SigningScheme

#: What is signed where nothing is posted: the documented text, then that of a contact's DELETE.
NO_DATA = (b'{"posted_data":"[]"}', b'{"posted_data":"null"}')


def strings_to_sign(request: RequestToSign) -> Sequence[bytes]:
    """Give the strings to sign of a request, ten at most: the one that PHP makes of the documented formula first.

    `METHOD::URL::JSON`, lower-cased as a whole: the letters of ASCII alone, as PHP does, or all letters. The URL is
    the path and the query's pairs, sorted by their names. The JSON is the posted data, a JSON object in the
    request's body (that of a form is made by as_json()), its keys sorted and nothing between its tokens, with `/` as
    `\\/` or plain and other letters as `\\uXXXX` or UTF-8; or the body as it is, if its keys are sorted or it is no
    object. Where nothing is posted it is one of NO_DATA, or the body.
    """
    beginning = f"{request.method}::{_with_sorted_query(request.uri)}::".encode("latin-1")
    texts = [beginning + text for text in _texts_of(request.body)]
    return [*dict.fromkeys(lowered for text in texts for lowered in (text.lower(), _lower_all_letters(text)))]


def as_json(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Give the body that a form's names and values are signed as; equal names stay in their order."""
    return _write(_Object(pairs)).encode()


def is_no_data(body: bytes) -> bool:
    """Tell whether a body posts nothing: it is empty, `[]`, `{}` or one of NO_DATA, whatever blanks are in it."""
    return body.strip() in _EMPTY or _read_object(body) in _NOTHING_POSTED


def _with_sorted_query(uri: str) -> str:
    path, _, query = uri.partition("?")
    pairs = sorted(query.split("&"), key=lambda pair: pair.partition("=")[0])
    return f"{path}?{'&'.join(pairs)}" if query else path


def _texts_of(body: bytes) -> list[bytes]:
    posted = None if body.strip() in _EMPTY else _read_object(body)
    if body.strip() in _EMPTY or posted in _NOTHING_POSTED:
        return [*NO_DATA, *([body] if body else [])]
    if posted is None:
        return [body]
    by_name = _Object(sorted(posted, key=lambda pair: pair[0]))
    plain = _write(by_name)
    texts = [escaped for text in (plain.replace("/", r"\/"), plain) for escaped in (_escape_letters(text), text)]
    return [text.encode("utf-8", "surrogatepass") for text in texts] + ([body] if posted == by_name else [])


class _Object(list[tuple[str, Any]]):
    """A JSON object with every pair that was written, in the order written."""


class _Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


_EMPTY = {b"", b"[]"}
_NOTHING_POSTED = (_Object(), _Object([("posted_data", "[]")]), _Object([("posted_data", "null")]))


def _read_object(body: bytes) -> _Object | None:
    """Read a JSON object; None for anything else, and for one that nests so deep that nobody reads it."""
    try:
        text = body.decode()
        read = json.loads(
            text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
        )
        _write(read)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, _Object) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _write(value: Any) -> str:
    """Write JSON without blanks, letters as they are."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_write(name)}:{_write(member)}" for name, member in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _escape_letters(text: str) -> str:
    return re.sub(r"[^\x00-\x7f]+", lambda letters: json.dumps(letters[0])[1:-1], text)


def _lower_all_letters(text: bytes) -> bytes:
    try:
        return text.decode("utf-8", "surrogatepass").lower().encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return text.lower()


HEX = DigestEncoding("hexadecimal text", lambda digest: digest.hex().encode())
# Compared as texts like every other: what mixes the cases is neither.
HEX_IN_UPPER_CASE = DigestEncoding("hexadecimal text in upper case", lambda digest: digest.hex().upper().encode())

MIGOMAIL = SigningScheme(
    words=("RCWS", "MMWS"),
    strings_to_sign=strings_to_sign,
    encodings=(HEX, HEX_IN_UPPER_CASE, BASE64_OF_RAW),
)
