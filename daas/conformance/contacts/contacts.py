"""The calls for contacts: each answer to the byte, the fields, the pages, the ids."""

from ..case import Case, page
from .case import (
    CONTACT,
    CONTACTS,
    EXISTS,
    MADE,
    NO_CONTACT,
    NO_LIST,
    Ask,
    Steps,
    add,
    answer,
    cases,
    invalid,
    missing,
    post,
    remove,
    said,
)

_SEE = page("contacts")
_FIELDS = page("contacts#fields")
_CHANGED = said(200, "Contact updated")
_REMOVED = answer("Contact removed")
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
        "a contact is added, and shown by its id and address",
        [(add("b@x.org", name="B"), MADE), (Ask(target=CONTACT), answer({"1": "b@x.org"}))],
    ),
    (
        "change",
        "a contact is changed",
        [
            (add("a@x.org"), MADE),
            (post(f"{CONTACTS}1", {"email_address": "B@x.org"}), _CHANGED),
            (Ask(target=CONTACT), answer({"1": "B@x.org"})),
        ],
    ),
    (
        "change-rest",
        "an edit keeps what is not sent",
        [
            (add("a@x.org"), MADE),
            (post(f"{CONTACTS}1", {"name": "B", "phone": ""}), _CHANGED),
            (Ask(target=CONTACT), answer({"1": "a@x.org"})),
        ],
    ),
    (
        "remove",
        "a contact is removed, by a bare JSON string",
        [(add("a@x.org"), MADE), (remove(f"{CONTACTS}1"), _REMOVED), (Ask(target=CONTACT), NO_CONTACT)],
    ),
    (
        "ids",
        "an id is never used again",
        [
            (add("a@x.org"), MADE),
            (remove(f"{CONTACTS}1"), _REMOVED),
            (add("a@x.org"), MADE),
            (Ask(target=CONTACTS), answer({"2": "a@x.org"})),
        ],
    ),
    (
        "ids-refused",
        "what is refused takes no id",
        [
            (add("a@x.org"), MADE),
            (add("a@x.org"), EXISTS),
            (add("b@x.org"), MADE),
            (Ask(target=CONTACTS), answer({"1": "a@x.org", "2": "b@x.org"})),
        ],
    ),
    (
        "exists",
        "an address is in its list once, without regard to case",
        [(add("a@x.org"), MADE), (add("A@X.org"), EXISTS)],
    ),
    (
        "exists-change",
        "an edit may not give another contact's address",
        [(add("a@x.org"), MADE), (add("b@x.org"), MADE), (post(f"{CONTACTS}2", {"email_address": "A@x.org"}), EXISTS)],
    ),
    (
        "gone",
        "a contact that is not there is told so",
        [
            (Ask(target=CONTACT), NO_CONTACT),
            (post(f"{CONTACTS}1", {"name": "x"}), NO_CONTACT),
            (remove(f"{CONTACTS}1"), NO_CONTACT),
        ],
    ),
    (
        "list-first",
        "whether the list is there is looked at before the contact",
        [
            (Ask(target="/v1/contacts.json/$gone/contact/1"), NO_LIST),
            (post("/v1/contacts.json/$gone/contacts/1"), NO_LIST),
        ],
    ),
    (
        "lists",
        "an addition: a contact is added to several lists, to all of them or to none",
        [
            (post("/v1/lists/Two"), said(201, "List Two created with list-id $next_list")),
            (post("/v1/contacts.json?lists=$gone,$list", {"email_address": "a@x.org"}), NO_LIST),
            (Ask(target=CONTACTS), answer({})),
            (post("/v1/contacts.json?lists=$list,$next_list", {"email_address": "a@x.org"}), MADE),
            (Ask(target="/v1/contacts.json?email_address=A@x.org"), answer({"$list": "1", "$next_list": "1"})),
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
        "a contact has these fields, of 255 characters",
        [(add("a@x.org", **dict.fromkeys(_OTHERS, "ö" * 255)), MADE)],
    ),
    ("blank", "a field may be blank", [(add("a@x.org", **dict.fromkeys(_OTHERS, "")), MADE)]),
    ("unknown", "other fields are ignored", [(add("a@x.org", age="x" * 300), MADE)]),
    ("no-address", "the address is required", [(post(CONTACTS, {"name": "x"}), missing("email_address"))]),
    ("blank-address", "a blank address is missing", [(add(" "), missing("email_address"))]),
    *(
        (f"long-{name}", "a field has 255 characters at most", [(add("a@x.org", **{name: "x" * 256}), invalid(name))])
        for name in _OTHERS
    ),
    *(
        (f"address-{id_}", "an address has to be valid", [(add(address), invalid("email_address"))])
        for id_, address in {"word": "nobody", "two": "a@b@x.org", "blank-inside": "a b@x.org"}.items()
    ),
    (
        "number",
        "a field is a text",
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
                    "at most `pagesize` contacts are shown, behind `offset` that are skipped",
                    [
                        *_SEVEN,
                        (
                            Ask(target=CONTACTS + query),
                            answer({str(number): f"{letter}@x.org" for number, letter in enumerate(shown, first)}),
                        ),
                    ],
                )
                for id_, (query, shown, first) in _PAGES.items()
            ),
            *(
                (id_, "pagesize is 1 to 1000, offset from 0", [(Ask(target=CONTACTS + query), invalid(name))])
                for id_, (query, name) in _NO_PAGES.items()
            ),
        ],
    ),
    *cases("contacts.field", _FIELDS, _VALUES),
]
