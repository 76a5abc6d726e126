"""Cases about the body: it is complete or rejected, limited in size, not compressed; about malformed HTTP; and CORS."""

from dataclasses import replace

from ..case import (
    DENIED,
    INCOMPLETE,
    JSON,
    MOVE,
    MOVED,
    NOT_ALLOWED,
    TOO_LARGE,
    UNSUPPORTED,
    Case,
    Expected,
    RequestSpec,
    note,
    table,
)

_SEE = note("0003-requests-arrive-whole")

_WHOLE = [
    ("cut", "a body shorter than its Content-Length is rejected", RequestSpec(cut=1), INCOMPLETE),
    ("cut-half", "a body shorter than its Content-Length is rejected", RequestSpec(cut=12), INCOMPLETE),
    (
        "cut-id",
        "a body shorter than its Content-Length is rejected, even if it can be decoded",
        RequestSpec(body="mailbox=$mailbox&folder=$folder&id=${id}0", cut=1),
        INCOMPLETE,
    ),
    (
        "cut-md5",
        "an incomplete body is rejected before its MD5 is checked",
        RequestSpec(md5="base64", cut=1),
        INCOMPLETE,
    ),
    (
        "cut-json",
        "a body shorter than its Content-Length is rejected",
        RequestSpec(content_type=JSON, body='{"id":1}', cut=1),
        INCOMPLETE,
    ),
    (
        "cut-unsigned",
        "an incomplete body is rejected before the signature is checked",
        RequestSpec(encoding="cut", cut=1),
        INCOMPLETE,
    ),
    (
        "cut-nowhere",
        "an incomplete body is rejected before the path is checked",
        RequestSpec(uri="/direct/messages/copy", cut=1),
        INCOMPLETE,
    ),
    (
        "cut-method",
        "an incomplete body is rejected before the method is checked",
        RequestSpec(method="PUT", cut=1),
        INCOMPLETE,
    ),
    ("chunks", "a chunked body is accepted", RequestSpec(chunks=1000), MOVED),
    ("small-chunks", "chunks may have any size", RequestSpec(chunks=1), MOVED),
    (
        "unfinished-chunks",
        "a chunked body without its last chunk is rejected",
        RequestSpec(chunks=9, cut=5),
        INCOMPLETE,
    ),
    ("no-last-line", "a chunked body without its last chunk is rejected", RequestSpec(chunks=9, cut=2), INCOMPLETE),
    ("cut-chunk", "an incomplete chunk is rejected", RequestSpec(chunks=9, cut=8), INCOMPLETE),
    *(
        (
            f"broken-chunks-{id_}",
            "malformed chunks are rejected",
            RequestSpec(headers=[("Transfer-Encoding", "chunked")], framed=text),
            INCOMPLETE,
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
            RequestSpec(headers=[("Content-Encoding", coding)]),
            replace(UNSUPPORTED, headers={"X-Daas-Error": "coding-unsupported"}),
        )
        for coding in ("gzip", "br", "x-unknown")
    ),
    (
        "content-unsigned",
        "authentication comes before the content coding",
        RequestSpec(encoding="cut", headers=[("Content-Encoding", "gzip")]),
        DENIED,
    ),
    (
        "transfer",
        "transfer codings other than chunked are not supported",
        RequestSpec(headers=[("Transfer-Encoding", "gzip, chunked")], framed="<size>\r\n<body>\r\n0\r\n\r\n"),
        replace(UNSUPPORTED, status=(415, 501), body=None, headers={}),
    ),
]

_MALFORMED = [
    (
        id_,
        "malformed HTTP gets an error in JSON",
        RequestSpec(replacements=[spoiled]),
        replace(INCOMPLETE, headers={"Content-Type": "application/json"}),
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

_OPTIONS = RequestSpec(method="OPTIONS", authorization=None, date=None, content_type=None, body=None)
_PREFLIGHT = ("Access-Control-Request-Method", "POST")
_NOT_SHARED = replace(
    NOT_ALLOWED,
    headers={"Allow": "POST", "Access-Control-Allow-Origin": None, "Access-Control-Allow-Methods": None},
)
_SHOWN = (
    "X-Request-Id, X-Daas-Error, X-Daas-Clock-Skew, X-Daas-String-To-Sign, Retry-After, Idempotent-Replayed, "
    "Content-Disposition"
)
_SHARED = {
    "Access-Control-Allow-Origin": "$origin",
    "Access-Control-Expose-Headers": _SHOWN,
    "Access-Control-Allow-Credentials": None,
    "Vary": "Origin",
}

_ORIGINS = [
    ("options", "OPTIONS without a preflight's headers is not allowed", _OPTIONS, _NOT_SHARED),
    (
        "other",
        "a preflight from an origin that is not listed is not allowed",
        replace(_OPTIONS, headers=[("Origin", "https://not-listed.invalid"), _PREFLIGHT]),
        _NOT_SHARED,
    ),
    (
        "other-served",
        "an origin that is not listed may not read the response",
        RequestSpec(headers=[("Origin", "https://not-listed.invalid")]),
        replace(MOVED, headers={"Access-Control-Allow-Origin": None}),
    ),
    (
        "preflight",
        "a preflight from a listed origin needs no authentication",
        replace(_OPTIONS, headers=[("Origin", "$origin"), _PREFLIGHT]),
        Expected(
            status=204,
            body="",
            headers={
                **_SHARED,
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": (
                    "Authorization, Content-Type, Content-MD5, X-Daas-Date, Idempotency-Key"
                ),
                "Access-Control-Max-Age": "600",
            },
        ),
    ),
    (
        "no-preflight",
        "OPTIONS from a listed origin without a preflight's headers is not allowed",
        replace(_OPTIONS, headers=[("Origin", "$origin")]),
        replace(NOT_ALLOWED, headers={**_SHARED, "Allow": "POST"}),
    ),
    (
        "readable",
        "a listed origin may read the response",
        RequestSpec(headers=[("Origin", "$origin")]),
        replace(MOVED, headers=_SHARED),
    ),
    (
        "readable-refusal",
        "a listed origin may read an error too",
        RequestSpec(encoding="cut", headers=[("Origin", "$origin")]),
        replace(DENIED, headers=_SHARED),
    ),
]


def limits(max_bytes: int) -> list[Case]:
    """Return the cases about the maximum size of a body; `max_bytes` is a setting of the server."""
    rows = [
        ("largest", "a body of the maximum size is accepted", RequestSpec(size=max_bytes), MOVED),
        (
            "largest-chunks",
            "a chunked body of the maximum size is accepted",
            RequestSpec(size=max_bytes, chunks=8191),
            MOVED,
        ),
        ("larger", "a body of one byte more is rejected", RequestSpec(size=max_bytes + 1), TOO_LARGE),
        (
            "larger-chunks",
            "a chunked body of one byte more is rejected",
            RequestSpec(size=max_bytes + 1, chunks=8191),
            TOO_LARGE,
        ),
        (
            "three-times",
            "a client that sends three times the maximum receives the response",
            RequestSpec(size=3 * max_bytes),
            TOO_LARGE,
        ),
        (
            "unsigned",
            "the size is checked before the signature",
            RequestSpec(size=max_bytes + 1, encoding="cut"),
            TOO_LARGE,
        ),
        (
            "cut",
            "an incomplete body is rejected as incomplete, even if it is too large",
            RequestSpec(size=max_bytes + 2, cut=1),
            INCOMPLETE,
        ),
    ]
    return table("size", _SEE, rows)


CASES = [
    *table("whole", _SEE, _WHOLE),
    *table("coding", _SEE, _CODINGS),
    *table("http", _SEE, _MALFORMED),
    *table("origin", note("0009-other-origins"), _ORIGINS),
]
