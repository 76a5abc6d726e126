"""The operations of lists and contacts, for their views and the OpenAPI document."""

import base64
from typing import Any

from .. import errors
from ..reasons import Reason
from ..signing.mechanism import KeyPair, RequestToSign, sign
from ..signing.rcws_scheme import RCWS
from ..storage.ids import ID_PATTERN
from ..web.openapi import ApiDescription, Operation, argument_errors
from .api import error_body
from .errors import ContactExists, ContactNotFound, ListNotFound
from .schemas import (
    AddressArguments,
    ContactChanges,
    InLists,
    ListName,
    ListsArguments,
    NewContact,
    NoArguments,
    PageArguments,
    RenameArguments,
)

# One of the public document's requests, with invented keys.
_KEYS = KeyPair("ad7f69e0b58f3e1c", "4f2ab49d33f1c76e")
_EXAMPLE = sign(RCWS, RequestToSign("GET", "/v1/contacts.json/1/contacts/?pagesize=5&offset=2"), _KEYS)

_AUTHORIZATION = f"""\
`RCWS <public key>:<signature>`; `MMWS` is accepted instead of `RCWS`. The signature covers `METHOD::URL::JSON` in \
lower case; its key is the private key's text:

- the URL is the path as sent and, if the query is not empty, `?` and its pairs as sent, sorted by name;
- the JSON is the posted data as one object, with sorted keys and without spaces; if nothing is posted, it is \
`{{"posted_data":"[]"}}` or `{{"posted_data":"null"}}`.

The signature is the hexadecimal text of the HMAC-SHA256; base64 of its raw bytes is accepted too. The public key \
`{_KEYS.public_key}` with the private key `{_KEYS.private_key}` signs

```
{_EXAMPLE.string_to_sign.decode()}
```

as

```
{_EXAMPLE.authorization}
```

The signed string has no date: anyone who has seen a request can repeat it for ever.
"""

_CONTACTS = ApiDescription(
    name="Lists and contacts",
    description="""\
Manages the lists and contacts of the application that signs; no other application can see them. A trailing slash is \
optional, and `POST /v1/lists.json/{name_or_id}` creates a list too. In a path `+` is a space. A body that begins with \
`{` is JSON, whatever its content type. Every other path under `/v1` is a 404 (the response `RcwsNotFound`), every \
other method a 405 (`RcwsMethodNotAllowed`).""",
    scheme=RCWS.words[0],
    authorization=_AUTHORIZATION,
    headers=[],
    errors=[
        errors.BodyNotWhole(Reason.BODY_CUT_SHORT),
        errors.UnreadableBody(Reason.JSON_UNREADABLE, {"X-Daas-Error": "json-unreadable"}),
        errors.AuthenticationFailed(
            Reason.SIGNATURE_MISMATCH,
            {
                "WWW-Authenticate": RCWS.words[0],
                "X-Daas-String-To-Sign": base64.b64encode(_EXAMPLE.string_to_sign).decode(),
            },
        ),
        errors.UseNotAuthorized(Reason.SERVICE_NOT_GRANTED),
        errors.BodyTooLarge(Reason.BODY_TOO_LARGE),
        errors.UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED, {"X-Daas-Error": "media-type-unsupported"}),
        errors.TooManyRequests(60),
        errors.UnexpectedError(Reason.UNEXPECTED_ERROR),
        errors.DatabaseUnavailable(),
    ],
    elsewhere=[
        errors.NotFound(Reason.PATH_UNKNOWN),
        errors.MethodNotAllowed(Reason.METHOD_NOT_ALLOWED, {"Allow": "GET, POST"}),
    ],
    error_body=error_body,
    prefix="Rcws",
)

_NO_LIST = ListNotFound(Reason.LIST_NOT_FOUND)
_NO_CONTACT = ContactNotFound(Reason.CONTACT_NOT_FOUND)
_EXISTS = ContactExists(Reason.CONTACT_EXISTS)


def _in_path(description: str, **form: Any) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": {"type": "string", **form}}


_ID = f"^{ID_PATTERN}$"
_LIST = _in_path("The id of a list.", pattern=_ID, examples=["1"])
_CONTACT = _in_path("The id of a contact in its list.", pattern=_ID, examples=["2"])


def _pairs(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": _ID},
        "additionalProperties": {"type": "string"},
    }


def _message(code: int, message: str, pattern: str = "") -> dict[str, Any]:
    """Return the reply's schema, example and status of a call that returns a code and a message."""
    reply = {
        "description": "The call succeeded.",
        "type": "object",
        "properties": {
            "code": {"const": code},
            "message": {"type": "string", "pattern": pattern} if pattern else {"const": message},
        },
        "required": ["code", "message"],
        "additionalProperties": False,
    }
    return {"reply": reply, "example": {"code": code, "message": message}, "status": code}


SHOW_LISTS = Operation(
    _CONTACTS, ListsArguments(), _pairs("Lists, by id and name."), {"1": "List 1", "2": "List 2"}, [_NO_LIST]
)
CREATE_LIST = Operation(
    _CONTACTS,
    NoArguments(),
    **_message(201, "List List 3 created with list-id 3", "created with list-id [1-9][0-9]*$"),
    errors=argument_errors(ListName()),
    path={"name_or_id": _in_path("The name of the new list: 1 to 255 characters.", examples=["List 3"])},
)
RENAME_LIST = Operation(
    _CONTACTS,
    NoArguments(),
    **_message(201, "List renamed to Renamed 1", "^List renamed to "),
    errors=[_NO_LIST],
    query=RenameArguments(),
)
REMOVE_LIST = Operation(
    _CONTACTS, NoArguments(), **_message(200, "List removed"), errors=[_NO_LIST], path={"name_or_id": _LIST}
)
SHOW_CONTACTS = Operation(
    _CONTACTS,
    PageArguments(),
    _pairs("Contacts of a list, by id and address."),
    {"3": "c@x.org", "4": "d@x.org"},
    [_NO_LIST],
    path={"list_id": _LIST},
)
SHOW_CONTACT = Operation(
    _CONTACTS,
    NoArguments(),
    _pairs("A contact, by id and address."),
    {"2": "b@x.org"},
    [_NO_LIST, _NO_CONTACT],
    path={"list_id": _LIST, "contact_id": _CONTACT},
)
ADD_CONTACT = Operation(
    _CONTACTS,
    NewContact(),
    **_message(201, "Contact added"),
    errors=[_NO_LIST, _EXISTS],
    path={"list_id": _LIST},
)
CHANGE_CONTACT = Operation(
    _CONTACTS,
    ContactChanges(),
    **_message(200, "Contact updated"),
    errors=[_NO_LIST, _NO_CONTACT, _EXISTS],
    path={"list_id": _LIST, "contact_id": _CONTACT},
)
REMOVE_CONTACT = Operation(
    _CONTACTS,
    NoArguments(),
    {"description": "The call succeeded.", "const": "Contact removed"},
    "Contact removed",
    [_NO_LIST, _NO_CONTACT],
    path={"list_id": _LIST, "contact_id": _CONTACT},
)
ADD_CONTACT_TO_LISTS = Operation(
    _CONTACTS, NewContact(), **_message(201, "Contact added"), errors=[_NO_LIST, _EXISTS], query=InLists()
)
FIND_BY_ADDRESS = Operation(
    _CONTACTS,
    AddressArguments(),
    _pairs("The lists that contain the address, each with the contact's id there."),
    {"1": "2"},
)


def example_errors() -> dict[str, errors.ApiError]:
    """Return one example of each error, by the name that pages use."""
    return {
        "unreadable": errors.UnreadableBody(Reason.JSON_UNREADABLE),
        "authentication": errors.AuthenticationFailed(Reason.SIGNATURE_MISMATCH),
        "use": errors.UseNotAuthorized(Reason.SERVICE_NOT_GRANTED),
        "not_found": errors.NotFound(Reason.PATH_UNKNOWN),
        "no_list": _NO_LIST,
        "no_contact": _NO_CONTACT,
        "method": errors.MethodNotAllowed(Reason.METHOD_NOT_ALLOWED),
        "exists": _EXISTS,
        "media_type": errors.UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED),
        **dict(zip(("missing", "invalid"), argument_errors(NewContact()), strict=True)),
    }
