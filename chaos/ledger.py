"""The ledger: the tables of the database, compared with the responses that the clients got.

It reads the database itself, with plain SQL; from the service it gets only the lists of messages.
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

#: The folder in which every message begins.
_FIRST_FOLDER = "Inbox"


@dataclass(frozen=True)
class Row:
    """A row of the request log; `folder` is the argument, `folder_from` and `folder_to` are what the service moved."""

    id: int
    status: int
    mailbox: str | None
    message: str | None
    folder: str | None
    folder_from: str | None
    folder_to: str | None
    reason: str
    batch: int | None


@dataclass(frozen=True)
class Ledger:
    """The contents of the tables: the log ordered by id, and the rows (mailbox, folder) of each message."""

    log: Sequence[Row]
    whereabouts: dict[str, list[tuple[str, str]]]
    corruption: Sequence[str]

    @classmethod
    def read(cls, settings: Settings) -> "Ledger":
        """Return the tables of a database, read in one transaction."""
        engine = create_engine(settings.database_url, isolation_level="SERIALIZABLE")
        try:
            with engine.begin() as connection:
                return cls.read_within(connection)
        finally:
            engine.dispose()

    @classmethod
    def read_within(cls, connection: Connection) -> "Ledger":
        """Return the tables as a transaction sees them."""
        whereabouts: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for message, mailbox, folder in connection.execute(_WHEREABOUTS):
            whereabouts[message].append((mailbox, folder))
        return cls([Row(*row) for row in connection.execute(_LOG)], whereabouts, [*_find_corruption(connection)])

    @property
    def moves(self) -> dict[str, list[Row]]:
        """The rows of successful moves, by message, ordered by id."""
        moves: dict[str, list[Row]] = defaultdict(list)
        for row in self.log:
            if row.status == 200 and row.folder_to is not None:
                moves[row.message or ""].append(row)
        return moves

    def find_errors(
        self, attempts: Collection[Attempt], boxes: Sequence[Mailbox], in_doubt: Collection[int | None]
    ) -> list[str]:
        """Return a sentence for each contradiction.

        `attempts` are all requests about the mailboxes. After a status in `in_doubt` the move may have been made or
        not; None stands for a lost connection.
        """
        return [
            *self._responses_without_row(attempts),
            *self._rows_without_request(attempts, in_doubt),
            *_ids_out_of_order(attempts),
            *self.find_contradictions(boxes),
        ]

    def find_contradictions(self, boxes: Sequence[Mailbox]) -> list[str]:
        """Return a sentence for each contradiction of the tables with each other."""
        return [*self.corruption, *self._broken_chains(boxes), *self._wrong_messages(boxes)]

    def unacknowledged(self, attempts: Collection[Attempt]) -> Counter[tuple[str, str]]:
        """Count the moves that were made without a 200 for a client, by message and folder."""
        told = {attempt.answer.request_id for attempt in attempts if attempt.moved and attempt.answer}
        rows = (row for rows in self.moves.values() for row in rows if str(row.id) not in told)
        return Counter((row.message or "", row.folder_to or "") for row in rows)

    def _responses_without_row(self, attempts: Collection[Attempt]) -> Iterator[str]:
        rows = {str(row.id): row for row in self.log}
        seen: set[str] = set()
        for attempt in attempts:
            if attempt.answer is None:
                continue
            request_id = attempt.answer.request_id
            if request_id in seen:
                yield f"The request_id {request_id} was used twice."
            seen.add(request_id)
            row = rows.get(request_id)
            if not attempt.moved:
                if row and row.status != attempt.status:
                    yield f"The client got {attempt.status}, but row {request_id} says {row.status}."
                continue
            arguments = attempt.mailbox, attempt.message, attempt.folder
            if attempt.due != 200:
                yield f"A request that must get {attempt.due} got a 200 ({request_id})."
            body = attempt.answer.json
            if (body["mailbox"], body["id"], body["folder"]) != arguments:
                yield f"The client sent {arguments} and got {body}."
            if row is None:
                yield f"The client got a 200 with {request_id}, but the log has no such row."
            elif (row.status, row.mailbox, row.message, row.folder, row.folder_to) != (200, *arguments, attempt.folder):
                yield f"The client got {body}, but the log says {row}."

    def _rows_without_request(self, attempts: Collection[Attempt], in_doubt: Collection[int | None]) -> Iterator[str]:
        possible = Counter(
            (attempt.message, attempt.folder)
            for attempt in attempts
            if attempt.due == 200 and attempt.status in in_doubt
        )
        for (message, folder), count in (self.unacknowledged(attempts) - possible).items():
            yield f"The log has {count} moves of message {message} to {folder} that no client requested."

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

    def _wrong_messages(self, boxes: Sequence[Mailbox]) -> Iterator[str]:
        imported = {message for box in boxes for message in box.messages}
        for message in self.whereabouts.keys() ^ imported:
            yield f"Message {message} was imported: {message in imported}; exists: {message in self.whereabouts}."

    def find_list_errors(self, connect: Connect, application: Application) -> list[str]:
        """Return a sentence for each difference between the lists of the service and the tables.

        Each message must be once in the list of its mailbox, once in the list of its folder, and in no other list.
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
    """Yield a sentence for each move that began after another move of the message ended, but has a smaller id."""
    by_message: dict[str, list[tuple[float, bool, int]]] = defaultdict(list)
    for attempt in attempts:
        if attempt.moved and attempt.answer:
            request_id = int(attempt.answer.request_id)
            by_message[attempt.message] += [(attempt.began, False, request_id), (attempt.ended, True, request_id)]
    for message, moments in by_message.items():
        highest = 0
        for _, ended, request_id in sorted(moments):
            if ended:
                highest = max(highest, request_id)
            elif request_id < highest:
                yield f"Message {message} was moved by {request_id} after it had been moved by {highest}."


def _listed(wire: Wire, application: Application, box: Mailbox, folder: str | None = None) -> list[tuple[str, str]]:
    """Return id and folder of each message in all pages of a list."""
    found: list[tuple[str, str]] = []
    first = f"/direct/messages?mailbox={box.name}&limit=1000" + (f"&folder={folder}" if folder else "")
    target = first
    while target:
        headers = signed(application, method="GET", content_type=None, uri=target)
        page = wire.ask(head(target, headers, method="GET")).json
        found += [(message["id"], message["folder"]) for message in page["messages"]]
        target = f"{first}&after={page['next']}" if "next" in page else ""
    return found


def _find_corruption(connection: Connection) -> Iterator[str]:
    """Yield what SQLite's own checks report; PostgreSQL has compared the checksums of all pages that were read."""
    if connection.dialect.name == "sqlite":
        for check in ("integrity_check", "foreign_key_check"):
            for row in connection.exec_driver_sql(f"PRAGMA {check}"):
                if row[0] != "ok":
                    yield f"The {check} says: {row}."


_LOG = text(
    "SELECT id, status, mailbox, message, folder, folder_from, folder_to, reason, batch FROM request_log ORDER BY id"
)
# Outer joins, so that a message without a folder, or in a folder of another mailbox, is found.
_WHEREABOUTS = text(
    "SELECT CAST(message.id AS VARCHAR), mailbox.name,"
    " CASE WHEN folder.standard THEN folder.name ELSE CAST(folder.id AS VARCHAR) END"
    " FROM message LEFT JOIN mailbox ON mailbox.id = message.mailbox_id"
    " LEFT JOIN folder ON folder.id = message.folder_id AND folder.mailbox_id = message.mailbox_id"
)
