"""`daas request list` with its filters, and `--follow`."""

from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask

from daas.records.request_list import RequestFilter, follow_requests
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


def test_follow_yields_requests_as_they_come(app: Flask, application: Application) -> None:
    first = application.move().json["request_id"]
    with app.app_context():
        batches = follow_requests(RequestFilter(application=application.name), 1)
        assert [str(row.id) for row in next(batches)] == [first]
        for _ in range(2):
            asked = application.move().json["request_id"]
            assert [str(row.id) for row in next(batches)] == [asked]
