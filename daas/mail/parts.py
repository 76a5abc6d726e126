"""Finds the parts of a message (MIME, RFC 2045 and 2046) and decodes them.

A part is a leaf of the message's tree, numbered as IMAP's BODY numbers it (RFC 9051, 6.4.5); message/rfc822 is a leaf.
The email package is not used for this: its parser recurses without a limit, keeps each line as an object, compares each
line with the boundary of each level, and ends a header at its first broken line. Here a boundary is looked for in the
message's bytes, and a budget bounds the work for any message.
"""

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .charsets import decode_labelled
from .header import decode_words, ends_lines_in_cr, find_header

#: The most parts of a message; further ones are not found.
MAX_PARTS = 1000
#: The characters of a message's text that are shown.
MAX_TEXT = 65_536
#: The characters of a file name that are kept.
MAX_NAME = 255

# A multipart that is nested deeper is itself a part.
_MAX_DEPTH = 100
# In the header of a part no more is looked at.
_MAX_HEADER_BYTES = 1_048_576
_MAX_VALUE_BYTES = 8_192
# The work for a message, in bytes searched; then the part that was begun is the last. Each line that looks like a
# delimiter counts as many bytes as could be searched in its time.
_MAX_SEARCHED = 2_000_000_000
_DELIMITER_COST = 1_000
# Bytes that hold MAX_TEXT characters in any charset, even if all are line ends of four-byte characters.
_MAX_TEXT_BYTES = 8 * MAX_TEXT


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message: what its header declares, and where its encoded bytes are in the message.

    `number` is IMAP's, such as `2.1`. `type` is in lower case; `name` is clean_name() of the file name. `is_attachment`
    is whether it has a file name, or the disposition `attachment`.
    """

    number: str
    type: str
    name: str
    charset: str
    encoding: str
    is_attachment: bool
    start: int
    end: int


def find_parts(raw: bytes) -> list[Part]:
    """Return the parts of a message, at least one and at most MAX_PARTS, whatever its bytes are.

    A multipart without a boundary, without parts, or nested too deep is itself a part.
    """
    finder = _PartFinder(raw)
    finder.find(find_header(raw), len(raw), "", "text/plain", 0)
    return finder.parts


def count_attachments(raw: bytes) -> int:
    """Return how many parts of a message have a file name, or the disposition `attachment`."""
    return sum(part.is_attachment for part in find_parts(raw))


def decode_part(raw: bytes, part: Part) -> bytes:
    """Return the bytes of a part without its transfer encoding: what a mail program saves.

    A wrong character of base64 is ignored, and padding ends it. An unknown encoding leaves the bytes as they are.
    """
    with memoryview(raw)[part.start : part.end] as encoded:
        return _DECODERS.get(part.encoding, bytes)(encoded)


def read_text(raw: bytes, parts: list[Part]) -> tuple[str, bool]:
    """Return the message's text, with LF as line ends, and whether it was cut to MAX_TEXT characters.

    It is the first part of the type text/plain that is no attachment; without one it is empty.
    """
    for part in parts:
        if part.type == "text/plain" and not part.is_attachment:
            content = decode_part(raw, part)
            text = decode_labelled(content[:_MAX_TEXT_BYTES], part.charset)
            text = _NOT_UNICODE.sub("\ufffd", _LINE_END.sub("\n", text))
            return text[:MAX_TEXT], len(text) > MAX_TEXT or len(content) > _MAX_TEXT_BYTES
    return "", False


def clean_name(text: str) -> str:
    """Return the last component of a file's path, `/` and `\\` parting it, without characters that mislead.

    Each unprintable or bidirectional control character is U+FFFD, and at most MAX_NAME characters are kept. `.` and
    `..` are no names.
    """
    name = clean_path(re.split(r"[/\\]", text.strip().rstrip("/\\"))[-1]).strip()
    return "" if name in (".", "..") else name[:MAX_NAME]


def clean_path(text: str) -> str:
    """Return a text with U+FFFD for each unprintable or bidirectional control character."""
    return "".join(char if _is_shown(char) else "\ufffd" for char in text)


def _is_shown(char: str) -> bool:
    # Words of Persian and of Indian languages need the joiners.
    return char.isprintable() or char in "\u200c\u200d" or unicodedata.category(char) == "Zs"


_NOT_UNICODE = re.compile(r"[\ud800-\udfff]")
_LINE_END = re.compile(r"\r*\n|\r")


class _PartFinder:
    """Finds the parts of one message, within one budget."""

    def __init__(self, raw: bytes) -> None:
        self.parts: list[Part] = []
        self._raw = raw
        self._line_end = b"\r" if ends_lines_in_cr(raw, find_header(raw)) else b"\n"
        self._budget = _MAX_SEARCHED

    def find(self, start: int, end: int, number: str, default_type: str, depth: int) -> None:
        """Add the parts of an entity, which begins with its header, to `parts`; `number` is empty for the message."""
        header, body = self._split_header(start, end, is_message=not number)
        fields = _read_fields(header)
        type_text, parameters = _read_value(fields.get(b"type", b""))
        media_type = type_text if _MEDIA_TYPE.fullmatch(type_text) else default_type if not type_text else "text/plain"
        boundary = parameters.get("boundary", b"").rstrip()
        if media_type.startswith("multipart/") and boundary and depth < _MAX_DEPTH:
            child_type = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
            children = 0
            for child_start, child_end in self._split_multipart(body, end, boundary):
                if len(self.parts) == MAX_PARTS:
                    return
                children += 1
                child = f"{number}.{children}" if number else str(children)
                self.find(child_start, child_end, child, child_type, depth + 1)
            if children:
                return
        disposition, of_disposition = _read_value(fields.get(b"disposition", b""))
        name = _decode_parameter(of_disposition, "filename") or _decode_parameter(parameters, "name")
        self.parts.append(
            Part(
                number or "1",
                media_type,
                clean_name(name),
                parameters.get("charset", b"").decode("ascii", "replace"),
                _read_value(fields.get(b"transfer-encoding", b""))[0],
                bool(name.strip()) or disposition == "attachment",
                body,
                end,
            )
        )

    def _split_header(self, start: int, end: int, *, is_message: bool) -> tuple[bytes, int]:
        """Return the header of an entity, with LF as line ends, and where its body begins.

        The header ends at an empty line, and before that at a line that is no field, if no field follows it that could
        matter: programs forget the empty line, or break a line of the header.
        """
        raw, line_end = self._raw, self._line_end
        empty_line = _EMPTY_LINE[line_end].match(raw, start, end) or _AFTER_LINE[line_end].search(raw, start, end)
        header_end, body = (empty_line.start(), empty_line.end()) if empty_line else (end, end)
        cut = min(header_end, start + _MAX_HEADER_BYTES)
        header = raw[start:cut]
        fields = _FIELDS[line_end].match(header)
        good = fields.end() if fields else 0
        if good < len(header) and cut == header_end:
            later = _ANY_FIELD if is_message else _CONTENT_FIELD
            if not later.search(header.replace(b"\r", b"\n"), good):
                header, body = header[:good], start + good
        return header.replace(b"\r", b"\n" if line_end == b"\r" else b""), body

    def _split_multipart(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """Yield where each part of a multipart begins and ends, with its header and without its delimiters."""
        raw, line_end = self._raw, self._line_end
        delimiter = b"--" + boundary
        sought = line_end + delimiter
        part_start: int | None = None
        # The first delimiter may follow the header at once.
        place = start - 1 if raw.startswith(delimiter, start) else self._search(sought, start, end)
        while place >= 0:
            rest = _AFTER_DELIMITER[line_end].match(raw, place + len(sought), end)
            if rest is None:
                place = self._search(sought, place + len(sought), end)
                continue
            if part_start is not None and (before := self._before_line_end(place, part_start)) >= part_start:
                yield part_start, before
            part_start = rest.end()
            if rest[1]:
                return
            # The end of the delimiter's line can be the beginning of the next delimiter.
            place = self._search(sought, max(part_start - 1, place + 1), end)
        if part_start is not None:
            yield part_start, end

    def _search(self, sought: bytes, start: int, end: int) -> int:
        """Return where bytes occur in a range; -1 if they do not, or if the work is no longer worth it."""
        if self._budget <= 0:
            return -1
        place = self._raw.find(sought, start, end)
        self._budget -= (end if place < 0 else place) - start + _DELIMITER_COST
        return place

    def _before_line_end(self, place: int, start: int) -> int:
        """Return where the line end that begins a delimiter begins: it belongs to the delimiter (RFC 2046, 5.1.1)."""
        if self._line_end == b"\n" and place > start and self._raw[place - 1] == 0x0D:
            return place - 1
        return place


_AFTER_DELIMITER = {
    b"\n": re.compile(rb"(--)?+[ \t\r]*+(?:\n|\Z)"),
    b"\r": re.compile(rb"(--)?+[ \t]*+(?:\r\n?|\n|\Z)"),
}
_EMPTY_LINE = {b"\n": re.compile(rb"\r*+\n"), b"\r": re.compile(rb"\r\n?|\n")}
_AFTER_LINE = {b"\n": re.compile(rb"\n\r*+\n"), b"\r": re.compile(rb"(?:\r\n?|\n)(?:\r\n?|\n)")}
# The lines of a header up to the first that is neither a field nor folded to one.
_FIELDS = {
    b"\n": re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+(?:\n|\Z)(?:[ \t][^\n]*+(?:\n|\Z))*+)*+"),
    b"\r": re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\r]*+(?:\r|\Z)(?:[ \t][^\r]*+(?:\r|\Z))*+)*+"),
}
_ANY_FIELD = re.compile(rb"^[!-9;-~]++[ \t]*+:", re.MULTILINE)
_CONTENT_FIELD = re.compile(
    rb"^content-(type|disposition|transfer-encoding)[ \t]*+:((?:[^\n]*+\n[ \t])*+[^\n]*+)", re.IGNORECASE | re.MULTILINE
)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")


def _read_fields(header: bytes) -> dict[bytes, bytes]:
    """Return the Content- fields of a header, unfolded and cut, by their names without `Content-`; the first counts."""
    fields: dict[bytes, bytes] = {}
    for field in _CONTENT_FIELD.finditer(header):
        fields.setdefault(field[1].lower(), field[2][:_MAX_VALUE_BYTES].replace(b"\n", b"").replace(b"\t", b" "))
    return fields


# A parameter's value is quoted, or ends at a semicolon. A quote may be missing at its end.
_PARAMETER = re.compile(rb""";[ ]*+([^\s=;"]++)[ ]*+=[ ]*+(?:"((?:[^"\\]|\\.)*+)|([^;]*+))""", re.DOTALL)
_QUOTED_CHARACTER = re.compile(rb'\\(["\\])')
_MAX_CONTINUATIONS = 1000


def _read_value(value: bytes) -> tuple[str, Mapping[str, bytes]]:
    """Return the first word of a field, in lower case, and its parameters; of repeated ones the first counts."""
    word, semicolon, rest = value.partition(b";")
    parameters: dict[str, bytes] = {}
    for parameter in _PARAMETER.finditer(semicolon + rest):
        quoted = parameter[2]
        # Without quotes, a comment can follow.
        text = parameter[3].partition(b" (")[0].strip() if quoted is None else _QUOTED_CHARACTER.sub(rb"\1", quoted)
        parameters.setdefault(parameter[1].lower().decode("latin-1"), text)
    return word.partition(b"(")[0].strip().lower().decode("ascii", "replace"), parameters


def _decode_parameter(parameters: Mapping[str, bytes], name: str) -> str:
    """Return a parameter's text: by RFC 2231, else with the encoded words that programs use instead."""
    whole = parameters.get(f"{name}*")
    pieces = [*_continuations(parameters, name)] if whole is None else [(whole, True)]
    if not pieces:
        return decode_words(parameters.get(name, b""))
    charset = b""
    first, is_encoded = pieces[0]
    if is_encoded and first.count(b"'") >= 2:
        charset, _, first = first.split(b"'", 2)
        pieces[0] = first, True
    text = b"".join(unquote_to_bytes(piece) if is_encoded else piece for piece, is_encoded in pieces)
    return decode_labelled(text, charset.decode("ascii", "replace"))


def _continuations(parameters: Mapping[str, bytes], name: str) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces of a parameter (`name*0`, `name*1*`), and whether each is encoded (RFC 2231, 3 and 4.1)."""
    for place in range(_MAX_CONTINUATIONS):
        encoded, plain = parameters.get(f"{name}*{place}*"), parameters.get(f"{name}*{place}")
        if encoded is not None:
            yield encoded, True
        elif plain is not None:
            yield plain, False
        else:
            return


def _decode_base64(encoded: memoryview) -> bytes:
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        # The end is missing, and no padding was at an end. Of one digit alone, nothing can be decoded.
        digits = _NOT_BASE64.sub(b"", encoded)
        return binascii.a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + b"==")


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def _decode_uu(encoded: memoryview) -> bytes:
    """Return the bytes of the first file in a part (uuencode); without one, the part as it is."""
    lines = bytes(encoded).splitlines()
    first = next((place for place, line in enumerate(lines) if _UU_BEGIN.match(line)), None)
    if first is None:
        return bytes(encoded)
    decoded = bytearray()
    for line in lines[first + 1 :]:
        if line.strip() in (b"end", b"`"):
            break
        try:
            decoded += binascii.a2b_uu(line)
        except binascii.Error:
            # Programs add characters to a line, or cut spaces from its end. The first character is the length.
            digits = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            decoded += binascii.a2b_uu(line[:digits]) if _UU_LINE.fullmatch(line[:digits]) else b""
    return bytes(decoded)


_UU_BEGIN = re.compile(rb"begin[ \t]+[0-7]{3,4}[ \t]")
_UU_LINE = re.compile(rb"[ -`]+")
_DECODERS: Mapping[str, Callable[[memoryview], bytes]] = {
    "base64": _decode_base64,
    "quoted-printable": binascii.a2b_qp,
    **dict.fromkeys(["x-uuencode", "uuencode", "x-uue", "uue"], _decode_uu),
}
