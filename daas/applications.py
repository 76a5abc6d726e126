"""Registered applications: their keys, what they may use, and how to find, change or suspend one."""

import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, current_app
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    ForeignKey,
    LargeBinary,
    String,
    bindparam,
    exists,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .database import Base, Id, db, reading
from .errors import OperatorError, UseNotAuthorized
from .settings import SettingError, Settings
from .signing.mechanism import KeyPair, make_key_pair
from .statements import Statement, driver

#: Every service that an application can be granted, named by its URL.
SERVICES = ("direct/messages/move", "direct/messages", "direct/folders", "v1/lists", "v1/contacts")
#: What `register` grants when it is not told.
DEFAULT_SERVICES = SERVICES[:3]

# How long the key that signatures are checked with is remembered, and of how many applications.
_REMEMBERED_SECONDS = 1.0
_MOST_REMEMBERED = 1000


class Application(Base):
    """A program that may sign requests, and what it may do with them."""

    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint("name <> ''", name="name_not_blank"),
        CheckConstraint("length(public_key) BETWEEN 16 AND 128", name="public_key_length"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    public_key: Mapped[str] = mapped_column(String(128), unique=True)
    #: The private key under the first of DAAS_ENCRYPTION_KEYS, a Fernet token.
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    suspended: Mapped[bool] = mapped_column(default=False)
    all_mailboxes: Mapped[bool] = mapped_column(default=False)
    require_content_md5: Mapped[bool] = mapped_column(default=False)
    explain_401: Mapped[bool] = mapped_column(default=False)
    services: Mapped[list["ApplicationService"]] = relationship(cascade="all, delete-orphan")
    mailboxes: Mapped[list["ApplicationMailbox"]] = relationship(cascade="all, delete-orphan")


class ApplicationService(Base):
    """A service that an application may use."""

    __tablename__ = "application_service"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    service: Mapped[str] = mapped_column(String(100), primary_key=True)


class ApplicationMailbox(Base):
    """A mailbox that is open to an application."""

    __tablename__ = "application_mailbox"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id"), primary_key=True, index=True)


@dataclass(frozen=True)
class Candidate:
    """The application that a request names, before its signature is checked, with what the check needs.

    It may be as old as a second: who acts for an application looks up anew what that may do.
    """

    id: int
    name: str
    public_key: str
    service: str
    #: None if it cannot be decrypted with the keys of this server.
    private_key: str | None
    suspended: bool
    may_use_service: bool
    require_content_md5: bool
    explain_401: bool


class PrivateKeyCipher:
    """Encrypts private keys for the database; decrypts a dummy as willingly, so that time tells nothing."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._dummy = self.encrypt(make_key_pair().private_key)

    def encrypt(self, private_key: str) -> bytes:
        """Encrypt a private key under the first key."""
        return self._fernet.encrypt(private_key.encode())

    def decrypt(self, token: bytes | None) -> str | None:
        """Decrypt a private key; None for no token, after as much work, and for one under none of the keys."""
        try:
            private_key = self._fernet.decrypt(self._dummy if token is None else token).decode()
        except InvalidToken:
            return None
        return None if token is None else private_key


def init_applications(app: Flask, settings: Settings) -> None:
    """Give the app the cipher of its private keys; raises SettingError if there is no key for it."""
    app.extensions["daas_cipher"] = PrivateKeyCipher(settings.encryption_keys or [_embedded_key(settings)])
    app.extensions["daas_candidates"] = {}


def find_candidate(public_key: str, service: str) -> Candidate | None:
    """Find the application of a public key, compared exactly: one statement and one decryption, known or not."""
    now = time.monotonic()
    row = driver().read_one(_FIND, public_key=public_key, service=service)
    private_key = cipher().decrypt(row.private_key_encrypted if row else None)
    if row is None:
        return None
    candidate = Candidate(
        row.id,
        row.name,
        public_key,
        service,
        private_key,
        row.suspended,
        row.may_use_service,
        row.require_content_md5,
        row.explain_401,
    )
    if candidate.may_use_service and not candidate.suspended:
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
    if found is None or found.id != application.id or found.suspended or not found.may_use_service:
        raise UseNotAuthorized("use-withdrawn")


def register_application(
    name: str,
    *,
    services: Iterable[str] = DEFAULT_SERVICES,
    mailbox_ids: Iterable[int] = (),
    all_mailboxes: bool = False,
    require_content_md5: bool = False,
    explain_401: bool = False,
    keys: KeyPair | None = None,
) -> tuple[Application, str]:
    """Register an application and give it with its private key, which is shown this once and never again."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise OperatorError("The name of an application is 1 to 100 printable characters.")
    keys = keys or make_key_pair()
    application = Application(
        name=name,
        public_key=keys.public_key,
        private_key_encrypted=cipher().encrypt(keys.private_key),
        all_mailboxes=all_mailboxes,
        require_content_md5=require_content_md5,
        explain_401=explain_401,
        services=[ApplicationService(service=service) for service in dict.fromkeys(services)],
        mailboxes=[ApplicationMailbox(mailbox_id=mailbox_id) for mailbox_id in dict.fromkeys(mailbox_ids)],
    )
    db.session.add(application)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        taken = "name" if db.session.scalar(select(Application.id).where(Application.name == name)) else "public key"
        raise OperatorError(f"There is an application with this {taken} already.") from error
    return application, keys.private_key


def find_application(name: str) -> Application:
    """Find an application by its name; raises OperatorError if there is none."""
    application = db.session.scalar(select(Application).where(Application.name == name))
    if application is None:
        raise OperatorError(f"There is no application {name!r}.")
    return application


def list_applications() -> Sequence[Application]:
    """Give all applications in the order of their names."""
    return db.session.scalars(select(Application).order_by(Application.name)).all()


def suspend_application(name: str, *, suspended: bool) -> Application:
    """Suspend or resume an application; while suspended, each of its requests is refused."""
    application = find_application(name)
    application.suspended = suspended
    db.session.commit()
    return application


def grant(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Allow an application more services and mailboxes, on top of what it may use already."""
    application = find_application(name)
    granted_services = {row.service for row in application.services}
    granted_mailboxes = {row.mailbox_id for row in application.mailboxes}
    application.services += [ApplicationService(service=service) for service in {*services} - granted_services]
    application.mailboxes += [ApplicationMailbox(mailbox_id=id_) for id_ in {*mailbox_ids} - granted_mailboxes]
    application.all_mailboxes |= all_mailboxes
    db.session.commit()
    return application


def revoke(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Take services and mailboxes from an application; `all_mailboxes` leaves it those named one by one."""
    application = find_application(name)
    application.services = [row for row in application.services if row.service not in {*services}]
    application.mailboxes = [row for row in application.mailboxes if row.mailbox_id not in {*mailbox_ids}]
    application.all_mailboxes &= not all_mailboxes
    db.session.commit()
    return application


def remove_application(name: str) -> None:
    """Take an application away, with its keys and permissions; the request log keeps its name."""
    db.session.delete(find_application(name))
    db.session.commit()


def check_key_pair(keys: KeyPair) -> None:
    """Raise OperatorError unless both keys are 16 to 128 printable ASCII characters without colon or blank."""
    for name, key in [("public", keys.public_key), ("private", keys.private_key)]:
        if not re.fullmatch(r"[!-9;-~]{16,128}", key):
            raise OperatorError(f"The {name} key must be 16 to 128 printable ASCII characters, no colon or blank.")


def stored_keys_decrypt() -> bool:
    """Tell whether every stored private key can be decrypted with the keys of this server."""
    with reading() as connection:
        stored = connection.scalars(select(Application.private_key_encrypted)).all()
    return all(cipher().decrypt(token) is not None for token in stored)


def cipher() -> PrivateKeyCipher:
    """Give the running app's cipher of private keys."""
    found: PrivateKeyCipher = current_app.extensions["daas_cipher"]
    return found


def may_use(service: ColumnElement[str]) -> ColumnElement[bool]:
    """Say in a statement that an application is granted a service."""
    return exists().where(ApplicationService.application_id == Application.id, ApplicationService.service == service)


def _embedded_key(settings: Settings) -> str:
    """Read the key file beside the embedded database, or make it while that is still to be filled."""
    database = settings.embedded_database
    if database is None:
        raise SettingError("DAAS_ENCRYPTION_KEYS must be set for a database that is not embedded.")
    path = database.with_name(database.name + ".key")
    if not path.exists():
        if database.exists() and database.stat().st_size > 0:
            raise SettingError(
                f"DAAS_ENCRYPTION_KEYS is not set and {path.name} is missing, but the database holds private keys."
            )
        _make_key_file(path)
    if path.stat().st_mode & 0o077:
        raise SettingError(f"DAAS_ENCRYPTION_KEYS is not set and {path.name} is open to others: chmod 600 it.")
    try:
        key = path.read_text().strip()
        Fernet(key)
    except (OSError, ValueError) as error:
        raise SettingError(f"DAAS_ENCRYPTION_KEYS is not set and {path.name} holds no Fernet key.") from error
    return key


def _make_key_file(path: Path) -> None:
    """Make the file whole or not at all, even if two processes start at once."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # Another process was first; its key counts.
    finally:
        fresh.unlink()


_FIND = Statement(
    select(
        Application.id,
        Application.name,
        Application.private_key_encrypted,
        Application.suspended,
        may_use(bindparam("service")).label("may_use_service"),
        Application.require_content_md5,
        Application.explain_401,
    ).where(Application.public_key == bindparam("public_key"))
)
