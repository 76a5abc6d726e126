"""The command `daas message deliver`, for the pipe of an MTA, which decides by the exit status (sysexits.h)."""

import sys
from dataclasses import replace

import click

from ..delivery.application import create_delivery_app
from ..delivery.deliver import Delivery, Result, deliver, find_error_of_mailbox, make_record, reason_of, reject, report
from ..delivery.replies import REPLIES
from ..errors import OperatorError
from ..mail.header import NotAMessage
from ..mailboxes import administration as mailboxes
from ..mailboxes.storing import read_message
from ..reasons import Reason
from ..services import services
from ..settings import SettingError
from ..storage.engine import db

_NO_MESSAGE = 65
_NO_MAILBOX = 67
_TRY_AGAIN = 75
_STATUSES = {
    Reason.DELIVERED: 0,
    Reason.DELIVERED_BEFORE: 0,
    Reason.NOT_A_MESSAGE: _NO_MESSAGE,
    Reason.MAILBOX_UNKNOWN: _NO_MAILBOX,
}


class _Failure(click.ClickException):
    exit_code = _TRY_AGAIN


class _PipeCommand(click.Command):
    """A command whose every unexpected failure has status 75: an MTA tries again later, and bounces nothing."""

    def make_context(self, *args: object, **options: object) -> click.Context:
        """Read the arguments."""
        try:
            return super().make_context(*args, **options)  # type: ignore[arg-type]
        except click.ClickException as error:
            raise _Failure(error.format_message()) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            known = isinstance(error, (OperatorError, SettingError))
            raise _Failure(str(error) if known else f"An unexpected error: {type(error).__name__}.") from error


@click.command("deliver", cls=_PipeCommand)
@click.argument("mailbox_name", metavar="M")
@click.option("--folder", "folder_name", help="The folder, by its name or id; Inbox by default.")
def deliver_(mailbox_name: str, folder_name: str | None) -> None:
    """Store one message from standard input, for an MTA's pipe.

    The exit status is 0 (stored), 65 (no message), 67 (no such mailbox) or 75 (try again later).
    """
    app = create_delivery_app()
    with app.app_context():
        try:
            result = _deliver(mailbox_name.lower(), folder_name)
        finally:
            db.session.remove()
            db.engine.dispose()
    if status := _STATUSES.get(result.reason, _TRY_AGAIN):
        click.echo(f"Error: {REPLIES[result.reason].text}.", err=True)
        click.get_current_context().exit(status)


def _deliver(mailbox: str, folder_name: str | None) -> Result:
    record = make_record("PIPE", "local", mailbox)
    limit = services().settings.max_message_bytes
    raw = sys.stdin.buffer.read(limit + 1)
    try:
        if len(raw) > limit:
            result = reject([record], Reason.MESSAGE_TOO_LARGE)[0]
        else:
            result = deliver([_place(Delivery(mailbox, read_message(raw), record), folder_name)])[0]
    except NotAMessage:
        result = reject([record], Reason.NOT_A_MESSAGE)[0]
    except Exception as error:
        if (reason := reason_of(error)) is Reason.UNEXPECTED_ERROR:
            raise
        result = Result(reason)
    report(record, result, len(raw))
    return result


def _place(delivery: Delivery, folder_name: str | None) -> Delivery:
    """Return the delivery into a folder; into Inbox if none is named, or if there is no such mailbox."""
    if folder_name is None or find_error_of_mailbox(delivery.mailbox) is Reason.MAILBOX_UNKNOWN:
        return delivery
    folder = mailboxes.find_folder(mailboxes.find_mailbox(delivery.mailbox), folder_name)
    placed = replace(delivery, folder_id=folder.id, folder=folder.name if folder.standard else str(folder.id))
    db.session.rollback()  # The delivery has a transaction of its own, which would wait for the session's.
    return placed
