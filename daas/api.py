"""What every request goes through before and after its view; the path tells the API's from a page's."""

import logging
import re
import secrets
import traceback
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed
from werkzeug.exceptions import NotFound as WerkzeugNotFound

from . import origins, pages, request_log
from .database import is_unavailable
from .errors import (
    ApiError,
    BodyNotWhole,
    DatabaseUnavailable,
    MethodNotAllowed,
    NotFound,
    UnexpectedFault,
    to_json,
)
from .request_body import read_whole_body
from .request_log import Entry
from .settings import Settings

_PREFIX = "/direct"

logger = logging.getLogger(__name__)


def init_api(app: Flask) -> None:
    """Make the app treat its API requests alike, unknown paths and wrong methods included."""
    # What no view declares is a 405; Flask would answer OPTIONS by itself.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A redirected POST would carry a signature for another URI.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_open_request)
    app.after_request(_close_request)
    app.register_error_handler(Exception, _answer)


def target_of(environ: dict[str, Any]) -> str:
    """Give the path and query of a request as they are on the request line, without scheme and host."""
    target: str = environ.get("RAW_URI", "")
    return re.sub(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "", target)


def path_of(environ: dict[str, Any]) -> str:
    """Give the path of a request, decoded."""
    return unquote(target_of(environ).partition("?")[0])


def _open_request() -> Response | None:
    """Read the body whole and begin the log entry; a preflight is answered here."""
    settings: Settings = current_app.extensions["daas_settings"]
    g.target = target_of(request.environ)
    path = g.target.partition("?")[0]
    if _is_api():
        g.entry = Entry(request.method, path, request.environ.get("REMOTE_ADDR", ""))
        if "#" in g.target:
            raise BodyNotWhole("target-with-fragment")
        g.body = read_whole_body(request.environ, settings.max_body_bytes)
    # Werkzeug merges slashes at the start, and an escaped slash is not one: both would be another path.
    if not re.match(r"/(?!/)", path) or "%2f" in path.lower():
        raise NotFound("path-unknown")
    if request.method == "HEAD" and request.url_rule is not None and _is_api():
        raise _method_not_allowed(request.url_rule.methods)  # Flask lets it in wherever there is a GET.
    return origins.preflight(settings.allowed_origins)


def _answer(error: Exception) -> Response:
    """Turn whatever was raised into the answer that is documented for it, and record it."""
    fault = _to_api_error(error)
    if not _is_api():
        return pages.show_fault(fault)
    try:
        g.request_id = _record(fault)
    except Exception as failure:
        _log_failure(failure)
        if not fault.precedes_database:
            fault = _to_api_error(failure)
        g.request_id = secrets.token_hex(16)
    return Response(to_json(fault.body(g.request_id)), fault.status, fault.headers, mimetype="application/json")


def _record(fault: ApiError) -> str:
    if isinstance(fault, DatabaseUnavailable):
        return secrets.token_hex(16)
    return request_log.record_refusal(g.entry, fault.status, fault.reason)


def _to_api_error(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, WerkzeugMethodNotAllowed):
        return _method_not_allowed(error.valid_methods)
    if isinstance(error, WerkzeugNotFound):
        return NotFound("path-unknown")
    _log_failure(error)
    return DatabaseUnavailable() if is_unavailable(error) else UnexpectedFault("fault")


def _method_not_allowed(methods: Iterable[str] | None) -> MethodNotAllowed:
    return MethodNotAllowed("method-not-allowed", {"Allow": ", ".join(origins.methods_served(methods))})


def _log_failure(error: Exception) -> None:
    """Say what failed and where, but not the error's own text: that may hold what a request held."""
    if is_unavailable(error):
        logger.warning("The database is unavailable: %s.", type(getattr(error, "orig", error)).__name__)
    else:
        logger.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def _close_request(response: Response) -> Response:
    """Add the headers that every answer carries: the API's, or a page's."""
    if _is_api():
        response.headers["Cache-Control"] = "no-store"
        if "request_id" in g:
            response.headers["X-Request-Id"] = g.request_id
    else:
        pages.protect(response)
    return origins.let_origin_read(response, current_app.extensions["daas_settings"].allowed_origins)


def _is_api() -> bool:
    path = path_of(request.environ)
    return path == _PREFIX or path.startswith(_PREFIX + "/")
