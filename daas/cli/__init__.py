"""The command line `daas`."""

import sys

import click

from ..client import KeyFileError
from ..errors import OperatorError
from ..settings import SettingError
from . import applications, calls, conformance, contacts, mailboxes, messages, operation, requests, sandbox, settings


class _Commands(click.Group):
    """Says what went wrong in one sentence on standard error, with exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # What a terminal cannot show is a "?".
        try:
            return super().invoke(ctx)
        except (OperatorError, SettingError, KeyFileError) as error:
            raise click.ClickException(str(error)) from error
        except UnicodeError as error:
            raise click.ClickException("An argument or a key holds characters that cannot be used here.") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daas")
def main() -> None:
    """Operate a Direct message service, and call one."""


for command in [
    operation.db,
    operation.demo,
    settings.settings,
    applications.application,
    mailboxes.mailbox,
    mailboxes.folder,
    messages.message,
    contacts.contacts,
    requests.request,
    calls.sign,
    calls.move,
    calls.folders,
    calls.messages,
    conformance.conformance,
    sandbox.sandbox,
]:
    main.add_command(command)
