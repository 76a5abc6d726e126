"""The URLs of the Direct message calls."""

from flask import Blueprint, Response, g

from ..arguments import check_arguments
from ..authentication import signed, signed_arguments
from ..errors import to_json
from .move_message import move_message
from .schemas import MoveArguments

_MOVE = MoveArguments()

direct = Blueprint("direct", __name__, url_prefix="/direct")


@direct.route("/messages/move", methods=["POST"], provide_automatic_options=False)
@direct.route("/messages/move/format/json", methods=["POST"], provide_automatic_options=False)
@signed("direct/messages/move")
def move() -> Response:
    """Move a message to another folder of its mailbox."""
    asked = check_arguments(_MOVE, signed_arguments())
    done = move_message(
        g.application.id, g.application.all_mailboxes, asked["mailbox"], asked["id"], asked["folder"], g.entry
    )
    g.request_id = done.request_id
    body = {
        "request_id": done.request_id,
        "mailbox": asked["mailbox"],
        "id": str(asked["id"]),
        "folder": done.folder,
    }
    return Response(to_json(body), mimetype="application/json")
