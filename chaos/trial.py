"""One scenario on one database: what it stands in, and what was seen."""

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
from daas.mailboxes.message_import import import_messages
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

#: Within how many seconds a client is told that the database is away, locked or full.
TOLD_WITHIN = 6

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Missing(Exception):
    """A part that a scenario needs is not installed; the text says how to get it."""


@dataclass
class Report:
    """What a trial did and found; it holds if there are no violations."""

    scenario: str
    database: str
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        wrong = [f"VIOLATION: {sentence}" for sentence in self.violations[:20]]
        more = [f"... and {len(self.violations) - 20} more"] if len(self.violations) > 20 else []
        return "\n  ".join([f"{self.scenario} on {self.database}", *self.notes, *wrong, *more])


class Trial:
    """The service over an empty database, mailboxes, an application that may move in them, and the journal.

    `quick` asks for the short form. `directory` is the trial's own; an SQLite database lies in its folder `data`.
    What is to be undone when the trial is over goes to `at_end`.
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
        """The server that the trial's database is on."""
        if self._postgresql is None:
            raise RuntimeError("This trial is not on PostgreSQL.")
        return self._postgresql

    def start(self, *, mailboxes: int = 2, folders: int = 4, messages: int = 25, **environ: str) -> None:
        """Fill the database and start the service over it; `environ` is what its environment has besides."""
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
        """Give clients that move messages until their block ends."""
        return Load(self.service.connect, self.application, self.journal, clients=clients)

    def client(self) -> Client:
        """Give one more client, closed at the end."""
        client = Client(self.service.connect, self.application, self.journal)
        self.at_end.callback(client.close)
        return client

    def note(self, sentence: str) -> None:
        """Say what was done or counted."""
        self.report.notes.append(sentence)

    def require(self, holds: bool, sentence: str) -> None:
        """Call it a violation, in a sentence that says what is wrong, unless the condition holds."""
        if not holds:
            self.report.violations.append(sentence)

    def check(
        self,
        *,
        also: Collection[int] = (),
        in_doubt: Collection[int | None] = (None,),
        may_lose: bool = False,
        within: float = TOLD_WITHIN,
    ) -> None:
        """Hold the journal against what a client may expect, and the ledger against the journal.

        Beside the status that is due, an answer may have one of `also`. A move may be done behind one that is
        `in_doubt`, as it may be behind None, a lost connection; `may_lose` says whether connections may be lost.
        Every answer comes `within` seconds.
        """
        attempts = self.journal.attempts
        for attempt in attempts:
            if attempt.answer is None:
                self.require(may_lose, f"A connection was lost after {attempt.seconds:.1f} s.")
                continue
            status = attempt.answer.status
            self.require(status in {attempt.due, *also}, f"{attempt.due} was due, {status} came: {attempt.answer.text}")
            if status == 503:
                self.require(attempt.answer.header("Retry-After") is not None, "A 503 has no Retry-After.")
        self.require(slowest(attempts) <= within, f"An answer took {slowest(attempts):.1f} s, not {within:g}.")
        ledger = Ledger.read(self.settings)
        self.report.violations += ledger.violations(attempts, self.application.mailboxes, in_doubt)
        self.report.violations += ledger.violations_of_lists(self.service.connect, self.application)
        rows, unseen = sum(map(len, ledger.moves.values())), ledger.unacknowledged(attempts).total()
        self.note(f"{len(attempts):,} requests: {statuses(attempts)}; slowest answer {slowest(attempts):.2f} s")
        self.note(f"ledger: {rows:,} moves in the log, {unseen:,} of them not told to a client")


def _fill(mailbox: Mailbox, count: int) -> None:
    """Import so many messages into the Inbox of a mailbox."""
    letter = "From a@example.org Mon Jun  3 12:13:56 2013\nFrom: a@example.org\nSubject: {}\n\nBody\n\n"
    with tempfile.TemporaryDirectory() as directory:
        mbox = Path(directory, "mbox")
        mbox.write_text("".join(letter.format(number) for number in range(count)))
        inbox = find_folder(find_mailbox(mailbox.name), "Inbox")
        mailbox.messages = [str(outcome.id) for outcome in import_messages(inbox, [mbox])]
