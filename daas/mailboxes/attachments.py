"""The numbers of attachments of messages that arrived before they were counted at arrival."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update

from ..mail.parts import count_attachments
from ..storage.transactions import NO_LIMIT, Statement, read_transaction, write_transaction
from .models import MessageContent, MessageEnvelope

#: The bytes of messages that are read for one page of a list.
MAX_PAGE_BYTES = 64 * 1024 * 1024
# The size of a transaction of the backfill.
_BATCH_MESSAGES = 100


def count_missing(rows: Sequence[Any]) -> Mapping[int, int]:
    """Return the number of attachments of each message of a page, by its id, and store those that were not counted.

    Rows have `id`, `size` and `attachments`. At most MAX_PAGE_BYTES of messages are read, but at least one message: the
    first row that is not in the result ends the page.
    """
    counted: dict[int, int] = {}
    new: dict[int, int] = {}
    size = 0
    for row in rows:
        if row.attachments is None:
            size += row.size
            if new and size > MAX_PAGE_BYTES:
                break
            new[row.id] = _count(row.id)
        counted[row.id] = new.get(row.id, row.attachments)
    _store(new)
    return counted


def count_uncounted() -> int:
    """Return how many messages' attachments are not counted."""
    with read_transaction(NO_LIMIT) as run:
        found: int = run.rows(select(func.count()).where(MessageEnvelope.attachments.is_(None)))[0][0]
    return found


def backfill_attachments() -> Iterator[int]:
    """Count the attachments of all messages, and yield how many messages were counted after each short transaction.

    It can be interrupted, and runs while messages are moved and arrive.
    """
    last = 0
    while True:
        with read_transaction(NO_LIMIT) as run:
            ids = [row.id for row in run.rows(_UNCOUNTED, last=last)]
        if not ids:
            return
        _store({message_id: _count(message_id) for message_id in ids})
        yield len(ids)
        last = ids[-1]


def _count(message_id: int) -> int:
    with read_transaction() as run:
        raw = run.read_bytes(_RAW, message_id=message_id)
    return 0 if raw is None else count_attachments(raw)


def _store(counted: Mapping[int, int]) -> None:
    if counted:
        # A count that is lost is computed again. In the order of ids, so that two lists do not wait for each other.
        with write_transaction(durable=False) as run:
            for message_id, attachments in sorted(counted.items()):
                run.change(_SET, message_id=message_id, counted=attachments)


_RAW = Statement(select(MessageContent.raw).where(MessageContent.id == bindparam("message_id")))
_SET = Statement(
    update(MessageEnvelope)
    .where(MessageEnvelope.id == bindparam("message_id"), MessageEnvelope.attachments.is_(None))
    .values(attachments=bindparam("counted"))
)
_UNCOUNTED = Statement(
    select(MessageEnvelope.id)
    .where(MessageEnvelope.attachments.is_(None), MessageEnvelope.id > bindparam("last"))
    .order_by(MessageEnvelope.id)
    .limit(_BATCH_MESSAGES)
)
