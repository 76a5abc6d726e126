"""A real nginx with the sample configuration of deploy/, in front of servers of the tests."""

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

import pytest

from .servers import ROOT, reserved_port

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_AROUND = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
worker_processes 2;
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
    """nginx as deploy/nginx.conf makes it, with another port, certificate and other nodes than stand there."""

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        self.directory = directory
        self._reserved = ExitStack()
        self.port = self._reserved.enter_context(reserved_port())
        self.certificate = directory / "certificate.pem"
        self._process: subprocess.Popen[bytes]
        (directory / "nginx.conf").write_text(_AROUND.format(directory=directory))
        self.write_nodes(nodes)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def write_nodes(self, nodes: Sequence[str]) -> None:
        """Write the configuration for these nodes, such as `127.0.0.1:8000 down`."""
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        replaced = [
            (r"listen 443 ", f"listen 127.0.0.1:{self.port} "),
            (r"/etc/daas/tls", str(self.directory)),
            (r"/var/log/nginx/daas\.log", str(self.directory / "daas.log")),
            (
                r"(?<=upstream daas {\n)    server .*\n",
                "".join(f"    server {node} max_fails=1 fail_timeout=2s;\n" for node in nodes),
            ),
        ]
        for found, replacement in replaced:
            text, count = re.subn(found, replacement, text)
            assert count > 0, found
        (self.directory / "daas.conf").write_text(text)

    def reload(self) -> None:
        """Let nginx read its configuration anew, and wait until all that was begun by the old one is finished."""
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        self._await(lambda: len(self._workers() - before) == len(before) and not self._workers() & before)

    def shorten_deadlines(self) -> None:
        """Let clients have one second to send."""
        written = self.directory / "daas.conf"
        written.write_text(re.sub(r"(client_(?:header|body)_timeout +)10s", r"\g<1>1s", written.read_text()))
        self.reload()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a TLS connection that speaks HTTP/1.1."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(source, 0))
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

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

    def _await(self, happened) -> None:
        deadline = time.monotonic() + 15
        while not happened():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start:\n{(self.directory / 'nginx.log').read_text()}")
            time.sleep(0.02)

    def _workers(self) -> set[str]:
        return {*Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()}


def make_certificate(directory: Path) -> None:
    """Make certificate.pem and key.pem, for 127.0.0.1."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(directory / "key.pem"), "-out", str(directory / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)


def skip_without_nginx() -> None:
    if PROGRAM is None:
        pytest.skip("nginx is missing: apt-get install nginx")
