"""The sandbox: what create makes and prints, and that reset restores and remove deletes all of it."""

import http.client
import json
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from daas.applications.registry import SERVICES
from daas.client import ListsClient
from daas.settings import Settings

from ..support.builders import Builder
from ..support.commands import Commands
from ..support.servers import LiveServer, environment

pytestmark = pytest.mark.slow

MAILBOXES = ["sandbox.closed", "sandbox.open", "sandbox.suspended"]
APPLICATIONS = ["sandbox.granted", "sandbox.other", "sandbox.refused"]
FILE = "instance/sandbox.json"


@pytest.fixture
def daas(settings: Settings, app: Flask, tmp_path: Path) -> Iterator[Commands]:
    """Yield the command line in a new working directory; a sandbox that a test leaves there is removed."""
    commands = Commands(settings, tmp_path)
    yield commands
    if (tmp_path / FILE).exists():
        commands.json("sandbox", "remove")


@pytest.fixture
def made(daas: Commands, server: LiveServer) -> dict[str, Any]:
    """Return the output of `daas sandbox create --json`."""
    return daas.json("sandbox", "create", "--url", server.url)


@pytest.fixture
def facts(daas: Commands, made: dict[str, Any]) -> dict[str, Any]:
    return json.loads((daas.directory / FILE).read_text())


def names(daas: Commands, group: str, column: str) -> list[str]:
    return [row[column] for row in daas.json(group, "list") if row[column].startswith("sandbox.")]


# Printed requests and responses


def send(method: str, url: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=15)
    try:
        connection.request(method, url[len(f"{parts.scheme}://{parts.netloc}") :], body=body or None, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def without_request_id(body: str) -> str:
    return re.sub(r'"request_id":"[0-9a-f]+"', '"request_id":"..."', body)


def happened(request: dict[str, Any]) -> tuple[int, dict[str, str], str | None]:
    status, headers, body = send(request["method"], request["url"], request["headers"], request["body"])
    shown = {name: headers.get(name) for name in request["answer_headers"]}
    return status, shown, None if request["answer"] is None else without_request_id(body)


@pytest.mark.both_databases
def test_every_printed_request_gets_printed_response(made: dict[str, Any]) -> None:
    printed = {each["title"]: (each["status"], each["answer_headers"], each["answer"]) for each in made["requests"]}
    assert {each["title"]: happened(each) for each in made["requests"]} == printed


def test_every_provokable_response_is_printed(made: dict[str, Any]) -> None:
    found = {(each["status"], each["answer_headers"].get("X-Daas-Error")) for each in made["requests"]}
    rejected = {"date-unreadable", "date-without-zone", "date-zone-name", "date-outside-window"}
    rejected |= {"content-md5-mismatch", "content-md5-required", None}
    explained = {(400, "json-unreadable"), (415, "media-type-unsupported"), (415, "coding-unsupported")}
    unexplained = {(status, None) for status in (200, 403, 404, 405, 413, 422)}
    assert found == unexplained | explained | {(401, reason) for reason in rejected}
    messages = " ".join(each["answer"] or "" for each in made["requests"])
    assert all(said in messages for said in ("Use Not", "User Not", "is a required", "invalid input", "not found"))


def test_http_file_has_the_same_requests(daas: Commands, server: LiveServer, made: dict[str, Any]) -> None:
    path = daas.directory / "requests.http"
    printed = daas.json("sandbox", "reset", "--url", server.url, "--http", path)
    note, *blocks = re.split(r"^### ", path.read_text(), flags=re.MULTILINE)
    assert printed["good_until"] in note
    assert len(blocks) == len(printed["requests"])
    for block, each in zip(blocks, printed["requests"], strict=True):
        head, _, body = block.partition("\n\n")
        title, *lines = head.split("\n")
        said = [line[2:] for line in lines if line.startswith("# ")]
        (method, url), *headers = [re.split(": | ", line, maxsplit=1) for line in lines if not line.startswith("# ")]
        assert title == f"{each['status']}: {each['title']}"
        status, responded, response = send(method, url, dict(headers), body.strip("\n"))
        assert status == each["status"]
        assert said == [
            *([] if each["answer"] is None else [without_request_id(response)]),
            *(f"{name}: {responded[name]}" for name in each["answer_headers"]),
        ]


def test_table_has_the_same_requests(daas: Commands, server: LiveServer, made: dict[str, Any]) -> None:
    outcome = daas.run("sandbox", "reset", "--url", server.url)
    assert (outcome.status, outcome.stderr) == (0, "")
    rows = outcome.text.partition("\n\n")[0].splitlines()[1:]
    assert len(rows) == len(made["requests"])
    for row, each in zip(rows, made["requests"], strict=True):
        assert row.startswith(f"{each['status']}     {each['title']}  ")
        assert (each["answer"] or "") in row
    assert " ".join(made["conformance_command"]) in outcome.text


@pytest.mark.processes
def test_printed_command_runs_the_kit(made: dict[str, Any], settings: Settings, tmp_path: Path) -> None:
    command = [*made["conformance_command"], "--case", "answer.*", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["failed"] == 0


def test_no_private_key_is_printed(daas: Commands, made: dict[str, Any], facts: dict[str, Any]) -> None:
    for text in (json.dumps(made), daas.run("sandbox", "reset").text):
        assert facts["private_key"] not in text
        assert facts["refused"]["private_key"] not in text


def test_server_is_that_of_the_settings(daas: Commands) -> None:
    made = daas.json("sandbox", "create", DAAS_BIND="127.0.0.1:8077")
    assert made["conformance_command"][2] == "http://127.0.0.1:8077"
    assert made["requests"][0]["url"] == "http://127.0.0.1:8077/direct/messages/move/format/json"
    assert daas.json("sandbox", "reset", DAAS_BIND="0.0.0.0:80")["conformance_command"][2] == "http://127.0.0.1:80"


# Create


def test_sandbox_has_three_applications_and_three_mailboxes(
    daas: Commands, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert names(daas, "mailbox", "mailbox") == MAILBOXES
    assert names(daas, "application", "name") == APPLICATIONS
    granted, other, rejected = (daas.json("application", "show", name) for name in APPLICATIONS)
    assert (granted["mailboxes"], granted["suspended"]) == (["sandbox.open"], False)
    assert granted["services"] == sorted(SERVICES)
    assert (other["mailboxes"], other["services"]) == ([], ["v1/contacts", "v1/lists"])
    assert (rejected["mailboxes"], rejected["services"], rejected["require_content_md5"]) == ([], [], True)
    assert facts["public_key"] == granted["public_key"]
    assert [row["folder"] for row in daas.json("message", "list", "sandbox.open")] == ["Inbox", "Inbox"]


def test_sandbox_file_is_a_key_file_only_for_the_owner(
    daas: Commands, server: LiveServer, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    path = daas.directory / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["file"] == str(path)
    moved = daas.run("move", facts["mailbox"], facts["message"], "Sent", "--url", server.url, "--key-file", path)
    assert moved.status == 0


def test_sandbox_file_has_limits_of_the_server(daas: Commands) -> None:
    daas.json("sandbox", "create", DAAS_DATE_WINDOW_SECONDS="120", DAAS_MAX_BODY_BYTES="2000")
    facts = json.loads((daas.directory / FILE).read_text())
    assert (facts["window"], facts["max_body_bytes"], facts["origin"]) == (120, 2000, None)
    daas.json("sandbox", "reset", DAAS_ALLOWED_ORIGINS="https://b.example,https://a.example")
    facts = json.loads((daas.directory / FILE).read_text())
    assert (facts["window"], facts["max_body_bytes"], facts["origin"]) == (900, 65536, "https://a.example")


def test_no_old_date_is_printed_if_dates_are_not_compared(daas: Commands) -> None:
    made = daas.json("sandbox", "create", DAAS_DATE_WINDOW_SECONDS="0")
    assert made["good_until"] is None
    reasons = {each["answer_headers"].get("X-Daas-Error") for each in made["requests"]}
    assert reasons & {"date-outside-window", "date-zone-name"} == set()
    assert "date-unreadable" in reasons


# Create twice


def test_second_sandbox_is_rejected_and_changes_nothing(
    daas: Commands, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert "daas sandbox reset" in daas.error("sandbox", "create")
    assert json.loads((daas.directory / FILE).read_text()) == facts


@pytest.mark.parametrize("taken", [["mailbox", "add", "sandbox.open"], ["application", "register", "sandbox.refused"]])
def test_name_in_use_is_rejected_and_nothing_is_created(
    make_settings: Callable[..., Settings], tmp_path: Path, taken: list[str]
) -> None:
    fresh = Commands(make_settings("sqlite"), tmp_path)
    fresh.run("db", "upgrade")
    fresh.run(*taken)
    assert taken[-1] in fresh.error("sandbox", "create")
    assert [*names(fresh, "mailbox", "mailbox"), *names(fresh, "application", "name")] == taken[-1:]
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("command", ["create", "reset", "remove"])
def test_file_of_another_database_is_rejected(
    daas: Commands, made: dict[str, Any], make_settings: Callable[..., Settings], tmp_path: Path, command: str
) -> None:
    other = Commands(make_settings("sqlite"), tmp_path)
    other.run("db", "upgrade")
    assert "another database" in other.error("sandbox", command)
    other.run("mailbox", "add", "sandbox.open")
    other.run("application", "register", "sandbox.granted")
    assert "another database" in other.error("sandbox", command)
    assert names(other, "mailbox", "mailbox") == ["sandbox.open"]


@pytest.mark.parametrize("command", ["reset", "remove"])
def test_reset_and_remove_without_sandbox_are_errors(daas: Commands, command: str) -> None:
    assert "daas sandbox create" in daas.error("sandbox", command)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_unreadable_file_is_rejected(daas: Commands, content: str) -> None:
    (daas.directory / "instance").mkdir()
    (daas.directory / FILE).write_text(content)
    assert "cannot be read" in daas.error("sandbox", "reset")
    (daas.directory / FILE).unlink()


# Reset


@pytest.mark.both_databases
def test_reset_restores_everything_with_the_same_keys(
    daas: Commands, server: LiveServer, app: Flask, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    other = Builder(app).mailbox()
    for id_ in (facts["message"], facts["other_message"]):
        daas.run("move", "sandbox.open", id_, facts["folders"][0], "--url", server.url, "--key-file", FILE)
    daas.run("application", "suspend", "sandbox.granted")
    daas.run("application", "revoke", "sandbox.granted", "--service", "direct/folders", "--mailbox", "sandbox.open")
    daas.run("application", "grant", "sandbox.granted", "--mailbox", other.name, "--all-mailboxes")
    daas.run("application", "grant", "sandbox.refused", "--service", "direct/folders", "--mailbox", "sandbox.closed")
    daas.run("mailbox", "suspend", "sandbox.open")
    daas.run("mailbox", "resume", "sandbox.suspended")
    before = [daas.json("application", "show", name) for name in APPLICATIONS]
    daas.json("sandbox", "reset", "--url", server.url)
    granted, other, rejected = (daas.json("application", "show", name) for name in APPLICATIONS)
    assert (granted["suspended"], granted["mailboxes"], granted["all_mailboxes"]) == (False, ["sandbox.open"], False)
    assert granted["services"] == sorted(SERVICES)
    assert (other["mailboxes"], other["services"]) == ([], ["v1/contacts", "v1/lists"])
    assert (rejected["services"], rejected["mailboxes"]) == ([], [])
    assert [each["public_key"] for each in before] == [each["public_key"] for each in (granted, other, rejected)]
    assert json.loads((daas.directory / FILE).read_text()) == facts
    suspended = {row["mailbox"]: row["suspended"] for row in daas.json("mailbox", "list")}
    assert [suspended[name] for name in MAILBOXES] == [False, False, True]
    assert [row["folder"] for row in daas.json("message", "list", "sandbox.open")] == ["Inbox", "Inbox"]


# Remove


@pytest.mark.both_databases
def test_remove_deletes_only_the_sandbox(
    daas: Commands, server: LiveServer, app: Flask, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    build = Builder(app)
    other = build.application(mailboxes=[build.mailbox()])
    daas.run("application", "grant", other.name, "--mailbox", "sandbox.open")
    daas.run("move", "sandbox.open", facts["message"], "Sent", "--url", server.url, "--key-file", FILE)
    assert daas.json("sandbox", "remove")["removed"] == [*MAILBOXES, *APPLICATIONS]
    assert (names(daas, "mailbox", "mailbox"), names(daas, "application", "name")) == ([], [])
    assert not (daas.directory / FILE).exists()
    assert daas.json("application", "show", other.name)["mailboxes"] == [other.mailbox.name]
    assert build.folder_of(other.mailbox.message) == "Inbox"
    assert [row.reason for row in build.log_rows(facts["message"])] == ["moved"]
    daas.error("message", "show", facts["message"])


@pytest.mark.both_databases
def test_remove_deletes_lists_and_contacts(
    daas: Commands, server: LiveServer, app: Flask, made: dict[str, Any], facts: dict[str, Any]
) -> None:
    keeping = Builder(app).application(services=SERVICES).keys
    for keys in (facts, facts["other"], vars(keeping)):
        with ListsClient(server.url, keys["public_key"], keys["private_key"]) as client:
            client.add_contact(client.create_list("Kept").id, "ana@example.org")
    assert daas.json("sandbox", "remove")["removed"] == [*MAILBOXES, *APPLICATIONS]
    with ListsClient(server.url, keeping.public_key, keeping.private_key) as client:
        assert client.find_contact("ana@example.org") == {"1": "1"}


@pytest.mark.both_databases
def test_ids_are_not_used_again(daas: Commands, made: dict[str, Any], facts: dict[str, Any]) -> None:
    daas.json("sandbox", "remove")
    daas.json("sandbox", "create")
    again = json.loads((daas.directory / FILE).read_text())
    assert int(again["message"]) > int(facts["closed_message"])
    assert min(map(int, again["folders"])) > int(facts["closed_folder"])
    assert again["public_key"] != facts["public_key"]


@pytest.mark.both_databases
def test_interrupted_sandbox_can_be_removed(daas: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr("daas.seeds.sandbox._import", fail)
        with pytest.raises(OSError, match="no space left"):
            daas.run("sandbox", "create")
    assert "daas sandbox remove" in daas.error("sandbox", "reset")
    assert daas.json("sandbox", "remove")["removed"] == [*MAILBOXES, *APPLICATIONS]
    assert daas.json("sandbox", "create")


def test_keys_of_two_sandboxes_differ(daas: Commands, made: dict[str, Any], facts: dict[str, Any]) -> None:
    assert len({facts["public_key"], facts["private_key"], *facts["refused"].values()}) == 4
