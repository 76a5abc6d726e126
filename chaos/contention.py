"""Scenarios: locks and connections that others hold, deadlocks, serialization failures."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from .held import Session, admin, held
from .journal import slowest, statuses
from .load import Client
from .trial import Trial

#: How often the service attempts a move that the database aborts because of other transactions.
_TRIES = 3


def contention(trial: Trial) -> None:
    """Lock all messages for longer than the service waits, while more clients than threads move them."""
    clients, seconds = (24, 4) if trial.quick else (64, 12)
    trial.start()
    with trial.load(clients):
        trial.journal.await_moves(100)
        with held(trial.settings):
            began = time.monotonic()
            time.sleep(seconds)
            meanwhile = trial.journal.ended_between(began, time.monotonic())
        trial.journal.await_moves(100)
    trial.note(
        f"every message locked for {seconds} s under {clients} clients; responses meanwhile: {statuses(meanwhile)}"
    )
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "No client got a 503.")
    trial.check(also={503})


def connections_drained(trial: Trial) -> None:
    """Take every connection that PostgreSQL grants, including the service's own, and release them."""
    seconds = 3 if trial.quick else 8
    trial.start()
    with trial.load(16), admin(trial.settings) as connection:
        trial.journal.await_moves(100)
        began = time.monotonic()
        taken = _take_connections(trial)
        while time.monotonic() < began + seconds:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name <> 'drain' AND pid <> pg_backend_pid()"
            )
            taken += _take_connections(trial)
        for each in taken:
            each.close()
        meanwhile = trial.journal.since(began)
        trial.journal.await_moves(100)
    trial.note(f"all {len(taken)} connections of PostgreSQL taken for {seconds} s: {statuses(meanwhile)}")
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "No client got a 503.")
    # A connection can be terminated during its commit.
    trial.check(also={503}, in_doubt={None, 503})


def _take_connections(trial: Trial) -> list[Session]:
    taken = []
    url = trial.settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            taken.append(psycopg.connect(url, application_name="drain"))
        except psycopg.OperationalError:
            return taken


def deadlocks_and_serialization_failures(trial: Trial) -> None:
    """Provoke real deadlocks with another session; then let PostgreSQL fail statements with the same errors."""
    deadlocks = 1 if trial.quick else 5
    trial.start()
    client = trial.client()
    with admin(trial.settings) as connection:
        connection.execute(_FAILING_TRIGGER)
        for _ in range(deadlocks):
            _deadlock(trial, client, connection)
        trial.note(f"{deadlocks} deadlocks with another session, each solved by a retry")
        for sqlstate in ("40001", "40P01"):
            _fail_first(trial, client, connection, sqlstate)
        _fail_now_and_then(trial, connection)
    trial.check(also={503})


def _deadlock(trial: Trial, client: Client, other: Session) -> None:
    """Make a move that has locked its message wait for a session that waits for the message: the move must retry."""
    mailbox = trial.application.mailbox
    other.execute("SET deadlock_timeout = '1min'")  # So the service's session detects the deadlock and is aborted.
    other.execute("UPDATE chaos_plan SET waits = true")
    before = _count_deadlocks(other)
    with ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(1)")
            move = pool.submit(client.move, mailbox, mailbox.message, "Sent")
            _await(lambda: _ask(other, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0)
            other.execute("SELECT id FROM message WHERE id = %s FOR UPDATE", [mailbox.message])
        trial.require(move.result().moved, f"A move after a deadlock got {move.result().status}.")
    _await(lambda: _count_deadlocks(other) > before)
    other.execute("UPDATE chaos_plan SET waits = false")


def _await(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("There was no deadlock.")
        time.sleep(0.05)


def _ask(connection: Session, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0])) if row else 0


def _count_deadlocks(connection: Session) -> int:
    return _ask(connection, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def _fail_first(trial: Trial, client: Client, connection: Session, sqlstate: str) -> None:
    """Fail the first attempts of a move, one more each time, until the service must give up."""
    mailbox = trial.application.mailbox
    for failures in range(_TRIES + 2):
        connection.execute("SELECT setval('chaos_tries', 1, false)")
        connection.execute("UPDATE chaos_plan SET sqlstate = %s, first = %s, share = 0", [sqlstate, failures])
        attempt = client.move(mailbox, mailbox.message, "Archived")
        tries = _ask(connection, "SELECT last_value FROM chaos_tries")
        due = (200, failures + 1) if failures < _TRIES else (503, _TRIES)
        trial.require(
            (attempt.status, tries) == due,
            f"After {failures} times {sqlstate}: {attempt.status} after {tries} attempts.",
        )
    trial.note(
        f"{sqlstate}: up to {_TRIES - 1} failures solved by retries; {_TRIES} or more are a 503 without further retries"
    )


def _fail_now_and_then(trial: Trial, connection: Session) -> None:
    connection.execute("UPDATE chaos_plan SET sqlstate = '40001', first = 0, share = 0.3")
    began = time.monotonic()
    with trial.load():
        trial.journal.await_moves(200 if trial.quick else 2000)
    meanwhile = trial.journal.since(began)
    trial.note(f"three of ten writes of a move's row fail: {statuses(meanwhile)}; slowest {slowest(meanwhile):.2f} s")


# A trigger on the log, as an administrator could add one. A sequence counts the attempts, since a rollback does not
# undo it.
_FAILING_TRIGGER = """
CREATE SEQUENCE chaos_tries;
CREATE TABLE chaos_plan (waits boolean, sqlstate text, first integer, share float);
INSERT INTO chaos_plan VALUES (false, '40001', 0, 0);
CREATE FUNCTION chaos_fail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE plan chaos_plan;
BEGIN
    SELECT * INTO plan FROM chaos_plan;
    IF plan.waits THEN
        PERFORM pg_advisory_xact_lock(1);
    END IF;
    IF nextval('chaos_tries') <= plan.first OR random() < plan.share THEN
        RAISE EXCEPTION USING ERRCODE = plan.sqlstate, MESSAGE = 'provoked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER chaos_fail BEFORE INSERT ON request_log
    FOR EACH ROW WHEN (NEW.folder_to IS NOT NULL) EXECUTE FUNCTION chaos_fail();
"""
