"""Threads that write to an embedded database at the same time share a commit, and nothing else."""

import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress

import pytest
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from daas.storage.group_commit import MOST_JOBS, GroupCommit

THREADS = MOST_JOBS


class Database:
    """An SQLite database, a group's transactions on it, and a gate that keeps the next one from beginning."""

    def __init__(self, path):
        self.path = path
        self.begun = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; CREATE TABLE written (value PRIMARY KEY);"
            "CREATE TABLE refers (value REFERENCES written DEFERRABLE INITIALLY DEFERRED);"
            "CREATE TRIGGER undo_all BEFORE INSERT ON written WHEN NEW.value = 'undo all'"
            " BEGIN SELECT RAISE(ROLLBACK, 'all is undone'); END;"
        )

    @contextmanager
    def begin(self, durable):
        self.entered.release()
        assert self.gate.wait(30)
        self.begun.append(durable)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def rows(self):
        """Give what is committed, as any other connection sees it, in the order in which it was written."""
        other = sqlite3.connect(self.path)
        try:
            return [value for (value,) in other.execute("SELECT value FROM written ORDER BY rowid")]
        finally:
            other.close()


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "x.db")
    yield database
    database.connection.close()


@pytest.fixture
def group(database):
    return GroupCommit(lambda _: nullcontext(), database.begin)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2 * THREADS) as pool:
        yield pool


def write(value):
    """Give work that writes a value and results in it."""

    def work(connection):
        connection.execute("INSERT INTO written VALUES (?)", [value])
        return value

    return work


def run(group, work, *, durable=True, seconds=60):
    return group.run(work, durable=durable, seconds=seconds)


def gather(group, database, threads, jobs):
    """Start jobs, each the arguments of run(), that come one by one while a first one, `ahead`, begins; give all."""
    database.gate.clear()
    started = [threads.submit(run, group, write("ahead"), durable=False)]
    assert database.entered.acquire(timeout=30)
    for number, (work, options) in enumerate(jobs, start=1):
        started.append(threads.submit(run, group, work, **options))
        deadline = time.monotonic() + 30
        while len(group._gathered) < number:  # Nothing else tells when a thread has come to wait.
            assert time.monotonic() < deadline
            time.sleep(0.001)
    return started


def outcomes(started):
    """Give the result of each job, or the type of what it raised."""
    return [type(job.exception(30)) if job.exception(30) else job.result() for job in started]


def test_work_that_gathers_while_another_commits_shares_one_commit(group, database, threads):
    started = gather(group, database, threads, [(write(n), {}) for n in range(THREADS)])
    database.gate.set()
    assert outcomes(started) == ["ahead", *range(THREADS)]
    assert len(database.begun) == 2


def test_more_work_than_one_commit_takes_is_done_by_the_next(group, database, threads):
    started = gather(group, database, threads, [(write(n), {}) for n in range(MOST_JOBS + 1)])
    database.gate.set()
    assert outcomes(started) == ["ahead", *range(MOST_JOBS + 1)]
    assert len(database.begun) == 3


def test_work_is_done_in_the_order_in_which_it_came(group, database, threads):
    started = gather(group, database, threads, [(write(n), {}) for n in [3, 1, 2]])
    database.gate.set()
    outcomes(started)
    assert database.rows() == ["ahead", 3, 1, 2]


def test_a_result_is_given_when_it_is_committed_and_not_before(group, database, threads):
    def write_and_look(value):
        run(group, write(value))
        return value in database.rows()

    assert all(threads.map(write_and_look, range(5 * THREADS)))


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_an_error_undoes_the_work_that_raised_it_and_no_other(group, database, threads, place):
    def fail(connection):
        write("undone")(connection)
        raise LookupError

    jobs = [(write(1), {}), (write(2), {})]
    jobs.insert(place, (fail, {}))
    started = gather(group, database, threads, jobs)
    database.gate.set()
    expected = [1, 2]
    expected.insert(place, LookupError)
    assert outcomes(started) == ["ahead", *expected]
    assert database.rows() == ["ahead", 1, 2]


def test_a_statement_that_fails_undoes_no_other_work(group, database, threads):
    started = gather(group, database, threads, [(write(1), {}), (write("ahead"), {}), (write(2), {})])
    database.gate.set()
    assert outcomes(started) == ["ahead", 1, sqlite3.IntegrityError, 2]
    assert database.rows() == ["ahead", 1, 2]


def refer_to_nothing(connection):
    connection.execute("INSERT INTO refers VALUES ('nothing')")


@pytest.mark.parametrize(
    ("work", "error"),
    [(refer_to_nothing, sqlite3.IntegrityError), (write("undo all"), sqlite3.IntegrityError)],
    ids=["commit-fails", "sqlite-undoes-all"],
)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_who_shared_a_transaction_that_is_undone_is_told_and_none_of_it_stays(
    group, database, threads, work, error, place
):
    jobs = [(write(1), {}), (write(2), {})]
    jobs.insert(place, (work, {}))
    started = gather(group, database, threads, jobs)
    database.gate.set()
    assert outcomes(started) == ["ahead", error, error, error]
    assert database.rows() == ["ahead"]
    assert run(group, write("behind")) == "behind"
    assert database.rows() == ["ahead", "behind"]


def test_nobody_waits_for_ever_for_a_thread_that_was_ended(group, database, threads):
    def exit_(connection):
        write("undone")(connection)
        raise SystemExit

    started = gather(group, database, threads, [(write(1), {}), (exit_, {}), (write(2), {})])
    database.gate.set()
    assert [started[0].result(30), *(job.exception(30) is None for job in started[1:])] == ["ahead", *[False] * 3]
    assert database.rows() == ["ahead"]
    assert run(group, write("behind")) == "behind"


@pytest.mark.parametrize(
    ("asked", "given"),
    [([False, False], False), ([True, False], True), ([False, True], True), ([True, True], True)],
)
def test_a_commit_is_durable_if_one_of_those_who_share_it_asks_for_it(group, database, threads, asked, given):
    started = gather(group, database, threads, [(write(n), {"durable": durable}) for n, durable in enumerate(asked)])
    database.gate.set()
    outcomes(started)
    assert database.begun == [False, given]


def test_work_that_waits_too_long_is_not_done(group, database, threads):
    (ahead,) = gather(group, database, threads, [])
    with pytest.raises(WaitedTooLong):
        run(group, write("late"), seconds=0.01)
    database.gate.set()
    assert ahead.result(30) == "ahead"
    assert run(group, write("behind")) == "behind"
    assert database.rows() == ["ahead", "behind"]


def test_work_that_is_being_done_is_not_given_up(group, database, threads):
    inside, go_on = threading.Event(), threading.Event()

    def linger(connection):
        inside.set()
        assert go_on.wait(30)
        return write("lingered")(connection)

    # Whichever of them does the work for all, some wait for it, longer than they meant to.
    jobs = [(linger, {}), *((write(n), {"seconds": 3}) for n in range(3))]
    started = gather(group, database, threads, jobs)
    database.gate.set()
    assert inside.wait(30)
    time.sleep(3.2)
    assert not any(job.done() for job in started[1:])
    go_on.set()
    assert outcomes(started) == ["ahead", "lingered", 0, 1, 2]


def test_under_load_all_is_done_once_and_only_what_was_acknowledged_stays(group, database, threads):
    def client(number):
        lot, acknowledged = random.Random(number), []  # noqa: S311 - what fails is drawn by lot
        for turn in range(60):
            value = f"{number}-{turn}"
            works = [write(value), lambda connection, value=value: [write(value)(connection), write(value)(connection)]]
            with suppress(sqlite3.IntegrityError):
                acknowledged.append(run(group, lot.choice(works), durable=lot.random() < 0.5))
        return acknowledged

    acknowledged = [value for values in threads.map(client, range(THREADS)) for value in values]
    assert 0 < len(acknowledged) < THREADS * 60
    assert sorted(database.rows()) == sorted(acknowledged)
