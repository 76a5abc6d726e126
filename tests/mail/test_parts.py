"""The parts of a message: their numbers, types, names and bytes."""

import base64
import email
import email.message
import quopri
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daas.mail.parts import (
    MAX_PARTS,
    MAX_TEXT,
    Part,
    clean_name,
    count_attachments,
    decode_part,
    find_parts,
    read_text,
)

from ..support.mail import CCDA, attachment, entity, message, multipart


def named(header: str) -> str:
    """Return the name of a part with a line of the header."""
    return find_parts(message(entity(b"x", header)))[0].name


def numbered(raw: bytes) -> list[tuple[str, str]]:
    return [(part.number, part.type) for part in find_parts(raw)]


def text_of(raw: bytes) -> str:
    return read_text(raw, find_parts(raw))[0]


def only_part(raw: bytes) -> bytes:
    (part,) = find_parts(raw)
    return decode_part(raw, part)


PLAIN = entity(b"Hello", "Content-Type: text/plain; charset=utf-8")
HTML = entity(b"<b>Hello</b>", "Content-Type: text/html")


def test_message_without_a_type_is_one_plain_part() -> None:
    raw = b"From: a@example.org\r\n\r\nHello\r\n"
    assert find_parts(raw) == [Part("1", "text/plain", "", "", "", False, 23, 30)]
    assert only_part(raw) == b"Hello\r\n"


def test_parts_are_numbered_as_imap_does() -> None:
    alternative = multipart(PLAIN, HTML, boundary="inner", subtype="alternative")
    nested = multipart(multipart(PLAIN, boundary="b3"), HTML, boundary="b2")
    raw = message(multipart(alternative, attachment(b"1", "application/pdf", "a.pdf"), nested))
    assert numbered(raw) == [
        ("1.1", "text/plain"),
        ("1.2", "text/html"),
        ("2", "application/pdf"),
        ("3.1.1", "text/plain"),
        ("3.2", "text/html"),
    ]


def test_message_in_a_message_is_one_part() -> None:
    inner = message(multipart(PLAIN, attachment(b"1", "text/xml", "a.xml"), boundary="inner"))
    raw = message(multipart(PLAIN, entity(inner, "Content-Type: message/rfc822")))
    assert numbered(raw) == [("1", "text/plain"), ("2", "message/rfc822")]
    assert decode_part(raw, find_parts(raw)[1]) == inner
    assert numbered(message(entity(inner, "Content-Type: message/rfc822"))) == [("1", "message/rfc822")]


def test_parts_of_a_digest_are_messages() -> None:
    raw = message(multipart(entity(b"Subject: x\r\n\r\ny"), HTML, subtype="digest"))
    assert numbered(raw) == [("1", "message/rfc822"), ("2", "text/html")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r", b"\r\r\n"])
def test_lines_may_end_in_any_way(line_end: bytes) -> None:
    raw = message(multipart(PLAIN, attachment(b"content", "text/xml", "a.xml"))).replace(b"\r\n", line_end)
    assert numbered(raw) == [("1", "text/plain"), ("2", "text/xml")]
    assert [decode_part(raw, part) for part in find_parts(raw)] == [
        b"Hello" + (b"\r" if line_end == b"\r\r\n" else b""),
        b"content",
    ]
    assert text_of(raw).rstrip() == "Hello"


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo", ["one", "two"]),
        (b"before\r\n--b\r\n\r\none\r\n--b--\r\nafter\r\n--b\r\n\r\nthree", ["one"]),
        (b"--b\r\n--b\r\n\r\none\r\n--b--", ["one"]),
        (b"--b  \t\r\n\r\none\r\n--b-- \r\n", ["one"]),
        (b"--b\r\n\r\none\r\n--bc\r\n--b--", ["one\r\n--bc"]),
        (b"--b\r\n\r\none --b\r\n\r\n--b--", ["one --b\r\n"]),
        (b"--b\r\n\r\n\r\n--b--", [""]),
        (b"--b\r\nNo empty line.\r\n\r\nSecond.\r\n--b--", ["No empty line.\r\n\r\nSecond."]),
        (b"--b\r\nContent-Type: text/plain\r\nNo empty line.\r\n--b--", ["No empty line."]),
        (b"--b\r\nContent-Type: text/plain\r\n--b--", [""]),
    ],
)
def test_delimiters_part_a_multipart(body: bytes, parts: list[str]) -> None:
    raw = message(entity(body, "Content-Type: multipart/mixed; boundary=b"))
    assert [decode_part(raw, part).decode() for part in find_parts(raw)] == parts


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: multipart/mixed",
        "Content-Type: multipart/mixed; boundary=",
        "Content-Type: multipart/mixed; boundary=absent",
    ],
)
def test_multipart_without_parts_is_one_part(header: str) -> None:
    raw = message(entity(b"--b\r\n\r\none\r\n--b--", header))
    assert numbered(raw) == [("1", "multipart/mixed")]
    assert only_part(raw) == b"--b\r\n\r\none\r\n--b--"


@pytest.mark.parametrize("header", ["Content-Type: text", "Content-Type: a b/c", "Content-Type: /", "Content-Type:"])
def test_type_that_is_none_is_plain_text(header: str) -> None:
    assert numbered(message(entity(b"x", header))) == [("1", "text/plain")]


def test_broken_line_of_a_header_hides_no_part() -> None:
    raw = b"From: a@example.org\r\nbroken line\r\n" + multipart(PLAIN, HTML)
    assert numbered(raw) == [("1", "text/plain"), ("2", "text/html")]


def test_outer_delimiter_ends_inner_multiparts() -> None:
    inner = multipart(PLAIN, HTML, boundary="inner")[: -len("--inner--\r\n")]
    raw = message(multipart(inner, HTML))
    assert numbered(raw) == [("1.1", "text/plain"), ("1.2", "text/html"), ("2", "text/html")]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Content-Type: text/xml; name=ccd.xml", "ccd.xml"),
        ('Content-Disposition: attachment; filename="a b; c.xml"', "a b; c.xml"),
        (r'Content-Disposition: attachment; filename="say \"hi\".xml"', 'say "hi".xml'),
        (r'Content-Disposition: attachment; filename="C:\Users\me\ccd.xml"', "ccd.xml"),
        ("Content-Disposition: attachment; filename=../../etc/passwd", "passwd"),
        ("Content-Disposition: attachment; filename=..", ""),
        ("Content-Disposition: attachment; filename=folder/", "folder"),
        ("Content-Disposition: attachment; filename*=UTF-8''%C3%A4rzte%20brief.pdf", "ärzte brief.pdf"),
        ("Content-Disposition: attachment; filename*=iso-8859-1'de'%E4.pdf; filename=a.pdf", "ä.pdf"),
        (
            "Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=\"%41.pdf\"",
            "ä%41.pdf",
        ),
        ("Content-Disposition: attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        ('Content-Disposition: attachment; filename="=?utf-8?B?w6Q=?= =?utf-8?Q?=2Epdf?="', "ä.pdf"),
        ('Content-Type: application/pdf; name="=?iso-8859-1?Q?=E4.pdf?="', "ä.pdf"),
        ('Content-Disposition: attachment; filename="a\u202efdp.exe"', "a\ufffdfdp.exe"),
        ("Content-Disposition: attachment; filename*=utf-8''a%0d%0ab%00.xml", "a\ufffd\ufffdb\ufffd.xml"),
        ('Content-Disposition: attachment; filename="unfinished.xml', "unfinished.xml"),
        ("Content-Disposition: attachment;\r\n filename=folded.xml", "folded.xml"),
        ("Content-Disposition: attachment; FileName = spaced.xml ; size=1", "spaced.xml"),
        ("Content-Type: text/plain; charset=us-ascii (a comment)", ""),
    ],
)
def test_name_is_decoded_and_harmless(header: str, name: str) -> None:
    assert named(header) == name


def test_name_in_bytes_of_another_charset_is_decoded() -> None:
    raw = message(b'Content-Disposition: attachment; filename="\xe4rzte.pdf"\r\n\r\nx')
    assert find_parts(raw)[0].name == "ärzte.pdf"


@given(st.text("./\\\0\r\n\t\x1b\u202e\u2066\ud800\ufeffaä\U0001f3e5", max_size=300))
def test_clean_name_is_a_name(text: str) -> None:
    name = clean_name(text)
    assert name not in (".", "..")
    assert not set(name) & set("/\\\0\r\n\t\x1b\u202e\u2066")
    assert len(name) <= 255
    name.encode()


@pytest.mark.parametrize(
    ("header", "is_attachment"),
    [
        ("Content-Type: text/xml; name=a.xml", True),
        ("Content-Disposition: inline; filename=a.xml", True),
        ("Content-Disposition: attachment", True),
        ("Content-Disposition: ATTACHMENT ; size=1", True),
        ("Content-Disposition: inline", False),
        ('Content-Disposition: inline; filename=""', False),
        ("X-Other: 1", False),
    ],
)
def test_attachments_have_a_name_or_the_disposition(header: str, is_attachment: bool) -> None:
    assert count_attachments(message(multipart(PLAIN, entity(b"x", header)))) == is_attachment


@pytest.mark.parametrize(
    ("encoding", "encoded", "content"),
    [
        ("base64", b"YWJj\r\nZGVm\r\n", b"abcdef"),
        ("BASE64 ", b"YWJj", b"abc"),
        ("base64", b"YW Jj!\r\n*Z", b"abc"),
        ("base64", b"YWJjZA", b"abcd"),
        ("base64", b"YQ==\r\nYQ==", b"a"),
        ("base64", b"YWJjZ=G", b"abcd"),
        ("base64", b"YWJjZA=Z=X", b"abcd\x06"),
        ("base64", b"", b""),
        ("quoted-printable", b"a=3D=C3=A4=\r\nb =zz\r\n", "a=äb =zz\r\n".encode()),
        ("x-uuencode", b"text before\r\nbegin 644 a\r\n#86)C\r\n`\r\nend\r\nafter", b"abc"),
        ("uuencode", b"no file", b"no file"),
        ("8bit", b"\x00\xff\r\r\n", b"\x00\xff\r\r\n"),
        ("unknown", b"YWJj", b"YWJj"),
    ],
)
def test_part_is_decoded(encoding: str, encoded: bytes, content: bytes) -> None:
    assert only_part(message(entity(encoded, f"Content-Transfer-Encoding: {encoding}"))) == content


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("Ärzte\r\nund\rmehr\n".encode(), "utf-8", "Ärzte\nund\nmehr\n"),
        (b"\xc4rzte", "iso-8859-1", "Ärzte"),
        ("Ärzte".encode(), "us-ascii", "Ärzte"),
        ("Ärzte".encode(), "unknown-8bit", "Ärzte"),
        (b"a\x00b\xff", "utf-8", "a\x00b\ufffd"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        ("Ä\r\n".encode("utf-16-le"), "utf-16le", "Ä\n"),
    ],
)
def test_text_is_decoded_by_its_charset(content: bytes, charset: str, text: str) -> None:
    assert text_of(message(entity(content, f"Content-Type: text/plain; charset={charset}"))) == text


def test_text_is_the_first_plain_part_that_is_no_attachment() -> None:
    note = attachment(b"A file", "text/plain", "note.txt")
    assert text_of(message(multipart(note, multipart(HTML, PLAIN, boundary="inner")))) == "Hello"
    assert text_of(message(multipart(note, HTML))) == ""


@pytest.mark.parametrize(
    ("content", "is_cut"), [("ä" * MAX_TEXT, False), ("ä" * MAX_TEXT + "b", True), ("\r\n" * MAX_TEXT, False)]
)
def test_long_text_is_cut(content: str, is_cut: bool) -> None:
    raw = message(entity(content.encode(), "Content-Type: text/plain; charset=utf-8"))
    text, cut = read_text(raw, find_parts(raw))
    assert (len(text), cut) == (MAX_TEXT, is_cut)


def test_at_most_a_thousand_parts_are_found() -> None:
    raw = message(multipart(*[PLAIN] * 1500))
    assert [part.number for part in find_parts(raw)] == [str(n) for n in range(1, MAX_PARTS + 1)]


def test_multipart_that_is_nested_too_deep_is_a_part() -> None:
    nested = b"".join(
        f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n".encode() for level in range(5000)
    )
    (part,) = find_parts(message(nested))
    assert part.type == "multipart/mixed"
    assert part.number == ".".join(["1"] * 100)


@pytest.mark.parametrize(
    "raw",
    [
        message(entity(b"--b\n" * 200_000, "Content-Type: multipart/mixed; boundary=b")),
        message(entity(b"--b\n\n" + b"--bX\n" * 200_000, "Content-Type: multipart/mixed; boundary=b")),
        b"From: a\n" + b"a:\n" * 300_000,
        b"From: a\nContent-Type: text/plain" + b"\n " * 500_000,
        message(entity(b"", "Content-Type: text/plain; " + "a;" * 500_000 + '"' + '\\"' * 100_000)),
        message(entity(b"x", "Content-Type: text/plain; name*0=" + " " * 500_000 + "x")),
    ],
    ids=["delimiters", "false delimiters", "fields", "folds", "parameters", "spaces"],
)
def test_hostile_messages_have_one_part(raw: bytes) -> None:
    assert len(find_parts(raw)) == 1


_LINES = [
    *(b"", b"--a", b"--a--", b"--b", b"--b--", b"text", b" folded", b"--", b"--ab", b"\0\xff", b"YWJj", b"=3D="),
    *(b"Content-Type: multipart/mixed; boundary=a", b"Content-Type: multipart/digest; boundary=b"),
    *(b"Content-Type: message/rfc822", b"content-type: text/plain; name=x", b"Content-Transfer-Encoding: base64"),
    *(
        b"Content-Disposition: attachment; filename*0*=utf-8''%",
        b"Content-Transfer-Encoding: x-uuencode",
        b"begin 644 a",
    ),
]


@given(st.lists(st.sampled_from(_LINES), max_size=40), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_lines_give_parts_within_the_message(lines: list[bytes], line_end: bytes) -> None:
    raw = line_end.join([b"From: a", *lines])
    parts = find_parts(raw)
    assert parts
    assert len({part.number for part in parts}) == len(parts)
    end = 0
    for part in parts:
        assert end <= part.start <= part.end <= len(raw)
        end = part.end
        decode_part(raw, part)
    read_text(raw, parts)


@given(st.binary())
def test_any_bytes_have_a_part(raw: bytes) -> None:
    parts = find_parts(raw)
    assert parts
    for part in parts:
        decode_part(raw, part)
    read_text(raw, parts)


# Well-formed messages, in which Python's own parser must find the same.
_CONTENT = st.binary(max_size=60)
_ENCODE = {
    "base64": lambda content: base64.encodebytes(content).replace(b"\n", b"\r\n"),
    "quoted-printable": lambda content: quopri.encodestring(content).replace(b"\n", b"\r\n"),
}


@st.composite
def _leaves(draw: st.DrawFn) -> bytes:
    encoding = draw(st.sampled_from(sorted(_ENCODE)))
    name = draw(st.sampled_from(["", '; name="a b.xml"', "; name=x.pdf"]))
    content = _ENCODE[encoding](draw(_CONTENT))
    return entity(
        content,
        f"Content-Type: {draw(st.sampled_from(['text/xml', 'application/pdf']))}{name}",
        f"Content-Transfer-Encoding: {encoding}",
    )


@st.composite
def _multiparts(draw: st.DrawFn, children: st.SearchStrategy[bytes]) -> bytes:
    parts = draw(st.lists(children, min_size=1, max_size=3))
    return multipart(*parts, boundary=uuid.UUID(int=draw(st.integers(0, 2**128 - 1))).hex)


def _python_leaves(entity_: email.message.Message, number: str = "") -> list[tuple[str, str, str, bytes]]:
    if entity_.is_multipart():
        children: list[email.message.Message] = entity_.get_payload()  # type: ignore[assignment]
        prefix = f"{number}." if number else ""
        return [leaf for place, child in enumerate(children, 1) for leaf in _python_leaves(child, f"{prefix}{place}")]
    content = entity_.get_payload(decode=True)
    assert isinstance(content, bytes)
    return [(number or "1", entity_.get_content_type(), entity_.get_filename() or "", content)]


@given(st.recursive(_leaves(), _multiparts, max_leaves=8))
def test_pythons_parser_finds_the_same_parts(body: bytes) -> None:
    raw = message(body)
    found = [(part.number, part.type, part.name, decode_part(raw, part)) for part in find_parts(raw)]
    assert found == _python_leaves(email.message_from_bytes(raw))


@pytest.mark.slow
@pytest.mark.parametrize("program", [["munpack", "-q"], ["ripmime", "-d", ".", "-i"]], ids=["munpack", "ripmime"])
def test_mail_programs_save_the_same_bytes(tmp_path: Path, program: list[str]) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"needs {program[0]}: apt-get install mpack ripmime")
    files = {f"{size}.bin": bytes(range(256)) * (size // 256) + b"\r\n\0" * (size % 3) for size in (256, 5_121, 70_000)}
    files |= {"lines.txt": b"one\r\ntwo\nthree\r\n", "ccd.xml": CCDA, "empty.bin": b""}
    parts = [attachment(content, "application/octet-stream", name) for name, content in files.items()]
    raw = message(multipart(PLAIN, multipart(HTML, *parts[:2], boundary="inner"), *parts[2:]))
    (tmp_path / "letter.eml").write_bytes(raw)
    subprocess.run([*program, "letter.eml"], cwd=tmp_path, check=True, capture_output=True)
    ours = {part.name: decode_part(raw, part) for part in find_parts(raw) if part.name}
    assert ours == files
    # ripmime makes no file of an empty part.
    assert {name: (tmp_path / name).read_bytes() for name, content in ours.items() if content} == {
        name: content for name, content in files.items() if content
    }
