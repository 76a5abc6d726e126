"""`daas request list` with its filters, and `--follow`."""

import json
import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daas.settings import Settings

from ..support.actors import Application
from ..support.builders import Builder
from ..support.commands import Commands

pytestmark = pytest.mark.both_databases


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


def listed(daas: Commands, *options: str) -> list[str]:
    return [row["request_id"] for row in daas.json("request", "list", *options)]


@pytest.fixture
def asked(application: Application) -> list[str]:
    """Return the ids of a move, a move of the same message by its folder's name, and a rejected move."""
    answers = [application.move(), application.move(folder="Sent"), application.move(id="")]
    return [answer.json["request_id"] for answer in answers]


def test_filters_select_the_requests_that_match(
    daas: Commands, application: Application, asked: list[str], build: Builder
) -> None:
    own = ["--application", application.name]
    assert listed(daas, *own) == asked
    assert listed(daas, *own, "--status", "422") == asked[2:]
    assert listed(daas, *own, "--reason", "moved") == asked[:2]
    assert listed(daas, "--mailbox", application.mailbox.name.upper()) == asked
    assert listed(daas, "--message", application.mailbox.message) == asked[:2]
    at = [daas.json("request", "show", each)["at"] for each in asked]
    assert listed(daas, *own, "--since", at[1], "--until", at[1]) == asked[1:2]
    assert listed(daas, "--application", build.application().name) == []


def test_list_has_the_last_requests_newest_last(daas: Commands, application: Application, asked: list[str]) -> None:
    own = ["--application", application.name]
    assert listed(daas, *own, "--last", "2") == asked[1:]
    shown = daas.run("request", "list", *own, "--last", "2")
    assert [line.split()[0] for line in shown.text.splitlines()[1:]] == asked[1:]
    assert shown.stderr == "There are earlier requests: --last 0 lists all, --last 20 more.\n"
    for last in ("0", "3"):
        assert listed(daas, *own, "--last", last) == asked
        assert daas.run("request", "list", *own, "--last", last).stderr == ""


def test_list_has_at_most_a_hundred_by_default(daas: Commands, application: Application) -> None:
    for _ in range(101):
        last = application.move(id="").json["request_id"]
    own = listed(daas, "--application", application.name)
    assert (len(own), own[-1]) == (100, last)
    assert all(int(one) < int(next_) for one, next_ in pairwise(own))
    assert len(listed(daas, "--application", application.name, "--last", "0")) == 101


@pytest.mark.parametrize("option", [["--status", "abc"], ["--reason", "nothing"], ["--message", "0"], ["--last", "-1"]])
def test_malformed_filter_is_wrong_usage(daas: Commands, option: list[str]) -> None:
    daas.wrong_usage("request", "list", *option)


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_follow_prints_requests_as_they_come(daas: Commands, application: Application, form: list[str]) -> None:
    first = application.move().json["request_id"]

    def ids(lines: Iterator[bytes]) -> Iterator[Any]:
        for line in lines:
            yield json.loads(line)["request_id"] if form else line.decode().split()[0]

    options = ["--application", application.name, "--last", "1", "--follow", *form]
    with daas.start("request", "list", *options) as following:
        shown = ids(following.stdout)
        if not form:
            assert next(shown) == "request_id"
        assert next(shown) == first
        for _ in range(2):
            assert next(shown) == application.move().json["request_id"]
        os.kill(following.pid, signal.SIGINT)
        assert (following.wait(timeout=30), following.stderr.read()) == (0, b"")
