"""Cases about errors that all calls share, and the order of checks."""

from dataclasses import replace

from ..case import Case, Expected, page
from .case import (
    CONTACTS,
    DENIED,
    LISTS,
    MADE,
    MALFORMED,
    NO_LIST,
    NO_OBJECT,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED,
    USE_NOT_AUTHORIZED,
    RequestSpec,
    Steps,
    cases,
    message_body,
    missing,
    post,
    remove,
)

_SEE = page("errors#lists")


def _padded(size: int) -> str:
    """Return a contact as JSON of so many bytes; the field that fills it up is ignored."""
    text = '{"email_address":"a@x.org","filler":""}'
    return text.replace('""', f'"{"x" * (size - len(text))}"')


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
    return message_body(405, "Method Not Allowed", Allow=", ".join(methods))


_METHODS: list[tuple[str, str, Steps]] = [
    (
        "PUT",
        "a method that a call does not have is not allowed",
        [(RequestSpec(method="PUT"), _not_allowed("GET", "POST"))],
    ),
    (
        "PUT-contacts",
        "a method that a call does not have is not allowed",
        [(RequestSpec(method="PUT", uri=CONTACTS), _not_allowed("GET", "POST"))],
    ),
    (
        "HEAD",
        "HEAD is not allowed either",
        [(RequestSpec(method="HEAD"), replace(_not_allowed("GET", "POST"), body=""))],
    ),
]

_BODIES: list[tuple[str, str, Steps]] = [
    ("json", "a malformed body is a bad request", [(post(CONTACTS, '{"email_address":'), MALFORMED)]),
    ("array", "JSON that is not an object is a bad request", [(post(CONTACTS, '["a@x.org"]'), NO_OBJECT)]),
    (
        "type",
        "another content type is a 415",
        [(post(CONTACTS, "x", content_type="text/plain"), UNSUPPORTED)],
    ),
    ("largest", "a body of 32,768 bytes is read", [(post(CONTACTS, _padded(32_768)), MADE)]),
    ("larger", "a larger body is rejected", [(post(CONTACTS, _padded(32_769)), TOO_LARGE)]),
    (
        "unsigned",
        "a malformed body is reported only if the signature is valid",
        [(post(CONTACTS, "{", signed_json="x"), DENIED)],
    ),
]

_ORDER: list[tuple[str, str, Steps]] = [
    (
        "404-401",
        "the path is checked before the signature",
        [(RequestSpec(uri="/v1/list.json", encoding="cut"), NOT_FOUND)],
    ),
    (
        "405-401",
        "the method is checked before the signature",
        [(RequestSpec(method="PUT", encoding="cut"), _not_allowed("GET", "POST"))],
    ),
    ("401-422", "the signature is checked before the arguments", [(post(LISTS, encoding="cut"), DENIED)]),
    (
        "403-400",
        "permission for the service is checked before the body",
        [(post(CONTACTS, "{", key="refused"), USE_NOT_AUTHORIZED)],
    ),
    (
        "403-404",
        "permission for the service is checked before the list",
        [(remove(f"{LISTS}/$gone", key="refused"), USE_NOT_AUTHORIZED)],
    ),
    (
        "422-404",
        "the arguments are checked before the list",
        [(post("/v1/contacts.json/$gone/contacts", {"name": "x"}), missing("email_address"))],
    ),
    (
        "missing-invalid",
        "if any argument is missing, only missing arguments are named",
        [(post(f"{LISTS}?id=x"), missing("name"))],
    ),
    ("404-list", "an unknown list is reported last", [(RequestSpec(uri=f"{LISTS}?id=$gone"), NO_LIST)]),
]

CASES: list[Case] = [
    *cases(
        "v1.path",
        _SEE,
        [
            (id_, "any other path is not found, and none is redirected", [(RequestSpec(uri=path), NOT_FOUND)])
            for id_, path in _PATHS.items()
        ],
    ),
    *cases("v1.method", _SEE, _METHODS),
    *cases("v1.body", _SEE, _BODIES),
    *cases("v1.order", _SEE, _ORDER),
]
