"""Lets the writers of an embedded SQLite database take turns.

SQLite lets one write at a time and has the others sleep and try again, longer each time: under load some
wait a second while others pass them by. Here they wait for each other, the threads of a process in line and
the processes by a lock on a file beside the database.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import TimeoutError as WaitedTooLong

# How often a process looks whether another one has finished: a transaction takes about as long.
_LOOK_SECONDS = 0.0005


class WriterQueue:
    """The turns of one database's writers; `path` is a file that is for this alone and holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: tuple[int, int] | None = None

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Wait for a turn, and keep it until the end; raises SQLAlchemy's TimeoutError if it does not come in time."""
        deadline = time.monotonic() + seconds
        if not self._threads.acquire(timeout=seconds):
            raise WaitedTooLong("other threads are writing")
        try:
            descriptor = self._open()
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise WaitedTooLong("another process is writing") from None
                    time.sleep(_LOOK_SECONDS)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _open(self) -> int:
        """Give this process's own opening of the file: one that was inherited would share its parent's lock."""
        if self._file is None or self._file[0] != os.getpid():
            self._file = os.getpid(), os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file[1]
