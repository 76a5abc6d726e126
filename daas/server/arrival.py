"""Whether a request has arrived whole: what a worker has to know before it gives it to a thread."""

import re

from ..web.raw_request import LARGEST_READ

# A request that is not whole and longer than these is refused, and so is a longer head.
_LONGEST_LINE = 4096
_LONGEST_HEAD = 64 * 1024

# Whatever runs on is matched possessively: the head of a stranger must cost no more than its length.
_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length[ \t]*+:[ \t]*+([0-9]++)[ \t]*+\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTED = re.compile(
    rb"(?:\r\n)?[^\n]* HTTP/1\.1\r\n(?:.*\r\n)?Expect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE | re.DOTALL
)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]++)[ \t]*+(?:;.*)?", re.DOTALL)
# More digits than these are a size that no machine holds.
_LONGEST_NUMBER = 15


class Arrival:
    """A request as far as it has arrived; its time is up at `deadline` of the monotonic clock.

    `is_whole` tells whether nothing more has to arrive for an answer, `refusal` is the status for what can never
    become a request. What is whole but ill-formed is for gunicorn to refuse.
    """

    def __init__(self, max_body_bytes: int, deadline: float) -> None:
        self.deadline = deadline
        self.data = bytearray()
        self.body_at: int | None = None
        self.is_whole = False
        #: Whether the body is larger than allowed, and so much larger that its end is not waited for.
        self.exceeds = False
        self.is_too_large = False
        self.refusal: int | None = None
        self._limit = max_body_bytes
        self._searched = 0
        self._awaited = False
        self._length = 0
        self._chunk_at: int | None = None
        self._content = 0

    def add(self, piece: bytes) -> None:
        """Take what has come."""
        self.data += piece
        if self.body_at is None:
            self._find_body()
        if self.body_at is None or self.is_too_large:
            return
        if self._chunk_at is None:
            self.is_whole = len(self.data) >= self.body_at + self._length
        else:
            self._walk_along_chunks(self._chunk_at)
            # What is this long and still not whole is no honest request, whatever it holds.
            if not self.is_whole and len(self.data) > self.body_at + LARGEST_READ * self._limit:
                self.refusal = 413

    def is_body_awaited(self) -> bool:
        """Tell, once, whether the client waits to be told that it may send the body."""
        awaited, self._awaited = self._awaited, False
        return awaited

    def _find_body(self) -> None:
        end = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        head = bytes(self.data if end < 0 else self.data[: end + 2])
        if _BARE_LINE_FEED.search(head, self._searched):
            self.refusal = 400
        elif len(head) > _LONGEST_LINE and b"\r\n" not in head:
            self.refusal = 414
        elif len(head) > _LONGEST_HEAD:
            self.refusal = 431
        elif end >= 0:
            self._read_head(head)
        self._searched = max(0, len(head) - 3)

    def _read_head(self, head: bytes) -> None:
        announced, chunked = _CONTENT_LENGTH.search(head), _CHUNKED.search(head)
        if chunked and not announced:
            self._chunk_at = len(head) + 2
        elif announced and not chunked:
            self._length = _read_number(announced[1], 10)
        self._awaited = _EXPECTED.match(head) is not None
        self.is_too_large = self._length > self._limit * LARGEST_READ
        self.is_whole = self.is_too_large
        self.body_at = len(head) + 2

    def _walk_along_chunks(self, at: int) -> None:
        """Find the end of the chunk that begins at an offset, and of those that follow it."""
        while (line_end := self.data.find(b"\r\n", at)) >= 0:
            size = _CHUNK_SIZE.fullmatch(self.data, at, line_end)
            length = _read_number(size[1], 16) if size else 0
            if length == 0:
                # Trailers may follow the last one. A size that is none is for gunicorn to refuse.
                self.is_whole = size is None or self.data.find(b"\r\n\r\n", line_end) >= 0
                return
            self.exceeds = self._content + length > self._limit
            if len(self.data) < line_end + 2 + length + 2:
                return
            self._content += length
            at = self._chunk_at = line_end + 2 + length + 2
        if len(self.data) > at + _LONGEST_LINE:
            self.refusal = 400


def _read_number(digits: bytes, base: int) -> int:
    return int(digits.lstrip(b"0")[:_LONGEST_NUMBER] or b"0", base)
