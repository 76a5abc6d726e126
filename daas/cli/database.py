"""The commands `daas db` and `daas demo`."""

import click

from .. import migrations
from ..seeds.demo import first_commands, make_demo
from ..settings import load_settings
from .context import uses_database
from .output import Row, prints_result


@click.group()
def db() -> None:
    """Keep the database."""


@db.command()
@uses_database
@prints_result
def upgrade() -> Row:
    """Bring the database of DAAS_DATABASE_URL up to this release; what it holds stays."""
    migrations.upgrade()
    return {"revision": migrations.current_revision()}


@click.command()
@uses_database
def demo() -> None:
    """Make a demo application and mailbox in an empty database, and print what to type next.

    Their random keys are kept in instance/demo.env. On an address that is not loopback nothing is made.
    """
    settings = load_settings()
    if make_demo(settings):
        click.echo(first_commands(settings))
