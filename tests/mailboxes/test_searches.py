"""Searches for text: how many may run at a time, how long each may take, and what costs no search."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from daas.mailboxes import administration, find_messages
from daas.storage.engine import db
from daas.storage.timeouts import REQUEST_MILLISECONDS

from ..support.actors import Application
from ..support.builders import Builder
from ..support.database import before_statements, transaction
from .test_find_messages import MESSAGES, get

pytestmark = pytest.mark.both_databases

ROWS = 20_000
# Long runs of one letter: what is compared again at every character takes longest there.
SUBJECT = ("a" * 59 + "b") * 5
TIMEOUT = {"message": "Search Took Too Long"}


@pytest.fixture(scope="module")
def searcher(app: Flask) -> Application:
    """An application with a mailbox of 20,000 messages that match no search for a `c`."""
    build = Builder(app)
    application = build.application(mailboxes=[build.mailbox(messages=0)])
    dialect = app.extensions["daas"].settings.database_url.get_backend_name()
    numbers = {
        "sqlite": f"WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS}) ",
        "postgresql": f"WITH numbers AS (SELECT generate_series(1, {ROWS}) AS n) ",
    }[dialect]
    digest = {
        "sqlite": "CAST(printf('%032d', id) AS BLOB)",
        "postgresql": "convert_to(lpad(id::text, 32, '0'), 'UTF8')",
    }[dialect]
    with app.app_context():
        box = administration.find_mailbox(application.mailbox.name)
        inbox = administration.find_folder(box, "Inbox")
        mailbox_id, folder_id = box.id, inbox.id
        db.session.commit()
        with transaction() as connection:
            connection.execute(
                text(
                    f"{numbers} INSERT INTO message (mailbox_id, folder_id) "
                    f"SELECT {mailbox_id}, {folder_id} FROM numbers"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO message_envelope (id, mailbox_id, digest, message_id, subject, subject_folded, "
                    "sender, sender_folded, recipients, date, size, imported_at) "
                    f"SELECT id, mailbox_id, {digest}, '', '{SUBJECT}', '{SUBJECT}', 'F', 'f', '', NULL, 1, "
                    f"CURRENT_TIMESTAMP FROM message WHERE mailbox_id = {mailbox_id}"
                )
            )
    return application


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the statements of a block that compare texts."""
    found: list[str] = []

    def collect(statement: str) -> None:
        if statement.startswith("SELECT") and "_folded" in statement:
            found.append(statement)

    with before_statements(app, collect):
        yield found


@pytest.fixture
def tiny_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_messages, "SEARCH_MILLISECONDS", 1)


@pytest.mark.usefixtures("tiny_limit")
def test_search_over_its_limit_is_a_503_with_its_reason(searcher: Application, build: Builder) -> None:
    response = get(searcher, MESSAGES, subject="c")
    assert (response.status_code, {**response.json, **TIMEOUT}) == (503, response.json)
    assert (response.headers["X-Daas-Error"], response.headers["Retry-After"]) == ("search-timeout", "5")
    assert build.log_row(response.json["request_id"]).reason == "search-timeout"


@pytest.mark.usefixtures("tiny_limit")
def test_search_over_its_limit_is_no_sign_of_a_lost_database(searcher: Application) -> None:
    assert get(searcher, MESSAGES, **{"from": "c"}).status_code == 503
    assert searcher.app.extensions["daas"].timeouts.milliseconds == REQUEST_MILLISECONDS


@pytest.mark.usefixtures("tiny_limit")
def test_listing_without_text_has_the_usual_limit(searcher: Application) -> None:
    assert get(searcher, MESSAGES, limit="1000").status_code == 200
    assert get(searcher, MESSAGES, since="2020-01-01T00:00:00Z", subject=" ").status_code == 200


def test_limit_of_a_search_ends_with_it(searcher: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(find_messages, "SEARCH_MILLISECONDS", 1)
        statuses = [get(searcher, MESSAGES, subject="c").status_code for _ in range(4)]
    assert statuses == [503] * 4
    monkeypatch.setattr(find_messages, "SEARCH_MILLISECONDS", 60_000)
    assert get(searcher, MESSAGES, subject="c").json["messages"] == []


def test_third_search_of_an_application_at_once_is_a_429(searcher: Application, build: Builder) -> None:
    app, other = searcher.app, build.application(mailboxes=[build.mailbox()])
    are_running, may_end = threading.Barrier(3), threading.Event()
    held = threading.local()

    def hold(statement: str) -> None:
        if "_folded" in statement and getattr(held, "holds", False):
            are_running.wait(30)
            may_end.wait(30)

    def search() -> Any:
        held.holds = True
        return get(searcher, MESSAGES, subject="ab", limit="1")

    with before_statements(app, hold), ThreadPoolExecutor(2) as pool:
        running = [pool.submit(search) for _ in range(2)]
        try:
            are_running.wait(30)
            third = get(searcher, MESSAGES, subject="c")
            by_date = get(searcher, MESSAGES, since="2020-01-01T00:00:00Z")
            of_other = get(other, MESSAGES, subject="c")
            move = other.move()
        finally:
            may_end.set()
    assert (third.status_code, third.json["message"]) == (429, "Too Many Requests")
    assert (third.headers["X-Daas-Error"], third.headers["Retry-After"]) == ("search-busy", "3")
    assert build.log_row(third.json["request_id"]).reason == "search-busy"
    assert [each.status_code for each in (by_date, of_other, move)] == [200] * 3
    assert [each.result().status_code for each in running] == [200, 200]
    assert get(searcher, MESSAGES, subject="ab", limit="1").status_code == 200


def test_text_longer_than_any_stored_one_costs_no_search(searcher: Application, build: Builder) -> None:
    with statements(searcher.app) as compared:
        for arguments in (
            {"subject": "\N{LATIN SMALL LETTER SHARP S}" * 500},
            {"from": "\N{LATIN SMALL LIGATURE FFI}" * 400},
        ):
            response = get(searcher, MESSAGES, **arguments)
            assert (response.status_code, response.json["messages"], "next" in response.json) == (200, [], False)
            theirs = get(searcher, MESSAGES, mailbox=build.mailbox().name, **arguments)
            assert theirs.json["message"] == "Access Denied. User Not Authorized."
            assert get(searcher, MESSAGES, folder="9223372036854775807", **arguments).status_code == 422
    assert compared == []


def test_text_as_long_as_a_stored_one_is_found(searcher: Application, build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox(messages=0)])
    subject = "a" * 997 + "b"
    one = build.raw_message(application.mailbox, f"Subject: {subject}\n\n".encode())
    with statements(application.app) as compared:
        response = get(application, MESSAGES, subject=subject)
    assert [each["id"] for each in response.json["messages"]] == [one]
    assert len(compared) == 1


def test_search_compares_by_position_and_not_by_like(searcher: Application) -> None:
    with statements(searcher.app) as compared:
        assert get(searcher, MESSAGES, subject="a" * 60, **{"from": "a" * 60}).json["messages"] == []
    (statement,) = compared
    assert " LIKE " not in statement
    assert statement.count("strpos(") + statement.count("instr(") == 2
