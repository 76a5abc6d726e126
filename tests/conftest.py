"""Fixtures for all tests: a database of each kind, the app in this process, the server over a socket."""

import atexit
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from hypothesis.configuration import set_hypothesis_home_dir

from daas.settings import Settings, load_settings

from .support.actors import Application
from .support.builders import Builder
from .support.servers import LiveServer, PostgreSQL
from .support.shared import Shared

_hypothesis_home = tempfile.TemporaryDirectory(prefix="daas-hypothesis-")
atexit.register(_hypothesis_home.cleanup)
set_hypothesis_home_dir(_hypothesis_home.name)
# `make test` tries few random examples, `make test-all` many: --hypothesis-profile=many.
hypothesis.settings.register_profile("few", database=None, deadline=None, max_examples=50)
hypothesis.settings.register_profile("many", database=None, deadline=None, max_examples=1000)
hypothesis.settings.load_profile("few")

DATABASES = ["sqlite", "postgresql"]
ENCRYPTION_KEY = Fernet.generate_key().decode()


class Clock:
    """The clock of the app in this process: the real one, until a test stops it."""

    def __init__(self) -> None:
        self.stopped: float | None = None

    def __call__(self) -> float:
        return time.time() if self.stopped is None else self.stopped


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a database on SQLite; on others too, or on another, if a marker says so."""
    if "database_kind" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("only")
    if only is not None:
        kinds = [*only.args]
    elif metafunc.definition.get_closest_marker("both_databases") is not None:
        kinds = DATABASES
    else:
        kinds = ["sqlite"]
    metafunc.parametrize("database_kind", kinds, scope="session", indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)
    # Files that start processes come first: they take longest, and none should be left for one worker at the end.
    start = {item.path for item in items if item.get_closest_marker("processes")}
    items.sort(key=lambda item: item.path not in start)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("DAAS_TEST_REQUIRE") == "all":
        report.outcome = "failed"
        report.longrepr = f"skipped, though DAAS_TEST_REQUIRE=all: {call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> str:
    """Return the database that this run of a test is about, `sqlite` or `postgresql`."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL.start() as server:
        yield server


@pytest.fixture(scope="session")
def make_settings(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Yield a function that returns settings with an empty database of a kind, and with a test's own values."""
    with tempfile.TemporaryDirectory(prefix="daas-test-") as directory:
        made = 0

        def make(kind: str, **environ: str) -> Settings:
            nonlocal made
            made += 1
            if kind == "sqlite":
                url = f"sqlite:///{Path(directory, f'{made}.db')}"
            else:
                url = request.getfixturevalue("postgresql").make_database()
            # Tests fail to authenticate more often than any client does.
            usual = {"DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY, "DAAS_FAILURE_LIMIT": "none"}
            return load_settings({"DAAS_DATABASE_URL": url, **usual, **environ})

        yield make


@pytest.fixture(scope="session")
def shared_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def shared(make_settings: Callable[..., Settings], shared_clock: Clock) -> Iterator[Shared]:
    with ExitStack() as at_end:
        yield Shared(make_settings, shared_clock, at_end)


@pytest.fixture(scope="session")
def settings(database_kind: str, shared: Shared) -> Settings:
    """Return settings with a database of this release, which the tests of a session share."""
    return shared.settings(database_kind)


@pytest.fixture(scope="session")
def app(database_kind: str, shared: Shared) -> Flask:
    return shared.app(database_kind)


@pytest.fixture
def clock(shared_clock: Clock) -> Iterator[Clock]:
    yield shared_clock
    shared_clock.stopped = None


@pytest.fixture
def build(app: Flask) -> Builder:
    """Return a builder of mailboxes, folders, messages and applications in the database of the app."""
    return Builder(app)


@pytest.fixture
def application(build: Builder) -> Application:
    """Return an application with one new mailbox, which calls the app in this process."""
    return build.application(mailboxes=[build.mailbox()])


@pytest.fixture(scope="session")
def server(database_kind: str, shared: Shared) -> LiveServer:
    """Return gunicorn with its default workers (one on SQLite) over the database of the app, on a port of its own."""
    return shared.server(database_kind)
