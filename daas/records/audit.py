"""The audit: one row for every act of an operator, in the transaction of what it changes.

Nothing here changes or deletes a row. A row names what it is about in text, as those of the request log do.
"""

import datetime
import json
import os
import pwd
from collections.abc import Iterator
from typing import Any

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id, UtcDateTime, db
from .text import MAX_TEXT, printable


class AuditRow(Base):
    """One act of an operator."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    #: The user of the operating system who ran the command.
    actor: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: What was done, in the words of the commands, such as `application grant`.
    act: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The name of the application or mailbox that it is about; empty if it is about none.
    subject: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The rest of what was asked for, a JSON object; never a private key.
    details: Mapped[str] = mapped_column(Text)


def audit(act: str, subject: str = "", **details: Any) -> None:
    """Add the row of an act to the session's transaction."""
    db.session.add(AuditRow(**audit_row(act, subject, **details)))


def audit_row(act: str, subject: str = "", **details: Any) -> dict[str, Any]:
    """Give the row of an act, by its columns' names, all but its id."""
    return {
        "at": datetime.datetime.now(datetime.UTC),
        "actor": printable(_operator()),
        "act": act,
        "subject": printable(subject),
        "details": json.dumps(details),
    }


def list_acts(since: datetime.datetime | None) -> Iterator[AuditRow]:
    """Give the rows in the order of their ids, those of `since` or later."""
    query = select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=1000)
    return iter(db.session.scalars(query if since is None else query.where(AuditRow.at >= since)))


def _operator() -> str:
    """Give the user whose process this is, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
