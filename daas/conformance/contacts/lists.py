"""Cases about lists: the bytes of each response, names, ids, and which application a list belongs to."""

from dataclasses import replace

from ..case import Case, Expected, page
from .case import (
    CONTACT,
    CONTACTS,
    LISTS,
    MADE,
    NO_CONTACT,
    NO_LIST,
    RequestSpec,
    Steps,
    add,
    cases,
    invalid,
    json_body,
    message_body,
    missing,
    post,
    remove,
)

_SEE = page("lists")
_ONE = f"{LISTS}?id=$next_list"
_REMOVED = message_body(200, "List removed")
_SHOWN = {"made": "List 3", "renamed": "Renamed 1"}


def _created(name: str, number: str = "$next_list") -> Expected:
    return message_body(201, f"List {name} created with list-id {number}")


def _shown(name: str) -> Expected:
    return json_body({"$next_list": name})


_CALLS: list[tuple[str, str, Steps]] = [
    (
        "make",
        "a list is made, and shown with id and name",
        [(post("/v1/lists/List+3"), _created("List 3")), (RequestSpec(uri=_ONE), _shown("List 3"))],
    ),
    (
        "make-json",
        "/v1/lists.json/List+3 makes a list too",
        [(post(f"{LISTS}/List+3"), _created("List 3")), (RequestSpec(uri=_ONE), _shown("List 3"))],
    ),
    (
        "show-one",
        "one list can be shown by its id",
        [(RequestSpec(uri=f"{LISTS}?id=$list"), json_body({"$list": "Conformance"}))],
    ),
    (
        "rename",
        "a list is renamed by arguments in the query",
        [
            (post("/v1/lists/List+3"), _created("List 3")),
            (post(f"{LISTS}?id=$next_list&name=Renamed+1"), message_body(201, "List renamed to Renamed 1")),
            (RequestSpec(uri=_ONE), _shown("Renamed 1")),
        ],
    ),
    (
        "remove",
        "a list is removed",
        [(remove(f"{LISTS}/$list"), _REMOVED), (RequestSpec(uri=f"{LISTS}?id=$list"), NO_LIST)],
    ),
    (
        "remove-contacts",
        "a list's contacts are removed with it",
        [(add("a@x.org"), MADE), (remove(f"{LISTS}/$list"), _REMOVED), (RequestSpec(uri=CONTACT), NO_LIST)],
    ),
    (
        "remove-again",
        "a removed list is not found",
        [(remove(f"{LISTS}/$list"), _REMOVED), (remove(f"{LISTS}/$list"), NO_LIST)],
    ),
    (
        "slashes",
        "a trailing slash is optional everywhere",
        [
            (post("/v1/lists/List+3/"), _created("List 3")),
            (RequestSpec(uri=f"{LISTS}/?id=$next_list"), _shown("List 3")),
            (post(f"{LISTS}/?id=$next_list&name=x"), message_body(201, "List renamed to x")),
            (remove(f"{LISTS}/$next_list/"), _REMOVED),
            (RequestSpec(uri=CONTACTS.removesuffix("/")), json_body({})),
            (RequestSpec(uri=f"{CONTACT}/"), NO_CONTACT),
        ],
    ),
    (
        "ids",
        "an id is never used again",
        [
            (post("/v1/lists/A"), _created("A")),
            (remove(f"{LISTS}/$next_list"), _REMOVED),
            (post("/v1/lists/B"), replace(_created("B"), body=None)),
            (RequestSpec(uri=_ONE), NO_LIST),
        ],
    ),
    (
        "same-name",
        "two lists may have the same name",
        [(post("/v1/lists/Conformance"), _created("Conformance")), (RequestSpec(uri=_ONE), _shown("Conformance"))],
    ),
]

_NAMES = {
    "plus": ("List+3", "List 3"),
    "escaped-blank": ("List%203", "List 3"),
    "escaped-plus": ("1%2B1", "1+1"),
    "escaped-slash": ("A%2FB", "A/B"),
    "escaped-percent": ("A%252FB", "A%2FB"),
    "letters": ("%C3%89cole+%F0%9F%98%80", "École 😀"),
    "trimmed": ("++x%09", "x"),
    "longest": ("a" * 255, "a" * 255),
}
_NO_NAMES = {
    "blank": ("+", missing("name")),
    "too-long": ("a" * 256, invalid("name")),
    "not-utf-8": ("%FF", message_body(400, "Bad Request")),
}
_ARGUMENTS: list[tuple[str, str, Steps]] = [
    ("rename-nothing", "missing arguments are named in order", [(post(LISTS), missing("id", "name"))]),
    ("rename-blank", "an empty name counts as missing", [(post(f"{LISTS}?id=$list&name=+"), missing("name"))]),
    (
        "rename-long",
        "a name has at most 255 characters",
        [(post(f"{LISTS}?id=$list&name={'a' * 256}"), invalid("name"))],
    ),
    (
        "rename-two",
        "invalid arguments are named together",
        [(post(f"{LISTS}?id=x&name={'a' * 256}"), invalid("id", "name"))],
    ),
    ("rename-gone", "an unknown list is a 404", [(post(f"{LISTS}?id=$gone&name=x"), NO_LIST)]),
    ("id-zero", "an id has no leading zero", [(RequestSpec(uri=f"{LISTS}?id=0$list"), invalid("id"))]),
    ("id-sign", "an id has no sign", [(RequestSpec(uri=f"{LISTS}?id=%2B$list"), invalid("id"))]),
    ("id-word", "an id is a number", [(RequestSpec(uri=f"{LISTS}?id=x"), invalid("id"))]),
    ("id-repeated", "a repeated argument is invalid", [(RequestSpec(uri=f"{LISTS}?id=$list&id=$list"), invalid("id"))]),
    ("id-gone", "an unknown list is a 404", [(RequestSpec(uri=f"{LISTS}?id=$gone"), NO_LIST)]),
    ("path-zero", "an id in a path has no leading zero", [(remove(f"{LISTS}/0$list"), NO_LIST)]),
]

_FOREIGN = {
    "show": RequestSpec(uri=f"{LISTS}?id=$list", key="other"),
    "rename": post(f"{LISTS}?id=$list&name=x", key="other"),
    "remove": remove(f"{LISTS}/$list", key="other"),
    "contacts": RequestSpec(uri=CONTACTS, key="other"),
    "contact": RequestSpec(uri=CONTACT, key="other"),
    "add": post(CONTACTS, {"email_address": "b@x.org"}, key="other"),
    "change": post(f"{CONTACTS}1", {"name": "x"}, key="other"),
    "take": remove(f"{CONTACTS}1", key="other"),
}
_LEFT = [
    (RequestSpec(uri=f"{LISTS}?id=$list"), json_body({"$list": "Conformance"})),
    (RequestSpec(uri=CONTACTS), json_body({"1": "a@x.org"})),
]

CASES: list[Case] = [
    *cases("lists.call", _SEE, _CALLS),
    *cases(
        "lists.name",
        page("lists#make"),
        [
            *(
                (
                    id_,
                    "in a path + is a space, %2B a plus, %2F a slash",
                    [(post(f"/v1/lists/{segment}"), _created(name)), (RequestSpec(uri=_ONE), _shown(name))],
                )
                for id_, (segment, name) in _NAMES.items()
            ),
            *(
                (id_, "a name has 1 to 255 characters after trimming", [(post(f"/v1/lists/{segment}"), due)])
                for id_, (segment, due) in _NO_NAMES.items()
            ),
        ],
    ),
    *cases("lists.argument", _SEE, _ARGUMENTS),
    *cases(
        "lists.isolation",
        _SEE,
        [
            (id_, "no other application sees or changes a list", [(add("a@x.org"), MADE), (spec, NO_LIST), *_LEFT])
            for id_, spec in _FOREIGN.items()
        ],
    ),
]
