"""The messages of a mailbox, for operators."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from ..errors import OperatorError
from ..storage.engine import db
from .models import Folder, Mailbox, Message, MessageContent, MessageEnvelope


@dataclass(frozen=True)
class ListedMessage:
    """A message's envelope, mailbox and folder; `folder` is a standard folder's name or a custom folder's id."""

    envelope: MessageEnvelope
    mailbox: str
    folder: str


def list_messages(mailbox: Mailbox, folder: Folder | None) -> Iterator[ListedMessage]:
    """Return the messages of a mailbox, or of one of its folders, ordered by id."""
    criteria = [Message.mailbox_id == mailbox.id] + ([] if folder is None else [Message.folder_id == folder.id])
    query = (
        select(MessageEnvelope, Folder)
        .join(Message, Message.id == MessageEnvelope.id)
        .join(Folder, Folder.id == Message.folder_id)
        .where(*criteria)
        .order_by(Message.id)
    )
    for envelope, its_folder in db.session.execute(query.execution_options(yield_per=1000)):
        yield ListedMessage(envelope, mailbox.name, _name(its_folder))


def find_message(message_id: int) -> ListedMessage:
    """Return the message with an id; raise OperatorError if there is none."""
    query = (
        select(MessageEnvelope, Folder, Mailbox)
        .join(Message, Message.id == MessageEnvelope.id)
        .join(Folder, Folder.id == Message.folder_id)
        .join(Mailbox, Mailbox.id == Message.mailbox_id)
        .where(Message.id == message_id)
    )
    row = db.session.execute(query).one_or_none()
    if row is None:
        raise OperatorError(f"There is no message {message_id}.")
    return ListedMessage(row.MessageEnvelope, row.Mailbox.name, _name(row.Folder))


def read_content(message_id: int) -> bytes:
    """Return a message's bytes as they were imported; raise OperatorError if there is none."""
    raw = db.session.scalar(select(MessageContent.raw).where(MessageContent.id == message_id))
    if raw is None:
        raise OperatorError(f"There is no message {message_id}.")
    return raw


def _name(folder: Folder) -> str:
    return folder.name if folder.standard else str(folder.id)
