"""gunicorn's threaded worker, but a thread is given a request only when all of it has arrived.

gunicorn's own gives a thread to each client that has begun to send, and keeps it while the client dawdles: a few
stalled clients keep everybody waiting. Here the worker's event loop collects what clients send, for so many
seconds and no longer, and sees off those whose connection ends. A thread never waits for a client.
"""

import socket
import ssl
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

import gunicorn.util
from gunicorn.workers.gthread import TConn, ThreadWorker

from ..settings import SettingError, Settings
from ..storage.timeouts import arrived_at
from .arrival import Arrival
from .connection import Client
from .tls import TlsClient, make_context

# How long a client that is let go may go on sending, so that it sees the answer and no broken pipe.
_LEAVING_SECONDS = 2.0
# How long a worker that is told to stop still takes a request on a connection that is kept open.
_STOPPING_SECONDS = 2.0
# How long a worker leaves new connections to the others when it has taken one: without this, clients that come
# at once and stay are often all served by the same process.
_REST_SECONDS = 0.001


class BufferingWorker(ThreadWorker):
    """A worker whose threads see whole requests; `configured()` makes it one for given settings."""

    request_seconds: float
    max_body_bytes: int
    tls: ssl.SSLContext | None

    @classmethod
    def configured(cls, settings: Settings) -> type["BufferingWorker"]:
        """Give the class for gunicorn's `worker_class`; raises SettingError for a certificate that cannot be used."""
        try:
            tls = make_context(*settings.tls) if settings.tls else None
        except OSError as error:
            raise SettingError("DAAS_TLS_CERTIFICATE and DAAS_TLS_KEY hold no certificate with its key.") from error
        limits = {"request_seconds": settings.request_seconds, "max_body_bytes": settings.max_body_bytes}
        return type(cls.__name__, (cls,), {**limits, "tls": tls})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, Arrival] = {}
        self._leaving: dict[Any, float] = {}
        self._unsent: dict[Any, float] = {}
        self._held: dict[Any, float] = {}
        self._look_at = 0.0
        self._rests_until = 0.0

    def accept(self, listener: Any) -> None:
        """Take a new connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        if self.cfg.workers > 1:
            self._rests_until = time.monotonic() + _REST_SECONDS
            self.set_accept_enabled(False)
        accepted = TlsClient(client, self.tls) if self.tls else Client(client)
        self._expect(TConn(self.cfg, accepted, address, listener.getsockname()), self.request_seconds)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Take new connections or leave them to the other workers, as one does that has just taken one."""
        super().set_accept_enabled(bool(enabled) and time.monotonic() >= self._rests_until)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events, but no longer than until the worker takes connections again or sends what it holds back."""
        now = time.monotonic()
        if self._rests_until > now:
            timeout = self._rests_until - now
        elif self._held:
            timeout = max(0.0, next(iter(self._held.values())) - now)
        super().wait_for_and_dispatch_events(timeout)

    def finish_request(self, conn: Any, future: Any) -> None:
        """Wait for the next request on a connection whose request is answered, or let it go.

        Answers that are held back are at most half of all connections, so that others find room.
        """
        conn.stays = not future.cancelled() and future.exception() is None and future.result()
        if conn.sock.held_until and len(self._held) < self.cfg.worker_connections // 2:
            self._held[conn] = conn.sock.held_until
        else:
            self._send_rest(conn)

    def _send_rest(self, conn: Any) -> None:
        conn.sock.held_until = 0.0
        if conn.sock.unsent and conn.sock.fileno() >= 0:  # gunicorn closes it if something fails behind the answer.
            self._unsent[conn] = time.monotonic() + self.request_seconds
            self.poller.register(conn.sock, EVENT_WRITE, partial(self._send, conn))
        else:
            self._go_on(conn)

    def _send(self, conn: Any, client: Client) -> None:
        try:
            client.send_unsent()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close(conn)
            return
        self._unsent[conn] = time.monotonic() + self.request_seconds
        if not client.unsent:
            del self._unsent[conn]
            self.poller.unregister(client)
            self._go_on(conn)

    def _go_on(self, conn: Any) -> None:
        if not conn.stays:
            self._let_go(conn)
            return
        self._expect(conn, self.cfg.keepalive if self.alive else _STOPPING_SECONDS)
        if pipelined := conn.parser.unreader.take_buffered() + conn.sock.recv(len(conn.sock.arrived)):
            self._arrive(conn, pipelined)

    def murder_pending(self) -> None:
        """End, every now and then, the waits whose time is up; the event loop calls this at each turn."""
        now = time.monotonic()
        self._send_held(now)
        if now < self._look_at:
            return
        self._look_at = now + 0.5
        for conn, arrival in [*self._arriving.items()]:
            if not self.alive and not arrival.data:
                arrival.deadline = min(arrival.deadline, now + _STOPPING_SECONDS)
            if arrival.deadline > now:
                continue
            if arrival.data:
                self._refuse(conn, 413 if arrival.exceeds else 408)
            else:
                self._close(conn)
        for conn in [conn for conn, deadline in [*self._leaving.items(), *self._unsent.items()] if deadline <= now]:
            self._close(conn)

    def _send_held(self, now: float) -> None:
        """Send the answers that have been held back long enough."""
        while self._held:
            conn, until = next(iter(self._held.items()))
            if until > now:
                return
            del self._held[conn]
            self._send_rest(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request, the last of its connection if there is more of it than is read."""
        req._expected_100_continue = False  # Who waited for that has been told when the head had arrived.
        if conn.is_last:
            req.force_close()
        arrived_at.set(conn.arrived_at)
        return super().handle_request(req, conn)

    def is_parent_alive(self) -> bool:
        """Tell whether the master still runs; without it no connection is kept open, so that the port is free soon."""
        self.alive = self.alive and super().is_parent_alive()
        return self.alive

    def _expect(self, conn: Any, seconds: float) -> None:
        conn.sock.setblocking(False)
        conn.is_last = False
        self._arriving[conn] = Arrival(self.max_body_bytes, time.monotonic() + seconds)
        self.poller.register(conn.sock, EVENT_READ, partial(self._receive, conn))

    def _receive(self, conn: Any, client: Client) -> None:
        try:
            piece = client.receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close(conn)
            return
        arrival = self._arriving[conn]
        if piece:
            self._arrive(conn, piece)
        elif arrival.body_at is None:
            self._close(conn)
        else:
            self._hand_over(conn)  # The application says, and records, that this is not all that was announced.

    def _arrive(self, conn: Any, piece: bytes) -> None:
        arrival = self._arriving[conn]
        if not arrival.data:
            arrival.deadline = time.monotonic() + self.request_seconds
        arrival.add(piece)
        if arrival.refusal:
            self._refuse(conn, arrival.refusal)
        elif arrival.is_whole:
            self._hand_over(conn)
        elif arrival.exceeds:
            arrival.deadline = min(arrival.deadline, time.monotonic() + _LEAVING_SECONDS)
        elif arrival.is_body_awaited():
            with suppress(OSError):
                gunicorn.util.write_nonblock(conn.sock, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, conn: Any) -> None:
        """Let a thread answer; what has arrived is read there before the socket is."""
        arrival = self._arriving.pop(conn)
        self.poller.unregister(conn.sock)
        conn.init()
        conn.data_ready = True
        conn.is_last = arrival.is_too_large
        conn.arrived_at = time.monotonic()
        conn.sock.arrived = arrival.data
        self.enqueue_req(conn)

    def _refuse(self, conn: Any, status: int) -> None:
        with suppress(OSError):
            gunicorn.util.write_error(conn.sock, status, "", "")
        del self._arriving[conn]
        self.poller.unregister(conn.sock)
        self._let_go(conn)

    def _let_go(self, conn: Any) -> None:
        """Say that nothing more follows, and wait a little for the client to end too: else it may miss the answer."""
        self._leaving[conn] = time.monotonic() + _LEAVING_SECONDS
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._see_off, conn))
        except OSError:
            self._close(conn)

    def _see_off(self, conn: Any, client: Client) -> None:
        try:
            gone = not client.receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            gone = True
        if gone:
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self._arriving.pop(conn, None)
        self._leaving.pop(conn, None)
        self._unsent.pop(conn, None)
        with suppress(KeyError, ValueError):  # It may not have been waited for.
            self.poller.unregister(conn.sock)
        conn.close()
        self.nr_conns -= 1
