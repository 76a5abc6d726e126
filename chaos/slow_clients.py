"""Clients that stall, drip, read byte by byte or flood, through nginx as deploy/nginx.conf sets it up."""

import contextlib
import itertools
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from tests.support.actors import MOVE
from tests.support.nginx import PROGRAM, Nginx
from tests.support.wire import Wire, head, post, signed

from .journal import Attempt, median, slowest
from .load import Client, Connect, Load
from .trial import Missing, Trial

_SECONDS_PER_BYTE = 0.25
_SENDERS = 200
_READERS = 350
_READERS_PER_ADDRESS = 100
_MAX_GROWTH = 50_000_000
_FLOODING_ADDRESSES = 2
_FLOODING_CONNECTIONS = 8
# As in deploy/nginx.conf: requests a second from one address, and how many more at once.
_RATE, _BURST = 100, 200


@dataclass
class SlowSender:
    """A connection that sends `rest` a byte at a time; `ended` is the second in which it was closed."""

    kind: str
    connection: socket.socket
    rest: bytes
    ended: float | None = None
    received: bytes = b""


def slow_senders(trial: Trial) -> None:
    """Send headers and bodies a byte at a time, or half of them, over 200 connections: nobody else notices."""
    trial.start(**_BEHIND)
    nginx = _start_nginx(trial)
    deadline = 10
    if trial.quick:
        nginx.shorten_deadlines()
        deadline = 1
    with Load(nginx.connect, trial.application, trial.journal) as load:
        trial.journal.await_moves(200)
        before = list(trial.journal.attempts)
        began = time.monotonic()
        request = _long_request(trial, Client(nginx.connect, trial.application, trial.journal))
        slow = [_open(nginx.connect, request, number) for number in range(_SENDERS)]
        try:
            _drip(slow, began, deadline + 5)
        finally:
            for each in slow:
                each.connection.close()
    # A body that drips costs nginx a connection and the service nothing: only its pauses have a deadline.
    open_still = Counter(each.kind for each in slow if each.ended is None and each.kind != "dripping body")
    trial.require(not open_still, f"Still open after the deadline: {dict(open_still)}.")
    trial.require(not any(b" 200 " in each.received[:20] for each in slow), "Half a request was answered 200.")
    trial.note(f"{_SENDERS} slow connections, {load.clients} other clients; deadline {deadline} s")
    _note_waits(trial, before, began)
    trial.check()


def slow_readers(trial: Trial) -> None:
    """Let 350 clients read the largest responses a byte at a time: they cost the service no thread and no memory."""
    # Two threads: readers that held them would hold up everybody.
    trial.start(messages=1000, DAAS_THREADS="2", **_BEHIND)
    nginx = _start_nginx(trial)
    requests = _largest_responses(trial)
    for request in requests:
        with contextlib.closing(nginx.connect()) as connection:
            Wire(connection).ask(request)
    with Load(nginx.connect, trial.application, trial.journal) as load, contextlib.ExitStack() as stack:
        trial.journal.await_moves(200)
        before = list(trial.journal.attempts)
        memory, of_nginx = _memory(trial.service.workers), _memory(nginx.processes)
        began = time.monotonic()
        readers, started = [], 0
        for number, request in zip(range(_READERS), itertools.cycle(requests), strict=False):
            source = f"127.0.3.{1 + number // _READERS_PER_ADDRESS}"
            reader = stack.enter_context(nginx.connect(source, narrow=True))
            reader.sendall(request)
            # One after the other: what is asked for at once would be waited for even if it were read at once.
            started += reader.recv(1) == b"H"
            readers.append(reader)
        until = time.monotonic() + (3 if trial.quick else 15)
        while time.monotonic() < until:
            for reader in readers:
                reader.recv(1)
            time.sleep(_SECONDS_PER_BYTE)
        grown, grown_nginx = _memory(trial.service.workers) - memory, _memory(nginx.processes) - of_nginx
    trial.require(started == _READERS, f"Only {started} of {_READERS} readers got a response.")
    trial.require(grown < _MAX_GROWTH, f"The readers cost the service {grown / 1e6:.0f} MB.")
    trial.note(
        f"{_READERS} slow readers, {load.clients} other clients; "
        f"memory of the service {grown / 1e6:+.1f} MB, of nginx {grown_nginx / 1e6:+.1f} MB"
    )
    _note_waits(trial, before, began)
    trial.check()


def floods(trial: Trial) -> None:
    """Flood nginx with unsigned requests from two addresses: it passes on what its limits allow, others are served."""
    trial.start(**_BEHIND)
    nginx = _start_nginx(trial, limited=True)
    addresses = itertools.cycle(f"127.0.2.{number}" for number in range(1, 201))
    # Each request from another address: what is measured is what the floods do to others.
    with Load(lambda: nginx.connect(next(addresses)), trial.application, trial.journal, keeps=False) as load:
        trial.journal.await_moves(200)
        before = list(trial.journal.attempts)
        began, over = time.monotonic(), threading.Event()
        statuses: Counter[int] = Counter()
        with ThreadPoolExecutor(_FLOODING_CONNECTIONS) as pool:
            for number in range(_FLOODING_CONNECTIONS):
                source = f"127.0.1.{1 + number % _FLOODING_ADDRESSES}"
                pool.submit(_flood, nginx.connect, source, statuses, over)
            time.sleep(3 if trial.quick else 15)
            # On a slow machine it takes longer to reach the limits.
            while not statuses[429] and time.monotonic() < began + 60:
                time.sleep(0.1)
            over.set()
        seconds = time.monotonic() - began
    passed_on, allowed = statuses[401], _FLOODING_ADDRESSES * (_BURST + _RATE * (seconds + 1))
    trial.require({*statuses} == {401, 429}, f"The floods were answered {dict(statuses)}.")
    trial.require(
        passed_on <= allowed, f"{passed_on:,} requests of the floods reached the service, not {allowed:,.0f}."
    )
    trial.note(
        f"{statuses.total():,} requests from {_FLOODING_ADDRESSES} addresses in {seconds:.0f} s, "
        f"{passed_on:,} of them passed on; {load.clients} other clients"
    )
    _note_waits(trial, before, began)
    trial.check()


_BEHIND: dict[str, Any] = {"DAAS_TRUSTED_PROXIES": "127.0.0.1"}


def _start_nginx(trial: Trial, *, limited: bool = False) -> Nginx:
    """Start nginx in front of the service; raises Missing if it is not installed."""
    if PROGRAM is None:
        raise Missing("nginx is missing: apt-get install nginx")
    directory = trial.directory / "nginx"
    directory.mkdir()
    nodes = [f"127.0.0.1:{trial.service.port}"]
    return trial.at_end.enter_context(Nginx(directory, nodes, limited=limited).running())


def _note_waits(trial: Trial, before: Sequence[Attempt], began: float) -> None:
    attacked = [attempt for attempt in trial.journal.attempts if attempt.ended > began]
    trial.note(f"before: {_waits(before)}; meanwhile: {_waits(attacked)}")


def _waits(attempts: Sequence[Attempt]) -> str:
    return f"{len(attempts):,} responses, median {median(attempts) * 1000:.0f} ms, slowest {slowest(attempts):.2f} s"


def _long_request(trial: Trial, client: Client) -> bytes:
    """Write a request that would be served if all of it came, with an ignored argument that makes it long."""
    mailbox = trial.application.mailbox
    return client.request(mailbox, mailbox.message, "Draft", padding="x" * 1000)


def _open(connect: Connect, whole: bytes, number: int) -> SlowSender:
    """Open a connection of one of four kinds, in turn: the header or the body, stalled or dripping."""
    head_end = whole.index(b"\r\n\r\n") + 4
    kind = ("stalled header", "dripping header", "stalled body", "dripping body")[number % 4]
    sent_at_once = head_end // 2 if "header" in kind else head_end + 20
    connection = connect()
    connection.sendall(whole[:sent_at_once])
    connection.setblocking(False)
    return SlowSender(kind, connection, whole[sent_at_once:] if "dripping" in kind else b"")


def _drip(slow: Sequence[SlowSender], began: float, seconds: float) -> None:
    """Send a byte on each dripping connection now and then, and note when connections are closed."""
    with selectors.DefaultSelector() as selector:
        for each in slow:
            selector.register(each.connection, selectors.EVENT_READ, each)
        drop = began
        while selector.get_map() and time.monotonic() < began + seconds:
            for key, _ in selector.select(_SECONDS_PER_BYTE / 2):
                if not _is_open(key.data):
                    key.data.ended = time.monotonic() - began
                    selector.unregister(key.fileobj)
            if time.monotonic() >= drop:
                drop += _SECONDS_PER_BYTE
                for each in slow:
                    # A closed connection is noticed when it is read.
                    with contextlib.suppress(OSError):
                        each.connection.send(each.rest[:1])
                        each.rest = each.rest[1:]


def _is_open(slow: SlowSender) -> bool:
    """Read what has come, and return whether the connection is still open."""
    try:
        piece = slow.connection.recv(65536)
    except BlockingIOError:
        return True
    except OSError:
        return False
    slow.received += piece
    return bool(piece)


def _largest_responses(trial: Trial) -> list[bytes]:
    """Write requests for the largest file, one of the largest pages, and the largest response of the API."""
    messages = f"/direct/messages?mailbox={trial.application.mailbox.name}&limit=1000"
    authorized = signed(trial.application, method="GET", uri=messages, content_type=None)
    return [
        head("/onboarding/static/swagger-ui-bundle.js", [], method="GET"),
        head("/openapi.json", [], method="GET"),
        head(messages, authorized, method="GET"),
    ]


def _memory(processes: Sequence[psutil.Process]) -> int:
    return sum(process.memory_full_info().uss for process in processes)


def _flood(connect: Callable[[str], socket.socket], source: str, statuses: Counter[int], over: threading.Event) -> None:
    """Send unsigned requests from an address as fast as they are answered, and count the statuses."""
    request = post([], b"id=1", target=MOVE)
    while not over.is_set():
        with connect(source) as connection:
            wire = Wire(connection)
            # nginx closes a connection after a thousand requests.
            for _ in range(45):
                wire.send(request * 20)
                statuses.update(wire.read().status for _ in range(20))
                if over.is_set():
                    break
