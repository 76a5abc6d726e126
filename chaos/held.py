"""Hold the locks that every move needs, from another session."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg

from daas.settings import Settings

#: A session of PostgreSQL that is not the service's.
Session: TypeAlias = "psycopg.Connection[tuple[object, ...]]"


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Lock all messages: on SQLite the whole file, on PostgreSQL each row."""
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
    """Yield a connection to the database that is not the service's."""
    url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
