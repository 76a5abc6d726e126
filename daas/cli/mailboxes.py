"""The commands `daas mailbox` and `daas folder`."""

from collections.abc import Iterable

import click

from ..mailboxes import administration as mailboxes
from ..mailboxes.models import Mailbox
from .context import uses_database
from .output import Row, prints_result


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


def _describe(mailbox: Mailbox) -> Row:
    return {"mailbox": mailbox.name, "suspended": mailbox.suspended}
