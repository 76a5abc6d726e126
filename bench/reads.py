"""Measure pages of a list and reads of messages a second, beside a bare Flask view."""

import os
import tempfile
from base64 import encodebytes
from contextlib import ExitStack
from pathlib import Path

from daas.settings import Settings
from daas.signing.mechanism import KeyPair
from tests.support.actors import authorization, now

from .checkouts import THIS
from .load import CONNECTIONS, Contender, Recorded, Replay, alternate, rate, ratio_of_rates, table
from .mail import Ledger, Mail, Moves
from .report import Section, Table
from .services import Gunicorn
from .stage import DATABASES, Stage

_MESSAGES = 100
_MAILBOX = "bench.read"
_ATTACHED_BYTES = 70_000
_CALLS = {
    "a page of 100": "/direct/messages?mailbox={mailbox}",
    "read of 100 KB": "/direct/messages/read?mailbox={mailbox}&id={id}",
    "part of 70 KB": "/direct/messages/read/part?mailbox={mailbox}&id={id}&part=2",
}


def measure(stage: Stage) -> Section:
    """List, read and fetch parts of messages of 100 KB, which were read once before."""
    mail = Mail(messages=1_000, applications=1)
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:
        for kind, name in DATABASES.items():
            settings = stage.database(kind, mail)
            _import(settings)
            service = stack.enter_context(Gunicorn.serve(settings))
            bare = stack.enter_context(Gunicorn.serve_bare_view(settings))
            ledger = Ledger(settings)
            contenders[f"{name}: bare view"] = Replay(bare.url, Moves(mail))
            for call, uri in _CALLS.items():
                reads = Reads(mail.keys(0), uri, first=mail.messages + 1)
                contenders[f"{name}: {call}"] = Recorded(ledger, Replay(service.url, reads))
        rounds = alternate(contenders, stage.rounds, stage.seconds, warm_up=True)
    pairs = [(f"{name}: {call}", f"{name}: bare view") for name in DATABASES.values() for call in _CALLS]
    return Section(
        "Reads",
        [
            f"{CONNECTIONS} connections. Each message has a text and an attachment of 70 KB in base64. Each response "
            "has its row in the log, on disk before the response is sent.",
            Table(
                ["calls", "beside", "ratio", "calls a second", "the other, a second"],
                [[*pair, ratio_of_rates(rounds, *pair), *(rate(rounds, one) for one in pair)] for pair in pairs],
            ),
            table(rounds),
        ],
    )


class Reads(Moves):
    """Signed GET requests for the messages in turn."""

    def __init__(self, keys: KeyPair, uri: str, first: int) -> None:
        """Sign requests for a URI with the keys; `first` is the id of the first message."""
        self._reader = keys
        self._uri = uri
        self._first = first
        self._sent = 0

    def _request(self, number: int, date: str) -> bytes:
        uri = self._uri.format(mailbox=_MAILBOX, id=self._first + number % _MESSAGES)
        signed = authorization(self._reader, method="GET", date=date, content_type=None, uri=uri)
        return (f"GET {uri} HTTP/1.1\r\nHost: 127.0.0.1\r\nDate: {date}\r\nAuthorization: {signed}\r\n\r\n").encode()


def _import(settings: Settings) -> None:
    """Import messages into a mailbox of their own, which the application may read; each has other bytes."""
    THIS.run(settings, "mailbox", "add", _MAILBOX)
    THIS.run(settings, "application", "grant", "bench 0", "--service", "direct/messages/read", "--mailbox", _MAILBOX)
    with tempfile.TemporaryDirectory() as directory:
        for number in range(_MESSAGES):
            Path(directory, f"{number:03}.eml").write_bytes(_message(number))
        THIS.run(settings, "message", "import", _MAILBOX, *sorted(map(str, Path(directory).iterdir())))


def _message(number: int) -> bytes:
    attached = encodebytes(os.urandom(_ATTACHED_BYTES)).replace(b"\n", b"\r\n")
    head = f"From: bench@example.org\r\nSubject: Message {number}\r\nDate: {now()}\r\n"
    return (
        head.encode() + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n"
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + attached
        + b"\r\n--b--\r\n"
    )
