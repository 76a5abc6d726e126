"""Manage the keys of applications, and record when each was last used."""

import datetime
import logging
import re
import time
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, after_this_request, current_app
from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ..errors import OperatorError
from ..records.audit import AuditRow, audit, audit_row
from ..services import services
from ..signing.mechanism import KeyPair, make_key_pair
from ..storage.engine import db
from ..storage.transactions import Statement, execute, read_transaction, write_transaction
from .models import Application, ApplicationKey
from .registry import find_application

# Write `last_used_at` at most once per this many seconds and process; it can lag behind by that much.
_WRITTEN_SECONDS = 60

# Private keys that one transaction encrypts again.
_BATCH_KEYS = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rotation:
    """How many private keys were encrypted again, and how many this server cannot decrypt."""

    rotated: int
    undecryptable: int


class KeyUses:
    """The time at which each key's last use must be written next, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}

    def is_due(self, key_id: int) -> bool:
        """Return whether to write that a key is used now; if so, it is not due again for a minute."""
        now = time.monotonic()
        if now < self._due.get(key_id, now):
            return False
        self._due[key_id] = now + _WRITTEN_SECONDS
        return True


def add_key(
    application_name: str, name: str | None, expires_at: datetime.datetime | None, keys: KeyPair | None = None
) -> tuple[ApplicationKey, str]:
    """Add a key to an application and return it with its private key, which is shown only this once.

    Its default name is its number.
    """
    application = find_application(application_name)
    name = str(len(application.keys) + 1) if name is None else name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise OperatorError("The name of a key must be 1 to 100 printable characters.")
    keys = keys or make_key_pair()
    key = ApplicationKey(
        application_id=application.id,
        name=name,
        public_key=keys.public_key,
        private_key_encrypted=services().cipher.encrypt(keys.private_key),
        created_at=datetime.datetime.now(datetime.UTC),
        expires_at=expires_at,
    )
    application.keys.append(key)
    audit("key add", application_name, key=name, public_key=keys.public_key, expires=_text_of(expires_at))
    try:
        _serve_previous_release(application)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        taken = "name" if name in {each.name for each in find_application(application_name).keys} else "public key"
        raise OperatorError(f"There is a key with this {taken} already.") from error
    return key, keys.private_key


def revoke_key(application_name: str, key_name: str) -> ApplicationKey:
    """Revoke a key permanently; `key_name` is its name or the public key."""
    application = find_application(application_name)
    key = _find_key(application, key_name)
    key.revoked_at = key.revoked_at or datetime.datetime.now(datetime.UTC)
    audit("key revoke", application_name, key=key.name, public_key=key.public_key)
    _serve_previous_release(application)
    db.session.commit()
    return key


def expire_key(application_name: str, key_name: str, expires_at: datetime.datetime | None) -> ApplicationKey:
    """Set a key's expiry (whole seconds), or None for no expiry; `key_name` is its name or the public key."""
    application = find_application(application_name)
    key = _find_key(application, key_name)
    key.expires_at = expires_at
    audit("key expire", application_name, key=key.name, public_key=key.public_key, expires=_text_of(expires_at))
    _serve_previous_release(application)
    db.session.commit()
    return key


def check_key_pair(keys: KeyPair) -> None:
    """Raise OperatorError unless both keys are 16 to 128 printable ASCII characters without colon or space."""
    for name, key in [("public", keys.public_key), ("private", keys.private_key)]:
        if not re.fullmatch(r"[!-9;-~]{16,128}", key):
            raise OperatorError(f"The {name} key must be 16 to 128 printable ASCII characters, no colon or space.")


def stored_keys_decrypt() -> bool:
    """Return whether every stored private key can be decrypted with the keys of this server."""
    with read_transaction() as run:
        stored = run.rows(select(ApplicationKey.private_key_encrypted))
    return all(services().cipher.decrypt(token) is not None for (token,) in stored)


def rotate_encryption() -> Rotation:
    """Encrypt every stored private key again, under the first of DAAS_ENCRYPTION_KEYS.

    Keys that are already encrypted under it stay unchanged, so that this can be interrupted and repeated. Keys that no
    key decrypts stay unchanged too, and are counted. Batches keep each transaction short.
    """
    with write_transaction() as run:
        run.change(insert(AuditRow).values(audit_row("encryption rotate")))
    rotated, undecryptable = _rotate(ApplicationKey)
    _rotate(Application)
    return Rotation(rotated, undecryptable)


def note_use(key_id: int) -> None:
    """Record that a key has just been used: after the response was sent, and at most once a minute."""
    if not services().key_uses.is_due(key_id):
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    write = partial(_write_use, app, key_id, datetime.datetime.now(datetime.UTC))

    @after_this_request
    def write_when_sent(response: Response) -> Response:
        response.call_on_close(write)
        return response


def _rotate(table: type[ApplicationKey] | type[Application]) -> tuple[int, int]:
    """Encrypt the private keys of a table again; return how many that were, and how many could not be decrypted."""
    cipher = services().cipher
    rotated = undecryptable = last = 0
    stored = select(table.id, table.private_key_encrypted).order_by(table.id).limit(_BATCH_KEYS)
    while True:
        with read_transaction() as run:
            batch = run.rows(stored.where(table.id > last))
        if not batch:
            return rotated, undecryptable
        last = batch[-1].id
        replacements = []
        for id_, token in batch:
            if cipher.is_under_first(token):
                continue
            private_key = cipher.decrypt(token)
            if private_key is None:
                undecryptable += 1
            else:
                replacements.append((id_, token, cipher.encrypt(private_key)))
        if replacements:
            with write_transaction() as run:
                for id_, old, new in replacements:
                    unchanged = update(table).where(table.id == id_, table.private_key_encrypted == old)
                    rotated += run.change(unchanged.values(private_key_encrypted=new))


def _write_use(app: Flask, key_id: int, used_at: datetime.datetime) -> None:
    with app.app_context():
        try:
            execute(_USED, key_id=key_id, used_at=used_at)
        except SQLAlchemyError as error:
            logger.warning("The last use of a key could not be written: %s.", type(error).__name__)


def _text_of(expires_at: datetime.datetime | None) -> str | None:
    return None if expires_at is None else expires_at.isoformat()


def _find_key(application: Application, name: str) -> ApplicationKey:
    found = next((key for key in application.keys if name in (key.name, key.public_key)), None)
    if found is None:
        raise OperatorError(f"The application {application.name!r} has no key {name!r}.")
    return found


def _serve_previous_release(application: Application) -> None:
    """Set the key that servers of the previous release check: one that works, or else one that nobody has."""
    working = next((key for key in application.keys if key.works), None)
    if working is not None:
        application.public_key = working.public_key
        application.private_key_encrypted = working.private_key_encrypted
    elif any(key.public_key == application.public_key for key in application.keys):
        unused = make_key_pair()
        application.public_key = unused.public_key
        application.private_key_encrypted = services().cipher.encrypt(unused.private_key)


_USED = Statement(
    update(ApplicationKey)
    .where(
        ApplicationKey.id == bindparam("key_id"),
        or_(ApplicationKey.last_used_at.is_(None), ApplicationKey.last_used_at < bindparam("used_at")),
    )
    .values(last_used_at=bindparam("used_at"))
    .returning(ApplicationKey.id),
    durable=False,
)
