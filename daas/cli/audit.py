"""The commands `daas audit`."""

import datetime
import json
from collections.abc import Iterable

import click

from ..records.audit import AuditRow, list_acts
from .context import uses_database
from .output import Row, prints_result
from .times import Time, format_exactly


@click.group()
def audit() -> None:
    """Show what operators did."""


@audit.command("list")
@click.option("--since", type=Time(), help="Only since then: 90m, 24h or 7d ago, 2026-11-02, or a date with zone.")
@uses_database
@prints_result
def list_(since: datetime.datetime | None) -> Iterable[Row]:
    """List the changes that operators made, oldest first."""
    return map(_describe, list_acts(since))


def _describe(row: AuditRow) -> Row:
    return {
        "id": str(row.id),
        "at": format_exactly(row.at),
        "actor": row.actor,
        "act": row.act,
        "subject": row.subject,
        "details": json.loads(row.details),
    }
