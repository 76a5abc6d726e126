"""Store mail that arrives, and log each delivery in the transaction of its message."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, String, any_, bindparam, exc, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..mailboxes.models import Folder, Mailbox
from ..mailboxes.storing import NewMessage, Place, StoredMessage, store_messages
from ..monitoring import logs
from ..reasons import Reason
from ..records.request_log import INSERT_ROW, RequestRecord, log_rejection
from ..services import services
from ..storage.timeouts import is_disk_full, is_unavailable
from ..storage.transactions import Statement, StatementRunner, execute, write_transaction
from .replies import REPLIES

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a mailbox, whose name is in lower case.

    `record` becomes the row of the request log. The message goes into Inbox, or into the folder with `folder_id`;
    `folder` is what the log calls it: a standard folder's name or a custom one's id.
    """

    mailbox: str
    message: NewMessage
    record: RequestRecord
    folder_id: int | None = None
    folder: str = "Inbox"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a delivery; `message_id` is the id of the stored message, None if it was not stored.

    `request_id` is the id of the row of the log, None if there is none because the database is unavailable.
    """

    reason: Reason
    request_id: str | None = None
    message_id: int | None = None


def make_record(method: str, remote_address: str, recipient: str | None) -> RequestRecord:
    """Return the record of a delivery, which begins now; deliveries have no path."""
    arguments = {} if recipient is None else {"mailbox": recipient}
    return RequestRecord(method, "", remote_address, requested_arguments=arguments)


def find_error_of_mailbox(name: str) -> Reason | None:
    """Return why a mailbox cannot receive mail now, None if it can; raises SQLAlchemy's errors."""
    return _error_of(execute(_FIND, name=name))


def deliver(deliveries: Sequence[Delivery]) -> list[Result]:
    """Store messages and log their deliveries, in one transaction, and return the result of each.

    When this returns, they are on disk. If a mailbox already has the same bytes, no second message is made. Raises
    SQLAlchemy's errors; then nothing was stored, unless the connection was lost during the commit.
    """
    with write_transaction(pipelined=True) as run:
        found = _find_mailboxes(run, sorted({each.mailbox for each in deliveries}))
        errors = [_error_of(found.get(each.mailbox)) for each in deliveries]
        arriving = [
            (Place(found[each.mailbox].id, each.folder_id or found[each.mailbox].inbox_id), each.message)
            for each, error in zip(deliveries, errors, strict=True)
            if error is None
        ]
        stored = iter(store_messages(run, arriving) if arriving else [])
        # The rows come last: their ids, like those of moves, follow the order in which the changes took effect.
        results = [_stored(next(stored)) if error is None else Result(error) for error in errors]
        rows = run.first_of_each(INSERT_ROW, [_row(*pair) for pair in zip(deliveries, results, strict=True)])
        return [replace(each, request_id=str(row.id)) for each, row in zip(results, rows, strict=True)]


def reject(records: Iterable[RequestRecord], reason: Reason) -> list[Result]:
    """Log deliveries that were rejected, without waiting for the disk, and return their results.

    They have no row if the database cannot take it.
    """
    results = []
    for record in records:
        request_id = None
        # A database that is away is asked once for each recipient only if the reason is not that it is away.
        if reason not in (Reason.DATABASE_UNAVAILABLE, Reason.DISK_FULL):
            try:
                request_id = log_rejection(record, REPLIES[reason].code, reason).request_id
            except exc.SQLAlchemyError:
                logger.warning("A rejected delivery could not be logged.")
        results.append(Result(reason, request_id))
    return results


def reason_of(error: Exception) -> Reason:
    """Return the reason of a delivery that an error ended."""
    if is_disk_full(error):
        return Reason.DISK_FULL
    return Reason.DATABASE_UNAVAILABLE if is_unavailable(error) else Reason.UNEXPECTED_ERROR


def report(record: RequestRecord, result: Result, size: int | None) -> None:
    """Write the line of a delivery to the process's log, and count it; `size` is the message's, in bytes, if known."""
    seconds = time.perf_counter() - record.started
    services().metrics.count_delivery(result.reason.value, seconds)
    logs.write_delivery(
        request_id=result.request_id,
        method=record.method,
        message=None if result.message_id is None else str(result.message_id),
        status=REPLIES[result.reason].code,
        reason=result.reason.value,
        size=size,
        duration_ms=round(seconds * 1000, 3),
        remote_address=record.remote_address,
    )


def _stored(stored: StoredMessage) -> Result:
    return Result(Reason.DELIVERED if stored.new else Reason.DELIVERED_BEFORE, message_id=stored.id)


def _row(delivery: Delivery, result: Result) -> dict[str, Any]:
    """Return the row of the log of a delivery; only that of a new message names the folder into which it came."""
    row = delivery.record.to_row(REPLIES[result.reason].code, result.reason)
    if result.message_id is not None:
        row["message"] = str(result.message_id)
    if result.reason is Reason.DELIVERED:
        row["folder_to"] = delivery.folder
    return row


def _error_of(mailbox: Any | None) -> Reason | None:
    if mailbox is None:
        return Reason.MAILBOX_UNKNOWN
    return Reason.MAILBOX_SUSPENDED if mailbox.suspended else None


def _find_mailboxes(run: StatementRunner, names: list[str]) -> dict[str, Any]:
    """Lock mailboxes and return their rows by name."""
    if run.dialect.name == "postgresql":
        rows = run.rows(_LOCK_ALL, names=names)
    else:
        rows = [row for name in names if (row := run.first(_FIND, name=name)) is not None]
    return {row.name: row for row in rows}


def _mailboxes(criterion: ColumnElement[bool]) -> Select[int, str, bool, int]:
    inbox = select(Folder.id).where(Folder.mailbox_id == Mailbox.id, Folder.standard, Folder.name == "Inbox")
    return select(Mailbox.id, Mailbox.name, Mailbox.suspended, inbox.scalar_subquery().label("inbox_id")).where(
        criterion
    )


_FIND = Statement(_mailboxes(Mailbox.name == bindparam("name")))
# Locked as an import locks its mailbox, and always in the same order: so nobody waits for each other.
_LOCK_ALL = Statement(
    _mailboxes(Mailbox.name == any_(bindparam("names", type_=ARRAY(String))))
    .order_by(Mailbox.id)
    .with_for_update(key_share=True, of=Mailbox)
)
