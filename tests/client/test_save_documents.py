"""The sample program that saves documents and archives their messages, killed at any time."""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..support.actors import Application
from ..support.builders import Builder
from ..support.mail import CCDA, attachment, entity, message, multipart, xdm
from ..support.servers import ROOT, LiveServer

SERVICES = ("direct/messages", "direct/messages/read", "direct/messages/move")
PROGRAM = ROOT / "examples" / "save_documents.py"


def document(number: int) -> bytes:
    return CCDA.replace(b"Summary", f"Summary {number}".encode() + b" " * 20_000)


class Job:
    """The program with the keys of an application, and the folder that it saves into."""

    def __init__(self, url: str, application: Application, folder: Path) -> None:
        self.folder = folder
        keys = {"DAAS_PUBLIC_KEY": application.keys.public_key, "DAAS_PRIVATE_KEY": application.keys.private_key}
        self._command = [sys.executable, str(PROGRAM), url, application.mailbox.name, str(folder), "--once"]
        self._environ = {**os.environ, **keys}

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(self) -> tuple[int, str, str]:
        with self.start() as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def saved(self) -> dict[str, str]:
        """Return the digest of each saved file by its name."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.glob("*.xml")}


@pytest.fixture
def application(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox(messages=1)], services=SERVICES)


def fill(build: Builder, application: Application, count: int) -> dict[str, str]:
    """Import messages with two documents each, one of them in a package; return the digests of the files to expect."""
    expected = {}
    for number in range(count):
        first, second = document(2 * number), document(2 * number + 1)
        package = attachment(xdm(("a.xml", second)), "application/zip", "a.zip")
        raw = message(multipart(entity(b"See the files."), attachment(first, "text/xml", "../a.xml"), package))
        message_id = build.raw_message(application.mailbox, raw)
        expected[f"{message_id}-2.xml"] = hashlib.sha256(first).hexdigest()
        expected[f"{message_id}-3-3.xml"] = hashlib.sha256(second).hexdigest()
    return expected


@pytest.mark.processes
def test_documents_are_saved_once_and_messages_archived(
    server: LiveServer, build: Builder, application: Application, tmp_path: Path
) -> None:
    expected = fill(build, application, 2)
    job = Job(server.url, application, tmp_path / "documents")
    status, out, err = job.finish()
    assert (status, err, out.count("Archived message")) == (0, "", 2)
    assert job.saved() == expected
    assert {build.folder_of(name.partition("-")[0]) for name in expected} == {"Archived"}
    # The message without a document.
    assert build.folder_of(application.mailbox.message) == "Inbox"
    assert job.finish() == (0, "", "")


@pytest.mark.slow
def test_killed_at_any_time_nothing_is_lost_or_doubled(
    server: LiveServer, build: Builder, application: Application, tmp_path: Path
) -> None:
    expected = fill(build, application, 25)
    job = Job(server.url, application, tmp_path)
    kills = 0
    lot = random.Random(16)  # noqa: S311 - when it is killed is drawn by lot; nothing is kept secret by it.
    for _ in range(40):
        process = job.start()
        time.sleep(0.25 + lot.random() * 0.6)
        kills += process.poll() is None
        process.kill()
        process.communicate()
        saved = job.saved()
        # Every file is whole, and an archived message has all its files.
        assert saved.items() <= expected.items()
        archived = [name for name in expected if build.folder_of(name.partition("-")[0]) == "Archived"]
        assert {*archived} <= {*saved}
        if len(archived) == len(expected):
            break
    assert kills > 3
    assert job.finish()[0] == 0
    assert job.saved() == expected
    for message_id in {name.partition("-")[0] for name in expected}:
        assert build.folder_of(message_id) == "Archived"
    assert len([*tmp_path.iterdir()]) - len(expected) <= 2
