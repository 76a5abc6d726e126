"""The SQLite database: its file, its settings, and how its writers take turns and share commits.

SQLite lets one transaction write at a time; the others sleep and retry, longer each time, so that under load some wait
for seconds while later ones overtake them. Here the threads of a process wait in order of arrival, and a process
retries every half millisecond. A commit waits for the disk, so threads that wait at the same time share one transaction
and one commit: each runs its own statements, then lets the next one in; the last one commits for all. An error of that
commit is raised in all of them. (bench/README.md has the figures that justify this.)
"""

import errno
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from ..settings import SettingError
from .timeouts import REQUEST_MILLISECONDS

#: How many writers may share a commit: enough to save most commits, and few enough that each transaction is short.
MAX_SHARING = 8

# The size of the write-ahead log in pages (40 MB) at which SQLite copies it into the database. Writers wait for that;
# with SQLite's default of 1,000 pages, one move in twenty would wait.
_CHECKPOINT_PAGES = 10_000

# Seconds between tries while another process writes: a transaction takes about as long.
_POLL_SECONDS = 0.0005

# Steps of SQLite's virtual machine between two checks of the deadline: at most a few milliseconds.
_STEPS_BETWEEN_LOOKS = 5_000
_MAX_PAUSE_SECONDS = 0.1


def make_private_file(path: Path) -> None:
    """Make the database's folder and file readable only by their owner; SQLite would make them readable by others.

    Raises SettingError if that fails.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An existing file is not opened: closing it would release the locks of SQLite's own connections (POSIX).
        if not path.exists():
            path.touch(mode=0o600)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise SettingError(f"DAAS_DATABASE_URL names a file that cannot be made: {error.strerror}.") from error


def set_up(connection: DBAPIConnection, _record: object) -> None:
    """Prepare a new connection; a listener for SQLAlchemy's `connect` event."""
    # Otherwise the driver begins deferred transactions by itself, which fail when two of them write.
    connection.isolation_level = None
    cursor = connection.cursor()
    _turn_on_write_ahead_log(cursor)
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    cursor.close()


@contextmanager
def interrupting(connection: sqlite3.Connection, milliseconds: int, *, pauses: bool = False) -> Iterator[None]:
    """Interrupt the statements that a connection runs in a block after so many milliseconds in all; 0 is no limit.

    An interrupted statement raises OperationalError with the error code SQLITE_INTERRUPT. With `pauses`, a statement
    pauses now and then for twice as long as it has run: it must not take a core from the threads that serve others.
    """
    if not milliseconds:
        yield
        return
    deadline = time.monotonic() + milliseconds / 1000
    resumed = time.monotonic()

    def look() -> bool:
        nonlocal resumed
        now = time.monotonic()
        if pauses and now < deadline:
            time.sleep(min(2 * (now - resumed), _MAX_PAUSE_SECONDS))
            resumed = time.monotonic()
        return now > deadline

    connection.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


class _Writer:
    """A thread that waits, first for its turn to write and then for the commit that it shares.

    It waits by acquiring `wakes`, a plain lock that is held until another thread releases it: threading.Event takes
    several times as long, and each thread of a transaction waits twice.
    """

    def __init__(self, *, durable: bool) -> None:
        self.durable = durable
        self.wakes = threading.Lock()
        self.wakes.acquire()


class _SharedTransaction:
    """A transaction that threads use one after the other.

    `sharing` are the threads that have used it; `error` is why it failed, None if it did not.
    """

    def __init__(self, connection: sqlite3.Connection, resources: ExitStack, *, durable: bool) -> None:
        self.connection = connection
        self.resources = resources
        self.durable = durable
        self.sharing: list[_Writer] = []
        self.error: Exception | None = None


class SharedTransactions:
    """The transactions in which the threads of a process write.

    `connect(durable)` is a context manager of a connection whose commits wait for the disk if `durable` is true.
    """

    def __init__(self, connect: Callable[[bool], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._connect = connect
        self._mutex = threading.Lock()
        self._waiting: deque[_Writer] = deque()
        self._is_busy = False
        #: Only the thread whose turn it is uses it.
        self._current: _SharedTransaction | None = None

    @contextmanager
    def transaction(self, seconds: float, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Run a block in a transaction; its changes are committed when the `with` statement ends.

        An error in the block undoes only its own changes. Raises SQLAlchemy's TimeoutError if the thread's turn does
        not come within `seconds`, and the error of a failed commit in every thread that shared it.
        """
        writer = _Writer(durable=durable)
        self._await_turn(writer, seconds)
        # From here on it is this thread's turn, until it is passed on.
        try:
            shared = self._current or self._begin(seconds, durable=durable)
        except BaseException:
            self._pass_turn_on()
            raise
        shared.sharing.append(writer)
        try:
            yield from _in_savepoint(shared)
        finally:
            self._leave(shared)
            writer.wakes.acquire()
            if shared.error is not None:
                raise shared.error

    def _await_turn(self, writer: _Writer, seconds: float) -> None:
        with self._mutex:
            if not self._is_busy:
                self._is_busy = True
                return
            self._waiting.append(writer)
        if writer.wakes.acquire(timeout=seconds):
            return
        with self._mutex:
            if writer in self._waiting:
                self._waiting.remove(writer)
                raise WaitedTooLong("other threads are writing")
        writer.wakes.acquire()  # Its turn came just after the timeout: take the release, which is for this wait.

    def _begin(self, seconds: float, *, durable: bool) -> _SharedTransaction:
        with self._mutex:
            # The setting cannot change within the transaction, so it must suit the waiting writers that can join.
            durable = durable or any(writer.durable for writer in [*self._waiting][: MAX_SHARING - 1])
        with ExitStack() as resources:
            connection = resources.enter_context(self._connect(durable))
            _begin_immediate(connection, seconds)
            self._current = _SharedTransaction(connection, resources.pop_all(), durable=durable)
        return self._current

    def _leave(self, shared: _SharedTransaction) -> None:
        """Let the next thread into the transaction, or end it."""
        with self._mutex:
            following = self._waiting[0] if self._waiting else None
            joins = (
                following is not None
                and shared.connection.in_transaction
                and len(shared.sharing) < MAX_SHARING
                and (shared.durable or not following.durable)
            )
            if joins:
                self._waiting.popleft().wakes.release()
                return
        self._current = None
        try:
            with shared.resources:
                if shared.connection.in_transaction:
                    shared.connection.execute("COMMIT")
                elif shared.error is None:
                    shared.error = WaitedTooLong("SQLite has undone the transaction")
        except Exception as error:  # transaction() raises it in every sharing thread.
            shared.error = error
        finally:
            self._pass_turn_on()
            for writer in shared.sharing:
                writer.wakes.release()

    def _pass_turn_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().wakes.release()
            else:
                self._is_busy = False


def _in_savepoint(shared: _SharedTransaction) -> Iterator[sqlite3.Connection]:
    """Yield the connection; an error in the block undoes the changes made in it."""
    connection = shared.connection
    connection.execute("SAVEPOINT writer")
    try:
        yield connection
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO writer")
            connection.execute("RELEASE writer")
        elif isinstance(error, Exception):
            # SQLite itself has undone the whole transaction, for example because the disk is full.
            shared.error = error
        raise
    connection.execute("RELEASE writer")


def _begin_immediate(connection: sqlite3.Connection, seconds: float) -> None:
    """Begin a write transaction once no other process writes; raise OperationalError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _turn_on_write_ahead_log(cursor: DBAPICursor) -> None:
    """Turn on the write-ahead log, a permanent setting of the database.

    It is retried here: of two simultaneous attempts, SQLite fails one at once, whatever the busy timeout.
    """
    deadline = time.monotonic() + REQUEST_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
