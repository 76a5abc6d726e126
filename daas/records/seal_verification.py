"""Verify the seals: find what was altered, deleted or sealed again in the request log and the audit."""

import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from ..errors import OperatorError
from ..storage.transactions import StatementRunner, read_transaction
from .audit import AuditRow
from .request_log import RequestLogRow
from .seals import (
    FORMATS,
    LOGS,
    PRUNE_ACT,
    PRUNES,
    ROW_DIGEST,
    RowDigests,
    describe_seal,
    is_sealed_by,
    list_seals,
    read_rows,
    row_digest,
    seal_keys,
    sealed_prunes,
)

# A forged seal can have any id: report at most this many missing ids before it.
_MAX_MISSING = 1000


@dataclass(frozen=True)
class LogError:
    """An error in a row of a log, or in a seal.

    `log` is `request`, `audit` or `seal`; `error` is a short text such as `altered` or `deleted`.
    """

    log: str
    id: int
    error: str


@dataclass(frozen=True)
class Prune:
    """A sealed prune that explains the missing rows up to an id.

    `sealed` says whether a seal of the audit covers its record too, besides the seal that the prune made.
    """

    at: datetime.datetime
    actor: str
    through: int
    sealed: bool


@dataclass
class Report:
    """The result of a verification.

    `seals` is the number of seals, `rows` that of unaltered rows. `late` are rows without a seal although rows with
    greater ids are sealed: nothing is known about them, so they are no errors. `unsealed` holds for each log the number
    of rows after its last seal, their least id and their greatest.
    """

    seals: int = 0
    rows: int = 0
    errors: list[LogError] = field(default_factory=list)
    late: list[LogError] = field(default_factory=list)
    pruned: list[Prune] = field(default_factory=list)
    unsealed: dict[str, tuple[int, int | None, int | None]] = field(default_factory=dict)


def verify_logs(kept: Mapping[int, Mapping[str, Any]] | None = None) -> Report:
    """Compare the logs with their seals, and the seals with `kept`: copies from outside the database, by id.

    Only the copies reveal seals that somebody with the key made again, and that the last seals are missing. Raises
    OperatorError if there is no key.
    """
    keys = seal_keys()
    report = Report()
    through = dict.fromkeys([*LOGS, PRUNES], 0)
    without_digests = []
    prunes = _Prunes()
    mac_before, number = b"", 0
    for seal in list_seals(0):
        missing = range(number + 1, seal.id)[:_MAX_MISSING]
        report.errors += [LogError("seal", id_, "missing") for id_ in missing]
        number = seal.id
        is_valid = is_sealed_by(keys, seal, mac_before)
        if is_valid and seal.id == 1:
            prunes.first_seal_at = seal.at
        if not is_valid:
            report.errors.append(LogError("seal", seal.id, "altered"))
        elif kept and seal.id in kept and kept[seal.id] != describe_seal(seal):
            report.errors.append(LogError("seal", seal.id, "made anew"))
        if (seal.log, seal.format) in FORMATS:
            rows = _check_rows(seal, keys, report)
            if rows is None:
                without_digests.append(seal)
            elif is_valid:
                prunes.see(seal, rows)
            through[seal.log] = max(through[seal.log], seal.through_id)
        mac_before = seal.mac
        report.seals += 1
    report.errors += [LogError("seal", id_, "missing") for id_ in sorted(kept or ()) if id_ > number]
    prunes.audited_through = through["audit"]
    _account_for_pruning(report, without_digests, prunes, keys)
    report.unsealed = {log: _tail(log, through[log]) for log in LOGS}
    return report


def read_kept_seals(path: Path) -> dict[int, dict[str, Any]]:
    """Return the seals in a file that `daas request seal --output` wrote, by id.

    Raises OperatorError if the file cannot be read or a line is not a seal.
    """
    try:
        seals = [json.loads(line) for line in path.read_text().splitlines()]
        return {int(seal["seal"]): seal for seal in seals}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{path} cannot be read, or contains a line that is not a seal.") from error


@dataclass
class _Prunes:
    """What verification learns about the records of prunes from the seals.

    `of_earlier_release` are the ids of those that seals of an earlier release cover, whose prunes made no seals.
    `first_seal_at` is when the first seal was made: prunes from before it deleted nothing that was sealed.
    """

    of_earlier_release: set[int] = field(default_factory=set)
    first_seal_at: datetime.datetime | None = None
    audited_through: int = 0

    def is_from_before_seals(self, act: Any) -> bool:
        """Return whether the record of a prune is older than all seals, as it says itself."""
        return self.first_seal_at is not None and act.at < self.first_seal_at

    def see(self, seal: Any, rows: Sequence[Any]) -> None:
        """Record the prunes among the unchanged rows of a valid seal."""
        if (seal.log, seal.format) == ("audit", 1):
            self.of_earlier_release.update(row.id for row in rows if row.act == PRUNE_ACT)


def _check_rows(seal: Any, keys: tuple[bytes, ...], report: Report) -> list[Any] | None:
    """Compare the rows of a seal with their digests, and report errors.

    Returns the unchanged rows; None if the seal has no row digests.
    """
    with read_transaction() as run:
        stored = run.scalar(select(RowDigests.marks).where(RowDigests.seal_id == seal.id))
        try:
            rows = read_rows(run, seal.log, seal.after_id, seal.through_id)
        except (ValueError, TypeError):  # SQLite accepts any value as a time.
            report.errors.append(LogError("seal", seal.id, "rows unreadable"))
            return []
    if stored is None:
        return None
    if hashlib.sha256(stored).digest() != seal.digest:
        report.errors.append(LogError("seal", seal.id, "marks altered"))
        stored = stored[: len(stored) - len(stored) % ROW_DIGEST.size]
    log = "audit" if seal.log == PRUNES else seal.log
    unchanged = []
    digests = {id_: ROW_DIGEST.pack(id_, covered) for id_, covered in ROW_DIGEST.iter_unpack(stored)}
    for row in rows:
        digest = digests.pop(row.id, None)
        if digest is None:
            report.late.append(LogError(log, row.id, "late"))
        elif any(hmac.compare_digest(row_digest(key, seal.log, seal.format, row), digest) for key in keys):
            unchanged.append(row)
        else:
            report.errors.append(LogError(log, row.id, "altered"))
    report.errors += [LogError(log, id_, "deleted") for id_ in digests]
    # A record of a prune is counted with the rows of the audit's own seal, not twice.
    report.rows += len(unchanged) if log == seal.log else 0
    return unchanged


def _account_for_pruning(report: Report, without_digests: list[Any], prunes: _Prunes, keys: tuple[bytes, ...]) -> None:
    """Drop the errors that prunes explain, and report unsealed prunes and row digests that are missing without a prune.

    The records of prunes are read last, since a prune may be in progress and is recorded before it deletes. It deletes
    only the oldest rows: a missing row after an existing one was not pruned, whatever a record says.
    """
    with read_transaction() as run:
        oldest = run.scalar(select(func.min(RequestLogRow.id)))
        sealed = sealed_prunes(run, keys) | prunes.of_earlier_release
        for (id_,) in run.rows(select(AuditRow.id).where(AuditRow.act == PRUNE_ACT).order_by(AuditRow.id)):
            act = _read_act(run, id_)
            if id_ not in sealed:
                if report.seals and (act is None or not prunes.is_from_before_seals(act)):
                    report.errors.append(LogError("audit", id_, "prune not sealed"))
            elif act is not None and (through := _pruned_through(act.details)) is not None:
                report.pruned.append(Prune(act.at, act.actor, through, id_ <= prunes.audited_through))
    through = max((prune.through for prune in report.pruned), default=0)
    if oldest is not None:
        through = min(through, oldest - 1)
    unexplained = [
        each for each in report.errors if (each.log, each.error) != ("request", "deleted") or each.id > through
    ]
    # The seal of a prune and one of the audit can report the same error.
    report.errors = [*dict.fromkeys(unexplained)]
    report.errors += [
        LogError("seal", seal.id, "marks missing")
        for seal in without_digests
        if seal.log != "request" or seal.through_id > through
    ]


def _read_act(run: StatementRunner, id_: int) -> Any | None:
    """Return a row of the audit; None if it cannot be read."""
    try:
        return next(iter(read_rows(run, "audit", id_ - 1, id_)), None)
    except (ValueError, TypeError):  # SQLite accepts any value as a time.
        return None


def _pruned_through(details: str) -> int | None:
    """Return the id up to which a prune deleted; None for a malformed record, which somebody else has written."""
    try:
        return int(json.loads(details)["through"])
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _tail(log: str, through: int) -> tuple[int, int | None, int | None]:
    id_ = LOGS[log].id
    with read_transaction() as run:
        [(count, least, greatest)] = run.rows(select(func.count(), func.min(id_), func.max(id_)).where(id_ > through))
    return count, least, greatest
