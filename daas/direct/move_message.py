"""The move of a message to another folder of its mailbox."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, bindparam, exists, select, update

from .. import request_log
from ..applications import ApplicationMailbox
from ..database import writing
from ..errors import InvalidArguments, MessageNotFound, UserNotAuthorized
from ..request_log import Entry
from .models import Folder, Mailbox, Message


@dataclass(frozen=True)
class Move:
    """A move that is on disk; `folder` is a standard folder's name or a custom one's id."""

    request_id: str
    folder: str


def move_message(
    application_id: int, all_mailboxes: bool, mailbox: str, message_id: int, folder: str | int, entry: Entry
) -> Move:
    """Move a message of a mailbox that is open to the application, and record it, in one transaction.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Moving a message
    to where it is succeeds. The row of the log takes its id while the message is held, so that for one
    message the ids grow in the order in which its moves took effect.

    Raises UserNotAuthorized, InvalidArguments if the mailbox has no such custom folder, or MessageNotFound.
    """
    with writing() as connection:
        find_target = _FIND_STANDARD if isinstance(folder, str) else _FIND_CUSTOM
        asked = {"mailbox": mailbox, "application": application_id, "folder": folder}
        target = connection.execute(find_target, asked).one_or_none()
        if target is None:
            raise UserNotAuthorized("mailbox-unknown")
        if target.suspended:
            raise UserNotAuthorized("mailbox-suspended")
        if not (all_mailboxes or target.granted):
            raise UserNotAuthorized("mailbox-not-granted")
        if target.folder_id is None:
            raise InvalidArguments(["folder"], ["'Folder' contains invalid input"], "folder-not-found")
        held = connection.execute(_HOLD, {"mailbox": target.mailbox_id, "message": message_id}).one_or_none()
        if held is None:
            raise MessageNotFound("message-not-found")
        connection.execute(_MOVE, {"message": message_id, "folder": target.folder_id})
        moved_to = str(folder)
        request_id = request_log.record(
            connection,
            entry,
            200,
            "moved",
            folder_from=held.standard or str(held.folder_id),
            folder_to=moved_to,
        )
    return Move(request_id, moved_to)


def _find_target(folder: ColumnElement[bool]) -> Select[int, bool, bool, int]:
    """Find a mailbox, whether it is granted, and the folder in it, by one statement."""
    granted = exists().where(
        ApplicationMailbox.application_id == bindparam("application"),
        ApplicationMailbox.mailbox_id == Mailbox.id,
    )
    return (
        select(
            Mailbox.id.label("mailbox_id"),
            Mailbox.suspended,
            granted.label("granted"),
            Folder.id.label("folder_id"),
        )
        .outerjoin(Folder, (Folder.mailbox_id == Mailbox.id) & folder)
        .where(Mailbox.name == bindparam("mailbox"))
    )


_FIND_STANDARD = _find_target(Folder.standard & (Folder.name == bindparam("folder")))
_FIND_CUSTOM = _find_target(~Folder.standard & (Folder.id == bindparam("folder")))
# The folder's name is looked up, not joined: a join would be made with the folder that the message was in
# before PostgreSQL waited for another move of it, and lose the row. SQLite has no row locks; there, the
# transaction holds the whole database.
_HOLD = (
    select(
        Message.folder_id,
        select(Folder.name).where(Folder.id == Message.folder_id, Folder.standard).scalar_subquery().label("standard"),
    )
    .where(Message.id == bindparam("message"), Message.mailbox_id == bindparam("mailbox"))
    .with_for_update(of=Message)
)
_MOVE = update(Message).where(Message.id == bindparam("message")).values(folder_id=bindparam("folder"))
