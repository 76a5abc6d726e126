"""Transactions and statements: results, rollbacks, timeouts, shared commits, round trips, lost connections, retries."""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import bindparam, exc, insert, literal_column, select, text

from daas.app import create_app
from daas.errors import MessageNotFound
from daas.mailboxes.models import Folder, Mailbox
from daas.reasons import Reason
from daas.records.request_log import RequestRecord, log_rejection
from daas.settings import Settings
from daas.storage.engine import db
from daas.storage.sqlite import MAX_SHARING
from daas.storage.timeouts import is_conflict, is_unavailable, request_started
from daas.storage.transactions import Statement, execute, read_transaction, write_transaction

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import new_name
from ..support.database import transaction
from ..support.wire import ask_until_served

pytestmark = pytest.mark.both_databases

INSERT_MAILBOX = (
    insert(Mailbox).values(name=bindparam("name"), suspended=bindparam("suspended")).returning(Mailbox.id, Mailbox.name)
)
ADD = Statement(INSERT_MAILBOX)
ADD_RELAXED = Statement(INSERT_MAILBOX, durable=False)
FIND = Statement(select(Mailbox.id, Mailbox.name, Mailbox.suspended).where(Mailbox.name == bindparam("name")))
ADD_FOLDER = Statement(
    insert(Folder).values(mailbox_id=bindparam("mailbox_id"), name=bindparam("name"), standard=bindparam("standard"))
)


@pytest.fixture
def own(settings: Settings) -> Iterator[Flask]:
    """Return an app with a pool of its own over the database of the session; the test runs in its context."""
    app = create_app(settings)
    with app.app_context():
        yield app
        db.engine.dispose()


def within(
    app: Flask, work: Callable[..., Any], *arguments: Callable[..., Any] | Statement, **options: Any
) -> int | str:
    """Run a function in the context of an app, as a thread that serves a request does."""
    with app.app_context():
        return work(*arguments, **options)


@pytest.fixture
def mover(own: Flask) -> Application:
    """Return an application that calls the app of the test."""
    build = Builder(own)
    return build.application(mailboxes=[build.mailbox(folders=2)])


@pytest.fixture
def outside(settings: Settings) -> Iterator[psycopg.Connection[Any] | sqlite3.Connection]:
    """Yield another program's connection, which commits each statement unless it begins a transaction."""
    if settings.embedded_database:
        connection: Any = sqlite3.connect(settings.embedded_database, isolation_level=None)
    else:
        url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(url, autocommit=True)
    yield connection
    connection.close()


def add(run: Callable[..., Any]) -> str:
    """Add a mailbox by a function that runs a statement, and return its name."""
    return run(ADD, name=new_name("box"), suspended=False).name


def exists(outside: psycopg.Connection[Any] | sqlite3.Connection, name: str) -> bool:
    """Return whether a mailbox exists, as another program sees it."""
    sign = "?" if isinstance(outside, sqlite3.Connection) else "%s"
    return outside.execute(f"SELECT count(*) FROM mailbox WHERE name = {sign}", [name]).fetchone()[0] == 1


# Results and rollbacks.


def test_execute_returns_the_first_row_as_named_tuple_or_none(own: Flask) -> None:
    name = add(execute)
    row = execute(FIND, name=name)
    assert (row.name, bool(row.suspended)) == (name, False)
    assert execute(FIND, name=name + "x") is None


@pytest.mark.parametrize("statement", [ADD, ADD_RELAXED], ids=["durable", "relaxed"])
def test_written_row_is_visible_to_other_connections(
    own: Flask, outside: sqlite3.Connection, statement: Statement
) -> None:
    row = execute(statement, name=new_name("box"), suspended=True)
    assert exists(outside, row.name)
    assert row.id == execute(FIND, name=row.name).id


def test_driver_error_becomes_an_sqlalchemy_error_and_rolls_back(own: Flask, outside: sqlite3.Connection) -> None:
    name = add(execute)
    with pytest.raises(exc.IntegrityError):
        execute(ADD, name=name, suspended=False)
    with pytest.raises(exc.IntegrityError):
        execute(ADD, name="Upper.Case", suspended=False)
    assert not exists(outside, "Upper.Case")
    assert add(execute)


def by_writing(mailboxes: Any) -> None:
    with transaction() as connection:
        connection.execute(insert(Mailbox), mailboxes[0])
        connection.execute(insert(Mailbox), mailboxes[1])


def by_engine(mailboxes: Any) -> None:
    with db.engine.begin() as connection:
        connection.execute(insert(Mailbox), mailboxes[0])
        connection.execute(insert(Mailbox), mailboxes[1])


def by_session(mailboxes: Any) -> None:
    db.session.add(Mailbox(**mailboxes[0]))
    db.session.flush()
    db.session.add(Mailbox(**mailboxes[1]))
    db.session.commit()


@pytest.mark.parametrize("write", [by_writing, by_engine, by_session], ids=lambda write: write.__name__)
def test_error_in_a_session_or_transaction_undoes_all_of_it(
    own: Flask, outside: sqlite3.Connection, write: Callable[..., Any]
) -> None:
    name = new_name("box")
    with pytest.raises(exc.IntegrityError):
        write([{"name": name, "suspended": False}, {"name": "Upper.Case", "suspended": False}])
    db.session.rollback()
    assert not exists(outside, name)


# A connection is returned to the pool outside any transaction.


@pytest.mark.parametrize("fails", [False, True], ids=["open", "failed"])
def test_open_transaction_is_undone_when_connection_is_returned(
    own: Flask, outside: sqlite3.Connection, fails: bool
) -> None:
    name = new_name("box")
    left = db.engine.raw_connection()
    left.driver_connection.execute("BEGIN")
    left.driver_connection.execute(f"INSERT INTO mailbox (name, suspended) VALUES ('{name}', false)")
    if fails:
        with pytest.raises(db.engine.dialect.loaded_dbapi.Error):
            left.driver_connection.execute("SELECT 1 FROM nowhere")
    left.close()
    assert add(execute)
    assert not exists(outside, name)
    assert db.engine.pool.checkedin() == 1  # type: ignore[attr-defined]


# The timeout of a connection is set once, and again when it changes.

WAIT = {
    "sqlite": Statement(select(literal_column("timeout").label("wait")).select_from(text("pragma_busy_timeout"))),
    "postgresql": Statement(select(literal_column("current_setting('lock_timeout')").label("wait"))),
}
USUAL = {"sqlite": 2500, "postgresql": "2500ms"}
NO_TIME_LEFT = {"sqlite": 10, "postgresql": "10ms"}


@pytest.fixture
def arrived() -> Iterator[Callable[..., Any]]:
    """Return a function that sets how many seconds ago the current request arrived."""
    before = request_started.set(request_started.get())
    yield lambda seconds: request_started.set(time.monotonic() - seconds)
    request_started.reset(before)


def waits_now() -> int:
    return execute(WAIT[db.engine.dialect.name]).wait


def test_connection_has_the_timeout_of_the_current_request(own: Flask, arrived: Callable[..., Any]) -> None:
    kind = db.engine.dialect.name
    seen = [waits_now()]
    for age in (100, 0, 100):
        arrived(age)
        seen.append(waits_now())
    assert seen == [USUAL[kind], NO_TIME_LEFT[kind], USUAL[kind], NO_TIME_LEFT[kind]]


@pytest.mark.parametrize("lost", ["closed", "invalidated", "thrown-away"])
def test_new_connection_has_the_timeout_of_the_current_request(
    own: Flask, arrived: Callable[..., Any], lost: str
) -> None:
    arrived(100)
    assert waits_now() == NO_TIME_LEFT[db.engine.dialect.name]
    connection = db.engine.raw_connection()
    if lost == "closed":
        connection.driver_connection.close()
    elif lost == "invalidated":
        connection.invalidate()
    connection.close()
    if lost == "thrown-away":
        db.engine.dispose()
    assert waits_now() == NO_TIME_LEFT[db.engine.dialect.name]


def test_connection_timeout_survives_a_rollback(own: Flask, arrived: Callable[..., Any]) -> None:
    waits_now()
    arrived(100)
    with pytest.raises(LookupError), write_transaction():
        raise LookupError
    assert waits_now() == NO_TIME_LEFT[db.engine.dialect.name]


# On SQLite: shared commits.


def add_first(run: Any) -> Any:
    """Add a mailbox in a transaction, and return its name."""
    return add(run.first)


SYNCHRONOUS = Statement(select(literal_column("synchronous")).select_from(text("pragma_synchronous")))
NORMAL, FULL = 1, 2


@pytest.fixture
def in_one_commit(own: Flask, outside: Any) -> Callable[..., Any]:
    """Return a function that runs (function, durable) pairs while another program writes, and returns their results."""

    def write(work: Any, durable: Any) -> Any:
        with own.app_context():
            with write_transaction(durable=durable) as run:
                result = work(run)
            return result  # noqa: RET504 - not before the commit, which may fail

    def run(works: Any) -> Any:
        with ThreadPoolExecutor(len(works)) as threads:
            outside.execute("BEGIN IMMEDIATE")
            jobs = []
            for work, durable in works:
                jobs.append(threads.submit(write, work, durable))
                time.sleep(0.05)  # There is no way to see from outside that a thread waits.
            outside.execute("COMMIT")
            return [job.exception(30) or job.result() for job in jobs]

    return run


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("durable", [False, True])
def test_durable_commit_waits_for_the_disk(own: Any, in_one_commit: Any, durable: Any) -> None:
    assert in_one_commit([(lambda run: run.scalar(SYNCHRONOUS), durable)] * 2) == [FULL if durable else NORMAL] * 2


@pytest.mark.only("sqlite")
def test_durability_of_one_commit_does_not_affect_the_next(own: Flask) -> None:
    def asked(durable: Any) -> Any:
        with write_transaction(durable=durable) as run:
            return run.scalar(SYNCHRONOUS)

    assert [asked(durable) for durable in (False, True, False, True)] == [NORMAL, FULL, NORMAL, FULL]
    assert asked(False) == NORMAL
    with transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == FULL


@pytest.mark.only("sqlite")
def test_error_undoes_one_writer_and_keeps_the_others(
    own: Flask, outside: sqlite3.Connection, in_one_commit: Callable[..., Any]
) -> None:
    names = []

    def fail(run: Any) -> None:
        names.append(add_first(run))
        raise MessageNotFound(Reason.MESSAGE_NOT_FOUND)

    first, error, last = in_one_commit([(add_first, True), (fail, True), (add_first, True)])
    assert type(error) is MessageNotFound
    assert [exists(outside, name) for name in [first, *names, last]] == [True, False, True]


def orphan(run: Any) -> None:
    """Write a row that only the commit rejects: a folder of a mailbox that does not exist."""
    run.change(Statement(text("PRAGMA defer_foreign_keys = ON")))  # type: ignore[arg-type]
    run.change(ADD_FOLDER, mailbox_id=2**40, name=new_name("folder"), standard=False)


@pytest.mark.only("sqlite")
def test_failed_commit_raises_for_all_sharing_writers(
    own: Flask, outside: sqlite3.Connection, in_one_commit: Callable[..., Any]
) -> None:
    names = []

    def write(run: Any) -> None:
        names.append(add_first(run))

    errors = in_one_commit([(write, True), (orphan, True), (write, True)])
    assert [type(error) for error in errors] == [exc.IntegrityError] * 3
    assert [exists(outside, name) for name in names] == [False, False]
    assert outside.execute("SELECT count(*) FROM folder WHERE mailbox_id = ?", [2**40]).fetchone() == (0,)
    assert exists(outside, add(execute))


@pytest.mark.only("sqlite")
def test_full_disk_loses_nothing_that_was_acknowledged(
    own: Flask, outside: sqlite3.Connection, in_one_commit: Callable[..., Any]
) -> None:
    connection = db.engine.raw_connection()
    connection.driver_connection.execute("VACUUM")  # Otherwise the row would fit in pages that other tests have freed.
    pages = connection.driver_connection.execute("PRAGMA page_count").fetchone()[0]
    connection.driver_connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    connection.close()

    def fill(run: Any) -> Any:
        return [add_first(run) for _ in range(5000)][-1]

    found = in_one_commit([(add_first, True), (fill, True), (fill, True), (add_first, True)])
    assert any(isinstance(each, exc.OperationalError) for each in found)
    assert all(is_unavailable(each) if isinstance(each, Exception) else exists(outside, each) for each in found)
    db.engine.dispose()  # The limit is a setting of the connection.
    assert exists(outside, add(execute))


def log_one_rejection(app: Flask) -> int:
    """Write the row of a rejection and return its id."""
    with app.app_context():
        return int(log_rejection(RequestRecord("GET", "/direct/x", "127.0.0.1"), 404, Reason.PATH_UNKNOWN).request_id)


@pytest.mark.only("sqlite")
def test_power_cut_loses_fewer_ids_than_the_next_start_skips(own: Flask, settings: Settings) -> None:
    """Test that the writes between two checkpoints, which a power cut can lose, have fewer ids than are skipped."""
    file = settings.embedded_database
    connection = db.engine.raw_connection()
    (pages,) = connection.driver_connection.execute("PRAGMA wal_autocheckpoint").fetchone()
    connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    last = log_one_rejection(own)
    before = file.with_name(file.name + "-wal").stat().st_size
    log_one_rejection(own)
    pages_of_a_commit = (file.with_name(file.name + "-wal").stat().st_size - before) // (4096 + 24)
    assert pages_of_a_commit > 0
    again = create_app(settings)
    skipped = log_one_rejection(again) - (last + 1)
    with again.app_context():
        db.engine.dispose()
    assert pages / pages_of_a_commit * MAX_SHARING < skipped


def forget_key(app: Flask) -> None:
    """Make the app look up the key of the next request."""
    app.extensions["daas"].callers.clear()


# On PostgreSQL: round trips, and lost connections.


@contextmanager
def wire_of(app: Flask) -> Iterator[Any]:
    """Yield a function that returns the messages that the one connection of an app has sent."""
    with app.app_context(), tempfile.TemporaryFile("w+") as log:

        def trace(on: Any) -> None:
            connection = db.engine.raw_connection()
            driver_connection = connection.driver_connection
            if on:
                driver_connection.pgconn.trace(log.fileno())
            else:
                driver_connection.pgconn.untrace()
            connection.close()

        def sent() -> Any:
            trace(False)
            log.seek(0)
            return [line.split("\t", 3)[3] for line in log if line.split("\t")[1] == "F"]

        trace(True)
        yield sent


def statements_of(sent: list[str]) -> tuple[int, list[Any]]:
    """Return the number of round trips, and the statements sent as text: prepared ones are sent by name."""
    round_trips = sum(message.startswith(("Sync", "Query")) for message in sent)
    return round_trips, [message for message in sent if message.startswith(("Query", "Parse"))]


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    "run",
    [
        lambda: execute(FIND, name="nobody"),
        lambda: add(execute),
        lambda: execute(ADD_RELAXED, name=new_name("box"), suspended=False),
    ],
    ids=["read", "write", "write-relaxed"],
)
def test_execute_is_one_round_trip_without_begin(own: Flask, run: Callable[..., Any]) -> None:
    for _ in range(10):  # The driver prepares statements that are run often.
        run()
    with wire_of(own) as sent:
        run()
        assert statements_of(sent()) == (1, [])


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    ("arguments", "status"), [({}, 200), ({"mailbox": "No one"}, 422)], ids=["a-move", "a-rejection"]
)
def test_request_is_one_round_trip_plus_one_for_a_key_lookup(
    own: Flask, mover: Application, arguments: dict[str, Any], status: int
) -> None:
    def trips(*, is_key_known: Any) -> Any:
        if not is_key_known:
            forget_key(own)
        with wire_of(own) as sent:
            assert mover.move(**arguments).status_code == status
            count, texts = statements_of(sent())
        assert texts == []
        return count

    for _ in range(10):
        forget_key(own)
        mover.move(**arguments)
    assert trips(is_key_known=False) == 2
    # A lookup is cached for a second; a slow machine may exceed that once, but not five times.
    assert min(trips(is_key_known=True) for _ in range(5)) == 1


def end_connections(outside: psycopg.Connection[Any]) -> int:
    """Terminate, on the server, all connections to the database except this one; return how many there were."""
    return outside.execute(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()[0]


def wait_for_backend(outside: psycopg.Connection[Any], event: str) -> int:
    """Wait until another connection waits for an event, for example a lock, and return its process id."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = outside.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND %s IN (wait_event_type, wait_event)",
            [event],
        ).fetchone()
        if found:
            return found[0]
        time.sleep(0.005)
    raise AssertionError(f"no connection waits for {event}")


def request(mover: Any) -> None:
    assert mover.move().status_code == 200


def statement(mover: Any) -> None:
    assert add(execute)


def several_statements(mover: Any) -> None:
    with read_transaction() as run:
        assert run.scalar(select(literal_column("1").label("one"))) == 1


def three_at_once(mover: Application) -> None:
    connections = [db.engine.raw_connection() for _ in range(3)]
    assert [each.driver_connection.execute("SELECT 1").fetchone() for each in connections] == [(1,)] * 3
    for connection in connections:
        connection.close()


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("use", [request, statement, several_statements, three_at_once], ids=lambda use: use.__name__)
def test_connections_closed_while_idle_cause_no_error(
    mover: Application, outside: psycopg.Connection[Any], use: Callable[..., Any]
) -> None:
    three_at_once(mover)
    assert end_connections(outside) >= 3
    use(mover)


@pytest.mark.only("postgresql")
def test_open_connection_is_reused(own: Flask) -> None:
    pid = Statement(select(literal_column("pg_backend_pid()").label("pid")))
    assert len({execute(pid).pid for _ in range(5)}) == 1


@pytest.mark.only("postgresql")
def test_closed_connection_is_503_and_pool_recovers(
    own: Flask, outside: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    sleep = Statement(select(literal_column("pg_sleep(60)").label("slept")))
    with ThreadPoolExecutor(1) as thread:
        sleeping = thread.submit(within, own, execute, sleep)
        outside.execute("SELECT pg_terminate_backend(%s, 10000)", [wait_for_backend(outside, "PgSleep")])
        error = sleeping.exception(30)
    assert is_unavailable(error)
    assert add(execute)
    assert caplog.records == []  # The connection was discarded at once; otherwise the pool would log its failed reset.


@pytest.fixture
def failing_inserts(outside: psycopg.Connection[Any], own: Flask) -> Iterator[Callable[..., Any]]:
    """Yield a function that makes the next inserts of mailboxes fail with an SQLSTATE, and returns a counter."""
    outside.execute("CREATE SEQUENCE tries")

    def fail_inserts(times: Any, sqlstate: Any) -> Any:
        # A sequence is not rolled back with the transaction, so that it counts failed tries too.
        outside.execute(
            "CREATE FUNCTION fail_inserts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('tries') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END IF;"
            " RETURN NEW; END $$;"
            "CREATE TRIGGER fail_inserts AFTER INSERT ON mailbox FOR EACH ROW EXECUTE FUNCTION fail_inserts()"
        )
        return lambda: outside.execute("SELECT last_value FROM tries").fetchone()[0]

    yield fail_inserts
    outside.execute("DROP FUNCTION fail_inserts CASCADE; DROP SEQUENCE tries")


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"], ids=["serialization", "deadlock"])
def test_conflict_is_retried_and_written_once(
    outside: psycopg.Connection[Any], failing_inserts: Callable[..., Any], sqlstate: str
) -> None:
    tries = failing_inserts(2, sqlstate)
    name = add(execute)
    assert (tries(), exists(outside, name)) == (3, True)


@pytest.mark.only("postgresql")
def test_repeated_conflicts_raise_after_three_tries(
    outside: psycopg.Connection[Any], failing_inserts: Callable[..., Any]
) -> None:
    tries = failing_inserts(100, "40001")
    with pytest.raises(exc.OperationalError) as caught:
        add(execute)
    assert is_conflict(caught.value)
    assert is_unavailable(caught.value)
    assert tries() == 3


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("sqlstate", ["55P03", "57014", "53100", "23514"])
def test_other_errors_are_not_retried(
    outside: psycopg.Connection[Any], failing_inserts: Callable[..., Any], sqlstate: str
) -> None:
    tries = failing_inserts(1, sqlstate)
    with pytest.raises(exc.DBAPIError):
        add(execute)
    assert tries() == 1


# Moves, on both databases.


@contextmanager
def holding(outside: Any, message: Any) -> Iterator[None]:
    """Lock a message in a transaction of another program, which ends with the block."""
    outside.execute("BEGIN IMMEDIATE" if isinstance(outside, sqlite3.Connection) else "BEGIN")
    outside.execute(f"UPDATE message SET folder_id = folder_id WHERE id = {message}")
    yield
    outside.execute("COMMIT")


def test_waiting_move_starts_from_the_folder_of_the_first_move(mover: Application, outside: sqlite3.Connection) -> None:
    box = mover.mailbox
    with ThreadPoolExecutor(1) as thread:
        with holding(outside, box.message):
            asked = thread.submit(mover.move, folder="Sent")
            if not isinstance(outside, sqlite3.Connection):
                wait_for_backend(outside, "Lock")
            outside.execute(f"UPDATE message SET folder_id = {box.folders[1]} WHERE id = {box.message}")
        response = asked.result(30)
    assert response.status_code == 200
    row = Builder(mover.app).log_row(response.json["request_id"])
    assert (row.folder_from, row.folder_to) == (box.folders[1], "Sent")
    assert Builder(mover.app).folder_of(box.message) == "Sent"


def test_simultaneous_moves_of_one_message_log_one_row_each(mover: Application) -> None:
    box, build, start = mover.mailbox, Builder(mover.app), Barrier(8)

    def move(number: Any) -> Any:
        start.wait(30)
        folder = ["Sent", "Draft", *box.folders][number % 4]
        return ask_until_served(lambda: mover.move(folder=folder)).status_code

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(move, range(8))] == [200] * 8
    rows = build.log_rows(box.message)
    assert [row.folder_from for row in rows] == ["Inbox", *(row.folder_to for row in rows[:-1])]
    assert rows[-1].folder_to == build.folder_of(box.message)


def test_move_that_times_out_changes_nothing(mover: Application, outside: sqlite3.Connection) -> None:
    box, build = mover.mailbox, Builder(mover.app)
    with holding(outside, box.message):
        assert mover.move().status_code == 503
    assert build.log_rows(box.message) == []
    assert build.folder_of(box.message) == "Inbox"


@pytest.mark.parametrize(
    ("case", "status"),
    [("suspended", 403), ("not-granted", 403), ("no-such-folder", 422), ("folder-of-another", 422), ("foreign", 422)],
)
def test_rejected_move_changes_nothing_and_logs_one_row(own: Flask, case: str, status: int) -> None:
    build = Builder(own)
    box, other = build.mailbox(suspended=case == "suspended"), build.mailbox()
    mover = build.application(mailboxes=[other] if case == "not-granted" else [box, other])
    asked = {"mailbox": box.name, "id": box.message, "folder": "Sent"}
    asked |= {
        "no-such-folder": {"folder": str(2**62)},
        "folder-of-another": {"folder": other.folder},
        "foreign": {"id": other.message},
    }.get(case, {})
    assert mover.move(**asked).status_code == status
    assert [row.status for row in build.log_rows(asked["id"])] == [status]
    assert [build.folder_of(each.message) for each in (box, other)] == ["Inbox", "Inbox"]
