"""What can go wrong with an API request, each with the body it is documented to have.

Raised anywhere below a route; `app.py` sends them. `reason` is the truth, for the request log alone.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

_MESSAGES = {
    413: "Content Too Large",
    414: "URI Too Long",
    500: "Internal Server Error",
}


class ApiError(Exception):
    """An answer other than success.

    `status` is the HTTP status, `message` the documented sentence, `fields` the names of the arguments at
    fault, `headers` what else the answer carries. `precedes_database` is true of the faults that are found
    before the database is looked at: they are answered as they are even while it is away. `is_counted_only` is true
    of those that have no row and no line in the log.
    """

    status = 500
    message = ""
    fields: Sequence[str] | None = None
    precedes_database = False
    is_counted_only = False

    def __init__(self, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """Give the documented body, keys in the documented order."""
        return {"request_id": request_id, "message": self.message or message_of(self.status)}


class BodyNotWhole(ApiError):
    """The body did not arrive whole, or the request line cannot be meant."""

    status = 400
    precedes_database = True


class PlainHttp(ApiError):
    """The request came over plain HTTP, which the setting does not allow here."""

    status = 403
    precedes_database = True

    def __init__(self) -> None:
        super().__init__("plain-http")


class NotFound(ApiError):
    """There is nothing at this path."""

    status = 404
    precedes_database = True


class MethodNotAllowed(ApiError):
    """The path exists, but not for this method."""

    status = 405
    precedes_database = True


class BodyTooLarge(ApiError):
    """The body is larger than the setting allows."""

    status = 413
    precedes_database = True


class TooManyRequests(ApiError):
    """The caller asks more often than the operator allows."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__("too-many-requests", {"Retry-After": str(seconds)})


class TooManyFailures(TooManyRequests):
    """Too many requests from this address have failed authentication."""

    precedes_database = True
    is_counted_only = True

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.reason = "too-many-failures"


class DatabaseUnavailable(ApiError):
    """The database is away, locked or full."""

    status = 503
    precedes_database = True

    def __init__(self) -> None:
        super().__init__("database-unavailable", {"Retry-After": "5"})


class AuthenticationFailed(ApiError):
    """Any fault of authentication; the caller never learns which, but for what the headers may say."""

    status = 401
    message = "Access Denied. Authentication Failed."


class UseNotAuthorized(ApiError):
    """The signature is good, but this application may not use this service."""

    status = 403
    message = "Access Denied. Use Not Authorized."


class UserNotAuthorized(ApiError):
    """The mailbox is unknown, suspended or not open to this application: three cases with one answer."""

    status = 403
    message = "Access Denied. User Not Authorized."


class UnsupportedMediaType(ApiError):
    """The body has a type or a coding that is not read."""

    status = 415


class UnreadableBody(ApiError):
    """The body is not what its content type says."""

    status = 400


class MissingArguments(ApiError):
    """Required arguments are missing.

    `sentences` are in the order of `fields`.
    """

    status = 422

    def __init__(self, fields: Sequence[str], sentences: Sequence[str]) -> None:
        super().__init__("argument-missing")
        self.fields = fields
        self.message = " ".join(sentences)

    def body(self, request_id: str) -> dict[str, Any]:
        """Give the documented body: here the fields stand before the message."""
        return {"request_id": request_id, "fields": list(self.fields or ()), "message": self.message}


class InvalidArguments(ApiError):
    """Arguments have values that cannot be meant.

    `sentences` are in the order of `fields`.
    """

    status = 422

    def __init__(self, fields: Sequence[str], sentences: Sequence[str], reason: str = "argument-invalid") -> None:
        super().__init__(reason)
        self.fields = fields
        self.message = ". ".join(sentences)

    def body(self, request_id: str) -> dict[str, Any]:
        """Give the documented body: here the fields stand behind the message."""
        return {**super().body(request_id), "fields": list(self.fields or ())}


class MessageNotFound(ApiError):
    """There is no such message in this mailbox."""

    status = 422
    message = "Message not found"


class UnexpectedFault(ApiError):
    """A defect of ours."""

    status = 500


class OperatorError(Exception):
    """What an operator asked for cannot be done; the text is a sentence that says why."""


def message_of(status: int) -> str:
    """Give the message of a status that has no sentence of its own: its name in RFC 9110."""
    return _MESSAGES.get(status) or HTTPStatus(status).phrase


def to_json(body: object) -> bytes:
    """Write a body as it is documented: no spaces between tokens, no newline at the end, UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
