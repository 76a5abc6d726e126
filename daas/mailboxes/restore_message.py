"""The restore of a message: a move back to the folder where it was before its last move."""

from typing import Any

from sqlalchemy import bindparam, select

from ..applications.lookup import Caller
from ..errors import MessageElsewhere, NeverMoved
from ..reasons import Reason
from ..records.request_log import IS_MOVE, RequestLogRow, RequestRecord, in_order_of_ids
from ..storage.ids import MAX_ID
from ..storage.transactions import Statement, StatementRunner, write_transaction
from .access import check_folders, find_folder, find_mailbox
from .idempotency import KeyedRequest, Replay, carry_out
from .models import Folder
from .move_message import Move, find_message, place_message
from .names import read_folder


def restore_message(
    caller: Caller,
    mailbox: str,
    message_id: int,
    record: RequestRecord,
    *,
    from_folder: str | int | None = None,
    keyed: KeyedRequest[Move] | None = None,
) -> Move | Replay:
    """Move a message back to the folder where it was before its last move, and log it, in one transaction.

    `mailbox` is in lower case. With a `from_folder` (a standard folder's name or the id of a custom one) it is restored
    only from there. A restore is a move: a second one takes the message back again.

    Raises UserNotAuthorized, IdempotencyKeyReused, InvalidArguments if the mailbox has no such folder or no longer has
    the previous one, MessageNotFound, NeverMoved, or MessageElsewhere.
    """
    row = {**record.to_row(200, Reason.RESTORED), "message": str(message_id)}
    with write_transaction() as run:
        mailbox_id = find_mailbox(run, caller, mailbox).id

        def restore() -> Move:
            from_folder_id = find_folder(run, mailbox_id, from_folder)
            check_folders({"from_folder": (from_folder, from_folder_id)})
            locked = find_message(run, mailbox_id, message_id)
            previous = _find_previous(run, locked)
            folder_id = find_folder(run, mailbox_id, previous)
            check_folders({"folder": (previous, folder_id)})
            if from_folder_id is not None and locked.folder_id != from_folder_id:
                raise MessageElsewhere
            return Move(place_message(run, locked, folder_id, {**row, "folder_to": str(previous)}), str(previous))

        return carry_out(run, caller, record, keyed, restore)


def _find_previous(run: StatementRunner, locked: Any) -> str | int:
    """Return the folder where a locked message was before its last move: a standard folder's name, or an id.

    Servers of the previous release do not write it into the message's row, but every move is in the log. So the log
    decides, if the last move in it is the one that brought the message to where it is; it may be pruned or changed by
    hand. Raises NeverMoved.
    """
    range_, order = in_order_of_ids(RequestLogRow.message, str(locked.id), 0, MAX_ID, newest_first=True)
    last = select(RequestLogRow.folder_from, RequestLogRow.folder_to).where(*range_, IS_MOVE).order_by(*order).limit(1)
    moved = run.first(last)
    if moved is not None and moved.folder_to == locked.folder_from:
        previous: str | int = read_folder(moved.folder_from) or moved.folder_from
        return previous
    if locked.previous_folder_id is None:
        raise NeverMoved
    folder_id: int = locked.previous_folder_id
    return run.scalar(_STANDARD_NAME, folder_id=folder_id) or folder_id


_STANDARD_NAME = Statement(select(Folder.name).where(Folder.id == bindparam("folder_id"), Folder.standard))
