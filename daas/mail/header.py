"""Reads what a list of messages shows of a mail: who sent it, to whom, when, and about what.

Mail that breaks the rules is still a patient's mail: only bytes that are no mail at all are rejected. The header alone
is read, in one pass: email.policy.default crashes on some headers and takes quadratic time on others, and
email.header.decode_header raises on broken base64.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .charsets import decode_labelled, decode_unlabelled
from .dates import read_date

#: Characters kept of each text: as many as a line of mail may have (RFC 5322, 2.1.1).
MAX_TEXT_LENGTH = 998


@dataclass(frozen=True)
class Envelope:
    """The header of a mail, as a person reads it.

    `message_id`, `subject`, `sender` (From) and `recipients` (To) are decoded texts, empty if the field is missing.
    They fit in any database and in JSON: one line, U+FFFD for each control character or unpaired surrogate, white space
    folded to single spaces, at most MAX_TEXT_LENGTH characters. `date` is in UTC, None if the mail has none or if it
    cannot be understood. `size` is the size of the whole mail in bytes.
    """

    message_id: str
    subject: str
    sender: str
    recipients: str
    date: datetime | None
    size: int


class NotAMessage(ValueError):
    """Bytes that are no mail; the text gives operators the reason."""


def read_envelope(raw: bytes) -> Envelope:
    """Return the header of a mail, however badly it keeps RFC 5322; the first of repeated fields counts.

    Takes time in proportion to the header. Raises NotAMessage for bytes that are empty or do not begin with a header
    of mail, as MailHeaderCheck decides.
    """
    if not raw:
        raise NotAMessage("it is empty")
    start = find_header(raw)
    _check_is_mail(raw, start)
    fields: dict[bytes, bytes] = {}
    for name, value in _read_fields(raw, start):
        if name in _FIELDS_READ:
            fields.setdefault(name, value)
    declared = _find_charset(raw, start, fields)
    return Envelope(
        message_id=_printable(decode_unlabelled(fields.get(b"message-id", b""), declared)),
        subject=_printable(decode_words(fields.get(b"subject", b""), declared)),
        sender=_printable(decode_words(fields.get(b"from", b""), declared)),
        recipients=_printable(decode_words(fields.get(b"to", b""), declared)),
        date=read_date(_printable(decode_unlabelled(fields.get(b"date", b"")))),
        size=len(raw),
    )


def read_cc(raw: bytes) -> str:
    """Return the text of a mail's Cc field, in the form that Envelope promises; empty if there is none."""
    start = find_header(raw)
    value = next((value for name, value in _read_fields(raw, start) if name == b"cc"), b"")
    declared = "" if value.isascii() else _find_charset(raw, start, dict(_read_fields(raw, start)))
    return _printable(decode_words(value, declared))


class MailHeaderCheck:
    """Decides line by line whether lines are the header of a mail.

    They are as soon as a field of mail occurs. One line that is no field may come before it if two fields of mail
    follow (X-, Content- and MIME- fields do not count then); a strict check accepts no such line. Calendars, vCards,
    ini files, HTML and XML are no mail.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._bad_lines = 0
        self._mail_fields: set[bytes] = set()
        self.has_begun = False

    def add(self, line: bytes) -> bool | None:
        """Return whether the lines so far are a header of mail, None if that is still open."""
        has_begun, self.has_begun = self.has_begun, True
        if line.startswith((b" ", b"\t")):
            return None if has_begun else False
        if _OTHER_FORMAT.match(line):
            return False
        field = _FIELD_NAME.match(line)
        if field is None:
            self._bad_lines += 1
            return False if self._strict or self._bad_lines > 1 else None
        name = field[1].lower()
        if _FIELD_OF_MAIL.fullmatch(name):
            if not self._bad_lines:
                return True
            if not name.startswith((b"x-", b"content-", b"mime-")):
                self._mail_fields.add(name)
        return True if len(self._mail_fields) > 1 else None


_FIELDS_READ = {b"message-id", b"subject", b"from", b"to", b"date", b"content-type"}
_FIELD_OF_MAIL = re.compile(
    rb"from|sender|reply-to|to|cc|bcc|subject|date|message-id|in-reply-to|references|comments|keywords"
    rb"|received|return-path|delivered-to|envelope-to|mime-version|content-(?:type|transfer-encoding)"
    rb"|disposition-notification-to|authentication-results|dkim-signature|(?:x|resent|list|arc)-[^=]+"
)
# vCalendar, vCard and their parts; the section of an ini file; HTML and XML.
_OTHER_FORMAT = re.compile(rb"BEGIN[ \t]*:[ \t]*V|\[[^\]]*\][ \t\r]*\Z|<", re.IGNORECASE)

# "From : a@example.org" is a field in the obsolete syntax (RFC 5322, 4.5), "From a@example.org" is not.
_POSTMARK = re.compile(rb">?From (?![ \t]*:)[^\r\n]*+")
# Besides postmarks: a byte order mark, empty lines, and the NULs that a crash leaves in a file.
_BEFORE_HEADER = re.compile(rb"(?:[\xef\xbb\xbf\0 \t\r\n]++|%b){0,9}" % _POSTMARK.pattern)
_FIELD_NAME = re.compile(rb"([!-9;-~]++)[ \t]*+:")
# A first line that ends in CR: a field, a fold or an empty line follows, and no LF.
_FIRST_LINE_IN_CR = re.compile(rb"[^\r\n]*+\r(?!\r*+\n)(?:[ \t\r]|%b)" % _FIELD_NAME.pattern)
_LF = re.compile(rb"\n")
_ANY_LINE_END = re.compile(rb"\r\n?|\n")

# Enough for MAX_TEXT_LENGTH characters, each in an encoded word of its own.
_MAX_VALUE_BYTES = 65_536
_UNFINISHED_CHARACTER = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")


def find_header(raw: bytes) -> int:
    """Return where the header of a mail begins."""
    before = _BEFORE_HEADER.match(raw)
    return before.end() if before else 0


def _check_is_mail(raw: bytes, start: int) -> None:
    check = MailHeaderCheck()
    for line in _read_lines(raw, start):
        if _POSTMARK.match(line):
            continue
        if not line.strip(b"\r"):
            break
        is_mail = check.add(line)
        if is_mail:
            return
        if is_mail is not None:
            break
    raise NotAMessage("it has no mail header")


def _read_fields(raw: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield each field's name, in lower case, and its unfolded value, cut to _MAX_VALUE_BYTES.

    The header ends at an empty line. Other lines that are no field are ignored, with the lines folded to them.
    """
    name, value = b"", bytearray()
    for line in _read_lines(raw, start):
        if line.startswith((b" ", b"\t")):
            if name and len(value) <= _MAX_VALUE_BYTES:
                value += line
            continue
        if name:
            yield name, _cut(value)
            name = b""
        if not line.strip(b"\r"):
            return
        if field := _FIELD_NAME.match(line):
            name, value = field[1].lower(), bytearray(memoryview(line)[field.end() :])
    if name:
        yield name, _cut(value)


def _read_lines(raw: bytes, start: int) -> Iterator[bytes]:
    """Yield the lines from a place on, without the LF at their ends.

    A CR is white space, so that lines may end in CR LF or, as some do, in CR CR LF.
    """
    line_end = _ANY_LINE_END if ends_lines_in_cr(raw, start) else _LF
    while end := line_end.search(raw, start):
        yield raw[start : end.start()]
        start = end.end()
    yield raw[start:]


def ends_lines_in_cr(raw: bytes, start: int) -> bool:
    """Return whether a CR ends the lines of a mail: if the first line ends so, or there is no LF."""
    return _FIRST_LINE_IN_CR.match(raw, start) is not None or raw.find(b"\n", start) < 0


def _cut(value: bytearray) -> bytes:
    if len(value) <= _MAX_VALUE_BYTES:
        return bytes(value)
    return _UNFINISHED_CHARACTER.sub(b"", bytes(value[:_MAX_VALUE_BYTES]))


_CHARSET = re.compile(rb"""charset[ \t]*=[ \t]*["']?([^\s"';]{1,60})""", re.IGNORECASE)
# The header of a multipart's first part is within so many bytes of the message's beginning.
_FIRST_PART_WITHIN = 65_536


def _find_charset(raw: bytes, start: int, fields: dict[bytes, bytes]) -> str:
    """Return the charset that a message declares, in its header or in that of its first part; empty if there is none.

    It is needed only if the header has text that is neither ASCII nor in encoded words.
    """
    if all(value.isascii() for value in fields.values()):
        return ""
    content_type = fields.get(b"content-type", b"")
    found = _CHARSET.search(content_type)
    if found is None and content_type.strip().lower().startswith(b"multipart/"):
        found = _CHARSET.search(raw, start, start + _FIRST_PART_WITHIN)
    return "" if found is None else found[1].decode("ascii", errors="replace")


# RFC 2047, 2, and also spaces and question marks within the text, which exist. The text ends where another word begins,
# so that many unfinished words take no more time than one.
_ENCODED_WORD = re.compile(rb"=\?([!-<>@-~]{1,60})\?([BbQq])\?((?:[^=?]|=(?!\?[!-<>@-~])|\?(?!=))*)\?=")


def decode_words(value: bytes, declared: str = "") -> str:
    """Return a field's text with its encoded words decoded (RFC 2047).

    Spaces between two words are no part of the text. Neighbours of one charset are decoded together, since many
    programs split a character between them. Other text is decoded by the charset that the message declares.
    """
    texts: list[str] = []
    run, run_charset = b"", b""
    position = 0
    for word in _ENCODED_WORD.finditer(value):
        charset = word[1].lower().partition(b"*")[0]  # What follows a star is a language (RFC 2231, 5).
        gap = value[position : word.start()]
        is_neighbour = not gap.strip()
        if not is_neighbour or charset != run_charset:
            texts.append(decode_labelled(run, run_charset.decode("ascii"), declared))
            run = b""
        if not is_neighbour:
            texts.append(decode_unlabelled(gap, declared))
        run += _decode_base64(word[3]) if word[2] in b"Bb" else binascii.a2b_qp(word[3], header=True)
        run_charset = charset
        position = word.end()
    texts.append(decode_labelled(run, run_charset.decode("ascii"), declared))
    texts.append(decode_unlabelled(value[position:], declared))
    return "".join(texts)


def _decode_base64(text: bytes) -> bytes:
    digits = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


_NOT_STORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _printable(text: str) -> str:
    """Return a text in the form that Envelope promises."""
    return _NOT_STORABLE.sub("\ufffd", " ".join(text.split()))[:MAX_TEXT_LENGTH].rstrip()
