"""create_app(): the checklist that assembles the service."""

import time
from collections.abc import Callable

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from .applications.keys import KeyUses
from .applications.lookup import CallerCache
from .command_app import create_command_app, init_services
from .contacts.api import CONTACTS_API
from .contacts.routes import contacts
from .direct.api import DIRECT_API
from .direct.routes import direct
from .mailboxes.find_messages import RunningSearches
from .monitoring.metrics import Metrics, init_metrics
from .onboarding.routes import init_onboarding
from .records.request_log import init_request_log
from .settings import Settings, load_settings
from .storage.timeouts import REQUEST_MILLISECONDS
from .web.health import health
from .web.html import init_html
from .web.lifecycle import init_lifecycle
from .web.openapi import init_openapi
from .web.rate_limits import RateLimits
from .web.raw_request import path_of

__all__ = ["DaasFlask", "create_app", "create_command_app"]


class DaasFlask(Flask):
    """Flask that routes requests by the path on the request line only."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Route by the path as sent: headers such as Host and Upgrade do not matter, and slashes are not merged."""
        if request is None:
            return None
        return self.url_map.bind("localhost", path_info=path_of(request.environ), default_method=request.method)


def create_app(settings: Settings | None = None, clock: Callable[[], float] = time.time) -> Flask:
    """Return the WSGI application; `clock` returns the current time, in seconds since 1970, for the dates of requests.

    Raises SettingError for a setting with an invalid value.
    """
    app = DaasFlask("daas", static_folder=None)
    services = init_services(app, settings or load_settings(), REQUEST_MILLISECONDS, clock)
    services.callers = CallerCache()
    services.key_uses = KeyUses()
    services.metrics = Metrics(services.settings.workers * services.settings.threads)
    services.rate_limits = RateLimits(services.settings, services.metrics)
    services.searches = RunningSearches()
    services.apis = [DIRECT_API, CONTACTS_API]
    init_request_log(app)
    init_metrics(app, services.metrics)
    init_lifecycle(app)
    init_html(app, services.settings)
    app.register_blueprint(direct)
    app.register_blueprint(contacts)
    app.register_blueprint(health)
    init_onboarding(app)
    init_openapi(app)
    return app
