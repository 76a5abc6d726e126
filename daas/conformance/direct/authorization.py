"""The Authorization header: its form, the keys, and how the hash is written."""

from dataclasses import replace

from ..case import DENIED, GOOD, MOVE, MOVED, USE, Ask, Case, denied, note, page, table

_OLD = "06/03/2013 12:13:56 EST"
_MD5_OF_ANOTHER = "CY9rzUYh03PK3k6DJie09g=="
_SILENT = replace(DENIED, headers={"X-Daas-Error": None, "X-Daas-Clock-Skew": None})

_ENCODINGS = [
    ("hex", "the hash is read as base64 of its hexadecimal text", Ask(encoding="hex"), MOVED),
    ("raw", "the hash is read as base64 of its raw bytes", Ask(encoding="raw"), MOVED),
    *(
        (
            encoding.replace(",", "").replace(" ", "-"),
            "the signature's text is compared with the two texts, and never decoded",
            Ask(encoding=encoding),
            DENIED,
        )
        for encoding in [
            "hex, upper case",
            "hex, unpadded",
            "raw, unpadded",
            "hex, respelled",
            "raw, respelled",
            "hex alone",
            "twice",
            "cut",
        ]
    ),
]

_KEYS = [
    ("granted", "the hash is made with the private key's text", Ask(), MOVED),
    ("upper-private", "the private key's text is taken as it is", Ask(key="upper private"), DENIED),
    ("upper-public", "the public key is compared exactly", Ask(key="upper public"), DENIED),
    ("longer-public", "the public key is compared exactly", Ask(authorization="DAAS x$public_key:$signature"), DENIED),
    ("unknown", "an unknown public key is answered like a wrong signature", Ask(key="unknown"), DENIED),
    ("other", "the key counts that the header names", Ask(key="refused", md5="base64"), USE),
    (
        "swapped",
        "a signature holds under the private key of the public one alone",
        Ask(key="refused", md5="base64", authorization="DAAS $granted_public_key:$signature"),
        DENIED,
    ),
]

_MALFORMED = {
    "blank": "",
    "word-alone": "DAAS",
    "no-colon": "DAAS $public_key",
    "no-key": "DAAS :$signature",
    "no-signature": "DAAS $public_key:",
    "no-blank": "DAAS$public_key:$signature",
    "no-word": "$public_key:$signature",
    "other-word": "Basic $public_key:$signature",
    "other-scheme": "RCWS $public_key:$signature",
    "word-and-more": "DAASX $public_key:$signature",
    "blank-before-colon": "DAAS $public_key :$signature",
    "blank-after-colon": "DAAS $public_key: $signature",
    "two-colons": "DAAS $public_key::$signature",
    "more-behind": "DAAS $public_key:$signature more",
    "comma-behind": "DAAS $public_key:$signature,",
    "joined": "DAAS $public_key:$signature,DAAS $public_key:$signature",
    "joined-with-blank": "DAAS $public_key:$signature, DAAS $public_key:$signature",
    "quoted": 'DAAS "$public_key:$signature"',
    "byte": "DAAS $public_key:$signature\xe9",
    "utf-8": "DAAS $public_key\xc3\xa9:$signature",
    "long": "DAAS $public_key:" + "A" * 4000,
}

_FORMS = [
    *(
        (f"word-{word}", "the word DAAS counts in any case", Ask(authorization=f"{word} $public_key:$signature"), MOVED)
        for word in ("daas", "DaAs")
    ),
    ("blanks", "one or more blanks stand behind the word", Ask(authorization="DAAS    $public_key:$signature"), MOVED),
    (
        "blanks-around",
        "blanks around a header's value are not part of it",
        Ask(authorization="  DAAS $public_key:$signature \t"),
        MOVED,
    ),
    ("missing", "a request without Authorization is refused", Ask(authorization=None), DENIED),
    (
        "repeated",
        "a second Authorization header is refused",
        Ask(headers=[("Authorization", "$authorization")]),
        DENIED,
    ),
    *(
        (id_, "an Authorization header of another form is refused, and never a fault", Ask(authorization=text), DENIED)
        for id_, text in _MALFORMED.items()
    ),
]


_COVERED = [
    Case(
        "signature.shared",
        "two different moves in one second may share a signature: there is no cache of those that were seen",
        page("authentication#covers"),
        [(Ask(), MOVED), (Ask(), MOVED)],
    ),
    *table(
        "signature",
        page("authentication#covers"),
        [
            ("body-free", "without Content-MD5 the body is not covered", Ask(body=GOOD + "&more=1"), MOVED),
            ("body-covered", "with Content-MD5 it is", Ask(md5=_MD5_OF_ANOTHER), denied("content-md5-mismatch")),
        ],
    ),
]

_TOLD = [
    ("signature", "what is wrong is named behind a good signature alone", Ask(encoding="cut"), _SILENT),
    ("date", "what is wrong is named behind a good signature alone", Ask(encoding="cut", date=_OLD), _SILENT),
    ("unreadable-date", "what is wrong is named behind a good signature alone", Ask(encoding="cut", date="?"), _SILENT),
    (
        "content-md5",
        "what is wrong is named behind a good signature alone",
        Ask(encoding="cut", md5=_MD5_OF_ANOTHER),
        _SILENT,
    ),
    ("unknown-key", "an unknown public key is answered like a wrong signature", Ask(key="unknown"), _SILENT),
    (
        "explained",
        "who may see it is shown the string to sign",
        Ask(encoding="cut", target=MOVE + "?explained=1"),
        replace(DENIED, headers={"X-Daas-String-To-Sign": "$explained"}),
    ),
]

CASES = [
    *table("signature", page("authentication#signature"), _ENCODINGS),
    *_COVERED,
    *table("key", page("authentication#keys"), _KEYS),
    *table("authorization", note("0001-signatures"), _FORMS),
    *table("told", page("errors#authentication-failed"), _TOLD),
]
