"""The body on its way: whole or refused, bounded, uncoded; and what is no well-formed HTTP."""

from dataclasses import replace

from ..case import (
    DENIED,
    JSON,
    MOVE,
    MOVED,
    NOT_ALLOWED,
    NOT_WHOLE,
    TOO_LARGE,
    UNSUPPORTED,
    Ask,
    Case,
    Expected,
    note,
    table,
)

_SEE = note("0003-requests-arrive-whole")

_WHOLE = [
    ("cut", "a body that is shorter than announced is refused", Ask(cut=1), NOT_WHOLE),
    ("cut-half", "a body that is shorter than announced is refused", Ask(cut=12), NOT_WHOLE),
    (
        "cut-id",
        "a body that is shorter than announced is refused, whatever it says by then",
        Ask(body="mailbox=$mailbox&folder=$folder&id=${id}0", cut=1),
        NOT_WHOLE,
    ),
    (
        "cut-md5",
        "a body that is shorter than announced is refused before its MD5 is",
        Ask(md5="base64", cut=1),
        NOT_WHOLE,
    ),
    (
        "cut-json",
        "a body that is shorter than announced is refused",
        Ask(content_type=JSON, body='{"id":1}', cut=1),
        NOT_WHOLE,
    ),
    ("cut-unsigned", "a body is looked at before the signature", Ask(encoding="cut", cut=1), NOT_WHOLE),
    ("cut-nowhere", "a body is looked at before the path", Ask(target="/direct/messages/copy", cut=1), NOT_WHOLE),
    ("cut-method", "a body is looked at before the method", Ask(method="PUT", cut=1), NOT_WHOLE),
    ("chunks", "a body may come in chunks", Ask(chunks=1000), MOVED),
    ("small-chunks", "a body may come in chunks of any size", Ask(chunks=1), MOVED),
    ("unfinished-chunks", "chunks that are not finished are refused", Ask(chunks=9, cut=5), NOT_WHOLE),
    ("no-last-line", "chunks that are not finished are refused", Ask(chunks=9, cut=2), NOT_WHOLE),
    ("cut-chunk", "a chunk that is cut short is refused", Ask(chunks=9, cut=8), NOT_WHOLE),
    *(
        (
            f"broken-chunks-{id_}",
            "broken chunks are refused",
            Ask(headers=[("Transfer-Encoding", "chunked")], framed=text),
            NOT_WHOLE,
        )
        for id_, text in {
            "no-size": "\r\n<body>\r\n0\r\n\r\n",
            "letters": "zz\r\n<body>\r\n0\r\n\r\n",
            "sign": "-<size>\r\n<body>\r\n0\r\n\r\n",
            "prefix": "0x<size>\r\n<body>\r\n0\r\n\r\n",
            "too-long": "<size>\r\n<body>x\r\n0\r\n\r\n",
        }.items()
    ),
]

_CODINGS = [
    *(
        (
            f"content-{coding}",
            "a content coding is not supported",
            Ask(headers=[("Content-Encoding", coding)]),
            UNSUPPORTED,
        )
        for coding in ("gzip", "br", "x-unknown")
    ),
    (
        "content-unsigned",
        "only who is authenticated is told that a coding is not supported",
        Ask(encoding="cut", headers=[("Content-Encoding", "gzip")]),
        DENIED,
    ),
    (
        "transfer",
        "a transfer coding but chunked is not supported",
        Ask(headers=[("Transfer-Encoding", "gzip, chunked")], framed="<size>\r\n<body>\r\n0\r\n\r\n"),
        replace(UNSUPPORTED, status=(415, 501), body=None),
    ),
]

_MALFORMED = [
    (
        id_,
        "what is no well-formed HTTP is refused, in JSON",
        Ask(spoil=[spoiled]),
        replace(NOT_WHOLE, headers={"Content-Type": "application/json"}),
    )
    for id_, spoiled in {
        "no-colon": ("Date: ", "Date "),
        "blank-before-colon": ("Date:", "Date :"),
        "blank-in-name": ("Date:", "Da te:"),
        "no-name": ("Date:", ":"),
        "nul": ("Date: ", "Date: \0"),
        "two-lengths": ("Content-Length: ", "Content-Length: 1\r\nContent-Length: "),
        "length-of-letters": ("Content-Length: ", "Content-Length: x"),
        "negative-length": ("Content-Length: ", "Content-Length: -"),
        "signed-length": ("Content-Length: ", "Content-Length: +"),
        "no-version": (" HTTP/1.1\r\n", "\r\n"),
        "blank-in-target": (f"{MOVE} ", f"{MOVE} x "),
    }.items()
]

_OPTIONS = Ask(method="OPTIONS", authorization=None, date=None, content_type=None, body=None)
_PREFLIGHT = ("Access-Control-Request-Method", "POST")
_NOT_SHARED = replace(
    NOT_ALLOWED,
    headers={"Allow": "POST", "Access-Control-Allow-Origin": None, "Access-Control-Allow-Methods": None},
)
_SHOWN = "X-Request-Id, X-Daas-Error, X-Daas-Clock-Skew, X-Daas-String-To-Sign, Retry-After"
_SHARED = {
    "Access-Control-Allow-Origin": "$origin",
    "Access-Control-Expose-Headers": _SHOWN,
    "Access-Control-Allow-Credentials": None,
    "Vary": "Origin",
}

_ORIGINS = [
    ("options", "OPTIONS that is no preflight is not allowed", _OPTIONS, _NOT_SHARED),
    (
        "other",
        "a preflight of an origin that is not listed is not allowed",
        replace(_OPTIONS, headers=[("Origin", "https://not-listed.invalid"), _PREFLIGHT]),
        _NOT_SHARED,
    ),
    (
        "other-served",
        "an origin that is not listed may not read the answer",
        Ask(headers=[("Origin", "https://not-listed.invalid")]),
        replace(MOVED, headers={"Access-Control-Allow-Origin": None}),
    ),
    (
        "preflight",
        "a preflight of a listed origin is answered without authentication",
        replace(_OPTIONS, headers=[("Origin", "$origin"), _PREFLIGHT]),
        Expected(
            status=204,
            body="",
            headers={
                **_SHARED,
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-MD5, X-Daas-Date",
                "Access-Control-Max-Age": "600",
            },
        ),
    ),
    (
        "no-preflight",
        "OPTIONS of a listed origin that is no preflight is not allowed",
        replace(_OPTIONS, headers=[("Origin", "$origin")]),
        replace(NOT_ALLOWED, headers={**_SHARED, "Allow": "POST"}),
    ),
    (
        "readable",
        "a listed origin may read the answer",
        Ask(headers=[("Origin", "$origin")]),
        replace(MOVED, headers=_SHARED),
    ),
    (
        "readable-refusal",
        "a listed origin may read a refusal too",
        Ask(encoding="cut", headers=[("Origin", "$origin")]),
        replace(DENIED, headers=_SHARED),
    ),
]


def limits(most: int) -> list[Case]:
    """Make the cases of the largest body, which a setting of the server changes."""
    rows = [
        ("largest", "a body of the largest size is read", Ask(size=most), MOVED),
        ("largest-chunks", "a body of the largest size is read, in chunks too", Ask(size=most, chunks=8191), MOVED),
        ("larger", "a body of one byte more is too large", Ask(size=most + 1), TOO_LARGE),
        (
            "larger-chunks",
            "a body of one byte more is too large, in chunks too",
            Ask(size=most + 1, chunks=8191),
            TOO_LARGE,
        ),
        ("three-times", "who sends much too much sees the answer", Ask(size=3 * most), TOO_LARGE),
        ("unsigned", "the size is looked at before the signature", Ask(size=most + 1, encoding="cut"), TOO_LARGE),
        ("cut", "a large body that is cut short is not whole", Ask(size=most + 2, cut=1), NOT_WHOLE),
    ]
    return table("size", _SEE, rows)


CASES = [
    *table("whole", _SEE, _WHOLE),
    *table("coding", _SEE, _CODINGS),
    *table("http", _SEE, _MALFORMED),
    *table("origin", note("0009-other-origins"), _ORIGINS),
]
