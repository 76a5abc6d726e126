"""The request log as an application may read it: its own requests, without what others asked for in its name."""

import datetime
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from ..reasons import CONFIDENTIAL, USER_NOT_AUTHORIZED, WITHOUT_SIGNATURE, Reason
from ..storage.ids import MAX_ID
from ..storage.transactions import read_transaction
from .request_log import RequestLogRow, in_order_of_ids

#: The number of rows that one page reads at most, however few of them meet its conditions.
MAX_EXAMINED = 10_000

# The clock may have been set back by this much between two requests: older rows end a search for newer ones.
_CLOCK_ALLOWANCE = datetime.timedelta(days=1)


@dataclass(frozen=True)
class OwnRequests:
    """The conditions of a page of an application's requests, all of which a request must meet.

    `since` and `until` are inclusive times; `until` includes its whole second. `reason` is one that applications are
    shown. `mailbox` is compared in any case. `before` is the request_id at which the previous page ended, `limit` the
    number of requests in a page.
    """

    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    status: int | None = None
    reason: str | None = None
    mailbox: str | None = None
    id: int | None = None
    before: int = MAX_ID
    limit: int = 100


@dataclass(frozen=True)
class OwnRequest:
    """A request as the application that it names is shown it; what is not known, or not its business, is empty."""

    request_id: int
    at: datetime.datetime
    method: str
    path: str
    service: str
    status: int
    reason: str
    mailbox: str
    id: str
    folder: str
    moved_from: str
    moved_to: str
    remote_address: str
    duration_ms: float


def find_own_requests(application: str, wanted: OwnRequests) -> tuple[list[OwnRequest], int | None]:
    """Return a page of the requests that named a key of an application, newest first, and where the next page begins.

    That is the `before` of the next page, None after the last. A page reads MAX_EXAMINED rows at most, so it can be
    short or empty although there are more.
    """
    with read_transaction() as run:
        oldest = run.first(oldest_query(application, wanted.before))
        rows = run.rows(page_query(application, wanted, oldest.id - 1 if oldest else 0))
    page = [_show(row) for row in rows[: wanted.limit]]
    if len(rows) > wanted.limit:
        return page, page[-1].request_id
    if oldest is None or (wanted.since and oldest.at < wanted.since - _CLOCK_ALLOWANCE):
        return page, None
    return page, oldest.id


def shown_reasons() -> list[str]:
    """Return the reasons that applications are shown, in the order of the documentation."""
    reasons = [USER_NOT_AUTHORIZED if reason in CONFIDENTIAL else reason.value for reason in Reason]
    return [*dict.fromkeys(reasons)]


def oldest_query(application: str, before: int) -> Select[*tuple[Any, ...]]:
    """Return the query of id and time of the last row that a page may read; no row if it may read all that are left."""
    range_, order = in_order_of_ids(RequestLogRow.application, application, 0, before, newest_first=True)
    last = select(RequestLogRow.id).where(*range_).order_by(*order).offset(MAX_EXAMINED - 1).limit(1)
    return select(RequestLogRow.id, RequestLogRow.at).where(RequestLogRow.id == last.scalar_subquery())


def page_query(application: str, wanted: OwnRequests, after: int) -> Select[*tuple[Any, ...]]:
    """Return the query of a page of rows with ids greater than `after`, and one more row if there is one."""
    range_, order = in_order_of_ids(RequestLogRow.application, application, after, wanted.before, newest_first=True)
    # The rows of a batch's messages are not requests.
    query = select(*_COLUMNS).where(*range_, RequestLogRow.batch.is_(None), *_conditions(wanted))
    return query.order_by(*order).limit(wanted.limit + 1)


def _conditions(wanted: OwnRequests) -> list[ColumnElement[bool]]:
    """Return the conditions on a row; they can tell no more than the row shows."""
    row, found = RequestLogRow, []
    if wanted.since is not None:
        found.append(row.at >= wanted.since)
    if wanted.until is not None:
        # Times are shown in whole seconds: a request that is shown with this time must be found.
        found.append(row.at <= wanted.until.replace(microsecond=999_999))
    if wanted.status is not None:
        found.append(row.status == wanted.status)
    if wanted.reason == USER_NOT_AUTHORIZED:
        found.append(row.reason.in_([reason.value for reason in CONFIDENTIAL]))
    elif wanted.reason is not None:
        found.append(row.reason == wanted.reason)
    if wanted.mailbox is not None:
        found += [func.lower(func.trim(row.mailbox)) == wanted.mailbox, _IS_SIGNED]
    if wanted.id is not None:
        found += [func.trim(row.message) == str(wanted.id), _IS_SIGNED]
    return found


def _show(row: Any) -> OwnRequest:
    is_signed = row.unbound is not None or row.reason in _SIGNED
    signed = row if is_signed else None

    def of_signed(name: str) -> str:
        return getattr(signed, name, None) or ""

    return OwnRequest(
        request_id=row.id,
        at=row.at,
        method=row.method,
        path=of_signed("path").partition("?")[0],
        service=of_signed("service"),
        status=row.status,
        reason=USER_NOT_AUTHORIZED if row.reason in CONFIDENTIAL else row.reason,
        mailbox=of_signed("mailbox"),
        id=of_signed("message"),
        folder=of_signed("folder"),
        moved_from=of_signed("folder_from"),
        moved_to=of_signed("folder_to"),
        remote_address=row.remote_address,
        duration_ms=row.duration_ms,
    )


_COLUMNS = [column for column in RequestLogRow.__table__.columns if column.key != "batch"]
_SIGNED = frozenset(reason.value for reason in Reason if reason not in WITHOUT_SIGNATURE)
# The log notes only of a valid signature whether it covers the body.
_IS_SIGNED = or_(RequestLogRow.reason.in_(sorted(_SIGNED)), RequestLogRow.unbound.is_not(None))
