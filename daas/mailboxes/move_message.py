"""The move of a message to another folder of its mailbox."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, cast, func, insert, select, update

from ..applications.lookup import Caller
from ..errors import MessageNotFound
from ..reasons import Reason
from ..records.request_log import COLUMNS, INSERT_ROW, LoggedRequest, RequestLogRow, RequestRecord
from ..storage.engine import db
from ..storage.transactions import Statement, StatementRunner, execute, write_transaction
from .access import FIND_MAILBOX, authorize, check_access, mailbox_parameters
from .models import Folder, Message


@dataclass(frozen=True)
class Move:
    """A move that is on disk; `folder` is a standard folder's name or a custom one's id."""

    logged: LoggedRequest
    folder: str


def move_message(caller: Caller, mailbox: str, message_id: int, folder: str | int, record: RequestRecord) -> Move:
    """Move a message of a mailbox that the application may use, and log it, in one transaction.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Moving a message to where
    it is succeeds. The row of the log takes its id while the message is locked, so that for one message the ids grow in
    the order in which its moves took effect.

    Raises UserNotAuthorized, InvalidArguments if the mailbox has no such custom folder, or MessageNotFound.
    """
    # The log is replayed by message: it has the id itself, without any spaces that were sent around it.
    row = {**record.to_row(200, Reason.MOVED), "message": str(message_id), "folder_to": str(folder)}
    if db.engine.dialect.name == "postgresql":
        statement = _MOVE_AT_ONCE[isinstance(folder, str)]
        found = execute(statement, **mailbox_parameters(caller, mailbox, folder), message_id=message_id, **row)
        check_access(found, folder)
        request_id = found and found.request_id
    else:
        with write_transaction() as run:
            request_id = _move_in_steps(run, caller, mailbox, message_id, folder, row)
    if request_id is None:
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
    return Move(LoggedRequest(str(request_id), Reason.MOVED), str(folder))


def _move_in_steps(
    run: StatementRunner, caller: Caller, mailbox: str, message_id: int, folder: str | int, row: dict[str, Any]
) -> Any | None:
    """Move a message by several statements, and return the id of the log's row; None if there is no such message.

    This is for SQLite, where a write transaction excludes all others, and several simple statements take less time than
    one long statement.
    """
    target = authorize(run, caller, mailbox, folder)
    locked = run.first(_LOCK, message_id=message_id, mailbox_id=target.id)
    if locked is None:
        return None
    run.change(_PLACE, message_id=message_id, folder_id=target.folder_id)
    return run.scalar(INSERT_ROW, **{**row, "folder_from": locked.folder_from})


def _lock(mailbox_id: ColumnElement[int]) -> Select[int, str]:
    """Return the query of a message and its folder, which locks the message on PostgreSQL.

    The folder's name comes from a subquery, not a join: after waiting for another move, PostgreSQL would still join the
    message's previous folder, and lose the row.
    """
    name = select(Folder.name).where(Folder.id == Message.folder_id, Folder.standard).scalar_subquery()
    return (
        select(Message.id, func.coalesce(name, cast(Message.folder_id, String)).label("folder_from"))
        .where(Message.id == bindparam("message_id"), Message.mailbox_id == mailbox_id)
        .with_for_update(of=Message)
    )


def _move_at_once(*, standard: bool) -> Statement:
    """Return all steps as one statement, which is a transaction by itself and takes one round trip to the database.

    It returns the row of FIND_MAILBOX and the id of the log's row, None if there is no such message or the mailbox is
    not accessible or has no such folder; then nothing is changed.
    """
    target = FIND_MAILBOX[standard].cte("target")
    accessible = select(target.c.mailbox_id).where(
        ~target.c.suspended, target.c.granted, target.c.folder_id.is_not(None)
    )
    locked = _lock(accessible.scalar_subquery()).cte("locked")
    place = (
        update(Message)
        .where(Message.id == locked.c.id)
        .values(folder_id=select(target.c.folder_id).scalar_subquery())
        .cte("place")
    )
    row = {
        **{name: bindparam(name, type_=RequestLogRow.__table__.c[name].type) for name in COLUMNS},
        "folder_from": locked.c.folder_from,
    }
    logged = (
        insert(RequestLogRow).from_select(list(row), select(*row.values())).returning(RequestLogRow.id).cte("logged")
    )
    request_id = select(logged.c.id).scalar_subquery().label("request_id")
    return Statement(select(target, request_id).add_cte(place))


_LOCK = Statement(_lock(bindparam("mailbox_id")))
_PLACE = Statement(
    update(Message).where(Message.id == bindparam("message_id")).values(folder_id=bindparam("folder_id"))
)
_MOVE_AT_ONCE = {standard: _move_at_once(standard=standard) for standard in (True, False)}
