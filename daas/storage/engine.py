"""The database: the `db` object, names for constraints, and how SQLite and PostgreSQL are tuned.

Every transaction states what it needs, `reading()` or `writing()`. What each request does takes a shorter way,
that of `statements.py`, over the same connections.
"""

import datetime
import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, DateTime, Integer, MetaData, PoolProxiedConnection, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from ..settings import SettingError, Settings
from .timeouts import Waits
from .writer_queue import WriterQueue

# How long the write-ahead log of SQLite may become, 40 MB, before it is copied into the database. Everybody waits
# for that; done every 1,000 pages, as SQLite does by itself, it would be what one move in twenty waits for.
_CHECKPOINT_PAGES = 10_000

# A client is told within six seconds that the database is away, locked or full; the waits of one request,
# for a connection from the pool, a new connection and a statement, add up to less.
_POOL_SECONDS = 1
_CONNECT_SECONDS = 2
#: How long a statement of a served request may take, one that looks for a text, and one of an operator's command.
SERVED_MILLISECONDS = 2_500
SEARCH_MILLISECONDS = 20_000
COMMAND_MILLISECONDS = 600_000


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
    app.extensions["daas_waits"] = Waits(statement_milliseconds)
    app.extensions["daas_writer_queue"] = file and WriterQueue(file.with_name(file.name + "-writers"))
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "begin", _begin)
        event.listen(db.engine, "reset", _end_transaction)
        if file is not None:
            event.listen(db.engine, "connect", _tune_sqlite)
        else:
            event.listen(db.engine, "do_connect", _connect_to_postgresql)
            event.listen(db.engine, "checkout", _leave_closed_connections)


@contextmanager
def reading() -> Iterator[Connection]:
    """Run statements that only read, in one transaction."""
    with waits().watched(), db.engine.connect().execution_options(daas_reads=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """Run statements in one transaction that is on disk at the end, or not done at all if anything is raised."""
    with waits().watched(), in_turn(), db.engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def in_turn() -> Iterator[None]:
    """Wait for the turn to write, where writers have to take turns."""
    queue: WriterQueue | None = current_app.extensions["daas_writer_queue"]
    if queue is None:
        yield
    else:
        # What fails in the turn is noted before the next one begins.
        with queue.turn(waits().milliseconds / 1000), waits().watched():
            yield


def make_ready(connection: PoolProxiedConnection, waits: Waits, *, durable: bool | None) -> None:
    """Set, before a transaction, how long a connection waits, and on SQLite whether a commit waits for the disk.

    None for `durable` is for what only reads, or for a server, whose statements say that themselves.
    """
    if isinstance(connection.driver_connection, sqlite3.Connection):
        _set(connection, "PRAGMA busy_timeout =", waits.milliseconds)
        if durable is not None:
            _set(connection, "PRAGMA synchronous =", "FULL" if durable else "NORMAL")
    else:
        # Never shortened: a commit that the disk is slow to take is not to be cut off.
        _be_patient(connection, waits.usual_milliseconds)
        _set(connection, "SET lock_timeout =", waits.milliseconds)


def waits() -> Waits:
    """Give the waits of the running app."""
    found: Waits = current_app.extensions["daas_waits"]
    return found


def allow_long_statement(connection: Connection) -> None:
    """Let the statements of a transaction take as long as a search of a whole large mailbox may."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {SEARCH_MILLISECONDS}")
        _be_patient(connection.connection, SEARCH_MILLISECONDS)


def allow_any_statement(connection: Connection) -> None:
    """Let the statements of a transaction take, and wait for others, as long as they like."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        driver: Any = connection.connection.driver_connection
        driver.patience = None


def _be_patient(connection: PoolProxiedConnection, statement_milliseconds: int) -> None:
    """Wait for PostgreSQL a little longer than it lets a statement run."""
    driver: Any = connection.driver_connection
    driver.patience = statement_milliseconds / 1000 + 0.5


def _set(connection: PoolProxiedConnection, what: str, value: object) -> None:
    """Set something for as long as the connection lives, unless that is how it is set already."""
    if connection.info.get(what) != value:
        driver: Any = connection.driver_connection
        driver.execute(f"{what} {value}")
        connection.info[what] = value


def _engine_options(settings: Settings, statement_milliseconds: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": settings.threads,
        "pool_timeout": _POOL_SECONDS,
        "pool_use_lifo": True,
        "pool_reset_on_return": None,  # _end_transaction() does, but only where there is one.
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
            "autocommit": True,
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
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
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


def _leave_closed_connections(connection: Any, _record: object, _proxy: object) -> None:
    if connection.was_closed_by_server():
        raise exc.DisconnectionError


def _end_transaction(connection: Any, _record: object, _state: object) -> None:
    embedded = isinstance(connection, sqlite3.Connection)
    if connection.in_transaction if embedded else connection.pgconn.transaction_status:
        connection.rollback()


def _begin(connection: Connection) -> None:
    """Begin a transaction: the drivers are told to leave that to us."""
    make_ready(connection.connection, waits(), durable=True)
    reads = connection.get_execution_options().get("daas_reads")
    immediate = connection.dialect.name == "sqlite" and not reads
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
