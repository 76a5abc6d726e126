"""Import of mail into a mailbox: .eml files, mbox files and Maildirs."""

import datetime
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Insert, bindparam, insert, select

from ..mail.files import FoundMessage, SkippedFile, find_messages
from ..mail.header import Envelope, NotAMessage, read_envelope
from ..records.audit import audit
from ..storage.engine import db
from ..storage.transactions import Statement, StatementRunner, write_transaction
from .models import Folder, Mailbox, Message, MessageContent, MessageEnvelope, fold

# The size of a transaction: large enough for few waits for the disk, small enough that moves wait only briefly.
_BATCH_MESSAGES = 100
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ImportedMessage:
    """An imported message; `path` is the file of its bytes, `size` their number.

    `new` is false if the mailbox already had the same bytes, also from earlier in the same import.
    """

    id: int
    path: str
    size: int
    new: bool


def import_messages(folder: Folder, paths: Iterable[Path]) -> Iterator[ImportedMessage | SkippedFile]:
    """Import the mail at the paths into a folder, and yield each message once it is on disk.

    If the mailbox already has the same bytes, no second message is made, and the first keeps its id and folder. Files
    that are not messages are yielded with the reason, and the import continues.
    """
    mailbox_id, folder_id = folder.mailbox_id, folder.id
    mailbox = db.session.get_one(Mailbox, mailbox_id)
    audit("message import", mailbox.name, folder=folder.name if folder.standard else str(folder_id))
    db.session.commit()  # The import has transactions of its own, which would wait for the session's.
    batch: list[tuple[FoundMessage, Envelope]] = []
    for path in paths:
        for found in find_messages(path):
            if isinstance(found, SkippedFile):
                yield found
                continue
            try:
                batch.append((found, read_envelope(found.raw)))
            except NotAMessage as reason:
                yield SkippedFile(found.path, str(reason))
            if len(batch) >= _BATCH_MESSAGES or sum(len(each.raw) for each, _ in batch) >= _BATCH_BYTES:
                yield from _store(mailbox_id, folder_id, batch)
                batch = []
    yield from _store(mailbox_id, folder_id, batch)


def _store(mailbox_id: int, folder_id: int, batch: list[tuple[FoundMessage, Envelope]]) -> list[ImportedMessage]:
    if not batch:
        return []
    with write_transaction() as run:
        # Serialise imports into one mailbox, so that each sees the messages of the other.
        run.first(select(Mailbox.id).where(Mailbox.id == mailbox_id).with_for_update(key_share=True))
        return [_store_one(run, mailbox_id, folder_id, found, envelope) for found, envelope in batch]


def _store_one(
    run: StatementRunner, mailbox_id: int, folder_id: int, found: FoundMessage, envelope: Envelope
) -> ImportedMessage:
    digest = hashlib.sha256(found.raw).digest()
    known: int | None = run.scalar(_FIND, mailbox_id=mailbox_id, digest=digest)
    if known is not None:
        return ImportedMessage(known, found.path, envelope.size, new=False)
    message_id: int = run.rows(_INSERT_MESSAGE, mailbox_id=mailbox_id, folder_id=folder_id)[0].id
    run.change(
        _INSERT_ENVELOPE,
        id=message_id,
        mailbox_id=mailbox_id,
        digest=digest,
        message_id=envelope.message_id,
        subject=envelope.subject,
        subject_folded=fold(envelope.subject),
        sender=envelope.sender,
        sender_folded=fold(envelope.sender),
        recipients=envelope.recipients,
        date=envelope.date,
        size=envelope.size,
        attachments=None,
        imported_at=datetime.datetime.now(datetime.UTC),
    )
    run.change(_INSERT_CONTENT, id=message_id, raw=found.raw)
    return ImportedMessage(message_id, found.path, envelope.size, new=True)


def _insert(model: Any) -> Insert:
    return insert(model).values({column.key: bindparam(column.key) for column in model.__table__.columns})


_FIND = Statement(
    select(MessageEnvelope.id).where(
        MessageEnvelope.mailbox_id == bindparam("mailbox_id"), MessageEnvelope.digest == bindparam("digest")
    )
)
_INSERT_MESSAGE = Statement(
    insert(Message).values(mailbox_id=bindparam("mailbox_id"), folder_id=bindparam("folder_id")).returning(Message.id)
)
_INSERT_ENVELOPE = Statement(_insert(MessageEnvelope))
_INSERT_CONTENT = Statement(_insert(MessageContent))
