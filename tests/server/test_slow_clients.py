"""Clients that stall, drip, read slowly, flood or smuggle, through nginx by deploy/nginx.conf."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from daas.settings import Settings

from ..support.actors import MOVE, Application
from ..support.builders import Builder
from ..support.nginx import Front, check_rejection, in_front
from ..support.wire import Wire, chunks, form, head, moved, post, signed, signed_post

pytestmark = pytest.mark.slow

CHUNKED = ("Transfer-Encoding", "chunked")
CHUNKS = head(MOVE, [CHUNKED])
ONE = "127.0.0.2"
ANOTHER = "127.0.0.3"


@pytest.fixture(scope="module")
def front(
    make_settings: Callable[..., Settings], settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Yield nginx in front of a service with one thread: a client that held it would delay all others."""
    directory = tmp_path_factory.mktemp("nginx")
    with in_front(settings, directory, limited=True, DAAS_WORKERS="1", DAAS_THREADS="1") as front:
        yield front
        assert front.log.read_text().count("Booting worker") == 1
        assert "Traceback" not in front.log.read_text()


def assert_served(front: Front, application: Application, source: Any = ANOTHER) -> None:
    response = front.ask(signed_post(application, form(application)), source)
    assert (response.status, response.body) == (200, moved(application, response))


# Slow senders


def length(announced: object) -> bytes:
    return head(MOVE, [("Content-Length", str(announced))])


STALLED = {
    "nothing": b"",
    "request-line": b"POST " + MOVE.encode(),
    "head": length(6)[:-2],
    "body-missing": length(6),
    "body-short-of-a-byte": length(6) + b"id=18",
    "body-over-the-limit": length(70_000) + b"x" * 69_999,
    "expected": head(MOVE, [("Expect", "100-continue"), ("Content-Length", "6")]),
    "chunks-missing": CHUNKS,
    "chunk-missing": CHUNKS + b"6\r\n",
    "chunk-without-its-end": CHUNKS + b"6\r\nid=181",
    "last-chunk-missing": CHUNKS + b"6\r\nid=181\r\n",
    "last-chunk-without-its-end": CHUNKS + b"0\r\n",
    "after-another": post([], target="/direct/nothing") + length(6),
}


@pytest.mark.parametrize("stalled", STALLED.values(), ids=STALLED)
def test_stalled_request_delays_no_other(front: Any, application: Application, stalled: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connection := front.connect(ONE))
            connection.sendall(stalled)
        assert_served(front, application)


@pytest.mark.parametrize("start", [length(60_000), CHUNKS + b"ffff\r\n"], ids=["length", "chunk"])
def test_dripping_request_delays_no_other(front: Any, application: Application, start: bytes) -> None:
    with front.connect(ONE) as connection:
        connection.sendall(start)
        for _ in range(5):
            connection.sendall(b"x")
            assert_served(front, application)


def test_stalled_connections_are_closed_after_deadline(settings: Settings, tmp_path: Path) -> None:
    with in_front(settings, tmp_path) as front, ExitStack() as stack:
        front.nginx.shorten_deadlines()
        for name, stalled in STALLED.items():
            if name != "after-another":
                stack.enter_context(connection := front.connect())
                connection.sendall(stalled)
                assert is_closed(connection), name


def is_closed(connection: socket.socket) -> bool:
    """Wait until nginx closes a connection, with no response except a 100, and return True."""
    with suppress(ConnectionError):
        while received := connection.recv(65536):
            assert received.startswith(b"HTTP/1.1 100 ")
    return True


def test_clients_that_disconnect_delay_no_other(front: Any, application: Application) -> None:
    for stalled in STALLED.values():
        for _ in range(10):
            with front.connect(ONE) as connection:
                connection.sendall(stalled)
    assert_served(front, application)


# Slow readers


def test_slow_reader_delays_no_other(front: Any, application: Application, build: Builder) -> None:
    for _ in range(300):
        build.message(application.mailbox, subject="s" * 900)
    query = urlencode({"mailbox": application.mailbox.name, "limit": 1000})
    page = signed_get(application, f"/direct/messages?{query}")
    script = b"GET /onboarding/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    with ExitStack() as stack:
        for request in [page, script] * 5:
            stack.enter_context(connection := front.nginx.connect(ONE, narrow=True))
            connection.sendall(request)
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert_served(front, application)


def signed_get(application: Application, target: str) -> bytes:
    return head(target, signed(application, method="GET", uri=target, content_type=None), method="GET")


# Floods


def test_flood_from_one_address_is_429_and_another_is_served(front: Any, application: Application) -> None:
    unsigned = post([], b"id=1")
    statuses, rejected = [], None
    deadline = time.monotonic() + 60
    with front.connect(ONE) as connection:
        while rejected is None and time.monotonic() < deadline:
            connection.sendall(unsigned * 50)
            wire = Wire(connection)
            for _ in range(50):
                response = wire.read()
                statuses.append(response.status)
                if response.status == 429:
                    rejected = response
    assert {*statuses} == {401, 429}
    check_rejection(rejected, 429)
    assert (rejected.json["message"], rejected.header("Retry-After")) == ("Too Many Requests", "1")
    assert_served(front, application)


def test_one_address_has_a_hundred_requests_at_a_time(front: Any, application: Application) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connection := front.connect("127.0.0.4"))
            connection.sendall(length(6) + b"i")
        deadline = time.monotonic() + 30
        while (response := front.ask(post([]), "127.0.0.4")).status != 429 and time.monotonic() < deadline:
            time.sleep(0.1)
        check_rejection(response, 429)
        assert response.header("Retry-After") == "1"
        lists = front.ask(post([], target="/v1/lists.json"), "127.0.0.4")
        assert (lists.status, lists.json) == (429, {"code": 429, "message": "Too Many Requests"})
        assert_served(front, application)


# Smuggling


AMBIGUOUS = {
    "length-and-chunks": [("Content-Length", "0"), CHUNKED],
    "chunks-and-length": [CHUNKED, ("Content-Length", "5")],
    "two-lengths": [("Content-Length", "0"), ("Content-Length", "50")],
    "length-list": [("Content-Length", "0, 50")],
    "length-sign": [("Content-Length", "+0")],
    "coding-list": [("Transfer-Encoding", "chunked, identity")],
    "coding-twice": [CHUNKED, CHUNKED],
    "coding-folded": [("Transfer-Encoding", "\r\n chunked")],
    "coding-tab": [("Transfer-Encoding", "\x0bchunked")],
    "coding-name-space": [("Transfer-Encoding ", "chunked"), ("Content-Length", "0")],
    "length-folded": [("Content-Length", "0\r\n 50")],
}


@pytest.mark.parametrize("headers", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_request_is_rejected_and_moves_nothing(
    front: Any, application: Application, build: Builder, headers: list[tuple[str, str]]
) -> None:
    hidden = signed_post(application, form(application))
    request = head(MOVE, [*signed(application), *headers])
    for sent in (request + b"0\r\n\r\n" + hidden, request + hidden):
        with front.connect(ONE) as connection:
            wire = Wire(connection)
            assert 400 <= wire.ask(sent).status < 600
            with suppress(ConnectionError):
                assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize("line_end", [b"\n", b"\n\r\n"], ids=["in-line", "in-head"])
def test_bare_line_feed_hides_no_header(front: Any, application: Application, build: Builder, line_end: bytes) -> None:
    """nginx reads a bare LF as the end of a line and passes on clean lines: both sides see the same request."""
    whole = signed_post(application, form(application))
    hidden = whole.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1" + line_end, 1)
    response = front.ask(hidden, ONE)
    assert response.status in {200, 400, 401}
    assert (response.status == 200) == (build.folder_of(application.mailbox.message) != "Inbox")


# Bodies that are too large


TOO_LARGE = {
    "over-the-limit": post([], b"x" * 65_537),
    "six-times": post([], b"x" * 393_216),
    "more": post([], b"x" * 3_000_000),
    "chunks-over-the-limit": CHUNKS + chunks(b"x" * 65_537, [5_000]),
    "chunks": CHUNKS + chunks(b"x" * 3_000_000, [50_000]),
    "announced": length(10**12),
}


@pytest.mark.parametrize("request_", TOO_LARGE.values(), ids=TOO_LARGE)
def test_client_that_sends_too_much_sees_413(front: Any, request_: bytes) -> None:
    response = front.ask(request_, "127.0.0.5")
    assert (response.status, json.loads(response.body)["message"]) == (413, "Content Too Large")
    assert response.request_id


# Compression


COMPRESSED = ["/onboarding/documentation/errors", "/onboarding/static/style.css", "/onboarding/static/swagger-ui.css"]
NEVER_COMPRESSED = [
    "/direct/messages",
    "/direct/../onboarding/documentation/",
    "/onboarding/../direct/messages",
    "/onboarding/%2e%2e/direct/messages",
    "/v1/lists.json",
    "/manage",
    "/manage/",
    "/openapi.json",
    "//onboarding/documentation/",
]


@pytest.mark.parametrize("target", [*COMPRESSED, *NEVER_COMPRESSED])
def test_only_pages_without_secrets_are_compressed(front: Any, target: str) -> None:
    received = b""
    with front.connect("127.0.0.6") as connection:
        connection.sendall(head(target, [("Accept-Encoding", "gzip")], method="GET"))
        while b"\r\n\r\n" not in received:
            received += connection.recv(4096)
    assert (b"\r\nContent-Encoding: gzip\r\n" in received) == (target in COMPRESSED), received
