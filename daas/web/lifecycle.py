"""What every request goes through before and after its view; the path tells which API's it is, or a page's."""

import logging
import re
import secrets
import time
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed
from werkzeug.exceptions import NotFound as WerkzeugNotFound
from werkzeug.routing import MapAdapter, Rule

from ..errors import (
    ApiError,
    BodyNotWhole,
    DatabaseUnavailable,
    MethodNotAllowed,
    NotFound,
    PlainHttp,
    UnexpectedFault,
    to_json,
)
from ..monitoring import logs
from ..monitoring.metrics import Metrics, metrics
from ..records import request_log
from ..records.request_log import Entry
from ..settings import Settings
from ..storage.timeouts import is_unavailable
from . import cors as origins
from . import html as pages
from . import proxies
from .context import Api, Call, current_call
from .raw_request import read_whole_body

# The errors whose reason a client is told if its signature is good; a 401 tells more, by itself.
_EXPLAINED = {400, 415, 503}

_FORESEEN = (ApiError, WerkzeugMethodNotAllowed, WerkzeugNotFound)

logger = logging.getLogger(__name__)


def init_api(app: Flask, apis: Sequence[Api]) -> None:
    """Make the app treat the requests of its APIs alike, unknown paths and wrong methods included."""
    app.extensions["daas_apis"] = apis
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
    """Give the path of a request, decoded but for escaped slashes: those part no segments."""
    path = target_of(environ).partition("?")[0]
    return "%2F".join(map(unquote, re.split("%2f", path, flags=re.IGNORECASE))) if "%" in path else path


def _open_request() -> Response | None:
    """Read the body whole and begin the log entry; a preflight is answered here."""
    settings: Settings = current_app.extensions["daas_settings"]
    environ, method = request.environ, request.method
    target = target_of(environ)
    path = target.partition("?")[0]
    entry = Entry(method, path, proxies.client_address(environ, settings))
    call = g.call = Call(environ, method, target, _find_api(unquote(path)), settings, entry)
    if call.api:
        if settings.requires_https and not proxies.is_protected(environ, entry.remote_address, settings):
            raise PlainHttp
        if "#" in target:
            raise BodyNotWhole("target-with-fragment")
        call.body = read_whole_body(environ, settings.max_body_bytes)
    # Werkzeug merges slashes at the start: that would be another path.
    if not path.startswith("/") or path.startswith("//"):
        raise NotFound("path-unknown")
    if method == "HEAD" and request.url_rule is not None and call.api:
        # Flask lets it in wherever there is a GET.
        raise _method_not_allowed(cast(MapAdapter, current_app.create_url_adapter(request)).allowed_methods())
    return origins.preflight(settings.allowed_origins) if method == "OPTIONS" else None


def _answer(error: Exception) -> Response:
    """Turn whatever was raised into the answer that is documented for it, and record it."""
    fault, call = _to_api_error(error), current_call()
    failures = [] if isinstance(error, _FORESEEN) else [error]
    request_id = secrets.token_hex(16)
    try:
        if call.api and not fault.is_counted_only and not isinstance(fault, DatabaseUnavailable):
            request_id = request_log.record_refusal(call.entry, fault.status, fault.reason)
    except Exception as failure:
        failures.append(failure)
        if not fault.precedes_database:
            fault = _to_api_error(failure)
    call.entry.reason = fault.reason
    call.entry.is_counted_only = fault.is_counted_only
    for each in failures:
        _log_failure(each, request_id)
    if call.api or failures:
        fault.headers["X-Request-Id"] = request_id
    if not call.api:
        return pages.show_fault(fault)
    if call.signer and fault.status in _EXPLAINED:
        fault.headers["X-Daas-Error"] = fault.reason
    body = to_json(call.api.fault_body(fault, request_id))
    return Response(body, fault.status, fault.headers, mimetype="application/json")


def _to_api_error(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, WerkzeugMethodNotAllowed):
        return _method_not_allowed(error.valid_methods)
    if isinstance(error, WerkzeugNotFound):
        return NotFound("path-unknown")
    return DatabaseUnavailable() if is_unavailable(error) else UnexpectedFault("fault")


def _method_not_allowed(methods: Iterable[str] | None) -> MethodNotAllowed:
    return MethodNotAllowed("method-not-allowed", {"Allow": ", ".join(origins.methods_served(methods))})


def _log_failure(error: Exception, request_id: str) -> None:
    """Say what failed and where, but not the error's own text: that may hold what a request held."""
    request = {"request_id": request_id}
    if is_unavailable(error):
        logger.warning("The database is unavailable: %s.", type(getattr(error, "orig", error)).__name__, extra=request)
    else:
        place = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s\n%s", type(error).__name__, place, extra=request)


def _close_request(response: Response) -> Response:
    """Add the headers that every answer carries: the API's, or a page's."""
    call = current_call()
    if call.api:
        response.headers["Cache-Control"] = "no-store"
    else:
        pages.protect(response)
    response.headers["X-Content-Type-Options"] = "nosniff"
    origins.let_origin_read(response, call.environ.get("HTTP_ORIGIN"), call.settings.allowed_origins)
    # The server calls it when it is done with the answer, so that nobody waits for this.
    response.call_on_close(partial(_tell_of, call, response, metrics(), request.url_rule))
    return response


def _tell_of(call: Call, response: Response, metrics: Metrics, rule: Rule | None) -> None:
    """Count a request that was answered and write its line, which names the route: a path may hold anything."""
    entry, seconds = call.entry, time.perf_counter() - call.entry.started
    metrics.count(call, response.status_code, seconds)
    if entry.is_counted_only:
        return
    logs.write_request(
        request_id=response.headers.get("X-Request-Id"),
        method=call.method,
        route=rule and rule.rule,
        status=response.status_code,
        reason=entry.reason,
        service=entry.service,
        application=entry.application,
        remote_address=entry.remote_address,
        duration_ms=round(seconds * 1000, 3),
    )


def _find_api(path: str) -> Api | None:
    return next((api for api in current_app.extensions["daas_apis"] if api.holds(path)), None)
