"""The command `daas lmtp`."""

import click

from ..delivery.application import create_delivery_app
from ..delivery.receiver import check_start, receive_until_stopped
from ..monitoring import logs


@click.command()
def lmtp() -> None:
    """Receive mail by LMTP on DAAS_LMTP_BIND in the foreground.

    SIGTERM and SIGINT stop it after the messages that are arriving.
    """
    logs.configure_logs()
    app = create_delivery_app()
    check_start(app)
    receive_until_stopped(app)
