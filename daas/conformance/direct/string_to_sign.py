"""Cases about the string to sign, line by line; and the paths of the service."""

from dataclasses import replace

from ..case import (
    DENIED,
    FORM,
    INCOMPLETE,
    JSON,
    MOVE,
    MOVED,
    NOT_FOUND,
    Expected,
    RequestSpec,
    denied,
    note,
    page,
    table,
)
from .multipart import GOOD_PARTS

_LINES = [
    ("md5-left-out", "without Content-MD5 its line is omitted", RequestSpec(), MOVED),
    ("md5-blank", "without Content-MD5 its line is omitted, not empty", RequestSpec(signed={"md5": ""}), DENIED),
    ("md5", "a Content-MD5 that is sent has a line", RequestSpec(md5="base64"), MOVED),
    (
        "md5-unsigned",
        "a Content-MD5 that is sent must be signed",
        RequestSpec(md5="base64", signed={"md5": None}),
        DENIED,
    ),
    (
        "md5-unsent",
        "a Content-MD5 that is not sent has no line",
        RequestSpec(signed={"md5": "CY9rzUYh03PK3k6DJie09g=="}),
        DENIED,
    ),
    (
        "md5-as-sent",
        "the Content-MD5 is signed as it is sent",
        RequestSpec(md5="hex", signed={"md5": "CY9rzUYh03PK3k6DJie09g=="}),
        DENIED,
    ),
    ("method", "the method is signed", RequestSpec(signed={"method": "GET"}), DENIED),
    ("method-case", "the method is signed in upper case", RequestSpec(signed={"method": "post"}), DENIED),
    ("date", "the date is signed as it is sent", RequestSpec(signed={"date": "06/03/2013 12:13:56 EST"}), DENIED),
    ("no-date", "the date has a line", RequestSpec(signed={"date": None}), DENIED),
    ("type", "the content type is signed", RequestSpec(signed={"content_type": JSON}), DENIED),
    ("no-type", "the content type has a line", RequestSpec(signed={"content_type": None}), DENIED),
    (
        "type-case",
        "the content type is signed as it is sent",
        RequestSpec(signed={"content_type": FORM.upper()}),
        DENIED,
    ),
    (
        "type-upper",
        "the content type is signed as it is sent",
        RequestSpec(content_type="Application/X-WWW-Form-URLEncoded"),
        MOVED,
    ),
    ("no-uri", "the URI has a line", RequestSpec(signed={"uri": None}), DENIED),
    ("newline-at-end", "there is no newline at the end", RequestSpec(end="\n"), DENIED),
    ("carriage-returns", "the lines are joined by one newline", RequestSpec(joint="\r\n"), DENIED),
    ("blanks", "the lines are joined by one newline", RequestSpec(joint=" "), DENIED),
    ("unjoined", "the lines are joined by one newline", RequestSpec(joint=""), DENIED),
    (
        "order",
        "the lines have a fixed order",
        RequestSpec(md5="base64", lines=("method", "md5", "content_type", "date", "uri")),
        DENIED,
    ),
    (
        "example",
        "the public document's example has a valid signature: only its date is rejected",
        RequestSpec(date="06/03/2013 12:13:56 EST", md5="iB94gawbwUSiZy5FuruIOQ=="),
        denied("date-outside-window", moment=1_370_279_636),
    ),
]

_FOLDERS = "/direct/folders?mailbox=$mailbox"
_LISTED = Expected(status=200, body=None)
_GET = RequestSpec(method="GET", uri=_FOLDERS, content_type=None, body=None)

_WITHOUT_BODY = [
    ("left-out", "a GET without a content type omits its line", _GET, _LISTED),
    (
        "blank",
        "a GET without a content type omits its line; it is not empty",
        replace(_GET, signed={"content_type": ""}),
        DENIED,
    ),
    ("sent", "a content type that a GET sends is signed", replace(_GET, content_type=FORM), _LISTED),
    (
        "unsigned",
        "a content type that a GET sends is signed",
        replace(_GET, content_type=FORM, signed={"content_type": None}),
        DENIED,
    ),
    ("post", "a POST must have a content type", RequestSpec(content_type=None), DENIED),
]

_OTHER_TYPE = "multipart/form-data; charset=utf-8"
# The content type that is sent, and the one that is signed: written by hand, not computed with the code under test.
_BOUNDARIES = {
    "last": (f"{_OTHER_TYPE}; boundary=bound", _OTHER_TYPE),
    "first": ("multipart/form-data; boundary=bound; charset=utf-8", _OTHER_TYPE),
    "between": ("multipart/form-data; a=1; boundary=bound; b=2", "multipart/form-data; a=1; b=2"),
    "quoted": (f'{_OTHER_TYPE}; boundary="bound"', _OTHER_TYPE),
    "upper-case": (f"{_OTHER_TYPE}; BOUNDARY=bound", _OTHER_TYPE),
    "mixed-case": (f"{_OTHER_TYPE};Boundary=bound", _OTHER_TYPE),
    "blanks-around": (f"{_OTHER_TYPE}  ;  boundary=bound", _OTHER_TYPE),
    "no-blanks": ("multipart/form-data;charset=utf-8;boundary=bound", "multipart/form-data;charset=utf-8"),
    "alone": ("multipart/form-data; boundary=bound", "multipart/form-data"),
}

_TYPES = [
    *(
        (
            f"boundary-{id_}",
            "the content type is signed without its boundary, the semicolon before it and the spaces around that",
            RequestSpec(content_type=sent, body=GOOD_PARTS, signed={"content_type": signed}),
            MOVED,
        )
        for id_, (sent, signed) in _BOUNDARIES.items()
    ),
    *(
        (
            f"boundary-kept-{id_}",
            "the boundary is not signed",
            RequestSpec(content_type=sent, body=GOOD_PARTS, signed={"content_type": sent}),
            DENIED,
        )
        for id_, sent in [("last", f"{_OTHER_TYPE}; boundary=bound"), ("alone", "multipart/form-data; boundary=bound")]
    ),
    (
        "boundary-semicolon-kept",
        "the semicolon before the boundary is omitted too",
        RequestSpec(
            content_type=f"{_OTHER_TYPE}; boundary=bound", body=GOOD_PARTS, signed={"content_type": f"{_OTHER_TYPE};"}
        ),
        DENIED,
    ),
    (
        "other-parameter",
        "only the boundary is omitted",
        RequestSpec(content_type=f"{FORM}; charset=UTF-8", signed={"content_type": f"{FORM}; charset=UTF-8"}),
        MOVED,
    ),
    (
        "parameter-like-boundary",
        "only the boundary is omitted",
        RequestSpec(content_type=f"{FORM}; xboundary=bound; y=1", signed={"content_type": f"{FORM}; y=1"}),
        DENIED,
    ),
    (
        "boundary-in-quotes",
        "only the boundary is omitted",
        RequestSpec(
            content_type=f'{FORM}; x="; boundary=b"; y=1', signed={"content_type": f'{FORM}; x="; boundary=b"; y=1'}
        ),
        MOVED,
    ),
    (
        "bare",
        "the media type may be signed without parameters, since browsers append a charset",
        RequestSpec(content_type=f"{FORM};charset=UTF-8", signed={"content_type": FORM}),
        MOVED,
    ),
    (
        "bare-blank",
        "the media type is signed without spaces around it",
        RequestSpec(content_type=f"{FORM} ; charset=UTF-8", signed={"content_type": FORM}),
        MOVED,
    ),
    (
        "half-bare",
        "either all parameters are signed, or none",
        RequestSpec(content_type=f"{FORM}; charset=UTF-8; x=1", signed={"content_type": f"{FORM}; charset=UTF-8"}),
        DENIED,
    ),
    (
        "more-than-sent",
        "a parameter that is not sent may not be signed",
        RequestSpec(signed={"content_type": f"{FORM}; charset=UTF-8"}),
        DENIED,
    ),
]

_ESCAPED = "/direct/messages/m%6Fve"

_URIS = [
    ("path", "the URI is signed as it is sent", RequestSpec(uri="/direct/messages/move"), MOVED),
    ("other-path", "the path is signed", RequestSpec(signed={"uri": "/direct/messages/move"}), DENIED),
    ("slash", "the URI is signed as it is sent", RequestSpec(uri=f"{MOVE}/"), MOVED),
    ("slash-unsigned", "the URI is signed as it is sent", RequestSpec(uri=f"{MOVE}/", signed={"uri": MOVE}), DENIED),
    ("query", "the query is signed", RequestSpec(uri=f"{MOVE}?a=b&c=d"), MOVED),
    ("query-unsigned", "the query is signed", RequestSpec(uri=f"{MOVE}?a=b", signed={"uri": MOVE}), DENIED),
    ("query-other", "the query is signed", RequestSpec(uri=f"{MOVE}?a=b", signed={"uri": f"{MOVE}?a=c"}), DENIED),
    (
        "query-order",
        "the query is signed as it is sent",
        RequestSpec(uri=f"{MOVE}?b=1&a=2", signed={"uri": f"{MOVE}?a=2&b=1"}),
        DENIED,
    ),
    ("query-escaped", "the query is never decoded", RequestSpec(uri=f"{MOVE}?a=b%20c%2B&d=%C3%A9"), MOVED),
    (
        "query-decoded",
        "the query is never decoded",
        RequestSpec(uri=f"{MOVE}?a=b%20c", signed={"uri": f"{MOVE}?a=b c"}),
        DENIED,
    ),
    (
        "query-plus",
        "the query is never decoded",
        RequestSpec(uri=f"{MOVE}?a=b%20c", signed={"uri": f"{MOVE}?a=b+c"}),
        DENIED,
    ),
    ("query-empty", "a question mark without a query is signed", RequestSpec(uri=f"{MOVE}?"), MOVED),
    (
        "query-empty-unsigned",
        "a question mark without a query is signed",
        RequestSpec(uri=f"{MOVE}?", signed={"uri": MOVE}),
        DENIED,
    ),
    ("query-mark", "everything after the first question mark is signed", RequestSpec(uri=f"{MOVE}?a?b=/?&&=c"), MOVED),
    ("escaped", "the path is never decoded", RequestSpec(uri=_ESCAPED), MOVED),
    (
        "decoded",
        "the path is never decoded",
        RequestSpec(uri=_ESCAPED, signed={"uri": "/direct/messages/move"}),
        DENIED,
    ),
    (
        "escape-case",
        "an escape is signed as it is sent",
        RequestSpec(uri=_ESCAPED, signed={"uri": "/direct/messages/m%6fve"}),
        DENIED,
    ),
    (
        "absolute",
        "an absolute URI is signed from the slash after its authority",
        RequestSpec(uri=f"http://direct.example.org:81{MOVE}?a=b", signed={"uri": f"{MOVE}?a=b"}),
        MOVED,
    ),
    ("absolute-signed", "scheme and host are not signed", RequestSpec(uri=f"http://direct.example.org{MOVE}"), DENIED),
    ("fragment", "a URI with # is a bad request", RequestSpec(uri=f"{MOVE}#x"), INCOMPLETE),
    (
        "fragment-empty",
        "a URI with # is a bad request",
        RequestSpec(uri=f"{MOVE}?a=b#", signed={"uri": f"{MOVE}?a=b"}),
        INCOMPLETE,
    ),
]

_NEAR = {
    "other-format": "/direct/messages/move/format/xml",
    "format-alone": "/direct/messages/move/format",
    "two-slashes-behind": f"{MOVE}//",
    "two-slashes": "/direct//messages/move",
    "dot": "/direct/./messages/move",
    "two-dots": "/direct/messages/../messages/move",
    "escaped-slash": "/direct%2Fmessages/move",
    "more": f"{MOVE}/x",
    "letter-case": "/direct/messages/MOVE",
    "other-call": "/direct/messages/copy",
    "prefix-alone": "/direct",
    "parameter": "/direct/messages/move;x=y",
}

_PATHS = [
    *(
        (
            f"answers-{id_}",
            "the service has two paths, each with or without a trailing slash",
            RequestSpec(uri=path),
            MOVED,
        )
        for id_, path in [
            ("long", MOVE),
            ("long-slash", f"{MOVE}/"),
            ("short", "/direct/messages/move"),
            ("short-slash", "/direct/messages/move/"),
        ]
    ),
    *(
        (
            id_,
            "any other path is not found, and none is redirected, merged or normalised",
            RequestSpec(uri=path),
            replace(NOT_FOUND, headers={"Location": None}),
        )
        for id_, path in _NEAR.items()
    ),
]

CASES = [
    *table("string", page("authentication#string"), _LINES),
    *table("string.get", page("authentication#string"), _WITHOUT_BODY),
    *table("type", page("authentication#content-type"), _TYPES),
    *table("uri", note("0003-requests-arrive-whole"), _URIS),
    *table("path", note("0003-requests-arrive-whole"), _PATHS),
]
