"""The authentication of requests: find the application that signed, and check that it may use the service.

Every view states it: requires_signature(service) or requires_no_auth().
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Response

from ..applications.keys import note_use
from ..applications.lookup import Caller, find_caller
from ..applications.policy import is_allowed_from
from ..errors import ApiError, AuthenticationFailed, BodyTooLarge, UnsupportedMediaType, UseNotAuthorized
from ..reasons import Reason
from ..records.request_log import RequestRecord
from ..services import services
from ..signing.mechanism import (
    Credentials,
    RequestToSign,
    SignatureRejected,
    SigningScheme,
    read_authorization,
    verify,
)
from .arguments import Arguments
from .context import ApiDefinition, RequestContext, current_context

View = Callable[..., Any]

_MAX_EXPLANATION = 2048


@dataclass(frozen=True, slots=True)
class AuthenticatedRequest:
    """A request whose signature is valid, from an application that may use the service: all that a view may trust."""

    caller: Caller
    record: RequestRecord
    _arguments: Arguments | ApiError

    @property
    def arguments(self) -> Arguments:
        """Its arguments; raises UnsupportedMediaType or UnreadableBody."""
        if isinstance(self._arguments, ApiError):
            raise self._arguments
        return self._arguments


def requires_signature(service: str) -> Callable[[View], View]:
    """Admit only requests signed by an application that may use the service, such as `direct/messages/move`.

    The view takes the AuthenticatedRequest.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def admit(*args: Any, **kwargs: Any) -> Any:
            context = current_context()
            context.record.service = service
            if context.body is None:
                raise BodyTooLarge(Reason.BODY_TOO_LARGE)
            try:
                request = authenticate(context, cast(ApiDefinition, context.api), service)
            except AuthenticationFailed:
                services().rate_limits.count_failure(context)
                raise
            note_use(request.caller.key_id)
            return _with_announcements(context, request.caller, view(request, *args, **kwargs))

        admit.authentication = decorate  # type: ignore[attr-defined]
        return admit

    return decorate


def requires_no_auth() -> Callable[[View], View]:
    """Admit every request. Does nothing, but states that the view needs no authentication."""

    def decorate(view: View) -> View:
        view.authentication = decorate  # type: ignore[attr-defined]
        return view

    return decorate


def authenticate(context: RequestContext, api: ApiDefinition, service: str) -> AuthenticatedRequest:
    """Return the request if an application signed it that may use the service.

    The checks are, in this order: the header's form, the signature, its freshness (the date, then Content-MD5), the
    application's rate limit, and what it may do. Raises AuthenticationFailed, TooManyRequests or UseNotAuthorized.
    """
    try:
        credentials = read_authorization(api.scheme, context.environ.get("HTTP_AUTHORIZATION"))
    except SignatureRejected as rejection:
        raise authentication_failed(api.scheme, Reason(rejection.reason)) from rejection
    to_sign = api.request_to_sign(context)
    strings_to_sign = api.scheme.strings_to_sign(to_sign)
    caller = find_caller(credentials.public_key, service)
    context.record.application = caller.name if caller else None
    header_error = api.header_error(context, to_sign)
    # Without a content type no signature is accepted, so a string to sign would not help.
    explanation = {} if header_error is Reason.CONTENT_TYPE_MISSING else _explain(context, strings_to_sign[0], caller)
    signature_error = _error_of_signature(api.scheme, strings_to_sign, credentials, caller)
    if signature_error or caller is None:
        reason = header_error or signature_error or Reason.UNKNOWN_PUBLIC_KEY
        raise authentication_failed(api.scheme, reason, explanation)
    context.caller = caller
    arguments = _read_arguments(context, api, to_sign)
    api.check_freshness(context, to_sign, caller, header_error, explanation)
    _check_use(context, caller)
    return AuthenticatedRequest(caller, context.record, arguments)


def authentication_failed(
    scheme: SigningScheme, reason: Reason, headers: Mapping[str, str] | None = None
) -> AuthenticationFailed:
    """Return the 401 with WWW-Authenticate, which names the signing scheme, and with `headers`."""
    return AuthenticationFailed(reason, {"WWW-Authenticate": scheme.words[0], **(headers or {})})


def _check_use(context: RequestContext, caller: Caller) -> None:
    is_from_allowed_network = is_allowed_from(caller.networks, context.remote_address)
    if is_from_allowed_network:  # Otherwise a replay from another network would use up the rate limit.
        services().rate_limits.count_request(caller)
    if caller.suspended:
        raise UseNotAuthorized(Reason.APPLICATION_SUSPENDED)
    if not caller.may_use_service:
        raise UseNotAuthorized(Reason.SERVICE_NOT_GRANTED)
    if not is_from_allowed_network:
        raise UseNotAuthorized(Reason.NETWORK_NOT_ALLOWED)


def _read_arguments(context: RequestContext, api: ApiDefinition, to_sign: RequestToSign) -> Arguments | ApiError:
    """Return the arguments, or the error of reading them: it is raised only after all errors of authentication."""
    content_coding = context.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    transfer_coding = context.environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    try:
        if content_coding not in {"", "identity"} or transfer_coding not in {"", "chunked"}:
            raise UnsupportedMediaType(Reason.CODING_UNSUPPORTED)
        return api.read_arguments(context, to_sign)
    except ApiError as error:
        return error


def _error_of_signature(
    scheme: SigningScheme, strings_to_sign: Sequence[bytes], credentials: Credentials, caller: Caller | None
) -> Reason | None:
    try:
        verify(scheme, strings_to_sign, credentials, caller.private_key if caller else None)
    except SignatureRejected as rejection:
        return Reason((caller and caller.key_error) or rejection.reason)
    return None


def _with_announcements(context: RequestContext, caller: Caller, response: Response) -> Response:
    """Add the headers that announce the key's expiry and a coming requirement to a successful response."""
    if caller.key_expires:
        response.headers["X-Daas-Key-Expires"] = caller.key_expires
    if caller.warn_content_md5 and context.body_unsigned:
        response.headers["X-Daas-Warning"] = "content-md5-missing"
    return response


def _explain(context: RequestContext, string_to_sign: bytes, caller: Caller | None) -> dict[str, str]:
    """Return the header that shows the server's string to sign, if a setting allows it."""
    is_allowed = context.settings.explain_401 or (caller and caller.explain_401)
    if not is_allowed or len(string_to_sign) > _MAX_EXPLANATION:
        return {}
    return {"X-Daas-String-To-Sign": base64.b64encode(string_to_sign).decode()}
