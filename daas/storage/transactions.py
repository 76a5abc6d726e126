"""Statements that are compiled once and then run by the database's driver alone.

They are for what every request does: there, SQLAlchemy's own way of running a statement costs several times
what the database needs for it. What they say is still said in SQLAlchemy's terms, for both databases.
"""

import sqlite3
import time
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import ColumnElement, Dialect, Engine, PoolProxiedConnection, Select, exc, literal_column
from sqlalchemy.sql.dml import UpdateBase

from .engine import db, make_ready, waits
from .group_commit import GroupCommit
from .timeouts import Waits, is_broken_off
from .writer_queue import WriterQueue

Result = TypeVar("Result")
#: Runs a statement with its parameters in the transaction at hand, and gives its first row.
Run = Callable[..., Any]

# A statement that PostgreSQL broke off because of others is tried this often in all, if there is time.
_ATTEMPTS = 3
_ATTEMPTS_SECONDS = 2.0
_PAUSE_SECONDS = 0.03


class Statement:
    """A select(), insert() or update() whose every value is a bindparam().

    `durable=False` is for an insert() that returns something: its commit does not wait for the disk.
    """

    def __init__(self, construct: Select[*tuple[Any, ...]] | UpdateBase, *, durable: bool = True) -> None:
        self.construct = construct
        self.durable = durable
        self._compiled: dict[str, _Compiled] = {}

    def run(self, driver: Any, dialect: Dialect, parameters: Mapping[str, Any]) -> Any | None:
        """Run it and give its first row, whose columns are attributes; None if it gives none."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = self._compile(dialect)
        if compiled.processors:
            processed = {name: process(parameters[name]) for name, process in compiled.processors.items()}
            parameters = {**parameters, **processed}
        cursor = driver.execute(compiled.text, parameters)
        # All are fetched, so that the statement is over.
        rows = cursor.fetchall() if compiled.gives_rows else None
        return compiled.row(*rows[0]) if rows else None

    def _compile(self, dialect: Dialect) -> "_Compiled":
        construct = self.construct
        columns = [column.key for column in getattr(construct, "exported_columns", ())]
        if dialect.name == "postgresql" and not self.durable:
            # Holds for the transaction, which is this statement.
            relaxed: ColumnElement[str] = literal_column("set_config('synchronous_commit', 'off', true)")
            construct = construct.returning(relaxed)  # type: ignore[union-attr]
            columns.append("relaxed")
        by_name = dialect if dialect.name == "postgresql" else type(dialect)(paramstyle="named")  # type: ignore[call-arg]
        compiled = construct.compile(dialect=by_name)
        processors = {
            name: process
            for name, bind in compiled.binds.items()
            if (process := bind.type.dialect_impl(dialect).bind_processor(dialect))
        }
        return _Compiled(str(compiled), processors, bool(columns), namedtuple("Row", columns))


@dataclass(frozen=True)
class _Compiled:
    text: str
    processors: Mapping[str, Callable[[Any], Any]]
    gives_rows: bool
    row: Callable[..., Any]


def init_statements(app: Flask) -> None:
    """Give the app the driver of its database."""
    with app.app_context():
        app.extensions["daas_driver"] = Driver(db.engine, waits(), app.extensions["daas_writer_queue"])


def driver() -> "Driver":
    """Give the running app's driver."""
    found: Driver = current_app.extensions["daas_driver"]
    return found


class Driver:
    """Runs statements on the connections of an app's database, without SQLAlchemy's part in it but for its pool."""

    def __init__(self, engine: Engine, waits: Waits, turns: WriterQueue | None) -> None:
        self.dialect = engine.dialect
        self._driver_error = engine.dialect.loaded_dbapi.Error
        self._engine = engine
        self._waits = waits
        self._group = GroupCommit(turns.turn, self._embedded_transaction) if turns else None

    def read_one(self, statement: Statement, **parameters: Any) -> Any | None:
        """Run a statement that reads, alone, and give its first row; None if there is none."""
        return self._run_alone(statement, parameters)

    def write_one(self, statement: Statement, **parameters: Any) -> Any | None:
        """Run a statement that writes, alone, and give its first row when it is committed; None if there is none.

        One that PostgreSQL breaks off because of others, to end a deadlock say, is tried again, within bounds.
        """
        if self._group:
            return self.write_in_steps(lambda run: run(statement, **parameters), durable=statement.durable)
        attempts, deadline = _ATTEMPTS, time.monotonic() + _ATTEMPTS_SECONDS
        while True:
            try:
                return self._run_alone(statement, parameters)
            except exc.DBAPIError as error:
                attempts -= 1
                if not is_broken_off(error) or attempts == 0 or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)  # Else it may take again at once what the others wait for.

    def write_in_steps(self, work: Callable[[Run], Result], *, durable: bool = True) -> Result:
        """Do work that runs several statements on an embedded database, in one transaction, and give its result.

        What the work raises undoes all of it. It is on disk then, perhaps by a commit that the work of others shared.
        """

        def do(connection: sqlite3.Connection) -> Result:
            return work(lambda statement, **parameters: statement.run(connection, self.dialect, parameters))

        with self._errors_of_sqlalchemy():
            return cast(GroupCommit, self._group).run(do, durable=durable, seconds=self._waits.milliseconds / 1000)

    def _run_alone(self, statement: Statement, parameters: Mapping[str, Any]) -> Any | None:
        with self._connection() as connection:
            return statement.run(connection.driver_connection, self.dialect, parameters)

    @contextmanager
    def _embedded_transaction(self, durable: bool) -> Iterator[sqlite3.Connection]:
        """Begin and commit; the pool undoes what is not committed when it takes the connection back."""
        with self._connection(durable=durable) as connection:
            driver = cast(sqlite3.Connection, connection.driver_connection)
            driver.execute("BEGIN IMMEDIATE")
            yield driver
            driver.execute("COMMIT")

    @contextmanager
    def _connection(self, *, durable: bool | None = None) -> Iterator[PoolProxiedConnection]:
        """Take a connection from the pool, outside any transaction."""
        with self._errors_of_sqlalchemy():
            connection = self._engine.raw_connection()
            try:
                make_ready(connection, self._waits, durable=durable)
                yield connection
            except self._driver_error as error:
                if self.dialect.is_disconnect(error, connection.driver_connection, None):
                    connection.invalidate(error)
                raise
            finally:
                connection.close()

    @contextmanager
    def _errors_of_sqlalchemy(self) -> Iterator[None]:
        """Make of a driver's error what SQLAlchemy makes of it, and take note of one that others may run into."""
        try:
            yield
        except self._driver_error as error:
            made = exc.DBAPIError.instance(None, None, error, self._driver_error, dialect=self.dialect)
            self._waits.note(made)
            raise made from error
        except exc.SQLAlchemyError as error:
            self._waits.note(error)
            raise
