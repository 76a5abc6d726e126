"""Cases about batches, moves from a folder, dry runs and the form of an Idempotency-Key."""

from dataclasses import replace

from ..case import (
    GOOD,
    JSON,
    MOVE,
    MOVED,
    NO_MESSAGE,
    USER_NOT_AUTHORIZED,
    Expected,
    RequestSpec,
    Row,
    error_response,
    invalid,
    malformed,
    missing,
    page,
    table,
)

_BATCH = "/direct/messages/move/batch"
_NO_ID = "9223372036854775807"
_BODY = "mailbox=$mailbox&folder=$folder&id=$id"
_BOTH = f"{_BODY}&id={_NO_ID}"
_ELSEWHERE = error_response(409, "Message is in another folder")
_UNREADABLE_KEY = malformed("idempotency-key")


def _outcome(moved: str = '"$id"', failed: str = "", folder: str | None = "$folder") -> Expected:
    """Return the expected response to a batch into the folder in which the message is not."""
    start = '{"request_id":"$request_id","mailbox":"$mailbox","folder":"$folder"'
    return Expected(status=200, body=f'{start},"moved":[{moved}],"failed":[{failed}]}}', folder=folder)


def _batch(body: str, **parts: object) -> RequestSpec:
    return RequestSpec(uri=_BATCH, body=body, **parts)  # type: ignore[arg-type]


_NOT_FOUND = f'{{"id":"{_NO_ID}","message":"Message not found"}}'
_IS_ELSEWHERE = '{"id":"$id","message":"Message is in another folder"}'
_NONE = Expected(status=422, body=f'{{"request_id":"$request_id","message":"Message not found","ids":["{_NO_ID}"]}}')
_JSON = '{"mailbox":"$mailbox","folder":"$folder","ids":["$id"]}'

_BATCHES: list[Row] = [
    ("moved", "a batch moves each message that it can", _batch(_BOTH), _outcome(failed=_NOT_FOUND)),
    ("json", "a JSON batch has an array", _batch(_JSON, content_type=JSON), _outcome()),
    ("format", "a batch has a second URL", replace(_batch(_BODY), uri=_BATCH + "/format/json"), _outcome()),
    ("atomic", "an atomic batch moves all messages or none", _batch(f"{_BOTH}&atomic=1"), _NONE),
    ("not-atomic", "atomic=0 is the default", _batch(f"{_BODY}&atomic=0"), _outcome()),
    ("none", "a batch has at least one message", _batch("mailbox=$mailbox&folder=$folder"), invalid("id")),
    ("twice", "a batch has each message once", _batch(f"{_BODY}&id=$id"), invalid("id")),
    ("no-id", "each id of a batch is valid", _batch(f"{_BODY}&id=x"), invalid("id")),
    ("no-folder", "a batch needs a folder", _batch("mailbox=$mailbox&id=$id"), missing("folder")),
    (
        "from",
        "a message that is elsewhere does not move",
        _batch(f"{_BODY}&from_folder=$folder"),
        _outcome("", _IS_ELSEWHERE, None),
    ),
    (
        "user",
        "a batch needs permission for the mailbox",
        _batch("mailbox=nobody-has&folder=Sent&id=1"),
        USER_NOT_AUTHORIZED,
    ),
    (
        "dry-run",
        "a dry run of a batch moves nothing",
        replace(_batch(_BOTH), uri=_BATCH + "/dry-run"),
        _outcome(failed=_NOT_FOUND, folder=None),
    ),
]

_MOVES: list[Row] = [
    ("from", "a move from the message's folder succeeds", RequestSpec(body=f"{GOOD}&from_folder=$here"), MOVED),
    ("elsewhere", "a move from another folder is a 409", RequestSpec(body=f"{GOOD}&from_folder=$folder"), _ELSEWHERE),
    (
        "elsewhere-message",
        "an unknown message is reported before its folder",
        RequestSpec(body=f"mailbox=$mailbox&id={_NO_ID}&folder=$folder&from_folder=$folder"),
        NO_MESSAGE,
    ),
    (
        "dry-run",
        "a dry run responds as the move, and moves nothing",
        RequestSpec(uri="/direct/messages/move/dry-run"),
        replace(MOVED, folder=None),
    ),
]

_KEYS: list[Row] = [
    (
        name,
        "an Idempotency-Key is 1 to 128 visible ASCII characters",
        RequestSpec(uri=uri, headers=[("Idempotency-Key", key)]),
        _UNREADABLE_KEY,
    )
    for name, uri, key in [
        ("blank", MOVE, ""),
        ("space", MOVE, "a b"),
        ("long", MOVE, "x" * 129),
        ("dry-run", "/direct/messages/move/dry-run", "a b"),
    ]
] + [
    (
        "twice",
        "an Idempotency-Key is sent once",
        RequestSpec(headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "a")]),
        _UNREADABLE_KEY,
    )
]

CASES = [
    *table("batch", page("move_batch#batch"), _BATCHES),
    *table("move-if", page("move_batch#from-folder"), _MOVES),
    *table("key", page("move_batch#retries"), _KEYS),
]
