"""The moves of a message, as the call for its history lists them."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update

from daas.applications.registry import DEFAULT_SERVICES
from daas.mailboxes.history import history_query
from daas.mailboxes.models import MessageEnvelope
from daas.records.request_log import RequestLogRow
from daas.records.retention import prune_requests
from daas.settings import Settings
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder
from ..support.database import transaction
from ..support.large_log import make_large_log, plan_of, work_of
from .test_find_messages import body_of, get

pytestmark = pytest.mark.both_databases

HISTORY = "/direct/messages/history"
SERVICES = (*DEFAULT_SERVICES, "direct/messages/history")


@pytest.fixture
def mover(build: Builder) -> Application:
    """Return an application that may read histories, with a mailbox of two custom folders and two messages."""
    return build.application(mailboxes=[build.mailbox(folders=2, messages=2)], services=SERVICES)


def history(mover: Application, **arguments: Any) -> Any:
    answer = get(mover, HISTORY, **{"id": mover.mailbox.message, **arguments})
    assert answer.status_code == 200, answer.text
    return answer.json


def move(mover: Application, folder: str, **arguments: str) -> str:
    answer = mover.move(folder=folder, **arguments)
    assert answer.status_code == 200, answer.text
    return str(answer.json["request_id"])


def places(shown: Any) -> list[tuple[str, str, str]]:
    return [(each["request_id"], each["from"], each["to"]) for each in shown["moves"]]


def test_history_has_the_documented_body(mover: Application, build: Builder) -> None:
    box = mover.mailbox
    moved = move(mover, "Archived")
    at = build.log_row(moved).at.strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = get(mover, HISTORY, id=box.message)
    assert body_of(answer) == (
        f'{{"request_id":"N","mailbox":"{box.name}","id":"{box.message}","folder":"Archived","moves":['
        f'{{"request_id":"{moved}","at":"{at}","application":"{mover.name}","from":"Inbox","to":"Archived"}}'
        '],"complete":"1"}'
    )
    row = build.log_row(answer.json["request_id"])
    assert (row.reason, row.message, row.folder_from) == ("listed", box.message, None)


def test_next_precedes_complete(mover: Application) -> None:
    move(mover, "Sent"), move(mover, "Draft")
    shown = history(mover, limit=1)
    assert [*shown] == ["request_id", "mailbox", "id", "folder", "moves", "next", "complete"]


@pytest.mark.parametrize("suffix", ["", "/", "/format/json", "/format/json/"])
def test_history_has_the_same_urls_as_other_calls(mover: Application, suffix: str) -> None:
    assert get(mover, HISTORY + suffix, id=mover.mailbox.message).status_code == 200


def test_message_that_never_moved_has_no_moves(mover: Application) -> None:
    shown = history(mover)
    assert (shown["folder"], shown["moves"], shown["complete"]) == ("Inbox", [], "1")


def test_moves_that_changed_nothing_are_left_out(mover: Application) -> None:
    custom = mover.mailbox.folder
    move(mover, "Inbox")
    first = move(mover, custom)
    move(mover, custom)
    last = move(mover, "inbox")
    assert places(history(mover)) == [(first, "Inbox", custom), (last, custom, "Inbox")]


def test_rejected_moves_and_other_messages_are_left_out(mover: Application) -> None:
    move(mover, "Sent", id=mover.mailbox.messages[1])
    assert mover.move(folder="999999999").status_code == 422
    assert history(mover)["moves"] == []


def test_names_of_other_applications_are_empty(mover: Application, build: Builder) -> None:
    other = build.application(mailboxes=[mover.mailbox], services=SERVICES)
    move(other, "Sent"), move(mover, "Inbox")
    assert [each["application"] for each in history(mover)["moves"]] == ["", mover.name]
    assert [each["application"] for each in history(other)["moves"]] == [other.name, ""]


def log_batch(app: Flask, message_ids: list[str], moves: Iterator[tuple[str, str]]) -> str:
    """Write the rows that a batch writes, for messages of which each is moved as the next of `moves`."""
    with app.app_context(), db.session.begin():
        row = {
            **dict.fromkeys(["remote_address", "method", "path"], "x"),
            **{"at": datetime.now(UTC), "status": 200, "duration_ms": 1.0, "application": "x"},
        }
        write = insert(RequestLogRow).returning(RequestLogRow.id)
        batch = db.session.execute(write.values(**row, reason="batch")).scalar_one()
        for message, (was_in, is_in) in zip(message_ids, moves, strict=False):
            values = {"reason": "moved", "batch": batch, "message": message, "folder_from": was_in, "folder_to": is_in}
            db.session.execute(write.values(**row, **values))
    return str(batch)


@hypothesis_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), max_size=8), st.integers(1, 4))
def test_pages_have_each_move_once_also_of_batches(
    mover: Application, build: Builder, in_batches: list[bool], limit: int
) -> None:
    two = [build.message(mover.mailbox), build.message(mover.mailbox)]
    folders = itertools.cycle([("Inbox", "Sent"), ("Sent", "Inbox")])
    expected = []
    for in_batch, moved in zip(in_batches, folders, strict=False):
        if in_batch:
            request = log_batch(mover.app, two, itertools.repeat(moved))
        else:
            request = move(mover, moved[1], id=two[1])
            # A move of the log alone would leave the message where it is.
            with mover.app.app_context(), db.session.begin():
                row = update(RequestLogRow).where(RequestLogRow.id == int(request))
                db.session.execute(row.values(folder_from=moved[0], folder_to=moved[1]))
        expected.append((request, *moved))
    found: list[tuple[str, str, str]] = []
    after: dict[str, str] = {}
    while True:
        page = history(mover, id=two[1], limit=limit, **after)
        found += places(page)
        assert found == expected[: len(found)]
        assert len(page["moves"]) == limit or "next" not in page
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert found == expected
    # Any request_id can be where a page begins.
    for place, (request, *_) in enumerate(expected):
        assert places(history(mover, id=two[1], after=request)) == expected[place + 1 :]


def test_message_of_another_mailbox_is_not_found(mover: Application, build: Builder) -> None:
    other = build.mailbox()
    for message in (other.message, "999999999999"):
        answer = get(mover, HISTORY, id=message)
        assert (answer.status_code, answer.json["message"]) == (422, "Message not found")
    answer = get(mover, HISTORY, mailbox=other.name, id=other.message)
    assert (answer.status_code, answer.json["message"]) == (403, "Access Denied. User Not Authorized.")


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"id": ""}, ["id"]),
        ({"id": "0", "limit": "1001", "after": "x"}, ["id", "limit", "after"]),
        ({"mailbox": ""}, ["mailbox"]),
    ],
    ids=str,
)
def test_bad_arguments_of_a_history_are_named(mover: Application, arguments: Any, fields: list[str]) -> None:
    answer = get(mover, HISTORY, **{"id": mover.mailbox.message, **arguments})
    assert (answer.status_code, answer.json["fields"]) == (422, fields)


# Whether a history is complete.


@pytest.fixture
def alone(database_kind: str, make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """Return an app over a database of its own, whose log no other test fills."""
    from daas.app import create_app, create_command_app
    from daas.migrations import upgrade

    from ..support.actors import ForgetfulClient

    settings = make_settings(database_kind)
    with create_command_app(settings).app_context():
        upgrade()
        db.engine.dispose()
    app = create_app(settings)
    app.test_client_class = ForgetfulClient
    yield app
    with app.app_context():
        db.engine.dispose()


def set_times(app: Flask, imported_at: datetime, *rows_at: datetime) -> None:
    """Set when the messages were imported, and when the first requests of the log arrived."""
    with app.app_context(), db.session.begin():
        db.session.execute(update(MessageEnvelope).values(imported_at=imported_at))
        ids = db.session.scalars(select(RequestLogRow.id).order_by(RequestLogRow.id)).all()
        for id_, at in zip(ids, rows_at, strict=False):
            db.session.execute(update(RequestLogRow).where(RequestLogRow.id == id_).values(at=at))


def prune(app: Flask, before: datetime) -> int:
    with app.app_context():
        return prune_requests(before)


DAY = timedelta(days=1)
THEN = datetime(2026, 11, 2, 15, tzinfo=UTC)


def test_history_is_complete_unless_younger_rows_were_pruned(alone: Flask) -> None:
    build = Builder(alone)
    mover = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    move(mover, "Sent"), move(mover, "Draft"), move(mover, "Inbox")
    set_times(alone, THEN + DAY, THEN, THEN + 2 * DAY, THEN + 4 * DAY)
    assert history(mover)["complete"] == "1"
    # Only a row from before the import goes, although the prune could have deleted younger ones.
    assert prune(alone, THEN + 2 * DAY) == 1
    assert history(mover)["complete"] == "1"
    assert prune(alone, THEN + 3 * DAY) == 1
    assert history(mover)["complete"] == "0"
    later = build.message(mover.mailbox)
    assert history(mover, id=later)["complete"] == "1"


def test_prune_of_an_earlier_release_counts_up_to_its_time(alone: Flask) -> None:
    build = Builder(alone)
    mover = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    set_times(alone, THEN)
    for before, complete in [(THEN - DAY, "1"), (THEN + DAY, "0")]:
        with alone.app_context(), transaction() as connection:
            connection.execute(
                text(
                    "INSERT INTO audit (at, actor, act, subject, details)"
                    " VALUES (CURRENT_TIMESTAMP, 'kim', 'request prune', '', :details)"
                ),
                {"details": f'{{"before": "{before.isoformat()}", "through": 7}}'},
            )
        assert history(mover)["complete"] == complete


# What a page costs.

SIZES = [pytest.param(20_000, id="small"), pytest.param(1_000_000, id="large", marks=pytest.mark.slow)]


@pytest.mark.parametrize("rows", SIZES)
def test_a_page_reads_a_page_of_rows_by_the_index(
    database_kind: str, make_settings: Callable[..., Settings], rows: int
) -> None:
    app = make_large_log(make_settings(database_kind), rows)
    with app.app_context():
        with transaction() as connection:
            for statement in [
                "INSERT INTO mailbox (id, name, suspended) VALUES (5, 'ejaffee', false)",
                "INSERT INTO folder (id, mailbox_id, name, standard) VALUES (7, 5, 'Inbox', true)",
                "INSERT INTO message (id, mailbox_id, folder_id) VALUES (181, 5, 7)",
                "INSERT INTO message_envelope (id, mailbox_id, digest, message_id, subject, subject_folded, sender,"
                " sender_folded, recipients, size, imported_at)"
                " VALUES (181, 5, 'd', '', '', '', '', '', '', 1, CURRENT_TIMESTAMP)",
            ]:
                connection.execute(text(statement))
        middle = rows - rows // 20
        pages = [history_query(181, after, 100).params(message_id=181, mailbox_id=5) for after in (0, middle)]
        for page in pages:
            plan = plan_of(page)
            assert "ix_request_log_message_id" in plan, plan
            assert "SCAN request_log" not in plan
            assert "Seq Scan on request_log" not in plan
        costs = [work_of(page) for page in pages]
        assert max(costs) < {"postgresql": 1_000, "sqlite": 20_000}[database_kind], costs
        assert max(costs) < 1.2 * min(costs)
        db.engine.dispose()
