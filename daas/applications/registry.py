"""Registered applications, their keys and permissions: register, find, change and suspend them."""

import datetime
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..errors import OperatorError
from ..records.audit import audit
from ..signing.mechanism import KeyPair, make_key_pair
from ..storage.encryption import encrypt
from ..storage.engine import Base, Id, UtcDateTime, db

#: Every service that an application can be granted, named by its URL.
SERVICES = ("direct/messages/move", "direct/messages", "direct/folders", "v1/lists", "v1/contacts")
#: The services that `register` grants by default.
DEFAULT_SERVICES = SERVICES[:3]


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
    #: One of its keys, for servers of the previous release; this release uses only `keys`.
    public_key: Mapped[str] = mapped_column(String(128), unique=True)
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    suspended: Mapped[bool] = mapped_column(default=False)
    all_mailboxes: Mapped[bool] = mapped_column(default=False)
    require_content_md5: Mapped[bool] = mapped_column(default=False)
    #: Whether successful responses warn if Content-MD5 is missing.
    warn_content_md5: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The allowed networks in CIDR notation, separated by spaces; None allows all.
    networks: Mapped[str | None] = mapped_column(Text)
    #: Such as `600 per minute`; None for the general limit.
    rate_limit: Mapped[str | None] = mapped_column(String(100))
    #: Whether, or until when, its 401 responses have the server's string to sign.
    explain_401: Mapped[bool] = mapped_column(default=False)
    explain_until: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    keys: Mapped[list["ApplicationKey"]] = relationship(order_by="ApplicationKey.id", cascade="all, delete-orphan")
    services: Mapped[list["ApplicationService"]] = relationship(cascade="all, delete-orphan")
    mailboxes: Mapped[list["ApplicationMailbox"]] = relationship(cascade="all, delete-orphan")


class ApplicationKey(Base):
    """A key pair of an application; a revoked key stays, so that old rows of the log can be understood."""

    __tablename__ = "application_key"
    __table_args__ = (
        UniqueConstraint("application_id", "name"),
        CheckConstraint("length(public_key) BETWEEN 16 AND 128", name="public_key_length"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    name: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(128), unique=True)
    #: The private key as a Fernet token, encrypted with one of DAAS_ENCRYPTION_KEYS.
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    #: None for a key from before this table existed.
    created_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)

    @property
    def works(self) -> bool:
        """Whether it is neither revoked nor expired."""
        expires_at = self.expires_at
        return self.revoked_at is None and (expires_at is None or expires_at > datetime.datetime.now(datetime.UTC))


class ApplicationService(Base):
    """A service that an application may use."""

    __tablename__ = "application_service"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    service: Mapped[str] = mapped_column(String(100), primary_key=True)


class ApplicationMailbox(Base):
    """A mailbox that an application may use."""

    __tablename__ = "application_mailbox"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id"), primary_key=True, index=True)


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
    """Register an application and return it with its private key, which is shown only this once."""
    services, mailbox_ids = [*dict.fromkeys(services)], [*dict.fromkeys(mailbox_ids)]
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise OperatorError("The name of an application is 1 to 100 printable characters.")
    keys = keys or make_key_pair()
    encrypted = encrypt(keys.private_key)
    key = ApplicationKey(
        name="1",
        public_key=keys.public_key,
        private_key_encrypted=encrypted,
        created_at=datetime.datetime.now(datetime.UTC),
    )
    application = Application(
        name=name,
        public_key=keys.public_key,
        private_key_encrypted=encrypted,
        all_mailboxes=all_mailboxes,
        require_content_md5=require_content_md5,
        explain_401=explain_401,
        keys=[key],
        services=[ApplicationService(service=service) for service in services],
        mailboxes=[ApplicationMailbox(mailbox_id=mailbox_id) for mailbox_id in mailbox_ids],
    )
    db.session.add(application)
    asked = {"services": services, "mailbox_ids": mailbox_ids, "all_mailboxes": all_mailboxes}
    audit("application register", name, public_key=keys.public_key, require_content_md5=require_content_md5, **asked)
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        taken = "name" if db.session.scalar(select(Application.id).where(Application.name == name)) else "public key"
        raise OperatorError(f"There is an application with this {taken} already.") from error
    return application, keys.private_key


def find_application(name: str) -> Application:
    """Return the application with a name; raise OperatorError if there is none."""
    application = db.session.scalar(select(Application).where(Application.name == name))
    if application is None:
        raise OperatorError(f"There is no application {name!r}.")
    return application


def list_applications() -> Sequence[Application]:
    """Return all applications, ordered by name."""
    return db.session.scalars(select(Application).order_by(Application.name)).all()


def suspend_application(name: str, *, suspended: bool) -> Application:
    """Suspend or resume an application; all requests of a suspended application are rejected."""
    application = find_application(name)
    application.suspended = suspended
    audit("application suspend" if suspended else "application resume", name)
    db.session.commit()
    return application


def grant(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Grant an application services and mailboxes, in addition to its present permissions."""
    application = find_application(name)
    services, mailbox_ids = {*services}, {*mailbox_ids}
    granted_services = {row.service for row in application.services}
    granted_mailboxes = {row.mailbox_id for row in application.mailboxes}
    application.services += [ApplicationService(service=service) for service in services - granted_services]
    application.mailboxes += [ApplicationMailbox(mailbox_id=id_) for id_ in mailbox_ids - granted_mailboxes]
    application.all_mailboxes |= all_mailboxes
    _audit_permissions("application grant", name, services, mailbox_ids, all_mailboxes)
    db.session.commit()
    return application


def revoke(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Withdraw services and mailboxes from an application; `all_mailboxes` withdraws the permission for all, not the
    mailboxes granted by name.
    """
    application = find_application(name)
    services, mailbox_ids = {*services}, {*mailbox_ids}
    application.services = [row for row in application.services if row.service not in services]
    application.mailboxes = [row for row in application.mailboxes if row.mailbox_id not in mailbox_ids]
    application.all_mailboxes &= not all_mailboxes
    _audit_permissions("application revoke", name, services, mailbox_ids, all_mailboxes)
    db.session.commit()
    return application


def remove_application(name: str) -> None:
    """Remove an application with its keys and permissions; the request log keeps its name."""
    audit("application remove", name)
    db.session.delete(find_application(name))
    db.session.commit()


def may_use(service: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that an application may use a service."""
    return exists().where(ApplicationService.application_id == Application.id, ApplicationService.service == service)


def key_works() -> ColumnElement[bool]:
    """Return the condition that a key is neither revoked nor expired, by the database's clock."""
    not_expired = or_(ApplicationKey.expires_at.is_(None), ApplicationKey.expires_at > func.current_timestamp())
    return ApplicationKey.revoked_at.is_(None) & not_expired


def _audit_permissions(
    act: str, name: str, services: Iterable[str], mailbox_ids: Iterable[int], all_mailboxes: bool
) -> None:
    audit(act, name, services=sorted(services), mailbox_ids=sorted(mailbox_ids), all_mailboxes=all_mailboxes)
