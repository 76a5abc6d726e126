"""Clients that send a byte at a time, or stop half-way, over 200 connections at once."""

import contextlib
import selectors
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.wire import PATIENCE

from .journal import Attempt, median, slowest
from .load import Client, Connect, Load
from .service import free_port
from .trial import Missing, Trial

_CONNECTIONS = 200
_SECONDS_PER_BYTE = 0.25
# On top of a deadline, for a machine that is busy with 200 of them at once.
_SLACK = 2.0


@dataclass
class SlowConnection:
    """A connection that sends `prompt` at once, then `rest` a byte at a time; `ended` is the second it was closed."""

    kind: str
    connection: socket.socket
    rest: bytes
    ended: float | None = None
    received: bytes = b""


def slow_clients(trial: Trial) -> None:
    """Attack the service itself: each client in need waits no longer than the deadline of a slow one."""
    deadline = _start(trial)
    slow = _attack(trial, trial.service.connect, deadline)
    open_still = Counter(each.kind for each in slow if each.ended is None)
    trial.require(not open_still, f"Still open after the deadline: {dict(open_still)}.")
    trial.note(f"slow connections closed after {max(each.ended or 0 for each in slow):.1f} s at the latest")
    trial.check(within=deadline + _SLACK)


def slow_clients_behind_nginx(trial: Trial) -> None:
    """Attack nginx in front of the service: it hands on whole requests alone, so that nobody else notices."""
    deadline = _start(trial)
    with _nginx(trial, deadline) as connect:
        _attack(trial, connect, deadline)
    trial.check(within=deadline / 2)


def _start(trial: Trial) -> int:
    deadline = 3 if trial.quick else 10
    trial.start(DAAS_REQUEST_SECONDS=str(deadline))
    return deadline


def _attack(trial: Trial, connect: Connect, deadline: int) -> list[SlowConnection]:
    """Attack while eight clients move messages, and give the slow connections as they ended."""
    with Load(connect, trial.application, trial.journal) as load:
        trial.journal.await_moves(200)
        before = list(trial.journal.attempts)
        client = trial.client()
        slow = [_open(connect, _request(trial, client), number) for number in range(_CONNECTIONS)]
        began = time.monotonic()
        try:
            _drip(slow, began, deadline + 2 * _SLACK)
        finally:
            for each in slow:
                each.connection.close()
        over = time.monotonic()
    # Those who waited to the end are answered behind it; they count too.
    attacked = [attempt for attempt in trial.journal.attempts if attempt.began < over and attempt.ended > began]
    trial.require(not any(b" 200 " in each.received[:20] for each in slow), "Half a request was answered 200.")
    trial.note(
        f"{_CONNECTIONS} slow connections, {load.clients} other clients; deadline {deadline} s. "
        f"Before: {_waits(before)}. Meanwhile: {_waits(attacked)}"
    )
    return slow


def _waits(attempts: list[Attempt]) -> str:
    return f"{len(attempts):,} answers, median {median(attempts) * 1000:.0f} ms, slowest {slowest(attempts):.2f} s"


def _request(trial: Trial, client: Client) -> bytes:
    """Write a request that would be served if it came whole, with an argument that counts for nothing, to last."""
    mailbox = trial.application.mailbox
    return client.request(mailbox, mailbox.message, "Draft", padding="x" * 1000)


def _open(connect: Connect, whole: bytes, number: int) -> SlowConnection:
    """Open a connection of one of four kinds, by turns: the head or the body, stalled or dripping."""
    head_end = whole.index(b"\r\n\r\n") + 4
    kind = ("stalled head", "dripping head", "stalled body", "dripping body")[number % 4]
    sent_at_once = head_end // 2 if "head" in kind else head_end + 20
    connection = connect()
    connection.sendall(whole[:sent_at_once])
    connection.setblocking(False)
    return SlowConnection(kind, connection, whole[sent_at_once:] if "dripping" in kind else b"")


def _drip(slow: list[SlowConnection], began: float, seconds: float) -> None:
    """Let the dripping ones drip, and note when each is closed, until all are or the seconds are over."""
    with selectors.DefaultSelector() as selector:
        for each in slow:
            selector.register(each.connection, selectors.EVENT_READ, each)
        drop = began
        while selector.get_map() and time.monotonic() < began + seconds:
            for key, _ in selector.select(_SECONDS_PER_BYTE / 2):
                if not _read(key.data):
                    key.data.ended = time.monotonic() - began
                    selector.unregister(key.fileobj)
            if time.monotonic() >= drop:
                drop += _SECONDS_PER_BYTE
                for each in slow:
                    # One that is closed is seen so when it is read.
                    with contextlib.suppress(OSError):
                        each.connection.send(each.rest[:1])
                        each.rest = each.rest[1:]


def _read(slow: SlowConnection) -> bool:
    """Read what has come, and tell whether the connection is open still."""
    try:
        piece = slow.connection.recv(65536)
    except OSError:
        return False
    slow.received += piece
    return bool(piece)


@contextlib.contextmanager
def _nginx(trial: Trial, deadline: int) -> Iterator[Connect]:
    """Run nginx in front of the service, and give what connects to it; raises Missing if it is not installed."""
    if not (program := shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")):
        raise Missing("nginx is missing: apt-get install nginx")
    port = free_port(trial.at_end)
    configuration = trial.directory / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(directory=trial.directory, port=port, service=trial.service.port, deadline=deadline)
    )

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    with (trial.directory / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen([program, "-c", configuration, "-p", trial.directory, "-e", "stderr"], stderr=log)
    try:
        _await(connect, nginx, trial.directory / "nginx.log")
        yield connect
    finally:
        nginx.terminate()
        nginx.wait(timeout=30)


def _await(connect: Connect, nginx: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 10
    while nginx.poll() is None and time.monotonic() < until:
        try:
            connect().close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nginx does not start:\n{log.read_text()}")


_CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    client_header_timeout {deadline}s;
    client_body_timeout {deadline}s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{service};
            proxy_request_buffering on;
        }}
    }}
}}
"""
