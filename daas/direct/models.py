"""What a mailbox holds."""

import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..database import Base, Id, UtcDateTime

#: The folders that every mailbox has, by their documented names.
STANDARD_FOLDERS = ("Inbox", "Sent", "Archived", "Draft")


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
    """The facts of a message's envelope and where it lies: the row that a move touches.

    Its folder is one of its own mailbox. `digest` is the SHA-256 of its bytes, which a mailbox holds once.
    """

    __tablename__ = "message"
    __table_args__ = (
        ForeignKeyConstraint(["mailbox_id", "folder_id"], ["folder.mailbox_id", "folder.id"]),
        UniqueConstraint("mailbox_id", "digest"),
        CheckConstraint("id > 0", name="id_positive"),
        CheckConstraint("size > 0", name="size_positive"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(Id)
    folder_id: Mapped[int] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    message_id: Mapped[str] = mapped_column(String(998))
    subject: Mapped[str] = mapped_column(String(998))
    sender: Mapped[str] = mapped_column(String(998))
    recipients: Mapped[str] = mapped_column(String(998))
    #: What the mail says; None if it says nothing that can be read.
    date: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    size: Mapped[int]
    imported_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class MessageContent(Base):
    """The bytes of a message as they were imported, apart from the row that a move touches."""

    __tablename__ = "message_content"

    id: Mapped[int] = mapped_column(ForeignKey("message.id"), primary_key=True, autoincrement=False)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
