"""The URLs of lists and contacts."""

from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response

from ..errors import UnreadableBody, to_json
from ..reasons import Reason
from ..records.request_log import LoggedRequest, log_request
from ..storage.ids import read_id
from ..web.arguments import check_arguments
from ..web.authentication import AuthenticatedRequest
from ..web.calls import serve_call
from ..web.context import current_context, success
from . import contacts as contact_calls
from . import lists as list_calls
from .api import CONTACTS_API
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
from .schemas import ListName, NewContactInLists, NoArguments, RenameArguments

contacts = Blueprint("contacts", __name__, url_prefix=CONTACTS_API.prefix)

_NOTHING = NoArguments()
_LIST_NAME = ListName()
_RENAME = RenameArguments()
_NEW_CONTACT_IN_LISTS = NewContactInLists()


@serve_call(contacts, "GET", "v1/lists", SHOW_LISTS, "/lists.json")
def show_lists(request: AuthenticatedRequest) -> Response:
    """Show the lists of the application, or one of them."""
    arguments = check_arguments(SHOW_LISTS.arguments, request.arguments)
    found = list_calls.find_lists(request.caller, arguments.get("id"))
    return _reply({str(number): name for number, name in found}, log_request(request.record, 200, Reason.LISTED))


@serve_call(contacts, "POST", "v1/lists", CREATE_LIST, "/lists/<name_or_id>", "/lists.json/<name_or_id>")
def create_list(request: AuthenticatedRequest, name_or_id: str) -> Response:
    """Create a list."""
    check_arguments(_NOTHING, request.arguments)
    arguments = check_arguments(_LIST_NAME, {"name": [_last_segment()]})
    logged, number = list_calls.create_list(request.caller, arguments["name"], request.record)
    return _reply_code(201, f"List {arguments['name']} created with list-id {number}", logged)


@serve_call(contacts, "POST", "v1/lists", RENAME_LIST, "/lists.json")
def rename_list(request: AuthenticatedRequest) -> Response:
    """Rename a list."""
    arguments = check_arguments(_RENAME, request.arguments)
    logged = list_calls.rename_list(request.caller, arguments["id"], arguments["name"], request.record)
    return _reply_code(201, f"List renamed to {arguments['name']}", logged)


@serve_call(contacts, "DELETE", "v1/lists", REMOVE_LIST, "/lists.json/<name_or_id>")
def remove_list(request: AuthenticatedRequest, name_or_id: str) -> Response:
    """Remove a list with its contacts."""
    check_arguments(_NOTHING, request.arguments)
    logged = list_calls.remove_list(request.caller, _id_in_path(name_or_id), request.record)
    return _reply_code(200, "List removed", logged)


@serve_call(contacts, "GET", "v1/contacts", SHOW_CONTACTS, "/contacts.json/<list_id>/contacts")
def show_contacts(request: AuthenticatedRequest, list_id: str) -> Response:
    """Show a page of the contacts of a list."""
    arguments = check_arguments(SHOW_CONTACTS.arguments, request.arguments)
    found = contact_calls.find_contacts(request.caller, _id_in_path(list_id), **arguments)
    return _reply({str(number): address for number, address in found}, log_request(request.record, 200, Reason.LISTED))


@serve_call(contacts, "GET", "v1/contacts", SHOW_CONTACT, "/contacts.json/<list_id>/contact/<contact_id>")
def show_contact(request: AuthenticatedRequest, list_id: str, contact_id: str) -> Response:
    """Show a contact."""
    check_arguments(_NOTHING, request.arguments)
    number, address = contact_calls.find_contact(request.caller, _id_in_path(list_id), _id_in_path(contact_id))
    return _reply({str(number): address}, log_request(request.record, 200, Reason.SHOWN))


@serve_call(contacts, "POST", "v1/contacts", ADD_CONTACT, "/contacts.json/<list_id>/contacts")
def add_contact(request: AuthenticatedRequest, list_id: str) -> Response:
    """Add a contact to a list."""
    fields = check_arguments(ADD_CONTACT.arguments, request.arguments)
    logged = contact_calls.add_contact(request.caller, [_id_in_path(list_id)], fields, request.record)
    return _reply_code(201, "Contact added", logged)


@serve_call(contacts, "POST", "v1/contacts", CHANGE_CONTACT, "/contacts.json/<list_id>/contacts/<contact_id>")
def change_contact(request: AuthenticatedRequest, list_id: str, contact_id: str) -> Response:
    """Change the given fields of a contact."""
    fields = check_arguments(CHANGE_CONTACT.arguments, request.arguments)
    logged = contact_calls.change_contact(
        request.caller, _id_in_path(list_id), _id_in_path(contact_id), fields, request.record
    )
    return _reply_code(200, "Contact updated", logged)


@serve_call(contacts, "DELETE", "v1/contacts", REMOVE_CONTACT, "/contacts.json/<list_id>/contacts/<contact_id>")
def remove_contact(request: AuthenticatedRequest, list_id: str, contact_id: str) -> Response:
    """Remove a contact from its list."""
    check_arguments(_NOTHING, request.arguments)
    logged = contact_calls.remove_contact(request.caller, _id_in_path(list_id), _id_in_path(contact_id), request.record)
    return _reply("Contact removed", logged)


@serve_call(contacts, "POST", "v1/contacts", ADD_CONTACT_TO_LISTS, "/contacts.json")
def add_contact_to_lists(request: AuthenticatedRequest) -> Response:
    """Add a contact to several lists, to all or none; our addition to the public document."""
    fields = check_arguments(_NEW_CONTACT_IN_LISTS, request.arguments)
    lists = fields.pop("lists")
    logged = contact_calls.add_contact(request.caller, lists, fields, request.record)
    return _reply_code(201, "Contact added", logged)


@serve_call(contacts, "GET", "v1/contacts", FIND_BY_ADDRESS, "/contacts.json")
def find_by_address(request: AuthenticatedRequest) -> Response:
    """Show the lists that contain an address, with the contact's id there; our addition to the public document."""
    arguments = check_arguments(FIND_BY_ADDRESS.arguments, request.arguments)
    found = contact_calls.find_by_address(request.caller, arguments["email_address"])
    return _reply(
        {str(in_list): str(number) for in_list, number in found}, log_request(request.record, 200, Reason.LISTED)
    )


def _id_in_path(text: str) -> int:
    """Return an id from the path; 0, which no row has, for text that is not an id."""
    return read_id(text) or 0


def _last_segment() -> str:
    """Return the decoded last segment of the path: only there, a plus is a space and %2F a slash."""
    path = current_context().target.partition("?")[0].removesuffix("/")
    try:
        return unquote_to_bytes(path.rpartition("/")[2].replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody(Reason.PATH_NOT_UTF_8) from error


def _reply_code(code: int, message: str, logged: LoggedRequest) -> Response:
    return success(to_json({"code": code, "message": message}), logged, code)


def _reply(body: object, logged: LoggedRequest) -> Response:
    return success(to_json(body), logged)
