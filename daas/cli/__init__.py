"""The command line `daas`."""

import sys

import click

from ..client import KeyFileError
from ..errors import OperatorError
from ..settings import SettingError
from . import (
    applications,
    audit,
    calls,
    conformance,
    contacts,
    database,
    deploy_files,
    keys,
    mailboxes,
    messages,
    requests,
    sandbox,
    serve,
    settings,
)
from .output import printable


class _Commands(click.Group):
    """Print the known errors as one sentence on standard error, and exit with status 1."""

    def invoke(self, ctx: click.Context) -> object:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # Characters that the terminal cannot show become "?".
        try:
            return super().invoke(ctx)
        except (OperatorError, SettingError, KeyFileError) as error:
            raise click.ClickException(printable(str(error))) from error
        except UnicodeError as error:
            raise click.ClickException("An argument or a key contains characters that are not allowed.") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daas")
def main() -> None:
    """Operate a Direct message service, and call one."""


for command in [
    database.db,
    database.demo,
    serve.serve,
    deploy_files.deploy_files,
    settings.settings,
    applications.application,
    keys.key,
    keys.encryption,
    mailboxes.mailbox,
    mailboxes.folder,
    messages.message,
    contacts.contacts,
    requests.request,
    audit.audit,
    calls.sign,
    calls.move,
    calls.folders,
    calls.messages,
    conformance.conformance,
    sandbox.sandbox,
]:
    main.add_command(command)
