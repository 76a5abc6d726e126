"""The `RCWS key:signature` scheme of the API for lists and contacts."""

from collections.abc import Sequence

from .json_pairs import (
    JsonError,
    JsonObject,
    has_more_values_than,
    read_object,
    without_byte_order_mark,
    write_object,
)
from .mechanism import BASE64_OF_RAW, DigestEncoding, RequestToSign, SigningScheme

#: What is signed where nothing is posted: the documented text, then that of a contact's DELETE.
NO_DATA = (b'{"posted_data":"[]"}', b'{"posted_data":"null"}')

# Strings to sign are made before it is known who asks, so that the work for them is bounded: a body beyond these limits
# is accepted only as it is sent.
#: How many names and values a body may have; a contact has twelve fields.
MAX_VALUES = 256
#: How many bytes of JSON, if there are letters beyond ASCII in it, which are written and lower-cased in many ways. The
#: fields of a contact have 9,180 in the longest script.
MAX_BYTES_OF_LETTERS = 16_384

_NOTHING_POSTED = (JsonObject(), JsonObject([("posted_data", "[]")]), JsonObject([("posted_data", "null")]))


def strings_to_sign(request: RequestToSign) -> Sequence[bytes]:
    """Return every string to sign that is accepted for a request, the one that PHP makes of the formula first.

    `METHOD::URL::JSON`, lower-cased as a whole. The URL is the path and the query's pairs, sorted by their names. The
    JSON is what is posted: an object with its names sorted and no spaces, `/` as `\\/` or plain, letters beyond ASCII
    as `\\uXXXX` or in UTF-8; or the body as it is sent, if its names are sorted or it is no such object. If nothing is
    posted it is one of NO_DATA, or the body. _lower() has the ways to lower-case.
    """
    # Letters beyond ASCII have no place in a URL: the line of a request is ASCII.
    beginning = f"{request.method}::{_with_sorted_query(request.uri)}::".encode("latin-1").lower()
    written, as_sent = _json_texts(request)
    plain = [lowered for text in written for lowered in _lower(text)]
    escaped = [text.replace(b"/", rb"\/") for text in plain if b"/" in text]
    sent = [lowered for text in as_sent for lowered in _lower(text)]
    return [beginning + text for text in [*escaped, *plain, *sent]]


def read_posted(body: bytes) -> JsonObject | None:
    """Return the JSON object in a body; None if it is none, or has more than MAX_VALUES names and values."""
    if has_more_values_than(MAX_VALUES, body):
        return None
    try:
        return read_object(body)
    except JsonError:
        return None


def is_no_data(body: bytes, posted: JsonObject | None) -> bool:
    """Return whether a request posts nothing: an empty body, `[]`, `{}` or one of NO_DATA, with any spaces in it.

    `body` has no byte order mark, and `posted` is the object that it holds, if it holds one.
    """
    return body.strip() in {b"", b"[]"} or posted in _NOTHING_POSTED


def _with_sorted_query(uri: str) -> str:
    path, _, query = uri.partition("?")
    pairs = query.split("&")
    names = [pair.partition("=")[0] for pair in pairs]
    by_name = sorted(range(len(pairs)), key=names.__getitem__)
    return f"{path}?{'&'.join([pairs[place] for place in by_name])}" if query else path


def _json_texts(request: RequestToSign) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return the JSON of a request as it may be written, every `/` plain, and the body as it is sent."""
    body = without_byte_order_mark(request.body)
    posted = read_posted(body) if request.form is None else request.form
    if is_no_data(body, posted):
        return NO_DATA, [body] if body and body not in NO_DATA else []
    if posted is None:
        return [], [body]
    by_name = JsonObject(sorted(posted, key=lambda pair: pair[0]))
    written = [write_object(by_name, in_ascii=False).encode("utf-8", "surrogatepass")]
    if b"\x7f" in written[0] and written[0].isascii():
        # Python escapes DEL too.
        written.append(write_object(by_name, in_ascii=True).encode())
    if not written[0].isascii():
        if len(written[0]) > MAX_BYTES_OF_LETTERS:
            return [], [body]
        written.insert(0, write_object(by_name, in_ascii=True).encode())
    is_sorted = request.form is None and posted == by_name
    return written, [body] if is_sorted and body not in written else []


def _lower(text: bytes) -> Sequence[bytes]:
    """Return a text in small letters, in each way that programming languages do it, where the ways differ.

    PHP 8's `strtolower` lowers the letters of ASCII only. JavaScript, Java and Python lower every letter, a capital
    sigma by its place: at the end of a word it becomes the final one. Ruby, Perl, C# and PHP's `mb_strtolower` before
    8.3 lower each letter by itself. So does Go, and to one character each: a dotted capital I becomes a plain i.
    """
    if text.isascii():
        return [text.lower()]
    try:
        letters = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return [text.lower()]
    ways = [letters]
    if "\N{GREEK CAPITAL LETTER SIGMA}" in letters:
        ways.append(letters.replace("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}"))
    if "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" in letters:
        ways.append(ways[-1].replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i"))
    lowered = dict.fromkeys(way.lower() for way in ways)
    return [text.lower(), *(way.encode("utf-8", "surrogatepass") for way in lowered)]


HEX = DigestEncoding("hexadecimal text", lambda digest: digest.hex().encode())
# Compared as texts like all others: a text that mixes the cases is neither.
HEX_IN_UPPER_CASE = DigestEncoding("hexadecimal text in upper case", lambda digest: digest.hex().upper().encode())

RCWS = SigningScheme(
    words=("RCWS", "MMWS"),
    strings_to_sign=strings_to_sign,
    encodings=(HEX, HEX_IN_UPPER_CASE, BASE64_OF_RAW),
)
