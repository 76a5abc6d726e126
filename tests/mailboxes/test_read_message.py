"""The calls that read a message, its parts and its bytes, and the counts of attachments in lists."""

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from daas.mailboxes import attachments
from daas.mailboxes.models import MessageContent, MessageEnvelope, MessageParts
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder
from ..support.mail import CCDA, attachment, entity, message, multipart, xdm

pytestmark = pytest.mark.both_databases

READ, PART, RAW = "/direct/messages/read", "/direct/messages/read/part", "/direct/messages/read/raw"
SERVICE = "direct/messages/read"
_USE, _USER = "Access Denied. Use Not Authorized.", "Access Denied. User Not Authorized."
SUMMARY = attachment(CCDA, "text/xml", "ccd.xml")
LETTER = (
    b"Message-ID: <1@lab.example.org>\r\nDate: Mon, 02 Nov 2026 15:00:00 +0000\r\nFrom: Lab <lab@example.org>\r\n"
    b"To: me@example.org\r\nCc: you@example.org\r\nSubject: Results\r\n"
    + multipart(entity(b"See the file.\r\n", "Content-Type: text/plain"), SUMMARY)
)


def get(application: Application, path: str, headers: Any = None, **arguments: str) -> TestResponse:
    uri = f"{path}?{urlencode({'mailbox': application.mailbox.name, **arguments})}"
    signed = application.signed_headers(method="GET", uri=uri, content_type=None)
    return application.app.test_client().get(uri, headers={**signed, **(headers or {})})


@pytest.fixture
def reader(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox(messages=0)], services=(SERVICE, "direct/messages"))


@pytest.fixture
def put(build: Builder, reader: Application) -> Any:
    """Return a function that imports a message into the reader's mailbox and returns its id."""
    return lambda raw: build.raw_message(reader.mailbox, raw)


def stored_parts(app: Flask, message_id: str) -> str | None:
    with app.app_context():
        return db.session.scalar(select(MessageParts.parts).where(MessageParts.id == int(message_id)))


def test_read_shows_header_text_and_parts(reader: Application, put: Any) -> None:
    message_id = put(LETTER)
    response = get(reader, READ, id=message_id)
    assert response.status_code == 200
    digest = hashlib.sha256(b"See the file.\r\n").hexdigest()
    assert response.text == (
        f'{{"request_id":"{response.headers["X-Request-Id"]}","mailbox":"{reader.mailbox.name}","id":"{message_id}",'
        '"folder":"Inbox","message_id":"<1@lab.example.org>","subject":"Results","from":"Lab <lab@example.org>",'
        f'"to":"me@example.org","cc":"you@example.org","date":"2026-11-02T15:00:00Z","size":"{len(LETTER)}",'
        '"text":"See the file.\\n","parts":['
        f'{{"part":"1","type":"text/plain","name":"","size":"15","sha256":"{digest}"}},'
        f'{{"part":"2","type":"text/xml","name":"ccd.xml","size":"{len(CCDA)}",'
        f'"sha256":"{hashlib.sha256(CCDA).hexdigest()}","document":"C-CDA"}}]}}'
    )
    assert get(reader, READ + "/format/json", id=message_id).json["parts"] == response.json["parts"]


def test_long_text_is_marked_as_cut(reader: Application, put: Any) -> None:
    response = get(reader, READ, id=put(b"From: a\r\n\r\n" + b"x" * 65_537)).json
    assert (len(response["text"]), response["text_cut"]) == (65_536, "1")
    assert [*response][-3:] == ["text", "text_cut", "parts"]


def test_each_listed_part_is_served_with_its_digest(reader: Application, put: Any) -> None:
    package = attachment(xdm(("a.xml", CCDA), ("scan.pdf", b"%PDF")), "application/zip", "health.zip")
    message_id = put(
        message(multipart(entity(b""), SUMMARY, package, entity(b"From: b", "Content-Type: message/rfc822")))
    )
    listed = get(reader, READ, id=message_id).json["parts"]
    assert [part["part"] for part in listed] == ["1", "2", "3", "3/1", "3/2", "3/3", "3/4", "4"]
    assert [part.get("path") for part in listed][3:5] == ["INDEX.HTM", "IHE_XDM/SUBSET01/METADATA.XML"]
    assert [*listed[5]] == ["part", "type", "name", "path", "size", "sha256", "document"]
    for part in listed:
        content = get(reader, PART, id=message_id, part=part["part"]).data
        assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (part["size"], part["sha256"])


def test_part_is_served_without_a_read_before(reader: Application, put: Any) -> None:
    assert get(reader, PART, id=put(LETTER), part="2").data == CCDA


def test_raw_is_the_message_as_it_arrived(reader: Application, put: Any) -> None:
    raw = b"From: a\r\n\r\n\x00\xff\nlast"
    message_id = put(raw)
    response = get(reader, RAW, id=message_id)
    assert response.data == raw
    assert response.headers["Content-Type"] == "message/rfc822"
    assert f'filename="message-{message_id}.eml"' in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("media_type", "served"),
    [
        ("text/plain", "text/plain"),
        ("application/pdf", "application/pdf"),
        ("application/zip", "application/zip"),
        ("image/png", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("image/gif", "image/gif"),
        ("image/tiff", "image/tiff"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
    ],
)
def test_bytes_are_served_for_saving_only(reader: Application, put: Any, media_type: str, served: str) -> None:
    response = get(reader, PART, id=put(message(multipart(attachment(b"x", media_type, "a.b")))), part="1")
    assert response.headers["Content-Type"] == served
    assert response.headers["Content-Disposition"] == "attachment; filename=\"a.b\"; filename*=UTF-8''a.b"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"] == "sandbox"
    assert response.headers["Content-Length"] == "1"


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("ärzte brief.pdf", "attachment; filename=\"_rzte_brief.pdf\"; filename*=UTF-8''%C3%A4rzte%20brief.pdf"),
        (r"a\"b.pdf", "attachment; filename=\"a_b.pdf\"; filename*=UTF-8''a%22b.pdf"),
        ("", "attachment; filename=\"part-1\"; filename*=UTF-8''part-1"),
    ],
)
def test_file_name_is_sent_by_rfc_8187(reader: Application, put: Any, name: str, disposition: str) -> None:
    response = get(reader, PART, id=put(message(attachment(b"x", "application/pdf", name))), part="1")
    assert response.headers["Content-Disposition"] == disposition


def test_headers_of_a_long_name_pass_proxies(reader: Application, put: Any) -> None:
    response = get(reader, PART, id=put(message(attachment(b"x", "text/xml", "\U0001f3e5" * 400))), part="1")
    assert len(response.headers["Content-Disposition"]) < 2500


def test_contents_are_stored_at_the_first_read_only(app: Flask, reader: Application, put: Any) -> None:
    message_id = put(LETTER)
    assert stored_parts(app, message_id) is None
    first = get(reader, READ, id=message_id).json
    # What is stored is what is shown, even without the message's bytes.
    with app.app_context():
        db.session.execute(
            update(MessageContent).where(MessageContent.id == int(message_id)).values(raw=b"From: x\n\n")
        )
        db.session.commit()
    assert {**get(reader, READ, id=message_id).json, "request_id": ""} == {**first, "request_id": ""}


def test_contents_of_another_version_are_found_again(app: Flask, reader: Application, put: Any) -> None:
    message_id = put(LETTER)
    shown = get(reader, READ, id=message_id).json["parts"]
    with app.app_context():
        db.session.execute(update(MessageParts).where(MessageParts.id == int(message_id)).values(parts='{"version":0}'))
        db.session.commit()
    assert get(reader, READ, id=message_id).json["parts"] == shown
    assert json.loads(stored_parts(app, message_id))["version"] == 1


def test_bytes_that_no_database_stores_as_text_are_read(reader: Application, put: Any) -> None:
    raw = b"From: a\r\nSubject: \x00\xff\r\nContent-Type: text/plain; name=\x00\xed\xa0\x80\r\n\r\n\x00\xff\xed\xa0\x80"
    message_id = put(raw)
    first, second = (get(reader, READ, id=message_id).json for _ in range(2))
    assert {**first, "request_id": ""} == {**second, "request_id": ""}


@pytest.mark.parametrize("path", [READ, RAW, PART])
def test_rejections_are_those_of_other_calls(build: Builder, reader: Application, put: Any, path: str) -> None:
    message_id = put(LETTER)
    part = {"part": "1"} if path == PART else {}
    stranger = build.application(mailboxes=[build.mailbox()])
    expected: list[tuple[TestResponse, int, dict[str, Any]]] = [
        (get(stranger, path, id=message_id, **part), 403, {"message": _USE}),
        (get(reader, path, id="0", **part), 422, {"message": "'ID' contains invalid input", "fields": ["id"]}),
        (get(reader, path, mailbox="other", id=message_id, **part), 403, {"message": _USER}),
        (get(reader, path, id=stranger.mailbox.message, **part), 422, {"message": "Message not found"}),
        (get(reader, path, id="9223372036854775807", **part), 422, {"message": "Message not found"}),
    ]
    for response, status, body in expected:
        assert (response.status_code, {**response.json, "request_id": ""}) == (status, {"request_id": "", **body})
    assert reader.app.test_client().post(path).status_code == 405
    missing = get(reader, path, mailbox="").json
    assert missing["fields"] == ["mailbox", "id", *part]


@pytest.mark.parametrize("part", ["3", "1.1", "0", "01", "2/1", "x", "1" * 600, "1/", "-1"])
def test_part_that_is_not_there_is_invalid_input(reader: Application, put: Any, part: str) -> None:
    response = get(reader, PART, id=put(LETTER), part=part)
    assert response.status_code == 422
    assert response.text.endswith('"message":"\'Part\' contains invalid input","fields":["part"]}')


def test_reads_are_logged(build: Builder, reader: Application, put: Any) -> None:
    message_id = put(LETTER)
    for path, arguments in [(READ, {}), (PART, {"part": "1"}), (RAW, {}), (READ, {})]:
        response = get(reader, path, id=message_id, **arguments)
        row = build.log_row(response.headers["X-Request-Id"])
        assert (row.status, row.reason, row.service, row.path) == (200, "read", SERVICE, path)
        assert (row.mailbox, row.message) == (reader.mailbox.name, message_id)
    assert build.log_row(get(reader, PART, id=message_id, part="9").json["request_id"]).reason == "part-not-found"


def test_list_counts_attachments(reader: Application, put: Any) -> None:
    put(LETTER)
    put(message(multipart(SUMMARY, attachment(xdm(), "application/zip", "a.zip"))))
    put(b"From: a\r\n\r\n")
    response = get(reader, "/direct/messages")
    assert [shown["attachments"] for shown in response.json["messages"]] == ["1", "2", "0"]
    assert [*response.json["messages"][0]][-2:] == ["size", "attachments"]


def forget_counts(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(MessageEnvelope).values(attachments=None))
        db.session.commit()


def uncounted(app: Flask) -> int:
    with app.app_context():
        return attachments.count_uncounted()


def test_missing_counts_are_computed_and_stored(app: Flask, reader: Application, put: Any) -> None:
    ids = [put(LETTER + bytes([65 + n])) for n in range(3)]
    forget_counts(app)
    before = uncounted(app)
    response = get(reader, "/direct/messages", limit="2").json
    assert [(shown["id"], shown["attachments"]) for shown in response["messages"]] == [(ids[0], "1"), (ids[1], "1")]
    assert uncounted(app) == before - 2


def test_page_ends_where_counting_would_read_too_much(
    app: Flask, reader: Application, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [put(LETTER + bytes([65 + n])) for n in range(5)]
    monkeypatch.setattr(attachments, "MAX_PAGE_BYTES", 2 * len(LETTER) + 3)
    forget_counts(app)
    response = get(reader, "/direct/messages").json
    assert ([shown["id"] for shown in response["messages"]], response["next"]) == (ids[:2], ids[1])
    monkeypatch.setattr(attachments, "MAX_PAGE_BYTES", 1)
    response = get(reader, "/direct/messages", after=ids[1]).json
    assert ([shown["id"] for shown in response["messages"]], response["next"]) == (ids[2:3], ids[2])
    # What was counted costs nothing any more.
    response = get(reader, "/direct/messages").json
    assert ([shown["id"] for shown in response["messages"]], response["next"]) == (ids[:4], ids[3])
