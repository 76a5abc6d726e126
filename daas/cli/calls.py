"""`daas sign` and `daas move`: what an application does, by hand."""

import os
from pathlib import Path

import click
import httpx

from .. import client
from ..errors import OperatorError
from ..signing.direct_scheme import DIRECT, content_md5
from ..signing.mechanism import KeyPair, RequestToSign
from ..signing.mechanism import sign as sign_request
from .output import Row, prints_result

_FORM = "application/x-www-form-urlencoded"


_KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="A file of mode 0600 with the keys, as JSON or like instance/demo.env; "
    "by default they come from DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.",
)


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
@click.option("--url", default=client.DEFAULT_URL, show_default=True, help="The service: scheme, host and port.")
@click.option("--no-content-md5", is_flag=True, help="Leave out the Content-MD5 header.")
@_KEY_FILE
@click.option("--json", "as_json", is_flag=True, help="Print the answer's body and nothing else.")
def move(
    mailbox: str,
    message_id: str,
    folder: str,
    url: str,
    no_content_md5: bool,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Move a message over the API and print the answer; the exit status is 0 only if it was moved."""
    try:
        answer = client.move(
            url, _read_keys(key_file), mailbox, message_id, folder, send_content_md5=not no_content_md5
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OperatorError(f"{url} cannot be reached: {error}.") from error
    if not as_json:
        click.echo(f"{answer.status_code} {answer.reason_phrase}", err=True)
        for name in ("X-Daas-Error", "X-Daas-Clock-Skew", "Retry-After"):
            if name in answer.headers:
                click.echo(f"{name}: {answer.headers[name]}", err=True)
    click.echo(answer.text)
    raise SystemExit(0 if answer.status_code == 200 else 1)


def _read_keys(key_file: Path | None) -> KeyPair:
    if key_file is not None:
        return client.read_key_file(key_file)
    try:
        return KeyPair(os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"])
    except KeyError:
        raise click.UsageError("Set DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY, or name a --key-file.") from None
