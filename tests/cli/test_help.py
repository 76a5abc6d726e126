"""The help of commands, and what a command loads before it runs."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from daas.cli import COMMANDS, main
from daas.settings import Settings

from ..support.commands import Commands, all_commands

GROUPS = [name for name in COMMANDS if isinstance(main.get_command(click.Context(main), name), click.Group)]
HEAVY = {"sqlalchemy", "flask", "flask_sqlalchemy", "httpx", "alembic", "marshmallow", "prometheus_client", "limits"}


@pytest.mark.parametrize("name", COMMANDS)
def test_list_of_commands_has_the_first_sentence_of_each_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command.help.partition("\n\n")[0] == COMMANDS[name][1]


@pytest.mark.parametrize("group", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_no_line_of_help_is_cut(group: list[str]) -> None:
    shown = CliRunner().invoke(main, [*group, "--help"], terminal_width=80).output
    listed = shown[shown.index("\nCommands:\n") + 11 :].splitlines()
    assert len(listed) >= 1
    for line in listed:
        assert len(line) <= 80
        assert line.startswith("  ")
        assert line.endswith(".")
        assert not line.endswith("...")


def test_first_sentence_of_help_fits_one_line() -> None:
    for words, command in all_commands():
        first = command.help.partition("\n\n")[0]
        assert len(first) <= 61, words
        assert "\n" not in first


@pytest.mark.processes
def test_command_loads_only_what_it_needs() -> None:
    program = """
import json, sys
from daas.cli import main
loaded = {}
for words in (["--help"], ["move", "--help"], ["sign", "--help"], ["db", "--help"], ["serve", "--help"]):
    main(words, standalone_mode=False)
    loaded[" ".join(words)] = sorted({name.partition(".")[0] for name in sys.modules})
main(["application", "--help"], standalone_mode=False)
loaded["application"] = sorted({name.partition(".")[0] for name in sys.modules})
print("\\n" + json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = json.loads(done.stdout.splitlines()[-1])
    database = {*loaded.pop("application")}
    assert {words: HEAVY & {*modules} for words, modules in loaded.items() if HEAVY & {*modules}} == {}
    assert {"httpx", "alembic", "marshmallow", "prometheus_client"} & database == set()
    assert "sqlalchemy" in database


def test_completion_of_a_command_needs_no_import() -> None:
    context = click.Context(main)
    found = {item.value: item.help for item in main.shell_complete(context, "mess")}
    assert found == {name: COMMANDS[name][1] for name in ("message", "messages")}


def test_unknown_setting_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    daas = Commands(settings, tmp_path)
    outcome = daas.run("settings", "--json", DAAS_BINDD="127.0.0.1:1")
    assert (outcome.status, outcome.stderr) == (0, "Warning: DAAS_BINDD is not a setting; did you mean DAAS_BIND?\n")
    json.loads(outcome.stdout)
