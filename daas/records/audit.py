"""The audit: one row for every command of an operator that changes something, in the transaction of the change.

Nothing changes or deletes a row. Rows name applications and mailboxes in text, like the rows of the request log.
"""

import datetime
import json
import os
import pwd
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from ..storage.engine import Base, Id, UtcDateTime, db
from .text import MAX_TEXT, printable

#: The rows of prunes of the request log, as their index has them: a query must say it with these words.
IS_PRUNE = text("act = 'request prune'")


class AuditRow(Base):
    """One change by an operator."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_prune_id", "id", sqlite_where=IS_PRUNE, postgresql_where=IS_PRUNE),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    #: The user of the operating system who ran the command.
    actor: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The command, such as `application grant`.
    act: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The name of the application or mailbox that was changed; empty for other changes.
    subject: Mapped[str] = mapped_column(String(MAX_TEXT))
    #: The other arguments, as a JSON object; never a private key.
    details: Mapped[str] = mapped_column(Text)


def audit(act: str, subject: str = "", **details: Any) -> None:
    """Add the row of a change to the session's transaction."""
    db.session.add(AuditRow(**audit_row(act, subject, **details)))


def audit_row(act: str, subject: str = "", **details: Any) -> dict[str, Any]:
    """Return the columns of a change's row, without its id."""
    return {
        "at": datetime.datetime.now(datetime.UTC),
        "actor": printable(_operator()),
        "act": act,
        "subject": printable(subject),
        "details": json.dumps(details),
    }


def list_acts(since: datetime.datetime | None) -> Iterator[AuditRow]:
    """Return the rows ordered by id, from `since` on if that is given."""
    query = select(AuditRow).order_by(AuditRow.id).execution_options(yield_per=1000)
    return iter(db.session.scalars(query if since is None else query.where(AuditRow.at >= since)))


def _operator() -> str:
    """Return the name of the user who runs this process, as the system knows it; the environment is ignored."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
