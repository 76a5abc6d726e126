"""The restore of a message to the folder where it was before its last move."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from daas.applications.registry import SERVICES
from daas.mailboxes.models import Folder, Message
from daas.records.request_log import RequestLogRow
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder

pytestmark = pytest.mark.both_databases

RESTORE = "/direct/messages/restore"


@pytest.fixture
def mover(build: Builder) -> Application:
    """Return an application that may restore, with a mailbox of two custom folders and a message."""
    return build.application(mailboxes=[build.mailbox(folders=2)], services=SERVICES)


def restore(mover: Application, headers: dict[str, str] | None = None, uri: str = RESTORE, **arguments: str) -> Any:
    asked = {"mailbox": mover.mailbox.name, "id": mover.mailbox.message, **arguments}
    return mover.post_signed(urlencode(asked), headers=headers, uri=uri)


def change(mover: Application, *statements: Any) -> None:
    with mover.app.app_context(), db.session.begin():
        for statement in statements:
            db.session.execute(statement)


def test_restored_message_is_back_and_the_row_is_that_of_a_move(mover: Application, build: Builder) -> None:
    box = mover.mailbox
    mover.move(folder="Archived")
    answer = restore(mover)
    id_ = answer.headers["X-Request-Id"]
    assert (answer.status_code, answer.text) == (
        200,
        f'{{"request_id":"{id_}","mailbox":"{box.name}","id":"{box.message}","folder":"Inbox"}}',
    )
    assert build.folder_of(box.message) == "Inbox"
    row = build.log_row(id_)
    assert (row.reason, row.service) == ("restored", "direct/messages/restore")
    assert (row.message, row.folder, row.folder_from, row.folder_to) == (box.message, None, "Archived", "Inbox")


@pytest.mark.parametrize("suffix", ["", "/", "/format/json", "/format/json/"])
def test_restore_has_the_same_urls_as_a_move(mover: Application, suffix: str) -> None:
    mover.move(folder="Sent")
    assert restore(mover, uri=RESTORE + suffix).status_code == 200


def test_second_restore_goes_back_again(mover: Application, build: Builder) -> None:
    mover.move(folder=mover.mailbox.folder)
    assert [restore(mover).json["folder"] for _ in range(3)] == ["Inbox", mover.mailbox.folder, "Inbox"]


def test_message_that_never_moved_cannot_be_restored(mover: Application, build: Builder) -> None:
    mover.move(folder="Inbox")
    answer = restore(mover)
    assert (answer.status_code, answer.json["message"]) == (422, "Message was never moved")
    assert build.log_row(answer.json["request_id"]).reason == "never-moved"


def test_removed_folder_is_invalid_input(mover: Application, build: Builder) -> None:
    box = mover.mailbox
    mover.move(folder=box.folder), mover.move(folder="Sent")
    change(mover, delete(Folder).where(Folder.id == int(box.folder)))
    answer = restore(mover, from_folder="Draft")
    assert (answer.status_code, answer.json["fields"]) == (422, ["folder"])
    assert answer.json["message"] == "'Folder' contains invalid input"
    assert build.folder_of(box.message) == "Sent"


def test_errors_of_a_restore_are_found_in_order(mover: Application, build: Builder) -> None:
    box, other = mover.mailbox, build.mailbox()
    refused = restore(mover, mailbox=other.name, id=other.message, from_folder="1")
    assert (refused.status_code, refused.json["message"]) == (403, "Access Denied. User Not Authorized.")
    for wrong in (other.folder, "999999999"):
        answer = restore(mover, id="999999999", from_folder=wrong)
        assert (answer.status_code, answer.json["fields"]) == (422, ["from_folder"])
        assert answer.json["message"] == "'From Folder' contains invalid input"
    assert restore(mover, id=other.message, from_folder="Sent").json["message"] == "Message not found"
    assert restore(mover, from_folder="Sent").json["message"] == "Message was never moved"
    mover.move(folder="Archived")
    answer = restore(mover, from_folder="Sent")
    assert (answer.status_code, answer.json["message"]) == (409, "Message is in another folder")
    assert build.folder_of(box.message) == "Archived"
    assert restore(mover, from_folder="archived").status_code == 200


def test_restore_with_a_key_happens_once(mover: Application, build: Builder) -> None:
    mover.move(folder="Archived")
    first = restore(mover, {"Idempotency-Key": "k"})
    again = restore(mover, {"Idempotency-Key": "k"}, f"{RESTORE}/format/json")
    assert (again.status_code, again.text, again.headers["Idempotent-Replayed"]) == (200, first.text, "true")
    assert build.folder_of(mover.mailbox.message) == "Inbox"
    other = restore(mover, {"Idempotency-Key": "k"}, from_folder="Sent")
    assert (other.status_code, other.json["message"]) == (409, "Idempotency-Key was used for another request")
    assert (
        mover.post_signed(
            urlencode({"mailbox": mover.mailbox.name, "id": mover.mailbox.message, "folder": "Sent"}),
            headers={"Idempotency-Key": "k"},
        ).status_code
        == 409
    )


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["Inbox", "Sent", "first", "restore", "other release"]), max_size=8),
    st.booleans(),
)
def test_restore_undoes_the_last_move_with_and_without_its_log(
    mover: Application, build: Builder, steps: list[str], is_pruned: bool
) -> None:
    box = mover.mailbox
    message = build.message(box)
    current, previous = "Inbox", None
    for step in steps:
        if step == "restore":
            answer = restore(mover, id=message)
            assert answer.status_code == (200 if previous else 422)
            current, previous = (previous, current) if previous else (current, None)
            continue
        folder = box.folder if step == "first" else "Draft" if step == "other release" else step
        assert mover.move(id=message, folder=folder).status_code == 200
        if step == "other release" and not is_pruned:
            # The previous release moves without writing the previous folder.
            change(mover, update(Message).where(Message.id == int(message)).values(previous_folder_id=None))
        if folder != current:
            current, previous = folder, current
    if is_pruned:
        change(mover, delete(RequestLogRow).where(RequestLogRow.message == message))
    answer = restore(mover, id=message)
    if previous is None:
        assert answer.json["message"] == "Message was never moved"
    else:
        assert (answer.status_code, answer.json.get("folder")) == (200, previous)
    assert build.folder_of(message) == (previous or current)


def test_log_replayed_by_id_gives_the_folder_after_restores(mover: Application, build: Builder) -> None:
    message = mover.mailbox.message
    mover.move(folder="Sent"), restore(mover), mover.move(folder="Draft"), restore(mover), restore(mover)
    moves = [(row.folder_from, row.folder_to) for row in build.log_rows(message)]
    assert [was_in for was_in, _ in moves[1:]] == [is_in for _, is_in in moves[:-1]]
    assert moves[-1][1] == build.folder_of(message) == "Draft"
