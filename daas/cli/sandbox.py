"""The commands `daas sandbox`."""

import datetime
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ..conformance.direct.examples import examples
from ..conformance.raw_http import Server
from ..conformance.target import Target
from ..errors import OperatorError
from ..seeds.sandbox import SANDBOX_FILE, create_sandbox, remove_sandbox, reset_sandbox
from ..settings import Settings, load_settings, service_url
from .context import uses_database
from .key_files import read_key_file
from .output import Row, print_rows, prints_result

_MAX_SHOWN = 80


@click.group()
def sandbox() -> None:
    """Manage data for testers that provokes every response.

    It contains no real person's data.
    """


def _shows_requests(command: Callable[[Settings], dict[str, Any]]) -> Callable[..., None]:
    """Return the command with its options; it prints the requests that can be sent to the sandbox."""

    @click.option("--url", help="The server to send them to; by default DAAS_URL, or else the address of DAAS_BIND.")
    @click.option(
        "--http",
        "http_file",
        type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
        help="Also write the requests to this file, for editors that send .http files; - for standard output.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
    @uses_database
    @wraps(command)
    def run(url: str | None, http_file: Path | None, as_json: bool) -> None:
        settings = load_settings()
        try:
            server = Server.at(url or service_url())
        except ValueError:
            raise click.UsageError(f"{url!r} is not a URL such as http://127.0.0.1:8000.") from None
        facts = command(settings)
        target = Target.from_facts(read_key_file(SANDBOX_FILE), facts)
        signed_at = datetime.datetime.now(datetime.UTC)
        good_until = signed_at + datetime.timedelta(seconds=target.window) if target.window else None
        result = {
            "file": str(SANDBOX_FILE.absolute()),
            "conformance_command": [
                str(Path(sys.executable).with_name("daas")),
                "conformance",
                server.url,
                "--sandbox",
                str(SANDBOX_FILE.absolute()),
            ],
            "good_until": good_until and good_until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "requests": [{**asdict(each), "url": server.url + each.target} for each in examples(target, server)],
        }
        if http_file == Path("-"):
            if as_json:
                raise click.UsageError("Give --http - or --json, not both.")
            click.echo(_http_file(http_file, result), nl=False)
            return
        if http_file is not None:
            _write_http_file(http_file, result)
        if as_json:
            click.echo(json.dumps(result))
        else:
            _print(result)

    return run


@sandbox.command()
@_shows_requests
def create(settings: Settings) -> dict[str, Any]:
    """Make the sandbox and print its requests.

    It has three applications and three mailboxes. Each request is printed with its response.
    """
    return create_sandbox(settings)


@sandbox.command()
@_shows_requests
def reset(settings: Settings) -> dict[str, Any]:
    """Restore the sandbox and sign its requests again.

    Messages, permissions and flags are as after `daas sandbox create`; the keys stay the same.
    """
    return reset_sandbox(settings)


@sandbox.command()
@uses_database
@prints_result
def remove() -> Row:
    """Remove the sandbox with all its messages; the log stays."""
    return {"removed": remove_sandbox()}


def _print(result: dict[str, Any]) -> None:
    print_rows(
        {
            "status": each["status"],
            "request": each["title"],
            "what is sent": _shortened(f"{each['method']} {each['target']} {each['body']}"),
            "answer": " ".join(_response_lines(each)),
        }
        for each in result["requests"]
    )
    good_until = result["good_until"] or "for good"
    click.echo(f"\nWhole, and signed until {good_until}: --json, or --http FILE. `daas sandbox reset` signs anew.")
    click.echo(f"The keys are in {result['file']}. Every case of the contract, signed as it is sent:\n")
    click.echo(f"  {' '.join(result['conformance_command'])}")


def _http_file(path: Path, result: dict[str, Any]) -> str:
    """Return the requests in the format that editors and IDEs can send; it cannot sign, so dates expire."""
    text = f"# Signed until {result['good_until'] or 'for good'}. To sign again: daas sandbox reset --http {path}\n"
    for each in result["requests"]:
        text += f"\n### {each['status']}: {each['title']}\n"
        text += "".join(f"# {line}\n" for line in _response_lines(each))
        text += f"{each['method']} {each['url']}\n"
        text += "".join(f"{name}: {value}\n" for name, value in each["headers"].items())
        text += f"\n{each['body']}\n"
    return text


def _write_http_file(path: Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(_http_file(path, result))
    except OSError as error:
        raise OperatorError(f"{path} cannot be written.") from error


def _response_lines(each: dict[str, Any]) -> list[str]:
    """Return the lines that describe a response: its body and the expected headers."""
    return [*filter(None, [each["answer"]]), *(f"{name}: {value}" for name, value in each["answer_headers"].items())]


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}... ({len(text):,} characters)"
