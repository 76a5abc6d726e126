"""The migrations of the database, and the functions that apply them."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from ..errors import OperatorError
from ..storage.engine import db, set_patience

# Between two attempts to be the only one that builds indexes.
_PAUSE_SECONDS = 0.2


def upgrade(revision: str = "head") -> None:
    """Upgrade the database to a revision, in one transaction.

    On PostgreSQL indexes of large tables are built before that, so that servers can write meanwhile. An upgrade that is
    interrupted can be repeated.
    """
    if db.engine.dialect.name == "postgresql" and (indexes := _indexes_to_build(revision)):
        _build_indexes(indexes)
    _run(command.upgrade, revision)


def downgrade(revision: str) -> None:
    """Downgrade the database to a revision, in one transaction."""
    _run(command.downgrade, revision)


def current_revision() -> str | None:
    """Return the revision of the database; None if it is empty."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head_revision() -> str | None:
    """Return the newest revision, which this release needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_usable() -> bool:
    """Return whether this release can serve the database as it is: at this release's revision, or at a later one.

    Revisions are numbered, so later ones compare as greater; each release also runs on the next release's database.
    """
    return (current_revision() or "") >= (head_revision() or "")


def _run(migrate: Callable[[Config, str], None], revision: str) -> None:
    with db.engine.begin() as connection:
        if db.engine.dialect.name == "postgresql":
            # Migrations run one at a time, without limits of time.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            set_patience(connection.connection, None)
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('daas migrations'))")
        config = _config()
        config.attributes["connection"] = connection
        try:
            migrate(config, revision)
        except CommandError as error:
            raise OperatorError("The database belongs to another release; nothing was changed.") from error


def _indexes_to_build(revision: str) -> dict[str, str]:
    """Return the indexes, by name, that revisions up to this one want to be built before their transaction."""
    current = current_revision()
    if current is None:
        return {}
    indexes: dict[str, str] = {}
    try:
        for script in ScriptDirectory.from_config(_config()).iterate_revisions(revision, current):
            indexes |= getattr(script.module, "BUILT_BEFORE", {})
    except RevisionError:  # A revision of another release: the upgrade reports it.
        return {}
    return indexes


def _build_indexes(indexes: dict[str, str]) -> None:
    connection = db.engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        driver.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        set_patience(connection, None)
        # A statement that waits for this lock would be a transaction for whose end the other build waits.
        while not driver.execute("SELECT pg_try_advisory_lock(hashtext('daas indexes'))").fetchone()[0]:
            time.sleep(_PAUSE_SECONDS)
        for name, definition in indexes.items():
            valid = driver.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            if valid.fetchone() == (False,):  # Its build was interrupted.
                driver.execute(f"DROP INDEX CONCURRENTLY {name}")
            driver.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")
    finally:
        # Ends the session, and with it the lock and the settings.
        connection.invalidate()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "daas:migrations")
    return config
