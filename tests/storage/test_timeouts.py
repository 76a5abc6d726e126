"""How long a request waits for locks and connections, and which errors mean that the database is unavailable."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import exc, text

from daas.settings import Settings
from daas.storage.engine import db
from daas.storage.timeouts import Timeouts, is_conflict, is_unavailable, request_started
from daas.storage.transactions import read_transaction

pytestmark = pytest.mark.both_databases

USUAL = 2_500
SHORT = 250


@pytest.fixture
def waits() -> Timeouts:
    return Timeouts(USUAL)


@pytest.fixture
def arrived() -> Iterator[Callable[..., Any]]:
    """Return a function that sets how many seconds ago the current request arrived."""
    before = request_started.set(request_started.get())
    yield lambda seconds: request_started.set(time.monotonic() - seconds)
    request_started.reset(before)


def error_of(app: Flask, statement: str) -> Any:
    """Return the error of a transaction that runs a statement."""
    with app.app_context(), pytest.raises(exc.SQLAlchemyError) as caught, db.engine.begin() as connection:
        connection.execute(text(statement))
    return caught.value


def raised_by_postgresql(app: Flask, sqlstate: str) -> Any:
    return error_of(app, f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$")


def test_outside_a_request_the_usual_timeout_applies(waits: Timeouts) -> None:
    assert waits.milliseconds == USUAL


def test_new_request_has_the_usual_timeout(waits: Timeouts, arrived: Callable[..., Any]) -> None:
    arrived(0)
    assert waits.milliseconds == USUAL


@pytest.mark.parametrize("age", [5, 100])
def test_old_request_has_the_minimum_timeout(waits: Timeouts, arrived: Callable[..., Any], age: int) -> None:
    arrived(age)
    assert waits.milliseconds == 10


def test_request_waits_no_longer_than_its_remaining_time(waits: Timeouts, arrived: Callable[..., Any]) -> None:
    arrived(4)
    assert 10 <= waits.milliseconds <= 1_000


def test_timeout_shortens_the_waits_of_others_for_a_second(waits: Timeouts) -> None:
    waits.record(exc.TimeoutError())
    assert waits.milliseconds == SHORT
    time.sleep(1.1)
    assert waits.milliseconds == USUAL


def test_old_request_has_the_minimum_timeout_after_a_timeout_too(waits: Timeouts, arrived: Callable[..., Any]) -> None:
    waits.record(exc.TimeoutError())
    arrived(5)
    assert waits.milliseconds == 10


@pytest.mark.parametrize("error", [ValueError(), exc.NoResultFound()], ids=["ours", "sqlalchemy"])
def test_other_errors_do_not_shorten_waits(waits: Any, error: Any) -> None:
    waits.record(error)
    assert waits.milliseconds == USUAL


def test_timeout_in_a_transaction_is_recorded(app: Flask) -> None:
    timeouts = app.extensions["daas"].timeouts
    with app.app_context(), pytest.raises(exc.TimeoutError), read_transaction():
        raise exc.TimeoutError
    assert timeouts.milliseconds == SHORT


def test_locked_database_is_unavailable(app: Flask, settings: Settings) -> None:
    if settings.embedded_database:
        other = sqlite3.connect(settings.embedded_database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        error = error_of(app, "SELECT 1")
        other.close()
    else:
        error = raised_by_postgresql(app, "55P03")
    assert (is_unavailable(error), is_conflict(error)) == (True, False)


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    ("sqlstate", "unavailable", "conflict"),
    [
        ("40001", True, True),
        ("40P01", True, True),
        ("53100", True, False),
        ("57014", True, False),
        ("57P01", True, False),
        ("23503", False, False),
        ("22P02", False, False),
        ("42P01", False, False),
    ],
    ids=[
        "serialization",
        "deadlock",
        "disk-full",
        "statement-timeout",
        "shutdown",
        "foreign-key",
        "bad-value",
        "no-table",
    ],
)
def test_postgresql_errors_are_classified_by_sqlstate(
    app: Flask, waits: Timeouts, sqlstate: str, unavailable: bool, conflict: bool
) -> None:
    error = raised_by_postgresql(app, sqlstate)
    assert (is_unavailable(error), is_conflict(error)) == (unavailable, conflict)
    waits.record(error)
    assert waits.milliseconds == (SHORT if unavailable and not conflict else USUAL)


def test_constraint_violation_is_not_an_unavailable_database(app: Flask) -> None:
    error = error_of(app, "INSERT INTO mailbox (name, suspended) VALUES ('', false)")
    assert (is_unavailable(error), is_conflict(error)) == (False, False)


def test_exhausted_pool_is_an_unavailable_database(app: Flask) -> None:
    held = []

    def take_all() -> None:
        while True:
            held.append(db.engine.raw_connection())

    with app.app_context(), pytest.raises(exc.TimeoutError) as caught:
        take_all()
    for connection in held:
        connection.close()
    assert held
    assert is_unavailable(caught.value)
