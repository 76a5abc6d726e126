"""What the arguments of the Direct message calls may hold."""

import datetime
import re
import unicodedata
from typing import Any

import marshmallow

from ..arguments import Argument, JsonNumber
from ..signing.dates import DateUnreadable, read_date
from .models import GREATEST_ID, STANDARD_FOLDERS

_GREATEST_LIMIT = 1000
_LONGEST_TEXT = 998
# The dot-string of RFC 5321, section 4.1.2.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")


def read_mailbox_name(text: str) -> str | None:
    """Give the name of a mailbox in lower case; None for what is no local part of 1 to 64 characters."""
    return text.lower() if len(text) <= 64 and _DOT_STRING.fullmatch(text) else None


def read_id(text: str) -> int | None:
    """Give an id, 1 to 9223372036854775807; None for what is not written as one: no sign, no leading zero."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,18}", text) and int(text) <= GREATEST_ID else None


def has_control_characters(text: str) -> bool:
    """Tell whether a text holds what no name or subject has: C0 and C1 controls, unpaired surrogates."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def read_folder(text: str) -> str | int | None:
    """Give a standard folder's documented name, whatever the case, or an id; None for anything else."""
    named = {name.lower(): name for name in STANDARD_FOLDERS}
    return named.get(text.lower()) or read_id(text)


class MailboxArgument(Argument):
    """The local part of a Direct address; understood in lower case."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and not isinstance(value, JsonNumber) and (name := read_mailbox_name(value)):
            return name
        raise self.make_error("invalid")


class IdArgument(Argument):
    """Which message: a decimal whole number."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value)):
            return number
        raise self.make_error("invalid")


class FolderArgument(Argument):
    """A folder: a standard one's name, or the id of a custom one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | int:
        if isinstance(value, str) and (folder := read_folder(value)):
            return folder
        raise self.make_error("invalid")


class TextArgument(Argument):
    """A part of a text to look for: 1 to 998 characters, none of them a control character."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and len(value) <= _LONGEST_TEXT and not has_control_characters(value):
            return value
        raise self.make_error("invalid")


class DateArgument(Argument):
    """A date in one of the forms of a signed request's; understood as a moment in UTC."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime.datetime:
        try:
            return datetime.datetime.fromtimestamp(read_date(str(value)).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError) as error:
            raise self.make_error("invalid") from error


class LimitArgument(Argument):
    """How many to give at most: 1 to 1000."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value)) and number <= _GREATEST_LIMIT:
            return number
        raise self.make_error("invalid")


class _Arguments(marshmallow.Schema):
    class Meta:
        """Arguments that are not known are ignored."""

        unknown = marshmallow.EXCLUDE

    mailbox = MailboxArgument("Mailbox")


class MoveArguments(_Arguments):
    """The arguments of a move."""

    id = IdArgument("ID")
    folder = FolderArgument("Folder")


class FoldersArguments(_Arguments):
    """The arguments of a list of folders."""


class MessagesArguments(_Arguments):
    """The arguments of a list of messages."""

    folder = FolderArgument("Folder", required=False, load_default=None)
    subject = TextArgument("Subject", required=False, load_default=None)
    sender = TextArgument("From", required=False, load_default=None, data_key="from")
    since = DateArgument("Since", required=False, load_default=None)
    until = DateArgument("Until", required=False, load_default=None)
    limit = LimitArgument("Limit", required=False, load_default=100)
    after = IdArgument("After", required=False, load_default=0)
