"""Batches, dry runs and repeated requests over the API, to the byte."""

import itertools
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from daas.records.request_log import RequestLogRow

from ..support.actors import MOVE, Application
from ..support.builders import Builder

pytestmark = pytest.mark.both_databases

BATCH = "/direct/messages/move/batch"
JSON = "application/json"
NO_ID = "9223372036854775807"


@pytest.fixture
def application(build: Builder) -> Application:
    """Return an application whose mailbox has several messages."""
    return build.application(mailboxes=[build.mailbox(folders=2, messages=4)])


def body_of(response: TestResponse) -> str:
    """Return the body of a response without its request_id, the only part that varies."""
    return response.text.replace(f'"{response.headers["X-Request-Id"]}"', '"N"', 1)


def move_many(
    application: Application, ids: list[str], folder: str = "Archived", *, uri: str = BATCH, **more: Any
) -> TestResponse:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    asked = [("mailbox", application.mailbox.name), ("folder", folder), *(("id", id_) for id_ in ids), *more.items()]
    return application.post_signed(urlencode(asked), uri=uri, headers=headers)


def move(application: Application, *, uri: str = MOVE, key: str | None = None, **arguments: str) -> TestResponse:
    box = application.mailbox
    asked = {"mailbox": box.name, "id": box.message, "folder": "Sent", **arguments}
    return application.post_signed(urlencode(asked), uri=uri, headers={} if key is None else {"Idempotency-Key": key})


def rows_after(build: Builder, response: TestResponse) -> list[RequestLogRow]:
    """Return the row of a request and those of its batch."""
    row = build.log_row(response.headers["X-Request-Id"])
    return [row, *build.batch_rows(row.id)]


def folders(build: Builder, application: Application) -> list[str]:
    return [build.folder_of(message) for message in application.mailbox.messages]


# Batches


def test_batch_returns_the_documented_body_and_moves_the_messages(application: Application, build: Builder) -> None:
    box = application.mailbox
    one, two, three, _ = box.messages
    response = move_many(application, [three, NO_ID, one, two])
    expected = (
        f'{{"request_id":"N","mailbox":"{box.name}","folder":"Archived","moved":["{three}","{one}","{two}"],'
        f'"failed":[{{"id":"{NO_ID}","message":"Message not found"}}]}}'
    )
    assert (response.status_code, body_of(response)) == (200, expected)
    assert folders(build, application) == ["Archived", "Archived", "Archived", "Inbox"]
    assert build.previous_folder_of(one) == "Inbox"


def test_batch_has_a_row_and_one_for_each_message(application: Application, build: Builder) -> None:
    box = application.mailbox
    one, two, three, _ = box.messages
    move(application, id=two, folder=box.folder)
    response = move_many(application, [three, NO_ID, two, one], folder=box.folder)
    request, *rows = rows_after(build, response)
    assert (request.reason, request.status, request.batch) == ("batch", 200, None)
    assert (request.folder_from, request.folder_to) == (None, None)
    assert [(row.message, row.folder_from, row.folder_to) for row in rows] == [
        (one, "Inbox", box.folder),
        (two, box.folder, box.folder),
        (three, "Inbox", box.folder),
    ]
    assert all(row.id > request.id for row in rows)
    same = ("at", "remote_address", "application", "service", "method", "path", "status", "mailbox", "unbound")
    for row in rows:
        assert row.reason == "moved"
        assert [getattr(row, name) for name in same] == [getattr(request, name) for name in same]


@pytest.mark.parametrize("uri", [BATCH, BATCH + "/", BATCH + "/format/json"])
def test_json_batch_has_an_array(application: Application, uri: str) -> None:
    box = application.mailbox
    asked = {"mailbox": box.name, "folder": "sent", "IDs": [box.messages[1], int(box.message)], "atomic": 1}
    response = application.post_signed(json.dumps(asked), uri=uri, content_type=JSON)
    assert (response.status_code, response.json["folder"]) == (200, "Sent")
    assert response.json["moved"] == [box.messages[1], box.message]


def test_thousand_messages_and_ten_arguments_are_read(application: Application) -> None:
    ids = [*application.mailbox.messages, *map(str, range(10**15, 10**15 + 996))]
    others = {f"x{number}": "1" for number in range(8)}
    response = move_many(application, ids, **others)
    assert (response.status_code, response.json["moved"]) == (200, application.mailbox.messages)
    assert [failed["id"] for failed in response.json["failed"]] == ids[4:]
    assert move_many(application, ids, **others, y="1").status_code == 400


INVALID = '{"request_id":"N","message":"\'ID\' contains invalid input","fields":["id"]}'
MANY = [str(number) for number in range(1, 1002)]


@pytest.mark.parametrize(
    "ids", [[], [""], ["1", "1"], ["1", ""], ["x"], ["1", "01"], MANY], ids=lambda ids: ",".join(ids)[:9]
)
@pytest.mark.parametrize("is_json", [False, True], ids=["form", "json"])
def test_ids_that_are_no_batch_are_invalid(application: Application, ids: list[str], is_json: bool) -> None:
    if is_json:
        asked = {"mailbox": application.mailbox.name, "folder": "Sent", "ids": ids}
        response = application.post_signed(json.dumps(asked), uri=BATCH, content_type=JSON)
    else:
        response = move_many(application, ids)
    assert (response.status_code, body_of(response)) == (422, INVALID)


@pytest.mark.parametrize(
    "written",
    [
        '"ids":"1"',
        '"ids":1',
        '"ids":[[1]]',
        '"ids":[null]',
        '"ids":{}',
        '"ids":[1],"ids":[2]',
        '"ids":[1],"id":2',
        '"ids":[1.0]',
        '"ids":[true]',
        '"id":[1]',
        '"ids":null',
    ],
)
def test_json_ids_are_one_array_of_ids(application: Application, written: str) -> None:
    body = f'{{"mailbox":"{application.mailbox.name}","folder":"Sent",{written}}}'
    response = application.post_signed(body, uri=BATCH, content_type=JSON)
    assert (response.status_code, body_of(response)) == (422, INVALID)


def test_array_is_invalid_in_a_single_move(application: Application) -> None:
    body = f'{{"mailbox":"{application.mailbox.name}","folder":"Sent","id":[1]}}'
    response = application.post_signed(body, content_type=JSON)
    assert (response.status_code, body_of(response)) == (422, INVALID)


@pytest.mark.parametrize("atomic", ["2", "true", "yes", "00"])
def test_atomic_is_0_or_1(application: Application, atomic: str) -> None:
    response = move_many(application, ["x"], from_folder="y", atomic=atomic)
    assert response.json["fields"] == ["id", "from_folder", "atomic"]
    assert response.json["message"] == (
        "'ID' contains invalid input. 'From Folder' contains invalid input. 'Atomic' contains invalid input"
    )


def test_atomic_batch_moves_all_or_none(application: Application, build: Builder) -> None:
    one, two, three, _ = application.mailbox.messages
    response = move_many(application, [one, NO_ID, two, "1000000000000"], atomic="1")
    expected = f'{{"request_id":"N","message":"Message not found","ids":["{NO_ID}","1000000000000"]}}'
    assert (response.status_code, body_of(response)) == (422, expected)
    assert folders(build, application) == ["Inbox"] * 4
    assert [row.reason for row in rows_after(build, response)] == ["message-not-found"]
    assert move_many(application, [one, two], atomic="1").json["moved"] == [one, two]
    elsewhere = move_many(application, [three, one, NO_ID], "Sent", from_folder="Inbox", atomic="1")
    expected = f'{{"request_id":"N","message":"Message is in another folder","ids":["{one}","{NO_ID}"]}}'
    assert (elsewhere.status_code, body_of(elsewhere)) == (409, expected)


def test_batch_from_a_folder_leaves_others_where_they_are(application: Application, build: Builder) -> None:
    _, two, three, four = application.mailbox.messages
    move_many(application, [two], "Draft")
    response = move_many(application, [two, four, three], application.mailbox.folder, from_folder="inbox")
    assert response.json["moved"] == [four, three]
    assert response.json["failed"] == [{"id": two, "message": "Message is in another folder"}]
    assert folders(build, application) == ["Inbox", "Draft", application.mailbox.folder, application.mailbox.folder]


def test_message_of_another_mailbox_is_not_found(build: Builder) -> None:
    mine, other = build.mailbox(), build.mailbox()
    response = move_many(build.application(mailboxes=[mine, other]), [other.message, mine.message])
    assert response.json["moved"] == [mine.message]
    assert build.folder_of(other.message) == "Inbox"


def test_checks_of_a_batch_are_in_order(application: Application, build: Builder) -> None:
    other = build.mailbox().folder
    named = {"mailbox": "nobody"}
    assert move_many(application, [], **named).status_code == 422
    body = urlencode({"mailbox": "nobody", "id": "1", "folder": other})
    assert application.post_signed(body, uri=BATCH).status_code == 403
    response = move_many(application, [NO_ID], other, from_folder=other)
    assert response.json["fields"] == ["folder", "from_folder"]
    body = urlencode({"mailbox": "a b", "folder": "Sent", "id": "x", "atomic": "x"})
    assert application.post_signed(body, uri=BATCH).json["fields"] == ["mailbox", "id", "atomic"]
    assert application.post_signed("id=x", uri=BATCH).json["fields"] == ["mailbox", "folder"]


# Moves from a folder


def test_single_move_from_another_folder_is_a_409(application: Application, build: Builder) -> None:
    response = move(application, from_folder="Draft")
    assert (response.status_code, body_of(response)) == (
        409,
        '{"request_id":"N","message":"Message is in another folder"}',
    )
    assert build.log_row(response.json["request_id"]).reason == "message-elsewhere"
    assert move(application, From_Folder=" INBOX ").status_code == 200


# Repeated requests

REUSED = '{"request_id":"N","message":"Idempotency-Key was used for another request"}'


def test_repeated_move_gets_the_first_body(application: Application, build: Builder) -> None:
    first = move(application, key="!a,b~")
    move(application, folder="Inbox")
    again = move(application, key="!a,b~", uri="/direct/messages/move", from_folder=" ")
    assert (again.status_code, again.data) == (200, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert int(again.headers["X-Request-Id"]) > int(first.headers["X-Request-Id"])
    assert build.log_row(again.headers["X-Request-Id"]).reason == "replayed"
    assert folders(build, application)[0] == "Inbox"


def test_repeated_batch_gets_the_first_body(application: Application, build: Builder) -> None:
    ids = [application.mailbox.messages[1], NO_ID]
    first = move_many(application, ids, key="k")
    move_many(application, ids[:1], "Inbox")
    again = move_many(application, ids, key="k", atomic="0", uri=BATCH + "/format/json")
    assert (again.status_code, again.data) == (200, first.data)
    assert [row.reason for row in rows_after(build, again)] == ["replayed"]
    assert folders(build, application)[1] == "Inbox"


def test_key_of_another_request_is_a_409(application: Application, build: Builder) -> None:
    one, two, *_ = application.mailbox.messages
    assert move(application, key="single").status_code == 200
    assert move_many(application, [one, two], key="many").status_code == 200
    others = [
        move(application, key="single", folder="Draft"),
        move(application, key="single", id=two),
        move(application, key="single", from_folder="Sent"),
        move(application, key="many"),
        move_many(application, [one], "Sent", key="single"),
        move_many(application, [two, one], key="many"),
        move_many(application, [one, two], key="many", atomic="1"),
        move_many(application, [one, two], key="many", from_folder="Archived"),
    ]
    assert [(response.status_code, body_of(response)) for response in others] == [(409, REUSED)] * len(others)
    assert build.log_row(others[0].json["request_id"]).reason == "idempotency-key-reused"


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, "a, b", "\x7f"], ids=ascii)
@pytest.mark.parametrize("uri", [MOVE, BATCH, "/direct/messages/move/dry-run", BATCH + "/dry-run/format/json"])
def test_malformed_key_is_a_400(application: Application, build: Builder, key: str, uri: str) -> None:
    response = move(application, uri=uri, key=key)
    assert (response.status_code, body_of(response)) == (400, '{"request_id":"N","message":"Bad Request"}')
    assert response.headers["X-Daas-Error"] == "idempotency-key"
    assert folders(build, application)[0] == "Inbox"


def test_key_is_checked_after_the_body_and_before_the_arguments(application: Application) -> None:
    bad = {"Idempotency-Key": "a b"}
    assert application.post_signed("x", content_type="text/plain", headers=bad).status_code == 415
    assert application.post_signed(b"\xff", headers=bad).headers["X-Daas-Error"] == "form-not-utf-8"
    assert application.post_signed("", headers=bad).status_code == 400


def test_longest_key_is_accepted(application: Application) -> None:
    first, second = [move(application, key="~" * 128) for _ in range(2)]
    assert (first.status_code, first.data) == (200, second.data)


def test_rejected_response_is_not_kept(application: Application) -> None:
    assert move(application, key="k", from_folder="Draft").status_code == 409
    assert move(application, key="k").status_code == 200


# Dry runs


def test_dry_run_responds_as_the_move_and_moves_nothing(application: Application, build: Builder) -> None:
    dry = move(application, uri="/direct/messages/move/dry-run/format/json", from_folder="Inbox")
    assert (dry.status_code, build.log_row(dry.json["request_id"]).reason) == (200, "dry-run")
    assert folders(build, application)[0] == "Inbox"
    assert body_of(dry) == body_of(move(application, from_folder="Inbox"))


def test_dry_run_neither_reads_nor_keeps_a_key(application: Application) -> None:
    dry = move(application, uri="/direct/messages/move/dry-run", key="k", folder="Draft")
    first = move(application, key="k")
    assert (dry.status_code, first.status_code) == (200, 200)
    assert "Idempotent-Replayed" not in first.headers
    again = move(application, uri="/direct/messages/move/dry-run", key="k")
    assert "Idempotent-Replayed" not in again.headers


@pytest.fixture
def pair(build: Builder) -> tuple[Application, Application]:
    """Return an application, and another one without a grant for the first one's mailbox."""
    mine, other = build.mailbox(folders=2, messages=3), build.mailbox(messages=2)
    return build.application(mailboxes=[mine]), build.application(mailboxes=[other])


def test_dry_runs_of_random_requests_respond_as_the_real_ones(
    pair: tuple[Application, Application], build: Builder, app: Flask
) -> None:
    application, other = pair
    messages = [*application.mailbox.messages, other.mailbox.message, NO_ID, "0", ""]
    places = [*application.mailbox.folders, other.mailbox.folder, "Inbox", "sent", "Trash", "", NO_ID]
    count = itertools.count()

    @given(
        mailbox=st.sampled_from([application.mailbox.name] * 6 + [other.mailbox.name, "a@b", ""]),
        ids=st.lists(st.sampled_from(messages[:3] * 3 + messages), min_size=1, max_size=4),
        folder=st.sampled_from(places),
        from_folder=st.sampled_from([None, None, None, *places]),
        atomic=st.sampled_from([None, "0", "1", "2"]),
        many=st.booleans(),
    )
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def agree(
        mailbox: str, ids: list[str], folder: str, from_folder: str | None, atomic: str | None, many: bool
    ) -> None:
        uri = BATCH if many else "/direct/messages/move"
        asked = [("mailbox", mailbox), ("folder", folder), *(("id", id_) for id_ in (ids if many else ids[:1]))]
        asked += [("from_folder", from_folder)] * (from_folder is not None) + [("atomic", atomic)] * bool(atomic)
        asked.append(("count", str(next(count))))
        before = build.state_of(application.mailbox.messages)
        dry = application.post_signed(urlencode(asked), uri=uri + "/dry-run")
        assert build.state_of(application.mailbox.messages) == before
        rows = rows_after(build, dry)
        assert len(rows) == 1
        assert (rows[0].reason == "dry-run") == (dry.status_code == 200)
        real = application.post_signed(urlencode(asked), uri=uri)
        assert (dry.status_code, body_of(dry)) == (real.status_code, body_of(real))

    agree()
