"""What is refused alike by all calls, and which fault is answered first."""

from dataclasses import replace

from ..case import Case, Expected, page
from .case import (
    CONTACTS,
    DENIED,
    LISTS,
    NO_LIST,
    NOT_FOUND,
    UNREADABLE,
    USE,
    Ask,
    Steps,
    cases,
    missing,
    post,
    remove,
    said,
)

_SEE = page("errors#lists")
_PATHS = {
    "list": "/v1/list.json",
    "prefix": "/v1",
    "two-slashes": "/v1//lists.json",
    "two-slashes-behind": f"{LISTS}//",
    "letter-case": "/v1/Lists.json",
    "contact-plural": "/v1/contacts.json/$list/contact",
    "dots": "/v1/../v1/lists.json",
}


def _not_allowed(*methods: str) -> Expected:
    return said(405, "Method Not Allowed", Allow=", ".join(methods))


_METHODS: list[tuple[str, str, Steps]] = [
    ("PUT", "a method that a call does not have is not allowed", [(Ask(method="PUT"), _not_allowed("GET", "POST"))]),
    (
        "PUT-contacts",
        "a method that a call does not have is not allowed",
        [(Ask(method="PUT", target=CONTACTS), _not_allowed("GET", "POST"))],
    ),
    (
        "HEAD",
        "HEAD is not allowed either",
        [(Ask(method="HEAD"), replace(_not_allowed("GET", "POST"), body=""))],
    ),
]

_BODIES: list[tuple[str, str, Steps]] = [
    ("json", "a body that cannot be read is a bad request", [(post(CONTACTS, '{"email_address":'), UNREADABLE)]),
    ("array", "JSON that is no object is a bad request", [(post(CONTACTS, '["a@x.org"]'), UNREADABLE)]),
    (
        "type",
        "another type is told so",
        [(post(CONTACTS, "x", content_type="text/plain"), said(415, "Unsupported Media Type"))],
    ),
    (
        "unsigned",
        "what cannot be read is told behind a good signature alone",
        [(post(CONTACTS, "{", signed_json="x"), DENIED)],
    ),
]

_ORDER: list[tuple[str, str, Steps]] = [
    ("404-401", "a path before the signature", [(Ask(target="/v1/list.json", encoding="cut"), NOT_FOUND)]),
    ("405-401", "a method before the signature", [(Ask(method="PUT", encoding="cut"), _not_allowed("GET", "POST"))]),
    ("401-422", "the signature before the arguments", [(post(LISTS, encoding="cut"), DENIED)]),
    ("403-400", "the use before the body", [(post(CONTACTS, "{", key="refused"), USE)]),
    ("403-404", "the use before the list", [(remove(f"{LISTS}/$gone", key="refused"), USE)]),
    (
        "422-404",
        "the arguments before the list",
        [(post("/v1/contacts.json/$gone/contacts", {"name": "x"}), missing("email_address"))],
    ),
    ("missing-invalid", "if any is missing, only the missing are named", [(post(f"{LISTS}?id=x"), missing("name"))]),
    ("404-list", "the list in the end", [(Ask(target=f"{LISTS}?id=$gone"), NO_LIST)]),
]

CASES: list[Case] = [
    *cases(
        "v1.path",
        _SEE,
        [
            (id_, "any other path is not found, and none is redirected", [(Ask(target=path), NOT_FOUND)])
            for id_, path in _PATHS.items()
        ],
    ),
    *cases("v1.method", _SEE, _METHODS),
    *cases("v1.body", _SEE, _BODIES),
    *cases("v1.order", _SEE, _ORDER),
]
