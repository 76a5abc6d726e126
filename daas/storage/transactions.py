"""Transactions, and the one way in which features run SQL in them.

Statements are written with SQLAlchemy, once for both databases, compiled once and then run by the database's driver:
SQLAlchemy's own execution takes several times as long as the database needs for a statement. Only operators' commands
that change objects use sessions (`db.session`).
"""

import sqlite3
import time
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Engine, PoolProxiedConnection, Select, exc, insert, literal_column
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import TextualSelect

from ..services import services
from .engine import Base, set_patience, set_timeouts
from .sqlite import SharedTransactions, interrupting
from .timeouts import Timeouts, is_conflict, is_statement_timeout

Construct = Select[*tuple[Any, ...]] | UpdateBase | TextualSelect

#: The limit of transactions of operators' commands that may run, and wait for locks, for any time.
NO_LIMIT = 0

# The maximum number of tries of a statement that conflicts with concurrent ones, the time in which they may begin, and
# the pause between them.
_MAX_TRIES = 3
_MAX_TRIES_SECONDS = 2.0
_PAUSE_SECONDS = 0.03
# The number of rows that a stream fetches at a time.
_STREAMED_ROWS = 1000


class Statement:
    """A SQLAlchemy construct that is compiled once for each database; its parameters are its bindparam()s.

    `durable=False` is for an insert() that returns something: its commit does not wait for the disk.
    """

    def __init__(self, construct: Construct, *, durable: bool = True) -> None:
        self.construct = construct
        self.durable = durable
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, dialect: Dialect) -> "_Compiled":
        """Return the statement as the driver of a database runs it."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self.construct, dialect, durable=self.durable)
        return compiled


class StatementRunner:
    """Runs statements in one transaction, on the driver's connection.

    Every method takes a Statement, or a construct that is compiled for this one use. Rows are named tuples.
    """

    __slots__ = ("_connection", "_dialect")

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def rows(self, statement: Statement | Construct, **parameters: Any) -> list[Any]:
        """Return all rows of a statement."""
        compiled = self._compiled(statement)
        return compiled.rows(self._connection.execute(compiled.text, compiled.parameters(parameters)).fetchall())

    def first(self, statement: Statement | Construct, **parameters: Any) -> Any | None:
        """Return the first row of a statement, None if it returns none."""
        rows = self.rows(statement, **parameters)
        return rows[0] if rows else None

    def scalar(self, statement: Statement | Construct, **parameters: Any) -> Any | None:
        """Return the first column of the first row of a statement, None if it returns no row."""
        rows = self.rows(statement, **parameters)
        return rows[0][0] if rows else None

    def read_bytes(self, statement: Statement | Construct, **parameters: Any) -> bytes | None:
        """Return the first column of the first row, which holds bytes; None if a statement returns no row.

        PostgreSQL sends them as they are: in text, as other values, they would be twice as large.
        """
        compiled = self._compiled(statement)
        binary = {} if isinstance(self._connection, sqlite3.Connection) else {"binary": True}
        row = self._connection.execute(compiled.text, compiled.parameters(parameters), **binary).fetchone()
        return None if row is None else bytes(row[0])

    def first_of_each(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return the first row that a statement returns for each of several parameters, in one round trip."""
        if isinstance(self._connection, sqlite3.Connection):
            return [self.first(statement, **row) for row in rows]
        compiled = self._compiled(statement)
        cursor = self._connection.cursor()
        cursor.executemany(compiled.text, [compiled.parameters(row) for row in rows], returning=True)
        found = [compiled.rows([result.fetchone()])[0] for result in cursor.results()]
        cursor.close()
        return found

    def change(self, statement: Statement | Construct, **parameters: Any) -> int:
        """Run a statement without results, and return the number of rows that it changed."""
        compiled = self._compiled(statement)
        changed: int = self._connection.execute(compiled.text, compiled.parameters(parameters)).rowcount
        return changed

    def insert_many(self, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows into a model's table; at least one, and all with the same columns."""
        compiled = _compile_insert(model, self._dialect, tuple(rows[0]))
        cursor = self._connection.cursor()
        if isinstance(self._connection, sqlite3.Connection) or self._connection.pgconn.pipeline_status:
            cursor.executemany(compiled.text, [compiled.parameters(row) for row in rows])
        else:
            # COPY takes less time for each row, but cannot be part of a pipeline.
            columns = [*compiled.parameters(rows[0])]
            with cursor.copy(f"COPY {model.__tablename__} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types([_type_name(model, column, self._dialect) for column in columns])
                for row in map(compiled.parameters, rows):
                    copy.write_row([row[column] for column in columns])
        cursor.close()

    def stream(self, statement: Statement | Construct, **parameters: Any) -> Iterator[Any]:
        """Yield the rows of a statement from one snapshot of the database, with only a few in memory at a time."""
        compiled = self._compiled(statement)
        is_embedded = isinstance(self._connection, sqlite3.Connection)
        cursor = self._connection.cursor() if is_embedded else self._connection.cursor(name="stream")
        try:
            cursor.execute(compiled.text, compiled.parameters(parameters))
            while some := cursor.fetchmany(_STREAMED_ROWS):
                yield from compiled.rows(some)
        finally:
            cursor.close()

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect, whose name is `sqlite` or `postgresql`."""
        return self._dialect

    def _compiled(self, statement: Statement | Construct) -> "_Compiled":
        return (
            statement.compiled(self._dialect)
            if isinstance(statement, Statement)
            else _compile(statement, self._dialect)
        )


class Transactions:
    """The transactions of an application's database."""

    def __init__(self, engine: Engine, timeouts: Timeouts) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._timeouts = timeouts
        self._driver_error = engine.dialect.loaded_dbapi.Error
        self._shared = SharedTransactions(self._sqlite_connection) if engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self, milliseconds: int | None = None) -> Iterator[StatementRunner]:
        """Run statements that only read in one transaction; see read_transaction()."""
        limit = self._timeouts.usual_milliseconds if milliseconds is None else milliseconds
        own_limit = milliseconds is not None
        with self._errors_of_sqlalchemy(own_limit=own_limit), self._connection() as connection:
            driver: Any = connection.driver_connection
            with interrupting(driver, limit, pauses=own_limit) if self._shared else nullcontext():
                driver.execute("BEGIN")
                if not self._shared:
                    _set_limit(connection, milliseconds)
                yield StatementRunner(driver, self.dialect)
                driver.execute("COMMIT")

    @contextmanager
    def write(
        self, milliseconds: int | None = None, *, durable: bool = True, pipelined: bool = False
    ) -> Iterator[StatementRunner]:
        """Run statements in one transaction; see write_transaction()."""
        with self._errors_of_sqlalchemy(), ExitStack() as ends:
            if self._shared:
                seconds = self._timeouts.milliseconds / 1000
                driver: Any = ends.enter_context(self._shared.transaction(seconds, durable=durable))
                yield StatementRunner(driver, self.dialect)
                return
            connection = ends.enter_context(self._connection())
            driver = connection.driver_connection
            # When the block ends, all changes and the commit have succeeded, or the first error is raised.
            with driver.pipeline() if pipelined else nullcontext():
                driver.execute("BEGIN")
                _set_limit(connection, milliseconds)
                yield StatementRunner(driver, self.dialect)
                driver.execute("COMMIT")

    def execute(self, statement: Statement, parameters: Mapping[str, Any]) -> Any | None:
        """Run one statement as a transaction of its own; see execute()."""
        if self._shared and isinstance(statement.construct, UpdateBase):
            with self.write(durable=statement.durable) as run:
                return run.first(statement, **parameters)
        tries, deadline = 1, time.monotonic() + _MAX_TRIES_SECONDS
        while True:
            try:
                with self._errors_of_sqlalchemy(), self._connection() as connection:
                    return StatementRunner(connection.driver_connection, self.dialect).first(statement, **parameters)
            except exc.DBAPIError as error:
                if not is_conflict(error) or tries == _MAX_TRIES or time.monotonic() > deadline:
                    raise
                tries += 1
                time.sleep(_PAUSE_SECONDS)  # Otherwise it could lock at once what the others wait for.

    @contextmanager
    def _sqlite_connection(self, durable: bool) -> Iterator[sqlite3.Connection]:
        with self._connection(durable=durable, milliseconds=0) as connection:
            driver: Any = connection.driver_connection
            yield driver

    @contextmanager
    def _connection(
        self, *, durable: bool | None = None, milliseconds: int | None = None
    ) -> Iterator[PoolProxiedConnection]:
        """Yield a connection of the pool; uncommitted changes are undone when the connection is returned."""
        connection = self._engine.raw_connection()
        try:
            wait = self._timeouts.milliseconds if milliseconds is None else milliseconds
            set_timeouts(connection, wait, self._timeouts.usual_milliseconds, durable=durable)
            yield connection
        except self._driver_error as error:
            if self.dialect.is_disconnect(error, connection.driver_connection, None):
                connection.invalidate(error)
            raise
        finally:
            connection.close()

    @contextmanager
    def _errors_of_sqlalchemy(self, *, own_limit: bool = False) -> Iterator[None]:
        """Raise a driver's error as SQLAlchemy does, and shorten the waits of others if the database is unavailable.

        A statement that exceeds its own limit does not mean that the database is unavailable.
        """
        try:
            yield
        except self._driver_error as error:
            raised = exc.DBAPIError.instance(None, None, error, self._driver_error, dialect=self.dialect)
            if not (own_limit and is_statement_timeout(raised)):
                self._timeouts.record(raised)
            raise raised from error
        except exc.SQLAlchemyError as error:
            self._timeouts.record(error)
            raise


def read_transaction(milliseconds: int | None = None) -> AbstractContextManager[StatementRunner]:
    """Run statements that only read in one transaction, in a `with` block.

    `milliseconds` limits each statement on PostgreSQL, and the whole block on SQLite; the default is the application's
    limit of statements, and NO_LIMIT is none. Raises SQLAlchemy's errors.
    """
    return services().transactions.read(milliseconds)


def write_transaction(
    milliseconds: int | None = None, *, durable: bool = True, pipelined: bool = False
) -> AbstractContextManager[StatementRunner]:
    """Run statements in one transaction, in a `with` block; an error in the block undoes all of them.

    After the block the changes are on disk. `milliseconds` limits each statement on PostgreSQL. On SQLite it has no
    effect, since only the wait for the turn to write is limited; threads may share the commit; and with `durable=False`
    it does not wait for the disk, unless it must for another thread. With `pipelined`, statements without results
    share a round trip to PostgreSQL with the next statement that has some. Raises SQLAlchemy's errors.
    """
    return services().transactions.write(milliseconds, durable=durable, pipelined=pipelined)


def execute(statement: Statement, **parameters: Any) -> Any | None:
    """Run one statement as a transaction of its own, in one round trip, and return its first row, None without one.

    PostgreSQL's deadlocks and serialization failures are retried, within bounds. Raises SQLAlchemy's errors.
    """
    return services().transactions.execute(statement, parameters)


def _set_limit(connection: PoolProxiedConnection, milliseconds: int | None) -> None:
    """Set the limit of the statements of the current transaction of PostgreSQL; None leaves the usual limit."""
    if milliseconds is not None:
        driver: Any = connection.driver_connection
        driver.execute(f"SET LOCAL statement_timeout = {milliseconds}")
        driver.execute(f"SET LOCAL lock_timeout = {milliseconds}")
        set_patience(connection, milliseconds or None)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as text for the driver, with the conversions of its parameters and results."""

    text: str
    literals: Mapping[str, Any]
    to_driver: Mapping[str, Callable[[Any], Any]]
    from_driver: Sequence[tuple[int, Callable[[Any], Any]]]
    row: Callable[[Sequence[Any]], Any]

    def parameters(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.literals and not self.to_driver:
            return given
        values = {**self.literals, **given}
        for name, convert in self.to_driver.items():
            values[name] = convert(values[name])
        return values

    def rows(self, fetched: Sequence[Sequence[Any]]) -> list[Any]:
        if not self.from_driver:
            return [self.row(values) for values in fetched]
        return [self.row(self._converted(values)) for values in fetched]

    def _converted(self, values: Sequence[Any]) -> list[Any]:
        converted = [*values]
        for place, convert in self.from_driver:
            converted[place] = convert(converted[place])
        return converted


@lru_cache(maxsize=64)
def _compile_insert(model: type[Base], dialect: Dialect, columns: tuple[str, ...]) -> _Compiled:
    return _compile(insert(model), dialect, column_keys=[*columns])


@lru_cache(maxsize=512)
def _type_name(model: type[Base], column: str, dialect: Dialect) -> str:
    """Return the name of a column's type in PostgreSQL, without its length."""
    name: str = model.__table__.c[column].type.compile(dialect)
    return name.partition("(")[0].lower()


def _compile(
    construct: Construct, dialect: Dialect, *, durable: bool = True, column_keys: list[str] | None = None
) -> _Compiled:
    columns = [(column.key, column.type) for column in getattr(construct, "exported_columns", ())]
    if dialect.name == "postgresql":
        if not durable:
            # The setting applies to the transaction, which is only this statement.
            relaxed: ColumnElement[str] = literal_column("set_config('synchronous_commit', 'off', true)")
            construct = construct.returning(relaxed)  # type: ignore[union-attr]
            columns.append(("relaxed", relaxed.type))
        by_name = dialect
    else:
        by_name = type(dialect)(paramstyle="named")  # type: ignore[call-arg]
    compiled: Any = construct.compile(
        dialect=by_name, column_keys=column_keys, compile_kwargs={"render_postcompile": True}
    )
    # The defaults of columns, which SQLAlchemy itself adds only when it executes an insert.
    defaults = {column.key: column.default.arg for column in compiled.insert_prefetch}
    required = {name for bind, name in compiled.bind_names.items() if bind.required}
    converters = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in compiled.bind_names.items()
    }
    # psycopg converts results itself.
    is_sqlite = dialect.name == "sqlite"
    results = [
        type_.dialect_impl(dialect).result_processor(dialect, None) if is_sqlite else None for _, type_ in columns
    ]
    return _Compiled(
        str(compiled),
        {name: value for name, value in compiled.params.items() if name not in required} | defaults,
        {name: convert for name, convert in converters.items() if convert},
        [(place, convert) for place, convert in enumerate(results) if convert],
        _row(tuple(str(key) for key, _ in columns)),
    )


@lru_cache(maxsize=512)
def _row(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return the constructor of a named tuple; to make its class takes a fifth of the time of compiling a statement."""
    make: Callable[[Sequence[Any]], Any] = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]
    return make
