"""Commands that remove and rename, and the question that they ask first."""

import json
import os
import pty
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from daas.mailboxes.models import Folder, IdempotencyKey, Mailbox, Message, MessageContent, MessageEnvelope
from daas.records.audit import AuditRow
from daas.settings import Settings
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import Commands, new_name

pytestmark = pytest.mark.both_databases

USER = "Access Denied. User Not Authorized."


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "mailbox rename {box} other-name",
        "mailbox remove {box}",
        "folder rename {box} {folder} Other",
        "folder remove {box} {folder}",
        "message remove {message}",
        "application remove {app}",
        "application rename {app} other",
        "key revoke {app} 1",
        "key add {app} --expires 2020-01-01",
        "key expire {app} 1 --at 2020-01-01",
        "request prune --older-than 0d",
    ],
)
def test_command_without_a_terminal_and_without_yes_changes_nothing(
    daas: Commands, app: Flask, application: Application, command: str
) -> None:
    box = application.mailbox
    names = {"app": application.name, "box": box.name, "folder": box.folder, "message": box.message}
    with app.app_context():
        acts = db.session.scalar(select(func.max(AuditRow.id)))
    assert "pass --yes" in daas.wrong_usage(*command.format(**names).split())
    assert application.move().status_code == 200
    with app.app_context():
        assert db.session.scalar(select(func.max(AuditRow.id))) == acts


@pytest.mark.parametrize(
    "command",
    [
        "mailbox remove nobody",
        "folder remove {box} Inbox",
        "message remove 9223372036854775807",
        "application remove x",
    ],
)
def test_what_does_not_exist_is_an_error_before_the_question(
    daas: Commands, application: Application, command: str
) -> None:
    daas.error(*command.format(box=application.mailbox.name).split())


def test_removed_mailbox_leaves_nothing_but_the_log(
    daas: Commands, app: Flask, application: Application, build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daas.mailboxes.removal._BATCH_MESSAGES", 2)
    box = application.mailbox
    for _ in range(4):
        build.message(box)
    moved = application.move().json["request_id"]
    with app.app_context():
        mailbox_id = db.session.scalar(select(Mailbox.id).where(Mailbox.name == box.name))
    assert daas.json("mailbox", "remove", box.name, "--yes") == {"mailbox": box.name, "removed_messages": 5}
    assert application.move().json["message"] == USER
    assert daas.json("request", "show", moved)["mailbox"] == box.name
    with app.app_context():
        for table in (Folder, Message, MessageEnvelope):
            assert db.session.scalar(select(func.count()).where(table.mailbox_id == mailbox_id)) == 0
        assert db.session.get(MessageContent, int(box.message)) is None
        db.session.rollback()
    assert daas.json("mailbox", "add", box.name) == {"mailbox": box.name, "suspended": False}
    assert application.move().json["message"] == USER
    with app.app_context():
        assert db.session.scalar(select(Mailbox.id).where(Mailbox.name == box.name)) > mailbox_id


def test_removed_message_is_not_found_and_new_if_imported_again(
    daas: Commands, application: Application, tmp_path: Path
) -> None:
    box = application.mailbox
    (tmp_path / "again.eml").write_bytes(daas.run("message", "show", box.message, "--raw").stdout)
    removed = daas.json("message", "remove", box.message, "--yes")
    assert removed == {"id": box.message, "mailbox": box.name, "folder": "Inbox"}
    assert application.move().json["message"] == "Message not found"
    [again] = daas.json("message", "import", box.name, tmp_path / "again.eml")["imported"]
    assert again["new"] is True
    assert int(again["id"]) > int(box.message)


def test_removed_folder_takes_its_messages_with_it(daas: Commands, application: Application, build: Builder) -> None:
    box = application.mailbox
    other = build.message(box)
    application.move()
    removed = daas.json("folder", "remove", box.name, "Custom 0", "--yes")
    assert removed == {"id": box.folder, "mailbox": box.name, "name": "Custom 0", "removed_messages": 1}
    assert [row["id"] for row in daas.json("message", "list", box.name)] == [other]
    assert application.move(id=other).json["message"] == "'Folder' contains invalid input"


def test_renamed_mailbox_and_folder_keep_ids_and_permissions(daas: Commands, application: Application) -> None:
    box, name = application.mailbox, new_name("renamed")
    assert daas.json("mailbox", "rename", box.name, name.upper(), "--yes")["mailbox"] == name
    renamed = daas.json("folder", "rename", name, "Custom 0", "Results", "--yes")
    assert renamed == {"id": box.folder, "mailbox": name, "name": "Results"}
    assert application.move().json["message"] == USER
    assert application.move(mailbox=name).status_code == 200


def test_rename_to_a_taken_or_malformed_name_is_an_error(daas: Commands, build: Builder) -> None:
    one, two = build.mailbox(folders=2), build.mailbox()
    assert "already" in daas.error("mailbox", "rename", one.name, two.name, "--yes")
    daas.error("mailbox", "rename", one.name, "a b", "--yes")
    assert "already" in daas.error("folder", "rename", one.name, "Custom 0", "Custom 1", "--yes")
    for name in ("Inbox", "7", " "):
        daas.error("folder", "rename", one.name, "Custom 0", name, "--yes")
    assert "standard folder" in daas.error("folder", "rename", one.name, "sent", "Other", "--yes")


def test_removed_application_leaves_nothing_but_the_log(daas: Commands, app: Flask, application: Application) -> None:
    box = application.mailbox
    body = f"mailbox={box.name}&id={box.message}&folder=Sent"
    moved = application.post_signed(body, headers={"Idempotency-Key": "one"}).json["request_id"]
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(IdempotencyKey)) > 0
        db.session.rollback()
    daas.json("application", "grant", application.name, "--service", "v1/lists")
    assert daas.json("application", "remove", application.name, "--yes") == {"removed": application.name}
    daas.error("application", "show", application.name)
    assert daas.json("request", "show", moved)["application"] == application.name
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(IdempotencyKey.key == "one")) == 0


def test_name_that_the_log_has_is_given_to_no_other_application(daas: Commands, application: Application) -> None:
    application.move()
    name, new = application.name, new_name("renamed")
    assert daas.json("application", "rename", name, f" {new} ", "--yes")["name"] == new
    assert application.move().status_code == 200
    other = daas.json("application", "register", new_name("app"))["name"]
    assert "earlier application" in daas.error("application", "rename", other, name, "--yes")
    assert "earlier application" in daas.error("application", "register", name)
    assert "already" in daas.error("application", "rename", other, new, "--yes")
    daas.error("application", "rename", other, "two\nlines", "--yes")
    daas.json("application", "remove", new, "--yes")
    assert "earlier application" in daas.error("application", "rename", other, new, "--yes")


def test_key_that_is_not_the_last_is_revoked_without_a_question(daas: Commands, application: Application) -> None:
    daas.json("key", "add", application.name, "--expires", "1d")
    assert daas.json("key", "revoke", application.name, "1")["works"] is False
    daas.wrong_usage("key", "revoke", application.name, "2")


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.only("sqlite")
@pytest.mark.parametrize(("answer", "status", "left"), [(b"n\n", 1, 1), (b"y\n", 0, 0)], ids=["no", "yes"])
def test_command_asks_on_a_terminal(daas: Commands, build: Builder, answer: bytes, status: int, left: int) -> None:
    box = build.mailbox()
    terminal, other_end = pty.openpty()
    with daas.start("message", "remove", box.message, "--json", stdin=other_end, bufsize=0) as asking:
        os.close(other_end)
        asked = b""
        while not asked.endswith(b"[y/N]: ") and (more := asking.stderr.read(1000)):
            asked += more
        os.write(terminal, answer)
        stdout, _ = asking.communicate(timeout=30)
    os.close(terminal)
    assert asked == f"Remove the message {box.message} of {box.name} for good? [y/N]: ".encode()
    assert asking.returncode == status
    assert stdout == b"" if left else json.loads(stdout)["id"] == box.message
    assert len(daas.json("message", "list", box.name)) == left
