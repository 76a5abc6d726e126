"""The lists of an application: made, renamed, removed, shown."""

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from ..applications.lookup import Candidate, check_may_use
from ..applications.registry import Application
from ..records.request_log import Entry, record_in
from ..storage.engine import db, reading, writing
from .errors import ListNotFound
from .models import Contact, ContactList, ListCounter

# How many contacts of a removed list are deleted at a time: others write in between.
_STEP = 1000

logger = logging.getLogger(__name__)


def create_list(application: Candidate, name: str, entry: Entry) -> tuple[str, int]:
    """Make a list and record it; gives the request_id and the list's id. The same name may occur twice."""
    with writing() as connection:
        check_may_use(connection, application)
        number = _next_number(connection, application.id)
        connection.execute(insert(ContactList).values(application_id=application.id, number=number, name=name))
        return record_in(connection, entry, 201, "list-created"), number


def rename_list(application: Candidate, number: int, name: str, entry: Entry) -> str:
    """Rename a list and record it; gives the request_id. Raises ListNotFound."""
    with writing() as connection:
        check_may_use(connection, application)
        _change_list(connection, application, number, {"name": name})
        return record_in(connection, entry, 201, "list-renamed")


def remove_list(application: Candidate, number: int, entry: Entry) -> str:
    """Remove a list with its contacts and record it; gives the request_id. Raises ListNotFound.

    Nobody sees the list or a contact of it from one moment on; they are deleted behind that, some at a time, so
    that nobody else waits for a long list.
    """
    with writing() as connection:
        check_may_use(connection, application)
        _change_list(connection, application, number, {"removed": True})
        request_id = record_in(connection, entry, 200, "list-removed")
    try:
        delete_removed_lists()
    except SQLAlchemyError as error:
        logger.warning("What a removed list held is left to the next removal: %s.", type(error).__name__)
    return request_id


def delete_removed_lists() -> None:
    """Delete what removed lists hold, and then the lists; what was left by a crash is among them."""
    with reading() as connection:
        removed = connection.execute(select(ContactList.id, ContactList.last_contact).where(ContactList.removed)).all()
    for list_id, last_contact in removed:
        for first in range(1, last_contact + 1, _STEP):
            some = Contact.list_id == list_id, Contact.number.between(first, first + _STEP - 1)
            with writing() as connection:
                connection.execute(delete(Contact).where(*some))
        with writing() as connection:
            connection.execute(delete(ContactList).where(ContactList.id == list_id))


def remove_all_lists(application: Application) -> None:
    """Remove the lists of an application that is to be taken away itself, and forget their numbers."""
    counted = ListCounter.application_id == application.id
    lists = ContactList.application_id == application.id
    db.session.commit()
    with writing() as connection:
        connection.execute(update(ContactList).where(lists).values(removed=True))
        connection.execute(delete(ListCounter).where(counted))
    delete_removed_lists()


def find_lists(application: Candidate, number: int | None = None) -> Sequence[Row[int, str]]:
    """Give id and name of the application's lists in the order of their ids, or of one; raises ListNotFound."""
    query = select(ContactList.number, ContactList.name).where(is_list_of(application.id, number))
    with reading() as connection:
        check_may_use(connection, application)
        found = connection.execute(query.order_by(ContactList.number)).all()
    if number is not None and not found:
        raise ListNotFound("list-not-found")
    return found


def is_list_of(application_id: int, number: int | None = None) -> ColumnElement[bool]:
    """Say in a statement that a list is one of an application's, and which; any if that is not told."""
    lists = and_(ContactList.application_id == application_id, ~ContactList.removed)
    return lists if number is None else and_(lists, ContactList.number == number)


def _change_list(connection: Connection, application: Candidate, number: int, values: Mapping[str, object]) -> None:
    changed = update(ContactList).where(is_list_of(application.id, number)).values(**values)
    if connection.execute(changed).rowcount == 0:
        raise ListNotFound("list-not-found")


def _next_number(connection: Connection, application_id: int) -> int:
    """Count on, and hold the counter until the transaction ends: a number of one that fails is the next one's."""
    insert_or_update = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    counted = insert_or_update(ListCounter).values(application_id=application_id, last_list=1)
    counted = counted.on_conflict_do_update(
        index_elements=[ListCounter.application_id], set_={"last_list": ListCounter.last_list + 1}
    )
    number: int = connection.execute(counted.returning(ListCounter.last_list)).scalar_one()
    return number
