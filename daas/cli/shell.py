"""The commands `daas completion` and `daas manual`, made from the commands themselves."""

import re
from collections.abc import Iterator

import click
from click.shell_completion import get_completion_class

from ..settings import SETTINGS

_FILES = {
    ".env": "Settings, one NAME=value a line; the environment takes precedence.",
    "instance/daas.db": "The default database.",
    "instance/demo.env": "The keys of the demo.",
    "instance/sandbox.json": "The keys and ids of the sandbox.",
}
_STATUS = {
    "0": "The command did what it should.",
    "1": "It did not; one sentence on standard error says why.",
    "2": "Wrong usage, or a confirmation that nobody could give.",
}


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in a shell.

    For bash, for example: daas completion bash > ~/.local/share/bash-completion/completions/daas
    """
    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  # nosec B101 - the argument is one of click's shells.
    click.echo(found(root, {}, "daas", "_DAAS_COMPLETE").source())


@click.command()
def manual() -> None:
    """Print the manual page, for `man`.

    To read it: daas manual | man -l -. To install it: daas manual > /usr/local/share/man/man1/daas.1
    """
    root = click.get_current_context().find_root().command
    for line in _page(root):
        click.echo(line)


def _page(root: click.Command) -> Iterator[str]:
    """Yield the lines of the page in roff."""
    # Long words leave gaps in lines that are filled to both margins.
    yield from [".TH DAAS 1", ".ad l", ".SH NAME", r"daas \- operate a Direct message service, and call one"]
    yield from [".SH SYNOPSIS", ".B daas", r"[\-\-help] COMMAND [OPTIONS] [ARGUMENTS]", ".SH COMMANDS"]
    yield from _commands(root, "daas")
    yield from [".SH SETTINGS", "Settings come from the environment or from a file .env in the working directory."]
    for setting in SETTINGS:
        default = f" Default: {setting.default}." if setting.default else ""
        yield from [".TP", f".B {_roff(setting.name)}", _roff(setting.meaning + default)]
    for title, rows in [("FILES", _FILES), ("EXIT STATUS", _STATUS)]:
        yield f".SH {title}"
        for name, meaning in rows.items():
            yield from [".TP", f".B {_roff(name)}", _roff(meaning)]


def _commands(command: click.Command, words: str) -> Iterator[str]:
    context = click.Context(command, info_name=words)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None and not member.hidden:
                yield from _commands(member, f"{words} {name}")
        return
    yield ".TP"
    yield f".B {_roff(' '.join([words, *command.collect_usage_pieces(context)]))}"
    paragraphs = [" ".join(each.split()) for each in (command.help or "").split("\n\n")]
    yield "\n.IP\n".join(map(_roff, paragraphs))
    records = [param.get_help_record(context) for param in command.params if isinstance(param, click.Option)]
    yield ".RS"
    for record in filter(None, records):
        yield from [".TP", f".B {_roff(record[0])}", _roff(" ".join(record[1].split()) or "-")]
    yield ".RE"


def _roff(text: str) -> str:
    """Return a text that roff prints as it is."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped)
