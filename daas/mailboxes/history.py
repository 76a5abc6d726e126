"""The moves of a message, from the request log."""

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, cast, func, select, true

from ..applications.lookup import Caller
from ..errors import MessageNotFound
from ..reasons import Reason
from ..records.request_log import IS_MOVE, RequestLogRow, in_order_of_ids
from ..records.retention import pruned_until
from ..storage.ids import MAX_ID
from ..storage.transactions import StatementRunner, read_transaction
from .access import authorize
from .models import Folder, Message, MessageEnvelope


@dataclass(frozen=True)
class PastMove:
    """A move that changed a message's folder; folders are standard folders' names or custom folders' ids.

    `application` is the caller's name if the caller made the move, else empty.
    """

    request_id: int
    at: datetime.datetime
    application: str
    moved_from: str
    moved_to: str


@dataclass(frozen=True)
class History:
    """A page of the moves of a message, oldest first, and the folder in which it is now.

    `next` is the `after` of the next page, None on the last. `is_complete` is false if requests younger than the
    message were pruned from the log, so that moves may be missing.
    """

    folder: str
    moves: list[PastMove]
    next: int | None
    is_complete: bool


def find_history(caller: Caller, mailbox: str, message_id: int, after: int = 0, limit: int = 100) -> History:
    """Return a page of the moves of a message: those by requests with ids greater than `after`.

    Moves that changed nothing are left out. Raises UserNotAuthorized or MessageNotFound.
    """
    with read_transaction() as run:
        mailbox_id = authorize(run, caller, mailbox).id
        rows = run.rows(history_query(message_id, after, limit), message_id=message_id, mailbox_id=mailbox_id)
        if not rows:
            raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)
        is_complete = _is_complete(run, rows[0].imported_at)
    moves = [
        PastMove(
            row.request_id,
            row.at,
            caller.name if row.application == caller.name else "",
            row.folder_from,
            row.folder_to,
        )
        for row in rows
        if row.request_id is not None
    ]
    page = moves[:limit]
    return History(rows[0].folder, page, page[-1].request_id if len(moves) > limit else None, is_complete)


def history_query(message_id: int, after: int, limit: int) -> Any:
    """Return the query of a message's folder with a page of its moves, and one more move if there is one.

    It is one statement, so that both are from the same moment. A row of a batch has the request_id of the batch, which
    is less than its own id, and greater than those of the message's earlier moves: the batch takes its id while it
    holds the message. So the ids of rows are in the order of the ids of requests, and a row up to `after` belongs to a
    request up to `after`.
    """
    row = RequestLogRow
    range_, order = in_order_of_ids(row.message, str(message_id), after, MAX_ID)
    request_id = func.coalesce(row.batch, row.id).label("request_id")
    columns = [row.id, request_id, row.at, row.application, row.folder_from, row.folder_to]
    moves = select(*columns).where(*range_, IS_MOVE, request_id > after).order_by(*order).limit(limit + 1).subquery()
    name = select(Folder.name).where(Folder.id == Message.folder_id, Folder.standard).scalar_subquery()
    return (
        select(
            func.coalesce(name, cast(Message.folder_id, String)).label("folder"),
            MessageEnvelope.imported_at,
            *(moves.c[column] for column in ("request_id", "at", "application", "folder_from", "folder_to")),
        )
        .select_from(Message)
        .join(MessageEnvelope, MessageEnvelope.id == Message.id)
        .outerjoin(moves, true())
        .where(Message.id == bindparam("message_id"), Message.mailbox_id == bindparam("mailbox_id"))
        .order_by(moves.c.id)
    )


def _is_complete(run: StatementRunner, imported_at: datetime.datetime) -> bool:
    until = pruned_until(run)
    return until is None or until < imported_at
