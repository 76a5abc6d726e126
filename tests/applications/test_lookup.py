"""The lookup of an application may be one second old, and no older; mailboxes are checked at every request."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from daas.app import create_app
from daas.applications import keys, lookup, registry
from daas.mailboxes import administration
from daas.settings import Settings
from daas.signing.mechanism import make_key_pair
from daas.storage.engine import db

from ..support.actors import Application
from ..support.builders import Builder
from ..support.database import before_statements

pytestmark = pytest.mark.both_databases

MOVED, NO_USE, NO_USER, FAILED = (
    (200, None),
    (403, "Access Denied. Use Not Authorized."),
    (403, "Access Denied. User Not Authorized."),
    (401, "Access Denied. Authentication Failed."),
)


class Clock:
    """The clock of the cache, which changes only when a test lets a second pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def let_a_second_pass(self) -> None:
        self.seconds += lookup.CACHE_SECONDS


@pytest.fixture
def second() -> Clock:
    return Clock()


@pytest.fixture
def app(settings: Settings, second: Clock) -> Iterator[Flask]:
    """Return an app with Flask's own test client: that of the other tests clears the cache before each request."""
    made = create_app(settings)
    assert made.test_client_class in {None, FlaskClient}
    made.extensions["daas"].callers = lookup.CallerCache(second)
    yield made
    with made.app_context():
        db.engine.dispose()


def move_result(application: Application) -> tuple[int, str | None]:
    response = application.move()
    return response.status_code, response.json.get("message")


def suspend(application: Application) -> None:
    registry.suspend_application(application.name, suspended=True)


def revoke_key(application: Application) -> None:
    (key,) = registry.find_application(application.name).keys
    keys.revoke_key(application.name, key.name)


def revoke_service(application: Application) -> None:
    registry.revoke(application.name, ["direct/messages/move"], [], all_mailboxes=False)


WITHDRAWALS: dict[str, tuple[Callable[[Application], None], Any]] = {
    "suspension": (suspend, NO_USE),
    "key": (revoke_key, FAILED),
    "service": (revoke_service, NO_USE),
}


@pytest.mark.parametrize("case", WITHDRAWALS)
def test_change_counts_after_a_second_at_the_latest(application: Application, second: Clock, case: str) -> None:
    withdraw, response = WITHDRAWALS[case]
    assert move_result(application) == MOVED
    with application.app.app_context():
        withdraw(application)
    assert move_result(application) == MOVED
    second.let_a_second_pass()
    assert move_result(application) == response


@pytest.mark.parametrize("case", WITHDRAWALS)
def test_change_counts_at_once_without_a_cached_lookup(application: Application, case: str) -> None:
    withdraw, response = WITHDRAWALS[case]
    with application.app.app_context():
        withdraw(application)
    assert move_result(application) == response


def test_second_is_one_of_the_real_clock(application: Application) -> None:
    application.app.extensions["daas"].callers = lookup.CallerCache()
    assert lookup.CACHE_SECONDS <= 1
    assert move_result(application) == MOVED
    with application.app.app_context():
        suspend(application)
    time.sleep(1)
    assert move_result(application) == NO_USE


def test_use_does_not_make_a_lookup_last_longer(application: Application, second: Clock) -> None:
    assert move_result(application) == MOVED
    with application.app.app_context():
        suspend(application)
    second.seconds += 0.9
    assert move_result(application) == MOVED
    second.seconds += 0.1
    assert move_result(application) == NO_USE


def test_new_key_that_was_tried_too_early_works_after_a_second(application: Application, second: Clock) -> None:
    pair = make_key_pair()
    early = Application(application.app, application.name, pair, application.mailboxes)
    assert move_result(early) == FAILED
    with application.app.app_context():
        keys.add_key(application.name, "new", None, pair)
    assert move_result(early) == FAILED
    second.let_a_second_pass()
    assert move_result(early) == MOVED


def test_mailbox_counts_at_once(application: Application, build: Builder) -> None:
    box = application.mailbox
    assert move_result(application) == MOVED
    with application.app.app_context():
        mailbox_id = administration.find_mailbox(box.name).id
        registry.revoke(application.name, [], [mailbox_id], all_mailboxes=False)
    assert move_result(application) == NO_USER
    with application.app.app_context():
        registry.grant(application.name, [], [mailbox_id], all_mailboxes=False)
    assert move_result(application) == MOVED
    with application.app.app_context():
        administration.suspend_mailbox(box.name, suspended=True)
    assert move_result(application) == NO_USER


@pytest.mark.parametrize("is_known", [True, False])
def test_requests_within_a_second_cost_one_lookup(application: Application, second: Clock, is_known: bool) -> None:
    caller = application
    if not is_known:
        caller = Application(application.app, application.name, make_key_pair(), application.mailboxes)
    lookups: list[str] = []
    with before_statements(
        application.app, lambda statement: lookups.append(statement) if "private_key_encrypted" in statement else None
    ):
        assert {move_result(caller) for _ in range(3)} == {MOVED if is_known else FAILED}
        assert len(lookups) == 1
        second.let_a_second_pass()
        move_result(caller)
    assert len(lookups) == 2


def test_cache_is_bounded(application: Application) -> None:
    callers = application.app.extensions["daas"].callers
    with application.app.app_context():
        for number in range(lookup._MAX_CACHED + 50):
            assert lookup.find_caller(f"{number:064d}", "direct/messages/move") is None
        assert len(callers) == lookup._MAX_CACHED
        callers.clear()
        # A key that is longer than any is not remembered.
        assert lookup.find_caller("k" * 129, "direct/messages/move") is None
    assert len(callers) == 0
