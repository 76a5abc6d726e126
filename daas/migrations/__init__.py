"""The migrations of the database, and the functions that apply them."""

from collections.abc import Callable
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ..errors import OperatorError
from ..storage.engine import db, set_patience


def upgrade(revision: str = "head") -> None:
    """Upgrade the database to a revision, in one transaction."""
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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "daas:migrations")
    return config
