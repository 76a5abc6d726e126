"""Create, rename, remove and find the lists of an application."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from ..applications.lookup import Caller
from ..applications.models import Application
from ..errors import UseNotAuthorized
from ..reasons import Reason
from ..records.request_log import LoggedRequest, RequestRecord, log_request_in
from ..storage.engine import db
from ..storage.transactions import StatementRunner, read_transaction, write_transaction
from .errors import ListNotFound
from .models import Contact, ContactList, ListCounter

# Contacts of a removed list that one transaction deletes: other requests can write in between.
_STEP = 1000

logger = logging.getLogger(__name__)


def create_list(caller: Caller, name: str, record: RequestRecord) -> tuple[LoggedRequest, int]:
    """Create a list, and return the request's record in the log and the list's id; names need not be unique."""
    with write_transaction() as run:
        number = _next_number(run, caller.id)
        run.change(insert(ContactList).values(application_id=caller.id, number=number, name=name))
        return log_request_in(run, record, 201, Reason.LIST_CREATED), number


def rename_list(caller: Caller, number: int, name: str, record: RequestRecord) -> LoggedRequest:
    """Rename a list and return the request's record in the log; raise ListNotFound."""
    with write_transaction() as run:
        _change_list(run, caller, number, {"name": name})
        return log_request_in(run, record, 201, Reason.LIST_RENAMED)


def remove_list(caller: Caller, number: int, record: RequestRecord) -> LoggedRequest:
    """Remove a list with its contacts and return the request's record in the log; raise ListNotFound.

    The list and its contacts disappear at once. Their rows are deleted afterwards in small transactions, so that no
    other request waits for a long list.
    """
    with write_transaction() as run:
        _change_list(run, caller, number, {"removed": True})
        logged = log_request_in(run, record, 200, Reason.LIST_REMOVED)
    try:
        delete_removed_lists()
    except SQLAlchemyError as error:
        logger.warning("The contacts of a removed list will be deleted at the next removal: %s.", type(error).__name__)
    return logged


def delete_removed_lists() -> None:
    """Delete the contacts of removed lists, then the lists, including those of a removal that crashed."""
    with read_transaction() as run:
        removed = run.rows(select(ContactList.id, ContactList.last_contact).where(ContactList.removed))
    for list_id, last_contact in removed:
        for first in range(1, last_contact + 1, _STEP):
            some = Contact.list_id == list_id, Contact.number.between(first, first + _STEP - 1)
            with write_transaction() as run:
                run.change(delete(Contact).where(*some))
        with write_transaction() as run:
            run.change(delete(ContactList).where(ContactList.id == list_id))


def remove_all_lists(application: Application) -> None:
    """Remove all lists of an application, and their counter, before the application is removed."""
    counted = ListCounter.application_id == application.id
    lists = ContactList.application_id == application.id
    db.session.commit()
    with write_transaction() as run:
        run.change(update(ContactList).where(lists).values(removed=True))
        run.change(delete(ListCounter).where(counted))
    delete_removed_lists()


def find_lists(caller: Caller, number: int | None = None) -> Sequence[Any]:
    """Return id and name of all lists of the application, ordered by id, or of one list; raise ListNotFound."""
    query = select(ContactList.number, ContactList.name).where(is_list_of(caller.id, number))
    with read_transaction() as run:
        found = run.rows(query.order_by(ContactList.number))
    if number is not None and not found:
        raise ListNotFound(Reason.LIST_NOT_FOUND)
    return found


def is_list_of(application_id: int, number: int | None = None) -> ColumnElement[bool]:
    """Return the condition that a list belongs to an application, and has `number` if that is given."""
    lists = and_(ContactList.application_id == application_id, ~ContactList.removed)
    return lists if number is None else and_(lists, ContactList.number == number)


def _change_list(run: StatementRunner, caller: Caller, number: int, values: Mapping[str, object]) -> None:
    changed = update(ContactList).where(is_list_of(caller.id, number)).values(**values)
    if run.change(changed) == 0:
        raise ListNotFound(Reason.LIST_NOT_FOUND)


def _next_number(run: StatementRunner, application_id: int) -> int:
    """Return the next list's id, and lock the counter until the transaction ends; if it fails, the id is free again.

    Raise UseNotAuthorized if the application has been removed in the meantime.
    """
    insert_or_update = postgresql.insert if run.dialect.name == "postgresql" else sqlite.insert
    counted = insert_or_update(ListCounter).from_select(
        ["application_id", "last_list"],
        select(Application.id, literal(1)).where(Application.id == application_id),
    )
    counted = counted.on_conflict_do_update(
        index_elements=[ListCounter.application_id], set_={"last_list": ListCounter.last_list + 1}
    )
    number: int | None = run.scalar(counted.returning(ListCounter.last_list))
    if number is None:
        raise UseNotAuthorized(Reason.APPLICATION_REMOVED)
    return number
