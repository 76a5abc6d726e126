"""Postfix hands mail over: each message is kept once, byte for byte, whatever happens between the two."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from daas.mailboxes.administration import find_mailbox
from daas.mailboxes.models import Message, MessageContent
from daas.settings import Settings
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.servers import PostgreSQL, reserved_port
from .postfix import KILLED_AFTER_COMMIT, Postfix, receiver_process
from .test_lmtp import count_in, mail, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.only("postgresql")]


@pytest.fixture(scope="module")
def lmtp_port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


@pytest.fixture(scope="module")
def postfix(lmtp_port: int) -> Iterator[Postfix]:
    with Postfix.start(lmtp_port) as postfix:
        yield postfix


@pytest.fixture
def receiver(settings: Settings, lmtp_port: int) -> Iterator[Any]:
    with receiver_process(settings, lmtp_port) as process:
        yield process


@pytest.fixture
def box(build: Builder) -> str:
    return build.mailbox(messages=0).name


def letter(body: bytes = b"Body\r\n") -> bytes:
    """Return a message with all fields that Postfix would add to its header."""
    raw = mail(body)
    number = re.search(rb"subject (\d+)", raw)[1]
    return b"Message-ID: <%b@example.org>\r\nDate: Mon, 2 Nov 2026 10:00:00 -0500\r\n%b" % (number, raw)


def bodies_in(app: Flask, mailbox: str) -> list[bytes]:
    """Return each message of a mailbox without the fields that Postfix adds before its header."""
    with app.app_context():
        mailbox_id = find_mailbox(mailbox).id
        query = select(MessageContent.raw).join(Message, Message.id == MessageContent.id)
        raws = db.session.scalars(query.where(Message.mailbox_id == mailbox_id).order_by(Message.id)).all()
    return [raw[re.search(rb"(?mi)^Message-ID: ", raw).start() :] for raw in raws]


@pytest.mark.usefixtures("receiver")
def test_unknown_recipient_bounces_once_and_the_other_gets_the_mail(
    app: Flask, build: Builder, postfix: Postfix, box: str
) -> None:
    sender, raw = build.mailbox(messages=0).name, letter()
    postfix.send(raw, box, "nobody", sender=sender)
    postfix.wait_until_empty()
    assert bodies_in(app, box) == [raw]
    (bounce,) = bodies_in(app, sender)
    assert b"550 5.1.1 No such mailbox" in bounce


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize(
    ("body", "smtputf8"),
    [
        ("8 bits: \xe4\xf6\xfc \u4e2d\r\n".encode() + b"\xff\xfe\x80\r\n", False),
        ("Gr\xfc\xdfe\r\n".encode(), True),
        (b"x" * 100_000 + b"\r\nshort\r\n.\r\n..\r\n", False),
        (b"0123456789abcdef" * 4 * 655_360 + b"\r\n", False),
    ],
    ids=["8-bit", "smtputf8", "100,000 bytes in a line", "40 MB in a line"],
)
def test_bytes_are_kept(app: Flask, postfix: Postfix, box: str, body: bytes, smtputf8: bool) -> None:
    raw = letter(body)
    if smtputf8:
        raw = raw.replace(b"Secret", "\u4e2d\u6587".encode())
    postfix.send(raw, box, smtputf8=smtputf8)
    postfix.wait_until_empty()
    assert bodies_in(app, box) == [raw]


@pytest.mark.usefixtures("receiver")
def test_mail_waits_while_the_database_is_away(
    app: Flask, settings: Settings, postfix: Postfix, postgresql: PostgreSQL, box: str
) -> None:
    url = settings.database_url
    admin = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with app.app_context():
        db.engine.dispose()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database])
        try:
            raw = letter()
            postfix.send(raw, box)
            postfix.wait_for_log("451 4.3.0 Database is unavailable")
        finally:
            connection.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")
    postfix.retry()
    postfix.wait_until_empty()
    assert bodies_in(app, box) == [raw]


def test_receiver_killed_between_commit_and_reply_keeps_once(
    app: Flask, settings: Settings, postfix: Postfix, lmtp_port: int, box: str
) -> None:
    raw = letter()
    with receiver_process(settings, lmtp_port, first=KILLED_AFTER_COMMIT) as killed:
        postfix.send(raw, box)
        assert killed.wait(timeout=60) == -9
    assert count_in(app, box) == 1
    with receiver_process(settings, lmtp_port):
        postfix.retry()
        postfix.wait_until_empty()
    assert bodies_in(app, box) == [raw]
    assert [row[0] for row in rows_of(app, box)] == ["delivered", "delivered-before"]


@pytest.mark.usefixtures("receiver")
def test_thousand_messages_arrive_while_moves_go_on(app: Flask, build: Builder, postfix: Postfix) -> None:
    application = build.application(mailboxes=[build.mailbox(messages=1)])
    boxes = [build.mailbox(messages=0).name for _ in range(4)]
    sent: dict[str, list[bytes]] = {box: [letter() for _ in range(250)] for box in boxes}
    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(postfix.send, raw, box) for box, raws in sent.items() for raw in raws]
        moved = []
        while not all(each.done() for each in sending):
            moved.append(application.move(folder="Sent").status_code)
            moved.append(application.move(folder="Inbox").status_code)
        for each in sending:
            each.result()
    postfix.wait_until_empty()
    assert {*moved} == {200}
    for box, raws in sent.items():
        assert sorted(bodies_in(app, box)) == sorted(raws)
