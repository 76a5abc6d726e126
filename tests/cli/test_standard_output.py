"""`-` as the file of a command is standard output."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from daas.settings import Settings

from ..support.commands import Commands


@pytest.fixture
def daas(make_settings: Callable[..., Settings], tmp_path: Path) -> Commands:
    commands = Commands(make_settings("sqlite"), tmp_path)
    commands.run("db", "upgrade")
    return commands


def test_requests_of_the_sandbox_go_to_standard_output(daas: Commands) -> None:
    outcome = daas.run("sandbox", "create", "--http", "-")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.text.startswith("# Signed until ")
    assert "\n### 200: " in outcome.text
    assert not (daas.directory / "-").exists()


def test_seals_go_to_standard_output(daas: Commands) -> None:
    daas.run("mailbox", "add", "a")
    first = daas.run("request", "seal", "--output", "-", DAAS_SEAL_KEY="k" * 32)
    assert [json.loads(line)["seal"] for line in first.text.splitlines()] == ["1"]
    assert daas.run("request", "seal", "--output", "-", DAAS_SEAL_KEY="k" * 32).text == first.text
    assert not (daas.directory / "-").exists()


@pytest.mark.parametrize("command", ["sandbox create --http -", "request seal --output -"])
def test_standard_output_and_json_together_are_wrong_usage(daas: Commands, command: str) -> None:
    daas.wrong_usage(*command.split(), "--json", DAAS_SEAL_KEY="k" * 32)
