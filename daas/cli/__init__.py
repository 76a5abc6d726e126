"""The command line `daas`.

Each command's module is imported only when that command runs; `daas --help` and shell completion use COMMANDS.
"""

import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from ..errors import OperatorError
from ..settings import SettingError, unknown_settings
from .output import printable

#: The commands in the order of `daas --help`: name, module, and the first sentence of the command's help.
COMMANDS = {
    "db": ("database", "Manage the database."),
    "demo": ("database", "Make a demo in an empty database; print what to type next."),
    "serve": ("serve", "Serve HTTP on DAAS_BIND in the foreground."),
    "lmtp": ("lmtp", "Receive mail by LMTP on DAAS_LMTP_BIND in the foreground."),
    "settings": ("settings", "Show the value and the source of every setting."),
    "doctor": ("doctor", "Check database, keys, clock, proxy and disk; say what to do."),
    "deploy-files": ("deploy_files", "Write the files for nginx, systemd and monitoring."),
    "application": ("applications", "Manage applications and their permissions."),
    "key": ("keys", "Manage the keys of an application."),
    "encryption": ("keys", "Manage the encryption of stored private keys."),
    "mailbox": ("mailboxes", "Manage mailboxes."),
    "folder": ("mailboxes", "Manage the custom folders of a mailbox."),
    "message": ("messages", "Import, list, show and remove messages."),
    "contacts": ("contacts", "Import and export the contacts of a list."),
    "request": ("requests", "Read, prune and seal the request log."),
    "audit": ("audit", "Show what operators did."),
    "sign": ("calls", "Sign a request and show each step; nothing is sent."),
    "move": ("calls", "Move messages over the API, several IDs in one request."),
    "folders": ("calls", "List the custom folders of a mailbox over the API."),
    "messages": ("calls", "List the messages of a mailbox over the API."),
    "read": ("calls", "Read a message over the API."),
    "save": ("calls", "Save a part of a message over the API."),
    "history": ("calls", "List the moves of a message over the API, oldest first."),
    "restore": ("calls", "Move a message back to its previous folder over the API."),
    "requests": ("calls", "List the application's own requests over the API."),
    "conformance": ("conformance", "Test a server against every rule of the API."),
    "sandbox": ("sandbox", "Manage data for testers that provokes every response."),
    "completion": ("shell", "Print the script that completes commands in a shell."),
    "manual": ("shell", "Print the manual page, for `man`."),
}


class LazyGroup(click.Group):
    """The group of all commands; prints known errors as one sentence on standard error, with exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # Characters that the terminal cannot show become "?".
        try:
            return super().invoke(ctx)
        except (OperatorError, SettingError) as error:
            raise click.ClickException(printable(str(error))) from error
        except UnicodeError as error:
            raise click.ClickException("An argument or a key contains characters that are not allowed.") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, without importing them."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and return it; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what completes a command's name or an option, without importing the commands."""
        found = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daas")
def main() -> None:
    """Operate a Direct message service, and call one."""
    for name, known in unknown_settings().items():
        hint = f"; did you mean {known}?" if known else "."
        click.echo(f"Warning: {printable(name)} is not a setting{hint}", err=True)
