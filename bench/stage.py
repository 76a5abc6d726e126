"""What all measurements share: their duration, and the databases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cryptography.fernet import Fernet

from daas.settings import Settings, load_settings
from tests.support.servers import PostgreSQL

from .checkouts import THIS, Checkout
from .mail import Mail
from .processor import children_of
from .services import start_postgresql

#: The databases that the service supports, by the beginning of their URLs.
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Stage:
    """A folder, a PostgreSQL server, and the number and length of rounds; `quick` only checks that everything works.

    `before` are the checkouts that this one is compared with.
    """

    directory: Path
    postgresql: PostgreSQL
    rounds: int
    seconds: int
    quick: bool
    before: Sequence[Checkout] = ()
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def open(
        cls, directory: Path, *, rounds: int, seconds: int, quick: bool, before: Sequence[Checkout] = ()
    ) -> Iterator["Stage"]:
        """Yield the stage with its PostgreSQL server started."""
        # If this is root, PostgreSQL and Dovecot run as other users.
        directory.chmod(0o755)
        with start_postgresql(directory / "postgresql") as postgresql:
            yield cls(directory, postgresql, rounds, seconds, quick, before)

    def processes_of_postgresql(self) -> list[int]:
        """Return the process ids of the PostgreSQL server, except the postmaster."""
        return children_of(int((self.directory / "postgresql" / "postmaster.pid").read_text().split()[0]))

    def path(self, name: str) -> Path:
        """Return an unused path."""
        return self.directory / f"{next(self._numbers)}-{name}"

    def settings(self, kind: str) -> Settings:
        """Create an empty database, and return its settings."""
        url = f"sqlite:///{self.path('daas.db')}" if kind == "sqlite" else self.postgresql.make_database()
        return load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": Fernet.generate_key().decode()})

    def database(self, kind: str, mail: Mail, checkout: Checkout = THIS) -> Settings:
        """Create a database, fill it with `mail` as a checkout would, and return its settings."""
        settings = self.settings(kind)
        mail.fill(settings, checkout)
        return settings
