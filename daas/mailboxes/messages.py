"""The messages of a mailbox, as an operator looks at them."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from ..errors import OperatorError
from ..storage.engine import db
from .models import Folder, Mailbox, Message, MessageContent, MessageEnvelope


@dataclass(frozen=True)
class ListedMessage:
    """A message's envelope, and where it is; `folder` is a standard folder's name or a custom one's id."""

    envelope: MessageEnvelope
    mailbox: str
    folder: str


def list_messages(mailbox: Mailbox, folder: Folder | None) -> Iterator[ListedMessage]:
    """Give the messages of a mailbox, or of one of its folders, in the order of their ids."""
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
    """Find a message by its id; raises OperatorError if there is none."""
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
    """Give a message's bytes as they were imported."""
    raw = db.session.scalar(select(MessageContent.raw).where(MessageContent.id == message_id))
    if raw is None:
        raise OperatorError(f"There is no message {message_id}.")
    return raw


def _name(folder: Folder) -> str:
    return folder.name if folder.standard else str(folder.id)
