"""The URLs of the Direct message calls."""

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Response
from marshmallow import Schema

from ..errors import to_json
from ..mailboxes.find_messages import Search, find_folders, find_messages
from ..mailboxes.move_message import move_message
from ..records.request_log import record
from ..web.arguments import check_arguments
from ..web.authentication import SignedCall, View, signed
from ..web.openapi import Operation
from .api import DIRECT_API
from .openapi import FOLDERS, MESSAGES, MOVE

direct = Blueprint("direct", __name__, url_prefix=DIRECT_API.prefix)


def _service(method: str, name: str, operation: Operation) -> Callable[[View], View]:
    """Serve a call at its two URLs to the applications that are granted it."""

    def decorate(view: View) -> View:
        admitted = signed(f"direct/{name}")(view)
        admitted.operation = operation  # type: ignore[attr-defined]
        for uri in (f"/{name}", f"/{name}/format/json"):
            direct.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate


@_service("POST", "messages/move", MOVE)
def move(call: SignedCall) -> Response:
    """Move a message to another folder of its mailbox."""
    asked = check_arguments(MOVE.arguments, call.arguments)
    done = move_message(call.application, asked["mailbox"], asked["id"], asked["folder"], call.entry)
    return _answer(MOVE, done.request_id, mailbox=asked["mailbox"], id=asked["id"], folder=done.folder)


@_service("GET", "folders", FOLDERS)
def list_folders(call: SignedCall) -> Response:
    """List the custom folders of a mailbox."""
    asked = check_arguments(FOLDERS.arguments, call.arguments)
    found = find_folders(call.application, asked["mailbox"])
    return _answer(FOLDERS, record(call.entry, 200, "listed"), mailbox=asked["mailbox"], folders=found)


@_service("GET", "messages", MESSAGES)
def list_messages(call: SignedCall) -> Response:
    """List the messages of a mailbox, or those of them that are looked for, a page at a time."""
    asked = check_arguments(MESSAGES.arguments, call.arguments)
    mailbox = asked.pop("mailbox")
    found, are_more = find_messages(call.application, mailbox, Search(**asked))
    more = {"next": found[-1].id} if are_more else {}
    return _answer(MESSAGES, record(call.entry, 200, "listed"), mailbox=mailbox, messages=found, **more)


def _answer(operation: Operation, request_id: str, **shown: Any) -> Response:
    body = cast(Schema, operation.reply).dump({"request_id": request_id, **shown})
    return Response(to_json(body), headers={"X-Request-Id": request_id}, mimetype="application/json")
