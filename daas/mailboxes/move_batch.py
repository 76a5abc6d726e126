"""The move of many messages of a mailbox in one transaction, by as many statements as the move of one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, any_, bindparam, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from ..applications.lookup import Caller
from ..errors import ApiError, MessageElsewhere, MessageNotFound
from ..reasons import Reason
from ..records.request_log import COLUMNS, INSERT_ROW, LoggedRequest, RequestLogRow, RequestRecord, log_request
from ..storage.engine import Id
from ..storage.transactions import Statement, StatementRunner, read_transaction, write_transaction
from .access import AccessibleMailbox, check_folders, find_folder, find_mailbox
from .idempotency import KeyedRequest, Replay, carry_out
from .models import Folder, Message


@dataclass(frozen=True)
class Batch:
    """Messages of a mailbox to move to a folder, each only from `from_folder` if there is one.

    `mailbox` is in lower case; a folder is a standard one's name or the id of a custom one. No id is there twice. If
    `atomic`, either all messages move or none.
    """

    mailbox: str
    message_ids: Sequence[int]
    folder: str | int
    from_folder: str | int | None = None
    atomic: bool = False


@dataclass(frozen=True)
class BatchMove:
    """A batch that is on disk: the messages that moved, and the error of each other one, in the requested order."""

    logged: LoggedRequest
    folder: str
    moved: Sequence[int]
    failed: Mapping[int, ApiError]


def move_batch(
    caller: Caller, batch: Batch, record: RequestRecord, keyed: KeyedRequest[BatchMove] | None = None
) -> BatchMove | Replay:
    """Move messages of a mailbox that the application may use, and log each, in one transaction.

    The messages are locked in the order of their ids, so that batches cannot deadlock; then the rows of the log take
    their ids: the request's, and one for each message moved, which refers to it.

    Raises UserNotAuthorized, IdempotencyKeyReused, InvalidArguments if the mailbox does not have the folders, and for
    an atomic batch the first message's MessageNotFound or MessageElsewhere, with the ids of all that fail.
    """
    row = record.to_row(200, Reason.BATCH)
    with write_transaction() as run:
        target = find_mailbox(run, caller, batch.mailbox, batch.folder)

        def move() -> BatchMove:
            moved, failed = _sort_out(run, target, batch, _LOCK)
            request_id = run.scalar(INSERT_ROW, **row)
            if moved:
                of_messages = {**row, "reason": Reason.MOVED.value, "folder_to": str(batch.folder), "batch": request_id}
                run.change(_LOG[run.dialect.name], **of_messages, **_list_of(run, moved))
                run.change(_PLACE[run.dialect.name], folder_id=target.folder_id, **_list_of(run, moved))
            return BatchMove(LoggedRequest(str(request_id), Reason.BATCH), str(batch.folder), moved, failed)

        return carry_out(run, caller, record, keyed, move)


def rehearse_batch(caller: Caller, batch: Batch, record: RequestRecord) -> BatchMove:
    """Return what move_batch() would, or raise its error, but log the request and change nothing else.

    It neither locks messages nor waits for those who write.
    """
    with read_transaction() as run:
        target = find_mailbox(run, caller, batch.mailbox, batch.folder)
        moved, failed = _sort_out(run, target, batch, _FIND)
    return BatchMove(log_request(record, 200, Reason.DRY_RUN), str(batch.folder), moved, failed)


def _sort_out(
    run: StatementRunner, target: AccessibleMailbox, batch: Batch, find: Mapping[str, Statement]
) -> tuple[list[int], dict[int, ApiError]]:
    """Return the messages that can be moved, and the error of each other one, in the requested order.

    Raises InvalidArguments, and for an atomic batch MessageNotFound or MessageElsewhere.
    """
    from_folder_id = find_folder(run, target.id, batch.from_folder)
    check_folders({"folder": (batch.folder, target.folder_id), "from_folder": (batch.from_folder, from_folder_id)})
    rows = run.rows(find[run.dialect.name], mailbox_id=target.id, **_list_of(run, batch.message_ids))
    folders = {row.id: row.folder_id for row in rows}
    moved: list[int] = []
    failed: dict[int, ApiError] = {}
    not_found, elsewhere = MessageNotFound(Reason.MESSAGE_NOT_FOUND), MessageElsewhere()
    for message_id in batch.message_ids:
        if message_id not in folders:
            failed[message_id] = not_found
        elif from_folder_id not in (None, folders[message_id]):
            failed[message_id] = elsewhere
        else:
            moved.append(message_id)
    if failed and batch.atomic:
        raise next(iter(failed.values())).with_ids([str(message_id) for message_id in failed])
    return moved, failed


def _list_of(run: StatementRunner, message_ids: Sequence[int]) -> dict[str, Any]:
    """Return the parameter of _is_listed()."""
    return {"ids": [*message_ids] if run.dialect.name == "postgresql" else json.dumps([*message_ids])}


def _is_listed(dialect: str) -> ColumnElement[bool]:
    """Return the condition that a message's id is in a list, which is one parameter whatever its length."""
    if dialect == "postgresql":
        return Message.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
    listed = func.json_each(bindparam("ids", type_=String)).table_valued("value")
    return Message.id.in_(select(listed.c.value))


def _find(dialect: str, *, lock: bool) -> Statement:
    """Return the query of a mailbox's messages and their folders; PostgreSQL locks them in the order of the rows."""
    messages = (
        select(Message.id, Message.folder_id)
        .where(Message.mailbox_id == bindparam("mailbox_id"), _is_listed(dialect))
        .order_by(Message.id)
    )
    return Statement(messages.with_for_update() if lock else messages)


def _log(dialect: str) -> Statement:
    """Return the insert of the messages' rows, with the folders in which the messages are before they are moved."""
    row: dict[str, ColumnElement[Any]] = {
        **{name: bindparam(name, type_=RequestLogRow.__table__.c[name].type) for name in COLUMNS},
        "message": cast(Message.id, String),
        "folder_from": func.coalesce(Folder.name, cast(Message.folder_id, String)),
    }
    rows = (
        select(*row.values())
        .select_from(Message)
        .outerjoin(Folder, (Folder.id == Message.folder_id) & Folder.standard)
        .where(_is_listed(dialect))
        .order_by(Message.id)
    )
    return Statement(insert(RequestLogRow).from_select([*row], rows))


def _place(dialect: str) -> Statement:
    """Return the update of the messages that are not in the folder yet: only those get another previous folder."""
    folder_id: ColumnElement[int] = bindparam("folder_id", type_=Id)
    return Statement(
        update(Message)
        .where(_is_listed(dialect), Message.folder_id != folder_id)
        .values(folder_id=folder_id, previous_folder_id=Message.folder_id)
    )


_DIALECTS = ("sqlite", "postgresql")
_FIND = {dialect: _find(dialect, lock=False) for dialect in _DIALECTS}
_LOCK = {dialect: _find(dialect, lock=True) for dialect in _DIALECTS}
_LOG = {dialect: _log(dialect) for dialect in _DIALECTS}
_PLACE = {dialect: _place(dialect) for dialect in _DIALECTS}
