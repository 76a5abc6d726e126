"""create_app(): the checklist that assembles the service."""

import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from .applications.keys import init_keys
from .applications.lookup import init_candidates
from .contacts.api import MIGOMAIL_API
from .contacts.openapi import example_faults
from .contacts.routes import migomail
from .direct.api import DIRECT_API
from .direct.routes import direct
from .direct.schemas import MoveArguments
from .monitoring.metrics import init_metrics
from .onboarding.routes import init_onboarding
from .records.request_log import init_request_log
from .settings import Settings, load_settings
from .storage.encryption import init_key_cipher
from .storage.engine import COMMAND_MILLISECONDS, SERVED_MILLISECONDS, init_database
from .storage.transactions import init_statements
from .web.health import health
from .web.html import init_pages
from .web.lifecycle import init_api, path_of
from .web.openapi import init_openapi
from .web.rate_limits import init_rate_limits


class Service(Flask):
    """Flask, but routes by the request line alone."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by the path as it was sent: no header, such as Host or Upgrade, has a say, no slash is merged."""
        if request is None:
            return None
        return self.url_map.bind("localhost", path_info=path_of(request.environ), default_method=request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Take every function for what it is, a plain one, without finding that out for each request."""
        return func


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Make the WSGI application; `clock` gives the seconds since 1970 that dates are judged by.

    Raises SettingError if a setting cannot be used.
    """
    settings = settings or load_settings()
    app = _create_bare_app(settings, SERVED_MILLISECONDS)
    app.extensions["daas_clock"] = clock
    init_metrics(app, settings)
    init_rate_limits(app, settings)
    init_keys(app)
    init_request_log(app)
    init_api(app, [DIRECT_API, MIGOMAIL_API])
    init_pages(app, settings)
    app.register_blueprint(direct)
    app.register_blueprint(migomail)
    app.register_blueprint(health)
    init_onboarding(app, settings, MoveArguments(), MIGOMAIL_API, example_faults())
    init_openapi(app)
    return app


def create_command_app(settings: Settings | None = None) -> Flask:
    """Make an application that serves nothing: the database and the keys, for the command line."""
    return _create_bare_app(settings or load_settings(), COMMAND_MILLISECONDS)


def _create_bare_app(settings: Settings, statement_milliseconds: int) -> Flask:
    app = Service("daas", static_folder=None)
    app.extensions["daas_settings"] = settings
    init_database(app, settings, statement_milliseconds)
    init_statements(app)
    init_key_cipher(app, settings)
    init_candidates(app)
    return app
