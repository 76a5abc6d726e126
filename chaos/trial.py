"""One scenario on one database: the service, its data, and the report."""

import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from daas import migrations
from daas.app import create_command_app
from daas.mailboxes.administration import find_folder, find_mailbox
from daas.mailboxes.message_import import ImportedMessage, import_messages
from daas.settings import load_settings
from daas.storage.engine import db
from tests.support.actors import Application
from tests.support.builders import Builder, Mailbox

from .journal import Journal, slowest, statuses
from .ledger import Ledger
from .load import Client, Load
from .service import Service

if TYPE_CHECKING:
    from .postgresql import PostgreSQL

#: Seconds within which a client gets a 503 if the database is unavailable, locked or full.
TOLD_WITHIN = 6

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Missing(Exception):
    """A program that a scenario needs is not installed; the text says how to install it."""


@dataclass
class Report:
    """What a trial did and which errors it found."""

    scenario: str
    database: str
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        errors = [f"ERROR: {sentence}" for sentence in self.errors[:20]]
        more = [f"... and {len(self.errors) - 20} more"] if len(self.errors) > 20 else []
        return "\n  ".join([f"{self.scenario} on {self.database}", *self.notes, *errors, *more])


class Trial:
    """The service with an empty database, mailboxes, an application that may move their messages, and the journal.

    `quick` selects the short form. `directory` belongs to the trial; its folder `data` holds an SQLite database.
    `at_end` collects what is closed when the trial is over.
    """

    def __init__(
        self, report: Report, directory: Path, postgresql: "PostgreSQL | None", at_end: ExitStack, *, quick: bool
    ) -> None:
        self.report = report
        self.directory = directory
        self.quick = quick
        self.at_end = at_end
        self.journal = Journal()
        self.application: Application
        self.service: Service
        url = postgresql.make_database() if postgresql else f"sqlite:///{directory / 'data' / 'daas.db'}"
        key = Fernet.generate_key().decode()
        self.settings = load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": key})
        self._postgresql = postgresql

    @property
    def postgresql(self) -> "PostgreSQL":
        """The PostgreSQL server of the trial."""
        if self._postgresql is None:
            raise RuntimeError("This trial is not on PostgreSQL.")
        return self._postgresql

    def start(self, *, mailboxes: int = 2, folders: int = 4, messages: int = 25, **environ: str) -> None:
        """Fill the database and start the service; `environ` adds variables to the service's environment."""
        app = create_command_app(self.settings)
        with app.app_context():
            migrations.upgrade()
            build = Builder(app)
            made = [build.mailbox(folders=folders, messages=0) for _ in range(mailboxes)]
            for mailbox in made:
                _fill(mailbox, messages)
            self.application = build.application(mailboxes=made)
            db.session.remove()
            db.engine.dispose()
        self.service = Service(self.settings, self.directory / "log", **environ)
        self.at_end.callback(self.service.stop)
        self.service.start()

    def load(self, clients: int = 8) -> Load:
        """Return clients that move messages until their block ends."""
        return Load(self.service.connect, self.application, self.journal, clients=clients)

    def client(self) -> Client:
        """Return one more client, which is closed at the end."""
        client = Client(self.service.connect, self.application, self.journal)
        self.at_end.callback(client.close)
        return client

    def note(self, sentence: str) -> None:
        """Add to the report what was done or counted."""
        self.report.notes.append(sentence)

    def require(self, holds: bool, sentence: str) -> None:
        """Add an error to the report unless the condition holds; `sentence` says what is wrong."""
        if not holds:
            self.report.errors.append(sentence)

    def check(
        self,
        *,
        also: Collection[int] = (),
        in_doubt: Collection[int | None] = (None,),
        may_lose: bool = False,
        within: float = TOLD_WITHIN,
    ) -> None:
        """Check the responses against the expected ones, and the database against the responses.

        Besides the expected status, a response may have a status in `also`. After a status in `in_doubt` the move may
        have been made or not; None stands for a lost connection. `may_lose` allows lost connections. Every response
        must arrive `within` seconds.
        """
        attempts = self.journal.attempts
        for attempt in attempts:
            if attempt.answer is None:
                self.require(may_lose, f"A connection was lost after {attempt.seconds:.1f} s.")
                continue
            status = attempt.answer.status
            self.require(status in {attempt.due, *also}, f"Expected {attempt.due}, got {status}: {attempt.answer.text}")
            if status == 503:
                self.require(attempt.answer.header("Retry-After") is not None, "A 503 has no Retry-After.")
        self.require(slowest(attempts) <= within, f"A response took {slowest(attempts):.1f} s, more than {within:g} s.")
        ledger = Ledger.read(self.settings)
        self.report.errors += ledger.find_errors(attempts, self.application.mailboxes, in_doubt)
        self.report.errors += ledger.find_list_errors(self.service.connect, self.application)
        rows, unseen = sum(map(len, ledger.moves.values())), ledger.unacknowledged(attempts).total()
        self.note(f"{len(attempts):,} requests: {statuses(attempts)}; slowest response {slowest(attempts):.2f} s")
        self.note(f"ledger: {rows:,} moves in the log, {unseen:,} of them without a 200 for the client")


def _fill(mailbox: Mailbox, count: int) -> None:
    """Import `count` messages into the Inbox of a mailbox."""
    letter = "From a@example.org Mon Jun  3 12:13:56 2013\nFrom: a@example.org\nSubject: {}\n\nBody\n\n"
    with tempfile.TemporaryDirectory() as directory:
        mbox = Path(directory, "mbox")
        mbox.write_text("".join(letter.format(number) for number in range(count)))
        inbox = find_folder(find_mailbox(mailbox.name), "Inbox")
        mailbox.messages = [
            str(outcome.id) for outcome in import_messages(inbox, [mbox]) if isinstance(outcome, ImportedMessage)
        ]
