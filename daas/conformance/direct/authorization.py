"""Cases about the Authorization header: its form, the keys, and the encoding of the hash."""

from dataclasses import replace

from ..case import DENIED, GOOD, MOVE, MOVED, USE_NOT_AUTHORIZED, Case, RequestSpec, denied, note, page, table

_OLD = "06/03/2013 12:13:56 EST"
_MD5_OF_ANOTHER = "CY9rzUYh03PK3k6DJie09g=="
_SILENT = replace(DENIED, headers={"X-Daas-Error": None, "X-Daas-Clock-Skew": None})

_ENCODINGS = [
    ("hex", "base64 of the hash's hexadecimal text is accepted", RequestSpec(encoding="hex"), MOVED),
    ("raw", "base64 of the hash's raw bytes is accepted", RequestSpec(encoding="raw"), MOVED),
    *(
        (
            encoding.replace(",", "").replace(" ", "-"),
            "the signature is compared as text with the two accepted encodings, never decoded",
            RequestSpec(encoding=encoding),
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
    ("granted", "the private key's text is the key of the hash", RequestSpec(), MOVED),
    ("upper-private", "the private key's text is used unchanged", RequestSpec(key="upper private"), DENIED),
    ("upper-public", "the public key is compared exactly", RequestSpec(key="upper public"), DENIED),
    (
        "longer-public",
        "the public key is compared exactly",
        RequestSpec(authorization="DAAS x$public_key:$signature"),
        DENIED,
    ),
    (
        "unknown",
        "an unknown public key gets the same response as a wrong signature",
        RequestSpec(key="unknown"),
        DENIED,
    ),
    (
        "other",
        "the application is the one whose public key is in the header",
        RequestSpec(key="refused", md5="base64"),
        USE_NOT_AUTHORIZED,
    ),
    (
        "swapped",
        "a signature must be made with the private key that belongs to the public key",
        RequestSpec(key="refused", md5="base64", authorization="DAAS $granted_public_key:$signature"),
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
        (
            f"word-{word}",
            "the word DAAS is accepted in any case",
            RequestSpec(authorization=f"{word} $public_key:$signature"),
            MOVED,
        )
        for word in ("daas", "DaAs")
    ),
    (
        "blanks",
        "one or more spaces follow the word",
        RequestSpec(authorization="DAAS    $public_key:$signature"),
        MOVED,
    ),
    *(
        (
            id_,
            "one or more spaces or tabs follow the word",
            RequestSpec(authorization=f"DAAS{text}$public_key:$signature"),
            MOVED,
        )
        for id_, text in {"tab": "\t", "tabs-and-spaces": " \t \t"}.items()
    ),
    (
        "blanks-around",
        "spaces around a header's value are not part of it",
        RequestSpec(authorization="  DAAS $public_key:$signature \t"),
        MOVED,
    ),
    ("missing", "a request without Authorization is rejected", RequestSpec(authorization=None), DENIED),
    (
        "repeated",
        "a second Authorization header is rejected",
        RequestSpec(headers=[("Authorization", "$authorization")]),
        DENIED,
    ),
    *(
        (
            id_,
            "a malformed Authorization header is a 401, never a 500",
            RequestSpec(authorization=text),
            DENIED,
        )
        for id_, text in _MALFORMED.items()
    ),
]


_COVERED = [
    Case(
        "signature.shared",
        "two different moves in one second may share a signature: signatures are not remembered",
        page("authentication#covers"),
        [(RequestSpec(), MOVED), (RequestSpec(), MOVED)],
    ),
    *table(
        "signature",
        page("authentication#covers"),
        [
            (
                "body-free",
                "without Content-MD5 the signature does not cover the body",
                RequestSpec(body=GOOD + "&more=1"),
                MOVED,
            ),
            (
                "body-covered",
                "with Content-MD5 the signature covers the body",
                RequestSpec(md5=_MD5_OF_ANOTHER),
                denied("content-md5-mismatch"),
            ),
        ],
    ),
]

_TOLD = [
    ("signature", "X-Daas-Error explains a 401 only if the signature is valid", RequestSpec(encoding="cut"), _SILENT),
    (
        "date",
        "X-Daas-Error explains a 401 only if the signature is valid",
        RequestSpec(encoding="cut", date=_OLD),
        _SILENT,
    ),
    (
        "unreadable-date",
        "X-Daas-Error explains a 401 only if the signature is valid",
        RequestSpec(encoding="cut", date="?"),
        _SILENT,
    ),
    (
        "content-md5",
        "X-Daas-Error explains a 401 only if the signature is valid",
        RequestSpec(encoding="cut", md5=_MD5_OF_ANOTHER),
        _SILENT,
    ),
    (
        "unknown-key",
        "an unknown public key gets the same response as a wrong signature",
        RequestSpec(key="unknown"),
        _SILENT,
    ),
    (
        "explained",
        "an application whose 401s are explained sees the string to sign",
        RequestSpec(encoding="cut", uri=MOVE + "?explained=1"),
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
