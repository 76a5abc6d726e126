"""What all measurements share: how long they are, and databases to run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cryptography.fernet import Fernet

from daas.settings import Settings, load_settings
from tests.support.servers import PostgreSQL

from .mail import Mail
from .processor import children_of
from .services import start_postgresql

#: The databases that the service runs on, by the names that their URLs begin with.
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Stage:
    """A folder and a PostgreSQL server; `rounds` of `seconds` each, or a `quick` look whether everything works."""

    directory: Path
    postgresql: PostgreSQL
    rounds: int
    seconds: int
    quick: bool
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def open(cls, directory: Path, *, rounds: int, seconds: int, quick: bool) -> Iterator["Stage"]:
        """Start the PostgreSQL server."""
        # PostgreSQL and Dovecot run as users of their own if this is root.
        directory.chmod(0o755)
        with start_postgresql(directory / "postgresql") as postgresql:
            yield cls(directory, postgresql, rounds, seconds, quick)

    def processes_of_postgresql(self) -> list[int]:
        """Give the process ids of the PostgreSQL server's processes, but for the one that started them."""
        return children_of(int((self.directory / "postgresql" / "postmaster.pid").read_text().split()[0]))

    def path(self, name: str) -> Path:
        """Give a path that is not in use."""
        return self.directory / f"{next(self._numbers)}-{name}"

    def database(self, kind: str, mail: Mail) -> Settings:
        """Make a database that holds a mail."""
        url = f"sqlite:///{self.path('daas.db')}" if kind == "sqlite" else self.postgresql.make_database()
        settings = load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": Fernet.generate_key().decode()})
        mail.fill(settings)
        return settings
