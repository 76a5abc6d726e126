"""Rejections and failures of gunicorn itself: JSON for the client, one line in the log, no data of the request."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daas.server.rejections import LineLimit
from daas.settings import Settings

from ..support.servers import LiveServer
from ..support.wire import Answer, ask
from ..test_settings import fill

pytestmark = pytest.mark.processes

SECRET = "hypertension"


def failing_app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
    """Fail like an application can: by an exception or by an invalid response."""
    if environ["PATH_INFO"] == "/header":
        start_response("200 OK", [("X-Subject", f"{SECRET}\n")])
    raise RuntimeError(SECRET)


@pytest.fixture(scope="module")
def failing(make_settings: Callable[..., Settings]) -> Iterator[LiveServer]:
    settings = make_settings("sqlite")
    fill(settings)
    with LiveServer.start(settings, app=f"{__name__}:failing_app") as live:
        yield live


def lines_about(live: LiveServer, response: Answer) -> list[dict[str, Any]]:
    """Return the lines of the log with the request_id of a response."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [json.loads(line) for line in live.log.read_text().rpartition("\n")[0].splitlines()]
        if found := [line for line in lines if line.get("request_id") == response.request_id]:
            return found
        time.sleep(0.01)
    raise AssertionError(f"no line bears {response.request_id}")


MALFORMED = {
    "InvalidRequestLine": (f"{SECRET}\r\n\r\n", 400),
    "InvalidHeaderName": (f"GET / HTTP/1.1\r\n{SECRET} x: y\r\n\r\n", 400),
    "LimitRequestLine": (f"GET /{SECRET * 400} HTTP/1.1\r\n\r\n", 414),
    "ExpectationFailed": (f"GET / HTTP/1.1\r\nExpect: {SECRET}\r\n\r\n", 417),
    "LimitRequestHeaders": (f"GET / HTTP/1.1\r\nX: {SECRET * 800}\r\n\r\n", 431),
    "UnsupportedTransferCoding": (f"GET / HTTP/1.1\r\nTransfer-Encoding: {SECRET}\r\n\r\n", 501),
}


@pytest.mark.parametrize("reason", MALFORMED)
def test_malformed_request_is_one_line_with_address_and_reason(failing: Any, reason: str) -> None:
    request, status = MALFORMED[reason]
    response = ask(failing, request.encode())
    assert re.fullmatch("[0-9a-f]{32}", response.request_id)
    (line,) = lines_about(failing, response)
    assert line == {
        "request_id": response.request_id,
        "status": status,
        "reason": reason,
        "remote_address": "127.0.0.1",
        "event": "rejected by the server",
        "level": "info",
        "at": line["at"],
    }
    assert SECRET not in failing.log.read_text()


def test_lines_about_malformed_requests_are_limited_and_counted() -> None:
    now = 100.0
    limit = LineLimit(lambda: now)
    assert [limit.take() for _ in range(60)] == [0] * 60
    assert [limit.take() for _ in range(25)] == [None] * 25
    now += 59.9
    assert limit.take() is None
    now += 0.1
    assert [limit.take() for _ in range(61)] == [26, *[0] * 59, None]


def test_flood_of_malformed_requests_leaves_few_lines(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings("sqlite")
    fill(settings)
    with LiveServer.start(settings, app=f"{__name__}:failing_app") as live:
        responses = [ask(live, b"no HTTP\r\n\r\n") for _ in range(150)]
        lines = live.log.read_text().count("rejected by the server")
    assert {response.status for response in responses} == {400}
    # A new minute may have begun meanwhile.
    assert 60 <= lines <= 120


@pytest.mark.parametrize("path", ["/", "/header"])
def test_failing_application_is_500_in_json_and_logged(failing: Any, path: str) -> None:
    response = ask(failing, f"GET {path}?{SECRET} HTTP/1.1\r\n\r\n".encode())
    assert (response.status, response.header("Content-Type")) == (500, "application/json")
    assert response.json == {"request_id": response.request_id, "message": "Internal Server Error"}
    (line,) = lines_about(failing, response)
    assert (line["level"], line["logger"]) == ("error", "gunicorn.error")
    assert "failing_app" in line["traceback"]
    assert SECRET not in failing.log.read_text()
