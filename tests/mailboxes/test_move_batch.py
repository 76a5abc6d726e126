"""Batches at the same time as other moves, and how many statements they take."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from daas.applications.lookup import find_caller
from daas.mailboxes.idempotency import KeyedRequest, Replay
from daas.mailboxes.move_batch import Batch, BatchMove, move_batch
from daas.mailboxes.move_message import move_message
from daas.records.request_log import RequestRecord

from ..support.actors import Application
from ..support.builders import Builder
from ..support.database import before_statements

pytestmark = pytest.mark.both_databases

PLACES = ["Sent", "Draft", "Archived", "Inbox"]


@pytest.fixture
def application(build: Builder) -> Application:
    """Return an application with several messages in one mailbox."""
    return build.application(mailboxes=[build.mailbox(messages=6)])


def call(application: Application, ids: list[str], folder: str, key: str | None = None, **options: Any) -> Any:
    """Move messages, a single one by a single move."""
    box = application.mailbox
    with application.app.app_context():
        caller = find_caller(application.keys.public_key, "direct/messages/move")
        record = RequestRecord("POST", "/direct/messages/move", "192.0.2.1", application=application.name)
        if len(ids) == 1:
            return move_message(caller, box.name, int(ids[0]), folder, record)
        keyed = KeyedRequest(key, (*ids, folder), body_of) if key else None
        return move_batch(caller, Batch(box.name, [*map(int, ids)], folder, **options), record, keyed)


def body_of(moved: BatchMove) -> bytes:
    return repr((moved.logged.request_id, moved.moved)).encode()


def assert_log_gives_the_folders(build: Builder, application: Application, moves: int) -> None:
    for message in application.mailbox.messages:
        rows = [row for row in build.log_rows(message) if row.reason == "moved"]
        assert len(rows) == moves
        assert [row.folder_from for row in rows] == ["Inbox", *(row.folder_to for row in rows[:-1])]
        assert rows[-1].folder_to == build.folder_of(message)
        changes = [row.folder_from for row in rows if row.folder_from != row.folder_to]
        assert build.previous_folder_of(message) == (changes[-1] if changes else None)


def test_batches_in_opposite_orders_and_moves_do_not_deadlock(application: Application, build: Builder) -> None:
    ids = application.mailbox.messages
    start = Barrier(4)

    def client(number: int) -> None:
        start.wait(timeout=30)
        for folder in itertools.islice(itertools.cycle(PLACES), number, number + 6):
            if number < 3:
                call(application, ids[:: -1 if number % 2 else 1], folder)
            else:
                for message in ids:
                    call(application, [message], folder)

    with ThreadPoolExecutor(4) as pool:
        [*pool.map(client, range(4))]
    assert_log_gives_the_folders(build, application, moves=24)


def test_batch_with_one_key_happens_once_for_all_who_ask_at_once(application: Application, build: Builder) -> None:
    start = Barrier(4)

    def client(_: int) -> Any:
        start.wait(timeout=30)
        return call(application, application.mailbox.messages, "Sent", "key")

    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(client, range(4))]
    (first,) = [each for each in done if isinstance(each, BatchMove)]
    assert [each.body for each in done if isinstance(each, Replay)] == [body_of(first)] * 3
    assert_log_gives_the_folders(build, application, moves=1)


@pytest.mark.parametrize("options", [{}, {"key": "k"}, {"from_folder": "Inbox"}], ids=["plain", "key", "from"])
def test_batch_of_any_size_takes_the_same_statements(application: Application, options: dict[str, Any]) -> None:
    def statements_of(ids: list[str]) -> list[str]:
        seen: list[str] = []
        with before_statements(application.app, seen.append):
            call(application, ids, "Sent", **{**options, **({"key": f"k{len(ids)}"} if "key" in options else {})})
        # The lookup of the caller is remembered for a second.
        return [statement for statement in seen if "application_key" not in statement]

    box = application.mailbox
    few, many = statements_of(box.messages[:2]), statements_of(box.messages[2:] + [str(10**12 + n) for n in range(900)])
    assert few == many
    assert len(few) <= 11


def test_error_in_a_batch_undoes_all_of_it(application: Application, build: Builder) -> None:
    def fail(statement: str) -> None:
        if statement.startswith("UPDATE message"):
            raise ZeroDivisionError

    with before_statements(application.app, fail), pytest.raises(ZeroDivisionError):
        call(application, application.mailbox.messages, "Sent", "key")
    assert_log_gives_the_folders_unchanged(build, application)
    assert isinstance(call(application, application.mailbox.messages, "Sent", "key"), BatchMove)


def assert_log_gives_the_folders_unchanged(build: Builder, application: Application) -> None:
    assert [build.folder_of(message) for message in application.mailbox.messages] == ["Inbox"] * 6
    assert [build.log_rows(message) for message in application.mailbox.messages] == [[]] * 6
