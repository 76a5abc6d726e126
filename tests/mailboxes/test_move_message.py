"""The documented responses of a move, to the byte, and the documented order of checks."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from daas.mailboxes.models import Folder, Mailbox
from daas.records.request_log import RequestLogRow
from daas.storage.engine import db

from ..support.actors import FORM, Application
from ..support.builders import Builder

pytestmark = pytest.mark.both_databases


def body_of(response: TestResponse) -> str:
    """Return the body of a response without its request_id, the only part that varies."""
    return response.text.replace(f'"{response.headers["X-Request-Id"]}"', '"N"', 1)


def test_move_returns_the_documented_body_and_moves_the_message(application: Application, build: Builder) -> None:
    box = application.mailbox
    response = application.move(folder=box.folder)
    expected = f'{{"request_id":"N","mailbox":"{box.name}","id":"{box.message}","folder":"{box.folder}"}}'
    assert (response.status_code, body_of(response)) == (200, expected)
    assert build.folder_of(box.message) == box.folder


def test_mailbox_name_is_accepted_in_any_case(application: Application) -> None:
    response = application.move(mailbox=application.mailbox.name.upper())
    assert response.json["mailbox"] == application.mailbox.name


@pytest.mark.parametrize(
    ("sent", "understood"), [("inbox", "Inbox"), ("SENT", "Sent"), ("Archived", "Archived"), ("dRaFt", "Draft")]
)
def test_standard_folder_is_accepted_in_any_case(
    application: Application, build: Builder, sent: str, understood: str
) -> None:
    response = application.move(folder=sent)
    assert response.json["folder"] == understood
    assert build.folder_of(application.mailbox.message) == understood


def test_moving_a_message_to_where_it_is_succeeds(application: Application) -> None:
    assert [application.move(folder="Inbox").status_code for _ in range(2)] == [200, 200]


def test_second_url_and_trailing_slash_give_the_same_response(application: Application) -> None:
    box = application.mailbox
    body = f"mailbox={box.name}&id={box.message}&folder=Sent"
    uris = ["/direct/messages/move", "/direct/messages/move/", "/direct/messages/move/format/json/"]
    assert [application.post_signed(body, uri=uri).status_code for uri in uris] == [200, 200, 200]


DENIED = '{"request_id":"N","message":"Access Denied. Authentication Failed."}'
USE = '{"request_id":"N","message":"Access Denied. Use Not Authorized."}'
USER = '{"request_id":"N","message":"Access Denied. User Not Authorized."}'
NO_MESSAGE = '{"request_id":"N","message":"Message not found"}'
INVALID_FOLDER = '{"request_id":"N","message":"\'Folder\' contains invalid input","fields":["folder"]}'


def test_wrong_signature_is_a_401_that_names_the_scheme(application: Application, build: Builder) -> None:
    response = application.post_signed(
        "mailbox=x", headers={"Authorization": f"DAAS {application.keys.public_key}:QQ=="}
    )
    assert (response.status_code, body_of(response)) == (401, DENIED)
    assert response.headers["WWW-Authenticate"] == "DAAS"
    assert "X-Daas-Error" not in response.headers


def test_application_without_the_service_is_403(build: Builder) -> None:
    other = build.application(mailboxes=[build.mailbox()], services=("direct/folders",))
    response = other.move()
    assert (response.status_code, body_of(response)) == (403, USE)


def test_suspended_application_is_403(build: Builder) -> None:
    response = build.application(mailboxes=[build.mailbox()], suspended=True).move()
    assert (response.status_code, body_of(response)) == (403, USE)


def test_unknown_suspended_and_foreign_mailboxes_look_the_same(application: Application, build: Builder) -> None:
    suspended = build.mailbox(suspended=True)
    everything = build.application(mailboxes=[build.mailbox()], all_mailboxes=True)
    answers = [
        application.move(mailbox="nobody.at.all"),
        application.move(mailbox=build.mailbox().name),
        everything.move(mailbox=suspended.name),
    ]
    assert {(response.status_code, body_of(response)) for response in answers} == {(403, USER)}
    assert len({tuple(name for name, _ in response.headers) for response in answers}) == 1


def test_application_with_all_mailboxes_can_use_any(build: Builder) -> None:
    box = build.mailbox()
    response = build.application(mailboxes=[box], all_mailboxes=True).move(mailbox=build.mailbox().name)
    assert body_of(response) == INVALID_FOLDER  # The error is about the folder, so the mailbox itself was accessible.


def test_message_of_another_granted_mailbox_is_not_found(build: Builder) -> None:
    mine, other = build.mailbox(), build.mailbox()
    response = build.application(mailboxes=[mine, other]).move(id=other.message)
    assert (response.status_code, body_of(response)) == (422, NO_MESSAGE)
    assert build.folder_of(other.message) == "Inbox"


def test_a_custom_folder_of_another_mailbox_is_invalid_input(application: Application, build: Builder) -> None:
    response = application.move(folder=build.mailbox().folder)
    assert (response.status_code, body_of(response)) == (422, INVALID_FOLDER)


def test_the_id_of_a_standard_folder_is_invalid_input(application: Application, app: Flask) -> None:
    with app.app_context():
        box = select(Mailbox.id).where(Mailbox.name == application.mailbox.name).scalar_subquery()
        inbox = db.session.scalar(select(Folder.id).where(Folder.mailbox_id == box, Folder.name == "Inbox"))
        db.session.rollback()
    assert body_of(application.move(folder=str(inbox))) == INVALID_FOLDER


@pytest.mark.parametrize(
    ("left_out", "fields", "message"),
    [
        (["mailbox"], '["mailbox"]', "'Mailbox' is a required field."),
        (["id"], '["id"]', "'ID' is a required field."),
        (["folder"], '["folder"]', "'Folder' is a required field."),
        (["folder", "mailbox"], '["mailbox","folder"]', "'Mailbox' is a required field. 'Folder' is a required field."),
        (
            ["id", "folder", "mailbox"],
            '["mailbox","id","folder"]',
            "'Mailbox' is a required field. 'ID' is a required field. 'Folder' is a required field.",
        ),
    ],
    ids=["mailbox", "id", "folder", "two", "all"],
)
def test_missing_arguments_are_named_in_the_documented_order(
    application: Application, left_out: list[str], fields: str, message: str
) -> None:
    response = application.move(**dict.fromkeys(left_out, " \t\r\n"))
    expected = f'{{"request_id":"N","fields":{fields},"message":"{message}"}}'
    assert (response.status_code, body_of(response)) == (422, expected)


@pytest.mark.parametrize(
    ("arguments", "fields", "message"),
    [
        ({"mailbox": "a@b"}, '["mailbox"]', "'Mailbox' contains invalid input"),
        ({"id": "01"}, '["id"]', "'ID' contains invalid input"),
        ({"folder": "Spam"}, '["folder"]', "'Folder' contains invalid input"),
        (
            {"id": "-1", "mailbox": "a b"},
            '["mailbox","id"]',
            "'Mailbox' contains invalid input. 'ID' contains invalid input",
        ),
    ],
    ids=["mailbox", "id", "folder", "two"],
)
def test_invalid_arguments_are_named_in_the_documented_order(
    application: Application, arguments: dict[str, Any], fields: str, message: str
) -> None:
    response = application.move(**arguments)
    expected = f'{{"request_id":"N","message":"{message}","fields":{fields}}}'
    assert (response.status_code, body_of(response)) == (422, expected)


def test_only_missing_arguments_are_named_if_any_is_missing(application: Application) -> None:
    response = application.move(id="x", folder="")
    assert response.json == {
        "request_id": response.json["request_id"],
        "fields": ["folder"],
        "message": "'Folder' is a required field.",
    }


ORDER = {
    "404 before 401": ({"uri": "/direct/message"}, "", {"Authorization": "no"}, 404),
    "413 before 401": ({}, "x" * 70_000, {"Authorization": "no"}, 413),
    "404 before 413": ({"uri": "/direct/messages/mov"}, "x" * 70_000, {}, 404),
    "401 before 415": ({"content_type": "text/plain"}, "", {"Authorization": "no"}, 401),
    "415 before an unreadable body": ({"content_type": "text/plain"}, b"\xff", {}, 415),
    "an unreadable body before missing arguments": ({}, b"\xff", {}, 400),
    "missing arguments before a foreign mailbox": ({}, "mailbox=nobody&id=1", {}, 422),
    "invalid arguments before a foreign mailbox": ({}, "mailbox=nobody&id=x&folder=Inbox", {}, 422),
    "a foreign mailbox before its folder": ({}, "mailbox=nobody&id=1&folder=9", {}, 403),
}


@pytest.mark.parametrize(("parts", "body", "headers", "status"), ORDER.values(), ids=ORDER)
def test_first_check_that_fails_determines_the_response(
    application: Application, parts: dict[str, Any], body: bytes | str, headers: dict[str, str], status: int
) -> None:
    assert application.post_signed(body, headers=headers, **parts).status_code == status


def test_missing_permission_is_checked_before_the_content_type(build: Builder) -> None:
    other = build.application(services=("direct/folders",))
    assert other.post_signed("", content_type="text/plain").status_code == 403


def test_folder_is_checked_before_the_message(application: Application) -> None:
    assert body_of(application.move(folder="9223372036854775807", id="9223372036854775807")) == INVALID_FOLDER


@pytest.mark.parametrize(
    ("status", "message", "parts", "body"),
    [
        (400, "Bad Request", {}, b"\xff"),
        (404, "Not Found", {"uri": "/direct/nothing"}, b""),
        (413, "Content Too Large", {}, b"x" * 65_537),
        (415, "Unsupported Media Type", {"content_type": "text/plain"}, b""),
    ],
    ids=[400, 404, 413, 415],
)
def test_the_other_errors_have_the_same_shape(
    application: Application, status: int, message: str, parts: dict[str, Any], body: bytes
) -> None:
    response = application.post_signed(body, **parts)
    assert (response.status_code, body_of(response)) == (status, f'{{"request_id":"N","message":"{message}"}}')
    assert response.headers["Content-Type"] == "application/json"


def test_every_api_response_forbids_caching(application: Application) -> None:
    answers = [application.move(), application.move(id="x"), application.post_signed("", uri="/direct")]
    assert [response.headers["Cache-Control"] for response in answers] == ["no-store"] * 3


@pytest.mark.parametrize(
    ("path", "status"), [("/directory", 404), ("/Direct/messages/move", 404), ("/v1x", 404), ("/", 405)]
)
def test_path_outside_the_api_gets_a_page_and_no_log_row(app: Flask, path: str, status: int) -> None:
    def count_rows() -> Any:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(RequestLogRow))

    before = count_rows()
    response = app.test_client().post(path, headers={"Content-Type": FORM})
    assert (response.status_code, response.content_type) == (status, "text/html; charset=utf-8")
    assert "X-Request-Id" not in response.headers
    assert count_rows() == before
