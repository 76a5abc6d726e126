"""The context of the current request, from its arrival to its response, and the definition of the API that it calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, g

from ..applications.lookup import Caller
from ..errors import ApiError
from ..reasons import Reason
from ..records.request_log import LoggedRequest, RequestRecord
from ..settings import Settings
from ..signing.mechanism import RequestToSign, SigningScheme
from .arguments import Arguments


@dataclass(frozen=True)
class ApiDefinition:
    """An API of the service: the prefix of its paths, its signing scheme and the body of its errors.

    `request_to_sign` returns what a signature covers of a request. `read_arguments` returns its arguments, or raises
    UnsupportedMediaType or UnreadableBody. `error_body` returns the body of an error with its request_id.
    `max_body_bytes` is the size of the largest body, if less than the setting. `header_error` returns the reason if a
    header that a signature needs is missing or wrong. `check_freshness` runs after the signature is verified; it raises
    AuthenticationFailed for that reason, or for a date or Content-MD5 that is wrong, with headers that explain it.
    """

    prefix: str
    scheme: SigningScheme
    request_to_sign: Callable[["RequestContext"], RequestToSign]
    read_arguments: Callable[["RequestContext", RequestToSign], Arguments]
    error_body: Callable[[ApiError, str], Mapping[str, Any]]
    max_body_bytes: int | None = None
    header_error: Callable[["RequestContext", RequestToSign], Reason | None] = lambda *_: None
    check_freshness: Callable[["RequestContext", RequestToSign, Caller, Reason | None, Mapping[str, str]], None] = (
        lambda *_: None
    )

    def has_path(self, path: str) -> bool:
        """Return whether a decoded path is under the prefix, even if no call has it."""
        return path == self.prefix or path.startswith(self.prefix + "/")


@dataclass(slots=True)
class RequestContext:
    """A request and what is known of it so far.

    `target` is the path and query as on the request line, without scheme and host. `api` is None for a page.
    `remote_address` is the client's, behind trusted proxies too. `body` is None if it is larger than the settings
    allow. `caller` is the application, None until its signature is verified. `body_unsigned` is whether the signature
    did not cover the body; None without a body. `reason` explains the response in the log. A request with
    `is_counted_only` gets no line in the log, only a place in the metrics.
    """

    environ: dict[str, Any]
    method: str
    target: str
    api: ApiDefinition | None
    settings: Settings
    remote_address: str
    record: RequestRecord
    body: bytes | None = b""
    caller: Caller | None = None
    body_unsigned: bool | None = None
    reason: Reason | None = None
    is_counted_only: bool = False

    def header(self, name: str) -> str | None:
        """Return a header by its name in the WSGI environment, without surrounding spaces; None if it is not sent."""
        value: str | None = self.environ.get(name)
        return None if value is None else value.strip(" \t")


def current_context() -> RequestContext:
    """Return the context of the current request."""
    context: RequestContext = g.context
    return context


def success(body: bytes, logged: LoggedRequest, status: int = 200) -> Response:
    """Return the JSON response to a request that succeeded and whose row is in the log."""
    current_context().reason = logged.reason
    return Response(body, status, {"X-Request-Id": logged.request_id}, mimetype="application/json")
