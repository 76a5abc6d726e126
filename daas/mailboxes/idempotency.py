"""Requests with an Idempotency-Key: each is carried out once, and a repeated one gets the first response.

The key is written in the transaction of what the request changes. Requests without a key never touch its table.
"""

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from ..applications.lookup import Caller
from ..errors import IdempotencyKeyReused
from ..reasons import Reason
from ..records.request_log import LoggedRequest, RequestRecord, log_request_in
from ..services import services
from ..storage.transactions import Construct, Statement, StatementRunner
from .models import IdempotencyKey

#: How long a key and its response are kept.
KEPT = datetime.timedelta(hours=24)

# The expired keys that are deleted with each key that is written: more than one, so that the table shrinks to the keys
# of the last 24 hours, and few, so that no request is slowed down. No command or clock is needed for that.
_MAX_DELETED = 4

T = TypeVar("T")


@dataclass(frozen=True)
class KeyedRequest(Generic[T]):
    """An Idempotency-Key, and the call and its arguments, as understood, that the key stands for.

    `body_of` returns the body of the response to a successful request.
    """

    key: str
    call: Sequence[Any]
    body_of: Callable[[T], bytes]

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the call and its arguments."""
        return hashlib.sha256(repr(tuple(self.call)).encode()).digest()


@dataclass(frozen=True)
class Replay:
    """The body of the first response, for a request that was repeated; `logged` is the row of the repeated one."""

    logged: LoggedRequest
    body: bytes


def carry_out(
    run: StatementRunner, caller: Caller, record: RequestRecord, keyed: KeyedRequest[T] | None, act: Callable[[], T]
) -> T | Replay:
    """Call `act` in a transaction, or return the Replay if the application has used the key for this request before.

    An error of `act` must undo the transaction: then the key can be used again. Of two requests with one key, the
    second waits until the first has ended. Without a key `act` is always called.

    Raises IdempotencyKeyReused if the key was used for another request.
    """
    if keyed is None:
        return act()
    now = datetime.datetime.fromtimestamp(services().clock(), datetime.UTC)
    fingerprint = keyed.fingerprint
    used = _find(run, caller, keyed.key, now)
    if used is None:
        done = act()
        run.change(_DELETE, expired_at=now - KEPT)
        body = keyed.body_of(done).decode()
        values = {"application_id": caller.id, "key": keyed.key, "at": now, "fingerprint": fingerprint, "body": body}
        run.change(_KEEP[run.dialect.name], **values)
        return done
    if used.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return Replay(log_request_in(run, record, 200, Reason.REPLAYED), used.body.encode())


def _find(run: StatementRunner, caller: Caller, key: str, now: datetime.datetime) -> Any | None:
    """Return the row of a key that has not expired, None if there is none."""
    if run.dialect.name == "postgresql":
        # Wait for another request with this key before looking for its row. On SQLite writers take turns.
        digest = hashlib.sha256(f"idempotency key {caller.id} {key}".encode()).digest()
        run.first(_LOCK, number=int.from_bytes(digest[:8], signed=True))
    return run.first(_FIND, application_id=caller.id, key=key, expired_at=now - KEPT)


def _keep(insert: Any) -> Construct:
    """Return the insert of a key, in place of an expired row that it may have."""
    row = insert(IdempotencyKey).values({name: bindparam(name) for name in _COLUMNS})
    replaced = {name: row.excluded[name] for name in ("at", "fingerprint", "body")}
    kept: Construct = row.on_conflict_do_update(index_elements=["application_id", "key"], set_=replaced)
    return kept


_COLUMNS = [column.key for column in IdempotencyKey.__table__.columns]
_FIND = Statement(
    select(IdempotencyKey.fingerprint, IdempotencyKey.body).where(
        IdempotencyKey.application_id == bindparam("application_id"),
        IdempotencyKey.key == bindparam("key"),
        IdempotencyKey.at > bindparam("expired_at"),
    )
)
_KEEP = {
    "sqlite": Statement(_keep(sqlite.insert)),
    "postgresql": Statement(_keep(postgresql.insert)),
}
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("number"))))
_IDENTITY = (IdempotencyKey.application_id, IdempotencyKey.key)
_DELETE = Statement(
    delete(IdempotencyKey).where(
        tuple_(*_IDENTITY).in_(
            select(*_IDENTITY)
            .where(IdempotencyKey.at <= bindparam("expired_at"))
            .order_by(IdempotencyKey.at)
            .limit(_MAX_DELETED)
            # Requests on PostgreSQL that write keys at the same time do not wait for each other's deletions.
            .with_for_update(skip_locked=True)
        )
    )
)
