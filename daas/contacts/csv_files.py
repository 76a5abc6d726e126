"""Import the contacts of a CSV file into a list, all or none of them, and export the contacts of a list."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from ..errors import InvalidArguments, MissingArguments, OperatorError
from ..storage.transactions import NO_LIMIT, read_transaction, write_transaction
from ..web.arguments import Value, check_arguments
from .contacts import hold_list, stored
from .errors import ListNotFound
from .lists import is_list_of
from .models import Contact, ContactList
from .schemas import NewContact

_STEP = 1000
# A spreadsheet may run a cell that begins like this as a formula (OWASP's list, with the full-width characters).
_FORMULA = re.compile("'*[=+\\-@\\t\\r\\n＝＋－＠]")  # noqa: RUF001 - The full-width characters are intended.
_ARGUMENTS = NewContact()
#: The columns of a file. Only the address is required; the id is written by an export and ignored by an import.
COLUMNS = ("id", *_ARGUMENTS.fields)


@dataclass(frozen=True)
class Row:
    """A contact of a file; `line` is the number of its last line."""

    line: int
    columns: dict[str, str]


class InvalidLines(OperatorError):
    """A file that is rejected as a whole; `errors` has the number of each wrong line and its error."""

    def __init__(self, errors: Sequence[tuple[int, str]]) -> None:
        super().__init__(f"Nothing was imported: {len(errors)} of the file's lines are wrong.")
        self.errors = errors


def protect_cell(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula: with an apostrophe before it if it begins like one.

    A cell that begins with apostrophes and then like a formula gets one more, so that restore_cell is exact.
    """
    return "'" + text if _FORMULA.match(text) else text


def restore_cell(cell: str) -> str:
    """Return the text of a cell that protect_cell made; other cells are returned unchanged."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read_rows(lines: Iterable[str]) -> list[Row]:
    """Return the contacts of a CSV file whose first line names the columns; raises InvalidLines.

    A field may hold what the API call that adds a contact accepts. Cells are restored as an export protects them.
    """
    reader = csv.reader(lines, strict=True)
    rows: list[Row] = []
    errors: list[tuple[int, str]] = []
    found_on: dict[str, int] = {}
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if "email_address" not in names or len({*names}) < len(names) or not {*names} <= {*COLUMNS}:
            raise InvalidLines([(1, f"has other columns than {', '.join(COLUMNS)}, one twice, or no email_address")])
        for values in reader:
            try:
                columns = _read_columns(names, values)
            except ValueError as error:
                errors.append((reader.line_num, str(error)))
                continue
            before = found_on.setdefault(columns["email_folded"], reader.line_num)
            if before != reader.line_num:
                errors.append((reader.line_num, f"has the address of line {before}"))
            rows.append(Row(reader.line_num, columns))
    except csv.Error as error:
        errors.append((reader.line_num, f"is no CSV: {error}"))
    if errors:
        raise InvalidLines(errors)
    return rows


def import_rows(application_id: int, number: int, rows: Sequence[Row], saved: Callable[[int], object]) -> int:
    """Add contacts to a list in one transaction and return the id of the first; the others follow it.

    `saved` is called with the number of contacts of each step. Raises InvalidLines, or OperatorError if the list does
    not exist.
    """
    with write_transaction(NO_LIMIT) as run:
        try:
            list_id, last = hold_list(run, application_id, number, more=len(rows))
        except ListNotFound as error:
            raise _no_list(number) from error
        errors: list[tuple[int, str]] = []
        for step in _in_steps(rows):
            folded = [row.columns["email_folded"] for row in step]
            there = select(Contact.email_folded).where(Contact.list_id == list_id, Contact.email_folded.in_(folded))
            known = {address for (address,) in run.rows(there)}
            errors += [
                (row.line, "has an address that the list has") for row in step if row.columns["email_folded"] in known
            ]
        if errors:
            raise InvalidLines(errors)
        first = last - len(rows) + 1
        for place, step in enumerate(_in_steps(rows)):
            start = first + place * _STEP
            values = [{"list_id": list_id, "number": start + n, **row.columns} for n, row in enumerate(step)]
            run.insert_many(Contact, values)
            saved(len(step))
    return int(first)


def export_rows(application_id: int, number: int) -> Iterator[list[str]]:
    """Yield the columns' names, then the contacts of a list in the order of their ids, from one snapshot.

    Cells are protected (protect_cell). Raises OperatorError if there is no such list.
    """
    yield [*COLUMNS]
    shown = [Contact.number, *(getattr(Contact, name) for name in COLUMNS[1:])]
    with read_transaction(NO_LIMIT) as run:
        list_id = run.scalar(select(ContactList.id).where(is_list_of(application_id, number)))
        if list_id is None:
            raise _no_list(number)
        query = select(*shown).where(Contact.list_id == list_id).order_by(Contact.number)
        for row in run.stream(query):
            yield [protect_cell(str(value)) for value in row]


def count_contacts(application_id: int, number: int) -> int:
    """Return the number of contacts of a list, 0 if there is no such list."""
    lists = select(ContactList.id).where(is_list_of(application_id, number))
    with read_transaction() as run:
        return run.scalar(select(func.count()).select_from(Contact).where(Contact.list_id.in_(lists))) or 0


def _read_columns(names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    if len(values) != len(names):
        raise ValueError(f"has {len(values)} columns, not {len(names)}")
    given: dict[str, list[Value]] = {
        name: [value] for name, value in zip(names, map(restore_cell, values), strict=True) if name != "id"
    }
    try:
        return stored(dict.fromkeys(_ARGUMENTS.fields, "") | check_arguments(_ARGUMENTS, given))
    except (MissingArguments, InvalidArguments) as error:
        raise ValueError(error.message) from error


def _in_steps(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + _STEP] for start in range(0, len(rows), _STEP))


def _no_list(number: int) -> OperatorError:
    return OperatorError(f"The application has no list {number}.")
