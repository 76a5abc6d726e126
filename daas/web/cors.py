"""Responses to browsers with pages of other origins (CORS, in the Fetch standard)."""

from collections.abc import Iterable

from flask import Response, request

_REQUEST_HEADERS = "Authorization, Content-Type, Content-MD5, X-Daas-Date, Idempotency-Key"
_RESPONSE_HEADERS = (
    "X-Request-Id, X-Daas-Error, X-Daas-Clock-Skew, X-Daas-String-To-Sign, Retry-After, Idempotent-Replayed, "
    "Content-Disposition"
)
# Exposed too by responses that have them.
_ANNOUNCEMENTS = ("X-Daas-Key-Expires", "X-Daas-Warning")
_MAX_AGE_SECONDS = "600"


def preflight(allowed_origins: frozenset[str]) -> Response | None:
    """Return the response to a preflight from an allowed origin for an existing URL; None for any other OPTIONS."""
    if "Access-Control-Request-Method" not in request.headers or request.headers.get("Origin") not in allowed_origins:
        return None
    # No URL serves OPTIONS: an existing one raises a 405 that lists its methods.
    methods = methods_served(getattr(request.routing_exception, "valid_methods", None))
    if not methods:
        return None
    response = Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": _MAX_AGE_SECONDS,
        },
    )
    del response.headers["Content-Type"]
    return response


def methods_served(methods: Iterable[str] | None) -> list[str]:
    """Return the methods of a URL, without HEAD, which Flask adds to each GET."""
    return sorted({*(methods or ())} - {"HEAD"})


def let_origin_read(response: Response, origin: str | None, allowed_origins: frozenset[str]) -> None:
    """Add the headers that let a page of an allowed origin read the response; credentials are never allowed."""
    if origin in allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        announced = [name for name in _ANNOUNCEMENTS if name in response.headers]
        response.headers["Access-Control-Expose-Headers"] = ", ".join([_RESPONSE_HEADERS, *announced])
        response.vary.add("Origin")
