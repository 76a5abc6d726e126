"""The URLs of the Direct message calls."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g

from ..arguments import check_arguments
from ..authentication import signed, signed_arguments
from ..database import writing
from ..errors import to_json
from ..openapi import Operation
from ..request_log import record
from .find_messages import Search, find_folders, find_messages
from .move_message import move_message
from .operations import FOLDERS, MESSAGES, MOVE

direct = Blueprint("direct", __name__, url_prefix="/direct")


def _service(
    method: str, name: str, operation: Operation
) -> Callable[[Callable[[], Response]], Callable[[], Response]]:
    """Serve a call at its two URLs to the applications that are granted it."""

    def decorate(view: Callable[[], Response]) -> Callable[[], Response]:
        admitted = signed(f"direct/{name}")(view)
        admitted.operation = operation  # type: ignore[attr-defined]
        for uri in (f"/{name}", f"/{name}/format/json"):
            direct.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate


@_service("POST", "messages/move", MOVE)
def move() -> Response:
    """Move a message to another folder of its mailbox."""
    asked = _read_arguments(MOVE)
    done = move_message(g.application, asked["mailbox"], asked["id"], asked["folder"], g.entry)
    return _answer(MOVE, done.request_id, **asked | {"folder": done.folder})


@_service("GET", "folders", FOLDERS)
def list_folders() -> Response:
    """List the custom folders of a mailbox."""
    asked = _read_arguments(FOLDERS)
    found = find_folders(g.application, asked["mailbox"])
    return _answer(FOLDERS, _record_reading(), mailbox=asked["mailbox"], folders=found)


@_service("GET", "messages", MESSAGES)
def list_messages() -> Response:
    """List the messages of a mailbox, or those of them that are looked for, a page at a time."""
    asked = _read_arguments(MESSAGES)
    mailbox = asked.pop("mailbox")
    found, are_more = find_messages(g.application, mailbox, Search(**asked))
    more = {"next": found[-1].id} if are_more else {}
    return _answer(MESSAGES, _record_reading(), mailbox=mailbox, messages=found, **more)


def _read_arguments(operation: Operation) -> dict[str, Any]:
    return check_arguments(operation.arguments, signed_arguments())


def _record_reading() -> str:
    """Write the row of an answer that shows what a mailbox holds; it is on disk before anything is shown."""
    with writing() as connection:
        return record(connection, g.entry, 200, "listed")


def _answer(operation: Operation, request_id: str, **shown: Any) -> Response:
    g.request_id = request_id
    body = operation.reply.dump({"request_id": request_id, **shown})
    return Response(to_json(body), mimetype="application/json")
