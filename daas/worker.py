"""gunicorn's threaded worker, but a thread is given a request only when all of it has arrived.

gunicorn's own gives a thread to each client that has begun to send, and keeps it while the client dawdles: a few
stalled clients keep everybody waiting. Here the worker's event loop collects what clients send, for so many
seconds and no longer, and sees off those whose connection ends. A thread never waits for a client.
"""

import re
import socket
import struct
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

import gunicorn.util
from gunicorn.workers.gthread import TConn, ThreadWorker

from .request_body import LARGEST_READ
from .settings import Settings
from .waits import arrived_at

# Beyond these a request that is still not whole is refused; gunicorn's own limits for a whole one are lower.
_LONGEST_LINE = 4096
_LONGEST_HEAD = 64 * 1024
# How long a client that is let go may go on sending, so that it sees the answer and no broken pipe.
_LEAVING_SECONDS = 2.0
# How long a worker that is told to stop still takes a request on a connection that is kept open.
_STOPPING_SECONDS = 2.0
# How long a worker leaves new connections to the others when it has taken one: without this, clients that come
# at once and stay are often all served by the same process.
_REST_SECONDS = 0.001
_STEP = 64 * 1024

_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length[ \t]*:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTED = re.compile(rb"\r\nExpect[ \t]*:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)


class BufferingWorker(ThreadWorker):
    """A worker whose threads see whole requests; `configured()` makes it one for given settings."""

    request_seconds: float
    max_body_bytes: int

    @classmethod
    def configured(cls, settings: Settings) -> type["BufferingWorker"]:
        """Give the class for gunicorn's `worker_class`."""
        limits = {"request_seconds": settings.request_seconds, "max_body_bytes": settings.max_body_bytes}
        return type(cls.__name__, (cls,), limits)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, Arrival] = {}
        self._leaving: dict[Any, float] = {}
        self._look_at = 0.0
        self._rests_until = 0.0

    def accept(self, listener: Any) -> None:
        """Take a new connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        # No thread waits longer than this for a client that does not take its answer.
        patience = struct.pack("ll", int(self.request_seconds), 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self.nr_conns += 1
        if self.cfg.workers > 1:
            self._rests_until = time.monotonic() + _REST_SECONDS
            self.set_accept_enabled(False)
        self._expect(TConn(self.cfg, client, address, listener.getsockname()), self.request_seconds)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Take new connections or leave them to the other workers, as one does that has just taken one."""
        super().set_accept_enabled(bool(enabled) and time.monotonic() >= self._rests_until)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events, but no longer than this worker rests from taking connections."""
        rest = self._rests_until - time.monotonic()
        super().wait_for_and_dispatch_events(rest if rest > 0 else timeout)

    def finish_request(self, conn: Any, future: Any) -> None:
        """Wait for the next request on a connection whose request is answered, or let it go."""
        stays = not future.cancelled() and future.exception() is None and future.result()
        if not stays:
            self._let_go(conn)
            return
        self._expect(conn, self.cfg.keepalive if self.alive else _STOPPING_SECONDS)
        if pipelined := conn.parser.unreader.take_buffered():
            self._arrive(conn, pipelined)

    def murder_pending(self) -> None:
        """End, every now and then, the waits whose time is up; the event loop calls this at each turn."""
        now = time.monotonic()
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
        for conn in [conn for conn, deadline in self._leaving.items() if deadline <= now]:
            self._close(conn)

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

    def _receive(self, conn: Any, client: socket.socket) -> None:
        try:
            piece = client.recv(_STEP)
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
        conn.parser.unreader.unread(bytes(arrival.data))
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

    def _see_off(self, conn: Any, client: socket.socket) -> None:
        try:
            gone = not client.recv(_STEP)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            gone = True
        if gone:
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self._arriving.pop(conn, None)
        self._leaving.pop(conn, None)
        with suppress(KeyError, ValueError):  # It may not have been waited for.
            self.poller.unregister(conn.sock)
        conn.close()
        self.nr_conns -= 1


class Arrival:
    """A request as far as it has arrived; its time is up at `deadline` of the monotonic clock.

    `is_whole` tells whether nothing more has to arrive for an answer, `refusal` is the status for what can never
    become a request. What is whole but ill-formed is for gunicorn to refuse.
    """

    def __init__(self, max_body_bytes: int, deadline: float) -> None:
        self.deadline = deadline
        self.data = bytearray()
        self.body_at: int | None = None
        self.is_whole = False
        #: Whether the body is larger than allowed, and so much larger that its end is not waited for.
        self.exceeds = False
        self.is_too_large = False
        self.refusal: int | None = None
        self._limit = max_body_bytes
        self._searched = 0
        self._awaited = False
        self._length = 0
        self._chunk_at: int | None = None
        self._content = 0

    def add(self, piece: bytes) -> None:
        """Take what has come."""
        self.data += piece
        if self.body_at is None:
            self._find_body()
        if self.body_at is None or self.is_too_large:
            return
        if self._chunk_at is None:
            self.is_whole = len(self.data) >= self.body_at + self._length
        else:
            self._walk_along_chunks(self._chunk_at)
            # What is this long and still not whole is no honest request, whatever it holds.
            if not self.is_whole and len(self.data) > self.body_at + LARGEST_READ * self._limit:
                self.refusal = 413

    def is_body_awaited(self) -> bool:
        """Tell, once, whether the client waits to be told that it may send the body."""
        awaited, self._awaited = self._awaited, False
        return awaited

    def _find_body(self) -> None:
        end = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        head = bytes(self.data if end < 0 else self.data[: end + 2])
        if _BARE_LINE_FEED.search(head, self._searched):
            self.refusal = 400
        elif end >= 0:
            self._read_head(head)
        elif len(head) > _LONGEST_LINE and b"\r\n" not in head:
            self.refusal = 414
        elif len(head) > _LONGEST_HEAD:
            self.refusal = 431
        self._searched = max(0, len(head) - 3)

    def _read_head(self, head: bytes) -> None:
        announced, chunked = _CONTENT_LENGTH.search(head), _CHUNKED.search(head)
        if chunked and not announced:
            self._chunk_at = len(head) + 2
        elif announced and not chunked:
            self._length = int(announced[1])
        self._awaited = _EXPECTED.search(head) is not None
        # Who waits to be asked for too large a body is not asked.
        self.is_too_large = self._length > self._limit * (1 if self._awaited else LARGEST_READ)
        self.is_whole = self.is_too_large
        self.body_at = len(head) + 2

    def _walk_along_chunks(self, at: int) -> None:
        """Find the end of the chunk that begins at an offset, and of those that follow it."""
        while (line_end := self.data.find(b"\r\n", at)) >= 0:
            size = _CHUNK_SIZE.fullmatch(self.data, at, line_end)
            length = int(size[1], 16) if size else 0
            if length == 0:
                # Trailers may follow the last one. A size that is none is for gunicorn to refuse.
                self.is_whole = size is None or self.data.find(b"\r\n\r\n", line_end) >= 0
                return
            self.exceeds = self._content + length > self._limit
            if len(self.data) < line_end + 2 + length + 2:
                return
            self._content += length
            at = self._chunk_at = line_end + 2 + length + 2
