"""Prune the request log."""

import datetime

from sqlalchemy import delete, func, insert, select

from ..storage.transactions import StatementRunner, read_transaction, write_transaction
from .audit import AuditRow, audit_row
from .request_log import RequestLogRow
from .seals import PRUNE_ACT, Seal, SealMarks, has_seals, record_prune, seal_keys, sealed_through

# Rows that one transaction deletes: with SQLite, moves wait for it.
_DELETED_AT_ONCE = 500


def prune_requests(before: datetime.datetime) -> int:
    """Delete the rows of the request log from before a time, and return their number.

    It deletes only the oldest rows: up to the first one that is not older, and if there are seals, none beyond them.
    The audit records first how far; if there are seals, that record is sealed at once, since only then it explains
    missing rows. It can be interrupted and repeated. Raise OperatorError if there are seals, but no key.
    """
    with read_transaction() as run:
        is_sealed = has_seals(run)
        if is_sealed:
            seal_keys()
        through = _prunable_through(run, before)
        oldest = select(RequestLogRow.id).where(RequestLogRow.id <= through).order_by(RequestLogRow.id)
        if run.first(oldest.limit(1)) is None:
            return 0
    act = audit_row(PRUNE_ACT, before=before.isoformat(), through=through)
    if is_sealed:
        record_prune(act)
    else:
        with write_transaction() as run:
            run.change(insert(AuditRow).values(act))
    pruned = 0
    while True:
        with read_transaction() as run:
            ids = [id_ for (id_,) in run.rows(oldest.limit(_DELETED_AT_ONCE))]
        if not ids:
            break
        with write_transaction() as run:
            pruned += run.change(delete(RequestLogRow).where(RequestLogRow.id <= ids[-1]))
    with write_transaction() as run:
        whole = select(Seal.id).where(Seal.log == "request", Seal.through_id <= through)
        run.change(delete(SealMarks).where(SealMarks.seal_id.in_(whole)))
    return pruned


def _prunable_through(run: StatementRunner, before: datetime.datetime) -> int:
    kept = select(RequestLogRow.id).where(RequestLogRow.at >= before).order_by(RequestLogRow.id).limit(1)
    first_kept = run.scalar(kept) or (run.scalar(select(func.max(RequestLogRow.id))) or 0) + 1
    through: int = first_kept - 1
    return min(through, sealed_through(run, "request") or 0) if has_seals(run) else through
