"""Import of mail into a mailbox: .eml files, mbox files and Maildirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import bindparam, select

from ..mail.files import SkippedFile, find_messages
from ..mail.header import NotAMessage
from ..records.audit import audit
from ..storage.engine import db
from ..storage.transactions import Statement, write_transaction
from .models import Folder, Mailbox
from .storing import NewMessage, Place, read_message, store_messages

# The size of a transaction: large enough for few waits for the disk, small enough that moves wait only briefly.
_BATCH_MESSAGES = 250
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
    place = Place(folder.mailbox_id, folder.id)
    mailbox = db.session.get_one(Mailbox, place.mailbox_id)
    audit("message import", mailbox.name, folder=folder.name if folder.standard else str(place.folder_id))
    db.session.commit()  # The import has transactions of its own, which would wait for the session's.
    batch: list[tuple[str, NewMessage]] = []
    batch_bytes = 0
    for path in paths:
        for found in find_messages(path):
            if isinstance(found, SkippedFile):
                yield found
                continue
            try:
                batch.append((found.path, read_message(found.raw)))
                batch_bytes += len(found.raw)
            except NotAMessage as reason:
                yield SkippedFile(found.path, str(reason))
            if len(batch) >= _BATCH_MESSAGES or batch_bytes >= _BATCH_BYTES:
                yield from _store(place, batch)
                batch, batch_bytes = [], 0
    yield from _store(place, batch)


def _store(place: Place, batch: list[tuple[str, NewMessage]]) -> list[ImportedMessage]:
    if not batch:
        return []
    with write_transaction() as run:
        # Serialise imports into one mailbox, so that each sees the messages of the other.
        run.first(_LOCK, mailbox_id=place.mailbox_id)
        stored = store_messages(run, [(place, message) for _, message in batch])
    return [
        ImportedMessage(message_id, path, message.envelope.size, new=new)
        for (path, message), (message_id, new) in zip(batch, stored, strict=True)
    ]


_LOCK = Statement(select(Mailbox.id).where(Mailbox.id == bindparam("mailbox_id")).with_for_update(key_share=True))
