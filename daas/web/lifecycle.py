"""The steps before and after the view of every request; the path decides whether it is for an API or a page."""

import logging
import math
import secrets
import time
import traceback
from collections.abc import Iterable
from functools import partial
from typing import cast
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
    TooManyFailures,
    UnexpectedError,
    to_json,
)
from ..monitoring import logs
from ..reasons import Reason
from ..records.request_log import RequestRecord, log_rejection
from ..services import Services, services
from ..storage.timeouts import is_unavailable, request_started
from . import cors, html, proxies
from .context import RequestContext, current_context
from .raw_request import read_whole_body, target_of

# Statuses whose reason goes into X-Daas-Error if the signature is valid. A 401 brings that header itself.
_EXPLAINED = {400, 415, 503}
# Errors that have a documented response. Every other exception also gets a line in the process's log.
_EXPECTED = (ApiError, WerkzeugMethodNotAllowed, WerkzeugNotFound)

# The reasons of an API's 404 and 405 that are found before authentication.
_STRAYS = {Reason.PATH_UNKNOWN, Reason.METHOD_NOT_ALLOWED}

logger = logging.getLogger(__name__)


def init_lifecycle(app: Flask) -> None:
    """Register the functions that run for every request, also for unknown paths and wrong methods."""
    # Flask would respond to OPTIONS itself, in HTML; a method that no view declares must be a 405.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A redirected POST would carry a signature for another URI.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_begin_request)
    app.after_request(_end_request)
    app.register_error_handler(Exception, _respond_to_error)
    app.teardown_request(_forget_start)


def _begin_request() -> Response | None:
    """Read the body whole and begin the record; return the response to a CORS preflight, None to others."""
    request_started.set(time.monotonic())
    shared, environ, method = services(), request.environ, request.method
    target = target_of(environ)
    path = target.partition("?")[0]
    address = proxies.client_address(environ, shared.settings)
    record = RequestRecord(method, path, address)
    api = next((api for api in shared.apis if api.has_path(unquote(path))), None)
    context = g.context = RequestContext(environ, method, target, api, shared.settings, address, record)
    if api:
        if shared.settings.requires_https and not proxies.is_protected(environ, address, shared.settings):
            raise PlainHttp
        if "#" in target:
            raise BodyNotWhole(Reason.TARGET_WITH_FRAGMENT)
        limit = shared.settings.max_body_bytes
        context.body = read_whole_body(environ, min(limit, api.max_body_bytes or limit))
    # Werkzeug merges slashes at the start of a path, and so would route another path than the signed one.
    if not path.startswith("/") or path.startswith("//"):
        raise NotFound(Reason.PATH_UNKNOWN)
    if method == "HEAD" and request.url_rule is not None and api:
        # Flask serves HEAD at every URL that has a GET.
        raise _method_not_allowed(cast(MapAdapter, current_app.create_url_adapter(request)).allowed_methods())
    return cors.preflight(shared.settings.allowed_origins) if method == "OPTIONS" else None


def _respond_to_error(exception: Exception) -> Response:
    """Return the documented response to an exception, and log the request."""
    context = current_context()
    error = _limit_strays(_to_api_error(exception), context)
    unexpected = [] if isinstance(exception, _EXPECTED) else [exception]
    request_id = secrets.token_hex(16)
    try:
        if context.api and not error.is_counted_only and not isinstance(error, DatabaseUnavailable):
            request_id = log_rejection(context.record, error.status, error.reason).request_id
    except Exception as failure:
        unexpected.append(failure)
        if not error.precedes_database:
            error = _to_api_error(failure)
    context.reason = error.reason
    context.is_counted_only = error.is_counted_only
    for each in unexpected:
        _log_exception(each, request_id)
    if context.api or unexpected:
        error.headers["X-Request-Id"] = request_id
    if not context.api:
        return html.render_error(error)
    if context.caller and error.status in _EXPLAINED:
        error.headers["X-Daas-Error"] = error.reason
    body = to_json(context.api.error_body(error, request_id))
    return Response(body, error.status, error.headers, mimetype="application/json")


def _limit_strays(error: ApiError, context: RequestContext) -> ApiError:
    """Count a request to an unknown path, or with a wrong method, of an API as a failure of its address.

    Return TooManyFailures if the address has too many: else a flood of such requests would be a flood of rows.
    """
    if context.api and error.reason in _STRAYS:
        try:
            services().rate_limits.count_failure(context)
        except TooManyFailures as too_many:
            return too_many
    return error


def _to_api_error(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, WerkzeugMethodNotAllowed):
        return _method_not_allowed(error.valid_methods)
    if isinstance(error, WerkzeugNotFound):
        return NotFound(Reason.PATH_UNKNOWN)
    return DatabaseUnavailable() if is_unavailable(error) else UnexpectedError(Reason.UNEXPECTED_ERROR)


def _method_not_allowed(methods: Iterable[str] | None) -> MethodNotAllowed:
    return MethodNotAllowed(Reason.METHOD_NOT_ALLOWED, {"Allow": ", ".join(cors.methods_served(methods))})


def _log_exception(error: Exception, request_id: str) -> None:
    """Log what failed and where, but not the error's own text: it may contain a request's data."""
    request = {"request_id": request_id}
    if is_unavailable(error):
        logger.warning("The database is unavailable: %s.", type(getattr(error, "orig", error)).__name__, extra=request)
    else:
        place = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s\n%s", type(error).__name__, place, extra=request)


def _end_request(response: Response) -> Response:
    """Add the headers that every response has: an API's, or a page's."""
    context, shared = current_context(), services()
    if context.api:
        response.headers["Cache-Control"] = "no-store"
    else:
        html.protect(response)
    response.headers["X-Content-Type-Options"] = "nosniff"
    cors.let_origin_read(response, context.environ.get("HTTP_ORIGIN"), shared.settings.allowed_origins)
    # The server calls this after it has sent the response, so that no client waits for metrics and log.
    response.call_on_close(partial(_observe, shared, context, response, request.url_rule))
    return response


def _forget_start(_error: BaseException | None) -> None:
    """Reset the start of the request: what the thread does next has no deadline from this request."""
    request_started.set(math.inf)


def _observe(shared: Services, context: RequestContext, response: Response, rule: Rule | None) -> None:
    """Count a request and log one line, with the route instead of the path: a path may contain anything."""
    record, seconds = context.record, time.perf_counter() - context.record.started
    reason = context.reason or ""
    service = record.service or ("unknown" if context.api else "page")
    shared.metrics.count(service, response.status_code, reason, seconds, body_unsigned=bool(context.body_unsigned))
    if context.is_counted_only:
        return
    logs.write_request(
        request_id=response.headers.get("X-Request-Id"),
        method=context.method,
        route=rule and rule.rule,
        status=response.status_code,
        reason=reason,
        service=record.service,
        application=record.application,
        remote_address=record.remote_address,
        duration_ms=round(seconds * 1000, 3),
    )
