"""Flask's side of signing: reads the request, asks `signing`, and remembers which application it is.

Every view states its door: `signed(service)` or `open_to_all()`.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Response

from ..applications.keys import note_use
from ..applications.lookup import Candidate, find_candidate, recall_candidate
from ..applications.policy import is_allowed_from
from ..errors import ApiError, AuthenticationFailed, BodyTooLarge, UnsupportedMediaType, UseNotAuthorized
from ..records.request_log import Entry
from ..signing.mechanism import (
    Credentials,
    RequestToSign,
    SignatureRefused,
    SigningScheme,
    read_authorization,
    verify,
)
from .arguments import Arguments
from .context import Api, Call, current_call
from .rate_limits import rate_limits

View = Callable[..., Any]

#: The reason for which a request with a body is rejected that says no content type.
CONTENT_TYPE_MISSING = "content-type-missing"

_LONGEST_EXPLANATION = 2048


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call whose signature is good, of an application that may use the service: what a view may trust."""

    application: Candidate
    entry: Entry
    _arguments: Arguments | ApiError

    @property
    def arguments(self) -> Arguments:
        """Its arguments; raises UnsupportedMediaType or UnreadableBody."""
        if isinstance(self._arguments, ApiError):
            raise self._arguments
        return self._arguments


def signed(service: str) -> Callable[[View], View]:
    """Admit only calls signed by an application that may use the service, such as `direct/messages/move`.

    The view takes the SignedCall.
    """

    def door(view: View) -> View:
        @wraps(view)
        def admit(*args: Any, **kwargs: Any) -> Any:
            call = current_call()
            call.entry.service = service
            if call.body is None:
                raise BodyTooLarge("body-too-large")
            try:
                signed_call = authenticate(call, cast(Api, call.api), service)
            except AuthenticationFailed:
                rate_limits().count_failure(call)
                raise
            note_use(signed_call.application.key_id)
            return _announce(signed_call, view(signed_call, *args, **kwargs))

        admit.door = door  # type: ignore[attr-defined]
        return admit

    return door


def open_to_all() -> Callable[[View], View]:
    """Admit everyone: this states a door and does nothing else."""

    def door(view: View) -> View:
        view.door = door  # type: ignore[attr-defined]
        return view

    return door


def authenticate(call: Call, api: Api, service: str) -> SignedCall:
    """Find out which application signed a call, and that it may use the service.

    Checks in this order: the header's form, the signature, its freshness (the date, then Content-MD5), then the
    application. Raises AuthenticationFailed, TooManyRequests or UseNotAuthorized.
    """
    try:
        credentials = read_authorization(api.scheme, call.environ.get("HTTP_AUTHORIZATION"))
    except SignatureRefused as refused:
        raise authentication_failed(api.scheme, refused.reason) from refused
    to_sign = api.request_to_sign(call)
    strings_to_sign = api.scheme.strings_to_sign(to_sign)
    header_error = api.header_error(call, to_sign)
    application = recall_candidate(credentials.public_key, service)
    signature_error = _fault_of_signature(api.scheme, strings_to_sign, credentials, application)
    if signature_error:
        # Known, remembered or not: whatever is refused has cost one look and two checks.
        application = find_candidate(credentials.public_key, service)
        signature_error = _fault_of_signature(api.scheme, strings_to_sign, credentials, application)
    call.entry.application = application.name if application else None
    # Without a content type no signature is accepted, so that no string to sign would help.
    explanation = {} if header_error == CONTENT_TYPE_MISSING else _explain(call, strings_to_sign[0], application)
    if signature_error:
        raise authentication_failed(api.scheme, header_error or signature_error, explanation)
    application = cast(Candidate, application)  # Without one there is a fault.
    call.signer = application
    arguments = _read_signed_arguments(call, api, to_sign)
    api.check_freshness(call, to_sign, application, header_error, explanation)
    allowed_from_there = is_allowed_from(application.networks, call.entry.remote_address)
    if allowed_from_there:  # Else who repeats its requests from elsewhere would use its limit up.
        rate_limits().count_request(application)
    if application.suspended:
        raise UseNotAuthorized("application-suspended")
    if not application.may_use_service:
        raise UseNotAuthorized("service-not-granted")
    if not allowed_from_there:
        raise UseNotAuthorized("network-not-allowed")
    return SignedCall(application, call.entry, arguments)


def _read_signed_arguments(call: Call, api: Api, to_sign: RequestToSign) -> Arguments | ApiError:
    """Read the arguments, or give what keeps them from being read."""
    content_coding = call.environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    transfer_coding = call.environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    try:
        if content_coding not in {"", "identity"} or transfer_coding not in {"", "chunked"}:
            raise UnsupportedMediaType("coding-unsupported")
        return api.read_arguments(call, to_sign)
    except ApiError as fault:
        return fault


def _fault_of_signature(
    scheme: SigningScheme, strings_to_sign: Sequence[bytes], credentials: Credentials, application: Candidate | None
) -> str | None:
    try:
        verify(scheme, strings_to_sign, credentials, application.private_key if application else None)
    except SignatureRefused as refused:
        return (application and application.key_fault) or refused.reason
    return None


def _announce(call: SignedCall, answer: Response) -> Response:
    """Say in a successful answer what its caller should know before it is too late."""
    if call.application.key_expires:
        answer.headers["X-Daas-Key-Expires"] = call.application.key_expires
    if call.application.warn_content_md5 and call.entry.unbound:
        answer.headers["X-Daas-Warning"] = "content-md5-missing"
    return answer


def _explain(call: Call, string_to_sign: bytes, application: Candidate | None) -> dict[str, str]:
    """Give the header that shows the string that the server built, where a setting allows it."""
    allowed = call.settings.explain_401 or (application and application.explain_401)
    if not allowed or len(string_to_sign) > _LONGEST_EXPLANATION:
        return {}
    return {"X-Daas-String-To-Sign": base64.b64encode(string_to_sign).decode()}


def authentication_failed(
    scheme: SigningScheme, reason: str, headers: Mapping[str, str] | None = None
) -> AuthenticationFailed:
    """Make the refusal of a signature, which names the scheme to sign with."""
    return AuthenticationFailed(reason, {"WWW-Authenticate": scheme.words[0], **(headers or {})})
