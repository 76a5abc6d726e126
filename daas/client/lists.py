"""The calls of the lists and contacts API as methods, their responses as objects."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from ..signing.rcws_scheme import RCWS
from . import errors
from .service import Retries, SignedClient

T = TypeVar("T")

_CREATED = re.compile(r"List (.*) created with list-id ([0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class ContactList:
    """A list of the application."""

    id: str
    name: str


@dataclass(frozen=True)
class Contact:
    """A contact of a list, with the fields that the service returns."""

    id: str
    email_address: str


class ListsClient(SignedClient):
    """A client of the lists and contacts API; its arguments are those of SignedClient.

    Every method raises CallFailed: a Refusal if the service returned an error, NoAnswer if there was no response. Calls
    that make or remove something are not retried after a lost connection or a 503, since the first attempt may have
    succeeded: a retry could make a second list, or report that the contact already exists. After NoAnswer or
    ServiceUnavailable the caller must look. The fields of a contact are `name`, `first_name`, `last_name`, `company`,
    `address`, `city`, `state`, `country`, `zip_code`, `phone` and `dob`.
    """

    scheme = RCWS
    documented_errors = (
        errors.BadRequest,
        errors.AuthenticationFailed,
        errors.NotAuthorized,
        errors.ListNotFound,
        errors.ContactNotFound,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.ContactExists,
        errors.BodyTooLarge,
        errors.UnsupportedMediaType,
        errors.MissingArguments,
        errors.InvalidArguments,
        errors.TooManyRequests,
        errors.InternalServerError,
        errors.ServiceUnavailable,
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
        """Return the lists of the application, ordered by id."""
        return self.call("GET", "/v1/lists.json", _read_lists)

    def contact_list(self, id: str | int) -> ContactList:
        """Return one list."""
        return self.call("GET", "/v1/lists.json", lambda body: _one(_read_lists(body)), params={"id": id})

    def create_list(self, name: str) -> ContactList:
        """Make a list and return it; two lists may have the same name."""
        # Escaped dots: a name such as .. must not be taken for a step to another path.
        path = f"/v1/lists.json/{quote(name or ' ', safe='').replace('.', '%2E')}"
        return self.call("POST", path, _read_created, repeatable=False)

    def rename_list(self, id: str | int, name: str) -> None:
        """Rename a list."""
        read = _expect_message(lambda message: message.startswith("List renamed to "))
        self.call("POST", "/v1/lists.json", read, params={"id": id, "name": name})

    def remove_list(self, id: str | int) -> None:
        """Remove a list and its contacts."""
        self.call("DELETE", f"/v1/lists.json/{_in_path(id)}", _expect_message("List removed".__eq__), repeatable=False)

    def contacts(self, list_id: str | int, *, pagesize: int = 100, offset: int = 0) -> Iterator[list[Contact]]:
        """Yield the contacts of a list, ordered by id, a page at a time; each page is one request.

        The next page skips as many contacts as were returned before, so contacts that are removed in the meantime make
        it miss as many others.
        """
        while True:
            params = {"pagesize": pagesize, "offset": offset}
            page = self.call("GET", f"{_contacts_of(list_id)}/", _read_contacts, params=params)
            if page:
                yield page
            if len(page) < pagesize:
                return
            offset += pagesize

    def contact(self, list_id: str | int, id: str | int) -> Contact:
        """Return one contact."""
        path = f"/v1/contacts.json/{_in_path(list_id)}/contact/{_in_path(id)}"
        return self.call("GET", path, lambda body: _one(_read_contacts(body)))

    def add_contact(self, list_id: str | int, email_address: str, **fields: str) -> None:
        """Add a contact to a list. The response has no id: `find_contact` returns it."""
        posted = {"email_address": email_address, **fields}
        self.call(
            "POST", f"{_contacts_of(list_id)}/", _expect_message("Contact added".__eq__), repeatable=False, json=posted
        )

    def add_contact_to_lists(self, lists: Iterable[str | int], email_address: str, **fields: str) -> None:
        """Add a contact to several lists: to all of them, or to none if an error occurs."""
        self.call(
            "POST",
            "/v1/contacts.json",
            _expect_message("Contact added".__eq__),
            repeatable=False,
            params={"lists": ",".join(map(str, lists))},
            json={"email_address": email_address, **fields},
        )

    def change_contact(self, list_id: str | int, id: str | int, **fields: str) -> None:
        """Change the given fields of a contact, which may include `email_address`; the others stay as they are."""
        self.call(
            "POST", f"{_contacts_of(list_id)}/{_in_path(id)}", _expect_message("Contact updated".__eq__), json=fields
        )

    def remove_contact(self, list_id: str | int, id: str | int) -> None:
        """Remove a contact from its list."""
        self.call("DELETE", f"{_contacts_of(list_id)}/{_in_path(id)}", _read_removed, repeatable=False)

    def find_contact(self, email_address: str) -> dict[str, str]:
        """Return the ids of the lists that contain an address, each with the contact's id in that list."""
        return self.call("GET", "/v1/contacts.json", _pairs, params={"email_address": email_address})


def _in_path(id: str | int) -> str:
    return quote(str(id), safe="")


def _contacts_of(list_id: str | int) -> str:
    return f"/v1/contacts.json/{_in_path(list_id)}/contacts"


def _pairs(body: Any) -> dict[str, str]:
    if not isinstance(body, dict) or not all(isinstance(text, str) for text in body.values()):
        raise TypeError("the documented body is an object of strings")
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
        raise ValueError("the documented message is a different one")
    return ContactList(match[2], match[1])


def _expect_message(is_documented: Callable[[str], bool]) -> Callable[[Any], None]:
    def read(body: Any) -> None:
        if not is_documented(body["message"]):
            raise ValueError("the documented message is a different one")

    return read


def _read_removed(body: Any) -> None:
    if body != "Contact removed":
        raise ValueError("the documented body is a different string")
