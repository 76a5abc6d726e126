"""The move of a message to another folder of its mailbox."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, case, cast, func, insert, select, update

from ..applications.lookup import Caller
from ..errors import MessageElsewhere, MessageNotFound
from ..reasons import Reason
from ..records.request_log import COLUMNS, INSERT_ROW, LoggedRequest, RequestLogRow, RequestRecord, log_request
from ..storage.engine import Id, db
from ..storage.transactions import Statement, StatementRunner, execute, read_transaction, write_transaction
from .access import (
    FIND_MAILBOX,
    AccessibleMailbox,
    check_access,
    check_folders,
    find_folder,
    find_mailbox,
    mailbox_parameters,
)
from .idempotency import KeyedRequest, Replay, carry_out
from .models import Folder, Message


@dataclass(frozen=True)
class Move:
    """A move that is on disk; `folder` is a standard folder's name or a custom one's id."""

    logged: LoggedRequest
    folder: str


def move_message(
    caller: Caller,
    mailbox: str,
    message_id: int,
    folder: str | int,
    record: RequestRecord,
    *,
    from_folder: str | int | None = None,
    keyed: KeyedRequest[Move] | None = None,
) -> Move | Replay:
    """Move a message of a mailbox that the application may use, and log it, in one transaction.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Moving a message to where
    it is succeeds. With a `from_folder` it is moved only from there. The row of the log takes its id while the message
    is locked, so that for one message the ids grow in the order in which its moves took effect.

    Raises UserNotAuthorized, IdempotencyKeyReused, InvalidArguments if the mailbox has no such custom folder,
    MessageNotFound, or MessageElsewhere.
    """
    # The log is replayed by message: it has the id itself, without any spaces that were sent around it.
    row = {**record.to_row(200, Reason.MOVED), "message": str(message_id), "folder_to": str(folder)}
    if db.engine.dialect.name == "postgresql" and from_folder is None and keyed is None:
        return _move_at_once(caller, mailbox, message_id, folder, row)
    with write_transaction() as run:
        target = find_mailbox(run, caller, mailbox, folder)

        def move() -> Move:
            locked = find_movable(run, target, message_id, folder, from_folder)
            return Move(place_message(run, locked, target.folder_id, row), str(folder))

        return carry_out(run, caller, record, keyed, move)


def rehearse_move(
    caller: Caller,
    mailbox: str,
    message_id: int,
    folder: str | int,
    record: RequestRecord,
    *,
    from_folder: str | int | None = None,
) -> Move:
    """Return what move_message() would, or raise its error, but log the request and change nothing else.

    It neither locks the message nor waits for those who write.
    """
    with read_transaction() as run:
        target = find_mailbox(run, caller, mailbox, folder)
        find_movable(run, target, message_id, folder, from_folder, lock=False)
    return Move(log_request(record, 200, Reason.DRY_RUN), str(folder))


def find_movable(
    run: StatementRunner,
    target: AccessibleMailbox,
    message_id: int,
    folder: str | int,
    from_folder: str | int | None = None,
    *,
    lock: bool = True,
) -> Any:
    """Return a message that can be moved to a folder of its mailbox, as find_message() does.

    Raises InvalidArguments, MessageNotFound or MessageElsewhere.
    """
    from_folder_id = find_folder(run, target.id, from_folder)
    check_folders({"folder": (folder, target.folder_id), "from_folder": (from_folder, from_folder_id)})
    message = find_message(run, target.id, message_id, lock=lock)
    if from_folder_id is not None and message.folder_id != from_folder_id:
        raise MessageElsewhere
    return message


def find_message(run: StatementRunner, mailbox_id: int, message_id: int, *, lock: bool = True) -> Any:
    """Return a message of a mailbox; with `lock` PostgreSQL locks it until the transaction ends.

    It has `id`, `folder_id`, `previous_folder_id`, and `folder_from`: the folder as the log names it. Raises
    MessageNotFound.
    """
    message = run.first(_LOCK if lock else _FIND, message_id=message_id, mailbox_id=mailbox_id)
    if message is None:
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
    return message


def place_message(run: StatementRunner, locked: Any, folder_id: int | None, row: dict[str, Any]) -> LoggedRequest:
    """Move a message that find_message() locked, and write the row of the log, which needs no `folder_from`."""
    run.change(_PLACE, message_id=locked.id, folder_id=folder_id)
    request_id = run.scalar(INSERT_ROW, **{**row, "folder_from": locked.folder_from})
    return LoggedRequest(str(request_id), Reason(row["reason"]))


def _move_at_once(caller: Caller, mailbox: str, message_id: int, folder: str | int, row: dict[str, Any]) -> Move:
    """Move a message by one statement on PostgreSQL.

    SQLite moves by several: there a write transaction excludes all others, and several simple statements take less time
    than one long statement.
    """
    statement = _MOVE_AT_ONCE[isinstance(folder, str)]
    found = execute(statement, **mailbox_parameters(caller, mailbox, folder), message_id=message_id, **row)
    check_folders({"folder": (folder, check_access(found).folder_id)})
    if found is None or found.request_id is None:
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
    return Move(LoggedRequest(str(found.request_id), Reason.MOVED), str(folder))


def _find(mailbox_id: ColumnElement[int]) -> Select[int, int, int | None, str]:
    """Return the query of a message and its folders.

    The folder's name comes from a subquery, not a join: after waiting for another move, PostgreSQL would still join the
    message's previous folder, and lose the row.
    """
    name = select(Folder.name).where(Folder.id == Message.folder_id, Folder.standard).scalar_subquery()
    return select(
        Message.id,
        Message.folder_id,
        Message.previous_folder_id,
        func.coalesce(name, cast(Message.folder_id, String)).label("folder_from"),
    ).where(Message.id == bindparam("message_id"), Message.mailbox_id == mailbox_id)


def _place(folder_id: ColumnElement[int]) -> dict[str, ColumnElement[Any]]:
    """Return the new values of a moved message: only a change of its folder changes its previous one."""
    previous = case((Message.folder_id == folder_id, Message.previous_folder_id), else_=Message.folder_id)
    return {"folder_id": folder_id, "previous_folder_id": previous}


def _all_steps(*, standard: bool) -> Statement:
    """Return all steps as one statement, which is a transaction by itself and takes one round trip to the database.

    It returns the row of FIND_MAILBOX and the id of the log's row, None if there is no such message or the mailbox is
    not accessible or has no such folder; then nothing is changed.
    """
    target = FIND_MAILBOX[standard].cte("target")
    accessible = select(target.c.mailbox_id).where(
        ~target.c.suspended, target.c.granted, target.c.folder_id.is_not(None)
    )
    locked = _find(accessible.scalar_subquery()).with_for_update(of=Message).cte("locked")
    place = (
        update(Message)
        .where(Message.id == locked.c.id)
        .values(_place(select(target.c.folder_id).scalar_subquery()))
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


_FIND = Statement(_find(bindparam("mailbox_id")))
_LOCK = Statement(_find(bindparam("mailbox_id")).with_for_update(of=Message))
_PLACE = Statement(
    update(Message).where(Message.id == bindparam("message_id")).values(_place(bindparam("folder_id", type_=Id)))
)
_MOVE_AT_ONCE = {standard: _all_steps(standard=standard) for standard in (True, False)}
