"""Connections to the service without a proxy: requests in pieces, pipelines, ambiguous ends, a stopping server."""

import socket
from contextlib import suppress

import pytest

from daas.settings import Settings

from ..support.actors import MOVE, Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import ask, chunks, connected, form, head, moved, post, signed, signed_post

pytestmark = pytest.mark.processes

CHUNKED = ("Transfer-Encoding", "chunked")
EXPECTED = ("Expect", "100-continue")
LIMIT = 65_536


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_requests_in_pieces_of_any_size_get_responses_in_order(
    server: LiveServer, application: Application, chunked: bool
) -> None:
    body = form(application).encode()
    request = (
        head(MOVE, [*signed(application), CHUNKED]) + chunks(body, [7], trailers=b"X: y\r\n")
        if chunked
        else signed_post(application, body)
    )
    with connected(server) as wire:
        wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (len(request) - 1, len(request) + 1, 3 * len(request) - 2, 97):
            sent = request * 4
            for at in range(0, len(sent), size):
                wire.send(sent[at : at + size])
            responses = [wire.read() for _ in range(4)]
            assert [response.body for response in responses] == [moved(application, response) for response in responses]
        wire.half_close()
        assert wire.at_end()


def test_request_of_many_small_chunks_is_served(server: LiveServer, application: Application) -> None:
    request = head(MOVE, [*signed(application), CHUNKED]) + chunks(form(application).encode().ljust(60_000, b"&"), [1])
    assert ask(server, request).status == 200


def test_bytes_after_ambiguous_request_are_not_read(
    server: LiveServer, application: Application, build: Builder
) -> None:
    hidden = signed_post(application, form(application))
    for headers in (
        [("Content-Length", "0"), CHUNKED],
        [("Content-Length", "0"), ("Content-Length", str(len(hidden)))],
        [("Content-Length", f"0, {len(hidden)}")],
        [("Transfer-Encoding", "chunked, identity"), ("Content-Length", "0")],
    ):
        with connected(server) as wire:
            assert wire.ask(head(MOVE, headers) + hidden).status == 400
            with suppress(ConnectionError):
                assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


EXPECTING = {
    "length": (("Content-Length", "6"), b"id=181", 401),
    "length-over-the-limit": (("Content-Length", str(LIMIT + 1)), b"x" * (LIMIT + 1), 413),
    "chunks": (CHUNKED, chunks(b"id=181", [2]), 401),
}


@pytest.mark.parametrize(("announced", "body", "status"), EXPECTING.values(), ids=EXPECTING)
def test_100_continue_is_sent_once(server: LiveServer, announced: tuple[str, str], body: bytes, status: int) -> None:
    with connected(server) as wire:
        assert wire.ask(head(MOVE, [EXPECTED, announced])).status == 100
        assert wire.ask(body).status == status


def test_http_1_0_never_gets_100_continue(server: LiveServer) -> None:
    request = head(MOVE, [EXPECTED, ("Content-Length", "6"), ("X", "HTTP/1.1")], version="HTTP/1.0")
    assert ask(server, request + b"id=181").status == 401


ENDLESS = {
    "line": (b"GET /" + b"x" * 10_000, 414),
    "head": (b"GET / HTTP/1.1\r\n" + b"X-Filler: x\r\n" * 70_000, 431),
    "header": (b"GET / HTTP/1.1\r\nX-Filler: " + b"x" * 10_000 + b"\r\n\r\n", 431),
    "chunk-size": (head(MOVE, [CHUNKED]) + b"0" * 20_000, 400),
    "chunk-extension": (head(MOVE, [CHUNKED]) + b"1;" + b"x" * 20_000, 400),
    "trailers": (head(MOVE, [CHUNKED]) + b"0\r\n" + b"X-Filler: x\r\n" * 70_000, 400),
    "length": (head(MOVE, [("Content-Length", "0" * 8_000 + "x")]), 400),
}


@pytest.mark.parametrize(("endless", "status"), ENDLESS.values(), ids=ENDLESS)
def test_request_without_end_is_rejected_at_once(server: LiveServer, endless: bytes, status: int) -> None:
    with connected(server) as wire:
        assert wire.ask(endless).status == status
        with suppress(ConnectionError):
            assert wire.at_end()


@pytest.mark.slow
def test_stopping_server_completes_running_requests(settings: Settings, application: Application) -> None:
    request = signed_post(application, form(application))
    with LiveServer.start(settings) as live:
        with connected(live) as kept, connected(live) as half:
            assert kept.ask(request).status == 200
            half.send(request[:-1])
            # After two later requests, a thread has begun with the first.
            assert [ask(live, post([], target="/direct/nothing")).status for _ in range(2)] == [404, 404]
            live.process.terminate()
            assert kept.at_end()
            assert half.ask(request[-1:]).status == 200
            assert half.at_end()
        assert live.process.wait(30) == 0
