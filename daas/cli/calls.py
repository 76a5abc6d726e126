"""`daas sign`, `daas move`, `daas folders` and `daas messages`: what an application does, by hand."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import httpx

from .. import client
from ..errors import OperatorError
from ..signing.direct_scheme import DIRECT, content_md5
from ..signing.mechanism import KeyPair, RequestToSign
from ..signing.mechanism import sign as sign_request
from .output import Row, print_rows, prints_result

_FORM = "application/x-www-form-urlencoded"


_KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="A file of mode 0600 with the keys, as JSON or like instance/demo.env; "
    "by default they come from DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.",
)


def _calls_service(command: Callable[..., httpx.Response]) -> Callable[..., None]:
    """Give a command the service and the keys, print the answer, and exit with 0 only if that is a 200."""

    @click.option("--url", default=client.DEFAULT_URL, show_default=True, help="The service: scheme, host and port.")
    @_KEY_FILE
    @click.option("--json", "as_json", is_flag=True, help="Print the answer's body and nothing else.")
    @wraps(command)
    def run(url: str, key_file: Path | None, as_json: bool, **arguments: Any) -> None:
        try:
            answer = command(url=url, keys=_read_keys(key_file), **arguments)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OperatorError(f"{url} cannot be reached: {error}.") from error
        _print_answer(answer, as_json)
        raise SystemExit(0 if answer.status_code == 200 else 1)

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
        date=client.now() if date is None else date,
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
def move(mailbox: str, message_id: str, folder: str, no_content_md5: bool, url: str, keys: KeyPair) -> httpx.Response:
    """Move a message over the API and print the answer; the exit status is 0 only if it was moved."""
    return client.move(url, keys, mailbox, message_id, folder, send_content_md5=not no_content_md5)


@click.command()
@click.argument("mailbox")
@_calls_service
def folders(mailbox: str, url: str, keys: KeyPair) -> httpx.Response:
    """List the custom folders of a mailbox over the API."""
    return client.folders(url, keys, mailbox)


@click.command()
@click.argument("mailbox")
@click.option("--folder", help="Those in a folder: Inbox, Sent, Archived, Draft or a custom one's id.")
@click.option("--subject", help="Those with this text in their subject.")
@click.option("--from", help="Those with this text in their sender.")
@click.option("--since", help="Those of this date or later, such as 2026-11-02T15:00:00Z.")
@click.option("--until", help="Those of this date or earlier.")
@click.option("--limit", help="How many to show at most, 1 to 1000; 100 by default.")
@click.option("--after", metavar="ID", help="Go on behind this message: what `next` says.")
@_calls_service
def messages(mailbox: str, url: str, keys: KeyPair, **search: str | None) -> httpx.Response:
    """List the messages of a mailbox over the API, a page at a time."""
    return client.messages(url, keys, mailbox, **{name: text for name, text in search.items() if text is not None})


def _print_answer(answer: httpx.Response, as_json: bool) -> None:
    body = answer.json() if answer.status_code == 200 and not as_json else {}
    rows = body.get("messages", body.get("folders"))
    if rows is None:
        click.echo(answer.text)
    else:
        print_rows(rows)
    if as_json:
        return
    if "next" in body:
        click.echo(f"There are more: --after {body['next']}", err=True)
    if answer.status_code != 200:
        click.echo(f"{answer.status_code} {answer.reason_phrase}", err=True)
    for name in ("X-Daas-Error", "X-Daas-Clock-Skew", "Retry-After"):
        if name in answer.headers:
            click.echo(f"{name}: {answer.headers[name]}", err=True)


def _read_keys(key_file: Path | None) -> KeyPair:
    if key_file is not None:
        return client.read_key_file(key_file)
    keys = KeyPair(os.environ.get("DAAS_PUBLIC_KEY", ""), os.environ.get("DAAS_PRIVATE_KEY", ""))
    if not keys.public_key or not keys.private_key:
        raise click.UsageError("Set DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY, or name a --key-file.")
    return keys
