import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from daas.server.arrival import Arrival
from daas.settings import Settings
from daas.web.raw_request import LARGEST_READ

from ..support.actors import MOVE
from ..support.servers import LiveServer
from ..support.wire import PATIENCE, Wire, ask, chunks, connected, form, head, moved, post, signed, signed_post

CHUNKED = ("Transfer-Encoding", "chunked")
EXPECTED = ("Expect", "100-continue")
LIMIT = 65_536
NOT_FOUND = post([], target="/nothing")
CHUNKS = head(MOVE, [CHUNKED])
# Longer than any test waits: who is answered before was not kept waiting by those who are given so long.
FOREVER = "60"


def length(announced: object) -> bytes:
    return head(MOVE, [("Content-Length", str(announced))])


@pytest.fixture(scope="module")
def patient(settings: Settings) -> Iterator[LiveServer]:
    """A server of one thread that gives clients more time than the tests have."""
    with of_one_thread(settings, FOREVER) as live:
        yield live


@pytest.fixture(scope="module")
def hasty(settings: Settings) -> Iterator[LiveServer]:
    """A server of one thread that gives clients one second."""
    with of_one_thread(settings, "1") as live:
        yield live


@contextmanager
def of_one_thread(settings: Settings, seconds: str) -> Iterator[LiveServer]:
    """Start a server whose only worker has to outlive all that is done to it."""
    with LiveServer.start(settings, DAAS_WORKERS="1", DAAS_THREADS="1", DAAS_REQUEST_SECONDS=seconds) as live:
        yield live
        log = live.log.read_text()
    assert log.count("Booting worker") == 1, log
    assert "Traceback" not in log, log


# Nobody waits for another client

STALLED = {
    "nothing": b"",
    "empty-line": b"\r\n",
    "half-an-empty-line": b"\r",
    "request-line": b"POST " + MOVE.encode(),
    "head": length(6)[:-2],
    "body-missing": length(6),
    "body-short-of-a-byte": length(6) + b"id=18",
    "length-with-zeros": length("0" * 30 + "6"),
    "length-of-20-digits": length("9" * 20),
    "length-in-tabs": length("\t6\t"),
    "length-in-lower-case": length(6).replace(b"Content-Length: ", b"content-length:"),
    "length-of-the-limit": length(LIMIT) + b"x",
    "length-over-the-limit": length(LIMIT + 1) + b"x",
    "length-of-all-that-is-read": length(LARGEST_READ * LIMIT) + b"x",
    "length-over-all-that-is-read": length(LARGEST_READ * LIMIT + 1) + b"x",
    "body-of-no-one": post([], b"id=181", target="/nothing")[:-1],
    "body-over-all-that-is-read-of-no-one": head("/nothing", [("Content-Length", "1000000")]),
    "body-after-an-empty-line": b"\r\n" + length(6),
    "body-of-an-absolute-target": head("http://127.0.0.1" + MOVE, [("Content-Length", "6")]),
    "body-of-http-1.0": head(MOVE, [("Content-Length", "6")], version="HTTP/1.0"),
    "expected": head(MOVE, [EXPECTED, ("Content-Length", "6")]),
    "expected-over-the-limit": head(MOVE, [EXPECTED, ("Content-Length", str(LIMIT + 1))]),
    "expected-over-the-limit-in-http-1.0": head(
        MOVE, [EXPECTED, ("Content-Length", str(LIMIT + 1))], version="HTTP/1.0"
    ),
    "chunks-missing": CHUNKS,
    "chunk-size": CHUNKS + b"6",
    "chunk-missing": CHUNKS + b"6\r\n",
    "chunk-without-its-end": CHUNKS + b"6\r\nid=181",
    "chunk-with-half-its-end": CHUNKS + b"6\r\nid=181\r",
    "chunk-size-with-zeros": CHUNKS + b"0" * 30 + b"6\r\n",
    "chunk-size-of-17-digits": CHUNKS + b"F" * 17 + b"\r\n",
    "chunk-with-an-extension": CHUNKS + b'6 ; a="\r\n',
    "last-chunk-missing": CHUNKS + b"6\r\nid=181\r\n",
    "last-chunk-without-its-end": CHUNKS + b"0\r\n",
    "last-chunk-with-half-its-end": CHUNKS + b"0\r\n\r",
    "last-chunk-with-zeros": CHUNKS + b"0" * 30 + b"\r\n",
    "trailers": CHUNKS + b"0\r\nX-Trailer: x\r\n",
    "chunks-in-another-coding": head(MOVE, [("Transfer-Encoding", "gzip"), CHUNKED]),
    "chunks-of-no-one": head("/nothing", [CHUNKED]) + b"0" * 30 + b"\r\n",
    "length-and-chunks": head(MOVE, [("Content-Length", "6"), CHUNKED]),
    "behind-another": NOT_FOUND + length(6),
}


@pytest.mark.parametrize("stalled", STALLED.values(), ids=STALLED)
def test_who_stalls_keeps_nobody_waiting(patient, application, stalled):
    with connected(patient) as wire:
        wire.send(stalled)
        for _ in range(2):
            assert ask(patient, signed_post(application, form(application))).status == 200


DRIPPED = {"length": length("0" * 30 + "60000"), "chunk": CHUNKS + b"0" * 30 + b"ffff\r\n"}


@pytest.mark.parametrize("start", DRIPPED.values(), ids=DRIPPED)
def test_who_goes_on_a_byte_at_a_time_keeps_nobody_waiting(patient, application, start):
    with connected(patient) as wire:
        wire.send(start)
        for _ in range(3):
            wire.send(b"x")
            assert ask(patient, signed_post(application, form(application))).status == 200


@contextmanager
def narrow(server: LiveServer, patience: float = PATIENCE) -> Iterator[socket.socket]:
    """Give a connection whose systems keep little of what is not read, as they do where segments are small."""
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(patience)
        connection.connect(("127.0.0.1", server.port))
        yield connection


def ask_on_and_on(connection: socket.socket) -> None:
    while True:
        connection.sendall(NOT_FOUND * 100)


def test_who_does_not_read_the_answers_keeps_nobody_waiting(patient, application):
    with narrow(patient, patience=0.5) as connection:
        with pytest.raises(TimeoutError):  # The server reads no more requests of one who does not read the answers.
            ask_on_and_on(connection)
        for _ in range(2):
            assert ask(patient, signed_post(application, form(application))).status == 200


def test_who_reads_the_answers_late_finds_them_all(patient):
    request, sent = post([("X-Filler", "x" * 2000)], target="/direct/nothing"), 0
    with narrow(patient, patience=0.5) as connection:
        with suppress(TimeoutError):
            while True:
                sent += connection.send(request[sent % len(request) :])
        asked = sent // len(request)
        wire = Wire(connection)
        assert len({wire.read().body for _ in range(asked)}) == asked
        assert wire.ask(request[sent % len(request) :]).status == 404


def test_who_leaves_in_the_middle_leaves_nothing_behind(patient, application):
    # A worker takes no more than 800 connections at a time.
    for _ in range(850 // len(STALLED) // 2 + 1):
        for leave in (socket.socket.close, reset):
            for sent in STALLED.values():
                connection = patient.connect()
                connection.sendall(sent)
                leave(connection)
    assert ask(patient, signed_post(application, form(application))).status == 200


def reset(connection: socket.socket) -> None:
    """Break a connection off as a client does that has crashed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# Deadlines


def test_who_does_not_come_to_an_end_is_told_and_let_go(hasty, application):
    with ExitStack() as stack:
        silent = stack.enter_context(connected(hasty))
        wires = {}
        for name in UNFINISHED:
            wires[name] = stack.enter_context(connected(hasty))
            wires[name].send(STALLED[name])  # At once: who says nothing for a second is not told.
        assert silent.at_end()
        told = {name: wire.read().status for name, wire in wires.items()}
        assert told == dict.fromkeys(UNFINISHED, 408)
        assert [name for name, wire in wires.items() if not wire.at_end()] == []
    assert ask(hasty, signed_post(application, form(application))).status == 200


UNFINISHED = [
    "empty-line",
    "request-line",
    "head",
    "body-short-of-a-byte",
    "length-with-zeros",
    "length-over-the-limit",
    "chunk-size",
    "chunk-with-half-its-end",
    "last-chunk-with-half-its-end",
    "trailers",
]


def test_the_time_of_a_request_does_not_begin_anew_with_each_byte(hasty):
    with connected(hasty) as wire:
        wire.send(length(1000))
        assert trickle(wire), f"no answer in {PATIENCE} seconds"
        assert wire.read().status == 408


def trickle(wire: Wire) -> bool:
    """Send a byte every now and then until there is an answer; false if there is none in all patience."""
    for _ in range(PATIENCE * 10):
        wire.send(b"x")
        if select.select([wire.connection], [], [], 0.1)[0]:
            return True
    return False


def test_who_does_not_read_the_answers_is_let_go(hasty):
    with narrow(hasty) as connection, pytest.raises(ConnectionError):
        ask_on_and_on(connection)


# Framing


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_requests_in_pieces_of_any_size_are_answered_one_by_one(patient, application, build, chunked):
    body = form(application).encode()
    request = (
        head(MOVE, [*signed(application), CHUNKED]) + chunks(body, [7], trailers=b"X: y\r\n")
        if chunked
        else signed_post(application, body)
    )
    with connected(patient) as wire:
        wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in (len(request) - 1, len(request) + 1, 3 * len(request) - 2, 97):
            sent = request * 4
            for at in range(0, len(sent), size):
                wire.send(sent[at : at + size])
            answers = [wire.read() for _ in range(4)]
            assert [answer.body for answer in answers] == [moved(application, answer) for answer in answers]
        wire.half_close()
        assert wire.at_end()


def test_a_request_of_very_many_small_chunks_is_answered(patient, application):
    request = head(MOVE, [*signed(application), CHUNKED]) + chunks(form(application).encode().ljust(60_000, b"&"), [1])
    assert ask(patient, request).status == 200


def test_what_follows_a_request_with_an_ambiguous_end_is_not_looked_at(patient, application, build):
    hidden = signed_post(application, form(application))
    for headers in (
        [("Content-Length", "0"), CHUNKED],
        [("Content-Length", "0"), ("Content-Length", str(len(hidden)))],
    ):
        with connected(patient) as wire:
            assert wire.ask(head(MOVE, headers) + hidden).status == 400
            assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_what_follows_far_too_much_is_not_looked_at(patient, application, build):
    for announced in (LARGEST_READ * LIMIT + 1, "9" * 20):
        with connected(patient) as wire:
            answer = wire.ask(length(announced))
            assert (answer.status, answer.header("Connection")) == (413, "close")
            wire.send(signed_post(application, form(application)))
            assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


ASKED = {
    "length": (("Content-Length", "6"), b"id=181", 401),
    "length-over-the-limit": (("Content-Length", str(LIMIT + 1)), b"x" * (LIMIT + 1), 413),
    "chunks": (CHUNKED, chunks(b"id=181", [2]), 401),
}


@pytest.mark.parametrize(("announced", "body", "status"), ASKED.values(), ids=ASKED)
def test_who_waits_to_be_asked_for_the_body_is_asked_once(patient, announced, body, status):
    with connected(patient) as wire:
        assert wire.ask(head(MOVE, [EXPECTED, announced])).status == 100
        wire.send(body[:1])
        assert ask(patient, NOT_FOUND).status == 404
        assert wire.ask(body[1:]).status == status


def test_who_waits_to_be_asked_for_far_too_much_is_not_asked(patient):
    with connected(patient) as wire:
        assert wire.ask(head(MOVE, [EXPECTED, ("Content-Length", "1000000")])).status == 413
        assert wire.at_end()


def test_http_1_0_is_not_asked_for_the_body(patient):
    with connected(patient) as wire:
        wire.send(head(MOVE, [EXPECTED, ("Content-Length", "6"), ("X", "HTTP/1.1")], version="HTTP/1.0"))
        assert ask(patient, NOT_FOUND).status == 404
        assert wire.ask(b"id=181").status == 401


ENDLESS = {
    "line-feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "line": (b"GET /" + b"x" * 100_000, 414),
    "head": (b"GET / HTTP/1.1\r\n" + b"X-Filler: x\r\n" * 10_000, 431),
    "chunk": (CHUNKS + b"%x\r\n" % (10 * LIMIT) + b"x" * 7 * LIMIT, 413),
    "chunks": (CHUNKS + b"4;%s\r\nxxxx\r\n" % (b"x" * 1000) * 500, 413),
    "trailers": (CHUNKS + b"0\r\n" + b"X-Filler: x\r\n" * 50_000, 413),
}


# One that is read again from each of its zeros takes minutes.
LABORIOUS = {
    "length": (length("0" * 60_000 + "x"), 431),
    "chunk": (CHUNKS + b"0" * 60_000 + b"x\r\n", 400),
}


@pytest.mark.parametrize(("laborious", "status"), LABORIOUS.values(), ids=LABORIOUS)
def test_no_number_takes_long_to_read(patient, laborious, status):
    with connected(patient) as wire:
        assert wire.ask(laborious).status == status


@pytest.mark.parametrize(("endless", "status"), ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_refused_at_once(patient, endless, status):
    with connected(patient) as wire:
        assert wire.ask(endless).status == status
        assert wire.at_end()


# What is whole, beside gunicorn's own parser

gunicorn_settings = Config()
gunicorn_settings.set("http_parser", "python")
BODY = b"mailbox=box&id=181&folder=5"


class MoreWantedError(Exception):
    """gunicorn would have to wait for the client."""


def take(data: bytes, *, head_only: bool) -> bytes | None:
    """Let gunicorn read a request from just these bytes and give what it leaves; None if it refuses the request.

    Raises MoreWantedError if it would read on.
    """

    def source() -> Iterator[bytes]:
        yield data
        raise MoreWantedError

    parser = RequestParser(gunicorn_settings, source(), ("127.0.0.1", 1))
    try:
        request = next(parser)
        if not head_only:
            request.body.read()
    except ParseException:
        return None
    left: bytes = parser.unreader.take_buffered()
    return left


def arrive(data: bytes) -> tuple[int | None, Arrival]:
    """Let bytes arrive one by one until there is a verdict, and tell after how many."""
    arrival = Arrival(LIMIT, 0)
    for at in range(len(data)):
        arrival.add(data[at : at + 1])
        if is_decided(arrival):
            return at + 1, arrival
    return None, arrival


def is_decided(arrival: Arrival) -> bool:
    return arrival.is_whole or arrival.refusal is not None


def verdict(arrival: Arrival) -> tuple[bool, int | None, bool, bool]:
    return arrival.is_whole, arrival.refusal, arrival.is_too_large, arrival.exceeds


def concatenated(pieces: list[bytes], most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces), max_size=most).map(b"".join)


HEADERS = [
    b"Host: a\r\n",
    b"Content-Length: 27\r\n",
    b"content-length:\t5\t\r\n",
    b"Content-Length: 000000000000000000000000027\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: 1000000000000\r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length: 5\r\n 5\r\n",
    b"Content-Length: \xb2\r\n",
    b"Content-Length:\r\n",
    b"Content_Length: 5\r\n",
    b"X-Content-Length: 5\r\n",
    b"X: Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding:\tCHUNKED \r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked;q=1\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: 200-ok\r\n",
    b"Connection: close\r\n",
    b"X: y\n",
    b"X: y\rz\r\n",
    b"X\r\n",
]
LINES = [
    b"POST /direct HTTP/1.1\r\n",
    b"\r\nPOST /direct HTTP/1.1\r\n",
    b"\r\n\r\nPOST /direct HTTP/1.1\r\n",
    b"POST /direct HTTP/1.0\r\n",
    b"POST http://a/direct HTTP/1.1\r\n",
    b"CONNECT a:80 HTTP/1.1\r\n",
    b"Content-Length: 5\r\n",
    b"POST /direct HTTP/1.1\n",
    b"\r",
]
BODIES = [
    BODY,
    b"1b\r\n" + BODY + b"\r\n",
    b"1B;a=b\r\n" + BODY + b"\r\n",
    b"1b \t;a\r\n" + BODY + b"\r\n",
    b"1b \r\n" + BODY + b"\r\n",
    b"1b\n" + BODY + b"\n",
    b"1b\r\n" + BODY,
    b"000000000000000000001b\r\n" + BODY + b"\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"20000\r\n",
    b"0x1\r\n",
    b"1_0\r\n",
    b"-1\r\n",
    b"1;a\rb\r\nx\r\n",
    b"0\r\n",
    b"00000000000000000000\r\n",
    b"0;a=b\r\n",
    b"X-Trailer: x\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
]
hostile = st.tuples(
    st.sampled_from(LINES), concatenated(HEADERS, 4), st.sampled_from([b"\r\n", b"\r\n", b""]), concatenated(BODIES, 4)
).map(b"".join)


@given(hostile)
@example(length("0" * 20 + "5") + b"x")
@example(length("9" * 20))
@example(CHUNKS + b"0" * 20 + b"5\r\n")
@example(CHUNKS + b"F" * 17 + b"\r\n")
@profile(max_examples=500)
def test_what_is_called_whole_is_just_what_gunicorn_reads(data):
    count, arrival = arrive(data)
    if arrival.is_whole:
        assert take(data[:count], head_only=arrival.is_too_large) in {b"", None}
    elif arrival.refusal is None:
        with suppress(MoreWantedError):
            assert take(data, head_only=False) is None


@given(hostile, st.data())
@profile(max_examples=300)
def test_the_pieces_in_which_a_request_arrives_change_nothing(data, drawn):
    count, one_by_one = arrive(data)
    cuts = drawn.draw(st.lists(st.integers(0, len(data)), max_size=5).map(sorted))
    arrival = Arrival(LIMIT, 0)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        arrival.add(data[start:end])
        assert bytes(arrival.data) == data[:end]
        assert is_decided(arrival) == (count is not None and end >= count)
        if is_decided(arrival):
            break
    assert verdict(arrival) == verdict(one_by_one)


bodies = st.binary(max_size=200)


@given(bodies, st.sampled_from(["", "0", "0" * 30]))
def test_a_body_with_a_length_is_whole_with_its_last_byte(body, zeros):
    request = length(f"{zeros}{len(body)}") + body
    assert arrive(request + BODY)[0] == len(request)
    assert take(request + BODY, head_only=False) == BODY


@given(bodies, st.lists(st.integers(1, 50), min_size=1), st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ: \r\n"]))
def test_a_body_in_chunks_is_whole_with_its_last_byte(body, sizes, trailers):
    request = CHUNKS + chunks(body, sizes, trailers=trailers)
    assert arrive(request + BODY)[0] == len(request)
    assert take(request + BODY, head_only=False) == BODY


@given(st.integers(1, 200_000), st.integers(4096, 66_000))
@example(80_000, 65_536)
def test_the_size_of_a_head_alone_decides_whether_it_is_too_long(size, piece):
    data = b"GET / HTTP/1.1\r\nX: " + b"x" * size + b"\r\n\r\n"
    decided = []
    for step in (len(data), piece):
        arrival = Arrival(LIMIT, 0)
        for at in range(0, len(data), step):
            arrival.add(data[at : at + step])
            if is_decided(arrival):
                break
        decided.append(verdict(arrival))
    assert decided[0] == decided[1]


# An end to serving


def test_who_is_in_the_middle_of_a_request_is_answered_before_the_server_stops(settings, application):
    request = signed_post(application, form(application))
    with of_one_thread(settings, FOREVER) as server:
        with connected(server) as idle, connected(server) as kept, connected(server) as half:
            assert kept.ask(request).status == 200
            half.send(request[:-1])
            assert ask(server, request).status == 200
            server.process.terminate()
            assert idle.at_end()
            assert kept.at_end()
            last = half.ask(request[-1:])
            assert (last.status, last.header("Connection")) == (200, "close")
        assert server.process.wait(30) == 0
