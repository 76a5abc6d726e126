"""The audit: one row for each command that changes something, in the transaction of the change."""

import datetime
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from daas.applications import registry as applications
from daas.applications.models import Application
from daas.records.audit import AuditRow
from daas.settings import Settings
from daas.signing.mechanism import make_key_pair
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.commands import Commands, new_name
from ..support.database import transaction
from ..support.triggers import rejecting

pytestmark = pytest.mark.both_databases

ROW = ["id", "at", "actor", "act", "subject", "details"]


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def names(daas: Commands, build: Builder, tmp_path: Path) -> dict[str, str]:
    """Return the names of the objects that the commands below change."""
    (tmp_path / "one.eml").write_bytes(b"From: a@example.org\r\nSubject: Biopsy\r\n\r\nBody\r\n")
    box = build.mailbox()
    return {
        "app": daas.json("application", "register", new_name("app"))["name"],
        "box": box.name,
        "folder": box.folder,
        "message": box.message,
        "new": new_name("new"),
        "file": str(tmp_path / "one.eml"),
    }


def all_acts(app: Flask) -> Any:
    with app.app_context(), transaction() as connection:
        return connection.execute(select(AuditRow).order_by(AuditRow.id)).all()


ACTS = [
    ("application register {new} --all-mailboxes", "{new}", {"all_mailboxes": True, "mailbox_ids": []}),
    ("application suspend {app}", "{app}", {}),
    ("application resume {app}", "{app}", {}),
    ("application grant {app} --service v1/lists", "{app}", {"services": ["v1/lists"], "all_mailboxes": False}),
    ("application revoke {app} --all-mailboxes", "{app}", {"services": [], "all_mailboxes": True}),
    ("application policy {app} --content-md5 warn", "{app}", {"content_md5": "warn"}),
    ("application explain {app} --for 1h", "{app}", {"seconds": 3600.0}),
    ("key add {app} --name roll", "{app}", {"key": "roll", "expires": None}),
    ("key expire {app} 1 --at 2099-01-01", "{app}", {"key": "1", "expires": "2099-01-01T00:00:00+00:00"}),
    ("key revoke {app} 1 --yes", "{app}", {"key": "1"}),
    ("mailbox add {new}", "{new}", {}),
    ("mailbox suspend {box}", "{box}", {}),
    ("mailbox resume {box}", "{box}", {}),
    ("folder add {box} {new}", "{box}", {"folder": "{new}"}),
    ("message import {box} {file}", "{box}", {"folder": "Inbox"}),
    ("folder rename {box} {folder} {new} --yes", "{box}", {"id": "{folder}", "name": "Custom 0", "new_name": "{new}"}),
    ("folder remove {box} {folder} --yes", "{box}", {"id": "{folder}", "name": "Custom 0", "messages": 0}),
    ("message remove {message} --yes", "{box}", {"id": "{message}"}),
    ("mailbox rename {box} {new} --yes", "{box}", {"new_name": "{new}"}),
    ("mailbox remove {box} --yes", "{box}", {"messages": 1}),
    ("application rename {app} {new} --yes", "{app}", {"new_name": "{new}"}),
    ("application remove {app} --yes", "{app}", {}),
    ("encryption rotate", "", {}),
]


@pytest.mark.parametrize(("command", "subject", "details"), ACTS, ids=[row[0].partition(" {")[0] for row in ACTS])
def test_each_command_leaves_one_row_with_its_arguments(
    daas: Commands, app: Flask, names: dict[str, Any], command: str, subject: str, details: dict[str, Any]
) -> None:
    before = all_acts(app)
    daas.json(*command.format(**names).split(), LOGNAME="somebody", USER="somebody")
    (*old, row) = all_acts(app)
    assert old == before
    assert row.act == " ".join(word for word in command.partition(" {")[0].split())
    assert (row.actor, row.subject) == (pwd.getpwuid(os.getuid()).pw_name, subject.format(**names))
    said = json.loads(row.details)
    expected = json.dumps(details)
    for name in ("new", "folder", "message"):
        expected = expected.replace(f"{{{name}}}", names[name])
    assert {part: said[part] for part in details} == json.loads(expected)
    assert abs(row.at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)


def test_removal_of_the_sandbox_is_recorded(daas: Commands, app: Flask) -> None:
    daas.json("sandbox", "create")
    before = len(all_acts(app))
    daas.json("sandbox", "remove")
    taken = [(row.act, row.subject) for row in all_acts(app)[before:]]
    assert sorted(taken) == [
        *[("application remove", f"sandbox.{name}") for name in ("granted", "other", "refused")],
        *[("mailbox remove", f"sandbox.{name}") for name in ("closed", "open", "suspended")],
    ]


@pytest.mark.parametrize(
    "command",
    [
        "application register {app}",
        "application suspend nobody",
        "mailbox add {box}",
        "key revoke {app} nothing",
        "application policy {app} --allow-network x",
        "application list",
        "application show {app}",
        "request list",
        "audit list",
    ],
)
def test_command_that_changes_nothing_leaves_no_row(
    daas: Commands, app: Flask, names: dict[str, Any], command: str
) -> None:
    before = all_acts(app)
    daas.run(*command.format(**names).split())
    assert all_acts(app) == before


def test_change_without_an_audit_row_is_undone(app: Flask, names: dict[str, str]) -> None:
    with app.app_context():
        with rejecting(app, "INSERT", "audit"):
            with pytest.raises(DBAPIError):
                applications.suspend_application(names["app"], suspended=True)
            db.session.rollback()
        assert not db.session.scalar(select(Application.suspended).where(Application.name == names["app"]))


def test_no_row_holds_a_private_key(daas: Commands, app: Flask, names: dict[str, str], tmp_path: Path) -> None:
    pair = make_key_pair()
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"public_key": pair.public_key, "private_key": pair.private_key}))
    file.chmod(0o600)
    made = [
        daas.json("application", "register", new_name("app")),
        daas.json("key", "add", names["app"]),
        daas.json("key", "add", names["app"], "--import-key", file),
    ]
    told = "".join(row.details for row in all_acts(app))
    assert all(each["public_key"] in told for each in made)
    assert not any(each["private_key"] in told for each in made)


def test_audit_lists_rows_since_a_time_in_order_of_ids(daas: Commands, app: Flask, names: dict[str, str]) -> None:
    daas.json("mailbox", "suspend", names["box"])
    rows = daas.json("audit", "list")
    assert [[*row] for row in rows] == [ROW] * len(rows)
    assert [int(row["id"]) for row in rows] == [row.id for row in all_acts(app)]
    assert (rows[-1]["act"], rows[-1]["subject"], rows[-1]["details"]) == ("mailbox suspend", names["box"], {})
    assert daas.json("audit", "list", "--since", rows[-1]["at"][:19] + "Z")[-1] == rows[-1]
    assert daas.json("audit", "list", "--since", "2099-01-01") == []
    assert names["box"] in daas.run("audit", "list").text.splitlines()[-1]
