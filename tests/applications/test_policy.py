"""Per-application requirements: Content-MD5, networks, rate limits; and explanations of 401 responses."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from daas.applications.lookup import find_caller
from daas.applications.models import Application as ApplicationRow
from daas.applications.policy import is_allowed_from
from daas.settings import Settings
from daas.signing.daas_scheme import content_md5
from daas.signing.mechanism import KeyPair

from ..support.actors import FORM, Application, authorization, now
from ..support.builders import Builder
from ..support.commands import Commands
from ..support.database import transaction

USE = (403, "Access Denied. Use Not Authorized.")


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def policy(daas: Commands, application: Application) -> Callable[..., Any]:
    """Return a function that changes the policy of the application and clears the cached lookups."""

    def change(*options: Any) -> Any:
        shown = daas.json("application", "policy", application.name, *options)
        application.app.extensions["daas"].callers.clear()
        return shown

    return change


def move(
    application: Application, *, bound: bool = False, address: str = "127.0.0.1", keys: KeyPair | None = None
) -> TestResponse:
    box = application.mailbox
    body = f"mailbox={box.name}&id={box.message}&folder=Sent".encode()
    date, md5 = now(), content_md5(body) if bound else None
    headers = {"Date": date, "Authorization": authorization(keys or application.keys, date=date, md5=md5)}
    return application.app.test_client().post(
        "/direct/messages/move/format/json",
        data=body,
        headers={**headers, "Content-Type": FORM, **({"Content-MD5": md5} if bound else {})},
        environ_overrides={"REMOTE_ADDR": address},
    )


# Content-MD5.


@pytest.mark.parametrize(
    ("step", "status", "warning"), [("off", 200, None), ("warn", 200, "content-md5-missing"), ("require", 401, None)]
)
def test_missing_content_md5_is_accepted_warned_of_or_rejected(
    policy: Callable[..., Any], application: Application, step: str, status: int, warning: str | None
) -> None:
    assert policy("--content-md5", step)["content_md5"] == step
    unbound, bound = move(application), move(application, bound=True)
    assert (unbound.status_code, unbound.headers.get("X-Daas-Warning")) == (status, warning)
    assert (bound.status_code, bound.headers.get("X-Daas-Warning")) == (200, None)
    uri = f"/direct/folders?mailbox={application.mailbox.name}"
    headers = application.signed_headers(method="GET", uri=uri, content_type=None)
    listed = application.app.test_client().get(uri, headers=headers)
    assert (listed.status_code, listed.headers.get("X-Daas-Warning")) == (200, None)


@pytest.mark.parametrize(("step", "required"), [("off", False), ("warn", False), ("require", True)])
def test_require_content_md5_is_the_last_step(
    policy: Callable[..., Any], daas: Commands, build: Builder, step: str, required: bool
) -> None:
    assert policy("--content-md5", step)["require_content_md5"] is required
    held = build.application(require_content_md5=True)
    assert daas.json("application", "show", held.name)["content_md5"] == "require"


@pytest.mark.both_databases
def test_calls_that_would_be_rejected_are_counted(daas: Commands, application: Application, build: Builder) -> None:
    def counts() -> Any:
        shown = daas.json("application", "show", application.name)
        return shown["calls_with_body"], shown["calls_unbound"]

    assert counts() == (0, 0)
    answers = [move(application), move(application), move(application, bound=True)]
    uri = f"/direct/folders?mailbox={application.mailbox.name}"
    get = application.app.test_client().get(
        uri, headers=application.signed_headers(method="GET", uri=uri, content_type=None)
    )
    wrong = Application(application.app, "x", application.keys).post_signed(headers={"Authorization": "DAAS x:y"})
    move(build.application(mailboxes=application.mailboxes))
    rows = [build.log_row(response.headers["X-Request-Id"]).unbound for response in (*answers, get, wrong)]
    assert rows == [True, True, False, None, None]
    assert counts() == (3, 2)


@pytest.mark.both_databases
def test_count_has_the_time_of_the_oldest_row(daas: Commands, application: Application) -> None:
    move(application)
    since = datetime.datetime.fromisoformat(daas.json("application", "show", application.name)["calls_since"])
    assert since <= datetime.datetime.now(datetime.UTC)


# Networks.


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (None, "203.0.113.9", True),
        (None, "", True),
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.0/8", "11.0.0.0", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "2001:db8::1", False),
        ("192.0.2.7/32 2001:db8::/32", "2001:db8:ffff::1", True),
        ("192.0.2.7/32 2001:db8::/32", "192.0.2.8", False),
        ("10.0.0.0/8", "", False),
        ("0.0.0.0/0", "unix", False),
    ],
)
def test_address_must_be_in_an_allowed_network(networks: str | None, address: str, allowed: bool) -> None:
    assert is_allowed_from(networks, address) is allowed


@pytest.mark.both_databases
def test_application_can_move_only_from_its_networks(
    policy: Callable[..., Any], application: Application, build: Builder
) -> None:
    shown = policy("--allow-network", "10.0.0.0/8", "--allow-network", "2001:db8::/32")
    assert shown["networks"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert [move(application, address=each).status_code for each in ("10.1.2.3", "2001:db8::1")] == [200, 200]
    rejected = move(application, address="192.0.2.1")
    assert (rejected.status_code, rejected.json["message"]) == USE
    assert build.log_row(rejected.json["request_id"]).reason == "network-not-allowed"
    assert policy("--any-network")["networks"] == []
    assert move(application, address="192.0.2.1").status_code == 200


def test_replay_from_elsewhere_does_not_use_up_the_rate_limit(
    policy: Callable[..., Any], application: Application
) -> None:
    policy("--allow-network", "10.0.0.0/8", "--rate-limit", "1 per hour")
    assert [move(application, address="192.0.2.1").status_code for _ in range(3)] == [403] * 3
    assert [move(application, address="10.1.2.3").status_code for _ in range(2)] == [200, 429]
    assert move(application, address="192.0.2.1").status_code == 403


def test_invalid_signature_is_401_from_every_network(
    policy: Callable[..., Any], application: Application, build: Builder
) -> None:
    policy("--allow-network", "10.0.0.0/8")
    stranger = build.application().keys
    wrong = type(stranger)(application.keys.public_key, stranger.private_key)
    answers = [move(application, address=each, keys=wrong) for each in ("10.1.2.3", "192.0.2.1")]
    assert [(response.status_code, dict(response.headers).keys()) for response in answers] == [
        (401, dict(answers[0].headers).keys())
    ] * 2


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "localhost", ""])
def test_invalid_network_is_an_error_and_changes_nothing(
    daas: Commands, policy: Callable[..., Any], application: Application, network: str
) -> None:
    policy("--allow-network", "10.0.0.0/8")
    daas.error("application", "policy", application.name, "--allow-network", network)
    assert daas.json("application", "show", application.name)["networks"] == ["10.0.0.0/8"]


def test_more_than_a_hundred_networks_are_an_error(daas: Commands, application: Application) -> None:
    networks = [part for n in range(101) for part in ("--allow-network", f"10.0.{n}.0/24")]
    daas.error("application", "policy", application.name, *networks)


# Rate limits and explanations.


def test_rate_limit_can_be_set_and_removed(policy: Callable[..., Any], application: Application) -> None:
    assert policy("--rate-limit", "600 per minute")["rate_limit"] == "600 per minute"
    with application.app.app_context():
        assert find_caller(application.keys.public_key, "direct/messages").rate_limit == "600 per minute"
    assert policy("--rate-limit", "")["rate_limit"] is None


@pytest.mark.parametrize("text", ["600", "0 per minute", "10 per week", "600/minute", "9999999999 per day"])
def test_invalid_rate_limit_is_an_error(daas: Commands, application: Application, text: str) -> None:
    daas.error("application", "policy", application.name, "--rate-limit", text)


def explained(application: Application) -> bool:
    application.app.extensions["daas"].callers.clear()
    response = application.post_signed(headers={"Authorization": f"DAAS {application.keys.public_key}:x"})
    return "X-Daas-String-To-Sign" in response.headers


@pytest.mark.both_databases
def test_401_is_explained_for_a_limited_time(daas: Commands, app: Flask, application: Application) -> None:
    assert not explained(application)
    shown = daas.json("application", "explain", application.name, "--for", "1h")
    until = datetime.datetime.fromisoformat(shown["explain_until"])
    left = until - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=59) < left <= datetime.timedelta(hours=1)
    assert explained(application)
    ended = update(ApplicationRow).where(ApplicationRow.name == application.name)
    with app.app_context(), transaction() as connection:
        connection.execute(ended.values(explain_until=until - datetime.timedelta(hours=2)))
    assert not explained(application)


def test_explanation_can_be_ended_and_lasts_a_week_at_most(daas: Commands, application: Application) -> None:
    daas.json("application", "explain", application.name, "--for", "7d")
    daas.json("application", "explain", application.name, "--for", "0s")
    assert not explained(application)
    daas.error("application", "explain", application.name, "--for", "169h")
    daas.wrong_usage("application", "explain", application.name, "--for", "soon")


# The command.


@pytest.mark.both_databases
def test_options_that_are_not_given_change_nothing(policy: Callable[..., Any]) -> None:
    policy("--content-md5", "warn", "--allow-network", "10.0.0.0/8", "--rate-limit", "5 per second")
    shown = policy("--content-md5", "off")
    assert (shown["networks"], shown["rate_limit"]) == (["10.0.0.0/8"], "5 per second")
    assert policy("--any-network")["content_md5"] == "off"


@pytest.mark.parametrize(
    "options", [[], ["--any-network", "--allow-network", "::/0"], ["--content-md5", "on"]], ids=str
)
def test_invalid_policy_options_are_wrong_usage(daas: Commands, application: Application, options: list[str]) -> None:
    daas.wrong_usage("application", "policy", application.name, *options)
