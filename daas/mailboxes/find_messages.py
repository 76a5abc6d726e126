"""Find the folders and messages of a mailbox, for applications."""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exc, func, select, tuple_

from ..applications.lookup import Caller
from ..errors import SearchBusy, SearchTimeout
from ..services import services
from ..storage.engine import db
from ..storage.ids import MAX_ID
from ..storage.timeouts import is_statement_timeout
from ..storage.transactions import read_transaction
from .access import AccessibleMailbox, authorize
from .attachments import count_missing
from .models import Folder, Message, MessageEnvelope, fold

#: How long the statements of a search for text may take.
SEARCH_MILLISECONDS = 2_500
# The most searches for text that an application may run at a time in a process.
_MAX_RUNNING = 2
# Stored texts have at most so many characters before they are folded.
_MAX_TEXT = 998

_FIRST_TIME = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_LAST_TIME = datetime.datetime.max.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Search:
    """The conditions of a search, all of which a message must meet.

    `folder` is a standard folder's name or a custom folder's id; `subject` and `sender` match a part of the text in
    any case; `since` and `until` are inclusive times, which exclude messages without a date; `after` is the last id of
    the previous page, `limit` the number of messages in a page.
    """

    folder: str | int | None = None
    subject: str | None = None
    sender: str | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    after: int = 0
    limit: int = 100


@dataclass(frozen=True)
class MessageSummary:
    """A message in a response; `folder` is a standard folder's name or a custom folder's id."""

    id: int
    folder: str
    subject: str
    sender: str
    recipients: str
    date: datetime.datetime | None
    size: int
    attachments: int


def find_folders(caller: Caller, mailbox: str) -> Sequence[Any]:
    """Return id and name of the custom folders of a mailbox, in the order of their ids; raises UserNotAuthorized."""
    with read_transaction() as run:
        accessible = authorize(run, caller, mailbox)
        query = select(Folder.id, Folder.name).where(Folder.mailbox_id == accessible.id, ~Folder.standard)
        return run.rows(query.order_by(Folder.id))


class RunningSearches:
    """The searches for text that run in this process, counted by application."""

    def __init__(self) -> None:
        self._running: Counter[int] = Counter()
        self._lock = Lock()

    @contextmanager
    def count(self, application_id: int) -> Iterator[None]:
        """Count a search of an application while a `with` block runs; raise SearchBusy if two are running already."""
        with self._lock:
            if self._running[application_id] >= _MAX_RUNNING:
                raise SearchBusy
            self._running[application_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[application_id] -= 1
                if not self._running[application_id]:
                    del self._running[application_id]


def find_messages(caller: Caller, mailbox: str, search: Search) -> tuple[list[MessageSummary], bool]:
    """Return a page of the messages that match a search, ordered by id, and whether there are more.

    A page is shorter than the limit if too much would have to be read to count attachments, but never empty.

    Raise UserNotAuthorized, InvalidArguments if the mailbox has no such folder, SearchBusy or SearchTimeout.
    """
    texts = [folded for text in (search.subject, search.sender) if (folded := fold(text or ""))]
    if not texts:
        rows = _find_rows(caller, mailbox, search)
    elif max(map(len, texts)) > _MAX_TEXT:
        # No stored text is as long: there is nothing to look for.
        with read_transaction() as run:
            authorize(run, caller, mailbox, search.folder)
        rows = []
    else:
        with services().searches.count(caller.id):
            try:
                rows = _find_rows(caller, mailbox, search, SEARCH_MILLISECONDS)
            except exc.DBAPIError as error:
                if is_statement_timeout(error):
                    raise SearchTimeout from error
                raise
    attachments = count_missing(rows[: search.limit])
    page = [
        MessageSummary(
            row.id,
            row.name if row.standard else str(row.folder_id),
            row.subject,
            row.sender,
            row.recipients,
            row.date,
            row.size,
            attachments[row.id],
        )
        for row in rows[: len(attachments)]
    ]
    return page, len(rows) > len(page)


def _find_rows(caller: Caller, mailbox: str, search: Search, milliseconds: int | None = None) -> list[Any]:
    with read_transaction(milliseconds) as run:
        return run.rows(page_query(authorize(run, caller, mailbox, search.folder), search))


def page_query(
    mailbox: AccessibleMailbox, search: Search
) -> Select[int, int, str, bool, str, str, str, datetime.datetime | None, int, int | None]:
    """Return the query of a page: it finds the ids first, by an index if possible, then the columns to show.

    It returns one message more than the page has, which shows whether there is a next page.
    """
    ids = (_ids_by_date if search.since or search.until else _ids_in_order)(mailbox, search)
    return (
        select(
            Message.id,
            Message.folder_id,
            Folder.name,
            Folder.standard,
            MessageEnvelope.subject,
            MessageEnvelope.sender,
            MessageEnvelope.recipients,
            MessageEnvelope.date,
            MessageEnvelope.size,
            MessageEnvelope.attachments,
        )
        .join(MessageEnvelope, MessageEnvelope.id == Message.id)
        .join(Folder, Folder.id == Message.folder_id)
        .where(Message.id.in_(ids))
        .order_by(Message.id)
    )


def _ids_in_order(mailbox: AccessibleMailbox, search: Search) -> Select[int]:
    """Return the query that walks along the ids of the folder or mailbox, from the end of the previous page."""
    column, place = (
        (Message.mailbox_id, mailbox.id) if mailbox.folder_id is None else (Message.folder_id, mailbox.folder_id)
    )
    if db.engine.dialect.name == "postgresql":
        # Compared as one row, only the index of both columns can give the order: otherwise PostgreSQL would walk
        # along all ids, past every message of other folders. SQLite would not, and is slower with a row.
        row = tuple_(column, Message.id)
        query = select(Message.id).where(row > (place, search.after), row <= (place, MAX_ID))
    else:
        query = select(Message.id).where(column == place, Message.id > search.after)
    if texts := _texts(search):
        fits = select(and_(*texts)).where(MessageEnvelope.id == Message.id).scalar_subquery()
        query = query.where(fits)
    return query.order_by(column, Message.id).limit(search.limit + 1)


def _ids_by_date(mailbox: AccessibleMailbox, search: Search) -> Select[int]:
    """Return the query that reads the messages between the dates from the index of dates, after the previous page.

    `id + 0` keeps both databases from walking along the ids instead, past every message that is too old. So every page
    costs as much as the messages between the dates.
    """
    in_order = MessageEnvelope.id + 0
    query = select(MessageEnvelope.id).where(
        MessageEnvelope.mailbox_id == mailbox.id,
        MessageEnvelope.date >= (search.since or _FIRST_TIME),
        MessageEnvelope.date <= (search.until or _LAST_TIME),
        in_order > search.after,
        *_texts(search),
    )
    if mailbox.folder_id is not None:
        lies_in = select(Message.folder_id).where(Message.id == MessageEnvelope.id).scalar_subquery()
        query = query.where(lies_in == mailbox.folder_id)
    return query.order_by(in_order).limit(search.limit + 1)


def _texts(search: Search) -> list[ColumnElement[bool]]:
    # LIKE compares at every character again: sixty times the same letter would cost a hundred times another text.
    position = func.strpos if db.engine.dialect.name == "postgresql" else func.instr
    return [
        position(column, folded) > 0
        for column, text in [
            (MessageEnvelope.subject_folded, search.subject),
            (MessageEnvelope.sender_folded, search.sender),
        ]
        if (folded := fold(text or ""))
    ]
