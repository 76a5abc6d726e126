"""A real Postfix that hands mail over to a receiver by LMTP; both are processes of their own."""

import os
import pwd
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daas.settings import Settings

from ..support.servers import environment, reserved_port
from .client import DOMAIN, Lmtp

_MAIN = """
compatibility_level = 3.6
config_directory = {directory}/etc
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
myhostname = mta.example.org
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
virtual_mailbox_domains = {domain}
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
message_size_limit = 52428800
mailbox_size_limit = 0
lmtp_line_length_limit = 0
lmtp_destination_concurrency_limit = 20
lmtp_destination_concurrency_failed_cohort_limit = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
lmtp_connection_cache_on_demand = no
"""
_MASTER = """
127.0.0.1:{port} inet n - n - 50 smtpd
pickup unix n - n 60 1 pickup
flush unix n - n 1000? 0 flush
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
"""
_PATIENCE_SECONDS = 60


class Postfix:
    """Postfix with a configuration and a queue of its own, for the domain of the service."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self.port = port

    @classmethod
    @contextmanager
    def start(cls, lmtp_port: int) -> Iterator["Postfix"]:
        if shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip("postfix is missing: apt-get install postfix")
        if os.geteuid():
            pytest.skip("Postfix starts only as root")
        # Not in a directory of pytest, which only root can enter.
        with tempfile.TemporaryDirectory(prefix="daas-postfix-") as name, reserved_port() as port:
            directory = Path(name)
            directory.chmod(0o755)
            for each in ("etc", "queue", "data"):
                (directory / each).mkdir()
            os.chown(directory / "data", pwd.getpwnam("postfix").pw_uid, -1)
            values = {"directory": directory, "port": port, "lmtp_port": lmtp_port, "domain": DOMAIN}
            (directory / "etc" / "main.cf").write_text(_MAIN.format(**values))
            (directory / "etc" / "master.cf").write_text(_MASTER.format(**values))
            postfix = cls(directory, port)
            postfix._run("postfix", "start")
            try:
                yield postfix
            finally:
                postfix._run("postfix", "stop")

    def send(self, raw: bytes, *mailboxes: str, sender: str = "sender", smtputf8: bool = False) -> None:
        """Send a message through it from one mailbox of the domain to others."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as smtp:
            recipients = [f"{mailbox}@{DOMAIN}" for mailbox in mailboxes]
            options = ["BODY=8BITMIME", *(["SMTPUTF8"] if smtputf8 else [])]
            assert smtp.sendmail(f"{sender}@{DOMAIN}", recipients, raw, mail_options=options) == {}

    def queued(self) -> list[str]:
        """Return a line of JSON for each message that is in its queue."""
        return self._run("postqueue", "-j").splitlines()

    def retry(self) -> None:
        """Make it try everything in its queue again now."""
        self._run("postqueue", "-f")

    def log(self) -> str:
        path = self._directory / "log"
        return path.read_text() if path.exists() else ""

    def wait_until_empty(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.queued():
            if time.monotonic() > deadline:
                raise AssertionError(f"the queue is not empty:\n{self.log()[-3000:]}")
            time.sleep(0.3)

    def wait_for_log(self, text: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while text not in self.log():
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} is not in the log:\n{self.log()[-3000:]}")
            time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> str:
        command = [f"/usr/sbin/{program}", "-c", str(self._directory / "etc"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


#: The receiver, which dies by SIGKILL after its first commit, before it answers.
KILLED_AFTER_COMMIT = """
import os, signal
from daas.delivery import storing_queue
deliver = storing_queue.deliver
def deliver_and_die(deliveries):
    deliver(deliveries)
    os.kill(os.getpid(), signal.SIGKILL)
storing_queue.deliver = deliver_and_die
"""
_RUN = "from daas.cli import main; main(['lmtp'])"


@contextmanager
def receiver_process(settings: Settings, port: int, *, first: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run `daas lmtp` as a process of its own, after a program; it listens when this yields."""
    environ = environment(settings, DAAS_LMTP_BIND=f"127.0.0.1:{port}", DAAS_CLINICAL_DOMAIN=DOMAIN)
    command = [sys.executable, "-c", first + _RUN]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                Lmtp(f"127.0.0.1:{port}").close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        process.wait(timeout=40)
