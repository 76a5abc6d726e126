"""Recognises clinical documents (C-CDA) and opens XDM packages, within bounds that hold for any bytes."""

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from mimetypes import MimeTypes
from typing import Any
from xml.parsers import expat  # nosec B407 - the first DTD ends it, so that there is no entity to expand or fetch.

from .parts import clean_name, clean_path

#: The document that is recognised.
CCDA = "C-CDA"

# The files and bytes that are unpacked of all packages of a message.
MAX_FILES = 1000
MAX_UNPACKED_BYTES = 100_000_000
# XML that is read in a message: as many bytes as a message may have, tags and attributes for many long documents.
_MAX_XML_BYTES = 52_428_800
_MAX_XML_DEPTH = 1000
_MAX_XML_TAGS = 1_000_000
_MAX_XML_ATTRIBUTES = 1_000_000

_ROOT = "urn:hl7-org:v3}ClinicalDocument"
_NAMES = (b"ClinicalDocument", "ClinicalDocument".encode("utf-16-le"), "ClinicalDocument".encode("utf-16-be"))
_XML_TYPE = re.compile(r"(?:text|application)/xml|.*\+xml")
_ZIP_TYPES = {"application/zip", "application/x-zip", "application/x-zip-compressed", "application/x-compressed-zip"}
_OCTETS = "application/octet-stream"
# Windows programs write backslashes, and some write the names in lower case.
_METADATA = re.compile(r"IHE_XDM[/\\][^/\\]+[/\\]METADATA\.XML", re.IGNORECASE)
# Deflate unpacks as many bytes as asked for; the other methods unpack as many as they like.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Python's own table: a machine's would give other types on other machines.
_TYPES = MimeTypes().types_map[True]
_CHUNK_BYTES = 1_048_576
_ENCRYPTED = 0x1
_DIRECTORY_ENTRY = b"PK\x01\x02"
# zipfile makes an object of each entry of the directory before they can be counted; a file in a package can be a ZIP.
_MAX_DIRECTORY_ENTRIES = 10 * MAX_FILES
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, KeyError),
    *(RuntimeError, NotImplementedError, OverflowError, IndexError),
)


@dataclass
class Budget:
    """The work that is left for the documents and packages of one message."""

    files: int = MAX_FILES
    unpacked_bytes: int = MAX_UNPACKED_BYTES
    xml_bytes: int = _MAX_XML_BYTES
    tags: int = _MAX_XML_TAGS
    attributes: int = _MAX_XML_ATTRIBUTES


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of an XDM package; `place` is that of its entry in the package's directory, from 0.

    `path` and `name` are for display: no unprintable or bidirectional control characters. `document` is CCDA or None.
    """

    place: int
    path: str
    name: str
    type: str
    size: int
    sha256: str
    document: str | None


def may_be_document(media_type: str, name: str) -> bool:
    """Return whether a part or file is looked at for a C-CDA: by its type or its name's ending."""
    return media_type == _OCTETS or name.lower().endswith(".xml") or _XML_TYPE.fullmatch(media_type) is not None


def may_be_package(media_type: str, name: str) -> bool:
    """Return whether a part is looked at for an XDM package: by its type or its name's ending."""
    return media_type in _ZIP_TYPES or media_type == _OCTETS or name.lower().endswith((".zip", ".xdm"))


def recognise_document(content: bytes, budget: Budget) -> str | None:
    """Return CCDA for well-formed XML without a DTD whose root is HL7's ClinicalDocument; else None.

    XML that is too deep or over the budget is not recognised.
    """
    if not any(name in content for name in _NAMES):
        return None
    # Each attribute has an equals sign, in any encoding. They are counted before the parser makes objects of them.
    attributes = content.count(b"=")
    if len(content) > budget.xml_bytes or attributes > budget.attributes:
        return None
    budget.xml_bytes -= len(content)
    budget.attributes -= attributes
    parser = expat.ParserCreate(namespace_separator="}")
    _Reader(parser, budget)
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, _Stop, ValueError, LookupError):
        return None
    return CCDA


class _Stop(Exception):
    """The XML is no C-CDA, or too much work."""


class _Reader:
    """Stops a parser at a DTD, at another root, or where the document is too deep or over the budget."""

    def __init__(self, parser: Any, budget: Budget) -> None:
        self._budget = budget
        self._depth = 0
        parser.StartDoctypeDeclHandler = self._stop
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def _stop(self, *_: object) -> None:
        raise _Stop

    def _start(self, name: str, _attributes: object) -> None:
        if self._depth == 0 and name != _ROOT:
            raise _Stop
        self._depth += 1
        self._budget.tags -= 1
        if self._depth > _MAX_XML_DEPTH or self._budget.tags < 0:
            raise _Stop

    def _end(self, _name: str) -> None:
        self._depth -= 1


def find_packed_files(content: bytes, budget: Budget) -> Sequence[PackedFile] | None:
    """Return the files of an XDM package in the order of its directory, without folders; None for anything else.

    A package is a ZIP with a file `IHE_XDM/*/METADATA.XML`. One that is encrypted, broken or over the budget is None.
    Archives in it are not opened.
    """
    try:
        with _open_package(content) as package:
            entries = package.infolist()
            if not any(_METADATA.fullmatch(entry.filename) for entry in entries):
                return None
            size = sum(entry.file_size for entry in entries)
            # zipfile gives no more bytes of an entry than the directory says, so that these counts are the work.
            if len(entries) > budget.files or size > budget.unpacked_bytes or not all(map(_is_readable, entries)):
                return None
            budget.files -= len(entries)
            budget.unpacked_bytes -= size
            return [_unpack(package, *each, budget) for each in enumerate(entries) if not each[1].is_dir()]
    except _BROKEN:
        return None


def read_packed_file(content: bytes, place: int) -> bytes:
    """Return the bytes of a file that find_packed_files() found in the same package."""
    with _open_package(content) as package:
        return package.read(package.infolist()[place])


def _open_package(content: bytes) -> zipfile.ZipFile:
    if content.count(_DIRECTORY_ENTRY) > _MAX_DIRECTORY_ENTRIES:
        raise zipfile.BadZipFile
    return zipfile.ZipFile(io.BytesIO(content))


def _is_readable(entry: zipfile.ZipInfo) -> bool:
    return not entry.flag_bits & _ENCRYPTED and entry.compress_type in _METHODS


def _unpack(package: zipfile.ZipFile, place: int, entry: zipfile.ZipInfo, budget: Budget) -> PackedFile:
    path = clean_path(entry.filename)
    name = clean_name(entry.filename)
    ending = "." + name.rpartition(".")[2].lower()
    media_type = _TYPES.get(ending, _OCTETS)
    is_kept = may_be_document(media_type, name) and entry.file_size <= _MAX_XML_BYTES
    kept = bytearray()
    size, digest = 0, hashlib.sha256()
    with package.open(entry) as file:
        while chunk := file.read(_CHUNK_BYTES):
            size += len(chunk)
            digest.update(chunk)
            if is_kept:
                kept += chunk
    document = recognise_document(bytes(kept), budget) if is_kept else None
    return PackedFile(place, path, name, media_type, size, digest.hexdigest(), document)
