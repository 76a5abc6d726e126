"""Print the results of commands: for people, or with --json for programs."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from itertools import chain, islice
from typing import Any, ParamSpec

import click

P = ParamSpec("P")
Row = Mapping[str, Any]

#: The id of a message or a request on the command line.
ID = click.IntRange(1, 2**63 - 1)

_ROWS_MEASURED = 100
# Control characters act on a terminal, line separators and bidirectional controls make one text look like another, and
# unpaired surrogates, which are bytes of a path that is not UTF-8, cannot be written.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text that is harmless on a terminal, with U+FFFD for each unsafe character."""
    return _UNSAFE.sub("\ufffd", text)


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")


def prints_result(command: Callable[P, Row | Iterable[Row] | None]) -> Callable[P, None]:
    """Return the command with the option --json; it prints the result: one object, rows as they come, or nothing."""
    return prints_table(lambda row: row)(command)


def prints_table(
    summary: Callable[[Row], Row],
) -> Callable[[Callable[P, Row | Iterable[Row] | None]], Callable[P, None]]:
    """Return a decorator like prints_result; the table for people has the summaries of the rows."""

    def decorate(command: Callable[P, Row | Iterable[Row] | None]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            as_json = bool(kwargs.pop("as_json"))
            result = command(*args, **kwargs)
            if result is None:
                return
            if not as_json and not isinstance(result, Mapping):
                result = map(summary, result)
            print_result(result, as_json=as_json)

        return AS_JSON(run)

    return decorate


def print_result(result: Row | Iterable[Row], *, as_json: bool) -> None:
    """Print one object, or rows as they come, as text or as JSON."""
    if isinstance(result, Mapping):
        click.echo(json.dumps(result) if as_json else _describe(result))
    elif as_json:
        _print_array(iter(result))
    else:
        print_rows(result)


def _describe(row: Row) -> str:
    width = max(map(len, row))
    lines = [(name, part) for name, value in row.items() for part in _parts(value)]
    return "\n".join(f"{name:<{width}}  {part}" for name, part in lines)


def _parts(value: Any) -> list[str]:
    """Return the texts that get a line each: the members of a list of objects, or the one value, with its line ends."""
    if isinstance(value, str):
        return ["\n".join(map(printable, value.split("\n")))]
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return ["  ".join(map(_show, each.values())) for each in value]
    return [_show(value)]


def _print_array(rows: Iterator[Row]) -> None:
    separator = "["
    for row in rows:
        click.echo(separator + json.dumps(row), nl=False)
        separator = ",\n "
    click.echo("[]" if separator == "[" else "]")


def print_rows(rows: Iterable[Row]) -> None:
    """Print rows as a table whose columns fit the first hundred rows."""
    rows = iter(rows)
    first = [*islice(rows, _ROWS_MEASURED)]
    if not first:
        return
    print_row = start_table(first[0], first)
    for row in chain(first, rows):
        print_row(row)


def start_table(names: Iterable[str], measured: Sequence[Row]) -> Callable[[Row], None]:
    """Print the heads of a table whose columns fit the measured rows, and return the function that prints a row."""
    widths = {name: max(len(name), *(len(_show(row[name])) for row in measured), 0) for name in names}

    def print_row(row: Row) -> None:
        click.echo("  ".join(f"{_show(row[name]):<{width}}" for name, width in widths.items()).rstrip())

    print_row({name: name for name in widths})
    return print_row


def progress_bar(label: str, length: int, *, hidden: bool = False) -> AbstractContextManager[Any]:
    """Return a progress bar on standard error, which is shown only on a terminal."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden or not sys.stderr.isatty())


def _show(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(_show(each) for each in value) or "-"
    if isinstance(value, Mapping):
        return " ".join(f"{printable(name)}={_show(part)}" for name, part in value.items()) or "-"
    return printable(str(value))
