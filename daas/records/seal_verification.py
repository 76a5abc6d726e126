"""Verify the seals: find what was altered, deleted or sealed again in the request log and the audit."""

import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from ..errors import OperatorError
from ..storage.transactions import read_transaction
from .audit import AuditRow
from .request_log import RequestLogRow
from .seals import FORMATS, LOGS, MARK, SealMarks, describe_seal, list_seals, mac_of, mark_of, read_rows, seal_keys

# Anybody who can write to the database can give a seal any id: report at most this many missing ones before it.
_MAX_NAMED = 1000


@dataclass(frozen=True)
class Finding:
    """An error in a row of a log, or in a seal."""

    log: str
    id: int
    fault: str


@dataclass(frozen=True)
class Prune:
    """A recorded prune that explains the missing rows up to an id; `sealed` says whether a seal covers its record."""

    at: datetime.datetime
    actor: str
    through: int
    sealed: bool


@dataclass
class Report:
    """The result of a verification.

    `late` are rows without a seal although rows with greater ids are sealed: nothing is known about them. `unsealed`
    holds for each log the number of rows without a seal, the least id and the greatest.
    """

    seals: int = 0
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    late: list[Finding] = field(default_factory=list)
    pruned: list[Prune] = field(default_factory=list)
    unsealed: dict[str, tuple[int, int | None, int | None]] = field(default_factory=dict)


def verify_logs(kept: Mapping[int, Mapping[str, Any]] | None = None) -> Report:
    """Compare the logs with their seals, and the seals with copies from outside the database (by id).

    Only the copies reveal seals that somebody with the key made again, and that the last seals are missing.
    """
    keys = seal_keys()
    report = Report()
    through = dict.fromkeys(LOGS, 0)
    unmarked = []
    mac_before, number = b"", 0
    for seal in list_seals(0):
        missing = range(number + 1, seal.id)[:_MAX_NAMED]
        report.findings += [Finding("seal", id_, "missing") for id_ in missing]
        number = seal.id
        if not any(hmac.compare_digest(mac_of(key, seal, mac_before), seal.mac) for key in keys):
            report.findings.append(Finding("seal", seal.id, "altered"))
        elif kept and seal.id in kept and kept[seal.id] != describe_seal(seal):
            report.findings.append(Finding("seal", seal.id, "made anew"))
        if (seal.log, seal.format) in FORMATS:
            if not _check_rows(seal, keys, report):
                unmarked.append(seal)
            through[seal.log] = max(through[seal.log], seal.through_id)
        mac_before = seal.mac
        report.seals += 1
    report.findings += [Finding("seal", id_, "missing") for id_ in sorted(kept or ()) if id_ > number]
    _account_for_pruning(report, unmarked, through["audit"])
    report.unsealed = {log: _tail(log, through[log]) for log in LOGS}
    return report


def read_kept_seals(path: Path) -> dict[int, dict[str, Any]]:
    """Return the seals in a file, by id."""
    try:
        seals = [json.loads(line) for line in path.read_text().splitlines()]
        return {int(seal["seal"]): seal for seal in seals}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{path} cannot be read, or holds a line that is no seal.") from error


def _check_rows(seal: Any, keys: tuple[bytes, ...], report: Report) -> bool:
    """Compare the rows of a seal with their digests; return whether there are digests."""
    with read_transaction() as run:
        stored = run.scalar(select(SealMarks.marks).where(SealMarks.seal_id == seal.id))
        try:
            rows = read_rows(run, seal.log, seal.after_id, seal.through_id)
        except (ValueError, TypeError):  # SQLite accepts any value as a time.
            report.findings.append(Finding("seal", seal.id, "rows unreadable"))
            return True
    if stored is None:
        return False
    if hashlib.sha256(stored).digest() != seal.digest:
        report.findings.append(Finding("seal", seal.id, "marks altered"))
        stored = stored[: len(stored) - len(stored) % MARK.size]
    marks = {id_: MARK.pack(id_, mark) for id_, mark in MARK.iter_unpack(stored)}
    for row in rows:
        mark = marks.pop(row.id, None)
        if mark is None:
            report.late.append(Finding(seal.log, row.id, "late"))
        elif any(hmac.compare_digest(mark_of(key, seal.log, seal.format, row), mark) for key in keys):
            report.rows += 1
        else:
            report.findings.append(Finding(seal.log, row.id, "altered"))
    report.findings += [Finding(seal.log, id_, "deleted") for id_ in marks]
    return True


def _account_for_pruning(report: Report, unmarked: list[Any], audited_through: int) -> None:
    """Drop the errors that prunes explain; their records are read last, since a prune may be in progress.

    A prune deletes the oldest rows: a missing row after an existing one was not pruned, whatever a record says.
    """
    with read_transaction() as run:
        oldest = run.scalar(select(func.min(RequestLogRow.id)))
        prunes = select(*AuditRow.__table__.columns).where(AuditRow.act == "request prune").order_by(AuditRow.id)
        acts = run.rows(prunes)
    doubtful = {each.id for each in [*report.findings, *report.late] if each.log == "audit"}
    report.pruned = [
        Prune(act.at, act.actor, through, act.id <= audited_through)
        for act in acts
        if act.id not in doubtful and (through := _pruned_through(act.details)) is not None
    ]
    through = max((act.through for act in report.pruned), default=0)
    if oldest is not None:
        through = min(through, oldest - 1)
    report.findings = [
        each for each in report.findings if (each.log, each.fault) != ("request", "deleted") or each.id > through
    ]
    report.findings += [
        Finding("seal", seal.id, "marks missing")
        for seal in unmarked
        if seal.log != "request" or seal.through_id > through
    ]


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
