"""Which mailboxes and folders an application may use, as part of the statements that read or change them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, exists, or_, select

from ..applications.lookup import Caller
from ..applications.models import Application, ApplicationMailbox
from ..errors import InvalidArguments, UserNotAuthorized
from ..reasons import Reason
from ..storage.transactions import Statement, StatementRunner
from .models import Folder, Mailbox


@dataclass(frozen=True)
class AccessibleMailbox:
    """A mailbox that the application may use.

    `folder_id` is the requested folder's, None if none was requested or the mailbox has no such folder.
    """

    id: int
    folder_id: int | None


def authorize(run: StatementRunner, caller: Caller, mailbox: str, folder: str | int | None = None) -> AccessibleMailbox:
    """Return a mailbox that the application may use, with the requested folder, by one statement.

    `mailbox` is in lower case, `folder` a standard folder's name or the id of a custom one. Raises UserNotAuthorized,
    or InvalidArguments if the mailbox has no such folder.
    """
    accessible = find_mailbox(run, caller, mailbox, folder)
    check_folders({"folder": (folder, accessible.folder_id)})
    return accessible


def find_mailbox(
    run: StatementRunner, caller: Caller, mailbox: str, folder: str | int | None = None
) -> AccessibleMailbox:
    """Return a mailbox as authorize() does, whether or not it has the requested folder."""
    parameters = mailbox_parameters(caller, mailbox, folder)
    return check_access(run.first(_FIND_MAILBOX[isinstance(folder, str)], **parameters))


def find_folder(run: StatementRunner, mailbox_id: int, folder: str | int | None) -> int | None:
    """Return the id of a mailbox's folder, None if it has no such folder or none was requested."""
    if folder is None:
        return None
    return run.scalar(_FIND_FOLDER[isinstance(folder, str)], mailbox_id=mailbox_id, folder_named=folder)


def mailbox_parameters(caller: Caller, mailbox: str, folder: str | int | None) -> dict[str, Any]:
    """Return the parameters of FIND_MAILBOX."""
    return {"mailbox_name": mailbox, "application_id": caller.id, "folder_named": folder}


def check_access(found: Any | None) -> AccessibleMailbox:
    """Return what FIND_MAILBOX found, if the application may use it.

    Raises UserNotAuthorized if the mailbox is unknown, suspended or not granted.
    """
    if found is None:
        raise UserNotAuthorized(Reason.MAILBOX_UNKNOWN)
    if found.suspended:
        raise UserNotAuthorized(Reason.MAILBOX_SUSPENDED)
    if not found.granted:
        raise UserNotAuthorized(Reason.MAILBOX_NOT_GRANTED)
    return AccessibleMailbox(found.mailbox_id, found.folder_id)


def check_folders(requested: Mapping[str, tuple[str | int | None, int | None]]) -> None:
    """Raise InvalidArguments for the requested folders that the mailbox does not have.

    Each argument has the folder as it was requested, None if it was not, and the id of that folder, None if the mailbox
    does not have it.
    """
    wrong = [name for name, (folder, folder_id) in requested.items() if folder is not None and folder_id is None]
    if wrong:
        sentences = [f"'{name.replace('_', ' ').title()}' contains invalid input" for name in wrong]
        raise InvalidArguments(wrong, sentences, Reason.FOLDER_NOT_FOUND)


def _find_folder(*, standard: bool) -> Select[int]:
    return select(Folder.id).where(
        Folder.mailbox_id == bindparam("mailbox_id"),
        Folder.standard.is_(standard),
        (Folder.name if standard else Folder.id) == bindparam("folder_named"),
    )


def _find_mailbox(*, standard: bool) -> Select[int, bool, bool, int]:
    folder_key = Folder.name if standard else Folder.id
    granted = or_(
        exists().where(Application.id == bindparam("application_id"), Application.all_mailboxes),
        exists().where(
            ApplicationMailbox.application_id == bindparam("application_id"),
            ApplicationMailbox.mailbox_id == Mailbox.id,
        ),
    )
    return (
        select(
            Mailbox.id.label("mailbox_id"), Mailbox.suspended, granted.label("granted"), Folder.id.label("folder_id")
        )
        .select_from(Mailbox)
        .outerjoin(
            Folder,
            (Folder.mailbox_id == Mailbox.id)
            & Folder.standard.is_(standard)
            & (folder_key == bindparam("folder_named")),
        )
        .where(Mailbox.name == bindparam("mailbox_name"))
    )


#: The query of a mailbox and one of its folders: by a standard folder's name (True) or a custom folder's id (False).
FIND_MAILBOX = {standard: _find_mailbox(standard=standard) for standard in (True, False)}
_FIND_MAILBOX = {standard: Statement(find) for standard, find in FIND_MAILBOX.items()}
_FIND_FOLDER = {standard: Statement(_find_folder(standard=standard)) for standard in (True, False)}
