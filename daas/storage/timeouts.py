"""How long a request may wait for the database, so that a client gets a 503 within six seconds."""

import math
import sqlite3
import time
from contextvars import ContextVar

from sqlalchemy import exc

# The waits of one request (a connection from the pool, a new connection, a statement) add up to less than six seconds.
POOL_SECONDS = 1
CONNECT_SECONDS = 2
#: How long a statement may take, in a request and in an operator's command.
REQUEST_MILLISECONDS = 2_500
COMMAND_MILLISECONDS = 600_000
#: How long a statement may take that stores mail as it arrives; the program that hands it over waits for minutes.
DELIVERY_MILLISECONDS = 30_000

# After a wait that timed out, other waits are shortened to this for this many seconds.
_SHORT_MILLISECONDS = 250
_SHORT_SECONDS = 1.0
# A request that is older than this waits only the minimum.
_MAX_REQUEST_SECONDS = 5.0
_MIN_MILLISECONDS = 10

# PostgreSQL's serialization_failure and deadlock_detected: it ended one of several transactions that conflict.
_CONFLICTS = {"40001", "40P01"}
_QUERY_CANCELED = "57014"
_DISK_FULL = "53100"

#: When the current request began, by the monotonic clock; infinity outside a request.
request_started: ContextVar[float] = ContextVar("request_started", default=math.inf)


class Timeouts:
    """How long the transactions of an application wait for locks and for the database.

    After a wait that timed out, they wait less for a second: requests queue behind waiting threads, so that otherwise
    the last ones of the queue would get their 503 after much more than six seconds.
    """

    def __init__(self, usual_milliseconds: int) -> None:
        self.usual_milliseconds = usual_milliseconds
        self._failed_at = -math.inf

    @property
    def milliseconds(self) -> int:
        """How long to wait now: less after a timeout, and no longer than the rest of the current request's time."""
        now = time.monotonic()
        longest = _SHORT_MILLISECONDS if now - self._failed_at < _SHORT_SECONDS else self.usual_milliseconds
        age = now - request_started.get()
        if age < 0:
            return longest
        return max(_MIN_MILLISECONDS, min(longest, int((_MAX_REQUEST_SECONDS - age) * 1000)))

    def record(self, error: Exception) -> None:
        """Shorten the next waits if the error of a transaction means that the database is unavailable."""
        if is_unavailable(error) and not is_conflict(error):
            self._failed_at = time.monotonic()


def is_unavailable(error: BaseException) -> bool:
    """Return whether an error means that the database is away, locked, full or too busy: a later retry may succeed."""
    if isinstance(error, exc.TimeoutError):
        return True
    own_errors = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
    return isinstance(error, exc.DBAPIError) and not isinstance(error, own_errors)


def is_conflict(error: BaseException) -> bool:
    """Return whether PostgreSQL ended a statement because of a concurrent one: an immediate retry may succeed."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) in _CONFLICTS


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error means that the disk of the database is full."""
    if not isinstance(error, exc.DBAPIError):
        return False
    is_full = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return is_full or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def is_statement_timeout(error: BaseException) -> bool:
    """Return whether an error means that a statement exceeded its time limit."""
    if not isinstance(error, exc.DBAPIError):
        return False
    is_canceled = getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED
    return is_canceled or getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
