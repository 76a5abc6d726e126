"""How messages are stored: the only way into a mailbox, for the import and for mail that arrives."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import BigInteger, LargeBinary, TableValuedAlias, bindparam, func, insert, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from ..mail.header import Envelope, read_envelope
from ..mail.parts import count_attachments
from ..storage.transactions import Statement, StatementRunner
from .models import Message, MessageContent, MessageEnvelope, fold


@dataclass(frozen=True, slots=True)
class NewMessage:
    """The bytes of a message that is not stored yet, and what is stored beside them.

    `digest` is the SHA-256 of the bytes; `attachments` is the number of its attachments.
    """

    raw: bytes
    digest: bytes
    envelope: Envelope
    attachments: int


class Place(NamedTuple):
    """The ids of a mailbox and of one of its folders."""

    mailbox_id: int
    folder_id: int


class StoredMessage(NamedTuple):
    """A message of a mailbox; `new` is false if the mailbox already had the same bytes."""

    id: int
    new: bool


def read_message(raw: bytes) -> NewMessage:
    """Return a message's bytes with what is stored beside them; raise NotAMessage for bytes that are no mail.

    No transaction is open yet: reading takes longer than storing.
    """
    return NewMessage(raw, hashlib.sha256(raw).digest(), read_envelope(raw), count_attachments(raw))


def store_messages(run: StatementRunner, arriving: Sequence[tuple[Place, NewMessage]]) -> list[StoredMessage]:
    """Store messages in a transaction, and return the stored message of each, in their order.

    If the mailbox already has the same bytes, no second message is made, and the first keeps its id and folder. The
    caller has locked the rows of the mailboxes, so that nobody else can store the same bytes at the same time.
    """
    known = _find_known(run, {(place.mailbox_id, message.digest) for place, message in arriving})
    unknown: dict[_Key, tuple[Place, NewMessage]] = {}
    for place, message in arriving:
        key = (place.mailbox_id, message.digest)
        if key not in known:
            unknown.setdefault(key, (place, message))
    inserted = _insert(run, unknown)
    stored = []
    for place, message in arriving:
        key = (place.mailbox_id, message.digest)
        # Of the same bytes twice, only the first is new.
        new_id = inserted.get(key)
        stored.append(StoredMessage(known[key], new=False) if new_id is None else StoredMessage(new_id, new=True))
        known[key] = stored[-1].id
        inserted.pop(key, None)
    return stored


_Key = tuple[int, bytes]


def _find_known(run: StatementRunner, keys: set[_Key]) -> dict[_Key, int]:
    """Return the ids of the messages that are stored already, by mailbox and digest."""
    if run.dialect.name == "postgresql":
        mailbox_ids, digests = zip(*keys, strict=True)
        rows = run.rows(_FIND_ALL, mailbox_ids=[*mailbox_ids], digests=[*digests])
    else:
        # Without a network between, many small statements take less time than one large one.
        looked_up = (run.first(_FIND, mailbox_id=mailbox_id, digest=digest) for mailbox_id, digest in keys)
        rows = [row for row in looked_up if row is not None]
    found = {(row.mailbox_id, row.digest): row.id for row in rows}
    return {key: found[key] for key in keys & found.keys()}


def _insert(run: StatementRunner, messages: Mapping[_Key, tuple[Place, NewMessage]]) -> dict[_Key, int]:
    """Insert messages and return their ids, which increase in the order of the messages."""
    if not messages:
        return {}
    ids = _insert_places(run, [place for place, _ in messages.values()])
    now = datetime.datetime.now(datetime.UTC)
    envelopes, contents = [], []
    for message_id, (place, message) in zip(ids, messages.values(), strict=True):
        envelope = message.envelope
        envelopes.append(
            {
                "id": message_id,
                "mailbox_id": place.mailbox_id,
                "digest": message.digest,
                "message_id": envelope.message_id,
                "subject": envelope.subject,
                "subject_folded": fold(envelope.subject),
                "sender": envelope.sender,
                "sender_folded": fold(envelope.sender),
                "recipients": envelope.recipients,
                "date": envelope.date,
                "size": envelope.size,
                "attachments": message.attachments,
                "imported_at": now,
            }
        )
        contents.append({"id": message_id, "raw": message.raw})
    run.insert_many(MessageEnvelope, envelopes)
    run.insert_many(MessageContent, contents)
    return dict(zip(messages, ids, strict=True))


def _insert_places(run: StatementRunner, places: Sequence[Place]) -> list[int]:
    """Insert the small rows of messages and return their ids, in the order of the places."""
    if run.dialect.name != "postgresql":
        return [run.scalar(_INSERT, **place._asdict()) for place in places]  # type: ignore[misc]
    mailbox_ids, folder_ids = zip(*places, strict=True)
    rows = run.rows(_INSERT_ALL, mailbox_ids=[*mailbox_ids], folder_ids=[*folder_ids])
    # RETURNING promises no order, and ids of one folder are interchangeable: each message takes the least that is left.
    left: dict[Place, list[int]] = {}
    for row in sorted(rows, reverse=True):
        left.setdefault(Place(row.mailbox_id, row.folder_id), []).append(row.id)
    return [left[place].pop() for place in places]


def _unnest(**columns: ARRAY[int] | ARRAY[bytes]) -> TableValuedAlias:
    """Return the rows that PostgreSQL makes of arrays, one for each column."""
    arrays = (bindparam(f"{name}s", type_=type_) for name, type_ in columns.items())
    return func.unnest(*arrays).table_valued(*columns).render_derived()


_FIND = Statement(
    select(MessageEnvelope.id, MessageEnvelope.mailbox_id, MessageEnvelope.digest).where(
        MessageEnvelope.mailbox_id == bindparam("mailbox_id"), MessageEnvelope.digest == bindparam("digest")
    )
)
_KEYS = _unnest(mailbox_id=ARRAY(BigInteger), digest=ARRAY(LargeBinary))
_FOUND = (
    select(MessageEnvelope.id, MessageEnvelope.mailbox_id, MessageEnvelope.digest)
    # The first row that is not before the key: only the unique index can give this order. For a plain comparison, while
    # it has no statistics, PostgreSQL chooses another index and reads all of a mailbox for each key.
    .where(tuple_(MessageEnvelope.mailbox_id, MessageEnvelope.digest) >= tuple_(_KEYS.c.mailbox_id, _KEYS.c.digest))
    .order_by(MessageEnvelope.mailbox_id, MessageEnvelope.digest)
    .limit(1)
    .lateral()
)
_FIND_ALL = Statement(select(_FOUND).select_from(_KEYS.join(_FOUND, true())))
_INSERT = Statement(
    insert(Message).values(mailbox_id=bindparam("mailbox_id"), folder_id=bindparam("folder_id")).returning(Message.id)
)
_PLACES = _unnest(mailbox_id=ARRAY(BigInteger), folder_id=ARRAY(BigInteger))
_INSERT_ALL = Statement(
    insert(Message)
    .from_select(["mailbox_id", "folder_id"], select(_PLACES.c.mailbox_id, _PLACES.c.folder_id))
    .returning(Message.id, Message.mailbox_id, Message.folder_id)
)
