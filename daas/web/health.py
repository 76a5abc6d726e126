"""What monitors ask for: whether the service lives and is ready, and its metrics. Open to their networks alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from .. import migrations
from ..errors import NotFound, to_json
from ..monitoring.metrics import metrics
from . import proxies
from .authentication import View
from .context import current_call

health = Blueprint("health", __name__)

_PLAIN = "text/plain; version=1.0.0; charset=utf-8"


def monitors_only() -> Callable[[View], View]:
    """Admit the addresses in DAAS_MONITORS; to all others there is nothing here."""

    def door(view: View) -> View:
        @wraps(view)
        def admit(*args: Any, **kwargs: Any) -> Any:
            call = current_call()
            known = proxies.is_within(call.entry.remote_address, call.settings.monitors)
            if not known or proxies.came_by_stranger(call.environ, call.settings):
                raise NotFound("not-a-monitor")
            return view(*args, **kwargs)

        admit.door = door  # type: ignore[attr-defined]
        return admit

    return door


@health.get("/health/live")
@monitors_only()
def show_life() -> Response:
    """Say that the process answers."""
    return Response(to_json({"status": "ok"}), mimetype="application/json")


@health.get("/health/ready")
@monitors_only()
def show_readiness() -> Response:
    """Say whether requests can be served: the database is there, and has what this release needs."""
    try:
        fault = None if migrations.is_usable() else "migrations"
    except SQLAlchemyError:
        fault = "database"
    body = {"status": "ok"} if fault is None else {"status": "unavailable", "fault": fault}
    return Response(to_json(body), 200 if fault is None else 503, mimetype="application/json")


@health.get("/metrics")
@monitors_only()
def show_metrics() -> Response:
    """Show the metrics of all processes of this server."""
    return Response(metrics().expose(), content_type=_PLAIN)
