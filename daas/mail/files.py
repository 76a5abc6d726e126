"""Finds the messages in mail on disk: single files, mbox files (RFC 4155) and Maildirs.

https://cr.yp.to/proto/maildir.html and Maildir++ describe the contents of a Maildir.
"""

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .mbox import find_parts, is_mbox

#: A larger message is skipped, unread.
MAX_MESSAGE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class FoundMessage:
    """The bytes of a message as they are on disk, and where: a file's path, in an mbox followed by `#1`, `#2`..."""

    path: str
    raw: bytes


@dataclass(frozen=True)
class SkippedFile:
    """A path, or a place in an mbox, that gives no message, and the reason in words for an operator.

    `is_error` is true if the path does not exist or cannot be read, so that nobody knows what it holds.
    """

    path: str
    reason: str
    is_error: bool = False


def find_messages(path: Path) -> Iterator[FoundMessage | SkippedFile]:
    """Yield each message of a file, an mbox or a Maildir; never more than one is in memory.

    A file is an mbox if its first line that is not empty begins with `From `; find_parts describes its messages.
    Quoting (`>From `) is left as it is. An mbox that cannot be split is skipped, never taken for one message.

    A Maildir gives the files in cur and new, in the order of their names; links that lead out of it are not followed.
    A path that cannot be read, a message larger than MAX_MESSAGE_BYTES, and anything that is neither file nor Maildir
    is a SkippedFile. Whether bytes are a message is not decided here. In paths U+FFFD stands for what is not UTF-8.
    """
    try:
        if path.is_dir():
            yield from _find_in_directory(path)
        else:
            yield from _find_in_file(path, _show(path), may_be_mbox=True)
    except OSError as error:
        yield _unreadable(_show(path), error)


def _find_in_directory(directory: Path) -> Iterator[FoundMessage | SkippedFile]:
    entries = sorted(directory.iterdir())
    if not _is_maildir(directory):
        yield SkippedFile(_show(directory), "it is a directory but no Maildir (with cur, new and tmp)")
        return
    root = Path(os.path.realpath(directory))
    for file in [*sorted((directory / "cur").iterdir()), *sorted((directory / "new").iterdir())]:
        target = Path(os.path.realpath(file))  # Not Path.resolve, which raises RuntimeError for a link to itself.
        if file.name.startswith("."):
            yield SkippedFile(_show(file), "its name begins with a dot, as no message's in a Maildir does")
        elif not target.is_relative_to(root):
            yield SkippedFile(_show(file), "it is a link that leads out of the Maildir")
        else:
            yield from _find_in_file(target, _show(file), may_be_mbox=False)
    for entry in entries:
        if entry.is_dir() and (entry.name.startswith(".") or _is_maildir(entry)):
            yield SkippedFile(_show(entry), "it is a folder of its own: import it by its own path")


def _is_maildir(directory: Path) -> bool:
    return all((directory / name).is_dir() for name in ("cur", "new", "tmp"))


def _find_in_file(path: Path, shown: str, *, may_be_mbox: bool) -> Iterator[FoundMessage | SkippedFile]:
    try:
        # Checked before it is opened, because opening a FIFO waits for a writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield SkippedFile(shown, "it is a directory")
            return
        if not stat.S_ISREG(mode):
            yield SkippedFile(shown, "it is no file but a device, pipe or socket")
            return
        with path.open("rb") as file:
            if may_be_mbox and is_mbox(file):
                yield from _find_in_mbox(file, shown)
            else:
                yield _read(file, shown, 0, os.fstat(file.fileno()).st_size)
    except OSError as error:
        yield _unreadable(shown, error)


def _find_in_mbox(file: io.BufferedReader, shown: str) -> Iterator[FoundMessage | SkippedFile]:
    parts = find_parts(file)
    first = next(parts)
    second = next(parts, None)
    if second is None and not first.is_message:
        yield SkippedFile(shown, "it begins with `From `, but no header of a message follows such a line")
        return
    rest = parts if second is None else chain([second], parts)
    for number, part in enumerate(chain([first], rest), start=1):
        place = f"{shown}#{number}"
        if part.is_message:
            yield _read(file, place, part.start, part.end)
        else:
            yield SkippedFile(
                place, "it is before the first message, and no header of a message follows its first line"
            )


def _read(file: io.BufferedReader, place: str, start: int, end: int) -> FoundMessage | SkippedFile:
    if end - start > MAX_MESSAGE_BYTES:
        return SkippedFile(place, f"it is larger than {MAX_MESSAGE_BYTES // 1024**2} MiB")
    # Not by seeking, because find_parts goes on reading where it is.
    return FoundMessage(place, os.pread(file.fileno(), end - start, start))


def _unreadable(shown: str, error: OSError) -> SkippedFile:
    reason = "it does not exist" if isinstance(error, FileNotFoundError) else f"it cannot be read: {error.strerror}"
    return SkippedFile(shown, reason, is_error=True)


def _show(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", errors="replace")
