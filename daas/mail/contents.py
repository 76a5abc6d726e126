"""What a read shows of a message: its text and its parts, with the files of XDM packages among them."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from .documents import (
    Budget,
    find_packed_files,
    may_be_document,
    may_be_package,
    read_packed_file,
    recognise_document,
)
from .header import read_cc
from .parts import decode_part, find_parts, read_text

#: The version of what read_contents() returns: contents that were stored by another version are read again.
VERSION = 1


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A part of a message, or a file in a part that is an XDM package.

    `part` is the part's number, for a file with its own after a slash (`2/1`). `place` is the file's entry in the
    package, and `path` its path there; None for a part. `sha256` is hexadecimal, of the decoded bytes.
    """

    part: str
    type: str
    name: str
    size: int
    sha256: str
    document: str | None = None
    path: str | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a message, which never change; `text_cut` is whether the text is longer."""

    cc: str
    text: str
    text_cut: bool
    parts: Sequence[ListedPart]

    def to_json(self) -> dict[str, Any]:
        """Return the contents for json.dumps(), with the version."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Any) -> Self | None:
        """Return the contents that to_json() returned; None if another version did."""
        if stored["version"] != VERSION:
            return None
        parts = [ListedPart(**part) for part in stored["parts"]]
        return cls(stored["cc"], stored["text"], stored["text_cut"], parts)


def read_contents(raw: bytes) -> Contents:
    """Return the contents of a message, whatever its bytes are; packages are unpacked to list their files."""
    parts = find_parts(raw)
    listed: list[ListedPart] = []
    budget = Budget()
    for part in parts:
        content = decode_part(raw, part)
        document = recognise_document(content, budget) if may_be_document(part.type, part.name) else None
        digest = hashlib.sha256(content).hexdigest()
        listed.append(ListedPart(part.number, part.type, part.name, len(content), digest, document))
        files = find_packed_files(content, budget) if may_be_package(part.type, part.name) else None
        listed += [
            ListedPart(
                f"{part.number}/{number}",
                file.type,
                file.name,
                file.size,
                file.sha256,
                file.document,
                file.path,
                file.place,
            )
            for number, file in enumerate(files or (), 1)
        ]
    return Contents(read_cc(raw), *read_text(raw, parts), listed)


def read_part(raw: bytes, listed: ListedPart) -> bytes:
    """Return the decoded bytes of a part that read_contents() listed for the same message."""
    number = listed.part.partition("/")[0]
    content = next(decode_part(raw, part) for part in find_parts(raw) if part.number == number)
    return content if listed.place is None else read_packed_file(content, listed.place)
