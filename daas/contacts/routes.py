"""The URLs of the calls for lists and contacts."""

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response

from ..errors import UnreadableBody, to_json
from ..records.request_log import record
from ..web.arguments import check_arguments
from ..web.authentication import SignedCall, View, signed
from ..web.context import current_call
from ..web.openapi import Operation
from . import contacts
from . import lists as contact_lists
from .api import MIGOMAIL_API
from .openapi import (
    ADD_CONTACT,
    ADD_CONTACT_TO_LISTS,
    CHANGE_CONTACT,
    CREATE_LIST,
    FIND_BY_ADDRESS,
    REMOVE_CONTACT,
    REMOVE_LIST,
    RENAME_LIST,
    SHOW_CONTACT,
    SHOW_CONTACTS,
    SHOW_LISTS,
)
from .schemas import ListName, NewContactInLists, NoArguments, RenameArguments, read_id

migomail = Blueprint("migomail", __name__, url_prefix=MIGOMAIL_API.prefix)

_NOTHING = NoArguments()
_LIST_NAME = ListName()
_RENAME = RenameArguments()
_NEW_CONTACT_IN_LISTS = NewContactInLists()


def _call(method: str, service: str, operation: Operation, *uris: str) -> Callable[[View], View]:
    """Serve a call at its URLs to the applications that are granted the service."""

    def decorate(view: View) -> View:
        admitted = signed(f"v1/{service}")(view)
        admitted.operation = operation  # type: ignore[attr-defined]
        for uri in uris:
            migomail.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate


@_call("GET", "lists", SHOW_LISTS, "/lists.json")
def show_lists(call: SignedCall) -> Response:
    """Show the lists of the application, or one of them."""
    asked = check_arguments(SHOW_LISTS.arguments, call.arguments)
    found = contact_lists.find_lists(call.application, asked.get("id"))
    return _answer({str(number): name for number, name in found}, record(call.entry, 200, "listed"))


@_call("POST", "lists", CREATE_LIST, "/lists/<name_or_id>", "/lists.json/<name_or_id>")
def create_list(call: SignedCall, name_or_id: str) -> Response:
    """Make a list."""
    check_arguments(_NOTHING, call.arguments)
    asked = check_arguments(_LIST_NAME, {"name": [_last_segment()]})
    request_id, number = contact_lists.create_list(call.application, asked["name"], call.entry)
    return _say(201, f"List {asked['name']} created with list-id {number}", request_id)


@_call("POST", "lists", RENAME_LIST, "/lists.json")
def rename_list(call: SignedCall) -> Response:
    """Give a list another name."""
    asked = check_arguments(_RENAME, call.arguments)
    request_id = contact_lists.rename_list(call.application, asked["id"], asked["name"], call.entry)
    return _say(201, f"List renamed to {asked['name']}", request_id)


@_call("DELETE", "lists", REMOVE_LIST, "/lists.json/<name_or_id>")
def remove_list(call: SignedCall, name_or_id: str) -> Response:
    """Remove a list with its contacts."""
    check_arguments(_NOTHING, call.arguments)
    return _say(200, "List removed", contact_lists.remove_list(call.application, read_id(name_or_id), call.entry))


@_call("GET", "contacts", SHOW_CONTACTS, "/contacts.json/<list_id>/contacts")
def show_contacts(call: SignedCall, list_id: str) -> Response:
    """Show a page of the contacts of a list."""
    asked = check_arguments(SHOW_CONTACTS.arguments, call.arguments)
    found = contacts.find_contacts(call.application, read_id(list_id), **asked)
    return _answer({str(number): address for number, address in found}, record(call.entry, 200, "listed"))


@_call("GET", "contacts", SHOW_CONTACT, "/contacts.json/<list_id>/contact/<contact_id>")
def show_contact(call: SignedCall, list_id: str, contact_id: str) -> Response:
    """Show a contact."""
    check_arguments(_NOTHING, call.arguments)
    number, address = contacts.find_contact(call.application, read_id(list_id), read_id(contact_id))
    return _answer({str(number): address}, record(call.entry, 200, "shown"))


@_call("POST", "contacts", ADD_CONTACT, "/contacts.json/<list_id>/contacts")
def add_contact(call: SignedCall, list_id: str) -> Response:
    """Add a contact to a list."""
    fields = check_arguments(ADD_CONTACT.arguments, call.arguments)
    return _say(201, "Contact added", contacts.add_contact(call.application, [read_id(list_id)], fields, call.entry))


@_call("POST", "contacts", CHANGE_CONTACT, "/contacts.json/<list_id>/contacts/<contact_id>")
def change_contact(call: SignedCall, list_id: str, contact_id: str) -> Response:
    """Change those fields of a contact that are sent."""
    fields = check_arguments(CHANGE_CONTACT.arguments, call.arguments)
    request_id = contacts.change_contact(call.application, read_id(list_id), read_id(contact_id), fields, call.entry)
    return _say(200, "Contact updated", request_id)


@_call("DELETE", "contacts", REMOVE_CONTACT, "/contacts.json/<list_id>/contacts/<contact_id>")
def remove_contact(call: SignedCall, list_id: str, contact_id: str) -> Response:
    """Remove a contact from its list."""
    check_arguments(_NOTHING, call.arguments)
    request_id = contacts.remove_contact(call.application, read_id(list_id), read_id(contact_id), call.entry)
    return _answer("Contact removed", request_id)


@_call("POST", "contacts", ADD_CONTACT_TO_LISTS, "/contacts.json")
def add_contact_to_lists(call: SignedCall) -> Response:
    """Add a contact to several lists, to all of them or to none; an addition of ours."""
    fields = check_arguments(_NEW_CONTACT_IN_LISTS, call.arguments)
    lists = fields.pop("lists")
    return _say(201, "Contact added", contacts.add_contact(call.application, lists, fields, call.entry))


@_call("GET", "contacts", FIND_BY_ADDRESS, "/contacts.json")
def find_by_address(call: SignedCall) -> Response:
    """Show which lists have a contact with an address, each with the contact's id there; an addition of ours."""
    asked = check_arguments(FIND_BY_ADDRESS.arguments, call.arguments)
    found = contacts.find_by_address(call.application, asked["email_address"])
    return _answer({str(in_list): str(number) for in_list, number in found}, record(call.entry, 200, "listed"))


def _last_segment() -> str:
    """Give the last segment of the path as it is meant: there, and only there, a plus is a blank, and %2F a slash."""
    path = current_call().target.partition("?")[0].removesuffix("/")
    try:
        return unquote_to_bytes(path.rpartition("/")[2].replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody("path-not-utf-8") from error


def _say(code: int, message: str, request_id: str) -> Response:
    return _answer({"code": code, "message": message}, request_id, code)


def _answer(body: object, request_id: str, status: int = 200) -> Response:
    return Response(to_json(body), status, {"X-Request-Id": request_id}, mimetype="application/json")
