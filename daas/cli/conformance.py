"""`daas conformance`."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import click

from ..client import read_key_file
from ..conformance import direct, report
from ..conformance.run import FAILED, Result, Run
from ..conformance.stage import Stage, StageError
from ..conformance.wire import Server
from ..errors import OperatorError

_PRIVATE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("url")
@click.option("--sandbox", type=_PRIVATE_FILE, help="The file that `daas sandbox create` made, or one like it.")
@click.option("--key-file", type=_PRIVATE_FILE, help="The keys of an application that may use the services.")
@click.option("--refused-key-file", type=_PRIVATE_FILE, help="The keys of one that may not.")
@click.option("--mailbox", metavar="M", help="A mailbox that is open to the first.")
@click.option("--message", metavar="ID", help="A message in it, which will be moved about.")
@click.option("--folder", "folders", metavar="ID", multiple=True, help="A custom folder of it; two are needed.")
@click.option("--closed-mailbox", metavar="M", help="A mailbox that is not open to the first.")
@click.option("--case", "patterns", metavar="PATTERN", multiple=True, help="Play these cases alone, such as 'date.*'.")
@click.option("--timeout", type=click.FloatRange(0.1, 300), default=10, show_default=True, help="Seconds to an answer.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit's XML to this file too.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON and nothing else.")
def conformance(
    url: str,
    sandbox: Path | None,
    key_file: Path | None,
    refused_key_file: Path | None,
    patterns: tuple[str, ...],
    timeout: float,
    junit: Path | None,
    as_json: bool,
    **named: Any,
) -> None:
    """Check that a server keeps the contract, case by case; the exit status is 0 only if all is kept.

    What there is to play with is told by a sandbox's file, or by options, which count before the file.
    """
    try:
        server = Server.at(url)
    except ValueError:
        raise click.UsageError(f"{url!r} is not like http://127.0.0.1:8000.") from None
    stage = _read_stage(sandbox, key_file, refused_key_file, named)
    if not stage.compares_dates:
        raise click.UsageError("The kit judges servers that let dates differ by 60 to 1800 seconds from their clock.")
    cases = [
        case
        for case in direct.cases(stage)
        if not patterns or any(fnmatch.fnmatchcase(case.id, pattern) for pattern in patterns)
    ]
    if not cases:
        raise click.UsageError("There is no such case.")
    width = max(len(case.id) for case in cases)
    results: list[Result] = []
    for result in Run(server, stage, timeout).play(cases):
        results.append(result)
        if not as_json:
            click.echo(report.row(result, width))
    _finish(server.url, results, junit, as_json=as_json)


def _read_stage(sandbox: Path | None, key_file: Path | None, refused: Path | None, named: dict[str, Any]) -> Stage:
    facts: dict[str, Any] = {}
    if sandbox is not None:
        read_key_file(sandbox)  # Refuses a file that is open to others, or holds no keys.
        facts = json.loads(sandbox.read_text())
    if refused is not None:
        facts["refused"] = vars(read_key_file(refused))
    source = key_file or sandbox
    if source is None:
        raise click.UsageError("Name a --sandbox or a --key-file.")
    try:
        return Stage.of(read_key_file(source), {**facts, **{name: value for name, value in named.items() if value}})
    except StageError as error:
        raise click.UsageError(str(error)) from error


def _finish(url: str, results: list[Result], junit: Path | None, *, as_json: bool) -> None:
    if junit is not None:
        try:
            junit.write_bytes(report.to_junit(url, results))
        except OSError as error:
            raise OperatorError(f"{junit} cannot be written.") from error
    if as_json:
        click.echo(json.dumps(report.to_json(url, results)))
    else:
        for result in results:
            if result.outcome == FAILED:
                click.echo(f"\n{report.explanation(result)}")
        click.echo(f"\n{report.summary(results)}")
    raise SystemExit(1 if report.count(results, FAILED) else 0)
