"""Seals of the request log and the audit: with their key, an operator can detect later changes.

A seal covers a batch of rows and the previous seal. The key is not in the database, and servers do not need it.
"""

import datetime
import hashlib
import hmac
import json
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

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
#: The act in the audit that explains missing rows of the request log.
PRUNE_ACT = "request prune"
#: The log in the seals that `daas request prune` makes: each covers one row of the audit, the record of that prune.
PRUNES = "prune"
_REQUEST_COLUMNS = (
    *("id", "at", "remote_address", "application", "service", "method", "path", "status", "reason", "duration_ms"),
    *("mailbox", "message", "folder", "folder_from", "folder_to", "unbound"),
)
_AUDIT_COLUMNS = ("id", "at", "actor", "act", "subject", "details")
#: The columns that a seal covers, by format. A new column needs a new format, so that older seals stay valid.
#: Seals of the audit in format 1 are from an earlier release and cover every prune; in format 2 they leave out a prune
#: that `daas request prune` did not seal.
FORMATS: Mapping[tuple[str, int], Sequence[str]] = {
    ("request", 1): _REQUEST_COLUMNS,
    ("request", 2): (*_REQUEST_COLUMNS, "batch"),
    ("audit", 1): _AUDIT_COLUMNS,
    ("audit", 2): _AUDIT_COLUMNS,
    (PRUNES, 1): _AUDIT_COLUMNS,
}
#: The stored digest of a row, 24 bytes: its id, and the first half of an HMAC-SHA256 over its columns.
ROW_DIGEST = struct.Struct(">q16s")

# Rows of one seal, so that a batch fits in memory.
_MAX_ROWS = 10_000
# Seconds to wait for transactions that are writing to a log.
_SETTLING_SECONDS = 30.0


class Seal(Base):
    """A seal over the rows of a log whose ids are greater than `after_id` and at most `through_id`.

    Ids of seals have no gaps. `digest` is the SHA-256 of the row digests, `mac` the HMAC over the other columns
    and the previous seal's mac.
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


class RowDigests(Base):
    """The digests of the rows that a seal covers, ordered by id; deleted with the last of the rows."""

    __tablename__ = "seal_marks"

    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"), primary_key=True, autoincrement=False)
    marks: Mapped[bytes] = mapped_column(LargeBinary)


def seal_logs(sealed_rows: Callable[[int], object] = lambda _: None) -> list[dict[str, Any]]:
    """Seal every settled row that is not sealed yet, and return the new seals in the form of describe_seal().

    It reports the number of rows of each seal as soon as it is made.

    Raises OperatorError if there is no key, if another process seals at the same time, or if a transaction that writes
    does not end.
    """
    keys = seal_keys()
    made = []
    for log in LOGS:
        through = _settled_through(log)
        while seal := _seal_batch(log, through, keys):
            made.append(describe_seal(seal))
            sealed_rows(seal.rows)
    return made


def count_unsealed() -> int:
    """Return about how many rows are not sealed yet: as many as there are ids, of which some are skipped."""
    with read_transaction() as run:
        newest = {log: run.scalar(select(func.max(table.id))) or 0 for log, table in LOGS.items()}
        return sum(last - (sealed_through(run, log) or 0) for log, last in newest.items())


def seal_keys() -> tuple[bytes, ...]:
    """Return the keys of seals, the one that seals first; raise OperatorError if there is none."""
    keys: tuple[str, ...] = services().settings.seal_key
    if not keys:
        raise OperatorError("DAAS_SEAL_KEY is not set: set it to make or verify seals, or to prune a sealed log.")
    return tuple(key.encode() for key in keys)


def list_seals(after: int) -> Iterable[Any]:
    """Yield the seals with ids greater than `after`, ordered by id."""
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


def has_seals(run: StatementRunner) -> bool:
    """Return whether there are any seals."""
    return run.first(select(Seal.id).where(_IS_SEAL).limit(1)) is not None


def newest_format(log: str) -> int:
    """Return the format of new seals of a log."""
    return max(number for name, number in FORMATS if name == log)


def record_prune(act: Mapping[str, Any]) -> None:
    """Write the audit row of a prune and its seal in one transaction; without that seal the row explains nothing.

    Raise OperatorError if there is no key, or if another seal was made at the same time.
    """
    key = seal_keys()[0]
    try:
        with write_transaction() as run:
            id_ = cast(int, run.scalar(insert(AuditRow).values(act).returning(AuditRow.id)))
            rows = read_rows(run, PRUNES, id_ - 1, id_)
            _write_seal(run, PRUNES, (id_ - 1, id_), rows, key, _last_seal(run))
    except IntegrityError as error:
        raise OperatorError("Another process made a seal, so nothing was pruned: run the command again.") from error


def sealed_prunes(run: StatementRunner, keys: Sequence[bytes]) -> set[int]:
    """Return the ids of the audit rows that `daas request prune` sealed and that are unchanged since."""
    ids = set()
    for seal in run.rows(select(*Seal.__table__.columns).where(Seal.log == PRUNES, _IS_SEAL)):
        mac_before = run.scalar(select(Seal.mac).where(Seal.id == seal.id - 1)) or b""
        if (PRUNES, seal.format) not in FORMATS or not is_sealed_by(keys, seal, mac_before):
            continue
        try:
            rows = read_rows(run, PRUNES, seal.through_id - 1, seal.through_id)
        except (ValueError, TypeError):  # SQLite accepts any value as a time.
            continue
        digests = [row_digest(key, PRUNES, seal.format, row) for row in rows for key in keys]
        if any(hmac.compare_digest(hashlib.sha256(digest).digest(), seal.digest) for digest in digests):
            ids.add(seal.through_id)
    return ids


def is_sealed_by(keys: Sequence[bytes], seal: Any, mac_before: bytes) -> bool:
    """Return whether one of the keys made a seal; `mac_before` is the previous seal's mac, empty for the first seal."""
    return any(hmac.compare_digest(mac_of(key, seal, mac_before), seal.mac) for key in keys)


def describe_seal(seal: Any) -> dict[str, Any]:
    """Return a seal as the JSON object that is stored outside the database."""
    return {**_covered(seal), "mac": seal.mac.hex()}


def mac_of(key: bytes, seal: Any, mac_before: bytes) -> bytes:
    """Return the mac of a seal; `mac_before` is the previous seal's mac, empty for the first seal."""
    return hmac.digest(key, b"seal\n" + _to_bytes([mac_before.hex(), _covered(seal)]), hashlib.sha256)


def row_digest(key: bytes, log: str, format_: int, row: Any) -> bytes:
    """Return the digest of a row, as ROW_DIGEST packs it."""
    values = [getattr(row, name) for name in FORMATS[log, format_]]
    shown = [value.isoformat() if isinstance(value, datetime.datetime) else value for value in values]
    covered = hmac.digest(key, b"row\n" + _to_bytes([log, format_, shown]), hashlib.sha256)
    return ROW_DIGEST.pack(row.id, covered[:16])


def read_rows(run: StatementRunner, log: str, after: int, through: int, limit: int | None = None) -> Sequence[Any]:
    """Return the rows of a log with ids greater than `after` and at most `through`, ordered by id."""
    table = LOGS["audit" if log == PRUNES else log].__table__
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


def _seal_batch(log: str, through: int, keys: Sequence[bytes]) -> Any | None:
    with read_transaction() as run:
        before = _last_seal(run)
        after = last = sealed_through(run, log) or 0
        rows: Sequence[Any] = ()
        # A batch may contain nothing but forged prunes: those after it must be sealed all the same.
        while not rows and (batch := read_rows(run, log, last, through, _MAX_ROWS)):
            last = batch[-1].id
            rows = _without_forged_prunes(run, batch, keys) if log == "audit" else batch
    if not rows:
        return None
    try:
        with write_transaction() as run:
            return _write_seal(run, log, (after, last), rows, keys[0], before)
    except IntegrityError as error:
        raise OperatorError("Another process made a seal at the same time: run the command again.") from error


def _without_forged_prunes(run: StatementRunner, acts: Sequence[Any], keys: Sequence[bytes]) -> Sequence[Any]:
    """Return the acts except those that claim to be prunes and that `daas request prune` did not seal."""
    if all(act.act != PRUNE_ACT for act in acts):
        return acts
    sealed = sealed_prunes(run, keys)
    return [act for act in acts if act.act != PRUNE_ACT or act.id in sealed]


def _last_seal(run: StatementRunner) -> Any | None:
    return run.first(select(Seal.id, Seal.mac).where(_IS_SEAL).order_by(Seal.id.desc()).limit(1))


def _write_seal(
    run: StatementRunner, log: str, ids: tuple[int, int], rows: Sequence[Any], key: bytes, before: Any | None
) -> Seal:
    """Write the seal that follows another one, over rows with ids greater than the first of `ids` up to the second.

    Raise IntegrityError if `before` is not the last seal.
    """
    format_ = newest_format(log)
    digests = b"".join(row_digest(key, log, format_, row) for row in rows)
    seal = Seal(
        id=before.id + 1 if before else 1,
        at=datetime.datetime.now(datetime.UTC),
        log=log,
        format=format_,
        after_id=ids[0],
        through_id=ids[1],
        rows=len(rows),
        digest=hashlib.sha256(digests).digest(),
    )
    seal.mac = mac_of(key, seal, before.mac if before else b"")
    run.change(insert(Seal).values({name: getattr(seal, name) for name in _SEAL_COLUMNS}))
    run.change(insert(RowDigests).values(seal_id=seal.id, marks=digests))
    return seal


def _settled_through(log: str) -> int:
    """Return the id up to which no more rows can appear.

    PostgreSQL assigns an id before others can see the row, so rows with greater ids may appear earlier. Every writer
    locks the table before it gets an id: waiting for the writers that hold the lock now is enough. SQLite has one
    writer at a time. Raises OperatorError if a writer holds the lock for more than 30 seconds.
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
            raise OperatorError(
                f"A transaction has been writing to the table {table.__tablename__} for more than 30 seconds: end it,"
                " or run the command again later."
            )
        time.sleep(0.02)
        writers &= _writers(table.__tablename__)
    return newest


def _writers(table: str) -> set[str]:
    with read_transaction() as run:
        return {transaction for (transaction,) in run.rows(_WRITERS, table=table)}


def _to_bytes(value: object) -> bytes:
    # `default` is for altered rows: in SQLite a text column can contain bytes.
    return json.dumps(value, separators=(",", ":"), default=repr).encode()


# The ids of genuine seals begin at 1: a forged row with another id must not determine how far the logs are sealed.
_IS_SEAL = Seal.id > 0
_SEAL_COLUMNS = [column.key for column in Seal.__table__.columns]
_WRITERS = Statement(
    text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND relation = CAST(:table AS regclass)"
    ).columns(column("virtualtransaction", String))
)
