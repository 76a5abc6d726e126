"""The contacts of a list: added, changed, removed, shown, and found by their address."""

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
    """Add a contact to lists of an application, to all or to none, and record it; gives the request_id.

    Its id in a list is the next one of that list. Raises ListNotFound, or ContactExists if one of them has its address.
    """
    with _writing_contacts() as run:
        # In one order, so that no two wait for each other.
        for number in sorted({*lists}):
            list_id, last_contact = hold_list(run, caller.id, number, more=1)
            run.change(insert(Contact).values(list_id=list_id, number=last_contact, **stored(fields)))
        return log_request_in(run, record, 201, Reason.CONTACT_ADDED)


def change_contact(
    caller: Caller, list_number: int, number: int, fields: Mapping[str, str], record: RequestRecord
) -> LoggedRequest:
    """Change those fields of a contact that are given and record it; gives the request_id.

    Raises ListNotFound, ContactNotFound, or ContactExists if another contact of the list has its new address.
    """
    with _writing_contacts() as run:
        list_id = _find_list(run, caller, list_number)
        # Even where no field is given, so that a contact which is not there is told.
        values = {"number": number, **stored(fields)}
        changed = update(Contact).where(Contact.list_id == list_id, Contact.number == number).values(**values)
        if run.change(changed) == 0:
            raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
        return log_request_in(run, record, 200, Reason.CONTACT_UPDATED)


def remove_contact(caller: Caller, list_number: int, number: int, record: RequestRecord) -> LoggedRequest:
    """Remove a contact from its list and record it; gives the request_id. Raises ListNotFound or ContactNotFound."""
    with write_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        removed = delete(Contact).where(Contact.list_id == list_id, Contact.number == number)
        if run.change(removed) == 0:
            raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
        return log_request_in(run, record, 200, Reason.CONTACT_REMOVED)


def find_contact(caller: Caller, list_number: int, number: int) -> Any:
    """Give id and address of a contact; raises ListNotFound or ContactNotFound."""
    with read_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        shown = select(Contact.number, Contact.email_address)
        found = run.first(shown.where(Contact.list_id == list_id, Contact.number == number))
    if found is None:
        raise ContactNotFound(Reason.CONTACT_NOT_FOUND)
    return found


def find_contacts(caller: Caller, list_number: int, *, pagesize: int, offset: int) -> Sequence[Any]:
    """Give id and address of at most `pagesize` contacts in the order of their ids, after `offset` that are skipped.

    Raises ListNotFound.
    """
    with read_transaction() as run:
        list_id = _find_list(run, caller, list_number)
        return run.rows(page_query(list_id, pagesize=pagesize, offset=offset))


def page_query(list_id: int, *, pagesize: int, offset: int) -> Select[int, str]:
    """Give the statement of a page: what is skipped is counted off along an index, and never read."""
    numbers = select(Contact.number).where(Contact.list_id == list_id).order_by(Contact.number)
    # One number, looked for once: a join with those of a page is made badly while nothing is known of a new list.
    first = numbers.limit(1).offset(offset).scalar_subquery()
    shown = select(Contact.number, Contact.email_address).where(Contact.list_id == list_id, Contact.number >= first)
    return shown.order_by(Contact.number).limit(pagesize)


def find_by_address(caller: Caller, email_address: str) -> Sequence[Any]:
    """Give the ids of the lists that have a contact with an address, each with the contact's id there."""
    query = (
        select(ContactList.number, Contact.number)
        .join(Contact, Contact.list_id == ContactList.id)
        .where(is_list_of(caller.id), Contact.email_folded == fold_address(email_address))
        .order_by(ContactList.number)
    )
    with read_transaction() as run:
        return run.rows(query)


def hold_list(run: StatementRunner, application_id: int, number: int, *, more: int) -> Any:
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
    """Give the columns of a contact's fields."""
    address = fields.get("email_address")
    return {**fields, **({} if address is None else {"email_folded": fold_address(address)})}
