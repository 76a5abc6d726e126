"""A real nginx with the sample configuration of deploy/, in front of servers of the tests."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from daas.settings import Settings

from .servers import ROOT, LiveServer, reserved_port
from .wire import Answer, Wire

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_AROUND = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
worker_processes 2;
{user}
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/daas.conf;
}}
"""


class Nginx:
    """nginx with deploy/nginx.conf, except for its port, its files and its nodes.

    Tests send more requests from one address than any client: only with `limited` do the shipped limits apply.
    """

    def __init__(self, directory: Path, nodes: Sequence[str], *, limited: bool = False) -> None:
        self.directory = directory
        self._limited = limited
        self._reserved = ExitStack()
        self.port = self._reserved.enter_context(reserved_port())
        self.certificate = directory / "certificate.pem"
        self._process: subprocess.Popen[bytes]
        # As root, nginx would run its workers as a user who may not enter the directory.
        user = "user root;" if os.geteuid() == 0 else ""
        (directory / "nginx.conf").write_text(_AROUND.format(directory=directory, user=user))
        self.write_nodes(nodes)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def processes(self) -> list[psutil.Process]:
        """The processes that serve."""
        return psutil.Process(self._process.pid).children()

    def write_nodes(self, nodes: Sequence[str]) -> None:
        """Write the configuration for these nodes, such as `127.0.0.1:8000 down`."""
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        replaced = [
            (r"listen 443 ", f"listen 127.0.0.1:{self.port} "),
            (r"/etc/daas/tls", str(self.directory)),
            (r"/var/log/nginx/daas\.log", str(self.directory / "daas.log")),
            (r"/var/cache/daas-nginx", str(self.directory / "cache")),
            (
                r"(?<=upstream daas {\n)    server .*\n",
                "".join(f"    server {node} max_fails=1 fail_timeout=2s;\n" for node in nodes),
            ),
        ]
        if not self._limited:
            replaced += [(r"rate=100r/s", "rate=100000r/s"), (r"daas_connections 100;", "daas_connections 10000;")]
        for found, replacement in replaced:
            text, count = re.subn(found, replacement, text)
            assert count > 0, found
        (self.directory / "daas.conf").write_text(text)

    def reload(self) -> None:
        """Reload the configuration, and wait until the requests of the previous one are finished."""
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        self._await(lambda: len(self._workers() - before) == len(before) and not self._workers() & before)

    def shorten_deadlines(self) -> None:
        """Set the deadlines for clients that send to one second."""
        written = self.directory / "daas.conf"
        written.write_text(re.sub(r"(client_(?:header|body)_timeout +)10s", r"\g<1>1s", written.read_text()))
        self.reload()

    def connect(self, source: str = "127.0.0.1", *, narrow: bool = False) -> ssl.SSLSocket:
        """Open a TLS connection that speaks HTTP/1.1; if `narrow`, one that accepts little before it is read."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = socket.socket()
        if narrow:
            # With small segments, as on a network, the kernel buffers little for a slow reader.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(15)
        try:
            plain.bind((source, 0))
            plain.connect(("127.0.0.1", self.port))
            return context.wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            plain.close()
            raise

    @contextmanager
    def running(self) -> Iterator["Nginx"]:
        make_certificate(self.directory)
        assert PROGRAM is not None
        command = [PROGRAM, "-c", str(self.directory / "nginx.conf"), "-p", str(self.directory), "-e", "stderr"]
        with (self.directory / "nginx.log").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        try:
            self._await(self._answers)
            yield self
        finally:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._reserved.close()

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def _await(self, happened: Any) -> None:
        deadline = time.monotonic() + 15
        while not happened():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start:\n{(self.directory / 'nginx.log').read_text()}")
            time.sleep(0.02)

    def _workers(self) -> set[str]:
        return {*Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()}


class Front:
    """nginx where tests expect the server, for clients at 127.0.0.2."""

    def __init__(self, nginx: Nginx, live: LiveServer) -> None:
        self.nginx, self.live = nginx, live
        self.url, self.log, self.port = nginx.url, live.log, nginx.port

    def connect(self, source: str = "127.0.0.2") -> ssl.SSLSocket:
        return self.nginx.connect(source)

    def ask(self, data: bytes, source: str = "127.0.0.2") -> Answer:
        """Send bytes over a connection of their own, from an address of this machine, and read the response."""
        with self.connect(source) as connection:
            return Wire(connection).ask(data)


@contextmanager
def in_front(
    settings: Settings, directory: Path, nodes: Sequence[str] = (), *, limited: bool = False, **environ: str
) -> Iterator[Front]:
    """Start the service and nginx in front of it, or in front of other nodes."""
    skip_without_nginx()
    with (
        LiveServer.start(settings, DAAS_TRUSTED_PROXIES="127.0.0.1", **environ) as live,
        Nginx(directory, nodes or [f"127.0.0.1:{live.port}"], limited=limited).running() as nginx,
    ):
        yield Front(nginx, live)


def check_rejection(answer: Answer, status: int | None = None) -> None:
    """Assert that a response has the shape of the service's own rejections, with a status or any 4xx."""
    assert answer.status == status if status else 400 <= answer.status < 500
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    assert re.fullmatch("[0-9a-f]{32}", answer.request_id)
    assert [*answer.json] == ["request_id", "message"]


def make_certificate(directory: Path) -> None:
    """Make certificate.pem and key.pem, for 127.0.0.1."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)


def skip_without_nginx() -> None:
    if PROGRAM is None:
        pytest.skip("nginx is missing: apt-get install nginx")
