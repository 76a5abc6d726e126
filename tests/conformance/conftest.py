"""A target for the kit, and a server in this process that a test can break."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from daas.applications.registry import SERVICES
from daas.conformance.raw_http import Server
from daas.conformance.target import Target
from daas.mailboxes import administration as mailboxes

from ..contacts.caller import NAMED
from ..support.builders import Builder

ORIGIN = "https://app.example.org"


@pytest.fixture(scope="module")
def target(app: Flask) -> Target:
    """Return a target like that of `daas sandbox create`, with other names."""
    build = Builder(app)
    opened, closed, suspended = build.mailbox(folders=2), build.mailbox(), build.mailbox(suspended=True)
    granted = build.application(mailboxes=[opened, suspended], services=SERVICES, explain_401=True)
    rejected = build.application(services=(), require_content_md5=True)
    other = build.application(services=NAMED)
    with app.app_context():
        inbox = mailboxes.find_folder(mailboxes.find_mailbox(opened.name), "Inbox").id
    facts = {
        "mailbox": opened.name,
        "message": opened.message,
        "folders": opened.folders,
        "standard_folder": str(inbox),
        "refused": vars(rejected.keys),
        "refused_needs_md5": True,
        "other": vars(other.keys),
        "lists": True,
        "closed_mailbox": closed.name,
        "closed_message": closed.message,
        "closed_folder": closed.folder,
        "suspended_mailbox": suspended.name,
        "explains": True,
        "origin": ORIGIN,
    }
    return Target.from_facts(granted.keys, facts)


class Breakable:
    """The app of a server in this process; a test can set `around` to replace it."""

    def __init__(self, app: Flask, target: Target) -> None:
        self.app = app
        self.target = target
        self.around = None
        self.server: Server

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return (self.around or self.app)(environ, start_response)


@pytest.fixture(scope="module")
def served(app: Flask, target: Target) -> Iterator[Breakable]:
    breakable = Breakable(app, target)
    server = make_server("127.0.0.1", 0, breakable, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    breakable.server = Server.at(f"http://127.0.0.1:{server.server_port}")
    yield breakable
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def breakable(served: Breakable) -> Iterator[Breakable]:
    yield served
    served.around = None
