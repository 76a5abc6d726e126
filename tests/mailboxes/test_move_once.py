"""Moves from a folder, moves with an Idempotency-Key, and the previous folder of a message."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from daas.applications.lookup import find_caller
from daas.applications.registry import remove_application
from daas.errors import IdempotencyKeyReused, InvalidArguments, MessageElsewhere, MessageNotFound, UserNotAuthorized
from daas.mailboxes.idempotency import KeyedRequest, Replay
from daas.mailboxes.models import IdempotencyKey
from daas.mailboxes.move_message import Move, move_message
from daas.reasons import Reason
from daas.records.request_log import RequestRecord
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder

pytestmark = pytest.mark.both_databases

NO_ID = 9223372036854775807


def move(application: Application, folder: str | int, key: str | None = None, **arguments: Any) -> Any:
    """Move the first message of the first mailbox; with a key, the body of the response is the folder."""
    box = application.mailbox
    message_id = arguments.pop("message_id", int(box.message))
    mailbox = arguments.pop("mailbox", box.name)
    call = ("move", mailbox, message_id, folder, arguments.get("from_folder"))
    keyed = None if key is None else KeyedRequest(key, call, arguments.pop("body_of", body_of))
    with application.app.app_context():
        caller = find_caller(application.keys.public_key, "direct/messages/move")
        record = RequestRecord("POST", "/direct/messages/move", "192.0.2.1", application=application.name)
        return move_message(caller, mailbox, message_id, folder, record, keyed=keyed, **arguments)


def body_of(moved: Move) -> bytes:
    return f"{moved.logged.request_id} {moved.folder}".encode()


def test_only_a_change_of_folder_changes_the_previous_one(application: Application, build: Builder) -> None:
    message = application.mailbox.message
    assert build.previous_folder_of(message) is None
    seen = []
    for folder in ("Inbox", "Sent", "Sent", int(application.mailbox.folder), "Inbox", "Inbox"):
        move(application, folder)
        seen.append(build.previous_folder_of(message))
    custom = application.mailbox.folder
    assert seen == [None, "Inbox", "Inbox", "Sent", custom, custom]


def test_previous_folder_is_the_same_for_moves_of_all_kinds(application: Application, build: Builder) -> None:
    message = application.mailbox.message
    move(application, "Sent", from_folder="Inbox")
    assert build.previous_folder_of(message) == "Inbox"
    move(application, "Sent", from_folder="Sent")
    assert build.previous_folder_of(message) == "Inbox"
    move(application, "Draft", "key")
    assert build.previous_folder_of(message) == "Sent"


def test_message_moves_only_from_the_folder_it_is_in(application: Application, build: Builder) -> None:
    box = application.mailbox
    with pytest.raises(MessageElsewhere):
        move(application, "Sent", from_folder=int(box.folder))
    assert (build.folder_of(box.message), build.log_rows(box.message)) == ("Inbox", [])
    move(application, int(box.folder), from_folder="Inbox")
    move(application, "Archived", from_folder=int(box.folder))
    assert build.folder_of(box.message) == "Archived"
    rows = build.log_rows(box.message)
    assert [(row.folder_from, row.folder_to, row.reason) for row in rows] == [
        ("Inbox", box.folder, "moved"),
        (box.folder, "Archived", "moved"),
    ]


def test_checks_of_a_move_from_a_folder_are_in_order(application: Application, build: Builder) -> None:
    other = int(build.mailbox().folder)
    with pytest.raises(UserNotAuthorized):
        move(application, NO_ID, mailbox="nobody", from_folder=NO_ID)
    with pytest.raises(InvalidArguments) as both:
        move(application, other, from_folder=NO_ID)
    assert (both.value.fields, both.value.reason) == (["folder", "from_folder"], Reason.FOLDER_NOT_FOUND)
    assert both.value.message == "'Folder' contains invalid input. 'From Folder' contains invalid input"
    with pytest.raises(InvalidArguments) as one:
        move(application, "Sent", from_folder=other, message_id=NO_ID)
    assert one.value.fields == ["from_folder"]
    with pytest.raises(MessageNotFound):
        move(application, "Sent", from_folder="Draft", message_id=NO_ID)


def test_repeated_move_gets_the_first_response_and_moves_nothing(application: Application, build: Builder) -> None:
    message = application.mailbox.message
    first = move(application, "Sent", "key")
    move(application, "Inbox")
    again = move(application, "Sent", "key")
    assert isinstance(again, Replay)
    assert again.body == body_of(first)
    assert build.folder_of(message) == "Inbox"
    row = build.log_row(again.logged.request_id)
    assert int(again.logged.request_id) > int(first.logged.request_id)
    assert (row.reason, row.status, row.folder_from, row.folder_to) == ("replayed", 200, None, None)


def test_key_with_another_request_is_rejected(application: Application, build: Builder) -> None:
    move(application, "Sent", "key")
    for other in ({"folder": "Draft"}, {"folder": "Sent", "from_folder": "Sent"}, {"folder": NO_ID}):
        with pytest.raises(IdempotencyKeyReused):
            move(application, key="key", **other)
    assert build.folder_of(application.mailbox.message) == "Sent"


def test_keys_of_applications_and_other_keys_are_separate(application: Application, build: Builder) -> None:
    other = build.application(mailboxes=application.mailboxes)
    moves = [move(application, "Sent", "key"), move(other, "Sent", "key"), move(application, "Sent", "Key")]
    assert all(isinstance(moved, Move) for moved in moves)


def test_key_of_a_rejected_move_can_be_used_again(application: Application) -> None:
    with pytest.raises(MessageElsewhere):
        move(application, "Sent", "key", from_folder="Draft")
    assert isinstance(move(application, "Sent", "key"), Move)


def test_key_is_checked_after_the_mailbox_and_before_the_folders(application: Application) -> None:
    move(application, "Sent", "key")
    with pytest.raises(UserNotAuthorized):
        move(application, "Sent", "key", mailbox="nobody")
    with pytest.raises(IdempotencyKeyReused):
        move(application, "Sent", "key", from_folder=NO_ID)


def test_move_whose_response_cannot_be_kept_does_not_happen(application: Application, build: Builder) -> None:
    with pytest.raises(ZeroDivisionError):
        move(application, "Sent", "key", body_of=lambda _: 1 // 0)
    assert (build.folder_of(application.mailbox.message), build.log_rows(application.mailbox.message)) == ("Inbox", [])
    assert isinstance(move(application, "Sent", "key"), Move)


def test_of_two_moves_with_one_key_at_once_the_second_waits(application: Application, build: Builder) -> None:
    inside, both = Event(), Event()

    def slow(moved: Move) -> bytes:
        inside.set()
        both.wait(0.3)  # The second has begun by then, or it comes later: it must get the first response either way.
        return body_of(moved)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(move, application, "Sent", "key", body_of=slow)
        assert inside.wait(10)
        second = move(application, "Sent", "key")
    assert isinstance(second, Replay)
    assert second.body == body_of(first.result())
    assert [row.reason for row in build.log_rows(application.mailbox.message)] == ["moved"]


def count_keys(app: Flask, application: Application) -> int:
    with app.app_context():
        caller = find_caller(application.keys.public_key, "direct/messages/move")
        count = select(func.count()).where(IdempotencyKey.application_id == caller.id)
        return db.session.scalar(count)


def age(app: Flask, hours: float) -> None:
    """Make all keys older."""
    with app.app_context():
        for row in db.session.scalars(select(IdempotencyKey)).all():
            row.at -= datetime.timedelta(hours=hours)
        db.session.commit()


def test_key_is_kept_for_24_hours(application: Application, app: Flask) -> None:
    first = move(application, "Sent", "key")
    age(app, 23.9)
    assert move(application, "Sent", "key").body == body_of(first)
    age(app, 0.2)
    again = move(application, "Draft", "key")
    assert isinstance(again, Move)
    assert move(application, "Draft", "key").body == body_of(again)


def test_expired_keys_are_deleted_as_new_ones_are_written(application: Application, app: Flask) -> None:
    for number in range(6):
        move(application, "Sent", f"old {number}")
    age(app, 25)
    for number in range(3):
        move(application, "Sent", f"new {number}")
    assert count_keys(app, application) == 3


def test_move_without_a_key_touches_no_key(application: Application, app: Flask) -> None:
    move(application, "Sent", "old")
    age(app, 25)
    move(application, "Inbox")
    move(application, "Sent", from_folder="Inbox")
    assert count_keys(app, application) == 1


def test_application_with_keys_can_be_removed(application: Application, app: Flask) -> None:
    moved = move(application, "Sent", "key")
    with app.app_context():
        remove_application(application.name)
        kept = select(func.count()).where(IdempotencyKey.body == body_of(moved).decode())
        assert db.session.scalar(kept) == 0
