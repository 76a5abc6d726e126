"""`daas request`."""

import datetime
from collections.abc import Iterable

import click

from ..errors import OperatorError
from ..request_log import RequestLogRow, find_request, list_requests
from .context import uses_database
from .moments import Moment, show_exactly
from .output import ID, Row, prints_result


@click.group()
def request() -> None:
    """Look at the request log."""


@request.command("list")
@click.option("--since", type=Moment(), help="From then on: 90m, 24h or 7d ago, 2026-11-02, or a date with zone.")
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
        "at": show_exactly(row.at),
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
