"""The statements of docs/ and the README are true of this release."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.core import Command
from flask import Flask

from daas.applications.registry import SERVICES
from daas.cli import main
from daas.direct.schemas import MoveArguments
from daas.signing.dates import read_date
from daas.web.arguments import check_arguments, read_arguments

from .support.builders import Builder
from .support.commands import all_commands
from .support.servers import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()


CALLED = [(" ".join(["daas", *words]), command) for words, command in all_commands()]


@pytest.mark.parametrize(("words", "command"), CALLED, ids=[words for words, _ in CALLED])
def test_every_command_is_in_its_table_with_its_help(words: str, command: Command) -> None:
    context = click.Context(command)
    arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    help_text = " ".join(command.help.partition("\n\n")[0].split())
    options = [
        option.opts[0] for option in command.params if isinstance(option, click.Option) and option.opts[0] != "--json"
    ]
    named = ", ".join(f"`{option}`" for option in options)
    assert f"| `{' '.join([words, *arguments])}` | {help_text} | {named} |\n".replace("|  |", "| |") in COMMANDS


def test_table_of_commands_has_no_unknown_command() -> None:
    known = [words for words, _ in CALLED]
    for words in re.findall(r"^\| `(daas [a-z -]+?)(?: [^a-z][^`]*)?`", COMMANDS, re.MULTILINE):
        assert words in known


def blocks(text: str) -> list[str]:
    """Return the blocks of a document that are indented by four spaces."""
    return re.findall(r"(?:^    .+\n)+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def test_make_commands_of_readme_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = re.findall(r"^ {4}make ([a-z]+)", README, re.MULTILINE)
    assert {"run", "test"} <= {*shown} <= {*targets}


def test_calls_of_readme_are_the_served_ones(app: Flask) -> None:
    served = {(rule.rule, method) for rule in app.url_map.iter_rules() for method in rule.methods}
    calls = re.findall(r"^ {4}(GET|POST) ([^ ?\n]+)", "".join(blocks(README)), re.MULTILINE)
    assert len(calls) == 6
    assert {(uri, method) for method, uri in calls} <= served


# The call of each response of the README, by a key that only its response has.
NAMES = {"folders": "folders", "parts": "messages/read"}


def test_responses_of_readme_have_the_served_keys(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    box = application.mailbox
    build.message(box)
    for line in re.findall(r"^ {4}(\{.*\})$", README, re.MULTILINE):
        name = next((name for key, name in NAMES.items() if f'"{key}"' in line), "messages")
        uri = f"/direct/{name}?mailbox={box.name}&id={box.message}&limit=1"
        response = application.app.test_client().get(
            uri, headers=application.signed_headers(method="GET", uri=uri, content_type=None)
        )
        assert shape(json.loads(line)) == shape(response.json)


def shape(value: dict[str, Any] | list[dict[str, str]] | str) -> Any:
    """Return the keys of a body, in order, without their values."""
    if isinstance(value, list):
        return [shape(value[0])]
    return [(name, shape(part)) for name, part in value.items()] if isinstance(value, dict) else type(value)


def test_complete_request_of_readme_is_valid() -> None:
    head, body = re.search(r"^    (POST .*?)\n\n    (.*)$", README, re.DOTALL | re.MULTILINE).groups()
    headers = dict(line.strip().split(": ", 1) for line in head.splitlines()[1:])
    assert [*headers] == ["Authorization", "Date", "Content-Type"]
    assert read_date(headers["Date"]).timestamp == 1793631600
    requested = check_arguments(MoveArguments(), read_arguments(headers["Content-Type"], body.splitlines()[0].encode()))
    assert requested == {"mailbox": "test.user", "id": 181, "folder": "Archived", "from_folder": None}


def test_every_block_of_readme_is_tested() -> None:
    first_words = {re.split(r"[ ?:{=]", line.strip())[0] for block in blocks(README) for line in block.splitlines()}
    whole_call = {"POST", "Authorization", "Date", "Content-Type", "mailbox"}
    commands_calls_and_responses = {"make", "GET", ""}
    assert first_words == whole_call | commands_calls_and_responses


def test_every_picture_of_readme_exists_and_is_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((docs/images/[a-z-]+\.png)\)", README)
    assert len(pictures) == 2
    for picture in pictures:
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")
        assert (ROOT / picture).stat().st_size < 200_000


# The commands of all documents


DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_documents_whose_commands_are_run_are_the_only_ones_with_commands() -> None:
    with_shell = {path.relative_to(ROOT).as_posix() for path in DOCUMENTS if "```sh\n" in path.read_text()}
    assert with_shell == {"README.md", "docs/running-in-production.md"}
    fences = {kind for path in DOCUMENTS for kind in re.findall(r"^```(\S*)$", path.read_text(), re.MULTILINE)}
    assert fences == {"", "sh", "python", "yaml"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_indented_commands_are_targets_of_make_or_options_of_bench(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    bench = (ROOT / "bench" / "__main__.py").read_text()
    for line in re.findall(
        r"^ {4}((?:make|daas(?! unix)|\.venv/bin/\w+|cd) .*?)(?: {2,}#.*)?$", path.read_text(), re.MULTILINE
    ):
        made = re.fullmatch(r"make(?: -C \S+)? ([a-z.-]+|\.venv/\.dev)(?: [A-Z]+=\S+)?", line)
        measured = re.fullmatch(r"\.venv/bin/python -m bench(.*)", line)
        assert made or measured, line
        if made:
            assert made[1] in {*targets, ".venv/.dev"}, line
        else:
            options = {*re.findall(r"--[a-z]+", measured[1])} - {"--help"}
            assert options <= {*re.findall(r"--[a-z]+", bench)}, line


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_in_sentences_exist(path: Path) -> None:
    for shown in re.findall(r"`(?:\.venv/bin/)?daas ([a-z][^`]*)`", path.read_text()):
        command: Command = main
        words = shown.split()
        while words and isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, shown
            command = found
        options = {"--help", "--json", *(name for option in command.params for name in option.opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, shown


# docs/security.md and docs/running-in-production.md


SECURITY = (ROOT / "docs" / "security.md").read_text()


def test_every_threat_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (?!threat|---)(.*) \| (.*) \| (.*) \|$", SECURITY, re.MULTILINE)
    assert len(rows) > 20
    for threat, response, held_by in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", held_by)
        assert named, threat
        assert response
        for path, test in named:
            assert f"def {test or 'test_'}" in (ROOT / path).read_text(), (path, test)


def test_documented_metrics_are_exposed(app: Flask) -> None:
    text = app.test_client().get("/metrics").text
    page = (ROOT / "docs" / "running-in-production.md").read_text()
    named = {*re.findall(r"daas_[a-z_]+", page[page.index("## What to watch") :])}
    exposed = {*re.findall(r"^# HELP (\w+)", text, re.MULTILINE)}
    assert len(named) == 8
    assert named <= exposed
