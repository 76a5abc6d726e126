"""The service with nginx in front, by deploy/nginx.conf: what reaches the service, and what nginx rejects."""

import inspect
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from daas.conformance.contacts import CASES
from daas.conformance.contacts.fixture import OwnList
from daas.conformance.direct import cases
from daas.conformance.direct.fixture import MovedMessage
from daas.conformance.raw_http import Server
from daas.conformance.run import FAILED, SKIPPED, run
from daas.settings import Settings

from ..conformance import conftest as conformance
from ..support.actors import MOVE, Application
from ..support.builders import Builder
from ..support.nginx import Front, check_rejection, in_front
from ..support.servers import LiveServer
from ..support.wire import Wire, form, head, moved, post, signed, signed_post
from ..web import test_http, test_raw_request

pytestmark = pytest.mark.slow

# Tests of how the service itself reads malformed HTTP and cut requests, and of its peer's address.
NOT_BEHIND_A_PROXY = {
    "test_malformed_http_is_rejected_in_json_and_not_logged",
    "test_silent_connection_is_closed_without_response",
    "test_cut_head_gets_no_response_and_moves_nothing",
    "test_forwarded_headers_of_a_client_change_nothing",
    "test_log_contains_no_data_of_rejected_requests",
}
BODIES = [
    test_raw_request.test_chunks_of_any_size_are_one_body,
    test_raw_request.test_request_that_arrives_byte_by_byte_is_one_request,
    test_raw_request.test_body_of_exactly_the_limit_is_accepted,
    test_raw_request.test_body_one_byte_over_the_limit_is_413,
    test_raw_request.test_content_coding_is_415,
    test_raw_request.test_pipelined_requests_get_responses_in_order,
    test_raw_request.test_request_inside_a_body_is_not_served,
]
# The tests over raw HTTP again, through nginx; conftest.py lists the cases that never reach the service.
globals().update(
    {
        name: test
        for name, test in vars(test_http).items()
        if name.startswith("test_") and "server" in inspect.signature(test).parameters
        if name not in NOT_BEHIND_A_PROXY
    }
    | {test.__name__: test for test in BODIES}
)


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with in_front(settings, tmp_path_factory.mktemp("nginx")) as front:
        yield front


UNCLEAN = {
    "no-host": b"POST %s HTTP/1.1\r\n\r\n" % MOVE.encode(),
    "host-blank": post([]).replace(b"127.0.0.1", b""),
    "host-dots": post([]).replace(b"127.0.0.1", b"a..b"),
    "two-hosts": post([("Host", "a")]),
    "userinfo": post([], target=f"https://u@mail.example.org:8443{MOVE}"),
    "no-authority": post([], target=f"HTTP://{MOVE}"),
    "bare-percent": post([], target=f"{MOVE}%"),
    "nul": post([], target=f"{MOVE}%00"),
    "two-authorizations": post([("Authorization", "DAAS a:b")] * 2),
    "trace": post([], method="TRACE"),
    "connect": post([], method="CONNECT"),
    "not-http": b"\0\0\r\n\r\n",
    "long-line": head(f"{MOVE}?{'q' * 20_000}", []),
    "long-header": post([("X-Filler", "x" * 20_000)]),
    "unknown-coding": head(MOVE, [("Transfer-Encoding", "gzip")]),
}


@pytest.mark.parametrize("request_", UNCLEAN.values(), ids=UNCLEAN)
def test_nginx_rejects_malformed_http_in_json(server: Front, request_: bytes) -> None:
    response = server.ask(request_)
    check_rejection(response, 501 if response.status == 501 else None)


kit_target = conformance.target

#: Rejections by nginx: two Authorization headers are a 400, a request line of HTTP/0.9 gets no status line.
NOT_THE_SERVICES = {"authorization.repeated", "rcws.refused.repeated", "http.no-version"}


def test_kit_passes_through_nginx(
    settings: Settings, kit_target: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_front(settings, tmp_path, DAAS_ALLOWED_ORIGINS=conformance.ORIGIN) as front:
        monkeypatch.setenv("SSL_CERT_FILE", str(front.nginx.certificate))
        at = Server.at(front.url), kit_target, 10
        results = [*run(MovedMessage(*at), cases(kit_target)), *run(OwnList(*at), CASES)]
    assert {result.case.id for result in results if result.outcome == FAILED} == NOT_THE_SERVICES
    # With TLS a client cannot close only its sending side.
    assert {result.reason for result in results if result.outcome == SKIPPED} == {
        "The target has no connection without TLS, whose sending side can be closed alone."
    }
    assert len(results) > 800


@pytest.mark.parametrize(
    "forwarded", [[], [("X-Forwarded-For", "198.51.100.1")], [("X-Forwarded-For", "127.0.0.1, 127.0.0.1")]]
)
def test_log_has_address_of_client_despite_its_headers(
    server: Front, application: Application, build: Builder, forwarded: Any
) -> None:
    response = server.ask(post([*forwarded, *signed(application)], form(application)))
    assert (response.status, build.log_row(response.request_id).remote_address) == (200, "127.0.0.2")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_signed_target_is_unchanged_over_http_1_1_and_2(server: Front, application: Application, version: str) -> None:
    target = f"{MOVE}?a=b%2Fc+d%20e&%7e=%ff//../x"
    headers = [word for name, value in signed(application, uri=target) for word in ("-H", f"{name}: {value}")]
    command: list[Any] = ["curl", "-sS", version, "--path-as-is", "--cacert", server.nginx.certificate, *headers]
    command += ["--data", form(application), "-w", "\n%{http_version} %{http_code}", server.url + target]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    body, end = ended.stdout.splitlines()
    assert (json.loads(body)["id"], end) == (application.mailbox.message, "2 200" if "2" in version else "1.1 200")


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/metrics", "/%68ealth/live", "/metrics/", "/x/../metrics", "/metrics?x"]
)
def test_health_and_metrics_are_not_published(server: Front, path: str) -> None:
    check_rejection(server.ask(head(path, [("X-Forwarded-For", "127.0.0.1")], method="GET")), 404)


def test_monitors_ask_the_node_itself(server: Front) -> None:
    response = httpx.get(f"{server.live.url}/health/ready", trust_env=False, timeout=30)
    assert response.json() == {"status": "ok"}


def test_far_too_large_body_is_rejected_in_json(server: Front, application: Application) -> None:
    check_rejection(server.ask(head(MOVE, [*signed(application), ("Content-Length", "400000")])), 413)


def test_plain_http_is_rejected_in_json(server: Front) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as plain:
        check_rejection(Wire(plain).ask(head("/", [], method="GET")), 400)


def test_explanation_of_2048_characters_is_passed_on(
    settings: Settings, application: Application, tmp_path: Path
) -> None:
    target = f"{MOVE}?{'q' * 1900}"
    with in_front(settings, tmp_path, DAAS_EXPLAIN_401="1") as front:
        response = front.ask(post(signed(application, uri="/elsewhere"), form(application), target=target))
    assert response.status == 401
    assert len(response.header("X-Daas-String-To-Sign")) > 2500


def test_unavailable_node_is_503_in_json(settings: Settings, application: Application, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with in_front(settings, tmp_path, [f"127.0.0.1:{closed.getsockname()[1]}"]) as front:
            response = front.ask(signed_post(application, form(application)))
    check_rejection(response, 503)
    assert response.header("Retry-After") == "5"


def test_unavailable_node_of_two_is_not_noticed(settings: Settings, application: Application, tmp_path: Path) -> None:
    with socket.socket() as closed, LiveServer.start(settings) as other:
        closed.bind(("127.0.0.1", 0))
        nodes = [f"127.0.0.1:{closed.getsockname()[1]}", f"127.0.0.1:{other.port}"]
        with in_front(settings, tmp_path, nodes) as front:
            responses = [front.ask(signed_post(application, form(application))) for _ in range(6)]
    assert [(response.status, response.body == moved(application, response)) for response in responses] == [
        (200, True)
    ] * 6
