"""The pages are true: every block of code is run, or computed from one that is run."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..support.servers import ROOT
from .pages import CONTACTS, DOCUMENTATION, ERRORS, LISTS, PAGES, SEND_EXAMPLE, TESTING, Document, without_request_id
from .stage import Demo, start_demo

pytestmark = pytest.mark.processes

EXAMPLES = ROOT / "examples"

# The programs that run in a shell, with the command of each.
SAMPLES = {
    "move_message.sh": ["bash", "curl", "openssl"],
    "move_message.py": ["python3"],
    "move_message_with_client.py": [],
    "move_message.mjs": ["node"],
    "MoveMessage.java": ["java", "javac"],
    "move_message.php": ["php"],
    "MoveMessage.cs": ["mcs", "mono"],
}

# The programs for lists and contacts.
LISTS_SAMPLES = {"add_contact.py": ["python3"], "add_contact.php": ["php"]}

REASONS = {
    "content-type-missing",
    "date-unreadable",
    "date-without-zone",
    "date-zone-unknown",
    "date-zone-name",
    "date-outside-window",
    "content-md5-mismatch",
    "content-md5-required",
    "idempotency-key",
    "json-unreadable",
    "media-type-unsupported",
}


@pytest.fixture(scope="module")
def documents(demo: Demo) -> dict[str, Document]:
    return {path: Document(demo.run(f"curl -sS --fail {demo.server.url}{path}")) for path in PAGES}


@pytest.fixture(scope="module")
def cases(documents: dict[str, Document]) -> list[dict[str, str]]:
    """Return the sections of the pages that provoke an error."""
    pages = (documents[ERRORS], documents[DOCUMENTATION + "move_batch"])
    return [section for page in pages for section in page.sections() if "sh" in section]


@pytest.fixture(scope="module")
def setup(documents: dict[str, Document]) -> str:
    """Return the block of the errors page that defines `call`."""
    return documents[ERRORS].all("sh")[0]


def shown(section: dict[str, str]) -> tuple[int, str | None, str]:
    """Return the status, the reason and the body that a section shows."""
    reason = section.get("header", "").removeprefix("X-Daas-Error: ") or None
    return int(section["status"]), reason, without_request_id(section["json"])


def responded(output: str) -> Any:
    """Return the status, the reason and the body that curl printed."""
    head, _, body = output.partition("\n\n")
    reason = re.search(r"^X-Daas-Error: (.*)$", head, re.MULTILINE)
    return int(head.split(" ")[1]), reason and reason[1], without_request_id(body)


@pytest.mark.slow
def test_every_shown_command_gets_the_shown_response(demo: Demo, setup: str, cases: list[dict[str, str]]) -> None:
    assert len(cases) > 20
    happened = {case["sh"]: responded(demo.run(f"{setup}\n{case['sh']}")) for case in cases}
    assert happened == {case["sh"]: shown(case) for case in cases}


# What no request can leave as it was: the logs, keys for a day, and the counters of ids, which are never reused.
_GROWING_TABLES = {"request_log", "audit", "sqlite_sequence", "list_counter", "idempotency_key"}
_CHANGING_COLUMNS = {"last_used_at", "previous_folder_id"}


def contents(demo: Demo) -> Any:
    """Return the files of the demo's directory and the rows of its tables, except what every request changes."""
    with closing(sqlite3.connect(demo.directory / "instance" / "daas.db")) as database:
        rows = {}
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = {column[1] for column in database.execute(f"PRAGMA table_info({name})")} - _CHANGING_COLUMNS
            present = "NOT removed" if "removed" in columns else "1"
            found = database.execute(f"SELECT {', '.join(sorted(columns))} FROM {name} WHERE {present}")
            rows[name] = sorted(found, key=str)
    files = {str(path) for path in demo.directory.rglob("*") if not path.is_symlink() and "daas.db-" not in path.name}
    return files, {name: found for name, found in rows.items() if name not in _GROWING_TABLES}


@pytest.mark.slow
def test_commands_of_errors_page_leave_nothing_behind(tmp_path: Path, cases: list[dict[str, str]]) -> None:
    """It pastes all commands twice into one shell, as a reader may."""
    with start_demo(tmp_path) as fresh:
        page = Document(fresh.run(f"curl -sS --fail {fresh.server.url}{ERRORS}"))
        pasted = "\n".join([page.all("sh")[0], *(section["sh"] for section in page.sections() if "sh" in section)])
        before = contents(fresh)
        shown_here = [case for case in cases if case in page.sections()]
        assert fresh.run(f"{pasted}\n{pasted}", 300).count("HTTP/1.1 ") >= 2 * len(shown_here)
        assert contents(fresh) == before


def test_every_x_daas_error_of_a_401_is_provoked(cases: list[dict[str, str]]) -> None:
    assert {shown(case)[1] for case in cases} - {None} == REASONS


def test_errors_page_shows_how_to_read_servers_string(demo: Demo, setup: str, documents: dict[str, Document]) -> None:
    (block,) = [text for text in documents[ERRORS].all("sh")[1:] if "base64 -d" in text]
    lines = demo.run(f"{setup}\n{block}").split("\n")
    assert (lines[0], lines[2:]) == ("POST", ["application/x-www-form-urlencoded", "/direct/messages/move/format/json"])


@pytest.fixture(scope="module")
def samples(documents: dict[str, Document]) -> dict[str, dict[str, str]]:
    """Return the sections of the samples page that show a program, by program."""
    return {section["program"]: section for section in documents[SEND_EXAMPLE].sections()}


@pytest.fixture(scope="module")
def strict(demo: Any) -> Any:
    """Return the lines that export keys of an application that must send Content-MD5."""
    register = "application register 'Signs bodies' --mailbox demo.clinician --require-content-md5 --json"
    made = json.loads(demo.run(f".venv/bin/daas {register}"))
    return f"export DAAS_PUBLIC_KEY={made['public_key']} DAAS_PRIVATE_KEY={made['private_key']}"


def folders_in(printed: Any) -> Any:
    return re.findall(r"folder\W+(\w+)", printed)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_sample_moves_a_message_with_and_without_md5(
    demo: Any, documents: Any, samples: Any, strict: Any, name: str
) -> None:
    for tool in SAMPLES[name]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: .ci/run names the package")
    *prepare, with_md5, without = samples[(EXAMPLES / name).read_text()]["sh"].splitlines()
    setup = "\n".join([documents[SEND_EXAMPLE].all("sh")[0], *prepare])
    assert folders_in(demo.run(f"{setup}\n{without}")) == ["Archived"]
    printed = demo.run(f"{setup}\n{strict}\n{{ {with_md5}; {without} || echo refused; }} 2>&1")
    assert folders_in(printed) == ["5"]
    assert "Access Denied. Authentication Failed." in printed
    assert printed.endswith("refused\n")
    assert json.loads(demo.run(".venv/bin/daas message show 1 --json"))["folder"] == "5"


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS_SAMPLES)
def test_sample_creates_a_list_and_adds_a_contact(demo: Any, documents: Any, samples: Any, name: str) -> None:
    for tool in LISTS_SAMPLES[name]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: .ci/run names the package")
    setup, command = documents[SEND_EXAMPLE].all("sh")[0], samples[(EXAMPLES / name).read_text()]["sh"]
    made, added, shown = demo.run(f"{setup}\n{command}").splitlines()
    assert re.fullmatch(r'{"code":201,"message":"List List 1 created with list-id [0-9]+"}', made)
    assert added == '{"code":201,"message":"Contact added"}'
    assert shown == '{"1":"ana@example.org"}'
    rejected = demo.run(f"{setup}\nexport DAAS_PRIVATE_KEY=x\n{command} || echo refused")
    assert rejected == '{"code":401,"message":"Not Authorized"}\nrefused\n'


def test_page_shows_complete_programs_that_are_all_run(samples: dict[str, dict[str, str]]) -> None:
    in_browsers = {"move_message.js"}
    files = {path.name: path.read_text() for path in EXAMPLES.iterdir() if path.is_file()}
    shown = {name for name, text in files.items() if text in samples}
    # The page of reads shows the job, which tests/client/test_save_documents.py runs.
    assert shown == {*files} - {"__init__.py", "save_documents.py"} == {*SAMPLES} | in_browsers | {*LISTS_SAMPLES}
    assert len(samples) == len(shown)


def test_sample_prints_what_the_page_shows(demo: Demo, documents: dict[str, Document]) -> None:
    setup, *_ = documents[SEND_EXAMPLE].all("sh")
    (body,) = documents[SEND_EXAMPLE].all("json")
    printed = demo.run(f"{setup}\npython3 examples/move_message.py {demo.server.url} demo.clinician 1 5")
    assert without_request_id(printed.strip()) == without_request_id(body)


@pytest.mark.slow
def test_command_line_of_the_page_runs(demo: Demo, documents: dict[str, Document]) -> None:
    [block] = [text for text in documents[SEND_EXAMPLE].all("sh") if "daas sign" in text]
    printed = demo.run(block)
    assert "Lab results: basic metabolic panel" in printed
    assert '"mailbox":"demo.clinician","id":"1","folder":"5"}' in printed
    assert re.search(r"^authorization +DAAS [0-9a-f]{64}:", printed, re.MULTILINE)


@pytest.mark.slow
def test_testing_page_runs_from_create_to_remove(tmp_path: Path) -> None:
    """It uses a separate demo, because it adds a folder that other pages do not show."""
    with start_demo(tmp_path) as fresh:
        page = Document(fresh.run(f"curl -sS --fail {fresh.server.url}{TESTING}"))
        create, remove, play, play_with_demo = page.all("sh")
        assert re.search(r"^\d+ cases: \d+ passed, 0 failed, \d+ skipped\.$", fresh.run(play_with_demo), re.MULTILINE)
        assert fresh.run(create).count("a wrong signature") == 2
        # Other tests run all cases of the kit against this server.
        assert " 0 failed, 0 skipped." in fresh.run(play.replace("--junit", "--case 'answer.*' --junit"))
        removed = fresh.run(remove)
    shown = [text for text in page.all("") if text.startswith("sandbox.")]
    assert {*shown} == {*re.findall(r"sandbox\.\w+", removed)}
    assert (tmp_path / "requests.http").read_text().startswith("# Signed until ")
    assert b"<testcase " in (tmp_path / "conformance.xml").read_bytes()


@pytest.mark.parametrize("name", ["folders", "messages", "read_message"])
def test_list_gets_response_that_its_page_shows(
    demo: Demo, setup: str, documents: dict[str, Document], name: str
) -> None:
    document = documents[DOCUMENTATION + name]
    uri = re.match(r"GET (\S+) HTTP", document.all("http")[1])[1]
    move = "call POST $move 'mailbox=demo.clinician&id=1&folder=Inbox' > moved"
    output = demo.run(f"{setup}\n{move}\ncall GET '{uri}'")
    assert responded(output) == (200, None, without_request_id(document.all("json")[0]))


def test_batch_gets_response_that_its_page_shows(demo: Demo, setup: str, documents: dict[str, Document]) -> None:
    document = documents[DOCUMENTATION + "move_batch"]
    (request,) = [text for text in document.all("http") if "Authorization" in text]
    uri, body = re.match(r"POST (\S+) HTTP", request)[1], request.rpartition("\n")[2]
    output = demo.run(f"{setup}\ncall POST {uri} '{body}'")
    assert responded(output) == (200, None, without_request_id(document.all("json")[0]))


def shape(value: Any) -> Any:
    """Return a JSON value with its names in their order, and no values."""
    if isinstance(value, dict):
        return [(name, shape(inner)) for name, inner in value.items()]
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else type(value).__name__


def test_history_and_requests_get_responses_like_those_shown(
    demo: Demo, setup: str, documents: dict[str, Document]
) -> None:
    history, requests = (documents[DOCUMENTATION + name] for name in ("history", "requests"))
    blocks = [block for page in (history, requests) for block in page.all("http") if " HTTP/1.1" in block]
    shown = [*history.all("json"), *requests.all("json")]
    moves = (
        'for folder in Archived Inbox; do call POST $move "mailbox=demo.clinician&id=1&folder=$folder" > moved; done'
    )
    wrong = "for n in 1 2; do DATE='06/03/2013 12:13:56 EST' call POST $move x=y > moved; done"
    for block, expected in zip(blocks, shown, strict=True):
        method, uri = block.split(" ")[:2]
        body = block.partition("\n\n")[2]
        output = demo.run(f"{setup}\n{moves}\n{wrong}\ncall {method} '{uri}' {body and repr(body)}")
        status, _, printed = responded(output)
        assert status == 200
        assert shape(json.loads(printed)) == shape(json.loads(expected))


def test_every_block_of_a_page_is_run_or_computed(documents: dict[str, Document], cases: list[dict[str, str]]) -> None:
    lists = [
        documents[DOCUMENTATION + name].all("json")[0] for name in ("folders", "messages", "read_message", "move_batch")
    ]
    # test_history_and_requests_get_responses_like_those_shown sends these calls.
    lists += [text for name in ("history", "requests") for text in documents[DOCUMENTATION + name].all("json")]
    # A defect cannot be provoked, nor errors that need a large mailbox.
    messages = ("Internal Server Error", "Too Many Requests", "Search Took Too Long")
    unprovoked = {f'{{"request_id":"1812","message":"{message}"}}' for message in messages}
    responses = {case["json"] for case in cases} | {*lists} | unprovoked
    setup, *others = documents[ERRORS].all("sh")
    run = {setup, *(case["sh"] for case in cases), *(text for text in others if "base64 -d" in text)}
    run |= {*documents[SEND_EXAMPLE].all("sh"), *documents[TESTING].all("sh")}
    # tests/onboarding/test_lists_pages.py sends these calls.
    responses |= {section["json"] for path in (LISTS, CONTACTS) for section in documents[path].sections()}
    for path, document in documents.items():
        assert {*document.blocks()} <= {"sh", "http", "json", "program", "vector", "string"}, path
        assert {*document.all("sh")} <= run, path
        assert {*document.all("json")} <= responses, path


def test_every_shown_request_has_a_valid_signature(documents: dict[str, Document]) -> None:
    """The keys are those of the examples, which the authentication page shows."""
    text = documents[DOCUMENTATION + "authentication"].text
    public_key = re.search(r"public key\s*([0-9a-f]{64})", text)[1]
    blocks = [block for document in documents.values() for block in document.all("http")]
    requests = [block for block in blocks if "Authorization: DAAS" in block]
    assert len(requests) == 10
    assert all(f"Authorization: DAAS {public_key}:" in block for block in requests)
