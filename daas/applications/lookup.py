"""The application that a request names: what its signature is checked with, and what is asked of it."""

import datetime
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, bindparam, func, or_, select

from ..errors import UseNotAuthorized
from ..storage.encryption import cipher
from ..storage.transactions import Statement, driver
from .registry import Application, ApplicationKey, key_works, may_use

# How long the key that signatures are checked with is remembered, and of how many applications.
_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 1000

# How long before a key expires its answers say so.
_ANNOUNCED = datetime.timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The application that a request names, before its signature is checked, with what the check needs.

    It may be as old as a second: who acts for an application looks up anew what that may do.
    """

    id: int
    name: str
    key_id: int
    public_key: str
    service: str
    #: None if nothing can be signed with it any more; `key_fault` says why, for the log.
    private_key: str | None
    key_fault: str | None
    #: When the key expires, in RFC 3339, if that is soon.
    key_expires: str | None
    suspended: bool
    may_use_service: bool
    require_content_md5: bool
    warn_content_md5: bool
    networks: str | None
    rate_limit: str | None
    explain_401: bool


def init_candidates(app: Flask) -> None:
    """Give the app a memory of the keys that it has looked up."""
    app.extensions["daas_candidates"] = {}


def find_candidate(public_key: str, service: str) -> Candidate | None:
    """Find the application of a public key, compared exactly: one statement and one decryption, known or not."""
    now = time.monotonic()
    row = driver().read_one(_FIND, public_key=public_key, service=service)
    private_key = cipher().decrypt(row.private_key_encrypted if row else None)
    if row is None:
        return None
    key_fault = _fault_of_key(row, private_key)
    candidate = Candidate(
        id=row.id,
        name=row.name,
        key_id=row.key_id,
        public_key=public_key,
        service=service,
        private_key=None if key_fault else private_key,
        key_fault=key_fault,
        key_expires=_announce(row.expires_at),
        suspended=row.suspended,
        may_use_service=row.may_use_service,
        require_content_md5=row.require_content_md5,
        warn_content_md5=row.warn_content_md5,
        networks=row.networks,
        rate_limit=row.rate_limit,
        # A key that works no more is answered as one that never did.
        explain_401=bool(row.explain_401 and row.works),
    )
    if candidate.may_use_service and not candidate.suspended and not key_fault:
        candidates: dict[tuple[str, str], tuple[float, Candidate]] = current_app.extensions["daas_candidates"]
        if len(candidates) >= _MOST_REMEMBERED:
            candidates.clear()
        candidates[public_key, service] = now + _REMEMBERED_SECONDS, candidate
    return candidate


def recall_candidate(public_key: str, service: str) -> Candidate | None:
    """Give what find_candidate() found within the last second, if it may use the service; None if nothing."""
    expires, candidate = current_app.extensions["daas_candidates"].get((public_key, service), (0.0, None))
    return candidate if time.monotonic() < expires else None


def check_may_use(connection: Connection, application: Candidate) -> None:
    """Look up anew, in the transaction at hand, that an application may use its service; raises UseNotAuthorized."""
    asked = {"public_key": application.public_key, "service": application.service}
    found = connection.execute(_FIND.construct, asked).one_or_none()
    if found is None or found.id != application.id or not found.works or found.suspended or not found.may_use_service:
        raise UseNotAuthorized("use-withdrawn")


def _fault_of_key(row: Any, private_key: str | None) -> str | None:
    if not row.works:
        return "key-revoked" if row.revoked else "key-expired"
    return "private-key-undecryptable" if private_key is None else None


def _announce(expires_at: datetime.datetime | str | None) -> str | None:
    """Write when a key expires if that is soon; SQLite's own driver gives moments as text, in UTC."""
    if expires_at is None:
        return None
    if isinstance(expires_at, str):
        expires_at = datetime.datetime.fromisoformat(expires_at).replace(tzinfo=datetime.UTC)
    soon = expires_at - datetime.datetime.now(datetime.UTC) < _ANNOUNCED
    return expires_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if soon else None


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
