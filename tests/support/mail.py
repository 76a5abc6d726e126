"""Builders of messages with parts, and of XDM packages, as bytes."""

import base64
import io
import zipfile
from collections.abc import Iterable

CCDA = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
    b'<realmCode code="US"/><title>Summary</title></ClinicalDocument>\n'
)


def entity(content: bytes, *header: str) -> bytes:
    """Return a part, with its header, whose lines are given."""
    return "".join(f"{line}\r\n" for line in header).encode() + b"\r\n" + content


def attachment(content: bytes, media_type: str, name: str) -> bytes:
    """Return a part with a file, in base64."""
    return entity(
        base64.encodebytes(content).replace(b"\n", b"\r\n"),
        f'Content-Type: {media_type}; name="{name}"',
        f'Content-Disposition: attachment; filename="{name}"',
        "Content-Transfer-Encoding: base64",
    )


def multipart(*parts: bytes, boundary: str = "outer", subtype: str = "mixed") -> bytes:
    """Return a multipart, with its header."""
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"
    return entity(body, f'Content-Type: multipart/{subtype}; boundary="{boundary}"')


def message(body: bytes, subject: str = "A message") -> bytes:
    """Return a message with an entity as its content."""
    return f"From: lab@example.org\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n".encode() + body


def package(files: Iterable[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP with files, or with folders, whose names end in a slash."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for path, content in files:
            archive.writestr(path, content)
    return made.getvalue()


def xdm(*documents: tuple[str, bytes]) -> bytes:
    """Return an XDM package with documents, beside its index, its folders and its metadata."""
    folder = "IHE_XDM/SUBSET01/"
    named = [(folder + name, content) for name, content in documents]
    return package(
        [
            ("INDEX.HTM", b"<html></html>"),
            ("IHE_XDM/", b""),
            (folder, b""),
            (folder + "METADATA.XML", b"<lcm:SubmitObjectsRequest xmlns:lcm='urn:oasis'/>"),
            *named,
        ]
    )
