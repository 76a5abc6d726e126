"""Clients that behave as real ones do: each keeps one connection alive and reconnects when it is lost."""

import random
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import formatdate
from types import TracebackType
from urllib.parse import urlencode

from tests.support.actors import MOVE, Application
from tests.support.builders import Mailbox
from tests.support.wire import Answer, Wire, post, signed

from .journal import Attempt, Journal

#: Open a connection to the service, or to the proxy in front of it.
Connect = Callable[[], socket.socket]

# Seconds between attempts to connect to a service that refuses connections.
_AGAIN_SECONDS = 0.02
_UNKNOWN_PATH = "/direct/messages/unknown"


class _Line(Wire):
    """A connection that records whether a part of the response has arrived."""

    received = 0

    def _receive(self) -> bytes:
        piece = super()._receive()
        self.received += len(piece)
        return piece


class Client:
    """A client of an application; `clock` returns the time of its requests, in seconds since 1970.

    It keeps its connection open; if `keeps` is false, it opens one for each request.
    """

    def __init__(
        self,
        connect: Connect,
        application: Application,
        journal: Journal,
        clock: Callable[[], float] = time.time,
        *,
        keeps: bool = True,
    ) -> None:
        self._keeps = keeps
        self._connect = connect
        self._application = application
        self._journal = journal
        self._clock = clock
        self._line: _Line | None = None

    def move(self, mailbox: Mailbox, message: str, folder: str, pause: Callable[[], object] | None = None) -> Attempt:
        """Request a move, record and return the attempt; `pause`, if given, is called before the last byte is sent.

        Raise ConnectionError if the service does not listen.
        """
        return self._attempt(self.request(mailbox, message, folder), mailbox, message, folder, 200, pause)

    def forge(self, mailbox: Mailbox, message: str, folder: str) -> Attempt:
        """Request a move with a signature for another path, which must be rejected."""
        request = self.request(mailbox, message, folder, signed_for=_UNKNOWN_PATH)
        return self._attempt(request, mailbox, message, folder, due=401)

    def stray(self, mailbox: Mailbox, message: str, folder: str) -> Attempt:
        """Request a move at an unknown path, which must be rejected."""
        request = self.request(mailbox, message, folder, target=_UNKNOWN_PATH)
        return self._attempt(request, mailbox, message, folder, due=404)

    def request(
        self,
        mailbox: Mailbox,
        message: str,
        folder: str,
        *,
        target: str = MOVE,
        signed_for: str | None = None,
        **more: str,
    ) -> bytes:
        """Return a signed request for a move; `more` are further arguments, which the service ignores."""
        headers = signed(self._application, date=formatdate(self._clock(), usegmt=True), uri=signed_for or target)
        arguments = {"mailbox": mailbox.name, "id": message, "folder": folder, **more}
        return post(headers, urlencode(arguments), target=target)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._line:
            self._line.connection.close()
            self._line = None

    def _attempt(
        self,
        request: bytes,
        mailbox: Mailbox,
        message: str,
        folder: str,
        due: int,
        pause: Callable[[], object] | None = None,
    ) -> Attempt:
        self._line = self._line or _Line(self._connect())
        self._line.received = 0
        began = time.monotonic()
        answer: Answer | None = None
        cut_off = False
        try:
            if pause:
                self._line.send(request[:-1])
                pause()
                request = request[-1:]
            answer = self._line.ask(request)
        except OSError:
            cut_off = self._line.received > 0
        attempt = Attempt(mailbox.name, message, folder, due, began, time.monotonic(), answer, cut_off)
        if answer is None or not self._keeps or answer.header("Connection") == "close":
            self.close()
        self._journal.add(attempt)
        return attempt


class Load:
    """Clients that move messages at random, one request after the other, until the block ends.

    Every tenth request must be rejected. A client whose connection is lost or refused continues as soon as it can
    connect again.
    """

    def __init__(
        self,
        connect: Connect,
        application: Application,
        journal: Journal,
        *,
        clients: int = 8,
        clock: Callable[[], float] = time.time,
        keeps: bool = True,
    ) -> None:
        self.clients = clients
        self._clients = [Client(connect, application, journal, clock, keeps=keeps) for _ in range(clients)]
        self._mailboxes: Sequence[Mailbox] = application.mailboxes
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._ends: list[Future[None]] = []

    def __enter__(self) -> "Load":
        self._ends = [self._pool.submit(self._run, client, number) for number, client in enumerate(self._clients)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._pool.shutdown()
        if error is None:
            for end in self._ends:
                end.result()

    def _run(self, client: Client, number: int) -> None:
        choose = random.Random(number)
        count = 0
        while not self._over.is_set():
            mailbox = choose.choice(self._mailboxes)
            asked = mailbox, choose.choice(mailbox.messages), choose.choice(places(mailbox))
            count += 1
            ask = {9: client.forge, 19: client.stray}.get(count % 20, client.move)
            try:
                ask(*asked)
            except ConnectionError:
                self._over.wait(_AGAIN_SECONDS)
        client.close()


def places(mailbox: Mailbox) -> list[str]:
    """Return the names or ids of all folders of a mailbox, as requests use them."""
    return [*mailbox.folders, "Inbox", "Sent", "Archived", "Draft"]
