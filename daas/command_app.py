"""The part of the application that commands and the server share: settings, database, encryption keys.

It is apart from app.py so that a command does not load the routes, which takes longer than most commands.
"""

import time
from collections.abc import Callable

from flask import Flask

from .services import Services
from .settings import Settings, load_settings
from .storage.encryption import PrivateKeyCipher
from .storage.engine import init_engine
from .storage.timeouts import COMMAND_MILLISECONDS, Timeouts
from .storage.transactions import Transactions


def create_command_app(settings: Settings | None = None) -> Flask:
    """Return an application without routes, for commands: only the database, the keys and the settings."""
    app = Flask("daas", static_folder=None)
    init_services(app, settings or load_settings(), COMMAND_MILLISECONDS, time.time)
    return app


def init_services(app: Flask, settings: Settings, statement_milliseconds: int, clock: Callable[[], float]) -> Services:
    """Give an application the services that every application has, and return them."""
    timeouts = Timeouts(statement_milliseconds)
    engine = init_engine(app, settings, timeouts)
    services = app.extensions["daas"] = Services(
        settings=settings,
        clock=clock,
        timeouts=timeouts,
        transactions=Transactions(engine, timeouts),
        cipher=PrivateKeyCipher.configured(settings),
    )
    return services
