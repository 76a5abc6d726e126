"""The answers: their bytes, their headers, their request_id; and what a move leaves behind."""

from dataclasses import replace

from ..case import (
    DENIED,
    JSON,
    MOVED,
    NO_MESSAGE,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_WHOLE,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    USE,
    USER,
    Ask,
    Case,
    Expected,
    invalid,
    missing,
    moved,
    note,
    page,
    table,
)

_NOBODY = Ask(body="mailbox=nobody-has-this&id=$id&folder=$folder")
_CLOSED = Ask(body="mailbox=$closed_mailbox&id=$closed_message&folder=$closed_folder")
_SUSPENDED = Ask(body="mailbox=$suspended_mailbox&id=$id&folder=$folder")
_NOTHING = Ask(body="mailbox=$mailbox&id=9223372036854775807&folder=$folder")
_UNREADABLE = Ask(content_type=JSON, body="{")
_REFUSED = Ask(key="refused", md5="base64")

_ALL: list[tuple[str, str, Ask, Expected]] = [
    ("moved", "a move is answered by its values", Ask(), MOVED),
    ("denied", "any fault of authentication has one answer", Ask(encoding="cut"), DENIED),
    ("use", "an application that may not use the service is told so", _REFUSED, USE),
    ("user", "a mailbox that is not open is told so", _NOBODY, USER),
    ("no-message", "a message that is not there is told so", _NOTHING, NO_MESSAGE),
    (
        "missing",
        "a missing argument is named, fields before message",
        Ask(body="id=$id&folder=$folder"),
        missing("mailbox"),
    ),
    (
        "invalid",
        "an invalid argument is named, message before fields",
        Ask(body="mailbox=a@b&id=$id&folder=$folder"),
        invalid("mailbox"),
    ),
    ("unreadable", "a body that cannot be read is a bad request", _UNREADABLE, UNREADABLE),
    ("not-whole", "a body that is cut short is a bad request", Ask(cut=1), NOT_WHOLE),
    ("not-found", "a path that is not there is told so", Ask(target="/direct/messages/copy"), NOT_FOUND),
    ("not-allowed", "a method that is not there is told so", Ask(method="PUT"), NOT_ALLOWED),
    ("unsupported", "a type that is not read is told so", Ask(content_type="text/plain"), UNSUPPORTED),
]

_HEADERS = {
    "type": ("an answer is JSON", {"Content-Type": "application/json"}),
    "store": ("an answer is not to be stored", {"Cache-Control": "no-store"}),
    "request-id": ("the request_id is a header too", {"X-Request-Id": "$request_id"}),
}


def _no_body(expected: Expected) -> Expected:
    return replace(expected, body="")


_MAILBOXES = [
    ("unknown", "an unknown mailbox and one that is not open cannot be told apart", _NOBODY, USER),
    ("closed", "an unknown mailbox and one that is not open cannot be told apart", _CLOSED, USER),
    (
        "closed-nothing",
        "nothing tells whether a closed mailbox has a message",
        replace(_CLOSED, body="mailbox=$closed_mailbox&id=9223372036854775807&folder=$closed_folder"),
        USER,
    ),
    (
        "closed-folder",
        "nothing tells whether a closed mailbox has a folder",
        replace(_CLOSED, body="mailbox=$closed_mailbox&id=$closed_message&folder=9223372036854775807"),
        USER,
    ),
    ("suspended", "a suspended mailbox and an unknown one cannot be told apart", _SUSPENDED, USER),
    (
        "other-message",
        "a message of another mailbox is not found",
        Ask(body="mailbox=$mailbox&id=$closed_message&folder=$folder"),
        NO_MESSAGE,
    ),
]

_METHODS = [
    *(
        (method, "a method that the call does not have is not allowed", Ask(method=method), NOT_ALLOWED)
        for method in ("PUT", "DELETE", "PATCH")
    ),
    (
        "GET",
        "a method that the call does not have is not allowed",
        Ask(method="GET", body=None, content_type=None),
        NOT_ALLOWED,
    ),
    ("HEAD", "HEAD is not allowed either", Ask(method="HEAD", body=None, content_type=None), _no_body(NOT_ALLOWED)),
    (
        "HEAD-of-get",
        "HEAD is not allowed either",
        Ask(method="HEAD", target="/direct/folders?mailbox=$mailbox", body=None, content_type=None),
        _no_body(replace(NOT_ALLOWED, headers={"Allow": "GET"})),
    ),
    (
        "POST-of-get",
        "a method that the call does not have is not allowed",
        Ask(target="/direct/folders"),
        replace(NOT_ALLOWED, headers={"Allow": "GET"}),
    ),
]

_AGAIN = Ask(body="mailbox=$mailbox&id=$id&folder=$here")

_EFFECTS = [
    Case(
        "move.again",
        "a move to where the message is succeeds",
        note("0005-answers"),
        [(Ask(), MOVED), (_AGAIN, moved("$here")), (_AGAIN, moved("$here"))],
    ),
    Case(
        "move.there-and-back",
        "the id of a message never changes, also by a move",
        note("0004-arguments"),
        [(Ask(), MOVED), (Ask(), MOVED), (Ask(), MOVED)],
    ),
    Case(
        "move.standard",
        "a message moves to each folder",
        page("move_message#arguments"),
        [
            (Ask(body=f"mailbox=$mailbox&id=$id&folder={name}"), moved(name))
            for name in ("Draft", "Archived", "Sent", "Inbox")
        ],
    ),
    Case(
        "move.refused",
        "a refusal changes nothing",
        page("errors"),
        [(ask, expected) for _, _, ask, expected in _ALL if expected is not MOVED],
    ),
    Case(
        "request-id.grows",
        "each request has a request_id of its own, and they grow",
        page("index#all").replace("index", ""),
        [(ask, expected) for _, _, ask, expected in [*_ALL, *_ALL[:3]] if expected.request_id == MOVED.request_id],
    ),
    Case(
        "request-id.of-client",
        "a client's own X-Request-Id is ignored",
        note("0005-answers"),
        [
            (Ask(headers=[("X-Request-Id", "1812")]), replace(MOVED, headers={"X-Request-Id": "$request_id"})),
            (Ask(headers=[("X-Request-Id", "1812")]), MOVED),
        ],
    ),
]


def too_large(most: int) -> list[Case]:
    """Make the cases of the answer to a body that is larger than a setting of the server allows."""
    ask = Ask(size=most + 1)
    return [
        *table(
            "answer", page("errors#too-large"), [("too-large", "a body that is too large is told so", ask, TOO_LARGE)]
        ),
        *_with_headers([("too-large", "", ask, TOO_LARGE)]),
    ]


def _with_headers(rows: list[tuple[str, str, Ask, Expected]]) -> list[Case]:
    return [
        Case(f"header.{name}.{id_}", sentence, note("0005-answers"), [(ask, replace(expected, headers=headers))])
        for name, (sentence, headers) in _HEADERS.items()
        for id_, _, ask, expected in rows
    ]


CASES = [
    *table("answer", page("errors"), _ALL),
    *_with_headers(_ALL),
    *table("mailbox", page("errors#user"), _MAILBOXES),
    *table("method", page("errors#method"), _METHODS),
    *_EFFECTS,
]
