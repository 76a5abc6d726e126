"""The URLs of the Direct message calls."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from ..arguments import check_arguments
from ..authentication import SignedCall, View, signed
from ..errors import to_json
from ..request_log import record
from .find_messages import FoundMessage, Search, find_folders, find_messages
from .models import date_text
from .move_message import move_message
from .schemas import FoldersArguments, MessagesArguments, MoveArguments

direct = Blueprint("direct", __name__, url_prefix="/direct")

_MOVE, _FOLDERS, _MESSAGES = MoveArguments(), FoldersArguments(), MessagesArguments()


def _service(method: str, name: str) -> Callable[[View], View]:
    """Serve a call at its two URLs to the applications that are granted it."""

    def decorate(view: View) -> View:
        admitted = signed(f"direct/{name}")(view)
        for uri in (f"/{name}", f"/{name}/format/json"):
            direct.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate


@_service("POST", "messages/move")
def move(call: SignedCall) -> Response:
    """Move a message to another folder of its mailbox."""
    asked = check_arguments(_MOVE, call.arguments)
    done = move_message(call.application, asked["mailbox"], asked["id"], asked["folder"], call.entry)
    return _answer(done.request_id, mailbox=asked["mailbox"], id=str(asked["id"]), folder=done.folder)


@_service("GET", "folders")
def list_folders(call: SignedCall) -> Response:
    """List the custom folders of a mailbox."""
    asked = check_arguments(_FOLDERS, call.arguments)
    found = find_folders(call.application, asked["mailbox"])
    folders = [{"id": str(folder.id), "name": folder.name} for folder in found]
    return _answer(record(call.entry, 200, "listed"), mailbox=asked["mailbox"], folders=folders)


@_service("GET", "messages")
def list_messages(call: SignedCall) -> Response:
    """List the messages of a mailbox, or those of them that are looked for, a page at a time."""
    asked = check_arguments(_MESSAGES, call.arguments)
    mailbox = asked.pop("mailbox")
    found, are_more = find_messages(call.application, mailbox, Search(**asked))
    more = {"next": str(found[-1].id)} if are_more else {}
    return _answer(
        record(call.entry, 200, "listed"), mailbox=mailbox, messages=[_show(message) for message in found], **more
    )


def _show(message: FoundMessage) -> dict[str, str]:
    return {
        "id": str(message.id),
        "folder": message.folder,
        "subject": message.subject,
        "from": message.sender,
        "to": message.recipients,
        "date": date_text(message.date),
        "size": str(message.size),
    }


def _answer(request_id: str, **body: Any) -> Response:
    return Response(
        to_json({"request_id": request_id, **body}), headers={"X-Request-Id": request_id}, mimetype="application/json"
    )
