"""Finds the messages in mail as it lies on disk: single files, mbox files (RFC 4155) and Maildirs.

https://cr.yp.to/proto/maildir.html and Maildir++ say what lies in a Maildir.
"""

import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: A larger message is skipped, unread.
MAX_MESSAGE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class FoundMessage:
    """The bytes of a message as they lie on disk, and where: a file's path, in an mbox with `#1`, `#2`..."""

    path: str
    raw: bytes


@dataclass(frozen=True)
class SkippedFile:
    """A path, or a place in an mbox, of which no message is read, and why, in words for an operator."""

    path: str
    reason: str


def find_messages(path: Path) -> Iterator[FoundMessage | SkippedFile]:
    """Find each message in a file, an mbox or a Maildir, one at a time; never more than one is in memory.

    A file is an mbox if its first line is a postmark. A message of it lies between its postmark and the blank
    line before the next one; a blank line at the end of the file is left out too, so that a message is the
    same bytes whether or not others were delivered after it. Quoting (`>From `) is left as it is.

    Of a Maildir, cur and new are read, in the order of their paths. What cannot be read, is larger than
    MAX_MESSAGE_BYTES or is neither file nor Maildir is a SkippedFile. Whether bytes are a message is not
    judged here. Paths are given as text that can be printed, with U+FFFD for what is not UTF-8.
    """
    try:
        if path.is_dir():
            yield from _find_in_directory(path)
        else:
            yield from _find_in_file(path, may_be_mbox=True)
    except OSError as error:
        yield _unreadable(path, error)


def _find_in_directory(directory: Path) -> Iterator[FoundMessage | SkippedFile]:
    entries = sorted(directory.iterdir())
    if not _is_maildir(directory):
        yield SkippedFile(_show(directory), "it is a directory but no Maildir (with cur, new and tmp)")
        return
    for file in [*sorted((directory / "cur").iterdir()), *sorted((directory / "new").iterdir())]:
        if file.name.startswith("."):
            yield SkippedFile(_show(file), "its name begins with a dot, as no message's in a Maildir does")
        else:
            yield from _find_in_file(file, may_be_mbox=False)
    for entry in entries:
        if entry.is_dir() and (entry.name.startswith(".") or _is_maildir(entry)):
            yield SkippedFile(_show(entry), "it is a folder of its own: import it by its own path")


def _is_maildir(directory: Path) -> bool:
    return all((directory / name).is_dir() for name in ("cur", "new", "tmp"))


def _find_in_file(path: Path, *, may_be_mbox: bool) -> Iterator[FoundMessage | SkippedFile]:
    try:
        # Looked at before it is opened, because to open a FIFO is to wait for a writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield SkippedFile(_show(path), "it is a directory")
            return
        if not stat.S_ISREG(mode):
            yield SkippedFile(_show(path), "it is no file but a device, pipe or socket")
            return
        with path.open("rb") as file:
            if may_be_mbox and _POSTMARK.fullmatch(file.readline(_MAX_LINE_BYTES)):
                for number, (start, end) in enumerate(_find_in_mbox(file), start=1):
                    yield _read(file, f"{_show(path)}#{number}", start, end)
            else:
                yield _read(file, _show(path), 0, os.fstat(file.fileno()).st_size)
    except OSError as error:
        yield _unreadable(path, error)


def _read(file: io.BufferedReader, path: str, start: int, end: int) -> FoundMessage | SkippedFile:
    if end - start > MAX_MESSAGE_BYTES:
        return SkippedFile(path, f"it is larger than {MAX_MESSAGE_BYTES // 1024**2} MiB")
    file.seek(start)
    return FoundMessage(path, file.read(end - start))


def _unreadable(path: Path, error: OSError) -> SkippedFile:
    if isinstance(error, FileNotFoundError):
        return SkippedFile(_show(path), "it does not exist")
    return SkippedFile(_show(path), f"it cannot be read: {error.strerror}")


def _show(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", errors="replace")


# A longer line is read in pieces; no postmark is as long.
_MAX_LINE_BYTES = 65_536

# `From `, then nothing, or an address and a date such as asctime's or that of a Date field. Every word after
# the address is one of a date, and there is a month, a time of day and a year among them: "From now on take
# 5 mg" and "From Dr. Lee, seen at 10:30 on 3 Jun 2013" are sentences.
_ADDRESS = rb'(?:"(?:[^"\\\r\n]|\\[^\r\n])*"\S*+|[^\s"]\S*+)'
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE = rb"[A-Z]{1,5}|[+-]\d{4}|\([^()\s]*\)"
_WORD_OF_DATE = rb"(?:[A-Z][a-z]{2}|\d\d?|\d{4}|\d\d?:\d\d(?::\d\d)?|%b),?" % _ZONE
_POSTMARK = re.compile(
    rb"From [ \t]*+(?:%b(?=.*%b)(?=.*\s\d\d?:\d\d)(?=.*\s\d{4}(?!\S))(?:[ \t]++%b)+)?"
    rb"(?:[ \t]++remote from \S++)?[ \t]*+\r?\n?" % (_ADDRESS, _MONTH, _WORD_OF_DATE)
)


def _find_in_mbox(file: io.BufferedReader) -> Iterator[tuple[int, int]]:
    """Give where each message of an mbox begins and ends, in bytes; the file may be read in between."""
    file.seek(0)
    position = start = 0
    at_line_start, blank_line = True, b""
    while chunk := file.readline(_MAX_LINE_BYTES):
        if (blank_line or position == 0) and chunk.startswith(b"From ") and _POSTMARK.fullmatch(chunk):
            if position > 0:
                yield start, position - len(blank_line)
            start = position + len(chunk)
            file.seek(start)
            blank_line = b""
        else:
            blank_line = chunk if at_line_start and chunk in (b"\n", b"\r\n") else b""
        at_line_start = chunk.endswith(b"\n")
        position += len(chunk)
    yield start, position - len(blank_line)
