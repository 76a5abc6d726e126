"""The commands `daas db` and `daas demo`."""

import sys

import click

from ..errors import OperatorError
from ..settings import load_settings
from .context import uses_database
from .output import Row, prints_result


@click.group()
def db() -> None:
    """Manage the database."""


@db.command()
@uses_database
@prints_result
def upgrade() -> Row:
    """Upgrade the database to this release; its data is kept.

    The database is that of DAAS_DATABASE_URL.
    """
    from .. import migrations

    migrations.upgrade()
    return {"revision": migrations.current_revision()}


@db.command()
@uses_database
@prints_result
def backfill() -> Row:
    """Count the attachments of messages from earlier releases.

    It can be interrupted and run again, also while the service runs.
    """
    from ..mailboxes.attachments import backfill_attachments, count_uncounted

    counted = 0
    with click.progressbar(
        length=count_uncounted(), label="Counting", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for messages in backfill_attachments():
            counted += messages
            bar.update(messages)
    return {"counted": counted}


@click.command()
@click.option("--reset", is_flag=True, help="Put its messages back, and make new keys if its file has none that work.")
@click.option("--quiet", is_flag=True, help="Print nothing, and report a missing demo without failing.")
@uses_database
def demo(reset: bool, quiet: bool) -> None:
    """Make a demo in an empty database; print what to type next.

    The keys of its application are in instance/demo.env, or in instance/demo-....env for another database than the
    default one. The file is never overwritten. Nothing is made on an address that is not loopback, or behind a proxy.
    """
    from ..seeds.demo import first_commands, make_demo, reset_demo

    settings = load_settings()
    if reset:
        reset_demo(settings)
    try:
        made = make_demo(settings)
    except OperatorError as error:
        if not quiet:
            raise
        # `make run` serves all the same.
        click.echo(f"No demo: {error}", err=True)
        return
    if made and not quiet:
        click.echo(first_commands(settings))
