"""The contacts of a list: added, changed, removed, shown, and found by their address."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..applications.lookup import Candidate, check_may_use
from ..records.request_log import Entry, record_in
from ..storage.engine import reading, writing
from .errors import ContactExists, ContactNotFound, ListNotFound
from .lists import is_list_of
from .models import Contact, ContactList, fold_address


def add_contact(application: Candidate, lists: Iterable[int], fields: Mapping[str, str], entry: Entry) -> str:
    """Add a contact to lists of an application, to all or to none, and record it; gives the request_id.

    Its id in a list is the next one of that list. Raises ListNotFound, or ContactExists if one of them has its address.
    """
    with _writing_contacts() as connection:
        check_may_use(connection, application)
        # In one order, so that no two wait for each other.
        for number in sorted({*lists}):
            list_id, last_contact = hold_list(connection, application.id, number, more=1)
            connection.execute(insert(Contact).values(list_id=list_id, number=last_contact, **stored(fields)))
        return record_in(connection, entry, 201, "contact-added")


def change_contact(
    application: Candidate, list_number: int, number: int, fields: Mapping[str, str], entry: Entry
) -> str:
    """Change those fields of a contact that are given and record it; gives the request_id.

    Raises ListNotFound, ContactNotFound, or ContactExists if another contact of the list has its new address.
    """
    with _writing_contacts() as connection:
        check_may_use(connection, application)
        list_id = _find_list(connection, application, list_number)
        # Even where no field is given, so that a contact which is not there is told.
        values = {"number": number, **stored(fields)}
        changed = update(Contact).where(Contact.list_id == list_id, Contact.number == number).values(**values)
        if connection.execute(changed).rowcount == 0:
            raise ContactNotFound("contact-not-found")
        return record_in(connection, entry, 200, "contact-updated")


def remove_contact(application: Candidate, list_number: int, number: int, entry: Entry) -> str:
    """Remove a contact from its list and record it; gives the request_id. Raises ListNotFound or ContactNotFound."""
    with writing() as connection:
        check_may_use(connection, application)
        list_id = _find_list(connection, application, list_number)
        removed = delete(Contact).where(Contact.list_id == list_id, Contact.number == number)
        if connection.execute(removed).rowcount == 0:
            raise ContactNotFound("contact-not-found")
        return record_in(connection, entry, 200, "contact-removed")


def find_contact(application: Candidate, list_number: int, number: int) -> Row[int, str]:
    """Give id and address of a contact; raises ListNotFound or ContactNotFound."""
    with reading() as connection:
        check_may_use(connection, application)
        list_id = _find_list(connection, application, list_number)
        shown = select(Contact.number, Contact.email_address)
        found = connection.execute(shown.where(Contact.list_id == list_id, Contact.number == number)).one_or_none()
    if found is None:
        raise ContactNotFound("contact-not-found")
    return found


def find_contacts(application: Candidate, list_number: int, *, pagesize: int, offset: int) -> Sequence[Row[int, str]]:
    """Give id and address of at most `pagesize` contacts in the order of their ids, after `offset` that are skipped.

    Raises ListNotFound.
    """
    with reading() as connection:
        check_may_use(connection, application)
        list_id = _find_list(connection, application, list_number)
        return connection.execute(page_query(list_id, pagesize=pagesize, offset=offset)).all()


def page_query(list_id: int, *, pagesize: int, offset: int) -> Select[int, str]:
    """Give the statement of a page: what is skipped is counted off along an index, and never read."""
    numbers = select(Contact.number).where(Contact.list_id == list_id).order_by(Contact.number)
    # One number, looked for once: a join with those of a page is made badly while nothing is known of a new list.
    first = numbers.limit(1).offset(offset).scalar_subquery()
    shown = select(Contact.number, Contact.email_address).where(Contact.list_id == list_id, Contact.number >= first)
    return shown.order_by(Contact.number).limit(pagesize)


def find_by_address(application: Candidate, email_address: str) -> Sequence[Row[int, int]]:
    """Give the ids of the lists that have a contact with an address, each with the contact's id there."""
    query = (
        select(ContactList.number, Contact.number)
        .join(Contact, Contact.list_id == ContactList.id)
        .where(is_list_of(application.id), Contact.email_folded == fold_address(email_address))
        .order_by(ContactList.number)
    )
    with reading() as connection:
        check_may_use(connection, application)
        return connection.execute(query).all()


def hold_list(connection: Connection, application_id: int, number: int, *, more: int) -> Row[int, int]:
    """Count so many contacts more in a list, and hold it until the transaction ends.

    Gives its row's id and the last contact's id, which is the next one's again if the transaction fails. Raises
    ListNotFound.
    """
    counted = (
        update(ContactList)
        .where(is_list_of(application_id, number))
        .values(last_contact=ContactList.last_contact + more)
        .returning(ContactList.id, ContactList.last_contact)
    )
    held = connection.execute(counted).one_or_none()
    if held is None:
        raise ListNotFound("list-not-found")
    return held


@contextmanager
def _writing_contacts() -> Iterator[Connection]:
    try:
        with writing() as connection:
            yield connection
    except IntegrityError as error:
        raise ContactExists("contact-exists") from error


def _find_list(connection: Connection, application: Candidate, number: int) -> int:
    found = connection.scalar(select(ContactList.id).where(is_list_of(application.id, number)))
    if found is None:
        raise ListNotFound("list-not-found")
    return found


def stored(fields: Mapping[str, str]) -> dict[str, str]:
    """Give the columns of a contact's fields."""
    address = fields.get("email_address")
    return {**fields, **({} if address is None else {"email_folded": fold_address(address)})}
