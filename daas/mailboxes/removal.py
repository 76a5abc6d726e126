"""Remove and rename mailboxes, folders and messages, for operators.

Messages are deleted some at a time, each time in a transaction of its own, so that moves do not wait. An interrupted
removal can be repeated. The request log and the audit keep the old names and ids; no id is used again.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.exc import IntegrityError

from ..applications.models import ApplicationMailbox
from ..errors import OperatorError
from ..records.audit import audit
from ..storage.engine import db
from .administration import check_folder_name, find_folder, find_mailbox
from .models import Folder, IdempotencyKey, Mailbox, Message, MessageContent, MessageEnvelope, MessageParts
from .names import read_mailbox_name

# Messages that one transaction deletes: with SQLite, moves wait for it.
_BATCH_MESSAGES = 200
_BATCH_KEYS = 500
# How often a removal starts again because a message arrived meanwhile.
_MAX_TRIES = 10


def count_messages(mailbox: Mailbox, folder: Folder | None = None) -> int:
    """Return the number of messages of a mailbox, or of one of its folders."""
    where = Message.mailbox_id == mailbox.id if folder is None else Message.folder_id == folder.id
    return db.session.scalar(select(func.count()).select_from(Message).where(where)) or 0


def rename_mailbox(name: str, new_name: str) -> Mailbox:
    """Rename a mailbox; applications keep their permissions for it."""
    mailbox = find_mailbox(name)
    understood = read_mailbox_name(new_name)
    if understood is None:
        raise OperatorError(f"{new_name!r} is not the local part of a Direct address, such as test.user.")
    audit("mailbox rename", mailbox.name, new_name=understood)
    mailbox.name = understood
    _commit(f"There is a mailbox {understood!r} already.")
    return mailbox


def remove_mailbox(name: str, removed_messages: Callable[[int], object] = lambda _: None) -> int:
    """Remove a mailbox with its messages, folders and permissions; return the number of messages, and report each step.

    The mailbox is suspended first. Raise OperatorError if new messages keep arriving.
    """
    mailbox = find_mailbox(name)
    mailbox_id, count = mailbox.id, count_messages(mailbox)
    mailbox.suspended = True
    # The audit has the removal before anything is gone, also if it is interrupted.
    audit("mailbox remove", mailbox.name, messages=count)
    db.session.commit()
    removed = 0
    for _ in range(_MAX_TRIES):
        removed += _remove_messages(Message.mailbox_id == mailbox_id, removed_messages)
        try:
            for statement in [
                delete(Folder).where(Folder.mailbox_id == mailbox_id),
                delete(ApplicationMailbox).where(ApplicationMailbox.mailbox_id == mailbox_id),
                delete(Mailbox).where(Mailbox.id == mailbox_id),
            ]:
                db.session.execute(statement)
            db.session.commit()
        except IntegrityError:
            # A message was imported, or a permission granted, since the last statement.
            db.session.rollback()
        else:
            return removed
    raise OperatorError(f"The mailbox {name!r} is suspended, but messages keep arriving: stop that, and repeat.")


def rename_folder(mailbox: Mailbox, text: str, new_name: str) -> Folder:
    """Rename a custom folder, given by its name or id; its id stays."""
    folder = find_custom_folder(mailbox, text)
    new_name = check_folder_name(new_name)
    audit("folder rename", mailbox.name, id=str(folder.id), name=folder.name, new_name=new_name)
    folder.name = new_name
    _commit(f"There is a folder {new_name!r} in this mailbox already.")
    return folder


def remove_folder(mailbox: Mailbox, text: str, removed_messages: Callable[[int], object] = lambda _: None) -> int:
    """Remove a custom folder with its messages; return their number, and report each step.

    Raise OperatorError if messages keep arriving in it.
    """
    folder = find_custom_folder(mailbox, text)
    folder_id, count = folder.id, count_messages(mailbox, folder)
    audit("folder remove", mailbox.name, id=str(folder.id), name=folder.name, messages=count)
    db.session.commit()
    removed = 0
    for _ in range(_MAX_TRIES):
        removed += _remove_messages(Message.folder_id == folder_id, removed_messages)
        try:
            db.session.execute(delete(Folder).where(Folder.id == folder_id))
            db.session.commit()
        except IntegrityError:
            # A message was moved into the folder since the last statement.
            db.session.rollback()
        else:
            return removed
    raise OperatorError("Messages keep arriving in the folder: stop that, and repeat the command.")


def remove_message(message_id: int) -> None:
    """Remove a message; raise OperatorError if there is none. The same bytes, delivered again, are a new message."""
    found = db.session.execute(
        select(Mailbox.name, Message.folder_id)
        .join(Message, Message.mailbox_id == Mailbox.id)
        .where(Message.id == message_id)
    ).one_or_none()
    if found is None:
        raise OperatorError(f"There is no message {message_id}.")
    audit("message remove", found.name, id=str(message_id))
    _delete_messages(Message.id == message_id)
    db.session.commit()


def remove_idempotency_keys(application_id: int) -> None:
    """Remove the stored responses to an application's requests with an Idempotency-Key, before it is removed."""
    of_application = IdempotencyKey.application_id == application_id
    while keys := db.session.scalars(select(IdempotencyKey.key).where(of_application).limit(_BATCH_KEYS)).all():
        db.session.execute(delete(IdempotencyKey).where(of_application, IdempotencyKey.key.in_(keys)))
        db.session.commit()
    db.session.rollback()


def find_custom_folder(mailbox: Mailbox, text: str) -> Folder:
    """Return a custom folder, given by its name or id; raise OperatorError for a standard one, or if there is none."""
    folder = find_folder(mailbox, text)
    if folder.standard:
        raise OperatorError(f"{folder.name} is a standard folder, which every mailbox has.")
    return folder


def _remove_messages(where: ColumnElement[bool], removed_messages: Callable[[int], object]) -> int:
    removed = 0
    while count := _delete_messages(where):
        db.session.commit()
        removed += count
        removed_messages(count)
    db.session.rollback()
    return removed


def _delete_messages(where: ColumnElement[bool]) -> int:
    """Delete the first messages that meet a condition, and return their number."""
    # The lock keeps a message from being moved elsewhere after its content was deleted (PostgreSQL).
    query = select(Message.id).where(where).order_by(Message.id).limit(_BATCH_MESSAGES).with_for_update()
    ids = db.session.scalars(query).all()
    for table in (MessageParts, MessageContent, MessageEnvelope, Message):
        db.session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


def _commit(taken: str) -> None:
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise OperatorError(taken) from error
