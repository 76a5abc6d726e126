"""The URLs of the Direct message calls."""

from typing import Any, cast

from flask import Blueprint, Response
from marshmallow import Schema

from ..errors import to_json
from ..mailboxes.find_messages import Search, find_folders, find_messages
from ..mailboxes.move_message import Move, move_message
from ..reasons import Reason
from ..records.request_log import LoggedRequest, log_request
from ..web.arguments import check_arguments
from ..web.authentication import AuthenticatedRequest
from ..web.calls import serve_call
from ..web.context import success
from ..web.openapi import Operation
from .api import DIRECT_API
from .openapi import FOLDERS, MESSAGES, MOVE

direct = Blueprint("direct", __name__, url_prefix=DIRECT_API.prefix)


@serve_call(direct, "POST", "direct/messages/move", MOVE, "/messages/move", "/messages/move/format/json")
def move(request: AuthenticatedRequest) -> Response:
    """Move a message to another folder of its mailbox."""
    arguments = check_arguments(MOVE.arguments, request.arguments)
    mailbox, message_id, folder = arguments["mailbox"], arguments["id"], arguments["folder"]
    moved = cast(Move, move_message(request.caller, mailbox, message_id, folder, request.record))
    return _reply(MOVE, moved.logged, mailbox=mailbox, id=message_id, folder=moved.folder)


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


def _reply(operation: Operation, logged: LoggedRequest, **values: Any) -> Response:
    body = cast(Schema, operation.reply).dump({"request_id": logged.request_id, **values})
    return success(to_json(body), logged)
