"""`daas message deliver` tells an MTA by its exit status what to do, and never makes it bounce what could be kept."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from daas.cli import main
from daas.mailboxes.messages import read_content
from daas.records.request_log import RequestLogRow as Row
from daas.settings import Settings
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.servers import environment
from .test_lmtp import count_in, mail

pytestmark = pytest.mark.both_databases


@pytest.fixture
def deliver(settings: Settings) -> Any:
    """Return a function that pipes bytes to the command, and returns its exit status and output."""

    def deliver(raw: bytes, *args: str, **environ: str) -> tuple[int, str]:
        given: dict[str, str | None] = {**environment(settings, **environ)}
        result = CliRunner().invoke(main, ["message", "deliver", *args], input=raw, env=given)
        return result.exit_code, result.output

    return deliver


def test_message_is_stored_once_in_inbox(app: Flask, build: Builder, deliver: Any) -> None:
    box, raw = build.mailbox(messages=0).name, mail(b".\nBody without an end")
    assert [deliver(raw, box.upper()) for _ in range(2)] == [(0, "")] * 2
    assert count_in(app, box) == 1
    with app.app_context():
        rows = _rows(box)
        assert [row[:3] for row in rows] == [("PIPE", "delivered", 250), ("PIPE", "delivered-before", 250)]
        assert read_content(int(rows[0][3])) == raw
    assert build.folder_of(rows[0][3]) == "Inbox"


@pytest.mark.parametrize("by_name", [True, False])
def test_message_goes_into_the_named_folder(app: Flask, build: Builder, deliver: Any, by_name: bool) -> None:
    box = build.mailbox(messages=0)
    assert deliver(mail(), box.name, "--folder", "Custom 0" if by_name else box.folder) == (0, "")
    with app.app_context():
        (row,) = _rows(box.name)
    assert row[4] == box.folder
    assert build.folder_of(row[3]) == box.folder


def test_unknown_mailbox_is_67_and_no_message_65(app: Flask, build: Builder, deliver: Any) -> None:
    box = build.mailbox(messages=0).name
    assert deliver(mail(), f"no.{box}") == (67, "Error: No such mailbox.\n")
    assert deliver(mail(), f"no.{box}", "--folder", "Archived")[0] == 67
    assert deliver(b"", box) == (65, "Error: Not a mail message.\n")
    with app.app_context():
        assert [row[1:3] for row in _rows(box)] == [("not-a-message", 554)]
        assert [row[1:3] for row in _rows(f"no.{box}")] == [("mailbox-unknown", 550)] * 2


@pytest.mark.parametrize(
    ("args", "environ"),
    [
        (["--folder", "Attic"], {}),
        (["one", "too many"], {}),
        (["--unknown-option"], {}),
        ([], {"DAAS_MAX_MESSAGE_BYTES": "1"}),
        ([], {"DAAS_LMTP_BIND": "0.0.0.0:2424"}),
        ([], {"DAAS_DATABASE_URL": "sqlite:////proc/nowhere/daas.db"}),
        ([], {"DAAS_DATABASE_URL": "postgresql+psycopg://daas@127.0.0.1:1/daas"}),
        ([], {"DAAS_ENCRYPTION_KEYS": "none"}),
    ],
    ids=["folder", "arguments", "option", "limit", "bind", "file", "server", "keys"],
)
def test_everything_else_is_75(build: Builder, deliver: Any, args: list[str], environ: dict[str, str]) -> None:
    status, told = deliver(mail(), build.mailbox(messages=0).name, *args, **environ)
    assert (status, told.startswith("Error: ")) == (75, True)


def test_suspended_mailbox_and_large_message_are_75(build: Builder, deliver: Any) -> None:
    suspended = build.mailbox(messages=0, suspended=True).name
    assert deliver(mail(), suspended) == (75, "Error: Mailbox is suspended.\n")
    large = mail(b"x" * 2000)
    box = build.mailbox(messages=0).name
    assert deliver(large, box, DAAS_MAX_MESSAGE_BYTES="1024") == (75, "Error: Message is too large.\n")


def test_database_without_tables_is_75(deliver: Any, tmp_path: Path) -> None:
    assert deliver(mail(), "box", DAAS_DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")[0] == 75


def _rows(mailbox: str) -> list[Any]:
    query = select(Row.method, Row.reason, Row.status, Row.message, Row.folder_to).where(Row.mailbox == mailbox)
    return [tuple(each) for each in db.session.execute(query.order_by(Row.id))]
