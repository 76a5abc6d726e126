"""The operations of the Direct API, for its views and the OpenAPI document."""

import base64
import datetime
import hashlib

from .. import errors
from ..reasons import Reason
from ..signing.daas_scheme import DIRECT
from ..signing.mechanism import KeyPair, RequestToSign, sign
from ..web.openapi import BINARY, ApiDescription, Operation
from .schemas import (
    BatchArguments,
    BatchReply,
    FoldersArguments,
    FoldersReply,
    HistoryArguments,
    HistoryReply,
    JsonBatchArguments,
    MessagesArguments,
    MessagesReply,
    MoveArguments,
    MoveReply,
    PartArguments,
    ReadArguments,
    ReadReply,
    RequestsArguments,
    RequestsReply,
    RestoreArguments,
)

# The public document's example, with invented keys.
_KEYS = KeyPair("ad7f69e0b58f3e1c", "4f2ab49d33f1c76e")
_EXAMPLE = sign(
    DIRECT,
    RequestToSign(
        method="POST",
        date="06/03/2013 12:13:56 EST",
        content_md5="iB94gawbwUSiZy5FuruIOQ==",
        content_type="application/x-www-form-urlencoded",
        uri="/direct/messages/move/format/json",
    ),
    _KEYS,
)

_AUTHORIZATION = f"""\
`DAAS <public key>:<signature>`. The signature covers these values, joined by one newline, with no newline at \
the end; its key is the private key's text:

1. the HTTP method, in upper case;
2. the date, as sent in `X-Daas-Date`, or else in `Date`;
3. the `Content-MD5`, as sent; without it, this line is omitted;
4. the `Content-Type`, as sent but without its `boundary` parameter, or only its media type; a GET without one omits \
this line;
5. the URI as in the request line: the path and, if there is a `?`, everything after it, never decoded.

The signature is base64 of the lower-case hexadecimal text of the HMAC-SHA256; base64 of its raw bytes is accepted \
too. The public key `{_KEYS.public_key}` with the private key `{_KEYS.private_key}` signs

```
{_EXAMPLE.string_to_sign.decode()}
```

as

```
{_EXAMPLE.authorization}
```
"""

_DIRECT = ApiDescription(
    name="Direct messages",
    description="""\
Finds and moves the messages of a mailbox. Names of arguments are accepted in any case, spaces around a value are \
removed, a repeated argument is invalid, and unknown arguments are ignored. Each call has a second, equivalent URL \
that ends in `/format/json`, such as `/direct/messages/move/format/json`. Every other path under `/direct` is a 404 \
(the response `NotFound`), every other method a 405 (`MethodNotAllowed`).""",
    scheme="DAAS",
    authorization=_AUTHORIZATION,
    headers=[
        {
            "name": "X-Daas-Date",
            "description": "The time of signing: within 15 minutes of the server's clock, unless the operator set "
            "another window. Required, unless the client sends the header `Date`, which means the same; if both are "
            "sent, `X-Daas-Date` is used. A format as in the examples, with a zone; RFC 5322, RFC 9110, RFC 3339 and "
            "Unix seconds are accepted too.",
            "schema": {"type": "string", "examples": ["11/02/2026 10:00:00 EST", "Mon, 02 Nov 2026 15:00:00 GMT"]},
        },
        {
            "name": "Content-MD5",
            "description": "The MD5 of the whole body, as base64 of its 16 bytes (RFC 1864); hexadecimal text, and "
            "base64 of it, are accepted too. Without this header the signature does not cover the body. An application "
            "can be required to send it.",
            "schema": {"type": "string", "examples": ["iB94gawbwUSiZy5FuruIOQ=="]},
        },
    ],
    errors=[
        errors.BodyNotWhole(Reason.BODY_CUT_SHORT),
        errors.UnreadableBody(Reason.JSON_UNREADABLE, {"X-Daas-Error": "json-unreadable"}),
        errors.AuthenticationFailed(
            Reason.DATE_ZONE_NAME,
            {
                "WWW-Authenticate": DIRECT.words[0],
                "X-Daas-Error": "date-zone-name",
                "X-Daas-Clock-Skew": "3600",
                "X-Daas-String-To-Sign": base64.b64encode(_EXAMPLE.string_to_sign).decode(),
            },
        ),
        errors.UseNotAuthorized(Reason.SERVICE_NOT_GRANTED),
        errors.UserNotAuthorized(Reason.MAILBOX_UNKNOWN),
        errors.BodyTooLarge(Reason.BODY_TOO_LARGE),
        errors.UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED, {"X-Daas-Error": "media-type-unsupported"}),
        errors.TooManyRequests(60),
        errors.UnexpectedError(Reason.UNEXPECTED_ERROR),
        errors.DatabaseUnavailable(),
    ],
    elsewhere=[
        errors.NotFound(Reason.PATH_UNKNOWN),
        errors.MethodNotAllowed(Reason.METHOD_NOT_ALLOWED, {"Allow": "POST"}),
    ],
)

_AT = datetime.datetime(2026, 11, 2, 15, tzinfo=datetime.UTC)
_MESSAGE = {
    "id": 1,
    "folder": "Inbox",
    "subject": "Lab results: basic metabolic panel",
    "sender": '"Riverside Laboratory" <results@direct.lab.example.org>',
    "recipients": "demo.clinician@direct.example.org",
    "date": _AT,
    "size": 426,
    "attachments": 0,
}

#: The header of calls that can be repeated safely, and the one of a repeated call's response.
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "description": "Carries out the request once: a repeated one with the same key, within 24 hours, gets the first "
    "response and moves nothing. A key of your choice, such as a UUID. The signature does not cover it.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$", "examples": ["3f0c6a1e-9a41-4e0a-9d5c-0a5f2f0f7c11"]},
}
REPLAYED = {"Idempotent-Replayed": "true"}

_MOVED = {"mailbox": "demo.clinician", "id": 1, "folder": "5"}
_MOVED_MANY = {
    "mailbox": "demo.clinician",
    "folder": "Archived",
    "moved": [1, 2],
    "failed": [{"id": 4, "message": "Message not found"}],
}
_KEY_MALFORMED = errors.MalformedIdempotencyKey()
_NOT_MOVED = (errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND), errors.MessageElsewhere())
_NONE_MOVED = (
    errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND).with_ids(["4"]),
    errors.MessageElsewhere().with_ids(["4"]),
)

MOVE = Operation(
    _DIRECT,
    MoveArguments(),
    MoveReply(),
    _MOVED,
    [_KEY_MALFORMED, *_NOT_MOVED, errors.IdempotencyKeyReused()],
    headers=[IDEMPOTENCY_KEY],
    reply_headers=REPLAYED,
)
MOVE_DRY_RUN = Operation(_DIRECT, MoveArguments(), MoveReply(), _MOVED, [_KEY_MALFORMED, *_NOT_MOVED])
BATCH = Operation(
    _DIRECT,
    BatchArguments(),
    BatchReply(),
    _MOVED_MANY,
    [_KEY_MALFORMED, *_NONE_MOVED, errors.IdempotencyKeyReused()],
    headers=[IDEMPOTENCY_KEY],
    reply_headers=REPLAYED,
    json_arguments=JsonBatchArguments(),
)
BATCH_DRY_RUN = Operation(
    _DIRECT,
    BatchArguments(),
    BatchReply(),
    _MOVED_MANY,
    [_KEY_MALFORMED, *_NONE_MOVED],
    json_arguments=JsonBatchArguments(),
)
FOLDERS = Operation(
    _DIRECT,
    FoldersArguments(),
    FoldersReply(),
    {"mailbox": "demo.clinician", "folders": [{"id": 5, "name": "Lab results"}]},
)
MESSAGES = Operation(
    _DIRECT,
    MessagesArguments(),
    MessagesReply(),
    {"mailbox": "demo.clinician", "messages": [_MESSAGE], "next": 1},
    [errors.SearchBusy(), errors.SearchTimeout()],
)

#: The types under which a part is served; every other is served as the first.
SERVED_TYPES = (
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "text/plain",
)
RAW_TYPE = "message/rfc822"

_NOT_FOUND = [errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND)]
READ = Operation(
    _DIRECT,
    ReadArguments(),
    ReadReply(),
    {
        "mailbox": "demo.clinician",
        **_MESSAGE,
        "message_id": "<1@lab.example.org>",
        "cc": "",
        "text": "Attached.\n",
        "parts": [
            {
                "part": "1",
                "type": "text/plain",
                "name": "",
                "size": 11,
                "sha256": hashlib.sha256(b"Attached.\r\n").hexdigest(),
            },
            {
                "part": "2",
                "type": "text/xml",
                "name": "ccd.xml",
                "size": 10234,
                "sha256": "0" * 64,
                "document": "C-CDA",
            },
        ],
    },
    _NOT_FOUND,
)
PART = Operation(_DIRECT, PartArguments(), BINARY, "The decoded bytes of a part.", _NOT_FOUND, media_types=SERVED_TYPES)
RAW = Operation(
    _DIRECT, ReadArguments(), BINARY, "The bytes of a message as they arrived.", _NOT_FOUND, media_types=(RAW_TYPE,)
)
RESTORE = Operation(
    _DIRECT,
    RestoreArguments(),
    MoveReply(),
    {"mailbox": "demo.clinician", "id": 1, "folder": "Inbox"},
    [_KEY_MALFORMED, *_NOT_MOVED, errors.NeverMoved(), errors.IdempotencyKeyReused()],
    headers=[IDEMPOTENCY_KEY],
    reply_headers=REPLAYED,
)
HISTORY = Operation(
    _DIRECT,
    HistoryArguments(),
    HistoryReply(),
    {
        "mailbox": "demo.clinician",
        "id": 1,
        "folder": "Archived",
        "moves": [{"request_id": 12, "at": _AT, "application": "demo", "moved_from": "Inbox", "moved_to": "Archived"}],
        "next": 12,
        "complete": 1,
    },
    [errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND)],
)
REQUESTS = Operation(
    _DIRECT,
    RequestsArguments(),
    RequestsReply(),
    {
        "requests": [
            {
                "request_id": 12,
                "at": _AT,
                "method": "POST",
                "path": "/direct/messages/move",
                "service": "direct/messages/move",
                "status": 401,
                "reason": "date-outside-window",
                "mailbox": "demo.clinician",
                "id": 1,
                "folder": "Archived",
                "moved_from": "",
                "moved_to": "",
                "remote_address": "127.0.0.1",
                "duration_ms": 1.2,
            }
        ],
        "next": 12,
    },
    excluded=[errors.UserNotAuthorized],
)
