"""Who may sign, and what: the header, the string to sign in all the ways that clients write it, the encodings."""

from dataclasses import replace

from ..case import page
from .case import CONTACT, CONTACTS, DENIED, FORM, LISTS, MADE, NO_LIST, USE, Ask, answer, cases, post, remove, said

_SEE = page("authentication#rcws")
_STRING = page("authentication#rcws-string")
_VARIANTS = page("authentication#rcws-variants")

_NONE = answer({})
_PAGE = Ask(target=f"{CONTACTS}?pagesize=5&offset=2", signed_url=f"{CONTACTS}?offset=2&pagesize=5")

_AUTHORIZATION = [
    *(
        (
            f"word-{word}",
            "RCWS, and MMWS for it, are read in any case",
            Ask(authorization=f"{word} $public_key:$signature"),
        )
        for word in ("RCWS", "rcws", "MMWS", "MmWs")
    ),
    ("blanks", "one or more blanks follow the word", Ask(authorization="RCWS   $public_key:$signature")),
    ("no-date", "no date is needed, and none is looked at", Ask(headers=[("Date", "yesterday")])),
    ("md5", "a Content-MD5 is not looked at", Ask(headers=[("Content-MD5", "x")])),
]
_REFUSED = [
    ("missing", "a request without a signature is refused", Ask(authorization=None)),
    ("no-colon", "a header without a colon is refused", Ask(authorization="RCWS $public_key")),
    ("no-signature", "a header with an empty part is refused", Ask(authorization="RCWS $public_key:")),
    ("other-word", "the other scheme's word is refused", Ask(authorization="DAAS $public_key:$signature")),
    ("repeated", "a second Authorization is refused", Ask(headers=[("Authorization", "RCWS a:b")])),
    ("unknown", "an unknown public key is refused", Ask(key="unknown")),
    ("cut", "a signature that is cut short is refused", Ask(encoding="cut")),
    ("both-cases", "a hexadecimal text of both cases is refused", Ask(encoding="both cases")),
    ("base64-of-hex", "base64 of the hexadecimal text is the other scheme's", Ask(encoding="base64 of hex")),
]
_STRINGS = [
    ("sorted", "the query is sorted by its names", _PAGE, _NONE),
    ("unsorted", "the query is sorted by its names", replace(_PAGE, signed_url=None), DENIED),
    (
        "equal-names",
        "equal names of the query stay in their order",
        Ask(target=f"{CONTACTS}?b=2&a=&b=1&pagesize=5", signed_url=f"{CONTACTS}?a=&b=2&b=1&pagesize=5"),
        _NONE,
    ),
    (
        "bytes",
        "names are sorted as bytes",
        Ask(target=f"{CONTACTS}?b=1&B=1&%61=1", signed_url=f"{CONTACTS}?%61=1&B=1&b=1"),
        _NONE,
    ),
    ("query-empty", "an empty query is not signed", Ask(target=f"{CONTACTS}?", signed_url=CONTACTS), _NONE),
    ("query-unsigned", "the query is signed", Ask(target=f"{CONTACTS}?offset=1", signed_url=CONTACTS), DENIED),
    (
        "decoded",
        "the path is not decoded",
        Ask(target="/v1/lists%2Ejson?id=$gone", signed_url="/v1/lists.json?id=$gone"),
        DENIED,
    ),
    ("escaped", "the path is signed as it is sent", Ask(target="/v1/lists%2Ejson?id=$gone"), NO_LIST),
    ("host", "scheme and host are not signed", Ask(signed_url=f"http://127.0.0.1{LISTS}"), DENIED),
    ("capitals", "all of the string is in small letters", Ask(lowered="none"), DENIED),
    ("method", "the method is signed", remove(f"{LISTS}/$gone", signed_method="GET"), DENIED),
    ("method-post", "the method is signed", post(f"{LISTS}?id=$gone&name=x", signed_method="GET"), DENIED),
    ("other-path", "the path is signed", Ask(signed_url="/v1/lists./List+3"), DENIED),
]

_TEXT = "A/Ä€😀"
_ESCAPED = r"A\/\u00c4\u20ac\ud83d\ude00"
_UNSORTED = '{"name": "A/Ä", "email_address": "a@x.org"}'


def _posted(
    signed: str, *, lowered: str = "ascii", posted: str | None = None, content_type: str = "application/json"
) -> Ask:
    sent = posted or f'{{"email_address":"a@x.org","name":"{_TEXT}"}}'
    return post(CONTACTS, sent, signed_json=signed, lowered=lowered, content_type=content_type)


_SLASHES = {"escaped-slash": r"\/", "plain-slash": "/"}
_LETTERS = {"escaped-letters": r"\u00c4\u20ac\ud83d\ude00", "utf-8": "Ä€😀"}
_POSTED = [
    *(
        (
            f"{slash}-{letters}-{lowered}",
            "a slash plain or escaped, letters escaped or not, small letters of ASCII or all: each with each other",
            _posted(f'{{"email_address":"a@x.org","name":"A{_SLASHES[slash]}{_LETTERS[letters]}"}}', lowered=lowered),
            MADE,
        )
        for slash in _SLASHES
        for letters in _LETTERS
        for lowered in ("ascii", "all")
    ),
    (
        "sorted",
        "what is posted is signed with its keys sorted",
        _posted('{"email_address":"a@x.org","name":"A/Ä"}', posted=_UNSORTED),
        MADE,
    ),
    ("unsorted", "keys that are not sorted are refused", _posted(_UNSORTED, posted=_UNSORTED), DENIED),
    (
        "as-sent",
        "the body may be signed as it is sent if its keys are sorted",
        _posted('{ "email_address" : "a@x.org" }', posted='{ "email_address" : "a@x.org" }'),
        MADE,
    ),
    (
        "form",
        "a form is signed as an object of texts",
        _posted(
            '{"email_address":"a@x.org","name":"b c"}', posted="name=b+c&email_address=a%40x.org", content_type=FORM
        ),
        MADE,
    ),
    (
        "form-as-sent",
        "a form is not signed as it is sent",
        _posted("name=b&email_address=a@x.org", posted="name=b&email_address=a@x.org", content_type=FORM),
        DENIED,
    ),
    (
        "called-a-form",
        "a body that begins with a brace is JSON, whatever its type",
        _posted('{"email_address":"a@x.org"}', posted='{"email_address":"a@x.org"}', content_type=FORM),
        MADE,
    ),
    (
        "other",
        "what is posted is signed",
        _posted('{"email_address":"b@x.org"}', posted='{"email_address":"a@x.org"}'),
        DENIED,
    ),
    (
        "no-data",
        "what is posted is signed",
        _posted('{"posted_data":"[]"}', posted='{"email_address":"a@x.org"}'),
        DENIED,
    ),
]
_SPELLINGS = {
    "empty": None,
    "array": "[]",
    "object": "{}",
    "list": '{"posted_data":"[]"}',
    "null": '{"posted_data":"null"}',
    "blanks": ' { "posted_data" : "[]" } ',
}
_NO_DATA = [
    (
        f"{id_}-{signed}",
        "an empty body, [], {} and both texts post nothing: either text is signed for any of them",
        Ask(posted=posted, signed_json=f'{{"posted_data":"{signed}"}}', target=f"{LISTS}?id=$gone"),
        NO_LIST,
    )
    for id_, posted in _SPELLINGS.items()
    for signed in ("[]", "null")
] + [
    ("own-text", "or the body's own text", Ask(posted="[]", signed_json="[]", target=f"{LISTS}?id=$gone"), NO_LIST),
    ("not-empty", "no other text stands for nothing", Ask(signed_json="null"), DENIED),
    (
        "delete",
        "a contact's DELETE may sign either",
        remove(CONTACT.replace("contact/1", "contacts/1"), signed_json='{"posted_data":"null"}'),
        said(404, "Contact not found"),
    ),
]
_GONE = Ask(target=f"{LISTS}?id=$gone")

CASES = [
    *cases(
        "rcws.header",
        _SEE,
        [(id_, sentence, [(replace(ask, target=_GONE.target), NO_LIST)]) for id_, sentence, ask in _AUTHORIZATION],
    ),
    *cases("rcws.refused", _SEE, [(id_, sentence, [(ask, DENIED)]) for id_, sentence, ask in _REFUSED]),
    *cases(
        "rcws.encoding",
        page("authentication#rcws-signature"),
        [
            (
                encoding,
                "hexadecimal text in either case, and base64 of the raw hash",
                [(replace(_GONE, encoding=encoding), NO_LIST)],
            )
            for encoding in ("hex", "HEX", "raw")
        ],
    ),
    *cases("rcws.string", _STRING, [(id_, sentence, [(ask, due)]) for id_, sentence, ask, due in _STRINGS]),
    *cases("rcws.posted", _VARIANTS, [(id_, sentence, [(ask, due)]) for id_, sentence, ask, due in _POSTED]),
    *cases("rcws.no-data", _VARIANTS, [(id_, sentence, [(ask, due)]) for id_, sentence, ask, due in _NO_DATA]),
    *cases(
        "rcws.use",
        page("errors#lists-use"),
        [
            (id_, "an application that may not use the service is told so", [(ask, USE)])
            for id_, ask in {"lists": Ask(key="refused"), "contacts": Ask(target=CONTACT, key="refused")}.items()
        ],
    ),
]
