"""Ask before something that cannot be undone."""

import sys

import click

#: Answers the question of a command in advance.
YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(question: str, *, yes: bool) -> None:
    """Return if the operator confirms; abort with exit status 1 if not, and with 2 if nobody can be asked.

    No transaction may be open meanwhile: an operator can take any time to answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is no terminal to ask on: pass --yes to confirm.")
    click.confirm(question, abort=True, err=True)
