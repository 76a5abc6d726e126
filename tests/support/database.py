"""Functions for tests to read and prepare the database, and to act between the product's own statements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, NullPool, create_engine, event

from daas.services import services
from daas.storage.transactions import Statement


@contextmanager
def transaction() -> Iterator[Connection]:
    """Run statements of the test in one transaction, on a connection that is not the product's."""
    engine = create_engine(services().settings.database_url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    with engine.begin() as connection:
        yield connection


class _Runner:
    """A StatementRunner that passes the SQL of each statement to a function before it runs it."""

    def __init__(self, run: Any, before: Callable[[str], None]) -> None:
        self._run = run
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._run, name)
        if not callable(method):
            return method

        def run(statement: Any, *arguments: Any, **parameters: Any) -> Any:
            self._before(_text_of(statement))
            return method(statement, *arguments, **parameters)

        return run


class _Transactions:
    def __init__(self, transactions: Any, before: Callable[[str], None]) -> None:
        self._transactions = transactions
        self._before = before

    @contextmanager
    def read(self, *arguments: Any, **options: Any) -> Iterator[_Runner]:
        with self._transactions.read(*arguments, **options) as run:
            yield _Runner(run, self._before)

    @contextmanager
    def write(self, *arguments: Any, **options: Any) -> Iterator[_Runner]:
        with self._transactions.write(*arguments, **options) as run:
            yield _Runner(run, self._before)

    def execute(self, statement: Statement, parameters: Any) -> Any:
        self._before(_text_of(statement))
        return self._transactions.execute(statement, parameters)


@contextmanager
def before_statements(app: Flask, before: Callable[[str], None]) -> Iterator[None]:
    """Call a function with the SQL of each statement of an app's features before it is run; it may raise."""
    services = app.extensions["daas"]
    transactions = services.transactions
    services.transactions = _Transactions(transactions, before)
    try:
        yield
    finally:
        services.transactions = transactions


def _text_of(statement: Any) -> str:
    return str(statement.construct if isinstance(statement, Statement) else statement)
