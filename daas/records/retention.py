"""How long the request log is kept."""

import datetime

from sqlalchemy import Connection, delete, func, insert, select

from ..storage.engine import reading, writing
from .audit import AuditRow, audit_row
from .request_log import RequestLogRow
from .seals import Seal, SealMarks, sealed_through

# So many rows are deleted in one transaction: moves wait for that on SQLite, and only there.
_DELETED_AT_ONCE = 500


def prune_requests(before: datetime.datetime) -> int:
    """Delete the rows of the request log that are older than a moment, and tell how many.

    Only the oldest go: as far as the first row that is not older, and once there are seals, not beyond them.
    The audit says how far, first. Can be interrupted and run again.
    """
    with reading() as connection:
        through = _prunable_through(connection, before)
        oldest = select(RequestLogRow.id).where(RequestLogRow.id <= through).order_by(RequestLogRow.id)
        if connection.scalar(oldest.limit(1)) is None:
            return 0
    with writing() as connection:
        connection.execute(insert(AuditRow), audit_row("request prune", before=before.isoformat(), through=through))
    pruned = 0
    while True:
        with reading() as connection:
            ids = connection.scalars(oldest.limit(_DELETED_AT_ONCE)).all()
        if not ids:
            break
        with writing() as connection:
            pruned += connection.execute(delete(RequestLogRow).where(RequestLogRow.id <= ids[-1])).rowcount
    with writing() as connection:
        whole = select(Seal.id).where(Seal.log == "request", Seal.through_id <= through)
        connection.execute(delete(SealMarks).where(SealMarks.seal_id.in_(whole)))
    return pruned


def _prunable_through(connection: Connection, before: datetime.datetime) -> int:
    kept = select(RequestLogRow.id).where(RequestLogRow.at >= before).order_by(RequestLogRow.id).limit(1)
    first_kept = connection.scalar(kept) or (connection.scalar(select(func.max(RequestLogRow.id))) or 0) + 1
    through: int = first_kept - 1
    sealed = sealed_through(connection, "request")
    return through if sealed is None else min(through, sealed)
