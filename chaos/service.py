"""The service under test, started as an operator starts it: gunicorn on a real port, the same for every start."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from daas.settings import Settings
from tests.support.servers import ROOT, environment, reserved_port

#: Seconds; longer than gunicorn waits for its workers to finish.
_STOP_SECONDS = 40


def free_port(kept: contextlib.ExitStack) -> int:
    """Return a loopback port that is reserved until `kept` is closed.

    It is below the range of ports for outgoing connections: such a connection could stop the service from restarting.
    """
    while True:
        with contextlib.suppress(OSError):
            return kept.enter_context(reserved_port(random.randrange(20_000, 32_000)))


class Service:
    """gunicorn with a database; `environ` adds variables to its environment, such as settings.

    `release` is the folder whose code it runs from the next start on.
    """

    def __init__(self, settings: Settings, log: Path, **environ: str) -> None:
        self._kept = contextlib.ExitStack()
        self.port = free_port(self._kept)
        self.release = ROOT
        self._log = log
        self._environ = environment(settings, DAAS_BIND=f"127.0.0.1:{self.port}", **environ)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start gunicorn and wait until it has workers; raise RuntimeError with its log if it gets none."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", str(self.release / "gunicorn.conf.py"), "wsgi:app"],
                cwd=self.release,
                env=self._environ | {"PYTHONPATH": str(self.release)},
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own process group, so that master and workers can be killed at once.
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        # The socket proves nothing: workers of a killed master may still be listening.
        while self._process.poll() is None and not self.workers and time.monotonic() < deadline:
            time.sleep(0.02)
        if not self.workers:
            raise RuntimeError(f"The service does not start:\n{self._log.read_text()}")

    def connect(self) -> socket.socket:
        """Open a connection to the service."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    @property
    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        try:
            return psutil.Process(self._running.pid).children()
        except psutil.NoSuchProcess:
            return []

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the master only."""
        self._running.send_signal(number)

    def kill_all(self) -> None:
        """Kill master and workers at once."""
        os.killpg(self._running.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait until the master has ended and return its exit status."""
        return self._running.wait(timeout=_STOP_SECONDS)

    def stop(self) -> None:
        """Stop all processes for good: with SIGTERM first, then SIGKILL."""
        with self._kept:
            if self._process is None:
                return
            try:
                if self._process.poll() is None:
                    self.send(signal.SIGTERM)
                    self.wait()
            finally:
                # Usually no process is left.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("The service was never started.")
        return self._process
