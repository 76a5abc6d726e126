"""Cases about the responses: bytes, headers, request_id; and the effect of a move."""

from dataclasses import replace

from ..case import (
    DENIED,
    INCOMPLETE,
    JSON,
    MOVED,
    NO_MESSAGE,
    NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED,
    USE_NOT_AUTHORIZED,
    USER_NOT_AUTHORIZED,
    Case,
    Expected,
    RequestSpec,
    invalid,
    malformed,
    missing,
    moved,
    note,
    page,
    table,
)

_NOBODY = RequestSpec(body="mailbox=nobody-has-this&id=$id&folder=$folder")
_CLOSED = RequestSpec(body="mailbox=$closed_mailbox&id=$closed_message&folder=$closed_folder")
_SUSPENDED = RequestSpec(body="mailbox=$suspended_mailbox&id=$id&folder=$folder")
_NOTHING = RequestSpec(body="mailbox=$mailbox&id=9223372036854775807&folder=$folder")
_UNREADABLE = RequestSpec(content_type=JSON, body="{")
_REFUSED = RequestSpec(key="refused", md5="base64")

_ALL: list[tuple[str, str, RequestSpec, Expected]] = [
    ("moved", "a move returns its values", RequestSpec(), MOVED),
    ("denied", "all authentication errors have the same body", RequestSpec(encoding="cut"), DENIED),
    ("use", "an application without permission for the service gets a 403", _REFUSED, USE_NOT_AUTHORIZED),
    ("user", "a mailbox without permission is a 403", _NOBODY, USER_NOT_AUTHORIZED),
    ("no-message", "an unknown message is a 422", _NOTHING, NO_MESSAGE),
    (
        "missing",
        "a missing argument is named, fields before message",
        RequestSpec(body="id=$id&folder=$folder"),
        missing("mailbox"),
    ),
    (
        "invalid",
        "an invalid argument is named, message before fields",
        RequestSpec(body="mailbox=a@b&id=$id&folder=$folder"),
        invalid("mailbox"),
    ),
    ("unreadable", "a malformed body is a bad request", _UNREADABLE, malformed("json-unreadable")),
    ("not-whole", "an incomplete body is a bad request", RequestSpec(cut=1), INCOMPLETE),
    ("not-found", "an unknown path is a 404", RequestSpec(uri="/direct/messages/copy"), NOT_FOUND),
    ("not-allowed", "an unsupported method is a 405", RequestSpec(method="PUT"), NOT_ALLOWED),
    ("unsupported", "an unsupported content type is a 415", RequestSpec(content_type="text/plain"), UNSUPPORTED),
]

_HEADERS = {
    "type": ("a response is JSON", {"Content-Type": "application/json"}),
    "store": ("a response must not be stored", {"Cache-Control": "no-store"}),
    "request-id": ("the request_id is also a header", {"X-Request-Id": "$request_id"}),
}


def _no_body(expected: Expected) -> Expected:
    return replace(expected, body="")


_MAILBOXES = [
    ("unknown", "an unknown mailbox and one without permission get the same response", _NOBODY, USER_NOT_AUTHORIZED),
    ("closed", "an unknown mailbox and one without permission get the same response", _CLOSED, USER_NOT_AUTHORIZED),
    (
        "closed-nothing",
        "the response does not reveal whether a mailbox without permission has a message",
        replace(_CLOSED, body="mailbox=$closed_mailbox&id=9223372036854775807&folder=$closed_folder"),
        USER_NOT_AUTHORIZED,
    ),
    (
        "closed-folder",
        "the response does not reveal whether a mailbox without permission has a folder",
        replace(_CLOSED, body="mailbox=$closed_mailbox&id=$closed_message&folder=9223372036854775807"),
        USER_NOT_AUTHORIZED,
    ),
    ("suspended", "a suspended mailbox and an unknown one get the same response", _SUSPENDED, USER_NOT_AUTHORIZED),
    (
        "other-message",
        "a message of another mailbox is not found",
        RequestSpec(body="mailbox=$mailbox&id=$closed_message&folder=$folder"),
        NO_MESSAGE,
    ),
]

_METHODS = [
    *(
        (method, "an unsupported method is not allowed", RequestSpec(method=method), NOT_ALLOWED)
        for method in ("PUT", "DELETE", "PATCH")
    ),
    (
        "GET",
        "an unsupported method is not allowed",
        RequestSpec(method="GET", body=None, content_type=None),
        NOT_ALLOWED,
    ),
    (
        "HEAD",
        "HEAD is not allowed either",
        RequestSpec(method="HEAD", body=None, content_type=None),
        _no_body(NOT_ALLOWED),
    ),
    (
        "HEAD-of-get",
        "HEAD is not allowed either",
        RequestSpec(method="HEAD", uri="/direct/folders?mailbox=$mailbox", body=None, content_type=None),
        _no_body(replace(NOT_ALLOWED, headers={"Allow": "GET"})),
    ),
    (
        "POST-of-get",
        "an unsupported method is not allowed",
        RequestSpec(uri="/direct/folders"),
        replace(NOT_ALLOWED, headers={"Allow": "GET"}),
    ),
]

_AGAIN = RequestSpec(body="mailbox=$mailbox&id=$id&folder=$here")

_EFFECTS = [
    Case(
        "move.again",
        "a move to the message's current folder succeeds",
        note("0005-answers"),
        [(RequestSpec(), MOVED), (_AGAIN, moved("$here")), (_AGAIN, moved("$here"))],
    ),
    Case(
        "move.there-and-back",
        "a move does not change a message's id",
        note("0004-arguments"),
        [(RequestSpec(), MOVED), (RequestSpec(), MOVED), (RequestSpec(), MOVED)],
    ),
    Case(
        "move.standard",
        "a message can be moved to each standard folder",
        page("move_message#arguments"),
        [
            (RequestSpec(body=f"mailbox=$mailbox&id=$id&folder={name}"), moved(name))
            for name in ("Draft", "Archived", "Sent", "Inbox")
        ],
    ),
    Case(
        "move.refused",
        "an error changes nothing",
        page("errors"),
        [(spec, expected) for _, _, spec, expected in _ALL if expected is not MOVED],
    ),
    Case(
        "request-id.grows",
        "each request has its own request_id, greater than the previous one",
        page("index#all").replace("index", ""),
        [(spec, expected) for _, _, spec, expected in [*_ALL, *_ALL[:3]] if expected.request_id == MOVED.request_id],
    ),
    Case(
        "request-id.of-client",
        "a client's own X-Request-Id is ignored",
        note("0005-answers"),
        [
            (RequestSpec(headers=[("X-Request-Id", "1812")]), replace(MOVED, headers={"X-Request-Id": "$request_id"})),
            (RequestSpec(headers=[("X-Request-Id", "1812")]), MOVED),
        ],
    ),
]


def too_large(max_bytes: int) -> list[Case]:
    """Return the cases about the response to a body that is too large; `max_bytes` is a setting of the server."""
    spec = RequestSpec(size=max_bytes + 1)
    return [
        *table(
            "answer", page("errors#too-large"), [("too-large", "a body that is too large is a 413", spec, TOO_LARGE)]
        ),
        *_with_headers([("too-large", "", spec, TOO_LARGE)]),
    ]


def _with_headers(rows: list[tuple[str, str, RequestSpec, Expected]]) -> list[Case]:
    return [
        Case(f"header.{name}.{id_}", sentence, note("0005-answers"), [(spec, replace(expected, headers=headers))])
        for name, (sentence, headers) in _HEADERS.items()
        for id_, _, spec, expected in rows
    ]


CASES = [
    *table("answer", page("errors"), _ALL),
    *_with_headers(_ALL),
    *table("mailbox", page("errors#user"), _MAILBOXES),
    *table("method", page("errors#method"), _METHODS),
    *_EFFECTS,
]
