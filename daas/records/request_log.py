"""The request log: one row for every API request that finds the database, and the request_id that leads to it.

A row names applications, mailboxes, messages and folders in text and refers to no other table, so that it remains true
when they are changed or removed. It never contains a key, a signature, a body or a subject.
"""

import datetime
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from flask import Flask
from sqlalchemy import (
    ColumnElement,
    Index,
    SmallInteger,
    String,
    bindparam,
    event,
    insert,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from ..reasons import Reason
from ..storage.engine import Base, Id, UtcDateTime, db
from ..storage.transactions import Statement, StatementRunner, execute, read_transaction
from .text import MAX_TEXT, printable

# Rejections are logged without waiting for the disk, so that a power cut can lose the last of them, and with them the
# fact that their ids were used. PostgreSQL loses at most three times its wal_writer_delay (0.6 s). SQLite loses at most
# the pages between two checkpoints: 10,000, of which each commit takes at least three, for at most eight rows.
_SKIPPED_IDS = 50_000

# The number of rows that list_requests() reads in one transaction.
_BATCH_ROWS = 1000


#: The rows of moves that changed something, as the index of messages has them: a query must say it with these words.
IS_MOVE = text("folder_from <> folder_to")


class RequestLogRow(Base):
    """One API request and its result."""

    __tablename__ = "request_log"
    __table_args__ = (
        Index("ix_request_log_at", "at"),
        Index("ix_request_log_application_id", "application", "id"),
        Index("ix_request_log_message_id", "message", "id", sqlite_where=IS_MOVE, postgresql_where=IS_MOVE),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    remote_address: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The application whose public key the request names; only `reason` says whether the signature was good.
    application: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    service: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    method: Mapped[str] = mapped_column(String(MAX_TEXT))
    path: Mapped[str] = mapped_column(String(MAX_TEXT))
    status: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: From the arrival of the whole request to the writing of this row.
    duration_ms: Mapped[float]
    mailbox: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    message: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    folder: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    #: Where a moved message was, and where it is: a standard folder's name or a custom folder's id.
    folder_from: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    folder_to: Mapped[str | None] = mapped_column(String(MAX_TEXT))
    #: Whether a good signature did not cover the body; None without a body, or without a good signature.
    unbound: Mapped[bool | None]
    #: The request_id of the batch that moved this row's message; None for the row of a request.
    batch: Mapped[int | None] = mapped_column(Id)


@dataclass(slots=True)
class RequestRecord:
    """What is known of a request so far, written here as it becomes known; it becomes a row when the reason is known.

    `started` is a time of time.perf_counter(). `requested_arguments` are texts as they were sent, of `mailbox`, `id`
    and `folder`.
    """

    method: str
    path: str
    remote_address: str
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    started: float = field(default_factory=time.perf_counter)
    application: str | None = None
    service: str | None = None
    requested_arguments: Mapping[str, str] = field(default_factory=dict)
    body_unsigned: bool | None = None

    def to_row(self, status: int, reason: Reason) -> dict[str, Any]:
        """Return the row by its columns' names, all but its id; where a move went from and to is None."""
        return {
            "at": self.at,
            "remote_address": printable(self.remote_address),
            "application": self.application,
            "service": self.service,
            "method": printable(self.method),
            "path": printable(self.path),
            "status": status,
            "reason": reason.value,
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 3),
            "mailbox": printable(self.requested_arguments.get("mailbox")),
            "message": printable(self.requested_arguments.get("id")),
            "folder": printable(self.requested_arguments.get("folder")),
            "folder_from": None,
            "folder_to": None,
            "unbound": self.body_unsigned,
            "batch": None,
        }


class LoggedRequest(NamedTuple):
    """A request whose row is written; `request_id` is a decimal number as text."""

    request_id: str
    reason: Reason


def init_request_log(app: Flask) -> None:
    """Register the listener that keeps a serving application from using a request_id twice after a power cut."""
    with app.app_context():
        # SQLite loses rows only if this machine loses power, which ends this process too: once per process is enough.
        # A PostgreSQL server can lose power while this process runs on: so at each new connection.
        when = "first_connect" if db.engine.dialect.name == "sqlite" else "connect"
        event.listen(db.engine, when, skip_forgotten_ids)


def log_request(record: RequestRecord, status: int, reason: Reason) -> LoggedRequest:
    """Write the row of a successful request that changed nothing else; it is on disk when this returns."""
    row = cast(Any, execute(INSERT_ROW, **record.to_row(status, reason)))
    return LoggedRequest(str(row.id), reason)


def log_request_in(run: StatementRunner, record: RequestRecord, status: int, reason: Reason) -> LoggedRequest:
    """Write the row of a request in the transaction of what it changes."""
    return LoggedRequest(str(run.scalar(INSERT_ROW, **record.to_row(status, reason))), reason)


def log_rejection(record: RequestRecord, status: int, reason: Reason) -> LoggedRequest:
    """Write the row of a rejected request, without waiting for the disk."""
    row = cast(Any, execute(_INSERT_REJECTION, **record.to_row(status, reason)))
    return LoggedRequest(str(row.id), reason)


def skip_forgotten_ids(connection: DBAPIConnection, _record: object) -> None:
    """Skip the ids that may have been used before a power cut and lost in it; runs before the connection is used."""
    cursor = connection.cursor()
    for statement in _SKIP_IDS[db.engine.dialect.name]:
        cursor.execute(statement)
    cursor.close()
    connection.commit()


def find_request(request_id: int) -> RequestLogRow | None:
    """Return the row of a request_id, None if there is none."""
    return db.session.get(RequestLogRow, request_id)


def in_order_of_ids(
    column: ColumnElement[Any] | InstrumentedAttribute[Any],
    value: str,
    after: int,
    before: int,
    *,
    newest_first: bool = False,
) -> tuple[list[ColumnElement[bool]], list[ColumnElement[Any]]]:
    """Return conditions and order for the rows with a value, of ids between two, by the index of column and id."""
    id_ = RequestLogRow.id
    if db.engine.dialect.name == "postgresql":
        # Compared as one row, only that index can give the order. Otherwise PostgreSQL may walk along all ids, past
        # every row with another value. SQLite would not, and searches with the first column of a row only.
        of_row = tuple_(column, id_)
        range_ = [of_row > tuple_(literal(value), literal(after)), of_row < tuple_(literal(value), literal(before))]
    else:
        range_ = [column == value, id_ > after, id_ < before]
    return range_, [each.desc() if newest_first else each.asc() for each in (column, id_)]


def list_requests(since: datetime.datetime | None) -> Iterator[Any]:
    """Return the rows in the order of their ids, of requests at `since` or later, all by default.

    They are read some at a time, each time in a transaction of its own, so that a long listing delays nothing.
    """
    batch = select(*RequestLogRow.__table__.columns).order_by(RequestLogRow.id).limit(_BATCH_ROWS)
    if since is not None:
        batch = batch.where(RequestLogRow.at >= since)
    last = 0
    while True:
        with read_transaction() as run:
            rows = run.rows(batch.where(RequestLogRow.id > last))
        if not rows:
            return
        yield from rows
        last = rows[-1].id


COLUMNS = [column.key for column in RequestLogRow.__table__.columns if column.key != "id"]
_INSERT = insert(RequestLogRow).values({name: bindparam(name) for name in COLUMNS}).returning(RequestLogRow.id)
#: Writes a row and returns its id. For ids in the order of their effects, a transaction locks what it changes first.
INSERT_ROW = Statement(_INSERT)
_INSERT_REJECTION = Statement(_INSERT, durable=False)
_SKIP_IDS = {
    "sqlite": [
        "PRAGMA synchronous = FULL",
        # Requests wait for this one after the other: while the database is locked, each must get its 503 soon.
        # Every transaction sets its own timeout afterwards.
        "PRAGMA busy_timeout = 250",
        "BEGIN IMMEDIATE",
        f"UPDATE sqlite_sequence SET seq = seq + {_SKIPPED_IDS} WHERE name = 'request_log'",  # noqa: S608 - a constant
        "COMMIT",
    ],
    "postgresql": [
        "BEGIN",
        # Serialise concurrent skips.
        "SELECT pg_advisory_xact_lock(hashtext('daas request ids'))",
        f"SELECT setval('request_log_id_seq', nextval('request_log_id_seq') + {_SKIPPED_IDS})",
        "COMMIT",
    ],
}
