"""What a read shows of a message: documents, packages, and the bytes that are listed."""

import hashlib
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daas.mail.contents import Contents, ListedPart, read_contents, read_part
from daas.mail.documents import Budget, find_packed_files, recognise_document

from ..support.mail import CCDA, attachment, entity, message, multipart, package, xdm

BIG = b" " * 1_000_000


def listed(*parts: bytes) -> list[ListedPart]:
    """Return what is listed of a message with parts, after the bytes of each were compared with the list."""
    raw = message(multipart(*parts))
    found = [*read_contents(raw).parts]
    for part in found:
        content = read_part(raw, part)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (part.size, part.sha256)
    return found


def test_part_is_listed_with_size_and_digest_of_its_bytes() -> None:
    (part,) = listed(attachment(b"%PDF-1.7", "application/pdf", "a.pdf"))
    digest = hashlib.sha256(b"%PDF-1.7").hexdigest()
    assert part == ListedPart("1", "application/pdf", "a.pdf", 8, digest)


def test_copies_are_listed_for_the_reader() -> None:
    assert (
        read_contents(b"From: a\r\nCc: =?utf-8?q?M=C3=BCller?= <b@example.org>\r\n\r\n").cc == "Müller <b@example.org>"
    )
    assert read_contents(b"From: a\r\n\r\n").cc == ""


@pytest.mark.parametrize(
    ("media_type", "name", "is_found"),
    [
        ("text/xml", "a", True),
        ("application/xml", "a", True),
        ("application/cda+xml", "a", True),
        ("application/octet-stream", "a", True),
        ("text/plain", "a.XML", True),
        ("text/plain", "a.txt", False),
    ],
)
def test_documents_are_looked_for_by_type_or_name(media_type: str, name: str, is_found: bool) -> None:
    (part,) = listed(attachment(CCDA, media_type, name))
    assert part.document == ("C-CDA" if is_found else None)


@pytest.mark.parametrize(
    ("content", "is_document"),
    [
        (CCDA, True),
        (b"\xef\xbb\xbf" + CCDA, True),
        (b'<?xml-stylesheet href="http://example.org/a"?><c:ClinicalDocument xmlns:c="urn:hl7-org:v3"/>', True),
        ('<?xml version="1.0" encoding="UTF-16"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'.encode("utf-16"), True),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v2"/>', False),
        (b"<ClinicalDocument/>", False),
        (b'<Other xmlns="urn:hl7-org:v3"/>', False),
        (CCDA + b"<more/>", False),
        (CCDA[:-25], False),
        (b"<!DOCTYPE ClinicalDocument>" + CCDA.partition(b"\n")[2], False),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
            b'<ClinicalDocument xmlns="urn:hl7-org:v3">&e;</ClinicalDocument>',
            False,
        ),
        (b'<x:ClinicalDocument xmlns="urn:hl7-org:v3"/>', False),
        (b'<?xml version="1.0" encoding="unheard-of"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>', False),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + b"<a>" * 2000 + b"</a>" * 2000 + b"</ClinicalDocument>", False),
        (b"", False),
        (b"\0\xff", False),
    ],
)
def test_document_is_well_formed_xml_without_a_dtd(content: bytes, is_document: bool) -> None:
    assert recognise_document(content, Budget()) == ("C-CDA" if is_document else None)


def test_documents_over_the_budget_are_not_recognised() -> None:
    assert recognise_document(CCDA, Budget(tags=3)) == "C-CDA"
    assert recognise_document(CCDA, Budget(tags=2)) is None


def test_package_is_listed_with_its_files() -> None:
    content = xdm(("CCDA.XML", CCDA), ("scan.pdf", b"%PDF"), ("notes", b"x"))
    found = listed(attachment(content, "application/zip", "health.zip"), entity(b"after"))
    assert [(part.part, part.type, part.name, part.path, part.document) for part in found] == [
        ("1", "application/zip", "health.zip", None, None),
        ("1/1", "text/html", "INDEX.HTM", "INDEX.HTM", None),
        ("1/2", "text/xml", "METADATA.XML", "IHE_XDM/SUBSET01/METADATA.XML", None),
        ("1/3", "text/xml", "CCDA.XML", "IHE_XDM/SUBSET01/CCDA.XML", "C-CDA"),
        ("1/4", "application/pdf", "scan.pdf", "IHE_XDM/SUBSET01/scan.pdf", None),
        ("1/5", "application/octet-stream", "notes", "IHE_XDM/SUBSET01/notes", None),
        ("2", "text/plain", "", None, None),
    ]


@pytest.mark.parametrize(
    ("media_type", "name", "is_opened"),
    [
        ("application/zip", "a", True),
        ("application/x-zip-compressed", "a", True),
        ("application/octet-stream", "a", True),
        ("text/plain", "a.ZIP", True),
        ("text/plain", "a.xdm", True),
        ("text/plain", "a.txt", False),
    ],
)
def test_packages_are_looked_for_by_type_or_name(media_type: str, name: str, is_opened: bool) -> None:
    assert (len(listed(attachment(xdm(), media_type, name))) > 1) is is_opened


def test_paths_of_a_package_are_harmless_to_show() -> None:
    name = "IHE_XDM/S/METADATA.XML"
    content = package([(name, b""), ("../../etc/pass\u202ewd", b"1"), ("a\\b\\c.xml", b"2"), ("..", b"3")])
    found = listed(attachment(content, "application/zip", "a.zip"))[2:]
    assert [(part.name, part.path) for part in found] == [
        ("pass\ufffdwd", "../../etc/pass\ufffdwd"),
        ("c.xml", "a\\b\\c.xml"),
        ("", ".."),
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_files_of_one_path_are_each_listed() -> None:
    metadata = "IHE_XDM/S/METADATA.XML"
    found = listed(attachment(package([(metadata, b"1"), (metadata, b"22")]), "application/zip", "a.zip"))
    assert [part.size for part in found[1:]] == [1, 2]


@pytest.mark.parametrize(
    "name", ["IHE_XDM/METADATA.XML", "A/IHE_XDM/S/METADATA.XML", "IHE_XDM/S/T/METADATA.XML", "a.xml"]
)
def test_zip_without_metadata_is_a_plain_part(name: str) -> None:
    assert len(listed(attachment(package([(name, b"x")]), "application/zip", "a.zip"))) == 1


@pytest.mark.parametrize("name", ["IHE_XDM\\SUBSET01\\METADATA.XML", "ihe_xdm/subset01/metadata.xml"])
def test_metadata_is_found_as_programs_write_it(name: str) -> None:
    assert len(listed(attachment(package([(name, b"x")]), "application/zip", "a.zip"))) == 2


def encrypted(content: bytes) -> bytes:
    """Return a package whose entries claim to be encrypted, in their own headers and in the directory."""
    for signature, flags in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        place = content.find(signature)
        while place >= 0:
            content = content[: place + flags] + b"\x01" + content[place + flags + 1 :]
            place = content.find(signature, place + 1)
    return content


GOOD = xdm(("a.xml", CCDA))
STORED = package([("IHE_XDM/S/METADATA.XML", b"x"), ("a", b"checked")], zipfile.ZIP_STORED)
METADATA = ("IHE_XDM/S/METADATA.XML", b"")


@pytest.mark.parametrize(
    "content",
    [
        encrypted(GOOD),
        GOOD[:-30],
        GOOD[200:],
        STORED.replace(b"checked", b"changed"),
        package([METADATA], zipfile.ZIP_BZIP2),
        package([METADATA], zipfile.ZIP_LZMA),
        package([METADATA, *((str(n), b"") for n in range(1000))]),
        package([METADATA, *((str(n), BIG) for n in range(101))]),
        package([METADATA, *((str(n), b"") for n in range(10_001))]),
    ],
    ids=["encrypted", "cut", "beginning lost", "changed", "bzip2", "lzma", "files", "bomb", "directory"],
)
def test_package_that_cannot_be_unpacked_is_a_plain_part(content: bytes) -> None:
    (part,) = listed(attachment(content, "application/zip", "a.zip"))
    assert part.size == len(content)


def test_package_within_the_limits_is_unpacked() -> None:
    content = package([METADATA, *((str(n), b"") for n in range(999))])
    assert len(find_packed_files(content, Budget())) == 1000
    content = package([METADATA, *((str(n), BIG) for n in range(4))])
    assert len(find_packed_files(content, Budget(unpacked_bytes=4_000_000))) == 5
    assert find_packed_files(content, Budget(unpacked_bytes=3_999_999)) is None


def test_packages_of_a_message_share_the_limits() -> None:
    content = attachment(package([METADATA, *((str(n), b"") for n in range(600))]), "application/zip", "a.zip")
    found = read_contents(message(multipart(content, content, attachment(xdm(), "application/zip", "b.zip")))).parts
    assert sum(part.part.startswith("1/") for part in found) == 601
    assert [part.part for part in found if not part.part.startswith("1/")] == ["1", "2", "3", "3/1", "3/2"]


def test_archive_in_a_package_is_not_opened() -> None:
    found = listed(attachment(xdm(("inner.zip", GOOD)), "application/zip", "a.zip"))
    assert [part.part for part in found] == ["1", "1/1", "1/2", "1/3"]


def test_signed_and_encrypted_mail_is_shown_as_its_parts() -> None:
    found = listed(
        attachment(b"\x30\x80", "application/pkcs7-signature", "smime.p7s"),
        attachment(b"\x30\x80", "application/pkcs7-mime", "smime.p7m"),
        attachment(b"\x78\x9f", "application/ms-tnef", "winmail.dat"),
    )
    assert [part.name for part in found] == ["smime.p7s", "smime.p7m", "winmail.dat"]


def test_contents_are_the_same_after_they_were_stored() -> None:
    contents = read_contents(
        message(multipart(entity(b"text \x00"), attachment(GOOD, "application/zip", "ä\u202e.zip")))
    )
    stored = json.dumps(contents.to_json())
    assert Contents.from_json(json.loads(stored)) == contents
    assert Contents.from_json({**json.loads(stored), "version": 0}) is None


_PIECES = st.sampled_from([GOOD, STORED, encrypted(GOOD), CCDA, b"<", b"PK\x05\x06" + b"\0" * 18, b""])


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(_PIECES))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5)):
        if place < len(content):
            content[place] = byte
    return bytes(content[: draw(st.integers(0, 3000))])


@settings(max_examples=200)
@given(_damaged(), st.sampled_from(["text/xml", "application/zip", "application/octet-stream"]))
def test_any_content_is_listed_and_served(content: bytes, media_type: str) -> None:
    assert listed(attachment(content, media_type, "a"))


@given(st.binary())
def test_any_bytes_are_read(raw: bytes) -> None:
    for part in read_contents(raw).parts:
        assert hashlib.sha256(read_part(raw, part)).hexdigest() == part.sha256
