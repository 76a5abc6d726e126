"""The request log: one row for every API request that finds the database, and the request_id that leads to it.

A row stands alone: it names applications, mailboxes, messages and folders in text and refers to nothing, so
that it stays true whatever becomes of them. It never holds a key, a signature, a body or a subject.
"""

import datetime
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask
from sqlalchemy import Connection, Index, SmallInteger, String, bindparam, event, insert, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id, UtcDateTime, db, reading
from ..storage.transactions import Statement, driver

# After a power cut the database may have forgotten its last refusals, and with them that it gave their ids
# out. PostgreSQL forgets at most three times its wal_writer_delay (0.6 s). SQLite forgets at most what it writes
# between two checkpoints: 10,000 pages, of which each commit takes at least three, for at most eight rows.
_GAP = 50_000

LONGEST_TEXT = 128
_LISTED_AT_ONCE = 1000


class RequestLogRow(Base):
    """One API request and what became of it."""

    __tablename__ = "request_log"
    __table_args__ = (Index("ix_request_log_at", "at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    remote_address: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    #: The application whose public key the request names; only `reason` says whether the signature was good.
    application: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    service: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    method: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    path: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    status: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    #: From the arrival of the whole request to the writing of this row.
    duration_ms: Mapped[float]
    mailbox: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    message: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    folder: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    #: Where a moved message was, and where it is: a standard folder's name or a custom folder's id.
    folder_from: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    folder_to: Mapped[str | None] = mapped_column(String(LONGEST_TEXT))
    #: Whether a good signature left the body uncovered; None if there was none to cover, or no good signature.
    unbound: Mapped[bool | None]


@dataclass
class Entry:
    """What is known of a request so far; it becomes a row when the request is decided."""

    method: str
    path: str
    remote_address: str
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    started: float = field(default_factory=time.perf_counter)
    application: str | None = None
    service: str | None = None
    asked: Mapping[str, str] = field(default_factory=dict)
    unbound: bool | None = None
    #: Why it was answered as it was, once that is decided.
    reason: str = ""
    is_counted_only: bool = False


def init_request_log(app: Flask) -> None:
    """Make sure, in an app that serves, that no request_id is given out twice."""
    with app.app_context():
        # No process outlives a power cut of its own machine; a PostgreSQL server may have one of its own.
        moment = "first_connect" if db.engine.dialect.name == "sqlite" else "connect"
        event.listen(db.engine, moment, skip_forgotten_ids)


def row_of(entry: Entry, status: int, reason: str) -> dict[str, Any]:
    """Give a request's row, by its columns' names, all but its id; where a move went from and to is left None."""
    entry.reason = reason
    return {
        "at": entry.at,
        "remote_address": storable(entry.remote_address),
        "application": entry.application,
        "service": entry.service,
        "method": storable(entry.method),
        "path": storable(entry.path),
        "status": status,
        "reason": reason,
        "duration_ms": round((time.perf_counter() - entry.started) * 1000, 3),
        "mailbox": storable(entry.asked.get("mailbox")),
        "message": storable(entry.asked.get("id")),
        "folder": storable(entry.asked.get("folder")),
        "folder_from": None,
        "folder_to": None,
        "unbound": entry.unbound,
    }


def record(entry: Entry, status: int, reason: str) -> str:
    """Write the row of a request that is answered by more than a refusal, and give its request_id when it is on disk.

    A request_id is a decimal number as text.
    """
    return str(cast(Any, driver().write_one(RECORD, **row_of(entry, status, reason))).id)


def record_in(connection: Connection, entry: Entry, status: int, reason: str) -> str:
    """Write the row of a request in the transaction of what it changes, and give its request_id."""
    recorded = insert(RequestLogRow).returning(RequestLogRow.id)
    return str(connection.execute(recorded, row_of(entry, status, reason)).scalar_one())


def record_refusal(entry: Entry, status: int, reason: str) -> str:
    """Write the row of a request that changed nothing, without waiting for the disk, and give its request_id."""
    return str(cast(Any, driver().write_one(_RECORD_REFUSAL, **row_of(entry, status, reason))).id)


def skip_forgotten_ids(connection: DBAPIConnection, _record: object) -> None:
    """Leave out the ids that may have been given out before a power cut and forgotten in it.

    Runs before the first use of a database that may have been through one.
    """
    cursor = connection.cursor()
    for statement in _SKIP_IDS[db.engine.dialect.name]:
        cursor.execute(statement)
    cursor.close()
    connection.commit()


def storable(value: str | None) -> str | None:
    """Cut a text to 128 characters and replace those that a database or a terminal would trip over."""
    if value is None or (len(value) <= LONGEST_TEXT and value.isprintable()):
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:LONGEST_TEXT])


def find_request(request_id: int) -> RequestLogRow | None:
    """Find the row of a request_id."""
    return db.session.get(RequestLogRow, request_id)


def list_requests(since: datetime.datetime | None) -> Iterator[Any]:
    """Give the rows in the order of their ids, those that arrived at `since` or later.

    Each batch is read in a transaction of its own, so that a long listing holds up nothing.
    """
    batch = select(*RequestLogRow.__table__.columns).order_by(RequestLogRow.id).limit(_LISTED_AT_ONCE)
    if since is not None:
        batch = batch.where(RequestLogRow.at >= since)
    last = 0
    while True:
        with reading() as connection:
            rows = connection.execute(batch.where(RequestLogRow.id > last)).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].id


COLUMNS = [column.key for column in RequestLogRow.__table__.columns if column.key != "id"]
_INSERT = insert(RequestLogRow).values({name: bindparam(name) for name in COLUMNS}).returning(RequestLogRow.id)
#: Writes a row and gives its id. Whoever must have an order of ids that is the order of effects holds what it
#: changes while running this.
RECORD = Statement(_INSERT)
_RECORD_REFUSAL = Statement(_INSERT, durable=False)
_SKIP_IDS = {
    "sqlite": [
        "PRAGMA synchronous = FULL",
        # Requests wait for this one after the other: while the database is locked, each must be refused soon.
        # Every transaction sets its own wait again.
        "PRAGMA busy_timeout = 250",
        "BEGIN IMMEDIATE",
        f"UPDATE sqlite_sequence SET seq = seq + {_GAP} WHERE name = 'request_log'",  # noqa: S608 - a constant
        "COMMIT",
    ],
    "postgresql": [
        "BEGIN",
        # Of two that skip at once, the second must begin where the first has ended.
        "SELECT pg_advisory_xact_lock(hashtext('daas request ids'))",
        f"SELECT setval('request_log_id_seq', nextval('request_log_id_seq') + {_GAP})",
        "COMMIT",
    ],
}
