"""Holds, from outside, what every move has to wait for."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg

from daas.settings import Settings

#: A session of PostgreSQL's that is not the service's.
Session: TypeAlias = "psycopg.Connection[tuple[object, ...]]"


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Hold the database's messages: on SQLite the whole file, on PostgreSQL each row of the messages."""
    if settings.embedded_database:
        file = sqlite3.connect(settings.embedded_database, isolation_level=None, timeout=10)
        try:
            file.execute("BEGIN IMMEDIATE")
            yield
        finally:
            file.close()
    else:
        with admin(settings) as connection, connection.transaction():
            connection.execute("SELECT id FROM message ORDER BY id FOR UPDATE")
            yield


@contextmanager
def admin(settings: Settings) -> Iterator[Session]:
    """Connect to the database as its administrator does, apart from the service."""
    url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
