"""The commands `daas request`."""

import csv
import datetime
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from ..errors import OperatorError
from ..records.request_log import COLUMNS, RequestLogRow, find_request, list_requests
from ..records.retention import prune_requests
from ..records.seal_verification import LogError, Report, read_kept_seals, verify_logs
from ..records.seals import describe_seal, list_seals, seal_logs
from .context import uses_database
from .output import ID, Row, print_result, prints_result
from .times import Time, format_exactly


@click.group()
def request() -> None:
    """Read, prune and seal the request log."""


@request.command("list")
@click.option("--since", type=Time(), help="Only since then: 90m, 24h or 7d ago, 2026-11-02, or a date with zone.")
@uses_database
@prints_result
def list_(since: datetime.datetime | None) -> Iterable[Row]:
    """List the requests of the log, oldest first."""
    return map(_describe, list_requests(since))


@request.command()
@click.argument("request_id", metavar="ID", type=ID)
@uses_database
@prints_result
def show(request_id: int) -> Row:
    """Show everything that the log has about a request."""
    row = find_request(request_id)
    if row is None:
        raise OperatorError(f"There is no request {request_id} in the log.")
    return _describe(row)


@request.command()
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--since", type=Time(), help="Only since then, as for list.")
@uses_database
def export(format_: str, since: datetime.datetime | None) -> None:
    """Print the whole log, oldest first, as JSON lines or CSV."""
    from ..contacts.csv_files import protect_cell

    rows = map(_describe_fully, list_requests(since))
    if format_ == "jsonl":
        for row in rows:
            click.echo(json.dumps(row))
        return
    writer = csv.DictWriter(sys.stdout, ["request_id", *COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: protect_cell(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
    )


@request.command()
@click.option("--older-than", type=Time(), required=True, help="90d, 365d, or a date such as 2026-11-02.")
@uses_database
@prints_result
def prune(older_than: datetime.datetime) -> Row:
    """Delete the oldest requests from the log.

    It deletes in small steps. If there are seals, only sealed requests are deleted, and DAAS_SEAL_KEY is needed.
    """
    if older_than > datetime.datetime.now(datetime.UTC):
        raise OperatorError("Only what is older than a moment in the past can be pruned.")
    return {"pruned": prune_requests(older_than)}


@request.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to append the seals to that it does not have, as JSON lines; - for standard output.",
)
@uses_database
@prints_result
def seal(output: Path | None) -> Iterable[Row]:
    """Seal the log and the audit, under DAAS_SEAL_KEY.

    A timer should run this command every few minutes.
    """
    made = seal_logs()
    if output is not None:
        _append_seals(output)
    return made


@request.command()
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file of `seal --output`: reports seals that are missing or were replaced.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
@uses_database
def verify(against: Path | None, as_json: bool) -> None:
    """Compare the log and the audit with their seals.

    The exit status is 0 only if nothing is wrong.
    """
    report = verify_logs(None if against is None else read_kept_seals(against))
    print_result(_describe_report(report), as_json=as_json)
    if report.errors:
        raise OperatorError("The log or the audit is not as it was sealed.")


def _append_seals(path: Path) -> None:
    kept = read_kept_seals(path) if path.exists() else {}
    lines = [json.dumps(describe_seal(each)) + "\n" for each in list_seals(max(kept, default=0))]
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OperatorError(f"{path} cannot be written; the next run will append the missing seals.") from error


def _describe_report(report: Report) -> Row:
    def describe(errors: Iterable[LogError]) -> list[Row]:
        return [{"log": each.log, "id": str(each.id), "fault": each.error} for each in errors]

    return {
        "ok": not report.errors,
        "seals": report.seals,
        "rows": report.rows,
        "findings": describe(report.errors),
        "late": describe(report.late),
        "pruned": [
            {
                "at": format_exactly(each.at),
                "actor": each.actor,
                "through": str(each.through),
                "sealed": each.sealed,
            }
            for each in report.pruned
        ],
        "unsealed": [
            {"log": log, "rows": rows, "first": first and str(first), "last": last and str(last)}
            for log, (rows, first, last) in report.unsealed.items()
        ],
    }


def _describe_fully(row: Any) -> Row:
    described = {name: getattr(row, name) for name in COLUMNS}
    return {"request_id": str(row.id), **described, "at": format_exactly(row.at)}


def _describe(row: RequestLogRow) -> Row:
    return {
        "request_id": str(row.id),
        "at": format_exactly(row.at),
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
