"""The ledger: the tables as they are, and whatever in them contradicts what clients were told.

It reads the database by itself, in plain SQL, and asks the service only for the lists that it shows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, text

from daas.settings import Settings
from tests.support.actors import Application
from tests.support.builders import Mailbox
from tests.support.wire import Wire, head, signed

from .journal import Attempt
from .load import Connect, places

#: Where every message of a trial lies at first.
_FIRST_FOLDER = "Inbox"


@dataclass(frozen=True)
class Row:
    """A row of the request log; `folder` is as it was asked for, the other two as the service understood it."""

    id: int
    status: int
    mailbox: str | None
    message: str | None
    folder: str | None
    folder_from: str | None
    folder_to: str | None


@dataclass(frozen=True)
class Ledger:
    """What the tables hold: the log in the order of its ids, and for each message its rows (mailbox, folder)."""

    log: Sequence[Row]
    whereabouts: dict[str, list[tuple[str, str]]]
    damages: Sequence[str]

    @classmethod
    def read(cls, settings: Settings) -> "Ledger":
        """Read the tables of a database, all as they are at one moment."""
        engine = create_engine(settings.database_url, isolation_level="SERIALIZABLE")
        try:
            with engine.begin() as connection:
                return cls.read_within(connection)
        finally:
            engine.dispose()

    @classmethod
    def read_within(cls, connection: Connection) -> "Ledger":
        """Read the tables as a transaction sees them."""
        whereabouts: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for message, mailbox, folder in connection.execute(_WHEREABOUTS):
            whereabouts[message].append((mailbox, folder))
        return cls([Row(*row) for row in connection.execute(_LOG)], whereabouts, [*_damages(connection)])

    @property
    def moves(self) -> dict[str, list[Row]]:
        """The rows that say that a message was moved, by message, in the order of their ids."""
        moves: dict[str, list[Row]] = defaultdict(list)
        for row in self.log:
            if row.status == 200 and row.folder_to is not None:
                moves[row.message or ""].append(row)
        return moves

    def violations(
        self, attempts: Collection[Attempt], boxes: Sequence[Mailbox], in_doubt: Collection[int | None]
    ) -> list[str]:
        """Give a sentence for each contradiction.

        `attempts` are all that was ever asked about the mailboxes. A move may be done though its client was not
        told so if the answer's status is one `in_doubt`; None stands for a connection that was lost.
        """
        return [
            *self.damages,
            *self._answers_without_row(attempts),
            *self._rows_that_nobody_asked_for(attempts, in_doubt),
            *_ids_out_of_order(attempts),
            *self._broken_chains(boxes),
            *self._messages_astray(boxes),
        ]

    def unacknowledged(self, attempts: Collection[Attempt]) -> Counter[tuple[str, str]]:
        """Count the moves that are done though no client was told so, by message and folder."""
        told = {attempt.answer.request_id for attempt in attempts if attempt.moved and attempt.answer}
        rows = (row for rows in self.moves.values() for row in rows if str(row.id) not in told)
        return Counter((row.message or "", row.folder_to or "") for row in rows)

    def _answers_without_row(self, attempts: Collection[Attempt]) -> Iterator[str]:
        rows = {str(row.id): row for row in self.log}
        seen: set[str] = set()
        for attempt in attempts:
            if attempt.answer is None:
                continue
            request_id = attempt.answer.request_id
            if request_id in seen:
                yield f"The request_id {request_id} was given twice."
            seen.add(request_id)
            row = rows.get(request_id)
            if not attempt.moved:
                if row and row.status != attempt.status:
                    yield f"The client was told {attempt.status}, but row {request_id} says {row.status}."
                continue
            asked = attempt.mailbox, attempt.message, attempt.folder
            if attempt.due != 200:
                yield f"A request that had to be refused with {attempt.due} got a 200 ({request_id})."
            answered = attempt.answer.json
            if (answered["mailbox"], answered["id"], answered["folder"]) != asked:
                yield f"The client asked for {asked} and was told {answered}."
            if row is None:
                yield f"The client was told of a move by {request_id}, but the log has no such row."
            elif (row.status, row.mailbox, row.message, row.folder, row.folder_to) != (200, *asked, attempt.folder):
                yield f"The client was told {answered}, but the log says {row}."

    def _rows_that_nobody_asked_for(
        self, attempts: Collection[Attempt], in_doubt: Collection[int | None]
    ) -> Iterator[str]:
        possible = Counter(
            (attempt.message, attempt.folder)
            for attempt in attempts
            if attempt.due == 200 and attempt.status in in_doubt
        )
        for (message, folder), count in (self.unacknowledged(attempts) - possible).items():
            yield f"The log says {count} times more than anybody asked that message {message} was moved to {folder}."

    def _broken_chains(self, boxes: Sequence[Mailbox]) -> Iterator[str]:
        moves = self.moves
        for box in boxes:
            for message in box.messages:
                place = _FIRST_FOLDER
                for row in moves.get(message, []):
                    if row.folder_from != place:
                        yield f"Row {row.id} moves message {message} from {row.folder_from}, but it was in {place}."
                    place = row.folder_to or ""
                if self.whereabouts.get(message) != [(box.name, place)]:
                    yield f"The log leaves message {message} in {place}; it is in {self.whereabouts.get(message)}."

    def _messages_astray(self, boxes: Sequence[Mailbox]) -> Iterator[str]:
        imported = {message for box in boxes for message in box.messages}
        for message in self.whereabouts.keys() ^ imported:
            yield f"Message {message} was imported: {message in imported}; is there: {message in self.whereabouts}."

    def violations_of_lists(self, connect: Connect, application: Application) -> list[str]:
        """Give a sentence for each message that the lists of the service show elsewhere than the tables do.

        Each message has to be once in the list of its mailbox, and once in that of its folder and in no other's.
        """
        found = []
        with connect() as connection:
            wire = Wire(connection)
            for box in application.mailboxes:
                in_tables = {(m, rows[0][1]) for m, rows in self.whereabouts.items() if rows[0][0] == box.name}
                whole = _listed(wire, application, box)
                by_folder = [each for folder in places(box) for each in _listed(wire, application, box, folder)]
                for name, listed in [("mailbox", whole), ("folders", by_folder)]:
                    if sorted(listed) != sorted(in_tables):
                        differing = sorted({*listed} ^ in_tables) or "the same message twice"
                        found.append(f"The lists of the {name} of {box.name} and the tables differ: {differing}.")
        return found


def _ids_out_of_order(attempts: Collection[Attempt]) -> Iterator[str]:
    """Find moves that began when another one of the same message had ended, and yet have a smaller id."""
    by_message: dict[str, list[tuple[float, bool, int]]] = defaultdict(list)
    for attempt in attempts:
        if attempt.moved and attempt.answer:
            request_id = int(attempt.answer.request_id)
            by_message[attempt.message] += [(attempt.began, False, request_id), (attempt.ended, True, request_id)]
    for message, moments in by_message.items():
        greatest = 0
        for _, ended, request_id in sorted(moments):
            if ended:
                greatest = max(greatest, request_id)
            elif request_id < greatest:
                yield f"Message {message} was moved by {request_id} after it had been moved by {greatest}."


def _listed(wire: Wire, application: Application, box: Mailbox, folder: str | None = None) -> list[tuple[str, str]]:
    """Walk through the pages of a list; each message as its id and its folder."""
    found: list[tuple[str, str]] = []
    first = f"/direct/messages?mailbox={box.name}&limit=1000" + (f"&folder={folder}" if folder else "")
    target = first
    while target:
        headers = signed(application, method="GET", content_type=None, uri=target)
        page = wire.ask(head(target, headers, method="GET")).json
        found += [(message["id"], message["folder"]) for message in page["messages"]]
        target = f"{first}&after={page['next']}" if "next" in page else ""
    return found


def _damages(connection: Connection) -> Iterator[str]:
    """Find what SQLite itself calls damaged; PostgreSQL has checked its pages by their sums as they were read."""
    if connection.dialect.name == "sqlite":
        for check in ("integrity_check", "foreign_key_check"):
            for row in connection.exec_driver_sql(f"PRAGMA {check}"):
                if row[0] != "ok":
                    yield f"The {check} says: {row}."


_LOG = text("SELECT id, status, mailbox, message, folder, folder_from, folder_to FROM request_log ORDER BY id")
# Outer joins: a message without a folder, or with one of another mailbox, is to be found, not left out.
_WHEREABOUTS = text(
    "SELECT CAST(message.id AS VARCHAR), mailbox.name,"
    " CASE WHEN folder.standard THEN folder.name ELSE CAST(folder.id AS VARCHAR) END"
    " FROM message LEFT JOIN mailbox ON mailbox.id = message.mailbox_id"
    " LEFT JOIN folder ON folder.id = message.folder_id AND folder.mailbox_id = message.mailbox_id"
)
