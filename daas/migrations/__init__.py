"""Numbered changes of the database, and the functions that apply them."""

from collections.abc import Callable
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ..errors import OperatorError
from ..storage.engine import allow_any_statement, db, reading, writing


def upgrade(revision: str = "head") -> None:
    """Bring the database up to a revision, all of the way or none of it."""
    _run(command.upgrade, revision)


def downgrade(revision: str) -> None:
    """Take the database back to a revision, all of the way or none of it."""
    _run(command.downgrade, revision)


def current_revision() -> str | None:
    """Give the revision that the database is at; None if it is empty."""
    with reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head_revision() -> str | None:
    """Give the revision that this release needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_usable() -> bool:
    """Tell whether this release can serve the database as it is: a release runs on what the next one made of it, too.

    Revisions are numbered, so that those to come are the larger ones.
    """
    return (current_revision() or "") >= (head_revision() or "")


def _run(migrate: Callable[[Config, str], None], revision: str) -> None:
    with writing() as connection:
        if db.engine.dialect.name == "postgresql":
            # One at a time, and for as long as it takes.
            allow_any_statement(connection)
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('daas migrations'))")
        config = _config()
        config.attributes["connection"] = connection
        try:
            migrate(config, revision)
        except CommandError as error:
            raise OperatorError("The database is of another release than this one, and stays as it is.") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "daas:migrations")
    return config
