"""The demo: the application and mailbox that `make run` adds to an empty database, for a first move."""

import os
from importlib import resources
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import select

from ..applications.models import Application, ApplicationKey
from ..applications.registry import SERVICES, register_application
from ..client import DEFAULT_URL
from ..mailboxes.administration import add_folder, add_mailbox, find_folder
from ..mailboxes.message_import import ImportedMessage, import_messages
from ..mailboxes.models import Mailbox
from ..settings import Settings
from ..signing.mechanism import make_key_pair
from ..storage.engine import db
from ..storage.transactions import read_transaction

#: The demo's keys, mailbox, message and folder, in the working directory.
DEMO_FILE = Path("instance/demo.env")
_NAME = "demo"

_FIRST_COMMANDS = """
daas is starting on {url}. In another terminal, find a message of the demo mailbox and move it:

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


def make_demo(settings: Settings) -> bool:
    """Create the demo if the database is empty and only this machine can reach the service.

    Return whether there is a demo, created now or earlier.
    """
    if not settings.binds_loopback:
        return False
    if db.session.scalar(select(Application.id).limit(1)) or db.session.scalar(select(Mailbox.id).limit(1)):
        demo_key = dotenv_values(DEMO_FILE).get("DAAS_PUBLIC_KEY")
        known = select(ApplicationKey.id).where(ApplicationKey.public_key == demo_key)
        return db.session.scalar(known) is not None
    keys = make_key_pair()
    mailbox = add_mailbox("demo.clinician")
    folder = add_folder(mailbox, "Lab results")
    with resources.as_file(resources.files("daas.seeds") / "demo_mail") as directory:
        outcomes = [*import_messages(find_folder(mailbox, "Inbox"), sorted(directory.glob("*.eml")))]
    first = next(outcome.id for outcome in outcomes if isinstance(outcome, ImportedMessage))
    facts = {
        "DAAS_PUBLIC_KEY": keys.public_key,
        "DAAS_PRIVATE_KEY": keys.private_key,
        "DAAS_DEMO_MAILBOX": mailbox.name,
        "DAAS_DEMO_MESSAGE": str(first),
        "DAAS_DEMO_FOLDER": str(folder.id),
    }
    DEMO_FILE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    DEMO_FILE.unlink(missing_ok=True)
    with os.fdopen(os.open(DEMO_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in facts.items())
    register_application(_NAME, services=SERVICES, mailbox_ids=[mailbox.id], explain_401=True, keys=keys)
    return True


def demo_is_active() -> bool:
    """Return whether the database has a demo application that is not suspended."""
    with read_transaction() as run:
        demo = select(Application.id).where(Application.name == _NAME, ~Application.suspended)
        return run.scalar(demo) is not None


def first_commands(settings: Settings) -> str:
    """Return the commands for a first move with the demo's keys, ready to paste."""
    facts = dotenv_values(DEMO_FILE)
    url = f"http://{settings.bind}"
    return _FIRST_COMMANDS.format(
        url=url,
        option="" if url == DEFAULT_URL else f" --url {url}",
        file=DEMO_FILE,
        mailbox=facts["DAAS_DEMO_MAILBOX"],
        message=facts["DAAS_DEMO_MESSAGE"],
        folder=facts["DAAS_DEMO_FOLDER"],
    )
