"""What the pages show is what happens: every block of code is run, or made of what is run."""

import json
import re

import pytest

from .pages import DOCUMENTATION, ERRORS, PAGES, SEND_EXAMPLE, Document, without_request_id

REASONS = {
    "date-unreadable",
    "date-without-zone",
    "date-zone-name",
    "date-outside-window",
    "content-md5-mismatch",
    "content-md5-required",
}


@pytest.fixture(scope="module")
def documents(demo):
    return {path: Document(demo.run(f"curl -sS --fail {demo.server.url}{path}")) for path in PAGES}


@pytest.fixture(scope="module")
def cases(documents):
    """The sections of the page of errors that provoke an answer."""
    return [section for section in documents[ERRORS].sections() if "sh" in section]


@pytest.fixture(scope="module")
def setup(documents):
    """The block of the page of errors that makes `call`."""
    return documents[ERRORS].all("sh")[0]


def shown(section):
    """Give the status, the reason and the body that a section shows."""
    reason = section.get("header", "").removeprefix("X-Daas-Error: ") or None
    return int(section["status"]), reason, without_request_id(section["json"])


def answered(output):
    """Give the status, the reason and the body that curl printed."""
    head, _, body = output.partition("\n\n")
    reason = re.search(r"^X-Daas-Error: (.*)$", head, re.MULTILINE)
    return int(head.split(" ")[1]), reason and reason[1], without_request_id(body)


def test_every_line_that_provokes_an_answer_gets_the_one_that_is_shown(demo, setup, cases):
    assert len(cases) > 20
    happened = {case["sh"]: answered(demo.run(f"{setup}\n{case['sh']}")) for case in cases}
    assert happened == {case["sh"]: shown(case) for case in cases}


def test_every_reason_of_a_refused_signature_is_provoked(cases):
    assert {shown(case)[1] for case in cases} - {None} == REASONS


def test_the_page_of_errors_shows_how_to_read_the_servers_string(demo, setup, documents):
    (block,) = [text for text in documents[ERRORS].all("sh")[1:] if "base64 -d" in text]
    lines = demo.run(f"{setup}\n{block}").split("\n")
    assert (lines[0], lines[2:]) == ("POST", ["application/x-www-form-urlencoded", "/direct/messages/move/format/json"])


def test_the_sample_moves_a_message_with_md5_and_without(demo, documents):
    printed = demo.run(documents[SEND_EXAMPLE].all("sh")[0]).splitlines()
    assert [json.loads(line)["folder"] for line in printed] == ["5", "Archived"]
    (body,) = documents[SEND_EXAMPLE].all("json")
    assert without_request_id(printed[0]) == without_request_id(body)


@pytest.mark.parametrize("option", ["", "--without-md5"])
def test_the_sample_says_what_it_was_refused_for(demo, option):
    sample = f"python3 examples/move_message.py {demo.server.url} demo.clinician 999999 5 {option}"
    printed = demo.run(f"set -a; . instance/demo.env\n{sample} || echo refused")
    assert without_request_id(printed) == '{"request_id":"...","message":"Message not found"}\nrefused\n'


def test_the_page_shows_the_sample_that_is_run(demo, documents):
    (shown_sample,) = documents[SEND_EXAMPLE].all("python")
    assert shown_sample == (demo.directory / "examples" / "move_message.py").read_text()


def test_the_command_line_of_the_page_runs(demo, documents):
    _, block = documents[SEND_EXAMPLE].all("sh")
    printed = demo.run(block)
    assert "Lab results: basic metabolic panel" in printed
    assert '"mailbox":"demo.clinician","id":"1","folder":"5"}' in printed
    assert re.search(r"^authorization +DAAS [0-9a-f]{64}:", printed, re.MULTILINE)


@pytest.mark.parametrize("name", ["folders", "messages"])
def test_a_list_is_answered_as_its_page_shows(demo, setup, documents, name):
    document = documents[DOCUMENTATION + name]
    uri = re.match(r"GET (\S+) HTTP", document.all("http")[1])[1]
    move = "call POST $move 'mailbox=demo.clinician&id=1&folder=Inbox' > moved"
    output = demo.run(f"{setup}\n{move}\ncall GET '{uri}'")
    assert answered(output) == (200, None, without_request_id(document.all("json")[0]))


def test_every_block_of_a_page_is_run_or_made_of_what_is_run(documents, cases):
    lists = [documents[DOCUMENTATION + name].all("json")[0] for name in ("folders", "messages")]
    # There is no way to provoke a defect, nor a limit that is not set.
    unprovoked = {f'{{"request_id":"1812","message":"{m}"}}' for m in ("Internal Server Error", "Too Many Requests")}
    answers = {case["json"] for case in cases} | {*lists} | unprovoked
    setup, *others = documents[ERRORS].all("sh")
    run = {setup, *(case["sh"] for case in cases), *(text for text in others if "base64 -d" in text)}
    run |= {*documents[SEND_EXAMPLE].all("sh")}
    for path, document in documents.items():
        assert {*document.blocks()} <= {"sh", "http", "json", "python"}, path
        assert {*document.all("sh")} <= run, path
        assert {*document.all("json")} <= answers, path


def test_every_request_that_a_page_shows_is_signed_as_it_stands(documents):
    """The keys are the example's, which the page of authentication shows."""
    text = documents[DOCUMENTATION + "authentication"].text
    public_key = re.search(r"public key\s*([0-9a-f]{64})", text)[1]
    requests = [block for document in documents.values() for block in document.all("http") if "Authorization" in block]
    assert len(requests) == 4
    assert all(f"Authorization: DAAS {public_key}:" in block for block in requests)
