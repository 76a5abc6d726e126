"""The command `daas conformance`."""

import fnmatch
import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import click

from ..conformance import contacts, direct, report
from ..conformance.case import Case
from ..conformance.contacts.fixture import OwnList
from ..conformance.direct.fixture import MovedMessage
from ..conformance.raw_http import Server
from ..conformance.run import FAILED, Result, run
from ..conformance.target import Target, TargetError
from ..errors import OperatorError
from .key_files import read_key_file
from .output import progress_bar

_STDOUT = Path("-")
_PRIVATE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("url")
@click.option("--sandbox", type=_PRIVATE_FILE, help="The file that `daas sandbox create` wrote.")
@click.option("--key-file", type=_PRIVATE_FILE, help="The keys of an application with permission for the services.")
@click.option("--refused-key-file", type=_PRIVATE_FILE, help="The keys of an application without permission.")
@click.option("--mailbox", metavar="M", help="A mailbox that the application may use.")
@click.option("--message", metavar="ID", help="A message in it, which the kit moves.")
@click.option("--folder", "folders", metavar="ID", multiple=True, help="A custom folder of the mailbox; pass two.")
@click.option("--closed-mailbox", metavar="M", help="A mailbox that the application may not use.")
@click.option(
    "--api",
    "apis",
    type=click.Choice(["messages", "lists"]),
    multiple=True,
    help="Run only the cases of this API; can be repeated.",
)
@click.option(
    "--case",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="Run only these cases, such as 'date.*'; can be repeated.",
)
@click.option(
    "--timeout", type=click.FloatRange(0.1, 300), default=10, show_default=True, help="Seconds to wait for a response."
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write JUnit XML to this file; - for standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
def conformance(
    url: str,
    sandbox: Path | None,
    key_file: Path | None,
    refused_key_file: Path | None,
    apis: tuple[str, ...],
    patterns: tuple[str, ...],
    timeout: float,
    junit: Path | None,
    as_json: bool,
    **named: Any,
) -> None:
    """Test a server against every rule of the API.

    The data to test with comes from a sandbox's file or from options, which take precedence. The exit status is 0 only
    if no case fails.
    """
    try:
        server = Server.at(url)
    except ValueError:
        raise click.UsageError(f"{url!r} is not a URL such as http://127.0.0.1:8000.") from None
    target = _read_target(sandbox, key_file, refused_key_file, named)
    if not target.compares_dates:
        raise click.UsageError("The kit tests only servers whose date window is 60 to 1800 seconds.")
    apis = apis or ("messages", *(["lists"] if target.lists else []))

    def chosen(api: str, cases: list[Case]) -> list[Case]:
        matching = [case for case in cases if any(fnmatch.fnmatchcase(case.id, pattern) for pattern in patterns)]
        return [] if api not in apis else matching if patterns else cases

    messages, lists = chosen("messages", direct.cases(target)), chosen("lists", contacts.CASES)
    if not messages and not lists:
        raise click.UsageError("There is no such case.")
    if junit == _STDOUT and as_json:
        raise click.UsageError("Give --junit - or --json, not both.")
    width = max(len(case.id) for case in [*messages, *lists])
    results: list[Result] = []
    # Standard output has only what was asked for: with --junit - the table goes to standard error.
    to_stderr = junit == _STDOUT
    # The lines of the table show the progress too, where the operator sees them.
    shows_lines = not as_json and (to_stderr or sys.stdout.isatty())
    with progress_bar("Testing", len(messages) + len(lists), hidden=shows_lines) as bar:
        for result in chain(
            run(MovedMessage(server, target, timeout), messages) if messages else [],
            run(OwnList(server, target, timeout), lists) if lists else [],
        ):
            results.append(result)
            if not as_json:
                click.echo(report.row(result, width), err=to_stderr)
            bar.update(1)
    _finish(server.url, results, junit, as_json=as_json)


def _read_target(sandbox: Path | None, key_file: Path | None, refused: Path | None, named: dict[str, Any]) -> Target:
    facts: dict[str, Any] = {}
    if sandbox is not None:
        read_key_file(sandbox)  # Rejects a file that others can read, or that holds no keys.
        facts = json.loads(sandbox.read_text())
    if refused is not None:
        facts["refused"] = vars(read_key_file(refused))
    source = key_file or sandbox
    if source is None:
        raise click.UsageError("Name a --sandbox or a --key-file.")
    try:
        return Target.from_facts(
            read_key_file(source), {**facts, **{name: value for name, value in named.items() if value}}
        )
    except TargetError as error:
        raise click.UsageError(str(error)) from error


def _finish(url: str, results: list[Result], junit: Path | None, *, as_json: bool) -> None:
    if junit is not None:
        try:
            if junit == _STDOUT:
                sys.stdout.buffer.write(report.to_junit(url, results))
            else:
                junit.write_bytes(report.to_junit(url, results))
        except OSError as error:
            raise OperatorError(f"{junit} cannot be written.") from error
    if as_json:
        click.echo(json.dumps(report.to_json(url, results)))
    else:
        for result in results:
            if result.outcome == FAILED:
                click.echo(f"\n{report.explanation(result)}", err=junit == _STDOUT)
        click.echo(f"\n{report.summary(results)}", err=junit == _STDOUT)
    raise SystemExit(1 if report.count(results, FAILED) else 0)
