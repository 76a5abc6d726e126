"""The tables of applications, their keys and permissions, and conditions on them for statements."""

import datetime

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
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..storage.engine import Base, Id, UtcDateTime


class Application(Base):
    """A program that may sign requests, with its permissions and requirements."""

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
        """Whether the key is neither revoked nor expired."""
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


def may_use(service: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that an application may use a service."""
    return exists().where(ApplicationService.application_id == Application.id, ApplicationService.service == service)


def key_works() -> ColumnElement[bool]:
    """Return the condition that a key is neither revoked nor expired, by the database's clock."""
    not_expired = or_(ApplicationKey.expires_at.is_(None), ApplicationKey.expires_at > func.current_timestamp())
    return ApplicationKey.revoked_at.is_(None) & not_expired
