"""The commands `daas contacts`."""

import csv
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import click

from ..applications.registry import find_application
from ..contacts.csv_files import InvalidLines, count_contacts, export_rows, import_rows, read_rows
from ..errors import OperatorError
from ..storage.engine import db
from .context import uses_database
from .output import ID, Row, prints_result, progress_bar

_of_application = click.option("--application", "name", required=True, help="The application that owns the list.")


@click.group()
def contacts() -> None:
    """Import and export the contacts of a list."""


@contacts.command("import")
@click.argument("list_id", metavar="LIST", type=ID)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@_of_application
@uses_database
@prints_result
def import_(list_id: int, path: Path, name: str) -> Row:
    """Import the contacts of a CSV file into a list.

    If a line is wrong, nothing is imported.
    """
    application_id = _find_application(name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file, progress_bar("Reading", path.stat().st_size) as bar:
            rows = read_rows(_counted(file, bar.update))
        with progress_bar("Importing", len(rows)) as bar:
            first = import_rows(application_id, list_id, rows, bar.update)
    except InvalidLines as error:
        for line, message in error.errors:
            click.echo(f"{path}:{line}: {message}", err=True)
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read, or is not UTF-8.") from error
    last = first + len(rows) - 1
    return {"list": str(list_id), "imported": len(rows), "ids": [str(first), str(last)] if rows else []}


@contacts.command()
@click.argument("list_id", metavar="LIST", type=ID)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@_of_application
@uses_database
@prints_result
def export(list_id: int, path: Path, name: str) -> Row | None:
    """Export the contacts of a list to a CSV file.

    The file is complete or not there at all; - is standard output.
    """
    application_id = _find_application(name)
    with progress_bar("Exporting", count_contacts(application_id, list_id) + 1) as bar:
        rows = _updating(export_rows(application_id, list_id), bar.update)
        if path == Path("-"):
            if click.get_current_context().params["as_json"]:
                raise click.UsageError("Give - or --json, not both.")
            csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
            return None
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            # Readable only by its owner: it contains people's addresses.
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    exported = sum(1 for row in rows if writer.writerow(row)) - 1
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise OperatorError(f"{path} cannot be written: {error.strerror}.") from error
    return {"list": str(list_id), "exported": exported, "path": str(path)}


def _find_application(name: str) -> int:
    """Return an application's id, and end the transaction of the lookup: SQLite has only one writer at a time."""
    found = find_application(name).id
    db.session.rollback()
    return found


def _counted(lines: TextIO, update: Callable[[int], object]) -> Iterator[str]:
    for line in lines:
        update(len(line.encode()))
        yield line


def _updating(rows: Iterator[list[str]], update: Callable[[int], object]) -> Iterator[list[str]]:
    for row in rows:
        yield row
        update(1)
