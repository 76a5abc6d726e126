"""`daas history`, `daas restore` and `daas requests` over a socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from daas.applications.registry import SERVICES
from daas.settings import Settings

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import Commands
from ..support.servers import LiveServer


@pytest.fixture
def mover(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox()], services=SERVICES)


@pytest.fixture
def call(settings: Settings, tmp_path: Path, server: LiveServer, mover: Application) -> Any:
    """Return a function that runs a command with the keys of the application, from the environment."""
    daas = Commands(settings, tmp_path)
    keys = {"DAAS_PUBLIC_KEY": mover.keys.public_key, "DAAS_PRIVATE_KEY": mover.keys.private_key}

    def run(command: str, *args: Any) -> Any:
        return daas.run(command, *args, "--url", server.url, **keys)

    return run


def test_message_is_restored_and_its_moves_are_listed(call: Any, mover: Application, build: Builder) -> None:
    box = mover.mailbox
    mover.move(folder=box.folder)
    assert call("restore", box.name, box.message, "--from-folder", "Sent").status == 1
    assert (
        json.loads(call("restore", box.name, box.message, "--from-folder", "Custom 0", "--json").stdout)["folder"]
        == "Inbox"
    )
    assert build.folder_of(box.message) == "Inbox"
    listed = call("history", box.name, box.message, "--limit", "1")
    (move,) = [line for line in listed.text.splitlines() if "Inbox" in line]
    assert box.folder in move
    assert "There are more: --after " in listed.stderr


def test_own_requests_are_listed_with_their_reasons(call: Any, mover: Application) -> None:
    mover.move(folder="999999999"), mover.move(folder="Sent")
    shown = call("requests", "--status", "422", "--message", mover.mailbox.message)
    assert (shown.status, shown.text.count("folder-not-found"), shown.text.count("moved")) == (0, 1, 0)
    assert "There are more: --before " in call("requests", "--limit", "1").stderr
    assert call("requests", "--reason", "x").status == 1
