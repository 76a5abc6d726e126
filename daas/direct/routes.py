"""The URLs of the Direct message calls."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import quote

from flask import Blueprint, Response
from marshmallow import Schema

from ..errors import to_json
from ..mail.contents import ListedPart
from ..mailboxes.find_messages import Search, find_folders, find_messages
from ..mailboxes.history import find_history
from ..mailboxes.idempotency import KeyedRequest, Replay
from ..mailboxes.move_batch import Batch, BatchMove, move_batch, rehearse_batch
from ..mailboxes.move_message import Move, move_message, rehearse_move
from ..mailboxes.read_message import ReadBytes, read_message, read_message_part, read_raw_message
from ..mailboxes.restore_message import restore_message
from ..reasons import Reason
from ..records.own_log import OwnRequests, find_own_requests
from ..records.request_log import LoggedRequest, log_request
from ..web.arguments import check_arguments
from ..web.authentication import AuthenticatedRequest
from ..web.calls import serve_call
from ..web.context import current_context, success
from ..web.idempotency_key import read_idempotency_key
from ..web.openapi import Operation
from .api import DIRECT_API
from .openapi import (
    BATCH,
    BATCH_DRY_RUN,
    FOLDERS,
    HISTORY,
    MESSAGES,
    MOVE,
    MOVE_DRY_RUN,
    PART,
    RAW,
    RAW_TYPE,
    READ,
    REQUESTS,
    RESTORE,
    SERVED_TYPES,
)

T = TypeVar("T")

# What a read shows of a message, beside its contents.
_READ_FIELDS = ("id", "folder", "message_id", "subject", "sender", "recipients", "date", "size")
_NOT_SIMPLE = re.compile(r"[^A-Za-z0-9._-]")
# A character is at most 12 bytes in the header, and proxies take headers of 4 kB.
_MAX_HEADER_NAME = 150

direct = Blueprint("direct", __name__, url_prefix=DIRECT_API.prefix)


@serve_call(direct, "POST", "direct/messages/move", MOVE, "/messages/move", "/messages/move/format/json")
def move(request: AuthenticatedRequest) -> Response:
    """Move a message to another folder of its mailbox."""
    arguments, key = _understand(MOVE, request)
    keyed = _keyed(key, "move", arguments, partial(_body_of_move, arguments))
    moved = move_message(request.caller, **_arguments_of_move(arguments), record=request.record, keyed=keyed)
    return _replay(moved) if isinstance(moved, Replay) else success(_body_of_move(arguments, moved), moved.logged)


@serve_call(
    direct,
    "POST",
    "direct/messages/move",
    MOVE_DRY_RUN,
    "/messages/move/dry-run",
    "/messages/move/dry-run/format/json",
)
def dry_run_move(request: AuthenticatedRequest) -> Response:
    """Check a move without moving the message; the response is the one that the move would get."""
    arguments, _ = _understand(MOVE_DRY_RUN, request)
    moved = rehearse_move(request.caller, **_arguments_of_move(arguments), record=request.record)
    return success(_body_of_move(arguments, moved), moved.logged)


@serve_call(direct, "POST", "direct/messages/move", BATCH, "/messages/move/batch", "/messages/move/batch/format/json")
def move_many(request: AuthenticatedRequest) -> Response:
    """Move many messages of a mailbox to a folder, in one transaction."""
    arguments, key = _understand(BATCH, request)
    keyed = _keyed(key, "move/batch", arguments, partial(_body_of_batch, arguments))
    moved = move_batch(request.caller, _batch(arguments), request.record, keyed)
    return _replay(moved) if isinstance(moved, Replay) else success(_body_of_batch(arguments, moved), moved.logged)


@serve_call(
    direct,
    "POST",
    "direct/messages/move",
    BATCH_DRY_RUN,
    "/messages/move/batch/dry-run",
    "/messages/move/batch/dry-run/format/json",
)
def dry_run_move_many(request: AuthenticatedRequest) -> Response:
    """Check a batch without moving any message; the response is the one that the batch would get."""
    arguments, _ = _understand(BATCH_DRY_RUN, request)
    moved = rehearse_batch(request.caller, _batch(arguments), request.record)
    return success(_body_of_batch(arguments, moved), moved.logged)


@serve_call(direct, "GET", "direct/folders", FOLDERS, "/folders", "/folders/format/json")
def list_folders(request: AuthenticatedRequest) -> Response:
    """List the custom folders of a mailbox."""
    arguments = check_arguments(FOLDERS.arguments, request.arguments)
    found = find_folders(request.caller, arguments["mailbox"])
    return _reply(FOLDERS, log_request(request.record, 200, Reason.LISTED), mailbox=arguments["mailbox"], folders=found)


@serve_call(direct, "GET", "direct/messages", MESSAGES, "/messages", "/messages/format/json")
def list_messages(request: AuthenticatedRequest) -> Response:
    """List a page of the messages of a mailbox, all of them or those that match a search."""
    arguments = check_arguments(MESSAGES.arguments, request.arguments)
    mailbox = arguments.pop("mailbox")
    found, are_more = find_messages(request.caller, mailbox, Search(**arguments))
    more = {"next": found[-1].id} if are_more else {}
    return _reply(MESSAGES, log_request(request.record, 200, Reason.LISTED), mailbox=mailbox, messages=found, **more)


@serve_call(direct, "GET", "direct/messages/read", READ, "/messages/read", "/messages/read/format/json")
def read(request: AuthenticatedRequest) -> Response:
    """Read a message: its header, its text and what parts it has."""
    arguments = check_arguments(READ.arguments, request.arguments)
    found = read_message(request.caller, arguments["mailbox"], arguments["id"], request.record)
    contents = found.contents
    shown = {
        **{name: getattr(found, name) for name in _READ_FIELDS},
        "cc": contents.cc,
        "text": contents.text,
        **({"text_cut": "1"} if contents.text_cut else {}),
        "parts": [_present(part) for part in contents.parts],
    }
    return _reply(READ, found.logged, mailbox=arguments["mailbox"], **shown)


@serve_call(direct, "GET", "direct/messages/read", PART, "/messages/read/part")
def read_part(request: AuthenticatedRequest) -> Response:
    """Read the decoded bytes of a part of a message, or of a file in an XDM package."""
    arguments = check_arguments(PART.arguments, request.arguments)
    part = arguments["part"]
    found = read_message_part(request.caller, arguments["mailbox"], arguments["id"], part, request.record)
    media_type = found.type if found.type in SERVED_TYPES else SERVED_TYPES[0]
    return _bytes_reply(found, media_type, found.name or f"part-{part.replace('/', '-')}")


@serve_call(direct, "GET", "direct/messages/read", RAW, "/messages/read/raw")
def read_raw(request: AuthenticatedRequest) -> Response:
    """Read the bytes of a message as they arrived."""
    arguments = check_arguments(RAW.arguments, request.arguments)
    found = read_raw_message(request.caller, arguments["mailbox"], arguments["id"], request.record)
    return _bytes_reply(found, RAW_TYPE, f"message-{arguments['id']}.eml")


def _present(part: ListedPart) -> dict[str, Any]:
    return {name: value for name, value in asdict(part).items() if value is not None}


def _bytes_reply(found: ReadBytes, media_type: str, name: str) -> Response:
    """Return the response with bytes that strangers wrote: a browser saves them, and runs nothing in them."""
    current_context().reason = found.logged.reason
    headers = {
        "X-Request-Id": found.logged.request_id,
        # A client that does not know RFC 8187 reads the first name.
        "Content-Disposition": f'attachment; filename="{_NOT_SIMPLE.sub("_", name)}"; '
        f"filename*=UTF-8''{quote(name[:_MAX_HEADER_NAME], safe='')}",
        "Content-Security-Policy": "sandbox",
    }
    return Response(found.content, 200, headers, content_type=media_type)


@serve_call(direct, "POST", "direct/messages/restore", RESTORE, "/messages/restore", "/messages/restore/format/json")
def restore(request: AuthenticatedRequest) -> Response:
    """Move a message back to the folder where it was before its last move."""
    arguments, key = _understand(RESTORE, request)
    keyed = _keyed(key, "restore", arguments, partial(_body_of_move, arguments))
    restored = restore_message(request.caller, **_arguments_of_move(arguments), record=request.record, keyed=keyed)
    if isinstance(restored, Replay):
        return _replay(restored)
    return success(_body_of_move(arguments, restored), restored.logged)


@serve_call(direct, "GET", "direct/messages/history", HISTORY, "/messages/history", "/messages/history/format/json")
def show_history(request: AuthenticatedRequest) -> Response:
    """List a page of the moves of a message, oldest first."""
    arguments = check_arguments(HISTORY.arguments, request.arguments)
    mailbox, message_id = arguments.pop("mailbox"), arguments.pop("id")
    found = find_history(request.caller, mailbox, message_id, **arguments)
    logged = log_request(request.record, 200, Reason.LISTED)
    shown = {"folder": found.folder, "moves": found.moves, "complete": int(found.is_complete), **_next(found.next)}
    return _reply(HISTORY, logged, mailbox=mailbox, id=message_id, **shown)


@serve_call(direct, "GET", "direct/requests", REQUESTS, "/requests", "/requests/format/json")
def list_requests(request: AuthenticatedRequest) -> Response:
    """List a page of the requests of the application, newest first, rejected ones too."""
    arguments = check_arguments(REQUESTS.arguments, request.arguments)
    found, next_ = find_own_requests(request.caller.name, OwnRequests(**arguments))
    return _reply(REQUESTS, log_request(request.record, 200, Reason.LISTED), requests=found, **_next(next_))


def _next(value: int | None) -> dict[str, int]:
    return {} if value is None else {"next": value}


def _understand(operation: Operation, request: AuthenticatedRequest) -> tuple[dict[str, Any], str | None]:
    """Return the arguments of a call that accepts an Idempotency-Key, and the key; the body is checked first."""
    sent = request.arguments
    key = read_idempotency_key(current_context())
    return check_arguments(operation.arguments, sent), key


def _keyed(
    key: str | None, call: str, arguments: Mapping[str, Any], body_of: Callable[[T], bytes]
) -> KeyedRequest[T] | None:
    """Return a request with a key; an argument with the value that it has by default is as if absent."""
    if key is None:
        return None
    given = sorted((name, value) for name, value in arguments.items() if value not in (None, False))
    return KeyedRequest(key, (call, given), body_of)


def _replay(replay: Replay) -> Response:
    response = success(replay.body, replay.logged)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _arguments_of_move(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {("message_id" if name == "id" else name): value for name, value in arguments.items()}


def _body_of_move(arguments: Mapping[str, Any], moved: Move) -> bytes:
    return _body(MOVE, moved.logged, mailbox=arguments["mailbox"], id=arguments["id"], folder=moved.folder)


def _batch(arguments: Mapping[str, Any]) -> Batch:
    ids, folder = arguments["id"], arguments["folder"]
    return Batch(arguments["mailbox"], ids, folder, arguments["from_folder"], arguments["atomic"])


def _body_of_batch(arguments: Mapping[str, Any], moved: BatchMove) -> bytes:
    failed = [{"id": message_id, "message": error.message} for message_id, error in moved.failed.items()]
    values = {"mailbox": arguments["mailbox"], "folder": moved.folder, "moved": moved.moved, "failed": failed}
    return _body(BATCH, moved.logged, **values)


def _reply(operation: Operation, logged: LoggedRequest, **values: Any) -> Response:
    return success(_body(operation, logged, **values), logged)


def _body(operation: Operation, logged: LoggedRequest, **values: Any) -> bytes:
    return to_json(cast(Schema, operation.reply).dump({"request_id": logged.request_id, **values}))
