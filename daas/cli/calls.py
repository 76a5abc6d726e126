"""The commands `daas sign`, `daas move`, `daas folders` and `daas messages`, which act as an application."""

import os
from collections.abc import Callable
from email.utils import formatdate
from functools import wraps
from pathlib import Path
from typing import Any

import click
import httpx

from ..client import DEFAULT_URL, DirectClient, NoAnswer, Refusal, Retries, read_key_file
from ..errors import OperatorError
from ..signing.daas_scheme import DIRECT, content_md5
from ..signing.mechanism import KeyPair, RequestToSign
from ..signing.mechanism import sign as sign_request
from .output import Row, print_rows, prints_result

_FORM = "application/x-www-form-urlencoded"
_TIMEOUT_SECONDS = 30
# No retries: the person who runs the command decides.
_ONCE = Retries(attempts=1)

_KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="A file of mode 0600 with the keys, as JSON or like instance/demo.env; "
    "by default they come from DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.",
)


def _calls_service(command: Callable[..., object]) -> Callable[..., None]:
    """Return the command with its options: it gets a client, prints the response, and exits with 0 only for a 200."""

    @click.option("--url", default=DEFAULT_URL, show_default=True, help="The service: scheme, host and port.")
    @_KEY_FILE
    @click.option("--json", "as_json", is_flag=True, help="Print the answer's body and nothing else.")
    @wraps(command)
    def run(url: str, key_file: Path | None, as_json: bool, no_content_md5: bool = False, **arguments: Any) -> None:
        keys = _read_keys(key_file)
        responses: list[httpx.Response] = []
        with httpx.Client(timeout=_TIMEOUT_SECONDS, event_hooks={"response": [responses.append]}) as http:
            try:
                service = DirectClient(
                    url, keys.public_key, keys.private_key, content_md5=not no_content_md5, retries=_ONCE, http=http
                )
            except ValueError as error:
                raise OperatorError(str(error)) from error
            try:
                command(service, **arguments)
            except NoAnswer as error:
                raise OperatorError(str(error)) from error
            except Refusal:
                pass  # Errors are printed like successful responses.
        _print_response(responses[0], as_json)
        raise SystemExit(0 if responses[0].status_code == 200 else 1)

    return run


@click.command()
@click.argument("method")
@click.argument("uri")
@click.option("--date", help="The date to sign; now, by default.")
@click.option("--content-type", help=f"{_FORM} by default, none for a GET.")
@click.option("--content-md5", "md5", metavar="V", help="The Content-MD5 to sign; left out by default.")
@click.option("--body", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file to take it of.")
@_KEY_FILE
@prints_result
def sign(
    method: str,
    uri: str,
    date: str | None,
    content_type: str | None,
    md5: str | None,
    body: Path | None,
    key_file: Path | None,
) -> Row:
    """Sign a request and show every stage of it; nothing is sent."""
    if md5 is not None and body is not None:
        raise click.UsageError("Give --content-md5 or --body, not both.")
    request = RequestToSign(
        method=method.upper(),
        uri=uri,
        date=formatdate(usegmt=True) if date is None else date,
        content_type=content_type if content_type is not None or method.upper() == "GET" else _FORM,
        content_md5=md5 if body is None else content_md5(body.read_bytes()),
    )
    try:
        stages = sign_request(DIRECT, request, _read_keys(key_file))
    except UnicodeEncodeError:
        raise click.UsageError("A request line and its headers hold no characters outside Latin-1.") from None
    return {
        "string_to_sign": stages.string_to_sign.decode("latin-1"),
        "hash": stages.hash.hex(),
        **{f"signature ({name})": text for name, text in stages.signatures.items()},
        "authorization": stages.authorization,
    }


@click.command()
@click.argument("mailbox")
@click.argument("message_id", metavar="ID")
@click.argument("folder")
@click.option("--no-content-md5", is_flag=True, help="Leave out the Content-MD5 header.")
@_calls_service
def move(service: DirectClient, mailbox: str, message_id: str, folder: str) -> None:
    """Move a message over the API and print the answer; the exit status is 0 only if it was moved."""
    service.move(mailbox, message_id, folder)


@click.command()
@click.argument("mailbox")
@_calls_service
def folders(service: DirectClient, mailbox: str) -> None:
    """List the custom folders of a mailbox over the API."""
    service.folders(mailbox)


@click.command()
@click.argument("mailbox")
@click.option("--folder", help="Those in a folder: Inbox, Sent, Archived, Draft or a custom one's id.")
@click.option("--subject", help="Those with this text in their subject.")
@click.option("--from", "sender", help="Those with this text in their sender.")
@click.option("--since", help="Those of this date or later, such as 2026-11-02T15:00:00Z.")
@click.option("--until", help="Those of this date or earlier.")
@click.option("--limit", help="How many to show at most, 1 to 1000; 100 by default.")
@click.option("--after", metavar="ID", help="Go on behind this message: what `next` says.")
@_calls_service
def messages(service: DirectClient, mailbox: str, **search: Any) -> None:
    """List the messages of a mailbox over the API, a page at a time."""
    next(service.messages(mailbox, **search))


def _print_response(response: httpx.Response, as_json: bool) -> None:
    body = response.json() if response.status_code == 200 and not as_json else {}
    rows = body.get("messages", body.get("folders"))
    if rows is None:
        click.echo(response.text)
    else:
        print_rows(rows)
    if as_json:
        return
    if "next" in body:
        click.echo(f"There are more: --after {body['next']}", err=True)
    if response.status_code != 200:
        click.echo(f"{response.status_code} {response.reason_phrase}", err=True)
    for name in ("X-Daas-Error", "X-Daas-Clock-Skew", "Retry-After"):
        if name in response.headers:
            click.echo(f"{name}: {response.headers[name]}", err=True)


def _read_keys(key_file: Path | None) -> KeyPair:
    if key_file is not None:
        return read_key_file(key_file)
    keys = KeyPair(os.environ.get("DAAS_PUBLIC_KEY", ""), os.environ.get("DAAS_PRIVATE_KEY", ""))
    if not keys.public_key or not keys.private_key:
        raise click.UsageError("Set DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY, or name a --key-file.")
    return keys
