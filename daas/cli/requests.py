"""The commands `daas request`."""

import csv
import datetime
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

from ..errors import OperatorError
from ..reasons import Reason
from ..records.request_list import RequestFilter, all_requests, count_requests, follow_requests, last_requests
from ..records.request_log import COLUMNS, find_request, list_requests
from ..records.retention import prune_requests
from ..records.seal_verification import LogError, Report, read_kept_seals, verify_logs
from ..records.seals import count_unsealed, describe_seal, list_seals, seal_logs
from .confirm import YES, confirm
from .context import uses_database
from .output import AS_JSON, ID, Row, print_result, prints_result, progress_bar, start_table
from .times import Time, format_exactly

_STDOUT = Path("-")
_LISTED = (
    *("request_id", "at", "status", "reason", "application", "mailbox", "message", "folder_from", "folder"),
    *("method", "path"),
)


@click.group()
def request() -> None:
    """Read, prune and seal the request log."""


@request.command("list")
@click.option("--since", type=Time(), help="Only since then: 90m, 24h or 7d ago, 2026-11-02, or a date with zone.")
@click.option("--until", type=Time(), help="Only until then.")
@click.option("--status", type=click.IntRange(100, 599), help="Only with this HTTP status.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in Reason]),
    metavar="REASON",
    help="Only with this reason, such as moved.",
)
@click.option("--application", metavar="NAME", help="Only of this application.")
@click.option("--mailbox", metavar="M", help="Only for this mailbox.")
@click.option("--message", metavar="ID", type=ID, help="Only for this message.")
@click.option("--last", metavar="N", type=click.IntRange(0), default=100, show_default=True, help="At most; 0: all.")
@click.option("--follow", is_flag=True, help="Go on with new requests until Ctrl-C; with --json, one object a line.")
@AS_JSON
@uses_database
def list_(last: int, follow: bool, as_json: bool, **wanted: Any) -> None:
    """List the last requests of the log, newest last."""
    criteria = RequestFilter(**wanted)
    if follow:
        _follow(follow_requests(criteria, last), as_json=as_json)
    elif last == 0:
        _print_list(map(_describe, all_requests(criteria)), as_json=as_json)
    else:
        rows = last_requests(criteria, last + 1)
        _print_list(map(_describe, rows[-last:]), as_json=as_json)
        if len(rows) > last and not as_json:
            click.echo(f"There are earlier requests: --last 0 lists all, --last {last * 10} more.", err=True)


def _print_list(rows: Iterable[Row], *, as_json: bool) -> None:
    print_result(rows if as_json else map(_summary, rows), as_json=as_json)


def _follow(batches: Iterator[Sequence[Any]], *, as_json: bool) -> None:
    """Print rows as they come, until the operator interrupts."""
    rows = [_describe(row) for row in next(batches)]
    print_row = _print_object if as_json else start_table(_LISTED, [_summary(row) for row in rows])
    try:
        for row in chain(rows, (_describe(row) for batch in batches for row in batch)):
            print_row(row if as_json else _summary(row))
    except KeyboardInterrupt:
        pass  # The usual way to end it.


def _print_object(row: Row) -> None:
    click.echo(json.dumps(row))


@request.command()
@click.argument("request_id", metavar="ID", type=ID)
@uses_database
@prints_result
def show(request_id: int) -> Row:
    """Show everything that the log has about a request."""
    row = find_request(request_id)
    if row is None:
        raise OperatorError(f"There is no request {request_id} in the log.")
    return {
        **_describe(row),
        "service": row.service,
        "folder_requested": row.folder,
        "unbound": row.unbound,
        "batch": row.batch and str(row.batch),
    }


@request.command()
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--since", type=Time(), help="Only since then, as for list.")
@uses_database
def export(format_: str, since: datetime.datetime | None) -> None:
    """Print the whole log, oldest first, as JSON lines or CSV."""
    from ..contacts.csv_files import protect_cell

    with progress_bar("Exporting", count_requests(since) if sys.stderr.isatty() else 0) as bar:
        rows = _counted(map(_describe_fully, list_requests(since)), bar.update)
        if format_ == "jsonl":
            for row in rows:
                click.echo(json.dumps(row))
            return
        writer = csv.DictWriter(sys.stdout, ["request_id", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: protect_cell(value) if isinstance(value, str) else value for name, value in row.items()}
            for row in rows
        )


@request.command()
@click.option("--older-than", type=Time(), required=True, help="90d, 365d, or a date such as 2026-11-02.")
@YES
@uses_database
@prints_result
def prune(older_than: datetime.datetime, yes: bool) -> Row:
    """Delete the oldest requests from the log.

    It deletes in small steps, and asks before it deletes requests of the last day. If there are seals, only sealed
    requests are deleted, and DAAS_SEAL_KEY is needed.
    """
    now = datetime.datetime.now(datetime.UTC)
    if older_than > now:
        raise OperatorError("Only what is older than a moment in the past can be pruned.")
    if older_than > now - datetime.timedelta(days=1):
        confirm("Delete requests of the last day from the log too?", yes=yes)
    with progress_bar("Pruning", count_requests(until=older_than) if sys.stderr.isatty() else 0) as bar:
        return {"pruned": prune_requests(older_than, bar.update)}


@request.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="A file to append the seals to that it does not have, as JSON lines; - for standard output.",
)
@AS_JSON
@uses_database
def seal(output: Path | None, as_json: bool) -> None:
    """Seal the log and the audit, under DAAS_SEAL_KEY.

    A timer should run this command every few minutes.
    """
    to_stdout = output == _STDOUT
    if to_stdout and as_json:
        raise click.UsageError("Give --output - or --json, not both.")
    with progress_bar("Sealing", count_unsealed() if sys.stderr.isatty() else 0) as bar:
        made = seal_logs(bar.update)
    if to_stdout:
        for each in list_seals(0):
            click.echo(json.dumps(describe_seal(each)))
        return
    if output is not None:
        _append_seals(output)
    print_result(made, as_json=as_json)


@request.command()
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file of `seal --output`: reports seals that are missing or were replaced.",
)
@AS_JSON
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


def _describe(row: Any) -> Row:
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
        "remote_address": row.remote_address,
        "duration_ms": row.duration_ms,
    }


def _summary(row: Row) -> Row:
    """Return what the table for people has: the other columns would make its lines too long."""
    return {name: row[name] for name in _LISTED}


def _counted(rows: Iterable[Row], update: Callable[[int], object]) -> Iterator[Row]:
    for row in rows:
        yield row
        update(1)
