"""What the arguments of the Direct message calls may hold, and what their answers show."""

import datetime
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import marshmallow
from marshmallow import fields

from ..mailboxes.models import MAX_ID, STANDARD_FOLDERS, date_text
from ..signing.dates import DateUnreadable, read_date
from ..web.arguments import Argument, JsonNumber, whole_numbers_to

_GREATEST_LIMIT = 1000
_LONGEST_NAME = 64
_LONGEST_TEXT = 998


# The patterns stand in the OpenAPI document too: what they have in common is what JavaScript reads as Python does.
# The dot-string of RFC 5321, section 4.1.2.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_STRING = rf"{_ATEXT}(?:\.{_ATEXT})*"
_ID = whole_numbers_to(MAX_ID)
_LIMIT = whole_numbers_to(_GREATEST_LIMIT)
_STANDARD_FOLDER = "|".join(re.sub("[a-z]", lambda c: f"[{c[0].upper()}{c[0]}]", n.lower()) for n in STANDARD_FOLDERS)

# A body of JSON may hold the number itself.
_A_NUMBER = {"type": ["string", "integer"], "minimum": 1}


def read_mailbox_name(text: str) -> str | None:
    """Give the name of a mailbox in lower case; None for what is no local part of 1 to 64 characters."""
    return text.lower() if len(text) <= _LONGEST_NAME and re.fullmatch(_DOT_STRING, text) else None


def read_id(text: str) -> int | None:
    """Give an id, 1 to 9223372036854775807; None for what is not written as one: no sign, no leading zero."""
    return int(text) if re.fullmatch(_ID, text) else None


def has_control_characters(text: str) -> bool:
    """Tell whether a text holds what no name or subject has: C0 and C1 controls, unpaired surrogates."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def read_folder(text: str) -> str | int | None:
    """Give a standard folder's documented name, whatever the case, or an id; None for anything else."""
    named = {name.lower(): name for name in STANDARD_FOLDERS}
    return named.get(text.lower()) or read_id(text)


class MailboxArgument(Argument):
    """The local part of a Direct address; understood in lower case."""

    form: Mapping[str, Any] = {
        "type": "string",
        "maxLength": _LONGEST_NAME,
        "pattern": f"^{_DOT_STRING}$",
        "examples": ["ejaffee"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and not isinstance(value, JsonNumber) and (name := read_mailbox_name(value)):
            return name
        raise self.make_error("invalid")


class IdArgument(Argument):
    """The id of a message: a decimal whole number."""

    form: Mapping[str, Any] = {**_A_NUMBER, "format": "int64", "pattern": f"^({_ID})$", "examples": ["181"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value)):
            return number
        raise self.make_error("invalid")


class FolderArgument(Argument):
    """A folder: a standard one's name (Inbox, Sent, Archived or Draft, in any case), or the id of a custom one."""

    form: Mapping[str, Any] = {
        **_A_NUMBER,
        "format": "int64",
        "pattern": f"^({_STANDARD_FOLDER}|{_ID})$",
        "examples": ["5", "Archived"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | int:
        if isinstance(value, str) and (folder := read_folder(value)):
            return folder
        raise self.make_error("invalid")


class TextArgument(Argument):
    """A part of a text to look for, without regard to case: 1 to 998 characters, none of them a control character."""

    form: Mapping[str, Any] = {
        "type": "string",
        "maxLength": _LONGEST_TEXT,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and len(value) <= _LONGEST_TEXT and not has_control_characters(value):
            return value
        raise self.make_error("invalid")


class DateArgument(Argument):
    """A date in one of the forms of a signed request's; understood as a moment in UTC, inclusive."""

    form: Mapping[str, Any] = {"type": "string", "examples": ["2026-11-02T15:00:00Z"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime.datetime:
        try:
            return datetime.datetime.fromtimestamp(read_date(str(value)).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError) as error:
            raise self.make_error("invalid") from error


class LimitArgument(Argument):
    """How many to give at most: 1 to 1000."""

    form: Mapping[str, Any] = {**_A_NUMBER, "maximum": _GREATEST_LIMIT, "pattern": f"^({_LIMIT})$"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and re.fullmatch(_LIMIT, value):
            return int(value)
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

    folder = FolderArgument("Folder", required=False)
    subject = TextArgument("Subject", required=False)
    sender = TextArgument("From", required=False, data_key="from")
    since = DateArgument("Since", required=False)
    until = DateArgument("Until", required=False)
    limit = LimitArgument("Limit", required=False, load_default=100)
    after = IdArgument("After", required=False, description="The `next` of the page before.")


class _Reply(marshmallow.Schema):
    request_id = fields.String(required=True, metadata={"pattern": "^[1-9][0-9]*$"})
    mailbox = fields.String(required=True)


class MoveReply(_Reply):
    """A move that is on disk: the values as understood."""

    id = fields.String(required=True)
    folder = fields.String(required=True)


class FolderShown(marshmallow.Schema):
    """A custom folder of a mailbox."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class FoldersReply(_Reply):
    """The custom folders of a mailbox, in the order of their ids."""

    folders = fields.List(fields.Nested(FolderShown), required=True)


class DateShown(fields.Field[datetime.datetime]):
    """A message's date in whole seconds of UTC; nothing if it has none."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"type": "string", "pattern": "^([0-9T:-]{19}Z)?$"})

    def _serialize(self, value: datetime.datetime | None, *_: Any, **__: Any) -> str:
        return date_text(value)


class MessageShown(marshmallow.Schema):
    """A message; its folder is a standard one's name or a custom one's id, its size in bytes."""

    id = fields.String(required=True)
    folder = fields.String(required=True)
    subject = fields.String(required=True)
    sender = fields.String(required=True, data_key="from")
    recipients = fields.String(required=True, data_key="to")
    date = DateShown()
    size = fields.String(required=True)


class MessagesReply(_Reply):
    """A page of messages, in the order of their ids; `next` is there if there are more, the `after` of their page."""

    messages = fields.List(fields.Nested(MessageShown), required=True)
    next = fields.String()
