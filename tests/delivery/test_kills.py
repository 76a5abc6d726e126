"""A message whose 250 was sent is there after SIGKILL of the receiver, and no message is there twice or in part."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from daas.mailboxes.administration import find_mailbox
from daas.mailboxes.models import Message, MessageContent
from daas.settings import Settings
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.servers import reserved_port
from .client import Lmtp
from .postfix import receiver_process
from .test_lmtp import id_in, mail

pytestmark = [pytest.mark.both_databases, pytest.mark.slow, pytest.mark.processes]

_KILLS = 3
_CLIENTS = 4


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


def deliver_until_killed(port: int, mailbox: str) -> tuple[dict[int, bytes], list[bytes]]:
    """Deliver one message after the other; return those with a 250 by id, and all that were sent."""
    acknowledged: dict[int, bytes] = {}
    sent = []
    client = Lmtp(f"127.0.0.1:{port}")
    try:
        while True:
            sent.append(mail(b"x" * 2000 + b"\r\n"))
            (reply,) = client.deliver(sent[-1], mailbox)
            acknowledged[id_in(reply, mailbox)] = sent[-1]
    except (OSError, EOFError):
        return acknowledged, sent
    finally:
        client.close()


def test_every_250_is_kept_after_sigkill(app: Flask, settings: Settings, build: Builder, port: int) -> None:
    box = build.mailbox(messages=0).name
    acknowledged: dict[int, bytes] = {}
    sent: list[bytes] = []
    for _ in range(_KILLS):
        with receiver_process(settings, port) as receiver, ThreadPoolExecutor(_CLIENTS) as pool:
            delivering = [pool.submit(deliver_until_killed, port, box) for _ in range(_CLIENTS)]
            with pytest.raises(TimeoutError):
                delivering[0].result(timeout=1)
            receiver.kill()
            for each in delivering:
                acknowledged |= each.result()[0]
                sent += each.result()[1]
    with app.app_context():
        query = select(MessageContent.id, MessageContent.raw).join(Message, Message.id == MessageContent.id)
        rows = db.session.execute(query.where(Message.mailbox_id == find_mailbox(box).id)).all()
    kept = {row.id: row.raw for row in rows}
    assert acknowledged
    assert acknowledged.items() <= kept.items()
    assert len({*kept.values()}) == len(kept) <= len(acknowledged) + _KILLS * _CLIENTS
    assert {*kept.values()} <= {*sent}
