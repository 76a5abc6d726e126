"""The service behind nginx as deploy/nginx.conf sets it up: what reaches it, what nginx refuses, and how."""

import inspect
import json
import re
import socket
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from ..support.actors import MOVE
from ..support.nginx import Nginx, skip_without_nginx
from ..support.servers import LiveServer
from ..support.wire import Answer, Wire, form, head, moved, post, signed, signed_post
from ..web import test_http

pytestmark = pytest.mark.slow

# What is about the service's own reading of what is no HTTP, of half a request, and of its peer's address.
NOT_OF_THE_CONTRACT = {
    "test_what_is_no_well_formed_http_is_refused_in_json_and_not_logged",
    "test_a_connection_that_says_nothing_is_closed_without_an_answer",
    "test_a_head_that_is_cut_short_has_no_answer_and_moves_nothing",
    "test_what_a_client_says_of_itself_and_its_proxies_changes_nothing",
    "test_what_a_refused_request_held_is_not_in_the_servers_log",
}
# The contract over raw HTTP, again with nginx between.
globals().update(
    {
        name: test
        for name, test in vars(test_http).items()
        if name.startswith("test_") and "server" in inspect.signature(test).parameters
        if name not in NOT_OF_THE_CONTRACT
    }
)
#: What nginx refuses by itself, 4xx and in JSON, where the service would have said something else.
REFUSED = [
    r"test_the_host_does_not_matter\[\w+-(missing|blank|blanks|empty-label|dot|slash)\]",
    r"test_an_absolute_target_counts_\w+\[\w+-(https://u@mail\.example\.org:8443|HTTP://)\]",
    r"test_any_other_path_under_the_api_is_not_found_\w+\[\w+-/direct/messages/move%(00)?\]",
    r"test_a_repeated_authorization_is_refused\[\w+\]",
    r"test_another_method_is_not_allowed\[\w+-.*-(TRACE|CONNECT)\]",
]
#: What nginx hands on as something else: a target without a path as one of `/`. It is refused there.
CHANGED = [r"test_a_path_that_is_nearly_the_apis_\w+\[\w+-http://127\.0\.0\.1(\?/direct/messages/move)?\]"]


class Front:
    """nginx where tests expect the server, for clients at 127.0.0.2; `received` came over the last connection."""

    def __init__(self, nginx, live):
        self.nginx, self.live = nginx, live
        self.url, self.log, self.port = nginx.url, live.log, nginx.port
        self.received = b""

    @contextmanager
    def connect(self):
        self.received = b""
        with self.nginx.connect(source="127.0.0.2") as connection:
            yield Recorder(self, connection)

    def ask(self, data):
        with self.connect() as connection:
            return Wire(connection).ask(data)


class Recorder:
    """A connection that keeps what it receives."""

    def __init__(self, front, connection):
        self._front, self._connection = front, connection

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def recv(self, size):
        piece = self._connection.recv(size)
        self._front.received += piece
        return piece


@contextmanager
def in_front(settings, directory, nodes=(), **environ):
    skip_without_nginx()
    with (
        LiveServer.start(settings, DAAS_TRUSTED_PROXIES="127.0.0.1", **environ) as live,
        Nginx(directory, nodes or [f"127.0.0.1:{live.port}"]).running() as nginx,
    ):
        yield Front(nginx, live)


@pytest.fixture(scope="module")
def server(settings, tmp_path_factory):
    with in_front(settings, tmp_path_factory.mktemp("nginx")) as front:
        yield front


@pytest.fixture(autouse=True)
def refused_by_nginx(request):
    """Let what is listed differ, and only that; what nginx refuses has to be a 4xx in JSON all the same."""
    name = request.node.name
    refused = any(re.fullmatch(pattern, name) for pattern in REFUSED)
    if refused or any(re.fullmatch(pattern, name) for pattern in CHANGED):
        request.applymarker(pytest.mark.xfail(strict=True, reason="nginx answers this by itself"))
    yield
    if refused:
        answer = Wire(Replayed(request.getfixturevalue("server").received)).read()
        check_refusal(answer)


class Replayed:
    """What was received, as a connection."""

    def __init__(self, received):
        self._received = received

    def settimeout(self, seconds):
        pass

    def recv(self, size):
        piece, self._received = self._received, b""
        return piece


def check_refusal(answer: Answer, status=None):
    """Require the shape of the service's own refusals."""
    assert answer.status == status if status else 400 <= answer.status < 500
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    assert re.fullmatch("[0-9a-f]{32}", answer.request_id)
    assert [*answer.json] == ["request_id", "message"]


def test_the_log_names_the_client_whatever_it_says_of_itself(server, application, build):
    for forwarded in ([], [("X-Forwarded-For", "198.51.100.1")], [("X-Forwarded-For", "127.0.0.1, 127.0.0.1")]):
        answer = server.ask(post([*forwarded, *signed(application)], form(application)))
        assert (answer.status, build.log_row(answer.request_id).remote_address) == (200, "127.0.0.2")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_signed_target_comes_through_unchanged_over_both_versions(server, application, version):
    target = f"{MOVE}?a=b%2Fc+d%20e&%7e=%ff//../x"
    headers = [word for name, value in signed(application, uri=target) for word in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", version, "--path-as-is", "--cacert", server.nginx.certificate, *headers]
    command += ["--data", form(application), "-w", "\n%{http_version} %{http_code}", server.url + target]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    body, end = ended.stdout.splitlines()
    assert (json.loads(body)["id"], end) == (application.mailbox.message, "2 200" if "2" in version else "1.1 200")


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/metrics", "/%68ealth/live", "/metrics/", "/x/../metrics", "/metrics?x"]
)
def test_health_and_metrics_are_not_published(server, path):
    check_refusal(server.ask(head(path, [("X-Forwarded-For", "127.0.0.1")], method="GET")), 404)


def test_monitors_ask_the_node_itself(server):
    answer = httpx.get(f"{server.live.url}/health/ready", trust_env=False, timeout=30)
    assert answer.json() == {"status": "ok"}


def test_a_body_that_is_far_too_large_is_refused_in_json(server, application):
    check_refusal(server.ask(head(MOVE, [*signed(application), ("Content-Length", "400000")])), 413)


def test_plain_http_is_refused_in_json(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as plain:
        check_refusal(Wire(plain).ask(head("/", [], method="GET")), 400)


def test_an_explanation_of_2048_characters_comes_through(settings, application, tmp_path):
    target = f"{MOVE}?{'q' * 1900}"
    with in_front(settings, tmp_path, DAAS_EXPLAIN_401="1") as front:
        answer = front.ask(post(signed(application, uri="/elsewhere"), form(application), target=target))
    assert answer.status == 401
    assert len(answer.header("X-Daas-String-To-Sign")) > 2500


def test_a_node_that_is_away_is_a_503_in_json(settings, application, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with in_front(settings, tmp_path, [f"127.0.0.1:{closed.getsockname()[1]}"]) as front:
            answer = front.ask(signed_post(application, form(application)))
    check_refusal(answer, 503)
    assert answer.header("Retry-After") == "5"


def test_one_node_of_two_that_is_away_is_not_noticed(settings, application, tmp_path):
    with socket.socket() as closed, LiveServer.start(settings) as other:
        closed.bind(("127.0.0.1", 0))
        nodes = [f"127.0.0.1:{closed.getsockname()[1]}", f"127.0.0.1:{other.port}"]
        with in_front(settings, tmp_path, nodes) as front:
            answers = [front.ask(signed_post(application, form(application))) for _ in range(6)]
    assert [(answer.status, answer.body == moved(application, answer)) for answer in answers] == [(200, True)] * 6


def test_who_does_not_send_a_request_in_time_is_let_go(settings, tmp_path):
    with in_front(settings, tmp_path) as front:
        front.nginx.shorten_deadlines()
        with front.connect() as connection:
            wire = Wire(connection)
            wire.send(b"GET /onboarding/console HTTP/1.1\r\nHost: ")
            assert wire.at_end() or wire.read().status == 408
