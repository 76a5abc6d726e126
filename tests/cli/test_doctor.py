"""`daas doctor`: what each check finds."""

import datetime
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daas.cli import doctor
from daas.settings import Settings

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import Commands
from ..support.servers import LiveServer


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


def findings(daas: Commands, **environ: str) -> tuple[int, dict[str, list[Any]]]:
    """Return the exit status, and for each check its findings."""
    import json

    outcome = daas.run("doctor", "--json", **environ)
    found: dict[str, list[Any]] = {}
    for row in json.loads(outcome.stdout):
        assert [*row] == ["check", "state", "finding", "action"]
        assert (row["action"] == "") == (row["state"] == "ok"), row
        found.setdefault(row["check"], []).append(row)
    return outcome.status, found


def states(rows: list[Any]) -> list[str]:
    return [row["state"] for row in rows]


@pytest.mark.both_databases
def test_healthy_service_has_no_errors(daas: Commands, server: LiveServer) -> None:
    status, found = findings(daas, DAAS_URL=server.url)
    assert [*found] == ["settings", "database", "keys", "clock", "proxy", "disk"]
    assert states(found["database"]) == states(found["proxy"]) == states(found["settings"]) == ["ok"]
    assert status == 0
    text = daas.run("doctor", DAAS_URL=server.url).text
    assert f"ok       proxy     The service answers at {server.url}.\n" in text


@pytest.mark.both_databases
def test_empty_database_is_an_error(database_kind: str, make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    status, found = findings(Commands(make_settings(database_kind), tmp_path))
    assert status == 1
    assert [(row["state"], "daas db upgrade" in row["action"]) for row in found["database"]] == [("error", True)]


def test_database_that_is_away_is_an_error(daas: Commands) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://kim:hunter2@127.0.0.1:{closed.getsockname()[1]}/daas"
        status, found = findings(daas, DAAS_DATABASE_URL=url)
    assert status == 1
    assert states(found["database"]) == states(found["keys"]) == ["error"]
    assert "hunter2" not in str(found)


def test_invalid_setting_is_the_only_finding(daas: Commands) -> None:
    status, found = findings(daas, DAAS_WORKERS="none")
    assert (status, [*found], states(found["settings"])) == (1, ["settings"], ["error"])


def test_unknown_setting_is_a_warning(daas: Commands) -> None:
    _, found = findings(daas, DAAS_BINDD="x")
    assert [row["finding"] for row in found["settings"]] == ["DAAS_BINDD is not a setting."]


def test_keys_that_cannot_be_decrypted_are_an_error(daas: Commands, application: Application) -> None:
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    status, found = findings(daas, DAAS_ENCRYPTION_KEYS=key)
    assert (status, found["keys"][0]["state"]) == (1, "error")


def test_application_without_a_lasting_key_is_a_warning(daas: Commands, build: Builder) -> None:
    expiring, without = build.application().name, build.application().name
    daas.json("key", "expire", expiring, "1", "--at", "2d")
    daas.json("key", "revoke", without, "1", "--yes")
    _, found = findings(daas)
    said = [row["finding"] for row in found["keys"] if row["state"] == "warning"]
    assert any(repr(expiring) in text and "expires on" in text for text in said)
    assert f"The application {without!r} has no key that works." in said


def test_service_that_does_not_answer_is_found(daas: Commands) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        status, found = findings(daas, DAAS_BIND=address)
        assert (status, states(found["proxy"])) == (0, ["warning"])
        status, found = findings(daas, DAAS_URL=f"http://{address}")
        assert (status, states(found["proxy"])) == (1, ["error"])


def test_public_address_without_a_proxy_is_an_error(daas: Commands) -> None:
    status, found = findings(daas, DAAS_BIND="0.0.0.0:8000")
    assert (status, states(found["proxy"])) == (1, ["error"])
    assert "DAAS_TRUSTED_PROXIES" in found["proxy"][0]["action"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "plain HTTP"), (502, "does not reach"), (503, "database"), (200, "instead of 401"), (401, "instead of 401")],
)
def test_status_of_an_unsigned_request_says_what_is_wrong(status: int, words: str) -> None:
    found = doctor._judge(status, None, "http://x")
    assert (found.state, words in found.finding) == ("error", True)


def test_clock_of_another_machine_is_compared() -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    assert doctor._skew(later.strftime("%a, %d %b %Y %H:%M:%S GMT")) > 200
    assert doctor._skew(None) == 0


def test_little_space_is_a_warning(daas: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    for little, state in [(doctor._LITTLE_BYTES, "warning"), (doctor._TOO_LITTLE_BYTES, "error")]:
        monkeypatch.setattr("daas.cli.doctor._LITTLE_BYTES", 2**62)
        monkeypatch.setattr("daas.cli.doctor._TOO_LITTLE_BYTES", 2**62 if state == "error" else little)
        _, found = findings(daas)
        assert {*states(found["disk"])} == {state if state == "error" else "warning"}
