"""Cases about contacts: the bytes of each response, fields, pages, ids."""

from ..case import Case, page
from .case import (
    CONTACT,
    CONTACTS,
    EXISTS,
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

_SEE = page("contacts")
_FIELDS = page("contacts#fields")
_CHANGED = message_body(200, "Contact updated")
_REMOVED = json_body("Contact removed")
_SEVEN: Steps = [(add(f"{letter}@x.org"), MADE) for letter in "abcdefg"]
_OTHERS = (
    "name",
    "first_name",
    "last_name",
    "company",
    "address",
    "city",
    "state",
    "country",
    "zip_code",
    "phone",
    "dob",
)

_CALLS: list[tuple[str, str, Steps]] = [
    (
        "add",
        "a contact is added, and shown with id and address",
        [(add("b@x.org", name="B"), MADE), (RequestSpec(uri=CONTACT), json_body({"1": "b@x.org"}))],
    ),
    (
        "change",
        "a contact can be changed",
        [
            (add("a@x.org"), MADE),
            (post(f"{CONTACTS}1", {"email_address": "B@x.org"}), _CHANGED),
            (RequestSpec(uri=CONTACT), json_body({"1": "B@x.org"})),
        ],
    ),
    (
        "change-rest",
        "an edit keeps fields that are not sent",
        [
            (add("a@x.org"), MADE),
            (post(f"{CONTACTS}1", {"name": "B", "phone": ""}), _CHANGED),
            (RequestSpec(uri=CONTACT), json_body({"1": "a@x.org"})),
        ],
    ),
    (
        "remove",
        "the removal of a contact returns a JSON string",
        [(add("a@x.org"), MADE), (remove(f"{CONTACTS}1"), _REMOVED), (RequestSpec(uri=CONTACT), NO_CONTACT)],
    ),
    (
        "ids",
        "an id is never used again",
        [
            (add("a@x.org"), MADE),
            (remove(f"{CONTACTS}1"), _REMOVED),
            (add("a@x.org"), MADE),
            (RequestSpec(uri=CONTACTS), json_body({"2": "a@x.org"})),
        ],
    ),
    (
        "ids-refused",
        "a rejected contact uses no id",
        [
            (add("a@x.org"), MADE),
            (add("a@x.org"), EXISTS),
            (add("b@x.org"), MADE),
            (RequestSpec(uri=CONTACTS), json_body({"1": "a@x.org", "2": "b@x.org"})),
        ],
    ),
    (
        "exists",
        "an address is unique in its list, ignoring case",
        [(add("a@x.org"), MADE), (add("A@X.org"), EXISTS)],
    ),
    (
        "exists-change",
        "an edit may not use another contact's address",
        [(add("a@x.org"), MADE), (add("b@x.org"), MADE), (post(f"{CONTACTS}2", {"email_address": "A@x.org"}), EXISTS)],
    ),
    (
        "gone",
        "an unknown contact is a 404",
        [
            (RequestSpec(uri=CONTACT), NO_CONTACT),
            (post(f"{CONTACTS}1", {"name": "x"}), NO_CONTACT),
            (remove(f"{CONTACTS}1"), NO_CONTACT),
        ],
    ),
    (
        "list-first",
        "an unknown list is reported before an unknown contact",
        [
            (RequestSpec(uri="/v1/contacts.json/$gone/contact/1"), NO_LIST),
            (post("/v1/contacts.json/$gone/contacts/1"), NO_LIST),
        ],
    ),
    (
        "lists",
        "a contact is added to several lists: to all of them or to none",
        [
            (post("/v1/lists/Two"), message_body(201, "List Two created with list-id $next_list")),
            (post("/v1/contacts.json?lists=$gone,$list", {"email_address": "a@x.org"}), NO_LIST),
            (RequestSpec(uri=CONTACTS), json_body({})),
            (post("/v1/contacts.json?lists=$list,$next_list", {"email_address": "a@x.org"}), MADE),
            (RequestSpec(uri="/v1/contacts.json?email_address=A@x.org"), json_body({"$list": "1", "$next_list": "1"})),
        ],
    ),
]

_PAGES = {
    "all": ("", "abcdefg", 1),
    "size": ("?pagesize=2", "ab", 1),
    "offset": ("?offset=5", "fg", 6),
    "both": ("?offset=2&pagesize=5", "cdefg", 3),
    "beyond": ("?offset=7", "", 8),
    "largest": ("?pagesize=1000", "abcdefg", 1),
}
_NO_PAGES = {
    "size-0": ("?pagesize=0", "pagesize"),
    "size-1001": ("?pagesize=1001", "pagesize"),
    "size-word": ("?pagesize=x", "pagesize"),
    "offset-sign": ("?offset=-1", "offset"),
    "repeated": ("?offset=1&offset=1", "offset"),
}
_VALUES: list[tuple[str, str, Steps]] = [
    (
        "all",
        "each field of a contact holds 255 characters",
        [(add("a@x.org", **dict.fromkeys(_OTHERS, "ö" * 255)), MADE)],
    ),
    ("blank", "a field may be empty", [(add("a@x.org", **dict.fromkeys(_OTHERS, "")), MADE)]),
    ("unknown", "other fields are ignored", [(add("a@x.org", age="x" * 300), MADE)]),
    ("no-address", "the address is required", [(post(CONTACTS, {"name": "x"}), missing("email_address"))]),
    ("blank-address", "an empty address counts as missing", [(add(" "), missing("email_address"))]),
    *(
        (f"long-{name}", "a field has at most 255 characters", [(add("a@x.org", **{name: "x" * 256}), invalid(name))])
        for name in _OTHERS
    ),
    *(
        (f"address-{id_}", "an address must be valid", [(add(address), invalid("email_address"))])
        for id_, address in {"word": "nobody", "two": "a@b@x.org", "blank-inside": "a b@x.org"}.items()
    ),
    (
        "number",
        "a field is a string",
        [(post(CONTACTS, '{"email_address":"a@x.org","zip_code":815}'), invalid("zip_code"))],
    ),
    (
        "repeated",
        "a repeated argument is invalid",
        [(post(CONTACTS, '{"email_address":"a@x.org","email_address":"a@x.org"}'), invalid("email_address"))],
    ),
]

CASES: list[Case] = [
    *cases("contacts.call", _SEE, _CALLS),
    *cases(
        "contacts.page",
        page("contacts#show"),
        [
            *(
                (
                    id_,
                    "`offset` contacts are skipped, then at most `pagesize` shown",
                    [
                        *_SEVEN,
                        (
                            RequestSpec(uri=CONTACTS + query),
                            json_body({str(number): f"{letter}@x.org" for number, letter in enumerate(shown, first)}),
                        ),
                    ],
                )
                for id_, (query, shown, first) in _PAGES.items()
            ),
            *(
                (
                    id_,
                    "pagesize is 1 to 1000, offset is 0 or more",
                    [(RequestSpec(uri=CONTACTS + query), invalid(name))],
                )
                for id_, (query, name) in _NO_PAGES.items()
            ),
        ],
    ),
    *cases("contacts.field", _FIELDS, _VALUES),
]
