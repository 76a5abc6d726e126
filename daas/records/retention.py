"""Prune the request log, and tell up to when it was pruned."""

import datetime
import json
from collections.abc import Callable

from sqlalchemy import bindparam, delete, func, insert, select

from ..storage.transactions import Statement, StatementRunner, read_transaction, write_transaction
from .audit import IS_PRUNE, AuditRow, audit_row
from .request_log import RequestLogRow
from .seals import PRUNE_ACT, RowDigests, Seal, has_seals, record_prune, seal_keys, sealed_through

# Rows that one transaction deletes: with SQLite, moves wait for it.
_BATCH_ROWS = 500


def prune_requests(before: datetime.datetime, pruned_rows: Callable[[int], object] = lambda _: None) -> int:
    """Delete the rows of the request log from before a time, and return their number; report it after each step.

    It deletes rows in the order of their ids, up to the first that is not older, and if there are seals, only sealed
    rows: verification relies on that. The audit first records the last id; if there are seals, that record is sealed at
    once, since only then it explains missing rows. It can be interrupted and repeated. Raises OperatorError if there
    are seals, but no key.
    """
    with read_transaction() as run:
        is_sealed = has_seals(run)
        if is_sealed:
            seal_keys()
        through = _prunable_through(run, before)
        oldest = select(RequestLogRow.id).where(RequestLogRow.id <= through).order_by(RequestLogRow.id)
        if run.first(oldest.limit(1)) is None:
            return 0
        newest = run.scalar(_NEWEST, through=through, before=before)
    act = audit_row(PRUNE_ACT, before=before.isoformat(), through=through, newest=(newest or before).isoformat())
    if is_sealed:
        record_prune(act)
    else:
        with write_transaction() as run:
            run.change(insert(AuditRow).values(act))
    pruned = 0
    while True:
        with read_transaction() as run:
            ids = [id_ for (id_,) in run.rows(oldest.limit(_BATCH_ROWS))]
        if not ids:
            break
        with write_transaction() as run:
            step = run.change(delete(RequestLogRow).where(RequestLogRow.id <= ids[-1]))
        pruned += step
        pruned_rows(step)
    with write_transaction() as run:
        whole = select(Seal.id).where(Seal.log == "request", Seal.through_id <= through)
        run.change(delete(RowDigests).where(RowDigests.seal_id.in_(whole)))
    return pruned


def pruned_until(run: StatementRunner) -> datetime.datetime | None:
    """Return the time of the newest request that was pruned; None if none was.

    The last prune tells: an earlier one deleted only lower ids. Prunes by earlier releases told only the time before
    which they deleted.
    """
    act = run.first(_LAST_PRUNE)
    if act is None:
        return None
    try:
        details = json.loads(act.details)
        return datetime.datetime.fromisoformat(details.get("newest") or details["before"]).astimezone(datetime.UTC)
    except (ValueError, KeyError, TypeError, AttributeError):
        written_at: datetime.datetime = act.at
        return written_at  # An altered record: `daas request verify` finds it.


def _prunable_through(run: StatementRunner, before: datetime.datetime) -> int:
    """Return the id of the last row that may be deleted; 0 if there is none."""
    kept = select(RequestLogRow.id).where(RequestLogRow.at >= before).order_by(RequestLogRow.id).limit(1)
    first_kept = run.scalar(kept) or (run.scalar(select(func.max(RequestLogRow.id))) or 0) + 1
    through: int = first_kept - 1
    return min(through, sealed_through(run, "request") or 0) if has_seals(run) else through


_NEWEST = Statement(
    select(RequestLogRow.at)
    .where(RequestLogRow.at < bindparam("before"), RequestLogRow.id <= bindparam("through"))
    .order_by(RequestLogRow.at.desc())
    .limit(1)
)
_LAST_PRUNE = Statement(select(AuditRow.at, AuditRow.details).where(IS_PRUNE).order_by(AuditRow.id.desc()).limit(1))
