"""The lookup of the application that a request names: the key of its signature, and its permissions."""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from sqlalchemy import bindparam, func, or_, select

from ..services import services
from ..storage.transactions import Statement, execute
from .models import Application, ApplicationKey, key_works, may_use

#: The seconds for which a lookup is used again (docs/decisions/0012), and the maximum number of cached lookups.
CACHE_SECONDS = 1.0
_MAX_CACHED = 1000
# No application has a longer public key: one in a request is not cached, so that memory is bounded.
_MAX_PUBLIC_KEY = 128

# Successful responses announce the expiry of a key this long before.
_ANNOUNCED = datetime.timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The application that a request names, as it was at most a second ago; its signature may still be wrong.

    `private_key` is None if the key is revoked, expired or cannot be decrypted; then `key_error` is the log's reason.
    `key_expires` is the time in RFC 3339 if it is less than 30 days away. `networks` and `rate_limit` are as the
    registry stores them.
    """

    id: int
    name: str
    key_id: int
    public_key: str
    service: str
    private_key: str | None
    key_error: str | None
    key_expires: str | None
    suspended: bool
    may_use_service: bool
    require_content_md5: bool
    warn_content_md5: bool
    networks: str | None
    rate_limit: str | None
    explain_401: bool


class CallerCache:
    """The lookups of the last second, of known and unknown keys alike, in bounded memory.

    `clock` returns seconds, as time.monotonic() does; its length is the number of lookups that are remembered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._found: TTLCache[tuple[str, str], Caller | None] = TTLCache(_MAX_CACHED, CACHE_SECONDS, clock)
        self._lock = Lock()
        self.find = cached(self._found, lock=self._lock)(_look_up)

    def __len__(self) -> int:
        with self._lock:
            return len(self._found)

    def clear(self) -> None:
        """Forget all lookups."""
        with self._lock:
            self._found.clear()


def find_caller(public_key: str, service: str) -> Caller | None:
    """Return the application of a public key, which is compared exactly; None if there is none.

    A lookup of the last second costs nothing, any other one statement and one decryption, for unknown keys too.
    """
    if len(public_key) > _MAX_PUBLIC_KEY:
        return _look_up(public_key, service)
    return services().callers.find(public_key, service)


def _look_up(public_key: str, service: str) -> Caller | None:
    row = execute(_FIND, public_key=public_key, service=service)
    private_key = services().cipher.decrypt(row.private_key_encrypted if row else None)
    if row is None:
        return None
    key_error = _error_of_key(row, private_key)
    return Caller(
        id=row.id,
        name=row.name,
        key_id=row.key_id,
        public_key=public_key,
        service=service,
        private_key=None if key_error else private_key,
        key_error=key_error,
        key_expires=_announce(row.expires_at),
        suspended=row.suspended,
        may_use_service=row.may_use_service,
        require_content_md5=row.require_content_md5,
        warn_content_md5=row.warn_content_md5,
        networks=row.networks,
        rate_limit=row.rate_limit,
        # A key that no longer works gets the same response as an unknown one.
        explain_401=bool(row.explain_401 and row.works),
    )


def _error_of_key(row: Any, private_key: str | None) -> str | None:
    if not row.works:
        return "key-revoked" if row.revoked else "key-expired"
    return "private-key-undecryptable" if private_key is None else None


def _announce(expires_at: datetime.datetime | None) -> str | None:
    if expires_at is None or expires_at - datetime.datetime.now(datetime.UTC) >= _ANNOUNCED:
        return None
    return expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")


_FIND = Statement(
    select(
        Application.id,
        Application.name,
        ApplicationKey.id.label("key_id"),
        ApplicationKey.private_key_encrypted,
        ApplicationKey.expires_at,
        ApplicationKey.revoked_at.is_not(None).label("revoked"),
        key_works().label("works"),
        Application.suspended,
        may_use(bindparam("service")).label("may_use_service"),
        Application.require_content_md5,
        Application.warn_content_md5,
        Application.networks,
        Application.rate_limit,
        or_(Application.explain_401, Application.explain_until > func.current_timestamp()).label("explain_401"),
    )
    .join(ApplicationKey, ApplicationKey.application_id == Application.id)
    .where(ApplicationKey.public_key == bindparam("public_key"))
)
