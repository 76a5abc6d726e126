"""Limits of how often: per key what an operator grants it, per address how many requests may fail authentication.

A good signature is never refused for what others do: its application has a count of its own.
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

# How long a request may wait for the store, and how long none asks it after it was away.
_STORE_SECONDS = 0.25
_AWAY_SECONDS = 10.0
# How often the refusals that have no row of their own are told of, all at once.
_TELL_SECONDS = 60.0

Answer = TypeVar("Answer")


class RateLimits:
    """Counts requests in a store: this process's memory, or a Redis that processes and nodes share.

    While the store is away nobody is refused.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._limiter: FixedWindowRateLimiter | None = None
        self._away_until = 0.0
        self._untold = 0
        self._tell_at = time.monotonic() + _TELL_SECONDS

    def count_request(self, application: Caller) -> None:
        """Count a request that its application signed; raises TooManyRequests if that asks more often than it may."""
        limit = self._limit_of(application)
        if limit and self._is_over(limit, "hit", "key", application.public_key):
            raise TooManyRequests(self._seconds_left(limit, "key", application.public_key))

    def count_failure(self, context: RequestContext) -> None:
        """Count a request that failed authentication; raises TooManyRequests if there are too many from its address.

        One whose signature is good, so that it failed for its date, say, has a count and the limit of its own key.
        """
        public_key = ""
        if context.caller is not None:
            public_key, limit = context.caller.public_key, self._limit_of(context.caller)
            if limit and self._is_over(limit, "test", "key", public_key):
                raise TooManyRequests(self._seconds_left(limit, "key", public_key))
        limit = self._settings.failure_limit
        counted = ("address", _network_of(context.record.remote_address), public_key)
        if limit and self._is_over(limit, "hit", *counted):
            self._tell_of_refusal()
            raise TooManyFailures(self._seconds_left(limit, *counted))

    def _limit_of(self, application: Caller) -> RateLimitItem | None:
        """Give the limit of each of an application's keys: its own, or else everybody's; None if there is none."""
        return _parse(application.rate_limit) if application.rate_limit else self._settings.rate_limit

    def _is_over(self, limit: RateLimitItem, ask: str, kind: str, *counted: str) -> bool:
        """Ask the store, counting with `hit` or not with `test`, whether there are too many; no, while it is away."""
        is_over = self._ask(lambda limiter: not getattr(limiter, ask)(limit, kind, *counted), False)
        if is_over:
            self._metrics.count_limited(kind)
        return is_over

    def _seconds_left(self, limit: RateLimitItem, *counted: str) -> int:
        """Give the whole seconds after which there is room again."""
        resets_at = self._ask(lambda limiter: limiter.get_window_stats(limit, *counted).reset_time, 0.0)
        return max(1, math.ceil(resets_at - time.time()))

    def _ask(self, question: Callable[[FixedWindowRateLimiter], Answer], unanswered: Answer) -> Answer:
        if time.monotonic() < self._away_until:
            return unanswered
        if self._limiter is None:
            # Not before the fork: what is in memory is each process's own.
            self._limiter = FixedWindowRateLimiter(_open_store(self._settings.rate_limit_store))
        try:
            return question(self._limiter)
        except StorageError as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            cause = type(error.storage_error).__name__
            logger.warning("The store of the rate limits is away (%s): nobody is refused for a limit.", cause)
            return unanswered

    def _tell_of_refusal(self) -> None:
        """Count what has no row and no line of its own, and tell the sum now and then."""
        self._untold += 1
        if time.monotonic() >= self._tell_at:
            logger.warning("%d requests were refused for failures of others from their address.", self._untold)
            self._untold, self._tell_at = 0, time.monotonic() + _TELL_SECONDS


_parse = cache(parse)


def _open_store(url: str) -> Storage:
    if url == "memory://":
        return MemoryStorage()
    waits = {"socket_timeout": _STORE_SECONDS, "socket_connect_timeout": _STORE_SECONDS}
    return storage_from_string(url, wrap_exceptions=True, key_prefix="daas", **waits)  # type: ignore[return-value]


def _network_of(address: str) -> str:
    """Give what counts as one address: of IPv6, the network that one site has, but not where it stands for IPv4."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))
