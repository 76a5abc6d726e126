"""Responses and errors while the database is locked, busy or unresponsive."""

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
from daas.storage.engine import db
from daas.storage.timeouts import is_unavailable

from ..support.actors import Application
from ..support.servers import LiveServer
from ..support.wire import ask, form, signed_post

pytestmark = pytest.mark.both_databases

# More clients than the server has threads. Their sockets time out if a response takes longer than it may.
CALLERS = 24


@pytest.fixture
def held(settings: Settings, application: Application) -> Iterator[sqlite3.Connection]:
    """Hold, from another connection, the lock that a move of the application's message waits for."""
    if settings.embedded_database:
        connection: Any = sqlite3.connect(settings.embedded_database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
    else:
        url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(url)
        connection.execute("SELECT id FROM message WHERE id = %s FOR UPDATE", [application.mailbox.message])
    yield connection
    connection.close()


@pytest.mark.slow
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
    time.sleep(1.1)  # The timeouts of the previous test shorten waits for a second.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, signed_post(application, form(application)))
        held.rollback()
        assert answer.result().status == 200


@pytest.mark.only("postgresql")
def test_unresponsive_server_is_an_error_and_pool_recovers(app: Flask) -> None:
    def run_statement_without_end() -> None:
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_sleep(60)"))

    with app.app_context():
        with pytest.raises(OperationalError) as caught:
            run_statement_without_end()
        assert is_unavailable(caught.value)
        with db.engine.begin() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
