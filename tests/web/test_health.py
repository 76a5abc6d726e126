"""Health checks and metrics: their responses, the addresses that may request them, and what is counted."""

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.applications.registry import SERVICES
from daas.settings import Settings, load_settings
from daas.storage.engine import db

from ..conftest import ENCRYPTION_KEY
from ..support.actors import FORM, Application, authorization, now
from ..support.builders import Builder
from ..support.commands import new_name
from ..test_settings import fill

VIEWS = ["/health/live", "/health/ready", "/metrics"]
MD5 = "CY9rzUYh03PK3k6DJie09g=="  # The MD5 of `test`.


def ask(app: Flask, path: str, peer: str = "127.0.0.1", headers: dict[str, str] | None = None) -> TestResponse:
    return app.test_client().get(path, environ_base={"REMOTE_ADDR": peer}, headers=headers or {})


@pytest.fixture
def own(database_kind: str, make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """Yield an app over its own database, which a test may damage."""
    settings = make_settings(database_kind)
    fill(settings)
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def app_behind(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Yield a function that makes an app with settings about proxies or monitors."""
    made = []

    def make(**environ: Any) -> Any:
        url = settings.database_url.render_as_string(hide_password=False)
        base = {"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY}
        made.append(create_app(load_settings({**base, **environ})))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.mark.both_databases
def test_service_with_database_is_live_and_ready(app: Flask) -> None:
    for path in ("/health/live", "/health/ready"):
        response = ask(app, path)
        assert (response.status_code, response.json, response.mimetype) == (200, {"status": "ok"}, "application/json")


def test_service_without_database_is_live_but_not_ready() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://daas@127.0.0.1:{closed.getsockname()[1]}/daas"
        app = create_app(load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY}))
        response = ask(app, "/health/ready")
        assert ask(app, "/health/live").status_code == 200
    assert (response.status_code, response.json) == (503, {"status": "unavailable", "fault": "database"})


@pytest.mark.both_databases
@pytest.mark.parametrize(("revision", "ready"), [("0000", False), (None, False), ("9999", True)])
def test_service_is_ready_on_its_own_schema_and_the_next(own: Flask, revision: str | None, ready: bool) -> None:
    with own.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
        if revision:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    response = ask(own, "/health/ready")
    assert response.status_code == (200 if ready else 503)
    assert response.json.get("fault") == (None if ready else "migrations")


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize(
    ("peer", "open_to"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2001:db8::1", False),
        ("", False),
    ],
)
def test_monitors_are_on_loopback_by_default(app: Flask, path: str, peer: str, open_to: bool) -> None:
    assert ask(app, path, peer).status_code == (200 if open_to else 404)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
@pytest.mark.parametrize("path", VIEWS)
def test_untrusted_proxy_on_loopback_does_not_publish_health(app: Flask, path: str, header: str) -> None:
    assert ask(app, path, headers={header: "127.0.0.1"}).status_code == 404


def test_client_address_decides_and_not_the_proxys(app_behind: Callable[..., Any]) -> None:
    app = app_behind(DAAS_TRUSTED_PROXIES="127.0.0.1")
    through = {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}
    assert [ask(app, path, headers=through).status_code for path in VIEWS] == [404] * 3
    assert [ask(app, path).status_code for path in VIEWS] == [200] * 3


def test_setting_opens_health_to_other_networks(app_behind: Callable[..., Any]) -> None:
    app = app_behind(DAAS_MONITORS="10.1.0.0/16")
    assert [ask(app, path, "10.1.2.3").status_code for path in VIEWS] == [200] * 3
    assert [ask(app, path, "127.0.0.1").status_code for path in VIEWS] == [404] * 3


# Metrics


def value_of(text: str, name: str, **labels: Any) -> float:
    """Return the value of a metric, summed over the labels that are not given."""
    total = 0.0
    for labelled, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="([^"]*)"', labelled))
        if labels.items() <= found.items():
            total += float(value)
    return total


@pytest.fixture
def counted(settings: Settings) -> Iterator[tuple[Application, Callable[..., Any]]]:
    """Yield an application of a new app, whose counts start at zero, and a function that returns its metrics."""
    app = create_app(settings)
    build = Builder(app)
    yield build.application(mailboxes=[build.mailbox()]), lambda: ask(app, "/metrics").text
    with app.app_context():
        db.engine.dispose()


def send(application: Application, body: str = "", **parts: Any) -> None:
    """Send a signed POST and close its response, as a server does after sending it."""
    application.post_signed(body, **parts).close()


MOVED = {"service": "direct/messages/move"}


def test_requests_are_counted_by_service_status_and_reason(counted: tuple[Application, Callable[..., Any]]) -> None:
    application, read = counted
    for _ in range(3):
        application.move().close()
    application.move(mailbox=new_name("nobody")).close()
    send(application, uri="/direct/elsewhere")
    text = read()
    assert value_of(text, "daas_requests_total", **MOVED, status="200", reason="moved") == 3
    assert value_of(text, "daas_requests_total", **MOVED, status="403", reason="mailbox-unknown") == 1
    assert value_of(text, "daas_requests_total", service="unknown", status="404", reason="path-unknown") == 1
    assert value_of(text, "daas_requests_total") == 5


def test_durations_are_counted_in_buckets(counted: tuple[Application, Callable[..., Any]]) -> None:
    application, read = counted
    application.move().close()
    text = read()
    assert value_of(text, "daas_request_duration_seconds_count", **MOVED) == 1
    assert value_of(text, "daas_request_duration_seconds_bucket", **MOVED, le="+Inf") == 1
    assert 0 < value_of(text, "daas_request_duration_seconds_sum", **MOVED) < 30


def test_signed_posts_without_content_md5_count_as_unsigned(
    counted: tuple[Application, Callable[..., Any]],
) -> None:
    application, read = counted
    send(application, "test")
    send(application, "test", md5=MD5)
    send(application)
    forged = {"Authorization": authorization(application.keys, date="1", content_type=FORM), "Date": now()}
    application.post_signed("test", headers=forged).close()
    assert value_of(read(), "daas_unbound_requests_total") == 2


@pytest.mark.both_databases
def test_gauge_of_pool_returns_to_zero(counted: tuple[Application, Callable[..., Any]]) -> None:
    application, read = counted
    app = application.app
    assert value_of(read(), "daas_pool_in_use") == 0
    with app.app_context():
        with db.engine.connect(), db.engine.connect():
            assert value_of(read(), "daas_pool_in_use") == 2
        with db.engine.connect() as connection:
            connection.invalidate()
    application.move().close()
    text = read()
    assert (value_of(text, "daas_pool_in_use"), value_of(text, "daas_pool_size")) == (0, 16 if is_server(app) else 8)


def is_server(app: Flask) -> bool:
    return app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() != "sqlite"


def test_no_label_contains_data_of_a_request(counted: tuple[Application, Callable[..., Any]]) -> None:
    application, read = counted
    word = new_name("Zytomegalie")
    for uri in (f"/direct/{word}", f"/{word}"):
        send(application, word, uri=uri)
        application.app.test_client().open(uri, method=word[:20]).close()
    send(application, f"mailbox={word}&id=1&folder=Inbox")
    text = read()
    assert word not in text
    assert {*re.findall(r'service="([^"]*)"', text)} <= {*SERVICES, "unknown", "page"}
