"""Administration of mailboxes and folders, for operators."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..applications.models import ApplicationMailbox
from ..errors import OperatorError
from ..records.audit import audit
from ..storage.engine import db
from .models import STANDARD_FOLDERS, Folder, Mailbox
from .names import has_control_characters, read_folder, read_mailbox_name


def add_mailbox(name: str) -> Mailbox:
    """Add a mailbox with its four standard folders; the name is the local part of a Direct address."""
    understood = read_mailbox_name(name)
    if understood is None:
        raise OperatorError(f"{name!r} is not the local part of a Direct address, such as test.user.")
    mailbox = Mailbox(name=understood)
    db.session.add(mailbox)
    try:
        db.session.flush()
        db.session.add_all(Folder(mailbox_id=mailbox.id, name=folder, standard=True) for folder in STANDARD_FOLDERS)
        audit("mailbox add", understood)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise OperatorError(f"There is a mailbox {understood!r} already.") from error
    return mailbox


def find_mailbox(name: str) -> Mailbox:
    """Return a mailbox, whose name is accepted in any case; raise OperatorError if there is none."""
    mailbox = db.session.scalar(select(Mailbox).where(Mailbox.name == name.lower()))
    if mailbox is None:
        raise OperatorError(f"There is no mailbox {name!r}.")
    return mailbox


def list_mailboxes() -> Sequence[Mailbox]:
    """Return all mailboxes, ordered by name."""
    return db.session.scalars(select(Mailbox).order_by(Mailbox.name)).all()


def names_of_granted_mailboxes(application_id: int) -> list[str]:
    """Return the names of the mailboxes granted to an application by name, sorted."""
    granted = select(ApplicationMailbox.mailbox_id).where(ApplicationMailbox.application_id == application_id)
    return [*db.session.scalars(select(Mailbox.name).where(Mailbox.id.in_(granted)).order_by(Mailbox.name))]


def suspend_mailbox(name: str, *, suspended: bool) -> Mailbox:
    """Suspend or resume a mailbox; no application may use a suspended mailbox."""
    mailbox = find_mailbox(name)
    mailbox.suspended = suspended
    audit("mailbox suspend" if suspended else "mailbox resume", mailbox.name)
    db.session.commit()
    return mailbox


def add_folder(mailbox: Mailbox, name: str) -> Folder:
    """Add a custom folder; raise OperatorError for the name of a standard folder, or one of only digits."""
    name = check_folder_name(name)
    folder = Folder(mailbox_id=mailbox.id, name=name)
    db.session.add(folder)
    audit("folder add", mailbox.name, folder=name)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise OperatorError(f"There is a folder {name!r} in this mailbox already.") from error
    return folder


def check_folder_name(name: str) -> str:
    """Return the name of a custom folder without spaces around it; raise OperatorError if it cannot be one."""
    name = name.strip()
    if not 1 <= len(name) <= 255 or has_control_characters(name):
        raise OperatorError("The name of a folder must be 1 to 255 characters, without control characters.")
    if name.lower() in {standard.lower() for standard in STANDARD_FOLDERS} or name.isdigit():
        raise OperatorError("A custom folder must not have the name of a standard folder, or one of only digits.")
    return name


def list_custom_folders(mailbox: Mailbox) -> Sequence[Folder]:
    """Return a mailbox's custom folders, ordered by id."""
    return db.session.scalars(
        select(Folder).where(Folder.mailbox_id == mailbox.id, ~Folder.standard).order_by(Folder.id)
    ).all()


def find_folder(mailbox: Mailbox, text: str) -> Folder:
    """Return a folder of a mailbox: a standard name, an id or name of a custom folder, or `name:` and its name."""
    name = text.removeprefix("name:")
    understood = read_folder(text) if name == text else None
    custom = ~Folder.standard & (Folder.id == understood if isinstance(understood, int) else Folder.name == name)
    query = select(Folder).where(
        Folder.mailbox_id == mailbox.id, Folder.name == understood if isinstance(understood, str) else custom
    )
    folder = db.session.scalar(query)
    if folder is None:
        raise OperatorError(f"There is no folder {name!r} in this mailbox.")
    return folder
