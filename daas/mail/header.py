"""Reads what a list of messages shows of a mail: who sent it, to whom, when, about what.

Mail that breaks the rules is still a patient's mail, so this reader refuses only what is no mail at all. It
reads the header alone, in one pass: email.policy.default crashes on some headers and takes quadratic time on
others, and email.header.decode_header raises on broken base64.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

#: Characters kept of each text: as many as a line of mail may have (RFC 5322, 2.1.1).
MAX_TEXT_LENGTH = 998


@dataclass(frozen=True)
class Envelope:
    """What a mail's header says, as a person reads it.

    `message_id`, `subject`, `sender` (From) and `recipients` (To) are the decoded texts, empty where the mail
    says nothing. They fit in any database and in JSON: one line, no control character or unpaired surrogate
    (U+FFFD stands for each), white space folded to single blanks, at most MAX_TEXT_LENGTH characters.
    `date` is aware, in UTC, and None if the mail has no readable one. `size` is that of the whole mail, in
    bytes.
    """

    message_id: str
    subject: str
    sender: str
    recipients: str
    date: datetime | None
    size: int


class NotAMessage(ValueError):
    """Bytes that are no mail; the text says why, in words for an operator."""


def read_envelope(raw: bytes) -> Envelope:
    """Read the header of a mail, however badly it keeps RFC 5322; of fields that occur twice, the first.

    Takes time in proportion to the header, does not look at the body, and raises nothing but NotAMessage: for
    bytes that are empty, or do not begin with a header in which a field of mail occurs.
    """
    if not raw:
        raise NotAMessage("it is empty")
    fields: dict[bytes, bytes] = {}
    is_mail = False
    for name, value in _read_fields(raw):
        is_mail = is_mail or bool(_FIELD_OF_MAIL.fullmatch(name))
        if name in _FIELDS_READ:
            fields.setdefault(name, value)
    if not is_mail:
        raise NotAMessage("it has no mail header")
    return Envelope(
        message_id=_printable(_decode(fields.get(b"message-id", b""))),
        subject=_printable(_decode_words(fields.get(b"subject", b""))),
        sender=_printable(_decode_words(fields.get(b"from", b""))),
        recipients=_printable(_decode_words(fields.get(b"to", b""))),
        date=_read_date(_printable(_decode(fields.get(b"date", b"")))),
        size=len(raw),
    )


_FIELDS_READ = {b"message-id", b"subject", b"from", b"to", b"date"}
_FIELD_OF_MAIL = re.compile(
    rb"from|sender|reply-to|to|cc|bcc|subject|date|message-id|in-reply-to|references|comments|keywords"
    rb"|received|return-path|delivered-to|envelope-to|mime-version|content-(?:type|transfer-encoding)"
    rb"|disposition-notification-to|authentication-results|dkim-signature|(?:x|resent|list|arc)-.+"
)

# "From : a@example.org" is a field in the obsolete syntax (RFC 5322, 4.5), "From a@example.org" is not.
_POSTMARK = re.compile(rb">?From (?![ \t]*:)[^\r\n]*+")
# Besides postmarks: a byte order mark, blank lines, and the NULs that a crash leaves in a file.
_BEFORE_HEADER = re.compile(rb"(?:[\xef\xbb\xbf\0 \t\r\n]++|%b){0,9}" % _POSTMARK.pattern)
_FIELD_NAME = re.compile(rb"([!-9;-~]++)[ \t]*+:")
# A first line that ends in CR: a field, a fold or an empty line follows, and no LF.
_FIRST_LINE_IN_CR = re.compile(rb"[^\r\n]*+\r(?!\r*+\n)(?:[ \t\r]|%b)" % _FIELD_NAME.pattern)
_LF = re.compile(rb"\n")
_ANY_LINE_END = re.compile(rb"\r\n?|\n")

# Enough for MAX_TEXT_LENGTH characters, each in an encoded word of its own.
_MAX_VALUE_BYTES = 65_536
_UNFINISHED_CHARACTER = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")


def _read_fields(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give each field's name, in lower case, and its unfolded value, cut to _MAX_VALUE_BYTES.

    The header ends at an empty line or at one that is no part of a header, as a body does that has no empty
    line before it. Postmarks are passed over.
    """
    name, value = b"", bytearray()
    for line in _read_lines(raw):
        if name and line.startswith((b" ", b"\t")):
            if len(value) <= _MAX_VALUE_BYTES:
                value += line
            continue
        if name:
            yield name, _cut(value)
            name = b""
        if field := _FIELD_NAME.match(line):
            name, value = field[1].lower(), bytearray(memoryview(line)[field.end() :])
        elif not _POSTMARK.match(line):
            return
    if name:
        yield name, _cut(value)


def _read_lines(raw: bytes) -> Iterator[bytes]:
    """Give the lines from the header's first on, without the LF at their ends.

    A CR is white space, so that lines may end in CR LF or, as some do, in CR CR LF. Only if the first line
    ends in nothing but CR does a CR end any line.
    """
    before = _BEFORE_HEADER.match(raw)
    start = before.end() if before else 0
    line_end = _ANY_LINE_END if _FIRST_LINE_IN_CR.match(raw, start) else _LF
    while end := line_end.search(raw, start):
        yield raw[start : end.start()]
        start = end.end()
    yield raw[start:]


def _cut(value: bytearray) -> bytes:
    if len(value) <= _MAX_VALUE_BYTES:
        return bytes(value)
    return _UNFINISHED_CHARACTER.sub(b"", bytes(value[:_MAX_VALUE_BYTES]))


# RFC 2047, 2, but for blanks and question marks within the text, which exist. The text ends where another
# word begins, so that many unfinished words take no more time than one.
_ENCODED_WORD = re.compile(rb"=\?([!-<>@-~]{1,60})\?([BbQq])\?((?:[^=?]|=(?!\?[!-<>@-~])|\?(?!=))*)\?=")


def _decode_words(value: bytes) -> str:
    """Decode a field with its encoded words (RFC 2047).

    Blanks between two words are no part of the text. Neighbours of one charset are decoded together, since
    many programs split a character between them.
    """
    texts: list[str] = []
    run, run_charset = b"", b""
    position = 0
    for word in _ENCODED_WORD.finditer(value):
        charset = word[1].lower().partition(b"*")[0]  # What follows a star is a language (RFC 2231, 5).
        gap = value[position : word.start()]
        is_neighbour = not gap.strip()
        if not is_neighbour or charset != run_charset:
            texts.append(_decode(run, run_charset.decode("ascii")))
            run = b""
        if not is_neighbour:
            texts.append(_decode(gap))
        run += _decode_base64(word[3]) if word[2] in b"Bb" else binascii.a2b_qp(word[3], header=True)
        run_charset = charset
        position = word.end()
    texts.append(_decode(run, run_charset.decode("ascii")))
    texts.append(_decode(value[position:]))
    return "".join(texts)


def _decode_base64(text: bytes) -> bytes:
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


# What the label says and what programs write under it: the wider charset has the same characters, and more.
_WIDER_CHARSETS = {"iso8859-1": "cp1252", "gb2312": "gb18030"}
# ASCII says nothing of the bytes beyond it. The others are Python's own, not charsets of mail: they warn,
# or take quadratic time.
_CHARSETS_NOT_BELIEVED = {"ascii", "idna", "punycode", "unicode-escape", "raw-unicode-escape"}


def _decode(raw: bytes, label: str = "") -> str:
    """Decode bytes of a header by their label, or else as UTF-8, or else as Windows-1252.

    The last, which is Latin-1 with printable characters in place of control characters, can stand for any
    bytes. Text of a known charset other than ASCII keeps that charset even if some of its bytes are wrong.
    """
    charset = _find_charset(label)
    for candidate, errors in ((charset, "strict"), ("utf-8", "strict"), (charset, "replace")):
        try:
            return raw.decode(candidate, errors)
        except (LookupError, ValueError):
            continue
    return raw.decode("cp1252", errors="replace")


def _find_charset(label: str) -> str:
    """Give the charset to read under a label, empty for one that is unknown or not believed."""
    try:
        charset = codecs.lookup(label).name
    except LookupError:
        return ""
    return "" if charset in _CHARSETS_NOT_BELIEVED else _WIDER_CHARSETS.get(charset, charset)


_NOT_STORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _printable(text: str) -> str:
    """Make a text as Envelope promises it."""
    return _NOT_STORABLE.sub("\ufffd", " ".join(text.split()))[:MAX_TEXT_LENGTH].rstrip()


# parsedate_tz takes a year below 100 for one of two digits, however many it is written with.
_YEAR_BEFORE_100 = re.compile(r"(?<![\d:+-])00\d\d(?![\d:])")


def _read_date(text: str) -> datetime | None:
    """Read a mail's date as leniently as email.utils does, without a known zone as UTC (RFC 5322, 4.3)."""
    try:
        parts = parsedate_tz(text)
        if parts is None or _YEAR_BEFORE_100.search(text):
            return None
        year, month, day, hour, minute, second, *_, offset = parts
        east = offset or 0
        if not 0 <= second <= 60 or abs(east) >= 86_400:
            return None
        # Added, not set, because a leap second is the sixtieth (RFC 5322, 3.3).
        return datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second - east)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
