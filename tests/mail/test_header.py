import base64
import binascii
import contextlib
import encodings.aliases
import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import webencodings.labels
from hypothesis import given
from hypothesis import strategies as st

from daas.mail.charsets import decode_labelled
from daas.mail.header import MAX_TEXT_LENGTH, Envelope, NotAMessage, read_envelope

from ..support.tables import each_case

MAIL = (
    b"Return-Path: <zoe@clinic.example.org>\r\n"
    b"Received: from mx.clinic.example.org by hisp.example.org; Mon, 3 Jun 2013 12:14:02 -0500\r\n"
    b"From: =?UTF-8?Q?Zo=C3=AB_M=C3=BCller?= <zoe@clinic.example.org>\r\n"
    b"To: ejaffee@direct.example.org,\r\n"
    b"\tb@direct.example.org\r\n"
    b"Subject: Lab results of\r\n"
    b" 3 June\r\n"
    b"Date: Mon, 3 Jun 2013 12:13:56 -0500\r\n"
    b"Message-ID: <20130603.181@clinic.example.org>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="never"\r\n'
    b"\r\n"
    b"Subject: This is the body\r\n"
)


def read_subject(value: bytes) -> str:
    return read_envelope(b"From: a@example.org\nSubject: " + value + b"\n\nbody\n").subject


def read_date(value: bytes) -> datetime | None:
    return read_envelope(b"From: a@example.org\nDate: " + value + b"\n\nbody\n").date


def assert_storable(envelope: Envelope) -> None:
    texts = (envelope.message_id, envelope.subject, envelope.sender, envelope.recipients)
    for text in texts:
        assert len(text) <= MAX_TEXT_LENGTH
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text)
        assert text == " ".join(text.split())
        assert json.loads(json.dumps(text, ensure_ascii=False).encode()) == text
    if envelope.date is not None:
        assert envelope.date.tzinfo is UTC


def test_envelope_has_header_fields_and_size() -> None:
    assert read_envelope(MAIL) == Envelope(
        message_id="<20130603.181@clinic.example.org>",
        subject="Lab results of 3 June",
        sender="Zoë Müller <zoe@clinic.example.org>",
        recipients="ejaffee@direct.example.org, b@direct.example.org",
        date=datetime(2013, 6, 3, 17, 13, 56, tzinfo=UTC),
        size=len(MAIL),
    )


@each_case(
    ("raw", "reason"),
    [
        pytest.param(b"", "it is empty", id="nothing"),
        pytest.param(b"\r\n \r\n", "it has no mail header", id="blank lines"),
        pytest.param(b"Take 5 mg daily.\nFrom: a@example.org\n", "it has no mail header", id="prose before"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it has no mail header", id="picture"),
        pytest.param(b"name: daas\nversion: 1\n", "it has no mail header", id="fields of something else"),
        pytest.param(b"name: daas\n\nFrom: a@example.org\n", "it has no mail header", id="field in the body"),
        pytest.param(b"From a@example.org Mon Jun  3 12:13:56 2013\n", "it has no mail header", id="postmark"),
        pytest.param(b"From now on: take 5 mg\n", "it has no mail header", id="sentence with a colon"),
        pytest.param(b" : \n", "it has no mail header", id="field without a name"),
        pytest.param(b"one\ntwo\nFrom: a\nTo: b\nSubject: c\n", "it has no mail header", id="two lines before"),
        pytest.param(b"one\nX-A: b\nX-C: d\nMIME-Version: 1.0\nDate: x\n", "it has no mail header", id="weak fields"),
        pytest.param(b"X=a:b\nX-Y=http://z\n", "it has no mail header", id="settings with a colon"),
    ],
)
def test_bytes_without_a_mail_header_are_rejected(raw: bytes, reason: str) -> None:
    with pytest.raises(NotAMessage) as rejected:
        read_envelope(raw)
    assert str(rejected.value) == reason


@each_case(
    "field",
    [
        *(
            b"From",
            b"To",
            b"Cc",
            b"Bcc",
            b"Subject",
            b"Date",
            b"Message-ID",
            b"Received",
            b"Return-Path",
            b"Sender",
        ),
        *(
            b"Reply-To",
            b"Delivered-To",
            b"MIME-Version",
            b"Content-Type",
            b"Resent-Date",
            b"X-Mailer",
            b"SUBJECT",
        ),
    ],
    ids=bytes.decode,
)
def test_one_field_of_mail_makes_a_message(field: bytes) -> None:
    assert read_envelope(b"Unheard-Of: 1\n" + field + b": x\n").size == len(field) + 18


def test_missing_fields_are_empty() -> None:
    assert read_envelope(b"Received: by a\n\n") == Envelope("", "", "", "", None, 16)


@each_case("line_end", [b"\n", b"\r\n", b"\r", b"\r\r\n"], ids=["LF", "CRLF", "CR", "CR CR LF"])
def test_any_line_end_is_accepted(line_end: Any) -> None:
    raw = MAIL.replace(b"\r\n", line_end)
    envelope = read_envelope(raw)
    assert (envelope.subject, envelope.message_id) == (
        "Lab results of 3 June",
        "<20130603.181@clinic.example.org>",
    )
    assert envelope.recipients == "ejaffee@direct.example.org, b@direct.example.org"
    assert envelope.date == datetime(2013, 6, 3, 17, 13, 56, tzinfo=UTC)


@each_case(
    "before",
    [
        pytest.param(b"\xef\xbb\xbf", id="byte order mark"),
        pytest.param(b"\r\n\n \r\n", id="blank lines"),
        pytest.param(b"From zoe@clinic.example.org Mon Jun  3 12:13:56 2013\r\n", id="postmark"),
        pytest.param(b">From zoe@clinic.example.org Mon Jun  3 12:13:56 2013\r\n", id="quoted postmark"),
        pytest.param(b"\xef\xbb\xbf\r\nFrom a\r\n>From b\r\n\r\n", id="all of them"),
        pytest.param(b"\0\0\0", id="NULs"),
        pytest.param(b"X-Relay: a\r\n>From a Mon Jun  3 12:13:56 2013\r\n", id="postmark after a field"),
    ],
)
def test_leftovers_before_a_header_are_ignored(before: Any) -> None:
    assert read_envelope(before + MAIL).subject == "Lab results of 3 June"


@each_case(
    ("header", "subject", "sender"),
    [
        pytest.param(b"Subject: one\nFrom: a\nSubject: two\nFrom: b\n", "one", "a", id="repeated fields"),
        pytest.param(b"Subject:\nFrom: a\nSubject: two\n", "", "a", id="the first empty"),
        pytest.param(b"sUBJECT: one\nFROM: a\n", "one", "a", id="any case"),
        pytest.param(b"Subject : one\nFrom \t: a\n", "one", "a", id="blanks before the colon"),
        pytest.param(b"From : a\nSubject:one\n", "one", "a", id="a field that begins like a postmark"),
        pytest.param(b"Subject:\n one\n \n\ttwo\nFrom: a\n", "one two", "a", id="folded at blank lines"),
        pytest.param(b"Subject: one\nand no field\nFrom: a\n", "one", "a", id="a line that is no field"),
        pytest.param(b"Subject: one\rtwo\nFrom: a\n", "one two", "a", id="CR within a line"),
        pytest.param(b"From: a\nSubject: one\r\rtwo\n", "one two", "a", id="two CRs within a line"),
        pytest.param(b"Subject: one\nodd: line x\nodd one\n folded\nFrom: a\n", "one", "a", id="a folded odd line"),
        pytest.param(b"odd one\nSubject: one\nFrom: a\n", "one", "a", id="an odd line first"),
        pytest.param(b"Subject: one\rFrom: a\r\rTo: b\n", "one", "a", id="LF in the body alone"),
        pytest.param(b"Subject: one\r two\rFrom: a\r", "one two", "a", id="folded with CR"),
        pytest.param(b"Subject: one\nFrom: a", "one", "a", id="no line end"),
        pytest.param(b"From: a\nSubject: one: two", "one: two", "a", id="a colon in the value"),
        pytest.param(b'From: <<a@, "b, (c\nSubject: x\n', "x", '<<a@, "b, (c', id="malformed addresses"),
        pytest.param(b"X:" + b"a" * 10**6 + b"\nFrom: a\nSubject: x\n", "x", "a", id="a long field before"),
    ],
)
def test_malformed_headers_are_read(header: Any, subject: Any, sender: Any) -> None:
    envelope = read_envelope(header)
    assert (envelope.subject, envelope.sender) == (subject, sender)


@each_case(
    ("value", "subject"),
    [
        pytest.param("Zoë".encode(), "Zoë", id="raw UTF-8"),
        pytest.param(b"Zo\xeb", "Zoë", id="raw Latin-1"),
        pytest.param(b"\x93Zo\xeb\x94 \x81", "“Zoë” \ufffd", id="raw Windows-1252"),
        pytest.param(b"=?utf-8?q?Zo=C3=AB_M?=", "Zoë M", id="Q"),
        pytest.param(b"=?UTF-8?B?Wm/Dqw==?=", "Zoë", id="B"),
        pytest.param(b"=?iso-8859-1?q?Zo=EB?=", "Zoë", id="Latin-1"),
        pytest.param(b"=?iso-8859-1?q?=93Zo=EB=94?=", "“Zoë”", id="Windows-1252 labelled Latin-1"),
        pytest.param(b"=?gb2312?b?6Jk=?=", "铏", id="GBK labelled GB2312"),
        pytest.param(b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本", id="Japanese"),
        pytest.param(b"=?iso-8859-2*pl?q?m=B1=BF?=", "mąż", id="with a language"),
        pytest.param(b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c", id="text between words"),
        pytest.param(b"=?utf-8?q?a?=\n  =?utf-8?q?b?= c", "ab c", id="folded between words"),
        pytest.param(b"=?utf-8?q?=C3=AB?= \t =?latin1?b?6w==?=", "ëë", id="two charsets"),
        pytest.param(b"=?utf-8?q?=F0=9F?= =?UTF-8?b?mIA=?=", "😀", id="a character split between words"),
        pytest.param(b"=?utf-8?q?Zo=C3?==?utf-8?q?=AB?=", "Zoë", id="no blank between words"),
        pytest.param(b'"=?utf-8?q?Zo=C3=AB?=" <z@example.org>', '"Zoë" <z@example.org>', id="in quotes"),
        pytest.param(b"=?utf-8?q?Really??= yes", "Really? yes", id="a question mark in a word"),
        pytest.param(b"=?utf-8?q?a b?=", "a b", id="a blank in a word"),
        pytest.param(b"=?utf-8?q?a=ZZ=3?=", "a=ZZ=3", id="broken Q"),
        pytest.param(b"=?utf-8?b?Wm/Dqw?=", "Zoë", id="B without padding"),
        pytest.param(b"=?utf-8?b?Wm/D!qw=?=", "Zoë", id="B with a foreign letter"),
        pytest.param(b"=?utf-8?b?Wm/Dq?=", "Zo\ufffd", id="B cut short"),
        pytest.param(b"=?utf-8?b?A?= b", " b".strip(), id="B of one letter"),
        pytest.param(b"=?utf-8?q?Zo=EB?=", "Zo\ufffd", id="Latin-1 labelled UTF-8"),
        pytest.param(b"=?us-ascii?q?Zo=C3=AB?=", "Zoë", id="UTF-8 labelled ASCII"),
        pytest.param(b"=?us-ascii?q?Zo=EB?=", "Zoë", id="Latin-1 labelled ASCII"),
        pytest.param(b"=?x-unknown?q?Zo=C3=AB?=", "Zoë", id="UTF-8 under an unknown label"),
        pytest.param(b"=?x-unknown?q?Zo=EB?=", "Zoë", id="Latin-1 under an unknown label"),
        pytest.param(b"=?zlib?q?Zo=C3=AB?=", "Zoë", id="a label that is no charset"),
        pytest.param(b"=?unicode-escape?q?=5Cd800?=", "\\d800", id="Python's own escapes"),
        pytest.param(b"=?punycode?q?Zo-jsa?=", "Zo-jsa", id="Punycode"),
        pytest.param(b"=?utf-8?x?abc?=", "=?utf-8?x?abc?=", id="an unknown encoding"),
        pytest.param(b"=?utf-8?q?abc", "=?utf-8?q?abc", id="an unfinished word"),
        pytest.param(b"=?utf-8?q?a =?utf-8?q?b?=", "=?utf-8?q?a b", id="an unfinished word before another"),
        pytest.param(b"=??q?abc?=", "=??q?abc?=", id="a word without a charset"),
        pytest.param(b"Zo\xeb =?utf-8?q?Zo=C3=AB?= " + "Zoë".encode(), "Zoë Zoë Zoë", id="raw beside encoded"),
        pytest.param(b"a\0b\x1bc\x7fd", "a\ufffdb\ufffdc\ufffdd", id="control characters"),
        pytest.param(b"=?utf-8?q?a=0D=0ABcc:_b=00=C2=85=E2=80=A8c?=", "a Bcc: b\ufffd c", id="encoded line ends"),
        pytest.param(b"=?utf-7?q?+2AA-?=", "\ufffd", id="an unpaired surrogate"),
        pytest.param(b"=?utf-8?q?=ED=A0=80?=", "\ufffd" * 3, id="a surrogate in UTF-8"),
        pytest.param(b"  a \t  b  ", "a b", id="blanks"),
    ],
)
def test_text_is_decoded_for_people(value: Any, subject: Any) -> None:
    assert read_subject(value) == subject


# A text that each charset has, with the labels of mail for it.
WIDE_CHARSETS = ["gb18030", "gbk", "gb2312", "big5", "big5-hkscs", "euc-kr", "ks_c_5601-1987", "shift_jis", "euc-jp"]


@each_case("charset", WIDE_CHARSETS)
@each_case("wrong", [b"\xff", b"\xa0"], ids=repr)
def test_wrong_byte_costs_one_character(charset: Any, wrong: Any) -> None:
    text = "日本" if charset not in ("euc-kr", "ks_c_5601-1987") else "결과"
    raw = text.encode(charset)
    word = b"=?%b?b?%b?=" % (charset.encode(), base64.b64encode(raw + b" " + wrong + b" " + raw))
    assert read_subject(word) == f"{text} \ufffd {text}"


@each_case("label", sorted(webencodings.labels.LABELS))
def test_every_label_of_the_encoding_standard_is_known(label: Any) -> None:
    name = webencodings.labels.LABELS[label]
    # Windows-1252 bytes are what an unknown label gives.
    raw = "ж".encode(name) if name.startswith("utf") else b"\xe6\xe7\xe8\xe9"
    if name == "replacement" or label in ("ascii", "us-ascii", "ansi_x3.4-1968"):
        return
    codec = {"gbk": "gb18030", "iso-2022-jp": "cp932"}.get(name)
    expected = raw.decode(codec) if codec else webencodings.decode(raw, label)[0]
    assert decode_labelled(raw, label) == expected


def test_encoded_words_in_message_ids_are_left() -> None:
    envelope = read_envelope(b"From: =?utf-8?q?=C3=AB?=\nTo: =?utf-8?q?=C3=AB?=\nMessage-ID: =?utf-8?q?a?=\n")
    assert (envelope.sender, envelope.recipients, envelope.message_id) == ("ë", "ë", "=?utf-8?q?a?=")


@each_case(
    ("value", "text"),
    [
        pytest.param(b"x" * 3_000_000, "x" * MAX_TEXT_LENGTH, id="ASCII"),
        pytest.param("é".encode() * 100_000, "é" * MAX_TEXT_LENGTH, id="UTF-8"),
        pytest.param(b"x" + "é".encode() * 100_000, "x" + "é" * (MAX_TEXT_LENGTH - 1), id="UTF-8 off by one"),
        pytest.param(b"x\n " * 100_000, ("x " * 499).strip(), id="folded"),
        pytest.param(b"=?utf-8?b?8J+YgA==?=\n " * 5_000, "😀" * MAX_TEXT_LENGTH, id="encoded"),
    ],
)
def test_long_texts_are_cut(value: bytes, text: str) -> None:
    raw = b"".join(name + b": " + value + b"\n" for name in (b"Subject", b"From", b"To"))
    envelope = read_envelope(raw + b"Message-ID: " + b"x" * 3_000_000)
    assert envelope.message_id == "x" * MAX_TEXT_LENGTH
    assert [envelope.subject, envelope.sender, envelope.recipients] == [text, text, text]


@each_case(
    ("value", "date"),
    [
        pytest.param(b"Mon, 3 Jun 2013 12:13:56 -0500", (2013, 6, 3, 17, 13, 56), id="RFC 5322"),
        pytest.param(b"3 Jun 2013 12:13 +0530 (IST)", (2013, 6, 3, 6, 43, 0), id="comment, no seconds"),
        pytest.param(b"Mon, 03 Jun 13 12:13:56 EST", (2013, 6, 3, 17, 13, 56), id="RFC 822"),
        pytest.param(b"Mon Jun  3 12:13:56 2013", (2013, 6, 3, 12, 13, 56), id="asctime"),
        pytest.param(b"Mon, 3 Jun 2013 12:13:56", (2013, 6, 3, 12, 13, 56), id="no zone"),
        pytest.param(b"Mon, 3 Jun 2013 12:13:56 -0000", (2013, 6, 3, 12, 13, 56), id="zone not told"),
        pytest.param(b"Mon, 3 Jun 2013 12:13:56 XYZ", (2013, 6, 3, 12, 13, 56), id="unknown zone"),
        pytest.param(b"Mon,\n 3 Jun 2013 00:13:56 +0000", (2013, 6, 3, 0, 13, 56), id="folded"),
        pytest.param(b"Sat, 31 Dec 2016 23:59:60 +0000", (2017, 1, 1, 0, 0, 0), id="leap second"),
        pytest.param(b"Fri, 31 Dec 9999 23:59:59 +0000", (9999, 12, 31, 23, 59, 59), id="the last year"),
    ],
)
def test_date_is_in_utc(value: Any, date: Any) -> None:
    assert read_date(value) == datetime(*date, tzinfo=UTC)  # type: ignore[misc]


@each_case(
    "value",
    [
        *(
            b"",
            b"yesterday",
            b"Mon,",
            b",",
            b"Mon, 32 Jun 2013 12:13:56 -0500",
            b"Mon, 3 Jun 2013 24:13:56 -0500",
        ),
        *(
            b"Mon, 3 Jun 2013 12:13:61 -0500",
            b"Sat, 1 Jan 0000 00:00:00 +0000",
            b"Mon, 1 Jan 0099 00:00:00 +0000",
        ),
        *(
            b"Mon, 3 Jun 99999 12:13:56 +0000",
            b"Mon, 3 Jun 2013 12:13:56 +9999",
            b"Mon, 3 Jun 2013 12:13:56 -9999",
        ),
        *(
            b"Fri, 31 Dec 9999 23:59:59 -0100",
            b"3 Jun " + b"9" * 5000 + b" 12:13:56",
            b"3 Jun 2013 12:\xd9\xa1:\0",
        ),
    ],
    ids=repr,
)
def test_date_that_cannot_be_understood_is_none(value: Any) -> None:
    assert read_date(value) is None


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2049, 12, 31), timezones=st.timezones()),
    st.sampled_from(
        ["%a, %d %b %Y %H:%M:%S %z", "%d %b %y %H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%Y-%m-%dT%H:%M:%S%z"]
    ),
    st.sampled_from(["", "(a)", "(a (b) \\) c)"]),
)
def test_date_with_comments_is_read_in_any_format(date: Any, form: Any, comment: Any) -> None:
    date = date.replace(
        microsecond=0, tzinfo=timezone(timedelta(minutes=round(date.utcoffset() / timedelta(minutes=1))))
    )
    assert read_date(date.strftime(form).replace(" ", f"{comment} ").encode()) == date


def test_every_python_codec_gives_storable_text() -> None:
    names = set(encodings.aliases.aliases) | set(encodings.aliases.aliases.values()) | {"idna", "undefined"}
    for name in sorted(names):
        for data in (b"", b"a", bytes(range(256)), b"\\N{x}\\ud800\\q", b"+2AA-", b"xn--a-\xff"):
            word = b"=?" + name.encode() + b"?b?" + base64.b64encode(data) + b"?="
            assert_storable(read_envelope(b"Subject: " + word + b"\n"))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_rejected(raw: bytes) -> None:
    with contextlib.suppress(NotAMessage):
        assert_storable(read_envelope(raw))


PIECES = st.sampled_from(
    [
        *(
            b"From",
            b"Subject",
            b"To",
            b"Message-ID",
            b"Date",
            b": ",
            b":",
            b"\n",
            b"\r\n",
            b"\r",
            b" ",
            b"\t",
            b"\n ",
        ),
        *(
            b"=?",
            b"?=",
            b"?",
            b"=",
            b"q",
            b"?b?",
            b"?Q?",
            b"utf-8",
            b"utf-7",
            b"iso-2022-jp",
            b"utf-16",
            b"hz",
            b"idna",
        ),
        *(
            b"=?utf-8?b?",
            b"=?utf-8?q?",
            b"=C3",
            b"=?gb18030?q?",
            b"=?euc-kr?b?",
            b"w7w=",
            b"+2AA-",
            b"\xff",
            b"\0",
        ),
        *(
            b"Mon, ",
            b"3 ",
            b"Jun ",
            b"2013 ",
            b"12:13:56 ",
            b"-0500",
            b"+9999",
            b",",
            b"-",
            b"9" * 30,
            b"0000",
            b"From ",
        ),
        *(
            b'"',
            b"<",
            b"@",
            b"(",
            b"\\",
            "é".encode(),
            "😀".encode(),
            b"\xed\xa0\x80",
            b"\xe2\x80\xa8",
            b"\xc2\x85",
        ),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=3), max_size=40), st.sampled_from([b"Subject", b"From", b"Date"]))
def test_anything_shaped_like_a_header_is_a_message(pieces: Any, name: Any) -> None:
    raw = name + b": " + b"".join(pieces)
    envelope = read_envelope(raw)
    assert_storable(envelope)
    assert envelope.size == len(raw)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60), st.integers(1, 45), st.booleans())
def test_text_split_into_words_anywhere_is_restored(text: Any, size: Any, in_base64: Any) -> None:
    data = text.encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    if in_base64:
        words = [b"=?utf-8?b?" + base64.b64encode(piece) + b"?=" for piece in pieces]
    else:
        words = [b"=?utf-8?q?" + b"=%b" % binascii.hexlify(piece, b"=") + b"?=" for piece in pieces]
    assert read_subject(b"\r\n ".join(words)) == text


@each_case(
    "raw",
    [
        pytest.param(b"\n" * 2_000_000, id="blank lines"),
        pytest.param(b"From a\n" * 300_000, id="postmarks"),
        pytest.param(b"\nFrom a" * 300_000, id="postmarks apart"),
        pytest.param(b"a" * 2_000_000, id="no colon"),
        pytest.param(b"Subject: x" + b"\n y" * 300_000, id="folds"),
        pytest.param(b"Subject: x\n" + b"\r" * 2_000_000, id="CRs"),
        pytest.param(b"Subject: x\n" * 200_000, id="fields"),
        pytest.param(b"Subject: " + b"=?u?q?x " * 250_000, id="unfinished words"),
        pytest.param(b"Subject: " + b"=?" * 1_000_000, id="beginnings of words"),
        pytest.param(b"Subject: =?utf-8?b?" + b"=" * 2_000_000, id="padding"),
        pytest.param(b"Subject: " + b"=?utf-8?q?=C3?= " * 100_000, id="words"),
        pytest.param(b"Date: " + b"1 " * 1_000_000, id="date"),
    ],
)
def test_hostile_headers_take_linear_time(raw: bytes) -> None:
    began = time.thread_time()
    try:
        read_envelope(raw)
    except NotAMessage:
        assert b":" not in raw
    assert time.thread_time() - began < 5


def test_many_from_lines_take_no_memory() -> None:
    assert measure_memory(b"From a\n" * 300_000) < 1_000_000


def test_body_is_not_read() -> None:
    assert measure_memory(MAIL + b"Content-Type: multipart/mixed\r\n" * 1_000_000) < 1_000_000


def measure_memory(raw: bytes) -> int:
    tracemalloc.start()
    try:
        with contextlib.suppress(NotAMessage):
            read_envelope(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
