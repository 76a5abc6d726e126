"""The command `daas serve`."""

import os
import sys

import click


@click.command()
def serve() -> None:
    """Serve HTTP on DAAS_BIND in the foreground.

    SIGTERM and SIGINT stop it after the current requests.
    """
    # gunicorn replaces this process, so that signals and systemd's notifications reach it directly.
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:daas.server.gunicorn_config"]
    os.execv(sys.executable, [*gunicorn, "daas.app:create_app()"])  # noqa: S606  # nosec B606 - constant arguments.
