"""How threads and processes that write to an SQLite database take turns and share commits."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from daas.storage.sqlite import MAX_SHARING, SharedTransactions

THREADS = 8
WAIT = 30

OTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("writing", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


class Database:
    """A small database whose write transactions can be held at their beginning."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"
            "CREATE TABLE written (value TEXT PRIMARY KEY);"
            "CREATE TRIGGER undo_all BEFORE INSERT ON written WHEN NEW.value = 'undo all'"
            " BEGIN SELECT RAISE(ROLLBACK, 'undone'); END;"
            "CREATE TABLE refers (value REFERENCES written DEFERRABLE INITIALLY DEFERRED);"
        )
        self.begun: list[Any] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    @contextmanager
    def connect(self, durable: Any) -> Iterator[Any]:
        self.begun.append(durable)
        self.entered.release()
        assert self.gate.wait(WAIT)
        try:
            yield self.connection
        finally:
            if self.connection.in_transaction:
                self.connection.rollback()

    def rows(self) -> Any:
        """Return the committed values, as another connection sees them, in the order in which they were written."""
        other = sqlite3.connect(self.path)
        try:
            return [value for (value,) in other.execute("SELECT value FROM written ORDER BY rowid")]
        finally:
            other.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Any]:
    database = Database(tmp_path / "x.db")
    yield database
    database.connection.close()


@pytest.fixture
def transactions(database: Any) -> Any:
    return SharedTransactions(database.connect)


@pytest.fixture
def threads() -> Iterator[Any]:
    with ThreadPoolExecutor(2 * THREADS) as pool:
        yield pool


def write(value: Any) -> Any:
    """Return a function that writes a value and returns it."""

    def work(connection: Any) -> Any:
        connection.execute("INSERT INTO written VALUES (?)", [value])
        return value

    return work


def run(transactions: Any, work: Any, *, durable: Any = True, seconds: Any = 60) -> Any:
    with transactions.transaction(seconds, durable=durable) as connection:
        result = work(connection)
    return result  # noqa: RET504 - not before the commit, which may fail


def start_together(transactions: Any, database: Any, threads: Any, jobs: Any) -> Any:
    """Start jobs, each the arguments of run(), one by one while a first transaction is beginning."""
    database.gate.clear()
    started = [threads.submit(run, transactions, write("ahead"), durable=False)]
    assert database.entered.acquire(timeout=WAIT)
    for work, options in jobs:
        started.append(threads.submit(run, transactions, work, **options))
        time.sleep(0.05)  # There is no way to see from outside that a thread waits.
    return started


def outcomes(started: Any) -> Any:
    """Return the result of each job, or the type of what it raised."""
    return [type(job.exception(WAIT)) if job.exception(WAIT) else job.result() for job in started]


def test_waiting_threads_share_one_commit(transactions: Any, database: Any, threads: Any) -> None:
    jobs = [(write(n), {"durable": False}) for n in range(MAX_SHARING - 1)]
    started = start_together(transactions, database, threads, jobs)
    database.gate.set()
    assert outcomes(started) == ["ahead", *range(MAX_SHARING - 1)]
    assert len(database.begun) == 1


def test_number_of_writers_that_share_a_commit_is_limited(transactions: Any, database: Any, threads: Any) -> None:
    started = start_together(
        transactions, database, threads, [(write(n), {"durable": False}) for n in range(MAX_SHARING)]
    )
    database.gate.set()
    assert outcomes(started) == ["ahead", *range(MAX_SHARING)]
    assert len(database.begun) == 2


def test_writers_take_turns_in_order_of_arrival(transactions: Any, database: Any, threads: Any) -> None:
    started = start_together(transactions, database, threads, [(write(n), {}) for n in [3, 1, 2]])
    database.gate.set()
    outcomes(started)
    assert database.rows() == ["ahead", "3", "1", "2"]


def test_block_ends_when_its_changes_are_committed(transactions: Any, database: Any, threads: Any) -> None:
    def write_and_look(value: Any) -> Any:
        run(transactions, write(str(value)))
        return str(value) in database.rows()

    assert all(threads.map(write_and_look, range(5 * THREADS)))


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_error_undoes_only_the_changes_of_its_own_block(
    transactions: Any, database: Any, threads: Any, place: Any
) -> None:
    def fail(connection: Any) -> None:
        write("undone")(connection)
        raise LookupError

    jobs: list[Any] = [(write("1"), {}), (write("2"), {})]
    jobs.insert(place, (fail, {}))
    started = start_together(transactions, database, threads, jobs)
    database.gate.set()
    expected: list[Any] = ["1", "2"]
    expected.insert(place, LookupError)
    assert outcomes(started) == ["ahead", *expected]
    assert database.rows() == ["ahead", "1", "2"]


def refer_to_nothing(connection: Any) -> None:
    connection.execute("INSERT INTO refers VALUES ('nothing')")


def test_failed_commit_is_an_error_for_all_sharing_threads(transactions: Any, database: Any, threads: Any) -> None:
    jobs = [(write("1"), {"durable": False}), (refer_to_nothing, {"durable": False}), (write("2"), {"durable": False})]
    started = start_together(transactions, database, threads, jobs)
    database.gate.set()
    assert outcomes(started) == [sqlite3.IntegrityError] * 4
    assert database.rows() == []
    assert run(transactions, write("after")) == "after"
    assert database.rows() == ["after"]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_transaction_undone_by_sqlite_is_an_error_for_all(
    transactions: Any, database: Any, threads: Any, place: Any
) -> None:
    jobs = [(write("1"), {"durable": False}), (write("2"), {"durable": False})]
    jobs.insert(place, (write("undo all"), {"durable": False}))
    started = start_together(transactions, database, threads, jobs)
    database.gate.set()
    found = outcomes(started)
    # Earlier writers share its transaction; later ones begin another.
    assert found[: place + 2] == [sqlite3.IntegrityError] * (place + 2)
    assert database.rows() == found[place + 2 :]
    assert run(transactions, write("after")) == "after"


def test_thread_that_exits_does_not_stop_the_others(transactions: Any, database: Any, threads: Any) -> None:
    def exit_(connection: Any) -> None:
        write("undone")(connection)
        raise SystemExit

    started = start_together(transactions, database, threads, [(write("1"), {}), (exit_, {}), (write("2"), {})])
    database.gate.set()
    assert [started[0].result(WAIT), started[1].result(WAIT), started[3].result(WAIT)] == ["ahead", "1", "2"]
    assert database.rows() == ["ahead", "1", "2"]


@pytest.mark.parametrize(
    ("first", "second", "begun"),
    [(False, False, [False]), (True, False, [True]), (False, True, [False, True]), (True, True, [True])],
)
def test_durable_changes_share_only_durable_commits(
    transactions: Any, database: Any, threads: Any, first: Any, second: Any, begun: Any
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def linger(connection: Any) -> None:
        inside.set()
        assert go_on.wait(WAIT)

    one = threads.submit(run, transactions, linger, durable=first)
    assert inside.wait(WAIT)
    other = threads.submit(run, transactions, write("1"), durable=second)
    time.sleep(0.05)
    go_on.set()
    assert outcomes([one, other]) == [None, "1"]
    assert database.begun == begun


def test_writer_that_waits_too_long_raises_timeout(transactions: Any, database: Any, threads: Any) -> None:
    (ahead,) = start_together(transactions, database, threads, [])
    with pytest.raises(WaitedTooLong):
        run(transactions, write("late"), seconds=0.01)
    database.gate.set()
    assert ahead.result(WAIT) == "ahead"
    assert run(transactions, write("after")) == "after"
    assert database.rows() == ["ahead", "after"]


def test_under_load_exactly_the_successful_changes_are_stored(transactions: Any, database: Any, threads: Any) -> None:
    def client(number: Any) -> Any:
        lot, acknowledged = random.Random(number), []  # noqa: S311 - what fails is drawn by lot
        for turn in range(60):
            value = f"{number}-{turn}"
            works = [write(value), lambda connection, value=value: [write(value)(connection), write(value)(connection)]]
            with suppress(sqlite3.IntegrityError):
                acknowledged.append(run(transactions, lot.choice(works), durable=lot.random() < 0.5))
        return acknowledged

    acknowledged = [value for values in threads.map(client, range(THREADS)) for value in values]
    assert 0 < len(acknowledged) < THREADS * 60
    assert sorted(database.rows()) == sorted(acknowledged)


@pytest.fixture
def other_process(database: Any) -> Iterator[Any]:
    """Start another process that holds the write lock until its input is closed."""
    command = [sys.executable, "-c", OTHER_PROCESS, database.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        yield process
        process.stdin.close()


def test_process_waits_for_another_that_writes(
    transactions: Any, database: Any, threads: Any, other_process: Any
) -> None:
    waiting = threads.submit(run, transactions, write("1"))
    other_process.stdin.close()
    assert waiting.result(WAIT) == "1"


def test_process_gives_up_when_another_writes_too_long(transactions: Any, database: Any, other_process: Any) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        run(transactions, write("late"), seconds=0.05)
    other_process.stdin.close()
    assert run(transactions, write("after")) == "after"


def test_killed_process_does_not_stop_others_from_writing(transactions: Any, database: Any, other_process: Any) -> None:
    other_process.kill()
    assert run(transactions, write("1")) == "1"
