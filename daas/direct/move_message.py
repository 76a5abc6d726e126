"""The move of a message to another folder of its mailbox."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from .. import request_log
from ..applications import Candidate
from ..database import writing
from ..errors import MessageNotFound
from ..request_log import Entry
from .models import Folder, Message
from .open_mailbox import open_mailbox


@dataclass(frozen=True)
class Move:
    """A move that is on disk; `folder` is a standard folder's name or a custom one's id."""

    request_id: str
    folder: str


def move_message(application: Candidate, mailbox: str, message_id: int, folder: str | int, entry: Entry) -> Move:
    """Move a message of a mailbox that is open to the application, and record it, in one transaction.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Moving a message
    to where it is succeeds. The row of the log takes its id while the message is held, so that for one
    message the ids grow in the order in which its moves took effect.

    Raises UserNotAuthorized, InvalidArguments if the mailbox has no such custom folder, or MessageNotFound.
    """
    with writing() as connection:
        target = open_mailbox(connection, application, mailbox, folder)
        held = connection.execute(_HOLD, {"mailbox": target.id, "message": message_id}).one_or_none()
        if held is None:
            raise MessageNotFound("message-not-found")
        connection.execute(_MOVE, {"message": message_id, "folder": target.folder_id})
        # The log is replayed by message: a move is found under the id itself, whatever blanks were sent around it.
        entry.asked = {**entry.asked, "id": str(message_id)}
        folder_from = held.standard or str(held.folder_id)
        request_id = request_log.record(connection, entry, 200, "moved", folder_from, folder_to=str(folder))
    return Move(request_id, str(folder))


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
