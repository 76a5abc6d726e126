"""The application of the receiver and of the pipe: the database and the request log, without routes."""

import time

from flask import Flask

from ..command_app import init_services
from ..monitoring.metrics import Metrics, init_metrics
from ..records.request_log import init_request_log
from ..settings import Settings, load_settings
from ..storage.timeouts import DELIVERY_MILLISECONDS


def create_delivery_app(settings: Settings | None = None) -> Flask:
    """Return an application without routes that stores mail as it arrives, and writes rows of the request log."""
    app = Flask("daas", static_folder=None)
    services = init_services(app, settings or load_settings(), DELIVERY_MILLISECONDS, time.time)
    services.metrics = Metrics(services.settings.threads)
    init_request_log(app)
    init_metrics(app, services.metrics)
    return app
