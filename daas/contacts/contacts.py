"""Add, change, remove, list and find the contacts of a list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..applications.lookup import Caller
from ..reasons import Reason
from ..records.request_log import LoggedRequest, RequestRecord, log_request_in
from ..storage.transactions import StatementRunner, read_transaction, write_transaction
from .errors import ContactExists, ContactNotFound, ListNotFound
from .lists import is_list_of
from .models import Contact, ContactList, fold_address


def add_contact(
    caller: Caller, lists: Iterable[int], fields: Mapping[str, str], record: RequestRecord
) -> LoggedRequest:
    """Add a contact to all of the given lists, record the request, and return its record in the log.

    The contact gets the next id of each list. Raise ListNotFound, or ContactExists if a list has the address; then no
    list is changed.
    """
    with _writing_contacts() as run:
        # In a fixed order, so that two requests cannot deadlock.
        for number in sorted({*lists}):
            list_id, last_contact = hold_list(run, caller.id, number, more=1)
            run.change(insert(Contact).values(list_id=list_id, number=last_contact, **stored(fields)))
        return log_request_in(run, record, 201, Reason.CONTACT_ADDED)


def change_contact(
    caller: Caller, list_number: int, number: int, fields: Mapping[str, str], record: RequestRecord
) -> LoggedRequest:
    """Change the given fields of a contact, record the request, and return its record in the log.

    Raise ListNotFound, ContactNotFound, or ContactExists if another contact of the list has the new address.
    """
    with _writing_contacts() as run:
        list_id = _find_list(run, caller, list_number)
        # `number` is set even without other fields, so that the row count shows whether the contact exists.
        values = {"number": number, **stored(fields)}
        changed = update(Contact).where(Contact.list_id == list_id, Contact.number == number).values(**values)
        if run.change(changed) == 0:
            raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
        return log_request_in(run, record, 200, Reason.CONTACT_UPDATED)


def remove_contact(caller: Caller, list_number: int, number: int, record: RequestRecord) -> LoggedRequest:
    """Remove a contact and return the request's record in the log; raise ListNotFound or ContactNotFound."""
    with write_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        removed = delete(Contact).where(Contact.list_id == list_id, Contact.number == number)
        if run.change(removed) == 0:
            raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
        return log_request_in(run, record, 200, Reason.CONTACT_REMOVED)


def find_contact(caller: Caller, list_number: int, number: int) -> Any:
    """Return id and address of a contact; raise ListNotFound or ContactNotFound."""
    with read_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        shown = select(Contact.number, Contact.email_address)
        found = run.first(shown.where(Contact.list_id == list_id, Contact.number == number))
    if found is None:
        raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
    return found


def find_contacts(caller: Caller, list_number: int, *, pagesize: int, offset: int) -> Sequence[Any]:
    """Return id and address of at most `pagesize` contacts, ordered by id, after skipping `offset`.

    Raise ListNotFound.
    """
    with read_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        return run.rows(page_query(list_id, pagesize=pagesize, offset=offset))


def page_query(list_id: int, *, pagesize: int, offset: int) -> Select[int, str]:
    """Return the query of a page: it skips entries of an index, without reading the contacts."""
    numbers = select(Contact.number).where(Contact.list_id == list_id).order_by(Contact.number)
    # A scalar subquery, evaluated once: for a new list without statistics, a join would get a bad plan.
    first = numbers.limit(1).offset(offset).scalar_subquery()
    shown = select(Contact.number, Contact.email_address).where(Contact.list_id == list_id, Contact.number >= first)
    return shown.order_by(Contact.number).limit(pagesize)


def find_by_address(caller: Caller, email_address: str) -> Sequence[Any]:
    """Return the ids of the lists that contain an address, each with the contact's id there."""
    query = (
        select(ContactList.number, Contact.number)
        .join(Contact, Contact.list_id == ContactList.id)
        .where(is_list_of(caller.id), Contact.email_folded == fold_address(email_address))
        .order_by(ContactList.number)
    )
    with read_transaction() as run:
        return run.rows(query)


def hold_list(run: StatementRunner, application_id: int, number: int, *, more: int) -> Any:
    """Reserve `more` ids for contacts of a list, and lock the list until the transaction ends.

    Return the id of the list's row and the last reserved id. If the transaction fails, the ids are free again. Raise
    ListNotFound.
    """
    counted = (
        update(ContactList)
        .where(is_list_of(application_id, number))
        .values(last_contact=ContactList.last_contact + more)
        .returning(ContactList.id, ContactList.last_contact)
    )
    held = run.first(counted)
    if held is None:
        raise ListNotFound(Reason.LIST_NOT_FOUND)
    return held


@contextmanager
def _writing_contacts() -> Iterator[StatementRunner]:
    try:
        with write_transaction() as run:
            yield run
    except IntegrityError as error:
        raise ContactExists(Reason.CONTACT_EXISTS) from error


def _find_list(run: StatementRunner, caller: Caller, number: int) -> int:
    found: int | None = run.scalar(select(ContactList.id).where(is_list_of(caller.id, number)))
    if found is None:
        raise ListNotFound(Reason.LIST_NOT_FOUND)
    return found


def stored(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the columns for a contact's fields."""
    address = fields.get("email_address")
    return {**fields, **({} if address is None else {"email_folded": fold_address(address)})}
