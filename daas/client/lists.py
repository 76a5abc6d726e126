"""The calls for lists and contacts as methods, their answers as objects."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from ..signing.rcws_scheme import MIGOMAIL
from . import refusals
from .service import Retries, Service

T = TypeVar("T")

_CREATED = re.compile(r"List (.*) created with list-id ([0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class ContactList:
    """A list of the application."""

    id: str
    name: str


@dataclass(frozen=True)
class Contact:
    """A contact of a list, as the service shows it."""

    id: str
    email_address: str


class ListsClient(Service):
    """Calls the service for lists and contacts; `retries` and `http` are those of Service.

    Every method raises CallFailed: the Refusal that the service answered, or NoAnswer. What makes or removes
    something is not sent again after a lost connection or a 503, since it may have been carried out: a second
    list would be made, and one's own contact be said to exist already. NoAnswer and ServiceUnavailable then leave it
    to the caller to look. The fields of a contact are `name`, `first_name`, `last_name`, `company`, `address`, `city`,
    `state`, `country`, `zip_code`, `phone` and `dob`.
    """

    scheme = MIGOMAIL
    refusals = (
        refusals.BadRequest,
        refusals.AuthenticationFailed,
        refusals.NotAuthorized,
        refusals.ListNotFound,
        refusals.ContactNotFound,
        refusals.NotFound,
        refusals.MethodNotAllowed,
        refusals.ContactExists,
        refusals.BodyTooLarge,
        refusals.UnsupportedMediaType,
        refusals.MissingArguments,
        refusals.InvalidArguments,
        refusals.TooManyRequests,
        refusals.InternalServerError,
        refusals.ServiceUnavailable,
    )

    def __init__(
        self,
        url: str,
        public_key: str,
        private_key: str,
        *,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(url, public_key, private_key, content_md5=False, retries=retries or Retries(), http=http)

    def lists(self) -> list[ContactList]:
        """Give the lists of the application, in the order of their ids."""
        return self.call("GET", "/v1/lists.json", _read_lists)

    def contact_list(self, id: str | int) -> ContactList:
        """Give one list."""
        return self.call("GET", "/v1/lists.json", lambda body: _one(_read_lists(body)), params={"id": id})

    def create_list(self, name: str) -> ContactList:
        """Make a list; two may have the same name."""
        # A name that is all dots is no step to another folder.
        path = f"/v1/lists.json/{quote(name or ' ', safe='').replace('.', '%2E')}"
        return self.call("POST", path, _read_created, repeatable=False)

    def rename_list(self, id: str | int, name: str) -> None:
        """Give a list another name."""
        said = _says(lambda message: message.startswith("List renamed to "))
        self.call("POST", "/v1/lists.json", said, params={"id": id, "name": name})

    def remove_list(self, id: str | int) -> None:
        """Remove a list and its contacts."""
        self.call("DELETE", f"/v1/lists.json/{_in_path(id)}", _says("List removed".__eq__), repeatable=False)

    def contacts(self, list_id: str | int, *, pagesize: int = 100, offset: int = 0) -> Iterator[list[Contact]]:
        """Give the contacts of a list in the order of their ids, a page at a time, each asked for when it is due.

        The next page begins behind as many contacts as were shown: who removes some meanwhile misses as many.
        """
        while True:
            asked = {"pagesize": pagesize, "offset": offset}
            page = self.call("GET", f"{_contacts_of(list_id)}/", _read_contacts, params=asked)
            if page:
                yield page
            if len(page) < pagesize:
                return
            offset += pagesize

    def contact(self, list_id: str | int, id: str | int) -> Contact:
        """Give one contact."""
        path = f"/v1/contacts.json/{_in_path(list_id)}/contact/{_in_path(id)}"
        return self.call("GET", path, lambda body: _one(_read_contacts(body)))

    def add_contact(self, list_id: str | int, email_address: str, **fields: str) -> None:
        """Add a contact to a list; its id is not told, and can be found by its address."""
        posted = {"email_address": email_address, **fields}
        self.call("POST", f"{_contacts_of(list_id)}/", _says("Contact added".__eq__), repeatable=False, json=posted)

    def add_contact_to_lists(self, lists: Iterable[str | int], email_address: str, **fields: str) -> None:
        """Add a contact to several lists, to all of them or to none."""
        self.call(
            "POST",
            "/v1/contacts.json",
            _says("Contact added".__eq__),
            repeatable=False,
            params={"lists": ",".join(map(str, lists))},
            json={"email_address": email_address, **fields},
        )

    def change_contact(self, list_id: str | int, id: str | int, **fields: str) -> None:
        """Change those fields of a contact that are given, `email_address` among them, and keep the rest."""
        self.call("POST", f"{_contacts_of(list_id)}/{_in_path(id)}", _says("Contact updated".__eq__), json=fields)

    def remove_contact(self, list_id: str | int, id: str | int) -> None:
        """Remove a contact from its list."""
        self.call("DELETE", f"{_contacts_of(list_id)}/{_in_path(id)}", _read_removed, repeatable=False)

    def find_contact(self, email_address: str) -> dict[str, str]:
        """Give the lists that have an address, by their ids, each with the contact's id there."""
        return self.call("GET", "/v1/contacts.json", _pairs, params={"email_address": email_address})


def _in_path(id: str | int) -> str:
    return quote(str(id), safe="")


def _contacts_of(list_id: str | int) -> str:
    return f"/v1/contacts.json/{_in_path(list_id)}/contacts"


def _pairs(body: Any) -> dict[str, str]:
    if not isinstance(body, dict) or not all(isinstance(text, str) for text in body.values()):
        raise TypeError("an object of texts is documented")
    return body


def _read_lists(body: Any) -> list[ContactList]:
    return [ContactList(id, name) for id, name in _pairs(body).items()]


def _read_contacts(body: Any) -> list[Contact]:
    return [Contact(id, address) for id, address in _pairs(body).items()]


def _one(found: list[T]) -> T:
    (only,) = found
    return only


def _read_created(body: Any) -> ContactList:
    match = _CREATED.fullmatch(body["message"])
    if match is None:
        raise ValueError("another sentence is documented")
    return ContactList(match[2], match[1])


def _says(is_documented: Callable[[str], bool]) -> Callable[[Any], None]:
    def read(body: Any) -> None:
        if not is_documented(body["message"]):
            raise ValueError("another sentence is documented")

    return read


def _read_removed(body: Any) -> None:
    if body != "Contact removed":
        raise ValueError("another text is documented")
