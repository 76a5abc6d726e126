"""The sandbox: applications and mailboxes with which testers can provoke every documented response.

All names begin with `sandbox.`. The sandbox's file holds the keys and ids, and proves that applications and mailboxes
with these names belong to the sandbox.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from ..applications.models import Application, ApplicationKey
from ..applications.registry import (
    SERVICES,
    grant,
    register_application,
    revoke,
    suspend_application,
)
from ..contacts.remove_application import remove_application
from ..errors import OperatorError
from ..mailboxes.administration import (
    add_folder,
    add_mailbox,
    find_folder,
    find_mailbox,
    suspend_mailbox,
)
from ..mailboxes.message_import import ImportedMessage, import_messages
from ..mailboxes.models import Mailbox, Message
from ..mailboxes.removal import remove_mailbox
from ..settings import Settings
from ..signing.mechanism import make_key_pair
from ..storage.engine import db

#: The sandbox's keys and ids, in the working directory; `daas conformance --sandbox` reads it.
SANDBOX_FILE = Path("instance/sandbox.json")

_GRANTED, _REJECTED, _OTHER = _APPLICATIONS = ("sandbox.granted", "sandbox.refused", "sandbox.other")
_LISTS = tuple(service for service in SERVICES if service.startswith("v1/"))
_OPEN, _CLOSED, _SUSPENDED = _MAILBOXES = ("sandbox.open", "sandbox.closed", "sandbox.suspended")


def create_sandbox(settings: Settings) -> dict[str, Any]:
    """Create the sandbox and its file, and return the file's contents; raise OperatorError if a name is in use."""
    if SANDBOX_FILE.exists():
        _read_own()
        raise OperatorError(
            "The sandbox already exists: `daas sandbox reset` restores it, `daas sandbox remove` deletes it."
        )
    if taken := [*_names_of(Application, _APPLICATIONS), *_names_of(Mailbox, _MAILBOXES)]:
        raise OperatorError(f"{', '.join(taken)} already exists, and there is no {SANDBOX_FILE} that lists it.")
    granted, rejected, other = make_key_pair(), make_key_pair(), make_key_pair()
    facts: dict[str, Any] = {
        **vars(granted),
        "refused": vars(rejected),
        "refused_needs_md5": True,
        "other": vars(other),
        "lists": True,
        "explains": True,
    }
    # Written at each step, so that an interrupted sandbox can be removed.
    _write(facts | {"mailbox_ids": {}})
    # The requests of a removed sandbox, which the log may still have under these names, are nobody else's.
    register_application(_GRANTED, services=SERVICES, explain_401=True, keys=granted, reuse_name=True)
    # This one may use no service: its requests get a 403 with Content-MD5 and a 401 without.
    register_application(_REJECTED, services=[], require_content_md5=True, keys=rejected, reuse_name=True)
    # This one has its own lists and contacts, and cannot see those of the first.
    register_application(_OTHER, services=_LISTS, keys=other, reuse_name=True)
    boxes = {}
    for name in _MAILBOXES:
        boxes[name] = add_mailbox(name)
        _write(facts | {"mailbox_ids": {name: box.id for name, box in boxes.items()}})
    opened, closed = boxes[_OPEN], boxes[_CLOSED]
    facts |= {
        "mailbox": _OPEN,
        "message": _import(opened, "a message that is moved"),
        "other_message": _import(opened, "another message"),
        "folders": [str(add_folder(opened, name).id) for name in ("Sandbox one", "Sandbox two")],
        "standard_folder": str(find_folder(opened, "Inbox").id),
        "closed_mailbox": _CLOSED,
        "closed_message": _import(closed, "a message that nobody may move"),
        "closed_folder": str(add_folder(closed, "Sandbox one").id),
        "suspended_mailbox": _SUSPENDED,
        "mailbox_ids": {name: box.id for name, box in boxes.items()},
    }
    _write(facts)
    return reset_sandbox(settings)


def reset_sandbox(settings: Settings) -> dict[str, Any]:
    """Restore messages, permissions and flags, with the same keys, and return the file's contents.

    The file also gets the server's current settings that the conformance kit needs. Raise OperatorError if the sandbox
    is incomplete or belongs to another database.
    """
    facts = _read_own()
    if "message" not in facts or [*_names_of(Mailbox, _MAILBOXES)] != sorted(_MAILBOXES):
        raise OperatorError("The sandbox is incomplete: run `daas sandbox remove` and `daas sandbox create`.")
    for name, services, mailbox_ids in [
        (_GRANTED, SERVICES, [facts["mailbox_ids"][_OPEN]]),
        (_REJECTED, (), []),
        (_OTHER, _LISTS, []),
    ]:
        application = suspend_application(name, suspended=False)
        more = {row.service for row in application.services} - {*services}
        more_mailboxes = {row.mailbox_id for row in application.mailboxes} - {*mailbox_ids}
        revoke(name, more, more_mailboxes, all_mailboxes=True)
        grant(name, services, mailbox_ids, all_mailboxes=False)
        application.explain_401, application.require_content_md5 = name == _GRANTED, name == _REJECTED
        db.session.commit()
    for name in _MAILBOXES:
        suspend_mailbox(name, suspended=name == _SUSPENDED)
    _put_into_inbox(_OPEN, [facts["message"], facts["other_message"]])
    _put_into_inbox(_CLOSED, [facts["closed_message"]])
    facts |= {
        "window": settings.date_window_seconds,
        "max_body_bytes": settings.max_body_bytes,
        "origin": min(settings.allowed_origins, default=None),
    }
    _write(facts)
    return facts


def remove_sandbox() -> list[str]:
    """Remove the applications, and the mailboxes with all their messages, and return their names."""
    facts = _read_own()
    names = [*_names_of(Mailbox, facts["mailbox_ids"]), *_names_of(Application, _APPLICATIONS)]
    for name in _names_of(Mailbox, facts["mailbox_ids"]):
        remove_mailbox(name)
    for name in reversed([*_names_of(Application, _APPLICATIONS)]):
        remove_application(name)
    SANDBOX_FILE.unlink()
    return names


def _read_own() -> dict[str, Any]:
    """Return the file's contents; raise OperatorError if it is missing, malformed, or belongs to another database."""
    try:
        facts: dict[str, Any] = json.loads(SANDBOX_FILE.read_text())
        public_key, mailbox_ids = facts["public_key"], facts["mailbox_ids"]
    except FileNotFoundError as error:
        raise OperatorError(f"There is no {SANDBOX_FILE}: `daas sandbox create` makes it.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{SANDBOX_FILE} cannot be read.") from error
    keys = select(ApplicationKey.public_key).join(Application, Application.id == ApplicationKey.application_id)
    known = db.session.scalar(keys.where(Application.name == _GRANTED).order_by(ApplicationKey.id).limit(1))
    ids = {box.name: box.id for box in db.session.scalars(select(Mailbox).where(Mailbox.name.in_(mailbox_ids)))}
    if known != public_key or not ids.items() <= mailbox_ids.items():
        raise OperatorError(
            f"{SANDBOX_FILE} belongs to a sandbox in another database: use that, or move the file away."
        )
    return facts


def _names_of(model: type[Application | Mailbox], names: Iterable[str]) -> list[str]:
    return [*db.session.scalars(select(model.name).where(model.name.in_([*names])).order_by(model.name))]


def _import(mailbox: Mailbox, subject: str) -> str:
    """Import a message into the Inbox and return its id."""
    address = f"{mailbox.name}@direct.invalid"
    text = f"From: Sandbox <{address}>\r\nTo: {address}\r\nSubject: Sandbox: {subject}\r\n\r\nNobody's data.\r\n"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "message.eml")
        path.write_text(text, newline="")
        (outcome,) = import_messages(find_folder(mailbox, "Inbox"), [path])
    if not isinstance(outcome, ImportedMessage):
        raise OperatorError(f"The sandbox's message cannot be read: {outcome.reason}.")
    return str(outcome.id)


def _put_into_inbox(mailbox_name: str, message_ids: list[str]) -> None:
    inbox = find_folder(find_mailbox(mailbox_name), "Inbox")
    moved = update(Message).where(Message.id.in_([*map(int, message_ids)]), Message.mailbox_id == inbox.mailbox_id)
    db.session.execute(moved.values(folder_id=inbox.id, previous_folder_id=None))
    db.session.commit()


def _write(facts: dict[str, Any]) -> None:
    """Write the file atomically, readable only by its owner."""
    SANDBOX_FILE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new_file = SANDBOX_FILE.with_suffix(".new")
    new_file.unlink(missing_ok=True)
    with os.fdopen(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(facts, file, indent=1)
    new_file.replace(SANDBOX_FILE)
