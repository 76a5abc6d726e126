"""Shell completion and the manual page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from daas.settings import SETTINGS, Settings

from ..support.commands import Commands, all_commands

BIN = Path(sys.executable).parent


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(daas: Commands, shell: str) -> None:
    outcome = daas.run("completion", shell)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert f"_DAAS_COMPLETE={shell}_complete" in outcome.text


def test_completion_for_another_shell_is_wrong_usage(daas: Commands) -> None:
    daas.wrong_usage("completion", "csh")


@pytest.mark.slow
@pytest.mark.processes
def test_bash_completes_commands_and_reasons(daas: Commands, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is missing: install it from the system's packages")
    (tmp_path / "daas.bash").write_text(daas.run("completion", "bash").text)
    script = """
    . ./daas.bash
    for line in "daas message i" "daas request list --reason date-o"; do
        COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
        _daas_completion daas
        echo "${COMPREPLY[@]}"
    done
    """
    environ = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("import\ndate-outside-window\n", "")


def test_manual_has_every_command_option_and_setting(daas: Commands) -> None:
    page = daas.run("manual").text.replace("\\-", "-").replace("\\&", "")
    for words, command in all_commands():
        assert f".B daas {' '.join(words)}" in page
        for option in command.params:
            assert not isinstance(option, click.Option) or option.opts[0] in page
    for setting in SETTINGS:
        assert f".B {setting.name}\n" in page
    assert page.startswith(".TH DAAS 1\n.ad l\n.SH NAME\n")


@pytest.mark.slow
@pytest.mark.processes
def test_manual_is_formatted_without_warnings(daas: Commands, tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is missing: install it from the system's packages")
    (tmp_path / "daas.1").write_text(daas.run("manual").text)
    command: list[str | Path] = [groff, "-man", "-Tutf8", "-wall", "-z", tmp_path / "daas.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
