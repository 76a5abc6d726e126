"""The log lines of a server: JSON, one for each request, without any content of the request."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from daas.app import create_app
from daas.applications.registry import SERVICES
from daas.settings import Settings
from daas.signing.mechanism import RequestToSign, sign
from daas.signing.rcws_scheme import RCWS
from daas.storage.engine import db

from ..support.actors import FORM, MOVE, now
from ..support.builders import Builder
from ..support.servers import ROOT, LiveServer
from ..support.wire import Answer, ask, connected, form, head, post, signed, signed_post
from ..test_settings import fill

pytestmark = pytest.mark.processes

SUBJECT = "Zytomegalie"
ADDRESS = "dr.kim@clinic-7.example"
BODY_WORD = "Thrombozyten"
ARGUMENT = "Hausbesuch"
LETTER = f"From: {ADDRESS}\r\nTo: {ADDRESS}\r\nSubject: {SUBJECT}\r\n\r\n{BODY_WORD}\r\n".encode()


class Served:
    """A server over a database of its own, and the texts that its lines must not contain."""

    def __init__(self, live: Any, app: Flask) -> None:
        self.live = live
        self.build = Builder(app)
        box = self.build.mailbox(messages=0)
        box.messages = [self.build.raw_message(box, LETTER)]
        self.application = self.build.application(mailboxes=[box], services=SERVICES)
        self.signatures: list[Any] = []
        self.answers: list[Any] = []

    def ask(self, request: bytes) -> Answer:
        self.signatures += re.findall(rb"(?:DAAS|RCWS) [^:\r]*:([^\r]+)\r", request)
        self.answers.append(ask(self.live, request))
        return self.answers[-1]

    def get(self, target: str) -> Answer:
        headers = signed(self.application, method="GET", uri=target, content_type=None)
        return self.ask(head(target, headers, method="GET"))

    def call_lists(self, method: str, target: str, fields: dict[str, str] | None = None) -> Answer:
        body = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() if fields else b""
        to_sign = RequestToSign(method=method, uri=target, content_type="application/json", body=body)
        signature = sign(RCWS, to_sign, self.application.keys).authorization
        headers = [("Authorization", signature), ("Content-Type", "application/json")]
        return self.ask(post(headers, body, target=target, method=method))

    def execute(self, statement: str) -> None:
        with self.build.app.app_context(), db.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines, once those of all requests with a response are written."""
        deadline = time.monotonic() + 10
        while True:
            lines = lines_of(self.live)
            told = [line for line in lines if line["event"].startswith(("request", "rejected"))]
            if len(told) >= len(self.answers) or time.monotonic() > deadline:
                return lines
            time.sleep(0.01)


def lines_of(live: LiveServer) -> list[dict[str, Any]]:
    """Return the complete lines that a server has written."""
    return [json.loads(line) for line in live.log.read_text().rpartition("\n")[0].splitlines()]


@contextmanager
def served(settings: Settings) -> Iterator[Any]:
    fill(settings)
    app = create_app(settings)
    with LiveServer.start(settings, DAAS_WORKERS="1") as live:
        yield Served(live, app)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def one(database_kind: str, make_settings: Callable[..., Settings]) -> Iterator[Served]:
    with served(make_settings(database_kind)) as found:
        yield found


def send_everything(one: Served) -> int:
    """Send requests that succeed or are rejected at each stage; return how many of them the application saw."""
    box = one.application.mailbox
    arguments = form(one.application, note=ARGUMENT)
    one.ask(signed_post(one.application, arguments))
    one.ask(signed_post(one.application, arguments, target=f"{MOVE}?key={one.application.keys.private_key}"))
    one.get(f"/direct/folders?mailbox={box.name}")
    one.get(f"/direct/messages?{urlencode({'mailbox': box.name, 'subject': SUBJECT, 'from': ADDRESS})}")
    one.ask(signed_post(one.application, form(one.application, mailbox=ARGUMENT)))
    one.ask(signed_post(one.application, form(one.application, folder=SUBJECT)))
    one.ask(signed_post(one.application, ARGUMENT, content_type="text/plain"))
    one.ask(signed_post(one.application, "{" + ARGUMENT, content_type="application/json"))
    one.ask(signed_post(one.application, arguments, date="06/03/2013 12:13:56 EST"))
    one.ask(post(signed(one.application, uri="/elsewhere"), arguments))
    one.ask(post([("Date", now()), ("Content-Type", FORM)], arguments))
    one.ask(signed_post(one.application, arguments, target=f"/direct/{one.application.keys.private_key}"))
    one.ask(post(signed(one.application), arguments, method="PUT"))
    one.ask(signed_post(one.application, f"note={ARGUMENT * 10_000}"))
    one.ask(head(f"/onboarding/{SUBJECT}", [], method="GET"))
    one.call_lists("POST", f"/v1/lists/{SUBJECT}")
    contact = {"email_address": ADDRESS, "name": ARGUMENT}
    assert [one.call_lists("POST", "/v1/contacts.json/1/contacts", contact).status for _ in range(2)] == [201, 409]
    one.call_lists("GET", f"/v1/contacts.json?email_address={ADDRESS}")
    one.call_lists("POST", "/v1/contacts.json/1/contacts", {"email_address": ARGUMENT})
    return len(one.answers)


def spoil(one: Served) -> None:
    """Make the database fail during a request, with an error whose text contains the arguments of the request."""
    if one.build.app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite":
        one.execute("CREATE TRIGGER spoil BEFORE INSERT ON request_log BEGIN SELECT RAISE(FAIL, 'spoiled'); END")
    else:
        one.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION USING ERRCODE = 'syntax_error', MESSAGE = 'spoiled: ' || to_json(NEW); END $$"
        )
        one.execute("CREATE TRIGGER spoil BEFORE INSERT ON request_log FOR EACH ROW EXECUTE FUNCTION spoil()")


@pytest.mark.both_databases
def test_no_line_has_keys_signatures_bodies_or_addresses(one: Served) -> None:
    send_everything(one)
    one.ask(b"GET /direct/" + SUBJECT.encode() + b"\xff HTTP/1.1\r\n\r\n")
    spoil(one)
    failed = one.ask(signed_post(one.application, form(one.application, mailbox=ADDRESS, note=ARGUMENT)))
    one.execute("DROP TABLE message_envelope" + ("" if "sqlite" in str(one.build.app.config) else " CASCADE"))
    query = urlencode({"mailbox": one.application.mailbox.name, "subject": SUBJECT, "from": ADDRESS})
    one.get(f"/direct/messages?{query}")
    statuses = {answer.status for answer in one.answers} - {503}
    assert statuses == {200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422, 500}

    told = [line for line in one.lines() if line.get("request_id") == failed.request_id]
    assert [line["level"] for line in told] == ["error", "info"]
    assert "daas/storage/transactions.py" in told[0]["event"]
    keys = one.application.keys
    secrets = [SUBJECT, ADDRESS, BODY_WORD, ARGUMENT, keys.private_key, keys.public_key, "DAAS ", "RCWS "]
    secrets += [signature.decode()[:24] for signature in one.signatures]
    written = one.live.log.read_text()
    assert [secret for secret in secrets if secret in written] == []


def test_each_request_has_one_line_with_its_request_id(make_settings: Callable[..., Settings]) -> None:
    with served(make_settings("sqlite")) as one:
        sent = send_everything(one)
        lines = [line for line in one.lines() if line["event"] == "request"]
    assert len(lines) == sent
    told = [(line["request_id"], line["status"]) for line in lines]
    answers = [(answer.header("X-Request-Id"), answer.status) for answer in one.answers]
    assert sorted(told, key=str) == sorted(answers, key=str)
    row = one.build.log_row(one.answers[0].request_id)
    (moved,) = [line for line in lines if line["reason"] == "moved" and line["request_id"] == str(row.id)]
    assert moved == {
        "request_id": str(row.id),
        "method": "POST",
        "route": MOVE,
        "status": 200,
        "reason": "moved",
        "service": "direct/messages/move",
        "application": one.application.name,
        "remote_address": "127.0.0.1",
        "duration_ms": moved["duration_ms"],
        "event": "request",
        "level": "info",
        "at": moved["at"],
    }
    assert moved["duration_ms"] > row.duration_ms


def test_rejection_by_the_http_server_has_a_line_too(server: LiveServer) -> None:
    with connected(server) as wire:
        rejected = wire.ask(b"GET / HTTP/1.1\r\nAuthoriz ation: x\r\n\r\n")
    deadline = time.monotonic() + 10
    while not (found := [line for line in lines_of(server) if line.get("request_id") == rejected.request_id]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (line,) = found
    assert (line["event"], line["status"]) == ("rejected by the server", 400)
    assert (line["reason"], line["remote_address"]) == ("InvalidHeaderName", "127.0.0.1")


PROGRAM = """
import logging, sys, warnings
import sqlalchemy
from daas.monitoring import logs

logs.configure_logs()
try:
    raise ValueError(sys.argv[1])
except ValueError:
    logging.getLogger("gunicorn.error").exception("Exception in worker process")
warnings.warn("something will change")
engine = sqlalchemy.create_engine("sqlite://")
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT :word"), {"word": sys.argv[1]}).all()
"""


def test_lines_of_libraries_have_no_exception_texts_or_rows() -> None:
    command = [sys.executable, "-c", PROGRAM, SUBJECT]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert (SUBJECT in ended.stdout, ended.stderr) == (False, "")
    failure, warning = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (failure["event"], failure["exception"]) == ("Exception in worker process", "ValueError")
    assert (failure["level"], failure["logger"]) == ("error", "gunicorn.error")
    assert 'File "<string>"' in failure["traceback"]
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")
    assert "something will change" in warning["event"]
