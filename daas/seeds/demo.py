"""The demo: the application and mailbox that `make run` adds to an empty database, for a first move."""

import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values
from sqlalchemy import select, update

from ..applications.keys import add_key, revoke_key
from ..applications.models import Application
from ..applications.registry import SERVICES, find_application, grant, register_application, suspend_application
from ..client import DEFAULT_URL, read_key_file
from ..errors import OperatorError
from ..mailboxes.administration import add_folder, add_mailbox, find_folder, suspend_mailbox
from ..mailboxes.message_import import ImportedMessage, import_messages
from ..mailboxes.models import Mailbox, Message
from ..settings import Settings
from ..signing.mechanism import KeyPair, make_key_pair
from ..storage.engine import db
from ..storage.transactions import read_transaction

Record = TypeVar("Record", Application, Mailbox)

_NAME = "demo"
_MAILBOX = "demo.clinician"
_FOLDER = "Lab results"

_FIRST_COMMANDS = """
daas serves {url}. In another terminal, find a message of the demo mailbox and move it:

  .venv/bin/daas folders {mailbox} --key-file {file}{option}
  .venv/bin/daas messages {mailbox} --subject lab --key-file {file}{option}
  .venv/bin/daas move {mailbox} {message} {folder} --key-file {file}{option}

or move it with curl; this computes date and signature when it is run:

  ( . {file}
    uri=/direct/messages/move/format/json
    type=application/x-www-form-urlencoded
    date=$(date -u '+%m/%d/%Y %H:%M:%S UTC')
    hash=$(printf 'POST\\n%s\\n%s\\n%s' "$date" "$type" "$uri" |
           openssl dgst -sha256 -hmac "$DAAS_PRIVATE_KEY" | sed 's/.*= *//')
    curl -sS {url}$uri -H "Date: $date" -H "Content-Type: $type" \\
         -H "Authorization: DAAS $DAAS_PUBLIC_KEY:$(printf %s "$hash" | base64 | tr -d '\\n')" \\
         --data 'mailbox={mailbox}&id={message}&folder=Archived' )
"""


def demo_file(settings: Settings) -> Path:
    """Return the file with the demo's keys, mailbox, message and folder, in the working directory.

    Every database but the default one has a file of its own, so that one demo's keys never replace another's.
    """
    if settings.embedded_database == Path("instance/daas.db").absolute():
        return Path("instance/demo.env")
    # Without the password, which can change.
    named = settings.database_url.set(password=None, query={}).render_as_string()
    return Path(f"instance/demo-{hashlib.sha256(named.encode()).hexdigest()[:12]}.env")


def make_demo(settings: Settings) -> bool:
    """Make the demo if the database is empty and only this machine can reach the service.

    Return whether there is a demo whose keys are in its file, made now or earlier. Raise OperatorError if the file has
    keys of another database, or none: it is never overwritten.
    """
    if not settings.binds_loopback or settings.trusted_proxies:
        return False
    file = demo_file(settings)
    if _has_data():
        if not _has_demo():
            return False
        if not _file_fits(file):
            raise OperatorError(
                f"{file} does not have the keys of this database's demo: put the right file there, or run "
                "`daas demo --reset`, which makes new keys."
            )
        return True
    if file.exists():
        raise OperatorError(
            f"{file} has the keys of a demo in another database, and this database is empty: move the file away and "
            "try again."
        )
    keys = make_key_pair()
    mailbox = add_mailbox(_MAILBOX)
    facts = _fill(mailbox)
    # Before the application, whose keys would be lost if this failed.
    _write(file, keys, facts)
    register_application(
        _NAME, services=SERVICES, mailbox_ids=[mailbox.id], explain_401=True, keys=keys, reuse_name=True
    )
    return True


def reset_demo(settings: Settings) -> None:
    """Put the demo's messages, permissions and folder back; with new keys if its file does not have the right ones.

    A file with other keys is kept beside the new one, with `.old` after its name. Raise OperatorError if the database
    has other data and no demo, or if other machines could reach the demo.
    """
    if not settings.binds_loopback or settings.trusted_proxies:
        raise OperatorError("The demo is only for a service that no other machine can reach; see DAAS_BIND.")
    file = demo_file(settings)
    if not _has_demo():
        if _has_data():
            raise OperatorError("The database has other data and no demo: use an empty database for a demo.")
        if file.exists():
            file.replace(file.with_name(f"{file.name}.old"))
        make_demo(settings)
        return
    mailbox = _find(Mailbox, _MAILBOX) or add_mailbox(_MAILBOX)
    facts = _fill(mailbox)
    if _file_fits(file):
        keys = read_key_file(file)
    else:
        keys = make_key_pair()
        for key in [each.name for each in find_application(_NAME).keys if each.works]:
            revoke_key(_NAME, key)
        add_key(_NAME, None, None, keys)
    suspend_application(_NAME, suspended=False)
    suspend_mailbox(_MAILBOX, suspended=False)
    grant(_NAME, SERVICES, [mailbox.id], all_mailboxes=False)
    if file.exists() and not _file_fits(file):
        file.replace(file.with_name(f"{file.name}.old"))
    file.unlink(missing_ok=True)
    _write(file, keys, facts)


def demo_is_active() -> bool:
    """Return whether the database has a demo application that is not suspended."""
    with read_transaction() as run:
        demo = select(Application.id).where(Application.name == _NAME, ~Application.suspended)
        return run.scalar(demo) is not None


def first_commands(settings: Settings) -> str:
    """Return the commands for a first move with the demo's keys, ready to paste."""
    file = demo_file(settings)
    facts = dotenv_values(file)
    url = f"http://{settings.bind}"
    return _FIRST_COMMANDS.format(
        url=url,
        option="" if url == DEFAULT_URL else f" --url {url}",
        file=file,
        mailbox=facts["DAAS_DEMO_MAILBOX"],
        message=facts["DAAS_DEMO_MESSAGE"],
        folder=facts["DAAS_DEMO_FOLDER"],
    )


def demo_text(settings: Settings) -> str | None:
    """Return the commands for a first move; None if there is no demo whose keys are in its file."""
    active = settings.binds_loopback and not settings.trusted_proxies and demo_is_active()
    return first_commands(settings) if active and _file_fits(demo_file(settings)) else None


def _has_data() -> bool:
    return any(db.session.scalar(select(model.id).limit(1)) for model in (Application, Mailbox))


def _has_demo() -> bool:
    return _find(Application, _NAME) is not None


def _find(model: type[Record], name: str) -> Record | None:
    return db.session.scalar(select(model).where(model.name == name))


def _file_fits(file: Path) -> bool:
    """Return whether a file has the public key of one of the demo's keys that work."""
    public_key = dotenv_values(file).get("DAAS_PUBLIC_KEY")
    demo = _find(Application, _NAME)
    return demo is not None and any(key.public_key == public_key and key.works for key in demo.keys)


def _fill(mailbox: Mailbox) -> dict[str, str]:
    """Put the demo's messages into the Inbox, make its folder, and return what the file says of them.

    A message that is there already keeps its id.
    """
    try:
        folder = find_folder(mailbox, _FOLDER)
    except OperatorError:
        folder = add_folder(mailbox, _FOLDER)
    folder_id, inbox = folder.id, find_folder(mailbox, "Inbox")
    with resources.as_file(resources.files("daas.seeds") / "demo_mail") as directory:
        outcomes = [*import_messages(inbox, sorted(directory.glob("*.eml")))]
    ids = [outcome.id for outcome in outcomes if isinstance(outcome, ImportedMessage)]
    db.session.execute(update(Message).where(Message.id.in_(ids)).values(folder_id=inbox.id))
    db.session.commit()
    return {
        "DAAS_DEMO_MAILBOX": mailbox.name,
        "DAAS_DEMO_MESSAGE": str(ids[0]),
        "DAAS_DEMO_FOLDER": str(folder_id),
    }


def _write(file: Path, keys: KeyPair, facts: dict[str, str]) -> None:
    """Write the file, readable only by its owner; raise OperatorError if it exists or cannot be written."""
    lines = {"DAAS_PUBLIC_KEY": keys.public_key, "DAAS_PRIVATE_KEY": keys.private_key, **facts}
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.writelines(f"{name}={value}\n" for name, value in lines.items())
    except OSError as error:
        raise OperatorError(f"{file} cannot be written ({error.strerror}).") from error
