"""The command `daas serve`."""

import errno
import os
import socket
import sys

import click

from ..errors import OperatorError
from ..settings import load_settings


@click.command()
def serve() -> None:
    """Serve HTTP on DAAS_BIND in the foreground.

    SIGTERM and SIGINT stop it after the current requests.
    """
    _check_address(load_settings().bind)
    # gunicorn replaces this process, so that signals and systemd's notifications reach it directly.
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:daas.server.gunicorn_config"]
    os.execv(sys.executable, [*gunicorn, "daas.app:create_app()"])  # noqa: S606  # nosec B606 - constant arguments.


def _check_address(bind: str) -> None:
    """Raise OperatorError if another program has the address: gunicorn would try for seconds, with a line for each."""
    host, _, port = bind.rpartition(":")
    if bind.startswith("unix:") or "LISTEN_FDS" in os.environ:
        return
    with socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host.strip("[]"), int(port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OperatorError(
                    f"Another program uses {bind}: stop it, or choose another address, such as DAAS_BIND={host}:"
                    f"{int(port) + 1}."
                ) from error
