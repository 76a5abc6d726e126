"""The arguments of the Direct message calls, their validation, and the fields of the responses."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

import marshmallow
from marshmallow import fields

from ..mailboxes.models import date_text
from ..mailboxes.names import (
    MAILBOX_PATTERN,
    MAX_MAILBOX_NAME,
    STANDARD_FOLDER_PATTERN,
    has_control_characters,
    read_folder,
    read_mailbox_name,
)
from ..records.own_log import shown_reasons
from ..signing.dates import DateUnreadable, read_date
from ..signing.json_pairs import JsonNumber
from ..storage.ids import ID_PATTERN, read_id
from ..web.arguments import Argument

_MAX_LIMIT = 1000
_MAX_TEXT = 998
#: The maximum number of messages of a batch.
MAX_BATCH = 1000
_FROM_FOLDER = "Where the message must be, as in `folder`; if it is elsewhere, it is not moved."
_ATOMIC = "1: either all messages move or none."
# A part can be a hundred levels deep.
_MAX_PART = 512
_PART_PATTERN = r"[1-9][0-9]{0,3}(\.[1-9][0-9]{0,3})*(/[1-9][0-9]{0,3})?"

# A JSON body may have the number itself.
_A_NUMBER = {"type": ["string", "integer"], "minimum": 1}


def _absent() -> None:
    """Return the value of an argument that was not sent; a function, so that the OpenAPI document shows no default."""


class MailboxArgument(Argument):
    """The local part of a Direct address, without regard to case."""

    form: Mapping[str, Any] = {
        "type": "string",
        "maxLength": MAX_MAILBOX_NAME,
        "pattern": f"^{MAILBOX_PATTERN}$",
        "examples": ["demo.clinician"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and not isinstance(value, JsonNumber) and (name := read_mailbox_name(value)):
            return name
        raise self.make_error("invalid")


class IdArgument(Argument):
    """The id of a message: a decimal whole number."""

    form: Mapping[str, Any] = {**_A_NUMBER, "format": "int64", "pattern": f"^{ID_PATTERN}$", "examples": ["1"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value)):
            return number
        raise self.make_error("invalid")


class IdsArgument(Argument):
    """The ids of 1 to 1000 messages, none of them twice; in a form `id` is repeated."""

    array_name = "ids"
    form: Mapping[str, Any] = {
        "type": "array",
        "items": IdArgument.form,
        "minItems": 1,
        "maxItems": MAX_BATCH,
        "uniqueItems": True,
        "examples": [["1", "2", "3"]],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[int]:
        if 1 <= len(value) <= MAX_BATCH and all(isinstance(text, str) for text in value):
            numbers = [number for text in value if (number := read_id(text))]
            if len({*numbers}) == len(value):
                return numbers
        raise self.make_error("invalid")


class FlagArgument(Argument):
    """Yes (1) or no (0)."""

    form: Mapping[str, Any] = {
        "type": ["string", "integer"],
        "pattern": "^[01]$",
        "minimum": 0,
        "maximum": 1,
        "default": "0",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if isinstance(value, str) and value in ("0", "1"):
            return value == "1"
        raise self.make_error("invalid")


class FolderArgument(Argument):
    """A folder: a standard one's name (Inbox, Sent, Archived or Draft, in any case), or the id of a custom one."""

    form: Mapping[str, Any] = {
        **_A_NUMBER,
        "format": "int64",
        "pattern": f"^({STANDARD_FOLDER_PATTERN}|{ID_PATTERN})$",
        "examples": ["5", "Archived"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | int:
        if isinstance(value, str) and (folder := read_folder(value)):
            return folder
        raise self.make_error("invalid")


class TextArgument(Argument):
    """A part of a text, found without regard to case: 1 to 998 characters, none of them a control character."""

    form: Mapping[str, Any] = {
        "type": "string",
        "maxLength": _MAX_TEXT,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and len(value) <= _MAX_TEXT and not has_control_characters(value):
            return value
        raise self.make_error("invalid")


class DateArgument(Argument):
    """A date, inclusive, in one of the formats that the Date header may have."""

    form: Mapping[str, Any] = {"type": "string", "examples": ["2026-11-02T15:00:00Z"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime.datetime:
        try:
            return datetime.datetime.fromtimestamp(read_date(str(value)).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError) as error:
            raise self.make_error("invalid") from error


class LimitArgument(Argument):
    """The greatest number of entries in the page: 1 to 1000."""

    form: Mapping[str, Any] = {**_A_NUMBER, "maximum": _MAX_LIMIT, "pattern": f"^{ID_PATTERN}$"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value, _MAX_LIMIT)):
            return number
        raise self.make_error("invalid")


class PartArgument(Argument):
    """The number of a part, as a read lists it; that of a file in an XDM package has a slash."""

    form: Mapping[str, Any] = {
        "type": "string",
        "maxLength": _MAX_PART,
        "pattern": f"^{_PART_PATTERN}$",
        "examples": ["2", "2/1"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and len(value) <= _MAX_PART and re.fullmatch(_PART_PATTERN, value):
            return value
        raise self.make_error("invalid")


class StatusArgument(Argument):
    """An HTTP status, such as 401."""

    form: Mapping[str, Any] = {
        "type": ["string", "integer"],
        "minimum": 100,
        "maximum": 599,
        "pattern": "^[1-5][0-9][0-9]$",
        "examples": ["401"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and (number := read_id(value, 599)) and number >= 100:
            return number
        raise self.make_error("invalid")


class ReasonArgument(Argument):
    """A reason of the request log, as the page of errors lists them."""

    form: Mapping[str, Any] = {"type": "string", "enum": shown_reasons(), "examples": ["date-outside-window"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, str) and value in self.form["enum"]:
            return value
        raise self.make_error("invalid")


class _AnyArguments(marshmallow.Schema):
    class Meta:
        """Unknown arguments are ignored."""

        unknown = marshmallow.EXCLUDE


class _Arguments(_AnyArguments):
    mailbox = MailboxArgument("Mailbox")


class MoveArguments(_Arguments):
    """The arguments of a move."""

    id = IdArgument("ID")
    folder = FolderArgument("Folder")
    from_folder = FolderArgument("From Folder", required=False, load_default=_absent, description=_FROM_FOLDER)


class BatchArguments(_Arguments):
    """The arguments of a batch in a form, where `id` is repeated."""

    id = IdsArgument("ID")
    folder = FolderArgument("Folder")
    from_folder = FolderArgument("From Folder", required=False, load_default=_absent, description=_FROM_FOLDER)
    atomic = FlagArgument("Atomic", required=False, load_default=bool, description=_ATOMIC)


class JsonBatchArguments(BatchArguments):
    """The arguments of a batch in JSON, where `ids` is an array."""

    class Meta(BatchArguments.Meta):
        """The array has a name of its own."""

        exclude = ("id",)

    ids = IdsArgument("ID", description="The ids of 1 to 1000 messages, none of them twice.")


class ReadArguments(_Arguments):
    """The arguments of a read of a message, and of its bytes."""

    id = IdArgument("ID")


class PartArguments(ReadArguments):
    """The arguments of a read of a part."""

    part = PartArgument("Part")


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
    after = IdArgument("After", required=False, description="The `next` of the previous page.")


class RestoreArguments(_Arguments):
    """The arguments of a restore."""

    id = IdArgument("ID")
    from_folder = FolderArgument("From Folder", required=False, load_default=_absent, description=_FROM_FOLDER)


class HistoryArguments(_Arguments):
    """The arguments of a list of a message's moves."""

    id = IdArgument("ID")
    limit = LimitArgument("Limit", required=False, load_default=100)
    after = IdArgument("After", required=False, description="The `next` of the previous page.")


class RequestsArguments(_AnyArguments):
    """The arguments of a list of an application's requests."""

    since = DateArgument("Since", required=False)
    until = DateArgument("Until", required=False)
    status = StatusArgument("Status", required=False)
    reason = ReasonArgument("Reason", required=False)
    mailbox = MailboxArgument("Mailbox", required=False)
    id = IdArgument("ID", required=False)
    limit = LimitArgument("Limit", required=False, load_default=100)
    before = IdArgument("Before", required=False, description="The `next` of the previous page.")


class _AnyReply(marshmallow.Schema):
    request_id = fields.String(required=True, metadata={"pattern": "^[1-9][0-9]*$"})


class _Reply(_AnyReply):
    mailbox = fields.String(required=True)


class MoveReply(_Reply):
    """A move that is on disk, with its arguments as the service understood them."""

    id = fields.String(required=True)
    folder = fields.String(required=True)


class FailedShown(marshmallow.Schema):
    """A message of a batch that was not moved, with the message of the error that it would get alone."""

    id = fields.String(required=True)
    message = fields.String(required=True)


class BatchReply(_Reply):
    """A batch that is on disk: the ids of the messages that moved and those that did not, in the requested order."""

    folder = fields.String(required=True)
    moved = fields.List(fields.String(), required=True)
    failed = fields.List(fields.Nested(FailedShown), required=True)


class FolderShown(marshmallow.Schema):
    """A custom folder of a mailbox."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class FoldersReply(_Reply):
    """The custom folders of a mailbox, in the order of their ids."""

    folders = fields.List(fields.Nested(FolderShown), required=True)


class DateShown(fields.Field[datetime.datetime]):
    """A message's date in UTC, in whole seconds; empty if it has none."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"type": "string", "pattern": "^([0-9T:-]{19}Z)?$"})

    def _serialize(self, value: datetime.datetime | None, *_: Any, **__: Any) -> str:
        return date_text(value)


class MessageShown(marshmallow.Schema):
    """A message; its folder is a standard folder's name or a custom folder's id, and its size is in bytes.

    `attachments` is the number of its parts that have a file name or the disposition `attachment`.
    """

    id = fields.String(required=True)
    folder = fields.String(required=True)
    subject = fields.String(required=True)
    sender = fields.String(required=True, data_key="from")
    recipients = fields.String(required=True, data_key="to")
    date = DateShown()
    size = fields.String(required=True)
    attachments = fields.String(required=True)


class MessagesReply(_Reply):
    """A page of messages, in the order of their ids; if there are more, `next` is the `after` of the next page."""

    messages = fields.List(fields.Nested(MessageShown), required=True)
    next = fields.String()


class PartShown(marshmallow.Schema):
    """A part of a message, or a file in a part that is an XDM package.

    `part` is IMAP's number, for a file followed by `/` and the file's number; `name` the file name, empty if there is
    none; `path` a file's path in the package, which is never to be opened as one. `size` and `sha256` are those of the
    decoded bytes. `document` is `C-CDA` for a clinical document.
    """

    part = fields.String(required=True)
    type = fields.String(required=True)
    name = fields.String(required=True)
    path = fields.String()
    size = fields.String(required=True)
    sha256 = fields.String(required=True, metadata={"pattern": "^[0-9a-f]{64}$"})
    document = fields.String(metadata={"enum": ["C-CDA"]})


class ReadReply(_Reply):
    """A message with its text and its parts.

    `text` is the first part of the type text/plain that is no attachment, empty without one; `text_cut` is `1` if only
    its first 65,536 characters are shown.
    """

    id = fields.String(required=True)
    folder = fields.String(required=True)
    message_id = fields.String(required=True)
    subject = fields.String(required=True)
    sender = fields.String(required=True, data_key="from")
    recipients = fields.String(required=True, data_key="to")
    cc = fields.String(required=True)
    date = DateShown()
    size = fields.String(required=True)
    text = fields.String(required=True)
    text_cut = fields.String(metadata={"const": "1"})
    parts = fields.List(fields.Nested(PartShown), required=True)


class TimeShown(fields.Field[datetime.datetime]):
    """A time in UTC, in whole seconds."""

    def __init__(self) -> None:
        super().__init__(required=True, metadata={"type": "string", "pattern": "^[0-9T:-]{19}Z$"})

    def _serialize(self, value: datetime.datetime | None, *_: Any, **__: Any) -> str:
        return date_text(value)


class MoveShown(marshmallow.Schema):
    """A move that changed a message's folder; `application` is empty unless the calling application made the move."""

    request_id = fields.String(required=True)
    at = TimeShown()
    application = fields.String(required=True)
    moved_from = fields.String(required=True, data_key="from")
    moved_to = fields.String(required=True, data_key="to")


class HistoryReply(_Reply):
    """A page of a message's moves, oldest first; `complete` is `0` if requests after its arrival were pruned."""

    id = fields.String(required=True)
    folder = fields.String(required=True)
    moves = fields.List(fields.Nested(MoveShown), required=True)
    next = fields.String()
    complete = fields.String(required=True, metadata={"enum": ["0", "1"]})


class RequestShown(marshmallow.Schema):
    """A request that named a key of the application; without a valid signature, what it asked for is empty."""

    request_id = fields.String(required=True)
    at = TimeShown()
    method = fields.String(required=True)
    path = fields.String(required=True)
    service = fields.String(required=True)
    status = fields.String(required=True)
    reason = fields.String(required=True)
    mailbox = fields.String(required=True)
    id = fields.String(required=True)
    folder = fields.String(required=True)
    moved_from = fields.String(required=True, data_key="from")
    moved_to = fields.String(required=True, data_key="to")
    remote_address = fields.String(required=True)
    duration_ms = fields.String(required=True)


class RequestsReply(_AnyReply):
    """A page of an application's requests, newest first; if there are more, `next` is the `before` of the next page."""

    requests = fields.List(fields.Nested(RequestShown), required=True)
    next = fields.String()
