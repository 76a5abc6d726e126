"""Rate limits of applications and of failures: what is counted, where, and what is rejected."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from limits.storage import storage_from_string
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.records.request_log import RequestLogRow
from daas.settings import Settings, load_settings
from daas.storage.engine import db

from ..support.actors import FORM, MOVE, Application, authorization, now
from ..support.builders import Builder
from ..support.servers import environment
from .test_health import ask, value_of

OLD = "Mon, 03 Jun 2013 12:13:56 GMT"
TOO_MANY = (429, "Too Many Requests")
FAILED = (401, "Access Denied. Authentication Failed.")


@pytest.fixture
def limited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Yield a function that makes an app with limits and returns the builder of its applications."""
    # A slow store must not be taken for an unavailable one.
    monkeypatch.setattr("daas.web.rate_limits._STORE_SECONDS", 10.0)
    made = []

    def make(**environ: Any) -> Any:
        app = create_app(load_settings(environment(settings, **environ)))
        made.append(app)
        return Builder(app)

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def caller(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox()])


def status_and_message(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.json["message"]


def fail(application: Application, peer: str = "203.0.113.9", **headers: Any) -> Any:
    """Send a request with a signature for another path, and close its response."""
    date = now()
    forged = authorization(application.keys, date=date, uri="/elsewhere")
    sent = {"Date": date, "Authorization": forged, "Content-Type": FORM, **headers}
    with application.app.test_client().post(MOVE, headers=sent, environ_base={"REMOTE_ADDR": peer}) as response:
        return response


def ask_well(application: Application, peer: Any = "203.0.113.9", **parts: Any) -> TestResponse:
    """Send a request with a valid signature."""
    headers = application.signed_headers(**parts)
    return application.app.test_client().post(MOVE, headers=headers, environ_base={"REMOTE_ADDR": peer})


def count_rows(application: Application) -> int:
    with application.app.app_context():
        return db.session.scalar(select(func.count()).select_from(RequestLogRow))


def test_no_application_is_limited_by_default(limited: Callable[..., Any]) -> None:
    application = caller(limited())
    assert {application.move().status_code for _ in range(50)} == {200}


def test_application_over_limit_gets_429_with_retry_after(limited: Callable[..., Any]) -> None:
    build = limited(DAAS_RATE_LIMIT="3 per hour")
    application, other = caller(build), caller(build)
    assert [application.move().status_code for _ in range(3)] == [200] * 3
    response = application.move(folder="Sent")
    assert status_and_message(response) == TOO_MANY
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    assert build.log_row(response.headers["X-Request-Id"]).reason == "too-many-requests"
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder
    assert other.move().status_code == 200


def test_limit_is_free_again_after_its_period(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_RATE_LIMIT="1 per second"))
    statuses = [application.move().status_code for _ in range(2)]
    deadline = time.monotonic() + 10
    while statuses[-1] == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
        statuses.append(application.move().status_code)
    assert statuses[-1] == 200


def test_unsigned_and_stale_requests_do_not_use_up_the_limit(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_RATE_LIMIT="1 per hour"))
    for _ in range(3):
        assert status_and_message(fail(application)) == FAILED
        assert status_and_message(ask_well(application, date=OLD)) == FAILED
    assert application.move().status_code == 200


def test_429_comes_after_signature_and_before_other_errors(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_RATE_LIMIT="1 per hour"))
    application.move()
    assert status_and_message(ask_well(application, date=OLD)) == TOO_MANY
    assert status_and_message(ask_well(application, content_type="text/plain")) == TOO_MANY
    assert status_and_message(fail(application)) == FAILED


def test_address_may_fail_300_times_a_minute_by_default(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT=""))
    assert {status_and_message(fail(application, Authorization="")) for _ in range(300)} == {FAILED}
    assert status_and_message(fail(application, Authorization="")) == TOO_MANY


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": f"DAAS {'k' * 64}:x"}])
def test_address_with_too_many_failures_gets_429(limited: Callable[..., Any], headers: dict[str, Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="3 per hour"))
    assert [status_and_message(fail(application, **headers)) for _ in range(3)] == [FAILED] * 3
    response = fail(application, **headers)
    assert status_and_message(response) == TOO_MANY
    assert 3500 < int(response.headers["Retry-After"]) <= 3600


def test_valid_signature_is_not_rejected_for_others_failures(limited: Callable[..., Any]) -> None:
    build = limited(DAAS_FAILURE_LIMIT="1 per hour")
    application, other = caller(build), caller(build)
    assert [status_and_message(fail(application)) for _ in range(3)] == [FAILED, TOO_MANY, TOO_MANY]
    assert ask_well(other).status_code == 422
    stale = ask_well(other, date=OLD)
    assert (status_and_message(stale), stale.headers["X-Daas-Error"]) == (FAILED, "date-outside-window")
    assert status_and_message(ask_well(other, date=OLD)) == TOO_MANY
    assert ask_well(other).status_code == 422
    assert status_and_message(ask_well(application, date=OLD)) == FAILED


def test_failures_count_per_ipv4_address_or_ipv6_network(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="1 per hour"))
    peers = ["203.0.113.1", "203.0.113.2", "2001:db8:0:1::1", "2001:db8:0:2::1", "unknown"]
    assert [status_and_message(fail(application, peer)) for peer in peers] == [FAILED] * 5
    again = ["203.0.113.1", "2001:db8:0:1::ffff:2", "2001:db8:0:2:3::", "unknown"]
    assert [status_and_message(fail(application, peer)) for peer in again] == [TOO_MANY] * 4


def test_ipv4_address_counts_the_same_on_ipv6_socket(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="1 per hour"))
    peers = ["::ffff:203.0.113.1", "::ffff:203.0.113.2", "203.0.113.3"]
    assert [status_and_message(fail(application, peer)) for peer in peers] == [FAILED] * 3
    again = ["203.0.113.1", "::ffff:203.0.113.2", "::ffff:203.0.113.3"]
    assert [status_and_message(fail(application, peer)) for peer in again] == [TOO_MANY] * 3


def test_failures_count_for_client_and_not_for_proxy(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="1 per hour", DAAS_TRUSTED_PROXIES="10.0.0.1"))
    clients = ["203.0.113.1", "203.0.113.2", "203.0.113.1"]
    responses = [fail(application, "10.0.0.1", **{"X-Forwarded-For": client}) for client in clients]
    assert [status_and_message(response) for response in responses] == [FAILED, FAILED, TOO_MANY]


def test_failures_over_the_limit_are_counted_and_have_no_row(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="2 per hour"))
    before = count_rows(application)
    for _ in range(7):
        fail(application)
    assert count_rows(application) == before + 2
    text = ask(application.app, "/metrics").text
    assert value_of(text, "daas_limited_requests_total", limit="address") == 5
    assert value_of(text, "daas_requests_total", status="429", reason="too-many-failures") == 5


STRAYS = {
    "unknown-path": ("POST", "/direct/messages/Move", 404),
    "unknown-path-of-lists": ("GET", "/v1/list.json", 404),
    "wrong-method": ("PUT", MOVE, 405),
    "head": ("HEAD", "/direct/folders", 405),
    "options": ("OPTIONS", MOVE, 405),
}


@pytest.mark.parametrize("case", STRAYS)
def test_unknown_paths_and_methods_count_as_failures(limited: Callable[..., Any], case: str) -> None:
    method, path, status = STRAYS[case]
    application = caller(limited(DAAS_FAILURE_LIMIT="2 per hour"))
    before = count_rows(application)

    def stray(peer: str = "203.0.113.9") -> TestResponse:
        return application.app.test_client().open(path, method=method, environ_base={"REMOTE_ADDR": peer})

    assert [stray().status_code for _ in range(2)] == [status] * 2
    response = stray()
    assert (response.status_code, "Allow" in response.headers) == (429, False)
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    assert method == "HEAD" or response.json["message"] == "Too Many Requests"
    assert count_rows(application) == before + 2
    assert status_and_message(fail(application)) == TOO_MANY
    assert stray("203.0.113.10").status_code == status
    assert ask_well(application).status_code == 422


def test_unknown_path_over_limit_is_429_unless_body_is_cut(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="1 per hour"))
    fail(application)
    client = application.app.test_client()
    peer = {"REMOTE_ADDR": "203.0.113.9"}
    assert status_and_message(client.post("/direct/nothing", data=b"x" * 70_000, environ_base=peer)) == TOO_MANY
    cut = {"CONTENT_LENGTH": "5"}
    assert client.post("/direct/nothing", environ_base=peer, environ_overrides=cut).status_code == 400


def test_missing_pages_are_no_failures_of_an_address(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="1 per hour"))
    peer = {"REMOTE_ADDR": "203.0.113.9"}
    pages = [application.app.test_client().get("/nothing", environ_base=peer) for _ in range(3)]
    assert {page.status_code for page in pages} == {404}
    assert status_and_message(fail(application)) == FAILED


def test_limit_can_be_none(limited: Callable[..., Any]) -> None:
    application = caller(limited(DAAS_FAILURE_LIMIT="none"))
    assert {status_and_message(fail(application)) for _ in range(310)} == {FAILED}


# Redis


class Redis:
    """A Redis on a unix socket, which a test can stop and start."""

    def __init__(self, directory: Any) -> None:
        self._socket = directory / "redis.sock"
        self.url = f"redis+unix://{self._socket}"
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        command = ["redis-server", "--port", "0", "--unixsocket", self._socket, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, cwd=self._socket.parent, stdout=subprocess.DEVNULL)
        store = storage_from_string(self.url)
        deadline = time.monotonic() + 10
        while not store.check() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert store.check()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


@contextmanager
def running(directory: Any) -> Iterator[Any]:
    if not shutil.which("redis-server"):
        pytest.skip("Redis is missing: apt-get install redis-server")
    redis = Redis(directory)
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running(tmp_path) as found:
        yield found


@pytest.mark.processes
def test_servers_that_share_a_redis_count_together(limited: Callable[..., Any], redis: Redis) -> None:
    environ = {"DAAS_RATE_LIMIT": "3 per hour", "DAAS_FAILURE_LIMIT": "2 per hour", "DAAS_RATE_LIMIT_STORE": redis.url}
    first, second = limited(**environ), limited(**environ)
    application = caller(first)
    there = type(application)(second.app, application.name, application.keys, application.mailboxes)
    assert [each.move().status_code for each in (application, there, application, there)] == [200, 200, 200, 429]
    assert [status_and_message(fail(each)) for each in (application, there, application)] == [FAILED, FAILED, TOO_MANY]


@pytest.mark.processes
def test_unavailable_store_rejects_no_request_and_warns_once(
    limited: Callable[..., Any], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    build = limited(DAAS_RATE_LIMIT="1 per hour", DAAS_FAILURE_LIMIT="1 per hour", DAAS_RATE_LIMIT_STORE=redis.url)
    application = caller(build)
    application.move()
    assert status_and_message(application.move()) == TOO_MANY
    redis.stop()
    caplog.clear()
    assert [application.move().status_code for _ in range(20)] == [200] * 20
    assert [status_and_message(fail(application)) for _ in range(5)] == [FAILED] * 5
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == [
        "The store of the rate limits is unavailable (ConnectionError): no request is rejected for its rate."
    ]
    redis.start()


@pytest.mark.processes
def test_store_unavailable_at_start_is_tried_again(
    limited: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daas.web.rate_limits._PAUSE_SECONDS", 0.0)
    redis = Redis(tmp_path)
    application = caller(limited(DAAS_RATE_LIMIT="1 per hour", DAAS_RATE_LIMIT_STORE=redis.url))
    assert [application.move().status_code for _ in range(3)] == [200] * 3
    with running(tmp_path):
        assert [application.move().status_code for _ in range(2)] == [200, 429]
