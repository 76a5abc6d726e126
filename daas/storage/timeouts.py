"""How long a request may wait for what others hold, so that its caller is told in time.

A client is told within six seconds that the database is away, locked or full.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import exc

# After a wait in vain, others wait this long, for as many seconds.
_SHORT_WAIT_MILLISECONDS = 250
_SHORT_WAITS_SECONDS = 1.0
# A request that is this old waits no more.
_LONGEST_SECONDS = 5.0
_NEXT_TO_NOTHING_MILLISECONDS = 10

# PostgreSQL broke off one of several that wait for each other, or that changed the same.
_BROKEN_OFF = {"40001", "40P01"}

#: When the request in hand had arrived, by the monotonic clock; it may have waited for a thread since.
arrived_at: ContextVar[float] = ContextVar("arrived_at", default=math.inf)


class Waits:
    """How long the transactions of an app wait for what others hold: less for a while after one waited in vain.

    Requests queue for the threads that wait: without this, those behind would be told much too late.
    """

    def __init__(self, usual_milliseconds: int) -> None:
        self.usual_milliseconds = usual_milliseconds
        self._failed_at = -math.inf

    @property
    def milliseconds(self) -> int:
        """How long to wait now."""
        now = time.monotonic()
        longest = self.usual_milliseconds
        if now - self._failed_at < _SHORT_WAITS_SECONDS:
            longest = _SHORT_WAIT_MILLISECONDS
        age = now - arrived_at.get()
        if age < 0:
            return longest
        return max(_NEXT_TO_NOTHING_MILLISECONDS, min(longest, int((_LONGEST_SECONDS - age) * 1000)))

    def note(self, error: Exception) -> None:
        """Take note of an error that ended a transaction, if it says that the database is unavailable."""
        if is_unavailable(error) and not is_broken_off(error):
            self._failed_at = time.monotonic()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take note of an error that ends a transaction."""
        try:
            yield
        except Exception as error:
            self.note(error)
            raise


def is_unavailable(error: BaseException) -> bool:
    """Tell whether an error means that the database is away, locked, full or too busy: worth trying again later."""
    if isinstance(error, exc.TimeoutError):
        return True
    faults_of_ours = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
    return isinstance(error, exc.DBAPIError) and not isinstance(error, faults_of_ours)


def is_broken_off(error: BaseException) -> bool:
    """Tell whether PostgreSQL broke a statement off because of others: worth trying again at once."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) in _BROKEN_OFF
