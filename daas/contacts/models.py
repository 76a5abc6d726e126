"""What an application keeps: lists, and contacts in them."""

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id

#: The greatest id of a list or a contact.
MAX_ID = 2**63 - 1
MAX_TEXT = 255


class ListCounter(Base):
    """The greatest id that an application's lists have had."""

    __tablename__ = "list_counter"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True, autoincrement=False)
    last_list: Mapped[int] = mapped_column(Id)


class ContactList(Base):
    """A list of contacts; `number` is the id that its application knows it by.

    One that is removed is there only until its contacts are gone.
    """

    __tablename__ = "contact_list"
    __table_args__ = (
        UniqueConstraint("application_id", "number"),
        CheckConstraint("name <> ''", name="name_not_blank"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    number: Mapped[int] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(MAX_TEXT))
    removed: Mapped[bool] = mapped_column(default=False)
    #: The greatest number that its contacts have had.
    last_contact: Mapped[int] = mapped_column(Id, default=0)


class Contact(Base):
    """A contact of a list; `number` is the id that the application knows it by within the list."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("list_id", "email_folded"),)

    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    email_address: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The address as it is compared, without regard to case.
    email_folded: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    first_name: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    last_name: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    company: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    address: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    city: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    state: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    country: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    zip_code: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    phone: Mapped[str] = mapped_column(String(MAX_TEXT), default="")
    dob: Mapped[str] = mapped_column(String(MAX_TEXT), default="")


def fold_address(email_address: str) -> str:
    """Give an address as it is compared within its list."""
    return email_address.casefold()
