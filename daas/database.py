"""The database: the `db` object, names for constraints, and how SQLite and PostgreSQL are tuned.

Every transaction states what it needs: `reading()`, `writing()`, which returns only when the disk has it,
or `writing(durable=False)`, whose commit does not wait for the disk.
"""

import datetime
import errno
import math
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, DateTime, Integer, MetaData, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from .settings import SettingError, Settings
from .writer_queue import WriterQueue

# A client is told within six seconds that the database is away, locked or full; the waits of one request,
# for a connection from the pool, a new connection and a statement, add up to less.
_POOL_SECONDS = 1
_CONNECT_SECONDS = 2
#: How long a statement of a served request may take, one that looks for a text, and one of an operator's command.
SERVED_MILLISECONDS = 2_500
SEARCH_MILLISECONDS = 20_000
COMMAND_MILLISECONDS = 600_000

# After a wait in vain, others wait this long, for as many seconds.
_SHORT_WAIT_MILLISECONDS = 250
_SHORT_WAITS_SECONDS = 1.0

_READ, _DURABLE, _RELAXED = "read", "durable", "relaxed"


class Base(DeclarativeBase):
    """What all models inherit: every constraint has a name, so that migrations and errors can name it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

#: An id that is given out once: 1 to 9223372036854775807. SQLite counts only in a column of type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """A moment, aware and in UTC on the Python side, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> datetime.datetime | None:
        """Give the driver the moment in UTC."""
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:
        """Take the moment from the driver; SQLite's has lost its zone, which was UTC."""
        if value is None:
            return None
        moment: datetime.datetime = value
        return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)


def init_database(app: Flask, settings: Settings, statement_milliseconds: int) -> None:
    """Give the app its database; nothing is opened before the first use."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(settings, statement_milliseconds)
    file = settings.embedded_database
    if file is not None:
        _make_private_file(file)
    app.extensions["daas_waits"] = _Waits(statement_milliseconds)
    app.extensions["daas_writer_queue"] = file and WriterQueue(file.with_name(file.name + "-writers"))
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "begin", _begin)
        if file is not None:
            event.listen(db.engine, "connect", _tune_sqlite)
        else:
            event.listen(db.engine, "do_connect", _connect_to_postgresql)


@contextmanager
def reading() -> Iterator[Connection]:
    """Run statements that only read, in one transaction."""
    with _transaction(_READ) as connection:
        yield connection


@contextmanager
def writing(*, durable: bool = True) -> Iterator[Connection]:
    """Run statements in one transaction that commits at the end, or not at all if anything is raised.

    A durable commit returns when the disk has it. One that is not survives a crash of this service, but the
    last of them may be lost when the machine, or a PostgreSQL server, goes down; what is lost is lost whole
    and from the end.
    """
    with _transaction(_DURABLE if durable else _RELAXED) as connection:
        yield connection


def allow_long_statement(connection: Connection) -> None:
    """Let the statements of a transaction take as long as a search of a whole large mailbox may."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {SEARCH_MILLISECONDS}")
        _be_patient(connection, SEARCH_MILLISECONDS)


def is_unavailable(error: BaseException) -> bool:
    """Tell whether an error means that the database is away, locked, full or too busy: worth trying again later."""
    if isinstance(error, exc.TimeoutError):
        return True
    faults_of_ours = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
    return isinstance(error, exc.DBAPIError) and not isinstance(error, faults_of_ours)


class _Waits:
    """How long the transactions of an app wait for what others hold: less for a while after one waited in vain.

    Requests queue for the threads that wait: without this, those behind would be told much too late.
    """

    def __init__(self, usual_milliseconds: int) -> None:
        self.usual_milliseconds = usual_milliseconds
        self._failed_at = -math.inf

    @property
    def shortened(self) -> bool:
        return time.monotonic() - self._failed_at < _SHORT_WAITS_SECONDS

    @property
    def milliseconds(self) -> int:
        return _SHORT_WAIT_MILLISECONDS if self.shortened else self.usual_milliseconds

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take note of a transaction that fails because the database is unavailable."""
        try:
            yield
        except Exception as error:
            if is_unavailable(error):
                self._failed_at = time.monotonic()
            raise


@contextmanager
def _transaction(kind: str) -> Iterator[Connection]:
    waits: _Waits = current_app.extensions["daas_waits"]
    queue: WriterQueue | None = current_app.extensions["daas_writer_queue"]
    with waits.watched(), ExitStack() as stack:
        connection = stack.enter_context(db.engine.connect().execution_options(daas_transaction=kind))
        if queue is not None and kind != _READ:
            stack.enter_context(queue.turn(waits.milliseconds / 1000))
            stack.enter_context(waits.watched())  # Once more, so that the next in turn knows of a failure here.
        stack.enter_context(connection.begin())
        yield connection


def _be_patient(connection: Connection, statement_milliseconds: int) -> None:
    """Wait for PostgreSQL a little longer than it lets a statement run."""
    driver: Any = connection.connection.driver_connection
    driver.patience = statement_milliseconds / 1000 + 0.5


def _engine_options(settings: Settings, statement_milliseconds: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": settings.threads,
        "pool_timeout": _POOL_SECONDS,
        "hide_parameters": True,
    }
    if settings.embedded_database is not None:
        return {**options, "connect_args": {"timeout": statement_milliseconds / 1000}}
    server_settings = {
        "statement_timeout": statement_milliseconds,
        "lock_timeout": statement_milliseconds,
        "synchronous_commit": "on",
        "default_transaction_isolation": r"read\ committed",
        "timezone": "UTC",
    }
    return {
        **options,
        "connect_args": {
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": SERVED_MILLISECONDS,
            "keepalives_idle": 1,
            "keepalives_interval": 1,
            "keepalives_count": 2,
            "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
        },
    }


def _make_private_file(path: Path) -> None:
    """Make the database's folder and file for its owner alone, before SQLite would make them for everyone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file that is there is not opened: closing it again would drop the locks of SQLite's own connections.
        if not path.exists():
            path.touch(mode=0o600)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise SettingError(f"DAAS_DATABASE_URL names a file that cannot be made: {error.strerror}.") from error


def _tune_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # Without this the driver begins transactions of its own, deferred ones, which fail when two of them write.
    connection.isolation_level = None
    cursor = connection.cursor()
    _keep_write_ahead_log(cursor)
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _keep_write_ahead_log(cursor: DBAPICursor) -> None:
    """Turn the write-ahead log on, which a database keeps; of two that do so at once, SQLite refuses one unwaited."""
    deadline = time.monotonic() + SERVED_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _connect_to_postgresql(_dialect: Dialect, _record: object, args: Any, options: Any) -> DBAPIConnection:
    from .postgresql import ImpatientConnection  # psycopg is loaded only where there is a PostgreSQL.

    connection: Any = ImpatientConnection.connect(*args, **options)
    return connection  # type: ignore[no-any-return]


def _begin(connection: Connection) -> None:
    kind = connection.get_execution_options().get("daas_transaction", _DURABLE)
    waits: _Waits = current_app.extensions["daas_waits"]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {waits.milliseconds}")
        if kind != _READ:
            synchronous = "FULL" if kind == _DURABLE else "NORMAL"
            connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
        connection.exec_driver_sql("BEGIN" if kind == _READ else "BEGIN IMMEDIATE")
        return
    # Never shortened: a commit that the disk is slow to take is not to be cut off.
    _be_patient(connection, waits.usual_milliseconds)
    if waits.shortened:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {waits.milliseconds}")
    if kind == _RELAXED:
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
