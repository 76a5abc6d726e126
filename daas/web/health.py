"""The URLs for monitors: liveness, readiness and metrics, only for the networks in DAAS_MONITORS."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from .. import migrations
from ..errors import NotFound, to_json
from ..reasons import Reason
from ..services import services
from . import proxies
from .authentication import View
from .context import current_context

health = Blueprint("health", __name__)

_PLAIN = "text/plain; version=1.0.0; charset=utf-8"


def requires_monitor_address() -> Callable[[View], View]:
    """Admit the addresses in DAAS_MONITORS; every other client gets a 404."""

    def decorate(view: View) -> View:
        @wraps(view)
        def admit(*args: Any, **kwargs: Any) -> Any:
            context = current_context()
            known = proxies.is_within(context.remote_address, context.settings.monitors)
            if not known or proxies.forwarded_by_untrusted_proxy(context.environ, context.settings):
                raise NotFound(Reason.NOT_A_MONITOR)
            return view(*args, **kwargs)

        admit.authentication = decorate  # type: ignore[attr-defined]
        return admit

    return decorate


@health.get("/health/live")
@requires_monitor_address()
def show_life() -> Response:
    """Return a 200: the process responds to requests."""
    return Response(to_json({"status": "ok"}), mimetype="application/json")


@health.get("/health/ready")
@requires_monitor_address()
def show_readiness() -> Response:
    """Return a 200 if the database is available and has what this release needs, else a 503."""
    try:
        error = None if migrations.is_usable() else "migrations"
    except SQLAlchemyError:
        error = "database"
    body = {"status": "ok"} if error is None else {"status": "unavailable", "fault": error}
    return Response(to_json(body), 200 if error is None else 503, mimetype="application/json")


@health.get("/metrics")
@requires_monitor_address()
def show_metrics() -> Response:
    """Return the metrics of all processes of this server."""
    return Response(services().metrics.expose(), content_type=_PLAIN)
