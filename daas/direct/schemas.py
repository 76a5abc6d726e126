"""What the arguments of the Direct message calls may hold (contract of `POST /direct/messages/move`)."""

import re
from typing import Any

import marshmallow

from ..arguments import Argument, JsonNumber
from .models import STANDARD_FOLDERS

_GREATEST_ID = 2**63 - 1
# The dot-string of RFC 5321, section 4.1.2.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_STRING = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")


def read_mailbox_name(text: str) -> str | None:
    """Give the name of a mailbox in lower case; None for what is no local part of 1 to 64 characters."""
    return text.lower() if len(text) <= 64 and _DOT_STRING.fullmatch(text) else None


def read_id(text: str) -> int | None:
    """Give an id, 1 to 9223372036854775807; None for what is not written as one: no sign, no leading zero."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,18}", text) and int(text) <= _GREATEST_ID else None


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


class MoveArguments(marshmallow.Schema):
    """The arguments of a move."""

    class Meta:
        """Arguments that are not known are ignored."""

        unknown = marshmallow.EXCLUDE

    mailbox = MailboxArgument("Mailbox")
    id = IdArgument("ID")
    folder = FolderArgument("Folder")
