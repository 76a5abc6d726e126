"""The commands `daas message`."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from ..errors import OperatorError
from ..mail.files import SkippedFile
from ..mailboxes import administration as mailboxes
from ..mailboxes import messages
from ..mailboxes.message_import import ImportedMessage, import_messages
from ..mailboxes.models import date_text
from ..mailboxes.removal import remove_message
from ..storage.engine import db
from .confirm import YES, confirm
from .context import uses_database
from .deliver import deliver_
from .output import ID, Row, print_result, printable, prints_result, progress_bar


@click.group()
def message() -> None:
    """Import, list, show and remove messages."""


message.add_command(deliver_)


@message.command("import")
@click.argument("mailbox_name", metavar="M")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--folder",
    "folder_name",
    default="Inbox",
    show_default=True,
    help="The folder, by its name or id; name:2024 for a name of digits.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
@uses_database
def import_(mailbox_name: str, paths: tuple[Path, ...], folder_name: str, as_json: bool) -> None:
    """Import .eml files, mbox files and Maildirs.

    A message that the mailbox already has keeps its id.
    """
    folder = mailboxes.find_folder(mailboxes.find_mailbox(mailbox_name), folder_name)
    imported: list[ImportedMessage] = []
    skipped: list[SkippedFile] = []
    with progress_bar("Importing", sum(map(_size, paths)) if sys.stderr.isatty() else 0) as bar:
        for outcome in import_messages(folder, paths):
            if isinstance(outcome, ImportedMessage):
                bar.update(outcome.size)
                imported.append(outcome)
            else:
                skipped.append(outcome)
    new = sum(each.new for each in imported)
    totals = {"new": new, "known": len(imported) - new, "skipped": len(skipped)}
    if as_json:
        result = {
            "imported": [{"id": str(each.id), "path": each.path, "new": each.new} for each in imported],
            "skipped": [{"path": each.path, "reason": each.reason} for each in skipped],
            "totals": totals,
        }
        print_result(result, as_json=True)
    else:
        _print_import(imported, skipped, totals)
    _report_errors([each for each in skipped if each.is_error])


def _print_import(imported: list[ImportedMessage], skipped: list[SkippedFile], totals: dict[str, int]) -> None:
    for message in imported:
        click.echo(f"{'new' if message.new else 'known':<7}  {message.id}  {printable(message.path)}")
    for file in skipped:
        click.echo(f"skipped  {printable(file.path)}: {file.reason}")
    click.echo(", ".join(f"{count} {name}" for name, count in totals.items()))


def _report_errors(errors: list[SkippedFile]) -> None:
    """Print each path that could not be read, and raise OperatorError if there is one."""
    for error in errors:
        click.echo(f"{printable(error.path)}: {error.reason}", err=True)
    if errors:
        raise OperatorError(f"{len(errors)} of the paths could not be read; everything else was imported.")


@message.command("list")
@click.argument("mailbox_name", metavar="M")
@click.option("--folder", "folder_name", help="Only messages in this folder: a name or an id.")
@uses_database
@prints_result
def list_(mailbox_name: str, folder_name: str | None) -> Iterable[Row]:
    """List the messages of a mailbox."""
    mailbox = mailboxes.find_mailbox(mailbox_name)
    folder = None if folder_name is None else mailboxes.find_folder(mailbox, folder_name)
    return map(_describe, messages.list_messages(mailbox, folder))


@message.command()
@click.argument("message_id", metavar="ID", type=ID)
@click.option("--raw", is_flag=True, help="Print only the bytes as they were imported.")
@uses_database
@prints_result
def show(message_id: int, raw: bool) -> Row | None:
    """Show the header fields of a message, or its bytes."""
    if raw and click.get_current_context().params["as_json"]:
        raise click.UsageError("Give --raw or --json, not both.")
    if raw:
        sys.stdout.buffer.write(messages.read_content(message_id))
        return None
    return _describe(messages.find_message(message_id))


@message.command()
@click.argument("message_id", metavar="ID", type=ID)
@YES
@uses_database
@prints_result
def remove(message_id: int, yes: bool) -> Row:
    """Remove a message; the log keeps its moves."""
    found = _describe(messages.find_message(message_id))
    db.session.rollback()
    confirm(f"Remove the message {message_id} of {found['mailbox']} for good?", yes=yes)
    remove_message(message_id)
    return {"id": found["id"], "mailbox": found["mailbox"], "folder": found["folder"]}


def _describe(listed: messages.ListedMessage) -> Row:
    envelope = listed.envelope
    return {
        "id": str(envelope.id),
        "mailbox": listed.mailbox,
        "folder": listed.folder,
        "subject": envelope.subject,
        "from": envelope.sender,
        "date": date_text(envelope.date) or None,
    }


def _size(path: Path) -> int:
    """Return how many bytes are at a path, for the progress bar only."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0
