"""`daas request`."""

import datetime
import re
from collections.abc import Iterable

import click

from ..errors import OperatorError
from ..request_log import RequestLogRow, find_request, list_requests
from ..signing.dates import DateUnreadable, read_date
from .context import uses_database
from .output import ID, Row, prints_result

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Since(click.ParamType[datetime.datetime]):
    """A moment: `90m`, `24h` or `7d` ago, a day such as 2026-11-02 (UTC), or a date with time and zone."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        text = str(value).strip()
        try:
            if ago := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
                return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                text += "T00:00:00Z"
            return datetime.datetime.fromtimestamp(read_date(text).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError):
            self.fail(f"{text!r} is not like 24h, 2026-11-02 or 2026-11-02T15:00:00Z.", param, ctx)


@click.group()
def request() -> None:
    """Look at the request log."""


@request.command("list")
@click.option("--since", type=_Since(), help="From then on: 90m, 24h or 7d ago, 2026-11-02, or a date with zone.")
@uses_database
@prints_result
def list_(since: datetime.datetime | None) -> Iterable[Row]:
    """List the requests, refused ones too, in the order of their ids."""
    return map(_describe, list_requests(since))


@request.command()
@click.argument("request_id", metavar="ID", type=ID)
@uses_database
@prints_result
def show(request_id: int) -> Row:
    """Show what became of a request."""
    row = find_request(request_id)
    if row is None:
        raise OperatorError(f"There is no request {request_id} in the log.")
    return _describe(row)


def _describe(row: RequestLogRow) -> Row:
    return {
        "request_id": str(row.id),
        "at": row.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "method": row.method,
        "path": row.path,
        "status": row.status,
        "application": row.application,
        "mailbox": row.mailbox,
        "message": row.message,
        "folder_from": row.folder_from,
        "folder": row.folder_to or row.folder,
        "reason": row.reason,
    }
