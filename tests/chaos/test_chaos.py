"""The short form of every failure test against the real server, and the ledger that checks its result."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from chaos.ledger import Ledger
from chaos.postgresql import PostgreSQL
from chaos.scenarios import SCENARIOS, run
from chaos.trial import POSTGRESQL, Missing, Report, Trial

from ..support.wire import Answer

pytestmark = pytest.mark.both_databases

TRIALS = [(name, database) for name, scenario in SCENARIOS.items() for database in scenario.databases]


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[Any]:
    """Yield a PostgreSQL that waits for its disk, unlike that of the other tests."""
    try:
        with PostgreSQL.start() as server:
            yield server
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.alone
@pytest.mark.parametrize(("name", "database"), TRIALS)
def test_no_acknowledged_move_is_lost(name: str, database: str, request: Any) -> None:
    server = request.getfixturevalue("durable_postgresql") if database == POSTGRESQL else None
    try:
        report = run(SCENARIOS[name], database, server, quick=True)
    except Missing as missing:
        pytest.skip(str(missing))
    assert report.errors == [], report


# An error, the statements that cause it (`last` is the last move in the log), and the message about it.
SPOILED = {
    "a move's row is lost": (
        ["DELETE FROM request_log WHERE id = :last"],
        "the log has no such row",
    ),
    "a move is lost with its row": (
        [
            "UPDATE message SET folder_id ="
            " (SELECT id FROM folder WHERE mailbox_id = message.mailbox_id"
            " AND name = (SELECT folder_from FROM request_log WHERE id = :last))"
            " WHERE CAST(id AS VARCHAR) = (SELECT message FROM request_log WHERE id = :last)",
            "DELETE FROM request_log WHERE id = :last",
        ],
        "the log has no such row",
    ),
    "a row tells of another status": (
        ["UPDATE request_log SET status = 422 WHERE id = :last"],
        "but the log says Row",
    ),
    "a row tells of another folder": (
        ["UPDATE request_log SET folder_to = 'Draft' WHERE id = :last"],
        "but the log says Row",
    ),
    "a refusal's row tells of a success": (
        ["UPDATE request_log SET status = 200 WHERE status = 401"],
        "The client got 401, but row",
    ),
    "a row tells of a move that nobody asked for": (
        [
            "INSERT INTO request_log (at, remote_address, method, path, status, reason, duration_ms, mailbox, message,"
            " folder, folder_from, folder_to)"
            " SELECT at, remote_address, method, path, status, reason, duration_ms, mailbox, message,"
            " folder, folder_to, folder_to FROM request_log WHERE id = :last"
        ],
        "The log has 1 moves of message",
    ),
    "a row starts from another folder": (
        ["UPDATE request_log SET folder_from = 'Draft' WHERE id = :last"],
        "from Draft, but it was in",
    ),
    "a message lies where the log does not leave it": (
        [
            "UPDATE message SET folder_id ="
            " (SELECT id FROM folder WHERE mailbox_id = message.mailbox_id AND name = 'Draft')"
        ],
        "The log leaves message",
    ),
    "a message lies in another mailbox's folder": (
        ["UPDATE message SET folder_id = (SELECT min(id) FROM folder WHERE mailbox_id <> message.mailbox_id)"],
        ", None)].",
    ),
    "a message is gone": (
        ["DELETE FROM message WHERE CAST(id AS VARCHAR) = (SELECT message FROM request_log WHERE id = :last)"],
        "it is in None",
    ),
    "a message came from nowhere": (
        [
            "INSERT INTO message (id, mailbox_id, folder_id)"
            " SELECT max(id) + 1, min(mailbox_id), min(folder_id) FROM message"
        ],
        "was imported: False; exists: True",
    ),
}


@pytest.fixture(scope="module")
def trial(
    request: pytest.FixtureRequest, database_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trial]:
    """Yield a service after one client has moved messages, one after the other, and was rejected once."""
    server = request.getfixturevalue("durable_postgresql") if database_kind == POSTGRESQL else None
    with ExitStack() as at_end:
        trial = Trial(Report("ledger", database_kind), tmp_path_factory.mktemp("trial"), server, at_end, quick=True)
        trial.start(messages=2)
        client = trial.client()
        for mailbox in trial.application.mailboxes:
            for folder in ("Sent", "Archived", "Inbox", "Sent", mailbox.folder):
                for message in mailbox.messages:
                    client.move(mailbox, message, folder)
            client.forge(mailbox, mailbox.message, "Draft")
        yield trial


@pytest.fixture
def transaction(trial: Trial) -> Iterator[Connection]:
    """Yield a transaction on the trial's database without checks of foreign keys; it is rolled back."""
    engine = create_engine(trial.settings.database_url)
    with engine.connect() as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        transaction.rollback()
    engine.dispose()


def errors_found(trial: Any, ledger: Ledger, attempts: Any = None) -> list[str]:
    attempts = trial.journal.attempts if attempts is None else attempts
    return ledger.find_errors(attempts, trial.application.mailboxes, in_doubt=[None])


def test_correct_ledger_has_no_errors(trial: Trial) -> None:
    ledger = Ledger.read(trial.settings)
    assert len(ledger.log) == len(trial.journal.attempts) == 22
    assert errors_found(trial, ledger) == []
    assert ledger.find_list_errors(trial.service.connect, trial.application) == []


@pytest.mark.parametrize("wrong", SPOILED)
def test_wrong_rows_are_found(trial: Trial, transaction: Connection, wrong: str) -> None:
    statements, told = SPOILED[wrong]
    last = transaction.execute(text("SELECT max(id) FROM request_log WHERE folder_to IS NOT NULL")).scalar_one()
    for statement in statements:
        assert transaction.execute(text(statement), {"last": last} if ":last" in statement else {}).rowcount > 0
    found = errors_found(trial, Ledger.read_within(transaction))
    assert [sentence for sentence in found if told in sentence], found


def test_unacknowledged_move_needs_a_lost_connection(trial: Trial) -> None:
    *others, last = [attempt for attempt in trial.journal.attempts if attempt.moved]
    rejections = [attempt for attempt in trial.journal.attempts if not attempt.moved]
    ledger = Ledger.read(trial.settings)
    lost = dataclasses.replace(last, answer=None)
    assert errors_found(trial, ledger, [*others, *rejections, lost]) == []
    assert ledger.unacknowledged([*others, lost]).total() == 1
    (told,) = errors_found(trial, ledger, [*others, *rejections])
    assert "The log has 1 moves of message" in told


def test_decreasing_request_id_is_found(trial: Trial) -> None:
    first, second = [
        attempt for attempt in trial.journal.attempts if attempt.message == trial.application.mailbox.message
    ][:2]
    swapped = [dataclasses.replace(first, answer=second.answer), dataclasses.replace(second, answer=first.answer)]
    rest = [attempt for attempt in trial.journal.attempts if attempt not in (first, second)]
    found = errors_found(trial, Ledger.read(trial.settings), [*swapped, *rest])
    assert [sentence for sentence in found if "after it had been moved by" in sentence], found


def test_duplicate_request_id_is_found(trial: Trial) -> None:
    attempts = trial.journal.attempts
    (told,) = errors_found(trial, Ledger.read(trial.settings), [*attempts, attempts[-1]])
    assert "was used twice" in told


def test_success_that_should_be_an_error_is_found(trial: Trial) -> None:
    first, *others = trial.journal.attempts
    found = errors_found(trial, Ledger.read(trial.settings), [dataclasses.replace(first, due=401), *others])
    assert [sentence for sentence in found if "must get 401 got a 200" in sentence], found


def test_wrong_folder_in_a_list_is_found(trial: Trial) -> None:
    ledger = Ledger.read(trial.settings)
    message = trial.application.mailbox.message
    elsewhere = {**ledger.whereabouts, message: [(trial.application.mailbox.name, "Draft")]}
    found = dataclasses.replace(ledger, whereabouts=elsewhere).find_list_errors(
        trial.service.connect, trial.application
    )
    assert len(found) == 2
    assert all(f"('{message}', 'Draft')" in sentence for sentence in found)


def test_response_to_another_request_is_found(trial: Trial) -> None:
    first, *others = trial.journal.attempts
    found = errors_found(trial, Ledger.read(trial.settings), [dataclasses.replace(first, folder="Draft"), *others])
    assert [sentence for sentence in found if "The client sent" in sentence], found


@pytest.mark.only("sqlite")  # PostgreSQL checks its pages when it reads them.
def test_damaged_sqlite_database_is_found(trial: Trial, transaction: Connection) -> None:
    transaction.execute(text("UPDATE message SET folder_id = 0"))
    assert [
        sentence for sentence in errors_found(trial, Ledger.read_within(transaction)) if "foreign_key_check" in sentence
    ]


def test_response_that_no_client_may_see_is_an_error(trial: Trial) -> None:
    first, second, third = [attempt for attempt in trial.journal.attempts if attempt.moved][:3]
    bare = Answer("HTTP/1.1", 503, (("x-request-id", "ab"),), b'{"request_id":"ab","message":"Service Unavailable"}')
    spoiled = Trial(Report("spoiled", ""), trial.directory, None, ExitStack(), quick=True)
    spoiled.settings, spoiled.service = trial.settings, trial.service
    # Without custom folders the trial does not request their lists, so that their messages are in no list.
    boxes = [dataclasses.replace(mailbox, folders=[]) for mailbox in trial.application.mailboxes]
    spoiled.application = dataclasses.replace(trial.application, mailboxes=boxes)
    spoiled.journal.attempts = [
        *trial.journal.attempts,
        dataclasses.replace(first, answer=None),
        dataclasses.replace(second, ended=second.began + 7, due=404),
        dataclasses.replace(third, answer=bare),
    ]
    spoiled.check()
    told = "\n".join(spoiled.report.errors)
    for sentence in [
        "A connection was lost",
        "Expected 404, got 200",
        "Expected 200, got 503",
        "A 503 has no Retry-After.",
        "A response took 7.0 s, more than 6 s.",
        "was used twice",
        "The lists of the folders of",
    ]:
        assert sentence in told
