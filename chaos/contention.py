"""What others hold: locks, connections, deadlocks, serialization failures."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from .held import Session, admin, held
from .journal import slowest, statuses
from .load import Client
from .trial import Trial

#: How often the service tries a move, in all, that the database gave up for others' sake.
_TRIES = 3


def contention(trial: Trial) -> None:
    """Hold all messages while many more clients than threads ask for them, longer than the service waits."""
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
        f"every message held for {seconds} s while {clients} clients ask; answers meanwhile: {statuses(meanwhile)}"
    )
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "Nobody was told 503.")
    trial.check(also={503})


def connections_drained(trial: Trial) -> None:
    """Take every connection that PostgreSQL grants, the service's own included, and give them back."""
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
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "Nobody was told 503.")
    # A connection may be taken away while its commit is under way.
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
    """Provoke real deadlocks with another session; then let PostgreSQL fail statements as it does for either reason."""
    deadlocks = 1 if trial.quick else 5
    trial.start()
    client = trial.client()
    with admin(trial.settings) as connection:
        connection.execute(_SPOILED_LOG)
        for _ in range(deadlocks):
            _deadlock(trial, client, connection)
        trial.note(f"{deadlocks} deadlocks with another session, each solved by trying again")
        for sqlstate in ("40001", "40P01"):
            _fail_first(trial, client, connection, sqlstate)
        _fail_now_and_then(trial, connection)
    trial.check(also={503})


def _deadlock(trial: Trial, client: Client, other: Session) -> None:
    """Let a move hold its message and wait for the other session, and that want the message: the move has to yield."""
    mailbox = trial.application.mailbox
    other.execute("SET deadlock_timeout = '1min'")  # It is the service's session that finds the deadlock, and yields.
    other.execute("UPDATE faults_plan SET waits = true")
    before = _count_deadlocks(other)
    with ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(1)")
            move = pool.submit(client.move, mailbox, mailbox.message, "Sent")
            _await(lambda: _ask(other, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0)
            other.execute("SELECT id FROM message WHERE id = %s FOR UPDATE", [mailbox.message])
        trial.require(move.result().moved, f"A move behind a deadlock got {move.result().status}.")
    _await(lambda: _count_deadlocks(other) > before)
    other.execute("UPDATE faults_plan SET waits = false")


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
    """Fail the first tries of a move, one more each time, up to where the service has to give up."""
    mailbox = trial.application.mailbox
    for failures in range(_TRIES + 2):
        connection.execute("SELECT setval('faults_tries', 1, false)")
        connection.execute("UPDATE faults_plan SET sqlstate = %s, first = %s, share = 0", [sqlstate, failures])
        attempt = client.move(mailbox, mailbox.message, "Archived")
        tries = _ask(connection, "SELECT last_value FROM faults_tries")
        due = (200, failures + 1) if failures < _TRIES else (503, _TRIES)
        trial.require(
            (attempt.status, tries) == due, f"After {failures} times {sqlstate}: {attempt.status} by {tries} tries."
        )
    trial.note(f"{sqlstate}: up to {_TRIES - 1} failures solved by trying again; from {_TRIES} on a 503, no more tries")


def _fail_now_and_then(trial: Trial, connection: Session) -> None:
    connection.execute("UPDATE faults_plan SET sqlstate = '40001', first = 0, share = 0.3")
    began = time.monotonic()
    with trial.load():
        trial.journal.await_moves(200 if trial.quick else 2000)
    meanwhile = trial.journal.since(began)
    trial.note(f"three in ten writes of a move's row fail: {statuses(meanwhile)}; slowest {slowest(meanwhile):.2f} s")


# What an administrator's trigger on the log may do. The sequence counts the tries: it alone keeps its count when
# a transaction is rolled back.
_SPOILED_LOG = """
CREATE SEQUENCE faults_tries;
CREATE TABLE faults_plan (waits boolean, sqlstate text, first integer, share float);
INSERT INTO faults_plan VALUES (false, '40001', 0, 0);
CREATE FUNCTION faults_spoil() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE plan faults_plan;
BEGIN
    SELECT * INTO plan FROM faults_plan;
    IF plan.waits THEN
        PERFORM pg_advisory_xact_lock(1);
    END IF;
    IF nextval('faults_tries') <= plan.first OR random() < plan.share THEN
        RAISE EXCEPTION USING ERRCODE = plan.sqlstate, MESSAGE = 'provoked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER faults_spoil BEFORE INSERT ON request_log
    FOR EACH ROW WHEN (NEW.folder_to IS NOT NULL) EXECUTE FUNCTION faults_spoil();
"""
