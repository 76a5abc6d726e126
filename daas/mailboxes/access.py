"""Whether a mailbox is open to an application, and which of its folders is meant."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, or_, select

from ..applications.lookup import Candidate
from ..applications.registry import Application, ApplicationKey, ApplicationMailbox, key_works, may_use
from ..errors import InvalidArguments, UseNotAuthorized, UserNotAuthorized
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

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Raises as
    check_open() does.
    """
    find = FIND_MAILBOX[isinstance(folder, str)]
    found = connection.execute(find, asked_of(application, mailbox, folder)).one_or_none()
    return check_open(found, folder)


def asked_of(application: Candidate, mailbox: str, folder: str | int | None) -> dict[str, Any]:
    """Give the parameters of FIND_MAILBOX."""
    return {
        "mailbox_name": mailbox,
        "application_id": application.id,
        "key_id": application.key_id,
        "service_name": application.service,
        "folder_named": folder,
    }


def check_open(found: Any | None, folder: str | int | None) -> OpenMailbox:
    """Check the row that FIND_MAILBOX gave, if any.

    Raises UserNotAuthorized if the mailbox is unknown, suspended or not granted, UseNotAuthorized if the application
    may not use the service any more, or InvalidArguments if the mailbox has no such folder.
    """
    if found is None:
        raise UserNotAuthorized("mailbox-unknown")
    if not found.may_use:
        raise UseNotAuthorized("use-withdrawn")
    if found.suspended:
        raise UserNotAuthorized("mailbox-suspended")
    if not found.granted:
        raise UserNotAuthorized("mailbox-not-granted")
    if folder is not None and found.folder_id is None:
        raise InvalidArguments(["folder"], ["'Folder' contains invalid input"], "folder-not-found")
    return OpenMailbox(found.mailbox_id, found.folder_id)


def _find(*, standard: bool) -> Select[int, bool, bool, bool, int]:
    named = Folder.name if standard else Folder.id
    caller = (
        (Application.id == bindparam("application_id"))
        & exists().where(ApplicationKey.id == bindparam("key_id"), key_works())
        & Application.suspended.is_(False)
        & may_use(bindparam("service_name"))
    )
    granted = exists().where(
        ApplicationMailbox.application_id == Application.id, ApplicationMailbox.mailbox_id == Mailbox.id
    )
    return (
        select(
            Mailbox.id.label("mailbox_id"),
            Mailbox.suspended,
            Application.id.is_not(None).label("may_use"),
            or_(Application.all_mailboxes, granted).label("granted"),
            Folder.id.label("folder_id"),
        )
        .select_from(Mailbox)
        .outerjoin(Application, caller)
        .outerjoin(
            Folder,
            (Folder.mailbox_id == Mailbox.id) & Folder.standard.is_(standard) & (named == bindparam("folder_named")),
        )
        .where(Mailbox.name == bindparam("mailbox_name"))
    )


#: Finds a mailbox, and a folder of it: by a standard folder's name (True) or a custom one's id (False).
FIND_MAILBOX = {standard: _find(standard=standard) for standard in (True, False)}
