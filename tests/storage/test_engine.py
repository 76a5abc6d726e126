"""What is said when the database does not do as it should."""

import concurrent.futures
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from daas.settings import Settings
from daas.storage.timeouts import is_unavailable

from ..support.actors import Application
from ..support.database import transaction
from ..support.servers import LiveServer
from ..support.wire import ask, form, signed_post

pytestmark = pytest.mark.both_databases

# The contract's limit, for which the sockets wait; whoever is not answered by then raises a time-out.
CALLERS = 24


@pytest.fixture
def held(settings: Settings, application: Application) -> Iterator[sqlite3.Connection]:
    """Hold, from outside, what a move of the application's message has to wait for."""
    if settings.embedded_database:
        connection: Any = sqlite3.connect(settings.embedded_database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
    else:
        url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(url)
        connection.execute("SELECT id FROM message WHERE id = %s FOR UPDATE", [application.mailbox.message])
    yield connection
    connection.close()


def test_locked_database_is_503_for_more_callers_than_threads(
    server: LiveServer, application: Application, held: sqlite3.Connection
) -> None:
    def call(_: Any) -> Any:
        return ask(server, signed_post(application, form(application)))

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        answers = [*pool.map(call, range(CALLERS))]
    held.close()
    assert {(answer.status, answer.header("Retry-After"), answer.json["message"]) for answer in answers} == {
        (503, "5", "Service Unavailable")
    }


def test_move_succeeds_once_the_lock_is_released(
    server: LiveServer, application: Application, held: sqlite3.Connection
) -> None:
    time.sleep(1.1)  # Whoever waited in vain, in the test before, has let others wait less for a second.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, signed_post(application, form(application)))
        held.rollback()
        assert answer.result().status == 200


@pytest.mark.only("postgresql")
def test_unresponsive_server_is_an_error_and_pool_recovers(app: Flask) -> None:
    def ask_for_what_never_comes() -> None:
        with transaction() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_sleep(60)"))

    with app.app_context():
        with pytest.raises(OperationalError) as caught:
            ask_for_what_never_comes()
        assert is_unavailable(caught.value)
        with transaction() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
