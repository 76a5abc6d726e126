"""Rate limits: requests of each key, and failed authentications of each address.

Other clients' failures never reject a valid signature: its application is counted separately.
"""

import ipaddress
import logging
import math
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from ..applications.lookup import Caller
from ..errors import TooManyFailures, TooManyRequests
from ..monitoring.metrics import Metrics
from ..settings import Settings
from .context import RequestContext

logger = logging.getLogger(__name__)

# Seconds that a request waits for the store.
_STORE_SECONDS = 0.25
# Seconds for which no request asks the store again after it was unavailable.
_PAUSE_SECONDS = 10.0
# Seconds between the lines that report how many requests were rejected without a row.
_LOG_SECONDS = 60.0

Result = TypeVar("Result")


class RateLimits:
    """Counts requests in a store: this process's memory, or a Redis that processes and nodes share.

    While the store is unavailable, no request is rejected.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._limiter: FixedWindowRateLimiter | None = None
        self._paused_until = 0.0
        self._unlogged = 0
        self._log_at = time.monotonic() + _LOG_SECONDS

    def count_request(self, caller: Caller) -> None:
        """Count an application's signed request; raise TooManyRequests if its limit is exceeded."""
        limit = self._limit_of(caller)
        if limit and self._is_over(limit, "hit", "key", caller.public_key):
            raise TooManyRequests(self._seconds_left(limit, "key", caller.public_key))

    def count_failure(self, context: RequestContext) -> None:
        """Count a request that failed authentication; raise TooManyRequests if its address has too many.

        Failures after a valid signature, for example because of an old date, are counted separately for each key.
        """
        public_key = ""
        if context.caller is not None:
            public_key, limit = context.caller.public_key, self._limit_of(context.caller)
            if limit and self._is_over(limit, "test", "key", public_key):
                raise TooManyRequests(self._seconds_left(limit, "key", public_key))
        limit = self._settings.failure_limit
        counted = ("address", _network_of(context.remote_address), public_key)
        if limit and self._is_over(limit, "hit", *counted):
            self._log_rejections()
            raise TooManyFailures(self._seconds_left(limit, *counted))

    def _limit_of(self, caller: Caller) -> RateLimitItem | None:
        """Return the limit of each key of an application: its own limit, or the general one; None if unlimited."""
        return _parse(caller.rate_limit) if caller.rate_limit else self._settings.rate_limit

    def _is_over(self, limit: RateLimitItem, method: str, kind: str, *counted: str) -> bool:
        """Return whether a limit is exceeded: `method` is `hit`, which counts, or `test`; False without a store."""
        is_over = self._ask(lambda limiter: not getattr(limiter, method)(limit, kind, *counted), False)
        if is_over:
            self._metrics.count_limited(kind)
        return is_over

    def _seconds_left(self, limit: RateLimitItem, *counted: str) -> int:
        """Return after how many whole seconds a request is allowed again."""
        resets_at = self._ask(lambda limiter: limiter.get_window_stats(limit, *counted).reset_time, 0.0)
        return max(1, math.ceil(resets_at - time.time()))

    def _ask(self, query: Callable[[FixedWindowRateLimiter], Result], default: Result) -> Result:
        if time.monotonic() < self._paused_until:
            return default
        if self._limiter is None:
            # Not before the fork: each process has its own memory.
            self._limiter = FixedWindowRateLimiter(_open_store(self._settings.rate_limit_store))
        try:
            return query(self._limiter)
        except StorageError as error:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            cause = type(error.storage_error).__name__
            logger.warning(
                "The store of the rate limits is unavailable (%s): no request is rejected for its rate.", cause
            )
            return default

    def _log_rejections(self) -> None:
        """Count a rejected request, which has no row and no line of its own, and log their number from time to time."""
        self._unlogged += 1
        if time.monotonic() >= self._log_at:
            logger.warning("%d requests were rejected because too many from their address had failed.", self._unlogged)
            self._unlogged, self._log_at = 0, time.monotonic() + _LOG_SECONDS


_parse = cache(parse)


def _open_store(url: str) -> Storage:
    if url == "memory://":
        return MemoryStorage()
    timeouts = {"socket_timeout": _STORE_SECONDS, "socket_connect_timeout": _STORE_SECONDS}
    return storage_from_string(url, wrap_exceptions=True, key_prefix="daas", **timeouts)  # type: ignore[return-value]


def _network_of(address: str) -> str:
    """Return the address to count: for IPv6 the network of a site, unless the address maps IPv4."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))
