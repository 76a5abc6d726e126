"""Whether a mailbox is open to an application, and which of its folders is meant."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, exists, select

from ..applications import ApplicationMailbox, Candidate
from ..errors import InvalidArguments, UserNotAuthorized
from .models import Folder, Mailbox


@dataclass(frozen=True)
class OpenMailbox:
    """A mailbox that is open to an application; `folder_id` is that of the folder asked for, if one was."""

    id: int
    folder_id: int | None


def open_mailbox(
    connection: Connection, application: Candidate, mailbox: str, folder: str | int | None = None
) -> OpenMailbox:
    """Find a mailbox that is open to the application and, if one is asked for, a folder in it, by one statement.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Raises
    UserNotAuthorized if the mailbox is unknown, suspended or not granted, or InvalidArguments if it has no
    such folder.
    """
    find = _FIND_STANDARD if isinstance(folder, str) else _FIND_CUSTOM
    asked = {"mailbox": mailbox, "application": application.id, "folder": folder}
    found = connection.execute(find, asked).one_or_none()
    if found is None:
        raise UserNotAuthorized("mailbox-unknown")
    if found.suspended:
        raise UserNotAuthorized("mailbox-suspended")
    if not (application.all_mailboxes or found.granted):
        raise UserNotAuthorized("mailbox-not-granted")
    if folder is not None and found.folder_id is None:
        raise InvalidArguments(["folder"], ["'Folder' contains invalid input"], "folder-not-found")
    return OpenMailbox(found.mailbox_id, found.folder_id)


def _find(standard: bool) -> Select[int, bool, bool, int]:
    is_folder = Folder.name == bindparam("folder") if standard else Folder.id == bindparam("folder")
    granted = exists().where(
        ApplicationMailbox.application_id == bindparam("application"), ApplicationMailbox.mailbox_id == Mailbox.id
    )
    return (
        select(
            Mailbox.id.label("mailbox_id"), Mailbox.suspended, granted.label("granted"), Folder.id.label("folder_id")
        )
        .outerjoin(Folder, (Folder.mailbox_id == Mailbox.id) & (Folder.standard.is_(standard)) & is_folder)
        .where(Mailbox.name == bindparam("mailbox"))
    )


_FIND_STANDARD = _find(standard=True)
_FIND_CUSTOM = _find(standard=False)
