"""The parts that the tests of a session share: a database of each kind, an app and a server over each."""

import functools
from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask

from daas import migrations
from daas.app import create_app, create_command_app
from daas.settings import Settings
from daas.storage.engine import db

from .actors import ForgetfulClient
from .servers import LiveServer


class Shared:
    """Makes each part when it is first requested; `at_end` closes them."""

    def __init__(self, make_settings: Callable[[str], Settings], clock: Callable[[], float], at_end: ExitStack) -> None:
        self._clock = clock
        self._at_end = at_end
        self.settings = functools.cache(lambda kind: migrated(make_settings(kind)))
        self.app = functools.cache(self._make_app)
        self.server = functools.cache(lambda kind: at_end.enter_context(LiveServer.start(self.settings(kind))))

    def _make_app(self, kind: str) -> Flask:
        app = create_app(self.settings(kind), self._clock)
        app.test_client_class = ForgetfulClient
        self._at_end.callback(close, app)
        return app


def migrated(settings: Settings) -> Settings:
    """Upgrade the database of some settings to this release."""
    app = create_command_app(settings)
    with app.app_context():
        migrations.upgrade()
    close(app)
    return settings


def close(app: Flask) -> None:
    """Close the connections of an app."""
    with app.app_context():
        db.engine.dispose()
