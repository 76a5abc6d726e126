"""TLS of the service's own: what comes through it, and what it refuses."""

import socket
import ssl

import pytest

from daas.server.start_checks import check_start
from daas.settings import SettingError, load_settings

from ..support.actors import MOVE
from ..support.nginx import make_certificate
from ..support.servers import LiveServer
from ..support.wire import Wire, form, moved, post, signed, signed_post
from ..test_settings import KEY, fill, refusal


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The files of a certificate for 127.0.0.1 and of its key."""
    directory = tmp_path_factory.mktemp("tls")
    make_certificate(directory)
    return directory / "certificate.pem", directory / "key.pem"


def settings_of(certificate):
    return {"DAAS_TLS_CERTIFICATE": str(certificate[0]), "DAAS_TLS_KEY": str(certificate[1])}


class TlsServer:
    """The server, and TLS connections to it where tests expect plain ones."""

    def __init__(self, live, certificate):
        self.live = live
        self._context = ssl.create_default_context(cafile=str(certificate[0]))

    def connect(self):
        return self._context.wrap_socket(self.live.connect(), server_hostname="127.0.0.1")


@pytest.fixture(scope="module")
def tls_server(settings, certificate):
    with LiveServer.start(settings, DAAS_REQUEST_SECONDS="2", **settings_of(certificate)) as live:
        yield TlsServer(live, certificate)


def test_requests_come_through_one_after_the_other(tls_server, application):
    with tls_server.connect() as connection:
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}
        wire = Wire(connection)
        for folder in ("Sent", "Inbox"):
            answer = wire.ask(signed_post(application, form(application, folder=folder)))
            assert (answer.status, answer.body) == (200, moved(application, answer, folder))


def test_an_answer_that_waits_comes_and_the_next_one_too(settings, certificate):
    environ = {"DAAS_FAILURE_LIMIT": "1 per hour", "DAAS_WORKERS": "1", **settings_of(certificate)}
    with LiveServer.start(settings, **environ) as live, TlsServer(live, certificate).connect() as connection:
        wire = Wire(connection)
        assert [wire.ask(post([])).status for _ in range(2)] == [401, 429]
        assert wire.ask(post([], target="/direct/nothing")).status == 404


def test_a_request_in_pieces_and_two_at_once_are_answered(tls_server, application):
    request = signed_post(application, form(application))
    with tls_server.connect() as connection:
        wire = Wire(connection)
        for place in range(0, len(request), 7):
            wire.send(request[place : place + 7])
        assert wire.read().status == 200
        wire.send(request + request)
        assert [wire.read().status for _ in range(2)] == [200, 200]


def test_large_bodies_and_large_answers_come_through(tls_server, application, build):
    with tls_server.connect() as connection:
        wire = Wire(connection)
        assert wire.ask(signed_post(application, "x" * 65_536)).status == 422
        assert wire.ask(signed_post(application, "x" * 300_000)).status == 413
        page = wire.ask(b"GET /onboarding/static/swagger-ui-bundle.js HTTP/1.1\r\n\r\n")
        assert (page.status, len(page.body) > 1_000_000) == (200, True)


def test_what_is_no_tls_or_stalls_in_it_is_let_go_and_holds_up_nobody(tls_server, application):
    with tls_server.live.connect() as plain, tls_server.live.connect() as stalled, tls_server.connect() as half:
        plain.sendall(signed_post(application, form(application)))
        stalled.sendall(b"\x16\x03\x01")
        half.sendall(b"POST " + MOVE.encode())
        with tls_server.connect() as connection:
            assert Wire(connection).ask(signed_post(application, form(application))).status == 200
        plain.settimeout(10)
        received = plain.recv(100)
        assert not received.startswith(b"HTTP")
        stalled.settimeout(10)
        assert stalled.recv(100) == b""
        assert Wire(half).read().status == 408


def test_a_client_that_ends_in_the_middle_is_told_and_seen_off(tls_server, application):
    headers = [*signed(application), ("Content-Length", "100")]
    with tls_server.connect() as connection:
        wire = Wire(connection)
        wire.send(b"POST " + MOVE.encode() + b" HTTP/1.1\r\n")
        wire.send("".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\nhalf")
        connection.shutdown(socket.SHUT_WR)
    with tls_server.connect() as connection:
        assert Wire(connection).ask(signed_post(application, form(application))).status == 200


def test_a_service_with_tls_may_be_bound_to_any_address(tmp_path, certificate):
    environ = {"DAAS_DATABASE_URL": f"sqlite:///{tmp_path}/mail.db", "DAAS_BIND": "0.0.0.0:8443"}
    settings = load_settings({**environ, **settings_of(certificate)})
    fill(settings)
    check_start(settings)
    assert not settings.requires_https


def test_a_certificate_without_its_key_is_one_sentence(tmp_path, certificate):
    environ = {"DAAS_DATABASE_URL": f"sqlite:///{tmp_path}/mail.db", "DAAS_ENCRYPTION_KEYS": KEY}
    with pytest.raises(SettingError, match="are given together or not at all"):
        check_start(load_settings({**environ, "DAAS_TLS_CERTIFICATE": str(certificate[0])}))
    fill(load_settings(environ))
    wrong = {"DAAS_TLS_CERTIFICATE": str(certificate[1]), "DAAS_TLS_KEY": str(certificate[0])}
    told = "DAAS_TLS_CERTIFICATE and DAAS_TLS_KEY hold no certificate with its key."
    assert refusal(tmp_path, **environ, **wrong) == told
