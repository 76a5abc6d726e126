"""The database engine: the `db` object, column types, names of constraints, and how connections are set up."""

import datetime
import sqlite3
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, DateTime, Engine, Integer, MetaData, PoolProxiedConnection, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from ..settings import Settings
from . import sqlite
from .timeouts import POOL_SECONDS, Timeouts


class Base(DeclarativeBase):
    """The base of all models: every constraint has a name, so that migrations and errors can name it."""

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

#: An id that is used once: 1 to 9223372036854775807. SQLite counts only in a column of type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """A time, aware and in UTC on the Python side, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> datetime.datetime | None:
        """Convert a time to UTC for the driver."""
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:
        """Convert the driver's time to UTC; SQLite stores no zone, and the stored time is in UTC."""
        if value is None:
            return None
        time: datetime.datetime = value
        return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time.astimezone(datetime.UTC)


def init_engine(app: Flask, settings: Settings, timeouts: Timeouts) -> Engine:
    """Make the app's database engine and return it; no connection is opened before the first use.

    Raises SettingError if the file of an SQLite database cannot be made.
    """
    file = settings.embedded_database
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": settings.threads,
        "pool_timeout": POOL_SECONDS,
        "pool_use_lifo": True,
        "pool_reset_on_return": None,  # _end_transaction() rolls back, but only if a transaction is open.
        "hide_parameters": True,
        "connect_args": _connect_arguments(settings, timeouts),
    }
    if file is not None:
        sqlite.make_private_file(file)
    db.init_app(app)
    with app.app_context():
        engine = db.engine

    def begin(connection: Connection) -> None:
        """Begin a transaction of a session or of Alembic: the drivers are configured not to begin any."""
        set_timeouts(connection.connection, timeouts.milliseconds, timeouts.usual_milliseconds, durable=True)
        connection.exec_driver_sql("BEGIN" if file is None else "BEGIN IMMEDIATE")

    event.listen(engine, "begin", begin)
    event.listen(engine, "reset", _end_transaction)
    if file is not None:
        event.listen(engine, "connect", sqlite.set_up)
    else:
        event.listen(engine, "do_connect", _connect_to_postgresql)
        event.listen(engine, "checkout", _reject_closed_connection)
    return engine


def set_timeouts(
    connection: PoolProxiedConnection, lock_milliseconds: int, statement_milliseconds: int, *, durable: bool | None
) -> None:
    """Set how long a connection waits for locks and statements, and on SQLite whether its commits wait for the disk.

    `durable` is None for a transaction that only reads. On PostgreSQL it has no effect here: there each statement that
    need not be durable sets `synchronous_commit` itself.
    """
    if isinstance(connection.driver_connection, sqlite3.Connection):
        _set(connection, "PRAGMA busy_timeout =", lock_milliseconds)
        if durable is not None:
            _set(connection, "PRAGMA synchronous =", "FULL" if durable else "NORMAL")
    else:
        # Not shortened like the lock timeout: a slow disk must not interrupt a commit.
        set_patience(connection, statement_milliseconds)
        _set(connection, "SET lock_timeout =", lock_milliseconds)


def set_patience(connection: PoolProxiedConnection, statement_milliseconds: int | None) -> None:
    """Set how long a connection waits for PostgreSQL: half a second longer than a statement may run; None: for ever."""
    driver: Any = connection.driver_connection
    driver.patience = None if statement_milliseconds is None else statement_milliseconds / 1000 + 0.5


def _set(connection: PoolProxiedConnection, setting: str, value: object) -> None:
    """Change a setting of the connection, unless it has that value already."""
    if connection.info.get(setting) != value:
        driver: Any = connection.driver_connection
        driver.execute(f"{setting} {value}")
        connection.info[setting] = value


def _connect_arguments(settings: Settings, timeouts: Timeouts) -> dict[str, Any]:
    if settings.embedded_database is not None:
        return {"timeout": timeouts.usual_milliseconds / 1000}
    from . import postgresql  # psycopg is loaded only where PostgreSQL is used.

    return postgresql.connect_arguments(timeouts.usual_milliseconds)


def _connect_to_postgresql(_dialect: Dialect, _record: object, arguments: Any, options: Any) -> DBAPIConnection:
    from .postgresql import ImpatientConnection

    connection: Any = ImpatientConnection.connect(*arguments, **options)
    return connection  # type: ignore[no-any-return]


def _reject_closed_connection(connection: Any, _record: object, _proxy: object) -> None:
    if connection.was_closed_by_server():
        raise exc.DisconnectionError


def _end_transaction(connection: Any, _record: object, _state: object) -> None:
    embedded = isinstance(connection, sqlite3.Connection)
    if connection.in_transaction if embedded else connection.pgconn.transaction_status:
        connection.rollback()
