"""The URLs of the Direct message calls."""

from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, Response
from marshmallow import Schema

from ..errors import to_json
from ..mailboxes.find_messages import Search, find_folders, find_messages
from ..mailboxes.move_message import move_message
from ..reasons import Reason
from ..records.request_log import LoggedRequest, log_request
from ..web.arguments import check_arguments
from ..web.authentication import AuthenticatedRequest, View, requires_signature
from ..web.context import success
from ..web.openapi import Operation
from .api import DIRECT_API
from .openapi import FOLDERS, MESSAGES, MOVE

direct = Blueprint("direct", __name__, url_prefix=DIRECT_API.prefix)


def _service(method: str, name: str, operation: Operation) -> Callable[[View], View]:
    """Serve a call at its two URLs to the applications that are granted it."""

    def decorate(view: View) -> View:
        admitted = requires_signature(f"direct/{name}")(view)
        admitted.operation = operation  # type: ignore[attr-defined]
        for uri in (f"/{name}", f"/{name}/format/json"):
            direct.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate


@_service("POST", "messages/move", MOVE)
def move(request: AuthenticatedRequest) -> Response:
    """Move a message to another folder of its mailbox."""
    asked = check_arguments(MOVE.arguments, request.arguments)
    done = move_message(request.caller, asked["mailbox"], asked["id"], asked["folder"], request.record)
    return _reply(MOVE, done.logged, mailbox=asked["mailbox"], id=asked["id"], folder=done.folder)


@_service("GET", "folders", FOLDERS)
def list_folders(request: AuthenticatedRequest) -> Response:
    """List the custom folders of a mailbox."""
    asked = check_arguments(FOLDERS.arguments, request.arguments)
    found = find_folders(request.caller, asked["mailbox"])
    return _reply(FOLDERS, log_request(request.record, 200, Reason.LISTED), mailbox=asked["mailbox"], folders=found)


@_service("GET", "messages", MESSAGES)
def list_messages(request: AuthenticatedRequest) -> Response:
    """List the messages of a mailbox, or those of them that are looked for, a page at a time."""
    asked = check_arguments(MESSAGES.arguments, request.arguments)
    mailbox = asked.pop("mailbox")
    found, are_more = find_messages(request.caller, mailbox, Search(**asked))
    more = {"next": found[-1].id} if are_more else {}
    return _reply(MESSAGES, log_request(request.record, 200, Reason.LISTED), mailbox=mailbox, messages=found, **more)


def _reply(operation: Operation, logged: LoggedRequest, **shown: Any) -> Response:
    body = cast(Schema, operation.reply).dump({"request_id": logged.request_id, **shown})
    return success(to_json(body), logged)
