"""The reading of a message: its contents, which are kept once they are found, its parts and its bytes."""

import datetime
import json
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from ..applications.lookup import Caller
from ..errors import InvalidArguments, MessageNotFound
from ..mail.contents import Contents, read_contents, read_part
from ..reasons import Reason
from ..records.request_log import LoggedRequest, RequestRecord, log_request, log_request_in
from ..storage.transactions import Statement, StatementRunner, read_transaction, write_transaction
from .access import authorize
from .models import Folder, Message, MessageContent, MessageEnvelope, MessageParts

# The contents of larger messages are found one at a time, so that a process holds few of them unpacked.
_LARGE_BYTES = 1_048_576
_large = Lock()


@dataclass(frozen=True)
class ReadMessage:
    """A message with its contents; `folder` is a standard folder's name or a custom folder's id."""

    logged: LoggedRequest
    id: int
    folder: str
    message_id: str
    subject: str
    sender: str
    recipients: str
    date: datetime.datetime | None
    size: int
    contents: Contents


@dataclass(frozen=True)
class ReadBytes:
    """The bytes of a message, or the decoded bytes of one of its parts; `name` and `type` are the part's."""

    logged: LoggedRequest
    content: bytes
    name: str = ""
    type: str = "message/rfc822"


def read_message(caller: Caller, mailbox: str, message_id: int, record: RequestRecord) -> ReadMessage:
    """Return a message of a mailbox that the application may use, and log the request.

    The contents are stored with the row of the log, unless they were before. Raises UserNotAuthorized or
    MessageNotFound.
    """
    with read_transaction() as run:
        row = _find(run, caller, mailbox, message_id)
    contents, logged = _contents_of(row, record)
    return ReadMessage(
        logged or log_request(record, 200, Reason.READ),
        row.id,
        row.name if row.standard else str(row.folder_id),
        row.message_id,
        row.subject,
        row.sender,
        row.recipients,
        row.date,
        row.size,
        contents,
    )


def read_message_part(caller: Caller, mailbox: str, message_id: int, part: str, record: RequestRecord) -> ReadBytes:
    """Return the decoded bytes of a part, or of a file in an XDM package, and log the request.

    Raises UserNotAuthorized, MessageNotFound, or InvalidArguments if the message has no such part.
    """
    with read_transaction() as run:
        row = _find(run, caller, mailbox, message_id)
    contents, logged = _contents_of(row, None)
    listed = next((listed for listed in contents.parts if listed.part == part), None)
    if listed is None:
        raise InvalidArguments(["part"], ["'Part' contains invalid input"], Reason.PART_NOT_FOUND)
    content = read_part(_read_raw(message_id), listed)
    return ReadBytes(logged or log_request(record, 200, Reason.READ), content, listed.name, listed.type)


def read_raw_message(caller: Caller, mailbox: str, message_id: int, record: RequestRecord) -> ReadBytes:
    """Return the bytes of a message as they arrived, and log the request; raises as read_message()."""
    with read_transaction() as run:
        _find(run, caller, mailbox, message_id)
    return ReadBytes(log_request(record, 200, Reason.READ), _read_raw(message_id))


def _find(run: StatementRunner, caller: Caller, mailbox: str, message_id: int) -> Any:
    accessible = authorize(run, caller, mailbox)
    row = run.first(_FIND, mailbox_id=accessible.id, message_id=message_id)
    if row is None:
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
    return row


def _contents_of(row: Any, record: RequestRecord | None) -> tuple[Contents, LoggedRequest | None]:
    """Return the contents of a message, after storing them if they were not.

    With a record, the row of the request's log is written together with them.
    """
    stored = None if row.parts is None else Contents.from_json(json.loads(row.parts))
    if stored is not None:
        return stored, None
    if row.size > _LARGE_BYTES:
        with _large:
            contents = read_contents(_read_raw(row.id))
    else:
        contents = read_contents(_read_raw(row.id))
    parts = json.dumps(contents.to_json(), separators=(",", ":"))
    with write_transaction() as run:
        run.change(_STORE[run.dialect.name], message_id=row.id, parts_found=parts)
        return contents, None if record is None else log_request_in(run, record, 200, Reason.READ)


def _read_raw(message_id: int) -> bytes:
    with read_transaction() as run:
        raw = run.read_bytes(_RAW, message_id=message_id)
    if raw is None:
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
    return raw


_FIND = Statement(
    select(
        Message.id,
        Message.folder_id,
        Folder.name,
        Folder.standard,
        MessageEnvelope.message_id,
        MessageEnvelope.subject,
        MessageEnvelope.sender,
        MessageEnvelope.recipients,
        MessageEnvelope.date,
        MessageEnvelope.size,
        MessageParts.parts,
    )
    .join(MessageEnvelope, MessageEnvelope.id == Message.id)
    .join(Folder, Folder.id == Message.folder_id)
    .outerjoin(MessageParts, MessageParts.id == Message.id)
    .where(Message.id == bindparam("message_id"), Message.mailbox_id == bindparam("mailbox_id"))
)
_RAW = Statement(select(MessageContent.raw).where(MessageContent.id == bindparam("message_id")))


def _store(insert: Any) -> Statement:
    """Return the statement that stores contents, also over those of another version, if the message still exists."""
    found: Select[int, str] = select(Message.id, bindparam("parts_found", type_=MessageParts.parts.type)).where(
        Message.id == bindparam("message_id")
    )
    stored = insert(MessageParts).from_select(["id", "parts"], found)
    return Statement(stored.on_conflict_do_update(index_elements=["id"], set_={"parts": stored.excluded.parts}))


_STORE = {"sqlite": _store(sqlite.insert), "postgresql": _store(postgresql.insert)}
