"""The tables of mailboxes, folders and messages."""

import datetime
import unicodedata

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id, UtcDateTime

#: The folders that every mailbox has, by their documented names.
STANDARD_FOLDERS = ("Inbox", "Sent", "Archived", "Draft")


def fold(text: str) -> str:
    """Return a text in the form for searches: case-folded, NFC, with white space folded to single spaces.

    Stored texts and search texts are both folded here, so that results do not depend on the database.
    """
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


def date_text(date: datetime.datetime | None) -> str:
    """Return a message's date in RFC 3339, in whole seconds of UTC; an empty text if it has none."""
    return "" if date is None else date.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


class Mailbox(Base):
    """The mail of one Direct address; `name` is its local part, in lower case."""

    __tablename__ = "mailbox"
    __table_args__ = (
        CheckConstraint("name = lower(name)", name="name_lower_case"),
        CheckConstraint("length(name) BETWEEN 1 AND 64", name="name_length"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    suspended: Mapped[bool] = mapped_column(default=False)


class Folder(Base):
    """A folder of a mailbox, standard or custom; ids are unique in the installation and never used again."""

    __tablename__ = "folder"
    __table_args__ = (
        UniqueConstraint("mailbox_id", "name"),
        UniqueConstraint("mailbox_id", "id"),
        CheckConstraint("NOT standard OR name IN ('Inbox', 'Sent', 'Archived', 'Draft')", name="standard_name"),
        CheckConstraint(
            "standard OR lower(name) NOT IN ('inbox', 'sent', 'archived', 'draft')",
            name="custom_name_not_standard",
        ),
        CheckConstraint("trim(name, '0123456789') <> ''", name="name_not_all_digits"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id"))
    name: Mapped[str] = mapped_column(String(255))
    standard: Mapped[bool] = mapped_column(default=False)


class Message(Base):
    """The folder of a message: the small row that a move changes. The folder belongs to the message's mailbox."""

    __tablename__ = "message"
    __table_args__ = (
        ForeignKeyConstraint(["mailbox_id", "folder_id"], ["folder.mailbox_id", "folder.id"]),
        UniqueConstraint("mailbox_id", "id"),
        CheckConstraint("id > 0", name="id_positive"),
        Index("ix_message_folder_id_id", "folder_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(Id)
    folder_id: Mapped[int] = mapped_column(Id)
    #: The folder before the last move that changed it, which may be removed since; None before the first such move.
    previous_folder_id: Mapped[int | None] = mapped_column(Id)


class MessageEnvelope(Base):
    """The facts of a message's header, which never change.

    `digest` is the SHA-256 of the message's bytes, unique in a mailbox. Searches compare with the folded texts.
    """

    __tablename__ = "message_envelope"
    __table_args__ = (
        ForeignKeyConstraint(["mailbox_id", "id"], ["message.mailbox_id", "message.id"]),
        UniqueConstraint("mailbox_id", "digest"),
        CheckConstraint("size > 0", name="size_positive"),
        Index("ix_message_envelope_mailbox_id_date_id", "mailbox_id", "date", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    mailbox_id: Mapped[int] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    message_id: Mapped[str] = mapped_column(String(998))
    subject: Mapped[str] = mapped_column(String(998))
    subject_folded: Mapped[str] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(String(998))
    sender_folded: Mapped[str] = mapped_column(Text)
    recipients: Mapped[str] = mapped_column(String(998))
    #: The date in the header; None if it is missing or malformed.
    date: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    size: Mapped[int]
    #: The number of attachments; None until it is computed, for messages of earlier releases.
    attachments: Mapped[int | None]
    imported_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class MessageContent(Base):
    """The bytes of a message as they were imported."""

    __tablename__ = "message_content"

    id: Mapped[int] = mapped_column(ForeignKey("message.id"), primary_key=True, autoincrement=False)
    raw: Mapped[bytes] = mapped_column(LargeBinary)


class MessageParts(Base):
    """The parts that were found in a message, as JSON, so that a message is unpacked once, not at every read."""

    __tablename__ = "message_parts"

    id: Mapped[int] = mapped_column(ForeignKey("message.id"), primary_key=True, autoincrement=False)
    parts: Mapped[str] = mapped_column(Text)


class IdempotencyKey(Base):
    """The response to a request with an Idempotency-Key, which a repeated request gets; kept for 24 hours.

    `fingerprint` is the SHA-256 of the call and its arguments, `body` the JSON of the response.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_at", "at"),)

    application_id: Mapped[int] = mapped_column(
        ForeignKey("application.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    body: Mapped[str] = mapped_column(Text)
