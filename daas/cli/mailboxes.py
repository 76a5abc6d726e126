"""The commands `daas mailbox` and `daas folder`."""

from collections.abc import Iterable

import click

from ..mailboxes import administration as mailboxes
from ..mailboxes import removal
from ..mailboxes.models import Mailbox
from ..storage.engine import db
from .confirm import YES, confirm
from .context import uses_database
from .output import Row, prints_result, progress_bar


@click.group()
def mailbox() -> None:
    """Manage mailboxes.

    A mailbox has the name of the local part of its Direct address.
    """


@mailbox.command("add")
@click.argument("name", metavar="M")
@uses_database
@prints_result
def add_mailbox(name: str) -> Row:
    """Add a mailbox with its four standard folders."""
    return _describe(mailboxes.add_mailbox(name))


@mailbox.command("list")
@uses_database
@prints_result
def list_mailboxes() -> Iterable[Row]:
    """List all mailboxes."""
    return [_describe(each) for each in mailboxes.list_mailboxes()]


@mailbox.command()
@click.argument("name", metavar="M")
@uses_database
@prints_result
def suspend(name: str) -> Row:
    """Close a mailbox to all applications."""
    return _describe(mailboxes.suspend_mailbox(name, suspended=True))


@mailbox.command()
@click.argument("name", metavar="M")
@uses_database
@prints_result
def resume(name: str) -> Row:
    """Open a suspended mailbox again."""
    return _describe(mailboxes.suspend_mailbox(name, suspended=False))


@mailbox.command("rename")
@click.argument("name", metavar="M")
@click.argument("new_name", metavar="NEWNAME")
@YES
@uses_database
@prints_result
def rename_mailbox(name: str, new_name: str, yes: bool) -> Row:
    """Rename a mailbox; the log keeps the old name."""
    found = mailboxes.find_mailbox(name).name
    db.session.rollback()
    confirm(f"Rename the mailbox {found} to {new_name}? Clients must use the new name at once.", yes=yes)
    return _describe(removal.rename_mailbox(name, new_name))


@mailbox.command("remove")
@click.argument("name", metavar="M")
@YES
@uses_database
@prints_result
def remove_mailbox(name: str, yes: bool) -> Row:
    """Remove a mailbox with all its messages and folders.

    The messages are deleted in small steps; an interrupted removal can be repeated. The request log stays.
    """
    mailbox = mailboxes.find_mailbox(name)
    found, count = mailbox.name, removal.count_messages(mailbox)
    db.session.rollback()
    confirm(f"Remove the mailbox {found} with {count} messages for good?", yes=yes)
    with progress_bar("Removing", count) as bar:
        return {"mailbox": found, "removed_messages": removal.remove_mailbox(name, bar.update)}


@click.group()
def folder() -> None:
    """Manage the custom folders of a mailbox."""


@folder.command("add")
@click.argument("mailbox_name", metavar="M")
@click.argument("name", metavar="FOLDERNAME")
@uses_database
@prints_result
def add_folder(mailbox_name: str, name: str) -> Row:
    """Add a custom folder and print its id, which a move names."""
    mailbox = mailboxes.find_mailbox(mailbox_name)
    made = mailboxes.add_folder(mailbox, name)
    return {"id": str(made.id), "mailbox": mailbox.name, "name": made.name}


@folder.command("list")
@click.argument("mailbox_name", metavar="M")
@uses_database
@prints_result
def list_folders(mailbox_name: str) -> Iterable[Row]:
    """List the custom folders of a mailbox."""
    mailbox = mailboxes.find_mailbox(mailbox_name)
    return [
        {"id": str(each.id), "mailbox": mailbox.name, "name": each.name}
        for each in mailboxes.list_custom_folders(mailbox)
    ]


@folder.command("rename")
@click.argument("mailbox_name", metavar="M")
@click.argument("text", metavar="FOLDER")
@click.argument("new_name", metavar="NEWNAME")
@YES
@uses_database
@prints_result
def rename_folder(mailbox_name: str, text: str, new_name: str, yes: bool) -> Row:
    """Rename a custom folder, given by name or id; its id stays."""
    found = removal.find_custom_folder(mailboxes.find_mailbox(mailbox_name), text).name
    db.session.rollback()
    confirm(f"Rename the folder {found!r} to {new_name!r}?", yes=yes)
    mailbox = mailboxes.find_mailbox(mailbox_name)
    renamed = removal.rename_folder(mailbox, text, new_name)
    return {"id": str(renamed.id), "mailbox": mailbox.name, "name": renamed.name}


@folder.command("remove")
@click.argument("mailbox_name", metavar="M")
@click.argument("text", metavar="FOLDER")
@YES
@uses_database
@prints_result
def remove_folder(mailbox_name: str, text: str, yes: bool) -> Row:
    """Remove a custom folder with its messages."""
    mailbox = mailboxes.find_mailbox(mailbox_name)
    folder = removal.find_custom_folder(mailbox, text)
    found, id_, count = folder.name, str(folder.id), removal.count_messages(mailbox, folder)
    db.session.rollback()
    confirm(f"Remove the folder {found!r} with {count} messages for good?", yes=yes)
    with progress_bar("Removing", count) as bar:
        removed = removal.remove_folder(mailboxes.find_mailbox(mailbox_name), id_, bar.update)
    return {"id": id_, "mailbox": mailbox_name.lower(), "name": found, "removed_messages": removed}


def _describe(mailbox: Mailbox) -> Row:
    return {"mailbox": mailbox.name, "suspended": mailbox.suspended}
