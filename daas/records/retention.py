"""Prune the request log."""

import datetime

from sqlalchemy import delete, func, insert, select

from ..storage.transactions import StatementRunner, read_transaction, write_transaction
from .audit import AuditRow, audit_row
from .request_log import RequestLogRow
from .seals import Seal, SealMarks, sealed_through

# Rows that one transaction deletes: with SQLite, moves wait for it.
_DELETED_AT_ONCE = 500


def prune_requests(before: datetime.datetime) -> int:
    """Delete the rows of the request log from before a time, and return their number.

    It deletes only the oldest rows: up to the first one that is not older, and if there are seals, none beyond them.
    The audit records first how far. It can be interrupted and repeated.
    """
    with read_transaction() as run:
        through = _prunable_through(run, before)
        oldest = select(RequestLogRow.id).where(RequestLogRow.id <= through).order_by(RequestLogRow.id)
        if run.first(oldest.limit(1)) is None:
            return 0
    with write_transaction() as run:
        run.change(insert(AuditRow).values(audit_row("request prune", before=before.isoformat(), through=through)))
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
    sealed = sealed_through(run, "request")
    return through if sealed is None else min(through, sealed)
