"""The commands that act as an application: they sign, and call the service over HTTP."""

import os
import sys
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import wraps
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from ..errors import OperatorError
from ..settings import service_url
from ..signing.daas_scheme import DIRECT, content_md5
from ..signing.mechanism import RequestToSign
from ..signing.mechanism import sign as sign_request
from .key_files import KEY_FILE, read_keys
from .output import Row, print_result, print_rows, printable, prints_result

# httpx and the client are imported only by the commands that send something.
if TYPE_CHECKING:
    import httpx

    from ..client import DirectClient

_FORM = "application/x-www-form-urlencoded"
_TIMEOUT_SECONDS = 30
# A prefix that makes a folder's name of a text that would be an id or a standard folder.
_NAME = "name:"

_URL = click.option("--url", help="Scheme, host and port; by default DAAS_URL, or else the address of DAAS_BIND.")


def _calls_service(command: Callable[..., object]) -> Callable[..., None]:
    """Return the command with its options: it gets a client and prints the response.

    It exits with 0 only for a 200 without messages that failed.
    """

    @_URL
    @KEY_FILE
    @click.option("--json", "as_json", is_flag=True, help="Print only the body of the response.")
    @wraps(command)
    def run(
        url: str | None, key_file: Path | None, as_json: bool, no_content_md5: bool = False, **arguments: Any
    ) -> None:
        import httpx

        from ..client import DirectClient, NoAnswer, Refusal, Retries

        keys = read_keys(key_file)
        # No retries: the person who runs the command decides.
        once = Retries(attempts=1)
        responses: list[httpx.Response] = []
        with httpx.Client(timeout=_TIMEOUT_SECONDS, event_hooks={"response": [responses.append]}) as http:
            try:
                service = DirectClient(
                    url or service_url(),
                    keys.public_key,
                    keys.private_key,
                    content_md5=not no_content_md5,
                    retries=once,
                    http=http,
                )
            except ValueError as error:
                raise OperatorError(str(error)) from error
            try:
                result = command(service, **arguments)
            except NoAnswer as error:
                raise OperatorError(str(error)) from error
            except Refusal:
                pass  # Errors are printed like successful responses.
            else:
                if isinstance(result, Mapping):
                    print_result(result, as_json=as_json)
                    return
        _print_response(responses[-1], as_json)
        is_done = responses[-1].status_code == 200 and not responses[-1].json().get("failed")
        raise SystemExit(0 if is_done else 1)

    return run


@click.command()
@click.argument("method")
@click.argument("uri")
@click.option("--date", help="The date to sign; now, by default.")
@click.option("--content-type", help=f"{_FORM} by default, none for a GET.")
@click.option("--content-md5", "md5", metavar="V", help="The Content-MD5 to sign; left out by default.")
@click.option(
    "--body", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file whose Content-MD5 is signed."
)
@KEY_FILE
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
    """Sign a request and show each step; nothing is sent."""
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
        stages = sign_request(DIRECT, request, read_keys(key_file))
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
@click.argument("message_ids", metavar="ID...", nargs=-1, required=True)
@click.argument("folder")
@click.option("--from-folder", metavar="FOLDER", help="Move only from this folder: a name or an id.")
@click.option("--dry-run", is_flag=True, help="Only check the move; nothing is moved.")
@click.option("--idempotency-key", metavar="K", help="Move once: repeated with this key, print the first response.")
@click.option("--no-content-md5", is_flag=True, help="Leave out the Content-MD5 header.")
@_calls_service
def move(
    service: "DirectClient",
    mailbox: str,
    message_ids: tuple[str, ...],
    folder: str,
    from_folder: str | None,
    **options: Any,
) -> None:
    """Move messages over the API, several IDs in one request.

    FOLDER is Inbox, Sent, Archived, Draft, or the id or name of a custom folder. Digits are an id; name:2024 is the
    folder whose name is 2024. The exit status is 0 only if every message was moved.
    """
    options["from_folder"] = None if from_folder is None else _folder_id(service, mailbox, from_folder)
    folder = _folder_id(service, mailbox, folder)
    if len(message_ids) == 1:
        service.move(mailbox, message_ids[0], folder, **options)
    else:
        service.move_many(mailbox, message_ids, folder, **options)


@click.command()
@click.argument("mailbox")
@_calls_service
def folders(service: "DirectClient", mailbox: str) -> None:
    """List the custom folders of a mailbox over the API."""
    service.folders(mailbox)


@click.command()
@click.argument("mailbox")
@click.option("--folder", help="Only messages in this folder: a name or an id.")
@click.option("--subject", help="Only messages whose subject contains this text.")
@click.option("--from", "sender", help="Only messages whose sender contains this text.")
@click.option("--since", help="Only messages of this date or later, such as 2026-11-02T15:00:00Z.")
@click.option("--until", help="Only messages of this date or earlier.")
@click.option("--limit", help="The maximum number of messages, 1 to 1000; 100 by default.")
@click.option("--after", metavar="ID", help="Only messages after this id: `next` of the previous page.")
@_calls_service
def messages(service: "DirectClient", mailbox: str, folder: str | None, **search: Any) -> None:
    """List the messages of a mailbox over the API.

    It prints one page; `--after` continues. FOLDER is as for `daas move`.
    """
    found = None if folder is None else _folder_id(service, mailbox, folder)
    next(service.messages(mailbox, folder=found, **search))


def _folder_id(service: "DirectClient", mailbox: str, text: str) -> str:
    """Return what the API calls a folder: a standard name, or an id, which is looked up for any other name."""
    from ..client.direct import STANDARD_FOLDERS

    bare = text.strip()
    if not bare or (bare.isascii() and bare.isdigit()) or bare.casefold() in map(str.casefold, STANDARD_FOLDERS):
        return text
    name = bare.removeprefix(_NAME)
    custom = service.folders(mailbox)
    for folder in custom:
        if folder.name == name:
            return folder.id
    names = ", ".join(f"{folder.name!r}" for folder in custom) or "none"
    raise OperatorError(f"The mailbox has no folder {name!r}; its custom folders: {names}.")


@click.command()
@click.argument("mailbox")
@click.argument("message_id", metavar="ID")
@_calls_service
def read(service: "DirectClient", mailbox: str, message_id: str) -> None:
    """Read a message over the API.

    It prints the header, the text and a list of the parts.
    """
    service.read(mailbox, message_id)


@click.command()
@click.argument("mailbox")
@click.argument("message_id", metavar="ID")
@click.argument("part")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@_calls_service
def save(
    service: "DirectClient", mailbox: str, message_id: str, part: str, file: Path, overwrite: bool
) -> Mapping[str, Any]:
    """Save a part of a message over the API.

    FILE appears when all bytes are in it, and must not exist; `-` is standard output.
    """
    if file == Path("-"):
        service.part(mailbox, message_id, part, sys.stdout.buffer)
        raise SystemExit(0)
    if file.exists() and not overwrite:
        raise OperatorError(f"{file} exists already: give another name, or --overwrite.")
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=".daas-") as unfinished:
            saved = service.part(mailbox, message_id, part, cast(BinaryIO, unfinished))
            unfinished.flush()
            os.fsync(unfinished.fileno())
            if overwrite:
                file.unlink(missing_ok=True)
            # Unlike a rename, a link never replaces a file that was made meanwhile.
            os.link(unfinished.name, file)
    except OSError as error:
        raise OperatorError(f"{file} cannot be written: {error.strerror}.") from error
    return {"file": str(file), "size": str(saved.size), "sha256": saved.sha256}


@click.command()
@click.argument("mailbox")
@click.argument("message_id", metavar="ID")
@click.option("--limit", help="How many moves to show at most, 1 to 1000; 100 by default.")
@click.option("--after", metavar="REQUEST_ID", help="Show moves after this request: the `next` of the previous page.")
@_calls_service
def history(service: "DirectClient", mailbox: str, message_id: str, **page: Any) -> None:
    """List the moves of a message over the API, oldest first.

    It prints one page; `--after` continues.
    """
    next(service.history(mailbox, message_id, **page))


@click.command()
@click.argument("mailbox")
@click.argument("message_id", metavar="ID")
@click.option("--from-folder", metavar="FOLDER", help="Restore it only if it is in this folder: a name or an id.")
@click.option("--no-content-md5", is_flag=True, help="Leave out the Content-MD5 header.")
@_calls_service
def restore(service: "DirectClient", mailbox: str, message_id: str, from_folder: str | None) -> None:
    """Move a message back to its previous folder over the API.

    That is the folder where it was before its last move. The exit status is 0 only if the message was moved.
    """
    found = None if from_folder is None else _folder_id(service, mailbox, from_folder)
    service.restore(mailbox, message_id, from_folder=found)


@click.command()
@click.option("--since", help="Requests at this time or later, such as 2026-11-02T15:00:00Z.")
@click.option("--until", help="Requests at this time or earlier.")
@click.option("--status", help="Requests with this HTTP status.")
@click.option("--reason", help="Requests with this reason.")
@click.option("--mailbox", help="Requests for this mailbox.")
@click.option("--message", "id", metavar="ID", help="Requests for this message.")
@click.option("--limit", help="How many to show at most, 1 to 1000; 100 by default.")
@click.option("--before", metavar="REQUEST_ID", help="Show requests before this one: the `next` of the previous page.")
@_calls_service
def requests(service: "DirectClient", **search: Any) -> None:
    """List the application's own requests over the API.

    The newest comes first, each with the reason for its result. It prints one page; `--before` continues.
    """
    next(service.requests(**search))


def _print_response(response: "httpx.Response", as_json: bool) -> None:
    body = response.json() if response.status_code == 200 and not as_json else {}
    rows = next((body[name] for name in ("messages", "folders", "moves", "requests") if name in body), None)
    if "parts" in body:
        _print_message(body)
    elif rows is None:
        click.echo(response.text)
    else:
        print_rows(rows)
    if as_json:
        return
    if "next" in body:
        option = "--before" if "requests" in body else "--after"
        click.echo(f"There are more: {option} {body['next']}", err=True)
    if body.get("complete") == "0":
        click.echo("The first moves may be missing: older requests were deleted from the log.", err=True)
    if response.status_code != 200:
        click.echo(f"{response.status_code} {response.reason_phrase}", err=True)
    for name in ("Idempotent-Replayed", "X-Daas-Error", "X-Daas-Clock-Skew", "Retry-After"):
        if name in response.headers:
            click.echo(f"{name}: {response.headers[name]}", err=True)


def _print_message(body: Mapping[str, Any]) -> None:
    """Print a message as a mail program shows it, then its parts."""
    for name in ("folder", "date", "from", "to", "cc", "subject"):
        if body[name]:
            click.echo(f"{name}: {printable(body[name])}")
    click.echo("\n" + "\n".join(map(printable, body["text"].split("\n"))))
    if "text_cut" in body:
        click.echo("(Only the beginning of the text is shown.)", err=True)
    print_rows(
        {
            "part": part["part"],
            "type": part["type"],
            "size": part["size"],
            "document": part.get("document"),
            "name": part.get("path", part["name"]),
        }
        for part in body["parts"]
    )
