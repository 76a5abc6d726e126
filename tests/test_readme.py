"""The statements of the README are true of this release."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

from daas.cli import COMMANDS, main
from daas.settings import SETTINGS, Setting, load_settings

from .support.servers import ROOT, LiveServer, environment

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_readme_and_example_with_its_default(setting: Setting) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{setting.name}`"))
    default = row.split("|")[2].strip().strip("`")
    assert default == setting.default
    assert f"# {setting.name}=" in (ROOT / ".env.example").read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_readme_gives_each_setting_its_meaning(setting: Setting) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{setting.name}`"))
    assert row.split("|")[3].strip().replace("`", "") == setting.meaning


def test_every_setting_of_readme_exists() -> None:
    assert {*re.findall(r"^\| `(DAAS_\w+)`", README, re.MULTILINE)} == {setting.name for setting in SETTINGS}


def test_every_command_of_readme_exists() -> None:
    for words in re.findall(r"\bdaas ([a-z]+(?: [a-z]+)?)", "\n".join(BLOCKS)):
        group, _, rest = words.partition(" ")
        command = main.get_command(click.Context(main), group)
        assert command is not None
        if isinstance(command, click.Group):
            assert rest in command.commands


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Any]:
    """Yield a working directory with the demo and its running service."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "instance").mkdir()
    settings = load_settings({"DAAS_DATABASE_URL": f"sqlite:///{tmp_path}/instance/daas.db"})
    environ = environment(settings)
    for command in (["db", "upgrade"], ["demo"]):
        subprocess.run(
            [tmp_path / ".venv/bin/daas", *command], cwd=tmp_path, env=environ, check=True, capture_output=True
        )
    with LiveServer.start(settings) as live:
        yield tmp_path, environ, live.url


@pytest.mark.slow
def test_commands_of_readme_move_a_message(place: Any) -> None:
    directory, environ, url = place
    (directory / "mail").mkdir()
    shutil.copy(ROOT / "daas/seeds/demo_mail/3-discharge.eml", directory / "mail" / "letter.eml")
    (directory / "mail" / "inbox.mbox").write_bytes(b"From a@b Mon Nov  2 15:00:00 2026\nSubject: In an mbox\n\nText\n")
    for name in ("cur", "new", "tmp"):
        (directory / "Maildir" / name).mkdir(parents=True)
    script = "set -e\n" + "".join(BLOCKS).replace(" --key-file", f" --url {url} --key-file")
    # Other tests run all cases of the kit against this server.
    script = script.replace("http://127.0.0.1:8000", f"{url} --case 'answer.*'")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env={**environ, "HOME": str(directory), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr.replace("200 OK\n", "")) == (0, "")
    assert '"mailbox":"demo.clinician","id":"1","folder":"5"}' in done.stdout
    assert '"mailbox":"demo.clinician","id":"2","folder":"Archived"}' in done.stdout
    assert "urn:hl7-org:v3" in (directory / "referral.xml").read_text()
    assert re.search(r"^private_key +[0-9a-f]{64}$", done.stdout, re.MULTILINE)
    assert len(re.findall(r"letter\.eml", done.stdout)) == 1


@pytest.mark.slow
def test_programs_of_readme_run(place: Any) -> None:
    directory, environ, url = place
    programs = "".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", programs.replace("http://127.0.0.1:8000", url) + "print(response.status_code)"],
        env={**environ, **dotenv_values(directory / "instance" / "demo.env")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"Moved\(request_id='[0-9]+', mailbox='demo.clinician', id='1', folder='5'\)\n"
        r"409 Contact already exists\n\[Contact\(id='1', email_address='ana@example.org'\)\]\n200\n",
        done.stdout,
    )


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(re.search(rf"^  {name} ", shown, re.MULTILINE) for name in COMMANDS)


NOTES = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_every_decision_note_has_its_own_number_and_a_title() -> None:
    assert len({note.name[:4] for note in NOTES}) == len(NOTES) > 0
    assert all(note.read_text().startswith(f"# {int(note.name[:4])}. ") for note in NOTES)


def test_index_of_decisions_links_to_every_note_once() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    links = re.findall(r"\[([0-9]+)\. [^\]]+\]\(([^)]+)\)", index)
    assert sorted(name for _, name in links) == [note.name for note in NOTES]
    assert all(number == str(int(name[:4])) for number, name in links)
