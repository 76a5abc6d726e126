"""The address of a client behind proxies, whether it used TLS, and the rejection of plain HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from daas.app import create_app, create_command_app
from daas.errors import OperatorError
from daas.seeds.demo import make_demo
from daas.server.start_checks import check_start
from daas.settings import SettingError, Settings, load_settings
from daas.storage.engine import db
from daas.web import proxies

from ..support.actors import MOVE
from ..support.builders import Builder
from ..support.servers import environment
from ..test_settings import KEY, fill, start_error

TRUSTED = load_settings({"DAAS_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1"})
NOBODY = load_settings({})

#: The peer, X-Forwarded-For, and the address of the client.
CLIENTS = [
    ("203.0.113.9", None, "203.0.113.9"),
    ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
    ("10.0.0.1", None, "10.0.0.1"),
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ("2001:db8::1", "2001:db8::2", "2001:db8::2"),
    ("2001:db8::2", "203.0.113.9", "2001:db8::2"),
    ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
    ("10.0.0.1", "127.0.0.1,203.0.113.9 , 10.0.0.2", "203.0.113.9"),
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
    ("10.0.0.1", "[2001:db8::9]:4711", "2001:db8::9"),
    ("10.0.0.1", "127.0.0.1, unknown", "unknown"),
    ("10.0.0.1", "127.0.0.1, 1.2.3", "unknown"),
    ("10.0.0.1", "203.0.113.9, <script>", "unknown"),
    ("", None, "unknown"),
    ("", "203.0.113.9", "203.0.113.9"),
]


def environ(peer: str, forwarded: str | None = None, proto: str | None = None) -> dict[str, str]:
    headers = {"HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_FORWARDED_PROTO": proto}
    return {"REMOTE_ADDR": peer, **{name: value for name, value in headers.items() if value is not None}}


@pytest.mark.parametrize(("peer", "forwarded", "client"), CLIENTS)
def test_client_is_last_address_that_is_no_trusted_proxy(peer: str, forwarded: str | None, client: str) -> None:
    assert proxies.client_address(environ(peer, forwarded), TRUSTED) == client


@pytest.mark.parametrize("forwarded", [None, "203.0.113.9", "127.0.0.1"])
def test_no_proxy_is_trusted_by_default(forwarded: str | None) -> None:
    assert proxies.client_address(environ("10.0.0.1", forwarded), NOBODY) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proto", "protected"),
    [
        ("10.0.0.1", "203.0.113.9", "https", True),
        ("10.0.0.1", "203.0.113.9", "HTTPS", True),
        ("10.0.0.1", "203.0.113.9", "http, https", True),
        ("10.0.0.1", "203.0.113.9", "http", False),
        ("10.0.0.1", "203.0.113.9", "https, http", False),
        ("10.0.0.1", "203.0.113.9", None, False),
        ("203.0.113.9", None, "https", False),
        ("203.0.113.9", "10.0.0.1", "https", False),
        ("127.0.0.1", None, None, True),
        ("127.0.0.1", "127.0.0.1", None, False),
        ("10.0.0.1", "127.0.0.1", "http", True),
    ],
)
def test_trusted_proxy_reports_tls(peer: str, forwarded: str | None, proto: str | None, protected: bool) -> None:
    found = environ(peer, forwarded, proto)
    assert proxies.is_protected(found, proxies.client_address(found, TRUSTED), TRUSTED) is protected


# Plain HTTP


@pytest.mark.processes
def test_public_address_without_trusted_proxy_stops_start(tmp_path: Path) -> None:
    sentence = start_error(tmp_path, DAAS_BIND="0.0.0.0:8000", DAAS_ENCRYPTION_KEYS=KEY)
    assert sentence.startswith("DAAS_BIND is an address that other machines can reach: ")
    assert "DAAS_TRUSTED_PROXIES" in sentence


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.0.2.7:80"])
def test_every_public_address_needs_a_trusted_proxy(tmp_path: Path, bind: str) -> None:
    settings = load_settings({"DAAS_DATABASE_URL": f"sqlite:///{tmp_path}/mail.db", "DAAS_BIND": bind})
    with pytest.raises(SettingError, match="DAAS_BIND is an address that other machines can reach"):
        check_start(settings)


@pytest.mark.parametrize(
    "allowed",
    [
        {"DAAS_BIND": "127.0.0.1:8000"},
        {"DAAS_BIND": "[::1]:8000"},
        {"DAAS_BIND": "unix:/run/daas.sock"},
        {"DAAS_BIND": "0.0.0.0:8000", "DAAS_TRUSTED_PROXIES": "10.0.0.1"},
    ],
)
def test_start_on_loopback_or_with_proxy_is_allowed(tmp_path: Path, allowed: dict[str, str]) -> None:
    settings = load_settings({"DAAS_DATABASE_URL": f"sqlite:///{tmp_path}/mail.db", **allowed})
    fill(settings)
    check_start(settings)


@pytest.fixture
def reachable(settings: Settings) -> Iterator[Flask]:
    """Return an app that is bound to a public address, with one trusted proxy."""
    app = create_app(load_settings(environment(settings, DAAS_BIND="0.0.0.0:80", DAAS_TRUSTED_PROXIES="10.0.0.1")))
    yield app
    with app.app_context():
        db.engine.dispose()


def test_request_without_tls_is_rejected_first(reachable: Flask) -> None:
    build = Builder(reachable)
    application = build.application(mailboxes=[build.mailbox()])
    client = reachable.test_client()
    body = f"mailbox={application.mailbox.name}&id={application.mailbox.message}&folder=Sent"
    for peer, proto, uri in [
        ("203.0.113.9", "https", MOVE),
        ("10.0.0.1", "http", MOVE),
        ("10.0.0.1", "http", "/direct/x"),
    ]:
        headers = {**application.signed_headers(uri=uri), "X-Forwarded-Proto": proto, "X-Forwarded-For": "198.51.100.1"}
        response = client.post(uri, data=body, headers=headers, environ_base={"REMOTE_ADDR": peer})
        assert (response.status_code, response.json["message"]) == (403, "Forbidden")
        assert build.log_row(response.headers["X-Request-Id"]).reason == "plain-http"
    assert build.folder_of(application.mailbox.message) == "Inbox"
    headers = {**application.signed_headers(), "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1"}
    assert client.post(MOVE, data=body, headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"}).status_code == 200


@pytest.mark.parametrize(
    "others",
    [
        {"DAAS_BIND": "0.0.0.0:80", "DAAS_TRUSTED_PROXIES": "127.0.0.1"},
        {"DAAS_TRUSTED_PROXIES": "127.0.0.1"},
        {"DAAS_BIND": "unix:/run/daas.sock"},
    ],
    ids=["public", "proxy", "unix-socket"],
)
def test_demo_never_runs_on_public_address(
    make_settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = make_settings("sqlite")
    with create_command_app(settings).app_context():
        from daas import migrations
        from daas.applications.registry import suspend_application

        migrations.upgrade()
        assert make_demo(settings)
        db.session.remove()
        published = load_settings(environment(settings, **others))
        check_start(settings)
        with pytest.raises(OperatorError, match="daas application suspend demo"):
            check_start(published)
        suspend_application("demo", suspended=True)
        db.session.remove()
        check_start(published)
        db.engine.dispose()
