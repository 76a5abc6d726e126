"""Seals of the request log and the audit: anybody who has their key can find out what was changed afterwards.

A seal covers a batch of rows and the previous seal. The key is not in the database, and servers do not need it.
"""

import datetime
import hashlib
import hmac
import json
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, SmallInteger, String, column, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from ..errors import OperatorError
from ..services import services
from ..storage.engine import Base, Id, UtcDateTime, db
from ..storage.transactions import Statement, StatementRunner, read_transaction, write_transaction
from .audit import AuditRow
from .request_log import RequestLogRow

#: The logs that are sealed, by their names in a seal.
LOGS: Mapping[str, type[RequestLogRow] | type[AuditRow]] = {"request": RequestLogRow, "audit": AuditRow}
#: The columns that a seal covers, by format. A new column needs a new format, so that older seals stay valid.
FORMATS: Mapping[tuple[str, int], Sequence[str]] = {
    ("request", 1): (
        *("id", "at", "remote_address", "application", "service", "method", "path", "status", "reason", "duration_ms"),
        *("mailbox", "message", "folder", "folder_from", "folder_to", "unbound"),
    ),
    ("audit", 1): ("id", "at", "actor", "act", "subject", "details"),
}
_FORMAT = 1
#: The digest of a row: its id, and half of an HMAC over its columns.
MARK = struct.Struct(">q16s")

_MAX_ROWS = 10_000
# Seconds to wait for transactions that write.
_SETTLING_SECONDS = 30.0


class Seal(Base):
    """A seal over the rows of a log whose ids are greater than `after_id` and at most `through_id`.

    Ids of seals have no gaps. `digest` is the SHA-256 of the row digests, `mac` the HMAC over all of this and the
    previous seal's mac.
    """

    __tablename__ = "seal"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    log: Mapped[str] = mapped_column(String(16))
    format: Mapped[int] = mapped_column(SmallInteger)
    after_id: Mapped[int] = mapped_column(Id)
    through_id: Mapped[int] = mapped_column(Id)
    rows: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class SealMarks(Base):
    """The digests of the rows that a seal covers, ordered by id; deleted with the last of the rows."""

    __tablename__ = "seal_marks"

    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"), primary_key=True, autoincrement=False)
    marks: Mapped[bytes] = mapped_column(LargeBinary)


def seal_logs() -> list[dict[str, Any]]:
    """Seal every settled row that is not sealed yet, and return the new seals in the form of describe_seal()."""
    key = seal_keys()[0]
    made = []
    for log in LOGS:
        through = _settled_through(log)
        while seal := _seal_batch(log, through, key):
            made.append(describe_seal(seal))
    return made


def seal_keys() -> tuple[bytes, ...]:
    """Return the keys of seals, the one that seals first; raise OperatorError if there is none."""
    keys: tuple[str, ...] = services().settings.seal_key
    if not keys:
        raise OperatorError("DAAS_SEAL_KEY must be set to make or verify seals.")
    return tuple(key.encode() for key in keys)


def list_seals(after: int) -> Iterable[Any]:
    """Return the seals after the one with this id, ordered by id."""
    while True:
        with read_transaction() as run:
            seals = run.rows(select(*Seal.__table__.columns).where(Seal.id > after).order_by(Seal.id).limit(1000))
        if not seals:
            return
        yield from seals
        after = seals[-1].id


def sealed_through(run: StatementRunner, log: str) -> int | None:
    """Return the id up to which a log is sealed; None if it has no seal."""
    return run.scalar(select(func.max(Seal.through_id)).where(Seal.log == log, _IS_SEAL))


def describe_seal(seal: Any) -> dict[str, Any]:
    """Return a seal as the JSON object that is stored outside the database."""
    return {**_covered(seal), "mac": seal.mac.hex()}


def mac_of(key: bytes, seal: Any, mac_before: bytes) -> bytes:
    """Return the mac of a seal, which covers the previous seal's mac; the first seal has no previous one."""
    return hmac.digest(key, b"seal\n" + _to_bytes([mac_before.hex(), _covered(seal)]), hashlib.sha256)


def mark_of(key: bytes, log: str, format_: int, row: Any) -> bytes:
    """Return the digest of a row."""
    values = [getattr(row, name) for name in FORMATS[log, format_]]
    shown = [value.isoformat() if isinstance(value, datetime.datetime) else value for value in values]
    covered = hmac.digest(key, b"row\n" + _to_bytes([log, format_, shown]), hashlib.sha256)
    return MARK.pack(row.id, covered[:16])


def read_rows(run: StatementRunner, log: str, after: int, through: int, limit: int | None = None) -> Sequence[Any]:
    """Return the rows of a log with ids greater than `after` and at most `through`, ordered by id."""
    table = LOGS[log].__table__
    rows = select(*table.columns).where(table.c.id > after, table.c.id <= through).order_by(table.c.id)
    return run.rows(rows.limit(limit))


def _covered(seal: Any) -> dict[str, Any]:
    return {
        "seal": str(seal.id),
        "at": seal.at.isoformat(),
        "log": seal.log,
        "format": seal.format,
        "after": str(seal.after_id),
        "through": str(seal.through_id),
        "rows": seal.rows,
        "digest": seal.digest.hex(),
    }


def _seal_batch(log: str, through: int, key: bytes) -> Any | None:
    with read_transaction() as run:
        before = run.first(select(Seal.id, Seal.mac).where(_IS_SEAL).order_by(Seal.id.desc()).limit(1))
        after = sealed_through(run, log) or 0
        rows = read_rows(run, log, after, through, _MAX_ROWS)
    if not rows:
        return None
    marks = b"".join(mark_of(key, log, _FORMAT, row) for row in rows)
    seal = Seal(
        id=before.id + 1 if before else 1,
        at=datetime.datetime.now(datetime.UTC),
        log=log,
        format=_FORMAT,
        after_id=after,
        through_id=rows[-1].id,
        rows=len(rows),
        digest=hashlib.sha256(marks).digest(),
    )
    seal.mac = mac_of(key, seal, before.mac if before else b"")
    try:
        with write_transaction() as run:
            run.change(insert(Seal).values({name: getattr(seal, name) for name in _SEAL_COLUMNS}))
            run.change(insert(SealMarks).values(seal_id=seal.id, marks=marks))
    except IntegrityError as error:
        raise OperatorError("Another seal was made at the same time; this one will be made the next time.") from error
    return seal


def _settled_through(log: str) -> int:
    """Return the id up to which no more rows can appear.

    PostgreSQL assigns an id before others can see the row, so rows with greater ids may appear earlier. Every writer
    locks the table before it gets an id: waiting for the writers that hold the lock now is enough.
    """
    table = LOGS[log]
    with read_transaction() as run:
        newest = run.scalar(select(func.max(table.id))) or 0
    if db.engine.dialect.name == "sqlite":
        return newest
    deadline = time.monotonic() + _SETTLING_SECONDS
    writers = _writers(table.__tablename__)
    while writers:
        if time.monotonic() > deadline:
            raise OperatorError(f"A transaction has been writing to {table.__tablename__} for too long to seal it now.")
        time.sleep(0.02)
        writers &= _writers(table.__tablename__)
    return newest


def _writers(table: str) -> set[str]:
    with read_transaction() as run:
        return {transaction for (transaction,) in run.rows(_WRITERS, table=table)}


def _to_bytes(value: object) -> bytes:
    # SQLite lets a text be bytes.
    return json.dumps(value, separators=(",", ":"), default=repr).encode()


# Genuine ids have no gaps: a forged row with another id must not determine how far the logs are sealed.
_IS_SEAL = Seal.id > 0
_SEAL_COLUMNS = [column.key for column in Seal.__table__.columns]
_WRITERS = Statement(
    text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND relation = CAST(:table AS regclass)"
    ).columns(column("virtualtransaction", String))
)
