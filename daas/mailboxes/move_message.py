"""The move of a message to another folder of its mailbox."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, cast, func, insert, select, update

from ..applications.lookup import Candidate
from ..errors import MessageNotFound
from ..records import request_log
from ..records.request_log import Entry, RequestLogRow
from ..storage.transactions import Run, Statement, driver
from .access import FIND_MAILBOX, asked_of, check_open
from .models import Folder, Message


@dataclass(frozen=True)
class Move:
    """A move that is on disk; `folder` is a standard folder's name or a custom one's id."""

    request_id: str
    folder: str


def move_message(application: Candidate, mailbox: str, message_id: int, folder: str | int, entry: Entry) -> Move:
    """Move a message of a mailbox that is open to the application, and record it, in one transaction.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Moving a message
    to where it is succeeds. The row of the log takes its id while the message is held, so that for one
    message the ids grow in the order in which its moves took effect.

    Raises UserNotAuthorized, InvalidArguments if the mailbox has no such custom folder, or MessageNotFound.
    """
    asked = {**asked_of(application, mailbox, folder), "message_id": message_id}
    # The log is replayed by message: a move is found under the id itself, whatever blanks were sent around it.
    row = {**request_log.row_of(entry, 200, "moved"), "message": str(message_id), "folder_to": str(folder)}
    standard = isinstance(folder, str)

    if driver().dialect.name == "postgresql":
        found = driver().write_one(_MOVE_AT_ONCE[standard], **asked, **row)
        check_open(found, folder)
        request_id = found and found.request_id
    else:
        request_id = driver().write_in_steps(lambda run: _move_in_steps(run, asked, folder, row))
    if request_id is None:
        raise MessageNotFound("message-not-found")
    return Move(str(request_id), str(folder))


def _move_in_steps(run: Run, asked: dict[str, Any], folder: str | int, row: dict[str, Any]) -> int | None:
    """Move a message in a transaction that has the database to itself, and give the id of the log's row.

    Steps cost SQLite less than one long statement, and each is simple.
    """
    target = check_open(run(_FIND_MAILBOX[isinstance(folder, str)], **asked), folder)
    held = run(_HOLD, message_id=asked["message_id"], mailbox_id=target.id)
    if held is None:
        return None
    run(_PLACE, message_id=held.id, folder_id=target.folder_id)
    recorded = run(request_log.RECORD, **{**row, "folder_from": held.folder_from})
    request_id: int = recorded.id
    return request_id


def _hold(mailbox_id: ColumnElement[int]) -> Select[int, str]:
    """Find a message of a mailbox and where it lies, and hold it where other transactions could move it.

    The folder's name is looked up, not joined: a join would be made with the folder that the message was in
    before PostgreSQL waited for another move of it, and lose the row.
    """
    name = select(Folder.name).where(Folder.id == Message.folder_id, Folder.standard).scalar_subquery()
    return (
        select(Message.id, func.coalesce(name, cast(Message.folder_id, String)).label("folder_from"))
        .where(Message.id == bindparam("message_id"), Message.mailbox_id == mailbox_id)
        .with_for_update(of=Message)
    )


def _move_at_once(*, standard: bool) -> Statement:
    """Make of all steps one statement, which takes one round trip to the database and is a transaction by itself.

    It gives the row of FIND_MAILBOX and the id of the log's row, None if there is no such message or the mailbox
    is not open or the folder not there; then nothing is changed.
    """
    target = FIND_MAILBOX[standard].cte("target")
    open_mailbox = select(target.c.mailbox_id).where(
        ~target.c.suspended, target.c.may_use, target.c.granted, target.c.folder_id.is_not(None)
    )
    held = _hold(open_mailbox.scalar_subquery()).cte("held")
    place = (
        update(Message)
        .where(Message.id == held.c.id)
        .values(folder_id=select(target.c.folder_id).scalar_subquery())
        .cte("place")
    )
    row = {
        **{name: bindparam(name, type_=RequestLogRow.__table__.c[name].type) for name in request_log.COLUMNS},
        "folder_from": held.c.folder_from,
    }
    recorded = (
        insert(RequestLogRow).from_select(list(row), select(*row.values())).returning(RequestLogRow.id).cte("recorded")
    )
    request_id = select(recorded.c.id).scalar_subquery().label("request_id")
    return Statement(select(target, request_id).add_cte(place))


_FIND_MAILBOX = {standard: Statement(find) for standard, find in FIND_MAILBOX.items()}
_HOLD = Statement(_hold(bindparam("mailbox_id")))
_PLACE = Statement(
    update(Message).where(Message.id == bindparam("message_id")).values(folder_id=bindparam("folder_id"))
)
_MOVE_AT_ONCE = {standard: _move_at_once(standard=standard) for standard in (True, False)}
