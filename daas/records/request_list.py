"""Find requests in the log, for operators: the last ones that match, and those that come next."""

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from ..storage.transactions import NO_LIMIT, StatementRunner, read_transaction
from .request_log import RequestLogRow

# The number of rows that all_requests() reads in one transaction.
_BATCH_ROWS = 1000
# Seconds between two looks for new rows.
_PAUSE_SECONDS = 0.5
# PostgreSQL assigns an id before others can see the row: rows this far before the newest one can appear late.
_LATE_IDS = 200


@dataclass(frozen=True, kw_only=True)
class RequestFilter:
    """What a request must have to be listed; None, or no value at all, accepts every request."""

    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    status: int | None = None
    reason: str | None = None
    application: str | None = None
    mailbox: str | None = None
    message: int | None = None

    def query(self) -> Select[Any]:
        """Return the query of the matching rows, without an order."""
        row = RequestLogRow
        conditions: dict[str, Callable[[Any], ColumnElement[bool]]] = {
            "since": lambda since: row.at >= since,
            "until": lambda until: row.at <= until,
            "status": lambda status: row.status == status,
            "reason": lambda reason: row.reason == reason,
            "application": lambda name: row.application == name,
            # The log has the mailbox as it was sent, in any case.
            "mailbox": lambda name: func.lower(row.mailbox) == name.lower(),
            "message": lambda id_: row.message == str(id_),
        }
        wanted = {name: value for name, value in vars(self).items() if value is not None}
        return select(*row.__table__.columns).where(*[conditions[name](value) for name, value in wanted.items()])


def last_requests(criteria: RequestFilter, limit: int) -> Sequence[Any]:
    """Return the last rows that match, at most `limit`, ordered by id."""
    with read_transaction(NO_LIMIT) as run:
        found = run.rows(criteria.query().order_by(RequestLogRow.id.desc()).limit(limit))
    return [*reversed(found)]


def all_requests(criteria: RequestFilter) -> Iterator[Any]:
    """Yield all rows that match, ordered by id; they are read in batches, so that a long listing delays nothing."""
    batch = criteria.query().order_by(RequestLogRow.id).limit(_BATCH_ROWS)
    last = 0
    while True:
        with read_transaction(NO_LIMIT) as run:
            rows = run.rows(batch.where(RequestLogRow.id > last))
        if not rows:
            return
        yield from rows
        last = rows[-1].id


def follow_requests(criteria: RequestFilter, limit: int) -> Iterator[Sequence[Any]]:
    """Yield the last rows that match, at most `limit`, then those that appear in the log, without end."""
    with read_transaction(NO_LIMIT) as run:
        newest = _newest(run)
        rows = run.rows(criteria.query().order_by(RequestLogRow.id.desc()).limit(limit + _LATE_IDS))
    yield [*reversed(rows[:limit])]
    seen = {row.id for row in rows}
    while True:
        with read_transaction(NO_LIMIT) as run:
            after = newest - _LATE_IDS
            newest = _newest(run)
            rows = run.rows(criteria.query().where(RequestLogRow.id > after).order_by(RequestLogRow.id))
        if new := [row for row in rows if row.id not in seen]:
            yield new
        seen = {row.id for row in rows}
        time.sleep(_PAUSE_SECONDS)


def _newest(run: StatementRunner) -> int:
    return run.scalar(select(func.max(RequestLogRow.id))) or 0


def count_requests(since: datetime.datetime | None = None, until: datetime.datetime | None = None) -> int:
    """Return the number of rows between two times."""
    matching = RequestFilter(since=since, until=until).query().subquery()
    with read_transaction(NO_LIMIT) as run:
        return run.scalar(select(func.count()).select_from(matching)) or 0
