"""Cases about signatures: the header, the accepted forms of the string to sign, and the encodings of the hash."""

from dataclasses import replace

from ..case import page
from .case import (
    CONTACT,
    CONTACTS,
    DENIED,
    FORM,
    LISTS,
    MADE,
    NO_LIST,
    USE_NOT_AUTHORIZED,
    RequestSpec,
    cases,
    json_body,
    message_body,
    post,
    remove,
)

_SEE = page("authentication#rcws")
_STRING = page("authentication#rcws-string")
_VARIANTS = page("authentication#rcws-variants")

_NONE = json_body({})
_PAGE = RequestSpec(uri=f"{CONTACTS}?pagesize=5&offset=2", signed_url=f"{CONTACTS}?offset=2&pagesize=5")

_AUTHORIZATION = [
    *(
        (
            f"word-{word}",
            "the words RCWS and MMWS are accepted in any case",
            RequestSpec(authorization=f"{word} $public_key:$signature"),
        )
        for word in ("RCWS", "rcws", "MMWS", "MmWs")
    ),
    ("blanks", "one or more spaces follow the word", RequestSpec(authorization="RCWS   $public_key:$signature")),
    ("tab", "one or more spaces or tabs follow the word", RequestSpec(authorization="RCWS\t $public_key:$signature")),
    ("no-date", "a date is not needed, and ignored", RequestSpec(headers=[("Date", "yesterday")])),
    ("md5", "Content-MD5 is ignored", RequestSpec(headers=[("Content-MD5", "x")])),
]
_REFUSED = [
    ("missing", "a request without a signature is rejected", RequestSpec(authorization=None)),
    ("no-colon", "a header without a colon is rejected", RequestSpec(authorization="RCWS $public_key")),
    ("no-signature", "a header without a signature is rejected", RequestSpec(authorization="RCWS $public_key:")),
    ("other-word", "the word of Direct messages is rejected", RequestSpec(authorization="DAAS $public_key:$signature")),
    ("repeated", "a second Authorization header is rejected", RequestSpec(headers=[("Authorization", "RCWS a:b")])),
    ("unknown", "an unknown public key is rejected", RequestSpec(key="unknown")),
    ("cut", "an incomplete signature is rejected", RequestSpec(encoding="cut")),
    ("both-cases", "hexadecimal text with letters of both cases is rejected", RequestSpec(encoding="both cases")),
    (
        "base64-of-hex",
        "base64 of the hexadecimal text, which Direct messages accept, is rejected",
        RequestSpec(encoding="base64 of hex"),
    ),
]
_STRINGS = [
    ("sorted", "the query is signed sorted by name", _PAGE, _NONE),
    ("unsorted", "the query is signed sorted by name", replace(_PAGE, signed_url=None), DENIED),
    (
        "equal-names",
        "equal names in the query keep their order",
        RequestSpec(uri=f"{CONTACTS}?b=2&a=&b=1&pagesize=5", signed_url=f"{CONTACTS}?a=&b=2&b=1&pagesize=5"),
        _NONE,
    ),
    (
        "bytes",
        "names are sorted as bytes",
        RequestSpec(uri=f"{CONTACTS}?b=1&B=1&%61=1", signed_url=f"{CONTACTS}?%61=1&B=1&b=1"),
        _NONE,
    ),
    ("query-empty", "an empty query is not signed", RequestSpec(uri=f"{CONTACTS}?", signed_url=CONTACTS), _NONE),
    ("query-unsigned", "the query is signed", RequestSpec(uri=f"{CONTACTS}?offset=1", signed_url=CONTACTS), DENIED),
    (
        "decoded",
        "the path is not decoded",
        RequestSpec(uri="/v1/lists%2Ejson?id=$gone", signed_url="/v1/lists.json?id=$gone"),
        DENIED,
    ),
    ("escaped", "the path is signed as it is sent", RequestSpec(uri="/v1/lists%2Ejson?id=$gone"), NO_LIST),
    ("host", "scheme and host are not signed", RequestSpec(signed_url=f"http://127.0.0.1{LISTS}"), DENIED),
    ("capitals", "the whole string to sign is lower case", RequestSpec(lowered="none"), DENIED),
    ("method", "the method is signed", remove(f"{LISTS}/$gone", signed_method="GET"), DENIED),
    ("method-post", "the method is signed", post(f"{LISTS}?id=$gone&name=x", signed_method="GET"), DENIED),
    ("other-path", "the path is signed", RequestSpec(signed_url="/v1/lists./List+3"), DENIED),
]

_TEXT = "A/Ä€😀"
_ESCAPED = r"A\/\u00c4\u20ac\ud83d\ude00"
_UNSORTED = '{"name": "A/Ä", "email_address": "a@x.org"}'


def _posted(
    signed: str, *, lowered: str = "ascii", posted: str | None = None, content_type: str = "application/json"
) -> RequestSpec:
    sent = posted or f'{{"email_address":"a@x.org","name":"{_TEXT}"}}'
    return post(CONTACTS, sent, signed_json=signed, lowered=lowered, content_type=content_type)


_MULTIPART = '--b\r\nContent-Disposition: form-data; name="email_address"\r\n\r\na@x.org\r\n--b--'
_SLASHES = {"escaped-slash": r"\/", "plain-slash": "/"}
_LETTERS = {"escaped-letters": r"\u00c4\u20ac\ud83d\ude00", "utf-8": "Ä€😀"}
_POSTED = [
    *(
        (
            f"{slash}-{letters}-{lowered}",
            "posted JSON is accepted with slashes and letters escaped or not, lower-cased in ASCII only or in full",
            _posted(f'{{"email_address":"a@x.org","name":"A{_SLASHES[slash]}{_LETTERS[letters]}"}}', lowered=lowered),
            MADE,
        )
        for slash in _SLASHES
        for letters in _LETTERS
        for lowered in ("ascii", "all")
    ),
    (
        "sorted",
        "posted JSON is signed with its keys sorted",
        _posted('{"email_address":"a@x.org","name":"A/Ä"}', posted=_UNSORTED),
        MADE,
    ),
    ("unsorted", "unsorted keys are rejected", _posted(_UNSORTED, posted=_UNSORTED), DENIED),
    (
        "as-sent",
        "the body may be signed as it is sent, if its keys are sorted",
        _posted('{ "email_address" : "a@x.org" }', posted='{ "email_address" : "a@x.org" }'),
        MADE,
    ),
    (
        "form",
        "a form is signed as a JSON object of strings",
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
        "a body that begins with a brace is JSON, whatever its content type",
        _posted('{"email_address":"a@x.org"}', posted='{"email_address":"a@x.org"}', content_type=FORM),
        MADE,
    ),
    (
        "other",
        "the posted data is signed",
        _posted('{"email_address":"b@x.org"}', posted='{"email_address":"a@x.org"}'),
        DENIED,
    ),
    (
        "no-data",
        "the posted data is signed",
        _posted('{"posted_data":"[]"}', posted='{"email_address":"a@x.org"}'),
        DENIED,
    ),
]
# A final sigma has a small letter of its own, and a dotted capital I has two characters for one, or one.
_LETTER_BY_LETTER = [
    (
        f"{id_}-{lowered.replace(' ', '-')}",
        "letters are lower-cased in their context, each by itself, or each to one letter",
        post(CONTACTS, f'{{"email_address":"a@x.org","name":"{name}"}}', lowered=lowered),
        MADE,
    )
    for id_, name in {
        "sigma": "\u0393\u0395\u03a9\u03a1\u0393\u0399\u039f\u03a3",
        "dotted-i": "\u0130ZM\u0130R",
    }.items()
    for lowered in ("ascii", "all", "each", "each to one")
]
_MARKED = [
    (
        "byte-order-mark",
        "a byte order mark before what is posted is ignored",
        _posted('{"email_address":"a@x.org"}', posted='\ufeff{"email_address":"a@x.org"}'),
        MADE,
    ),
    (
        "byte-order-mark-form",
        "a byte order mark before what is posted is ignored",
        _posted('{"email_address":"a@x.org"}', posted="\ufeffemail_address=a%40x.org", content_type=FORM),
        MADE,
    ),
    *(
        (
            f"multipart-{id_}",
            "a multipart form is signed as a JSON object of strings",
            _posted('{"email_address":"a@x.org"}', posted=body, content_type="multipart/form-data; boundary=b"),
            MADE,
        )
        for id_, body in {"plain": _MULTIPART, "lines-around": f"\r\n{_MULTIPART}\r\n\r\n"}.items()
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
        "an empty body, [], {} and both spellings of no data may be signed as either spelling",
        RequestSpec(posted=posted, signed_json=f'{{"posted_data":"{signed}"}}', uri=f"{LISTS}?id=$gone"),
        NO_LIST,
    )
    for id_, posted in _SPELLINGS.items()
    for signed in ("[]", "null")
] + [
    (
        "own-text",
        "a body without data may also be signed as it is sent",
        RequestSpec(posted="[]", signed_json="[]", uri=f"{LISTS}?id=$gone"),
        NO_LIST,
    ),
    ("not-empty", "no other text means no data", RequestSpec(signed_json="null"), DENIED),
    (
        "delete",
        "a contact's DELETE may sign either spelling of no data",
        remove(CONTACT.replace("contact/1", "contacts/1"), signed_json='{"posted_data":"null"}'),
        message_body(404, "Contact not found"),
    ),
]
_GONE = RequestSpec(uri=f"{LISTS}?id=$gone")

CASES = [
    *cases(
        "rcws.header",
        _SEE,
        [(id_, sentence, [(replace(spec, uri=_GONE.uri), NO_LIST)]) for id_, sentence, spec in _AUTHORIZATION],
    ),
    *cases("rcws.refused", _SEE, [(id_, sentence, [(spec, DENIED)]) for id_, sentence, spec in _REFUSED]),
    *cases(
        "rcws.encoding",
        page("authentication#rcws-signature"),
        [
            (
                encoding,
                "the hash is accepted as hexadecimal text in either case, and as base64 of its bytes",
                [(replace(_GONE, encoding=encoding), NO_LIST)],
            )
            for encoding in ("hex", "HEX", "raw")
        ],
    ),
    *cases("rcws.string", _STRING, [(id_, sentence, [(spec, due)]) for id_, sentence, spec, due in _STRINGS]),
    *cases(
        "rcws.posted",
        _VARIANTS,
        [(id_, sentence, [(spec, due)]) for id_, sentence, spec, due in [*_POSTED, *_LETTER_BY_LETTER, *_MARKED]],
    ),
    *cases("rcws.no-data", _VARIANTS, [(id_, sentence, [(spec, due)]) for id_, sentence, spec, due in _NO_DATA]),
    *cases(
        "rcws.use",
        page("errors#lists-use"),
        [
            (id_, "an application without permission for the service gets a 403", [(spec, USE_NOT_AUTHORIZED)])
            for id_, spec in {
                "lists": RequestSpec(key="refused"),
                "contacts": RequestSpec(uri=CONTACT, key="refused"),
            }.items()
        ],
    ),
]
