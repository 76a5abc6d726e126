"""The tables of lists and contacts."""

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id

#: The longest name of a list, or field of a contact, in characters.
MAX_TEXT = 255


class ListCounter(Base):
    """The greatest id that a list of an application ever had; ids are never used again."""

    __tablename__ = "list_counter"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True, autoincrement=False)
    last_list: Mapped[int] = mapped_column(Id)


class ContactList(Base):
    """A list of contacts; `number` is its id in the API, unique within the application.

    A removed list stays until its contacts are deleted.
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
    #: The greatest number that a contact of the list ever had; numbers are never used again.
    last_contact: Mapped[int] = mapped_column(Id, default=0)


class Contact(Base):
    """A contact of a list; `number` is its id in the API, unique within the list."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("list_id", "email_folded"),)

    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    email_address: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The address with its case folded, for comparisons.
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
    """Return an address as it is compared within its list."""
    return email_address.casefold()
