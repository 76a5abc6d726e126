"""`daas read` and `daas save` over a socket, and `daas db backfill`."""

import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from daas.mailboxes.models import MessageEnvelope
from daas.settings import Settings
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import Commands
from ..support.mail import CCDA, attachment, entity, message, multipart
from ..support.servers import LiveServer

RAW = message(multipart(entity(b"Bad \x1b[31m text\r\n"), attachment(CCDA, "text/xml", "a\u202eb.xml")), "Results")


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def reader(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox(messages=0)], services=("direct/messages/read",))


@pytest.fixture
def call(daas: Commands, server: LiveServer, build: Builder, reader: Application) -> Any:
    """Return a function that runs a command about a message with the keys of the reader, from the environment."""
    message_id = build.raw_message(reader.mailbox, RAW)
    keys = {"DAAS_PUBLIC_KEY": reader.keys.public_key, "DAAS_PRIVATE_KEY": reader.keys.private_key}

    def run(command: str, *args: Any) -> Any:
        return daas.run(command, reader.mailbox.name, message_id, *args, "--url", server.url, **keys)

    return run


def test_message_is_shown_with_its_parts(call: Any) -> None:
    outcome = call("read")
    assert outcome.status == 0
    assert "subject: Results\n" in outcome.text
    assert "Bad \ufffd[31m text\n" in outcome.text
    assert "C-CDA" in outcome.text
    assert "a\ufffdb.xml" in outcome.text


def test_part_is_saved_with_its_digest(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    path = folder / "document.xml"
    outcome = call("save", "2", path)
    assert outcome.status == 0
    assert str(len(CCDA)) in outcome.text
    assert path.read_bytes() == CCDA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*folder.iterdir()] == [path]


def test_saved_part_replaces_no_file(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "document.xml"
    path.write_text("mine")
    outcome = call("save", "2", path)
    assert outcome.status == 1
    assert "exists already" in outcome.stderr
    assert path.read_text() == "mine"
    assert call("save", "2", path, "--overwrite").status == 0
    assert path.read_bytes() == CCDA


def test_part_goes_to_standard_output(call: Any) -> None:
    assert call("save", "2", "-").text == CCDA.decode()


def test_rejected_save_makes_no_file(call: Any, tmp_path: Path) -> None:
    outcome = call("save", "9", tmp_path / "document.xml")
    assert outcome.status == 1
    assert "'Part' contains invalid input" in outcome.text
    assert not [*tmp_path.glob("document*"), *tmp_path.glob(".daas-*")]
    assert "cannot be written" in call("save", "2", tmp_path / "absent" / "a.xml").stderr


@pytest.mark.both_databases
def test_backfill_counts_what_is_not_counted(daas: Commands, build: Builder, reader: Application) -> None:
    for n in range(120):
        build.raw_message(reader.mailbox, RAW + bytes([n]))
    with build.app.app_context():
        db.session.execute(update(MessageEnvelope).values(attachments=None))
        db.session.commit()
    assert daas.json("db", "backfill")["counted"] >= 120
    assert daas.json("db", "backfill") == {"counted": 0}
