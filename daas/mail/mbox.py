"""Finds where the messages of an mbox file are (RFC 4155), line by line, without holding the file in memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from .header import MailHeaderCheck


@dataclass(frozen=True)
class MboxPart:
    """A range of an mbox's bytes; `is_message` is false for text before the first message."""

    start: int
    end: int
    is_message: bool


def is_mbox(file: BinaryIO) -> bool:
    """Return whether the first line of a file that is not empty begins with `From `."""
    for _, _, line in _read_lines(file):
        if line.strip(_WHITE):
            return _FROM_LINE.match(line) is not None
    return False


def find_parts(file: BinaryIO) -> Iterator[MboxPart]:
    """Yield where each message of an mbox is: after its `From ` line, up to the empty line before the next one.

    A `From ` line begins a message if a header of mail follows it, and if it is the first line that is not empty,
    follows an empty line (spaces count as empty), or ends in a date like asctime's. Every other line is text. An empty
    line at the end of the file is no part of the last message, so that appending a message does not change the one
    before. Lines end in CR, LF, CRLF or CRCRLF. The caller must not move the file's position meanwhile.
    """
    part_start: int | None = None  # None before the first message.
    first_text: int | None = None
    text_end = 0  # Where the lines so far end, without an empty one at their end.
    follows_empty_line = True
    candidate: _Candidate | None = None
    for start, end, line in _read_lines(file):
        from_line = _FROM_LINE.match(line)
        if candidate is not None:
            is_message = candidate.add(line, is_from_line=from_line is not None)
            if is_message:
                if part_start is not None:
                    yield MboxPart(part_start, candidate.text_end, is_message=True)
                elif first_text is not None and first_text < candidate.start:
                    yield MboxPart(first_text, candidate.text_end, is_message=False)
                part_start = candidate.message_start
            if is_message is not None:
                candidate = None
        is_empty = not line.strip(_WHITE)
        if from_line is not None and candidate is None:
            is_dated = _ends_in_date(line)
            if follows_empty_line or is_dated:
                candidate = _Candidate(text_end, start, end, is_dated)
        if first_text is None and not is_empty:
            first_text = start
        follows_empty_line = is_empty
        text_end = end if line else start
    if part_start is not None:
        yield MboxPart(part_start, text_end, is_message=True)
    elif first_text is not None:
        yield MboxPart(first_text, text_end, is_message=False)


@dataclass
class _Candidate:
    """A `From ` line that begins a message if a header follows."""

    text_end: int
    start: int
    message_start: int
    is_dated: bool
    _check: MailHeaderCheck = field(init=False)

    def __post_init__(self) -> None:
        # With a date it can hardly be a sentence, so that its header may begin with a broken line.
        self._check = MailHeaderCheck(strict=not self.is_dated)

    def add(self, line: bytes, *, is_from_line: bool) -> bool | None:
        """Return whether a message begins here, None if that is open after this line."""
        if not line.strip(_WHITE):
            return False
        if not self._check.has_begun and (line.startswith(b">From ") or (is_from_line and self.is_dated)):
            return None  # Programs that copy a message into an mbox leave its older From line after the new one.
        return False if is_from_line else self._check.add(line)


# Spaces, NULs and byte order marks count as nothing: a crash leaves NULs in a file, joining files leaves marks.
_WHITE = b" \t\v\f\0\xef\xbb\xbf"
# "From : a@example.org" is a header field in the obsolete syntax (RFC 5322, 4.5).
_FROM_LINE = re.compile(rb"(?:\0|\xef\xbb\xbf)*+From (?![ \t]*+:)")

# asctime's date, and what programs write instead: a fraction, a zone, the year before the time.
_MAX_DATE_BYTES = 200
_CLOCK = rb"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?"
_ZONE = rb"(?:[ \t]+(?:[A-Z]{1,5}(?:[+-]\d\d:?\d\d)?|[+-]\d\d:?\d\d))?"
_DATE_AT_END = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ \t]+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ \t]+\d{1,2}[ \t]+"
    rb"(?:%b%b[ \t]+(?:\d{4}|\d\d)|\d{4}[ \t]+%b)%b(?:[ \t]+remote from \S+)?[ \t]*\Z" % (_CLOCK, _ZONE, _CLOCK, _ZONE)
)


def _ends_in_date(line: bytes) -> bool:
    return _DATE_AT_END.search(line, max(0, len(line) - _MAX_DATE_BYTES)) is not None


_CHUNK_BYTES = 65_536
_LINE_END = re.compile(rb"\n|\r(?:\r?\n)?")
# Of a longer line only so many bytes at its beginning are looked at.
_MAX_LINE_BYTES = 16_384


def _read_lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield where each line starts and ends, and its text without the line end; of a long line, its beginning."""
    file.seek(0)
    position = 0  # Of the buffer, in the file.
    rest = b""
    long_line: tuple[int, bytes] | None = None
    while True:
        chunk = file.read(_CHUNK_BYTES)
        buffer = rest + chunk
        start = 0
        for line_end in _LINE_END.finditer(buffer):
            if chunk and line_end.start() > len(buffer) - 3:
                break  # CR CR LF may be cut.
            end = line_end.end()
            line_start, text = position + start, buffer[start : line_end.start()]
            # Almost every line is short and begins with no NUL: it needs no call.
            if long_line is not None or len(text) > _MAX_LINE_BYTES or text.startswith(b"\0"):
                line_start, text = _join(long_line, line_start, text)
                long_line = None
            yield line_start, position + end, text
            start = end
        rest = buffer[start:]
        position += start
        if not chunk:
            break
        if len(rest) > _MAX_LINE_BYTES:
            long_line = _join(long_line, position, rest[:-2])
            position += len(rest) - 2
            rest = rest[-2:]
    if long_line is not None or rest:
        line_start, text = _join(long_line, position, rest)
        yield line_start, position + len(rest), text


def _join(long_line: tuple[int, bytes] | None, start: int, piece: bytes) -> tuple[int, bytes]:
    """Return where a line starts, after any NULs, and what is kept of it, given what was kept of the pieces before."""
    if long_line is None or not long_line[1]:
        text = piece.lstrip(b"\0")
        return start + len(piece) - len(text), _shorten(text)
    if long_line[1].strip(_WHITE):
        return long_line
    return long_line[0], b" " + piece.strip(_WHITE)[:1]


def _shorten(text: bytes) -> bytes:
    """Return the beginning of a long line; if that is white, also the first byte that is not."""
    beginning = text[:_MAX_LINE_BYTES]
    return beginning if beginning.strip(_WHITE) else text[:1] + text.strip(_WHITE)[:1]
