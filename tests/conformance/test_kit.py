"""The kit against our own server and against servers that do not respond, and its reports."""

import json
import re
import socket
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from daas.conformance import contacts, report
from daas.conformance.contacts.case import RequestSpec as ListsRequest
from daas.conformance.contacts.case import cases as list_cases
from daas.conformance.contacts.case import json_body
from daas.conformance.contacts.fixture import OwnList
from daas.conformance.direct import cases
from daas.conformance.direct.fixture import MovedMessage
from daas.conformance.raw_http import Server
from daas.conformance.run import FAILED, PASSED, SKIPPED, run
from daas.conformance.target import Target, TargetError
from daas.settings import Settings
from daas.signing.mechanism import KeyPair

from ..support.commands import Commands
from ..support.servers import ROOT, LiveServer
from .conftest import ORIGIN, Breakable

pytestmark = pytest.mark.processes

KEYS = KeyPair("public" * 4, "private" * 4)
FACTS = {"mailbox": "kim", "message": "7", "folders": ["5", "6"]}


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveServer]:
    with LiveServer.start(settings, DAAS_ALLOWED_ORIGINS=ORIGIN) as live:
        yield live


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def target_file(target: Target, tmp_path: Path) -> Path:
    """The target as a file, like that of a sandbox."""
    facts = {name: value for name, value in vars(target).items() if name not in {"granted", "refused", "other"}}
    path = tmp_path / "target.json"
    path.write_text(
        json.dumps({**vars(target.granted), "refused": vars(target.refused), "other": vars(target.other), **facts})
    )
    path.chmod(0o600)
    return path


def ids_of(target: Target) -> list[str]:
    return [case.id for case in [*cases(target), *contacts.CASES]]


# Our own server


def test_our_server_passes_every_case(live: LiveServer, target: Target) -> None:
    results = [*run(MovedMessage(Server.at(live.url), target, 10), cases(target))]
    assert {result.case.id: result.errors or result.reason for result in results if result.outcome != PASSED} == {}
    assert len(results) > 600


@pytest.mark.slow
@pytest.mark.only("postgresql")
def test_our_server_passes_every_case_on_postgresql(live: LiveServer, target: Target) -> None:
    test_our_server_passes_every_case(live, target)


def test_our_server_passes_every_case_of_lists(live: LiveServer, target: Target) -> None:
    results = [*run(OwnList(Server.at(live.url), target, 10), contacts.CASES)]
    assert {result.case.id: result.errors or result.reason for result in results if result.outcome != PASSED} == {}
    assert len(results) > 150


@pytest.mark.slow
@pytest.mark.only("postgresql")
def test_our_server_passes_every_case_of_lists_on_postgresql(live: LiveServer, target: Target) -> None:
    test_our_server_passes_every_case_of_lists(live, target)


def test_kit_removes_its_lists(live: LiveServer, target: Target) -> None:
    bare = Target.from_facts(target.granted, FACTS)
    ids = {"lists.call.make", "lists.call.remove", "lists.isolation.show"}
    chosen = [case for case in contacts.CASES if case.id in ids]
    alone = [(ListsRequest(), json_body({"$list": "Conformance"}))]
    results = [*run(OwnList(Server.at(live.url), bare, 10), [*chosen, *list_cases("", "", [("", "", alone)])])]
    # A case that is skipped in the middle removes its lists too.
    assert [result.outcome for result in results] == [PASSED, PASSED, PASSED, SKIPPED, PASSED]


def test_lists_are_skipped_without_them_in_target(live: LiveServer, target: Target) -> None:
    bare = Target.from_facts(target.granted, FACTS)
    chosen = [case for case in contacts.CASES if case.id in {"lists.isolation.show", "rcws.use.lists"}]
    results = [*run(OwnList(Server.at(live.url), bare, 10), chosen)]
    assert [result.outcome for result in results] == [PASSED, SKIPPED, SKIPPED]


@pytest.mark.parametrize("behave", ["nothing", "no-http"])
def test_server_without_lists_fails_one_case_and_skips_others(target: Target, behave: str) -> None:
    with listening(BEHAVIOURS[behave][0]) as server:
        [result] = run(OwnList(server, target, 0.3), contacts.CASES)
    assert (result.case.id, result.outcome) == ("setup.list", FAILED)


def test_ids_of_cases_are_unique(target: Target) -> None:
    assert [id_ for id_, times in Counter(ids_of(target)).items() if times > 1] == []


def test_every_case_names_its_source(target: Target, app: Flask) -> None:
    pages: dict[Any, Any] = {}
    for case in [*cases(target), *contacts.CASES]:
        path, _, place = case.see.partition("#")
        if path.startswith("docs/"):
            assert (ROOT / path).is_file(), case.id
        else:
            text = pages.setdefault(path, app.test_client().get(path).text)
            assert "<h1>" in text, case.see
            assert not place or f' id="{place}"' in text, case.see


def test_limits_of_server_are_those_of_target(target: Target) -> None:
    other = Target.from_facts(target.granted, {**FACTS, "window": 100, "max_body_bytes": 2000})
    found = {case.id: case.steps[0][0] for case in cases(other)}
    assert found["date.window.over-edge-future"].date.seconds == 101
    assert (found["size.largest"].size, found["size.larger"].size) == (2000, 2001)


# Servers that do not respond


@contextmanager
def listening(behave: Any) -> Iterator[Any]:
    """Yield the address of a server that handles each connection by a function."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    behave(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Server.at(f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def drip(client: Any) -> None:
    """Send an endless response, one byte at a time."""
    try:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            client.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        pass


def keep_silent(client: Any) -> None:
    while client.recv(65536):
        pass


BEHAVIOURS = {
    "nothing": (lambda client: client.recv(65536), "closed the connection"),
    "silence": (keep_silent, "within 0.3 seconds"),
    "drops": (drip, "within 0.3 seconds"),
    "no-http": (lambda client: client.sendall(b"hello\r\n\r\n") or client.recv(65536), "no HTTP response"),
    "half": (
        lambda client: client.recv(65536) and client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
        "no HTTP response",
    ),
    "endless-head": (
        lambda client: client.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
        "no HTTP response",
    ),
}


@pytest.mark.parametrize(("behave", "said"), BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_silent_server_fails_its_case_in_bounded_time(behave: Callable[..., Any], said: str) -> None:
    target = Target.from_facts(KEYS, FACTS)
    seconds = 0.3 if "within" in said else 10
    with listening(behave) as server:
        results = [
            *run(MovedMessage(server, target, seconds), [case for case in cases(target) if case.id == "answer.moved"])
        ]
    assert [result.case.id for result in results] == ["setup.message", "answer.moved"]
    assert all(result.outcome == FAILED and said in " ".join(result.errors) for result in results)


def test_unreachable_server_fails_its_cases(daas: Commands, target_file: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        outcome = daas.run("conformance", url, "--sandbox", target_file, "--case", "answer.*")
    assert outcome.status == 1
    assert outcome.text.endswith("14 cases: 0 passed, 14 failed, 0 skipped.\n")


def test_kit_waits_and_retries_after_429(breakable: Any) -> None:
    target = breakable.target
    rejected: list[Any] = []

    def around(environ: Any, start_response: Any) -> Any:
        if len(rejected) < 2:
            rejected.append(environ)
            start_response("429 Too Many Requests", [("Retry-After", "0"), ("Content-Length", "0")])
            return [b""]
        return breakable.app(environ, start_response)

    breakable.around = around
    results = run(
        MovedMessage(breakable.server, target, 10), [case for case in cases(target) if case.id == "answer.moved"]
    )
    assert ([result.outcome for result in results], len(rejected)) == ([PASSED, PASSED], 2)


# Reports


def break_bodies(breakable: Any) -> None:
    def around(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "GET":
            return breakable.app(environ, start_response)
        start_response("200 OK", [("Content-Length", "7"), ("X-Odd", "\x07")])
        return [b"odd \x00\xff\x07"]

    breakable.around = around


CHOSEN = ["--case", "answer.moved", "--case", "answer.denied", "--case", "origin.preflight"]


def test_failure_shows_request_response_and_expectation(
    daas: Commands, breakable: Breakable, target: Target, target_file: Path
) -> None:
    break_bodies(breakable)
    outcome = daas.run("conformance", breakable.server.url, "--sandbox", target_file, *CHOSEN)
    assert (outcome.status, outcome.stderr) == (1, "")
    assert re.search(r"^failed +answer\.moved +a move returns its values$", outcome.text, re.MULTILINE)
    assert "POST /direct/messages/move/format/json HTTP/1.1\n" in outcome.text
    assert f"Authorization: DAAS {target.granted.public_key}:(signature)\n" in outcome.text
    assert f"mailbox={target.mailbox}&id={target.message}&folder=" in outcome.text
    assert r"odd \x00\xff\x07" in outcome.text
    assert f'{{"request_id":"...","mailbox":"{target.mailbox}","id":"{target.message}"' in outcome.text
    assert re.search(r"^  The message is in folder \w+ now, expected [0-9]+\.$", outcome.text, re.MULTILINE)
    assert outcome.text.endswith("4 cases: 1 passed, 3 failed, 0 skipped.\n")


def test_junit_and_json_have_the_same_results(
    daas: Commands, breakable: Breakable, target_file: Path, tmp_path: Path
) -> None:
    break_bodies(breakable)
    requested: list[Any] = [
        "conformance",
        breakable.server.url,
        "--sandbox",
        target_file,
        *CHOSEN,
        "--junit",
        tmp_path / "junit.xml",
    ]
    outcome = daas.run(*requested, "--json")
    assert outcome.status == 1
    found = json.loads(outcome.stdout)
    assert (found["passed"], found["failed"], found["skipped"]) == (1, 3, 0)
    assert found["url"] == breakable.server.url
    first, *others = found["cases"]
    assert (first["id"], first["outcome"], first["exchanges"]) == ("setup.message", "passed", [])
    assert {case["id"]: case["outcome"] for case in others} == dict.fromkeys(CHOSEN[1::2], "failed")
    for case in others:
        assert all(exchange[part] for exchange in case["exchanges"] for part in ("sent", "came", "expected", "faults"))
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - the kit has just written it
    assert {**suite.attrib, "time": ""} == {
        "name": f"daas conformance {breakable.server.url}",
        "tests": "4",
        "errors": "0",
        "failures": "3",
        "skipped": "0",
        "time": "",
    }
    assert [f"{case.attrib['classname']}.{case.attrib['name']}" for case in suite] == [c["id"] for c in found["cases"]]
    assert all("sent" in case[0].text and "expected" in case[0].text for case in [*suite][1:])


def test_no_private_key_and_no_signature_is_written_or_sent(
    daas: Commands, breakable: Any, target: Target, target_file: Path, tmp_path: Path
) -> None:
    sent = []

    def around(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        sent.append(repr(environ) + body.decode("latin-1"))
        if environ["REQUEST_METHOD"] == "GET":
            return breakable.app(environ, start_response)
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    breakable.around = around
    junit = tmp_path / "junit.xml"
    requested = [
        "conformance",
        breakable.server.url,
        "--sandbox",
        target_file,
        "--case",
        "[a-c]*.*",
        "--case",
        "key.*",
        "--junit",
        junit,
    ]
    written = [daas.run(*requested).text, daas.run(*requested, "--json").text, junit.read_text()]
    assert len(sent) > 100
    for key in (target.granted.private_key, target.refused.private_key):
        assert not any(key in text for text in [*sent, *written])
    signatures = {match for text in sent for match in re.findall(r"DAAS [0-9a-f]{64}:([A-Za-z0-9+/=]{44,})", text)}
    signatures.remove("A" * 4000)  # A case sends this as an invalid signature.
    assert len(signatures) > 10
    assert not any(signature in text for signature in signatures for text in written)


def test_cases_that_need_more_of_target_are_skipped(live: LiveServer, target: Target) -> None:
    bare = Target.from_facts(
        target.granted, {"mailbox": target.mailbox, "message": target.message, "folders": target.folders}
    )
    chosen = ["answer.moved", "answer.use", "mailbox.closed", "mailbox.suspended", "origin.preflight", "told.explained"]
    played = run(MovedMessage(Server.at(live.url), bare, 10), [case for case in cases(bare) if case.id in chosen])
    results = {result.case.id: result for result in played}
    assert {id_: result.outcome for id_, result in results.items()} == {
        **dict.fromkeys(chosen, SKIPPED),
        **dict.fromkeys(["setup.message", "answer.moved"], PASSED),
    }
    assert results["mailbox.closed"].reason == "The target has no closed_mailbox."
    assert "<skipped" in report.to_junit("", [*results.values()]).decode()


# The command


def test_command_succeeds_if_every_case_passes(daas: Commands, live: LiveServer, target_file: Path) -> None:
    outcome = daas.run("conformance", live.url, "--sandbox", target_file, "--case", "answer.*")
    assert (outcome.status, outcome.stderr) == (0, "")
    first, *rows = outcome.text.splitlines()[:-2]
    assert re.match(r"passed   setup\.message +\w", first)
    assert all(re.match(r"passed   answer\.[a-z-]+ +\w", row) for row in rows)
    assert outcome.text.endswith(f"\n\n{len(rows) + 1} cases: {len(rows) + 1} passed, 0 failed, 0 skipped.\n")


@pytest.mark.slow
def test_one_api_can_be_run_alone(daas: Commands, live: LiveServer, target_file: Path) -> None:
    found = daas.json("conformance", live.url, "--sandbox", target_file, "--api", "lists", "--case", "*.call.*")
    ids = {case["id"].partition(".")[0] for case in found["cases"]}
    assert (found["failed"], found["skipped"], ids) == (0, 0, {"setup", "lists", "contacts"})
    daas.wrong_usage("conformance", live.url, "--sandbox", target_file, "--api", "messages", "--case", "lists.*")


@pytest.mark.slow
def test_kit_runs_with_target_from_options(daas: Commands, live: LiveServer, target: Target, tmp_path: Path) -> None:
    for name, keys in [("granted", target.granted), ("refused", target.refused)]:
        (tmp_path / name).write_text(json.dumps(vars(keys)))
        (tmp_path / name).chmod(0o600)
    named = ["--mailbox", target.mailbox, "--message", target.message, "--closed-mailbox", target.closed_mailbox]
    folders = [word for folder in target.folders for word in ("--folder", folder)]
    paths: list[Any] = ["--key-file", tmp_path / "granted", "--refused-key-file", tmp_path / "refused"]
    found = daas.json("conformance", live.url, *paths, *named, *folders, "--case", "answer.*", "--case", "order.*")
    assert (found["failed"], found["skipped"]) == (0, 0)


USAGE = {
    "no-keys": ["http://127.0.0.1:1"],
    "no-url": [],
    "no-scheme": ["127.0.0.1:8000"],
    "a-path": ["http://127.0.0.1:8000/direct"],
    "no-such-case": ["http://127.0.0.1:1", "--case", "nothing"],
    "one-folder": ["http://127.0.0.1:1", "--folder", "5"],
    "word-for-message": ["http://127.0.0.1:1", "--message", "first"],
    "no-time": ["http://127.0.0.1:1", "--timeout", "0"],
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_wrong_usage_ends_with_2(daas: Commands, words: Any, target_file: Path) -> None:
    file: list[str | Path] = [] if words == USAGE["no-keys"] else ["--sandbox", target_file]
    daas.wrong_usage("conformance", *words, *file)


@pytest.mark.parametrize("window", [0, 59, 1801])
def test_window_outside_60_to_1800_is_wrong_usage(daas: Commands, target_file: Path, window: int) -> None:
    target_file.write_text(json.dumps({**json.loads(target_file.read_text()), "window": window}))
    assert "60 to 1800" in daas.wrong_usage("conformance", "http://127.0.0.1:1", "--sandbox", target_file)


def test_key_file_readable_by_others_is_rejected(daas: Commands, target_file: Path) -> None:
    target_file.chmod(0o644)
    assert "chmod 600" in daas.error("conformance", "http://127.0.0.1:1", "--sandbox", target_file)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {**FACTS, "folders": ["5"]},
        {**FACTS, "folders": ["5", "5"]},
        {**FACTS, "folders": 5},
        {**FACTS, "message": "x"},
        {**FACTS, "refused": "x"},
        {**FACTS, "refused": {}},
        {**FACTS, "other": {}},
    ],
)
def test_unusable_target_is_rejected(facts: dict[str, Any]) -> None:
    with pytest.raises(TargetError):
        Target.from_facts(KEYS, facts)
