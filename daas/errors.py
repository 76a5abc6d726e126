"""The errors of API requests, each with its documented body, and the error of operators' commands.

Any code below a route raises them; web/lifecycle.py turns them into responses. `reason` is only for the request log.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self

from .reasons import Reason

_MESSAGES = {
    413: "Content Too Large",
    414: "URI Too Long",
    500: "Internal Server Error",
}


class ApiError(Exception):
    """An error response.

    `status` is the HTTP status, `message` the documented sentence, `fields` the names of the wrong arguments, `ids` the
    messages of an atomic batch that fail, `headers` the additional headers. `precedes_database` is true of the errors
    that are found before the database is used: they are the response even while it is away. `is_counted_only` is true
    of those that have no row and no line in the log.
    """

    status = 500
    message = ""
    fields: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    precedes_database = False
    is_counted_only = False

    def __init__(self, reason: Reason, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the documented body, keys in the documented order."""
        ids = {} if self.ids is None else {"ids": list(self.ids)}
        return {"request_id": request_id, "message": self.message or message_of(self.status), **ids}

    def with_ids(self, ids: Sequence[str]) -> Self:
        """Return the error of an atomic batch, in whose body all messages that fail follow the message of the first."""
        self.ids = ids
        return self


class BodyNotWhole(ApiError):
    """The body did not arrive whole, or the request line is malformed."""

    status = 400
    precedes_database = True


class PlainHttp(ApiError):
    """The request came from another machine over plain HTTP."""

    status = 403
    precedes_database = True

    def __init__(self) -> None:
        super().__init__(Reason.PLAIN_HTTP)


class NotFound(ApiError):
    """No call or page has this path."""

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
    """The application sends more requests than its rate limit allows."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(Reason.TOO_MANY_REQUESTS, {"Retry-After": str(seconds)})


class TooManyFailures(TooManyRequests):
    """Too many requests from this address failed authentication, or had an unknown path or a wrong method."""

    precedes_database = True
    is_counted_only = True

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.reason = Reason.TOO_MANY_FAILURES


class DatabaseUnavailable(ApiError):
    """The database is away, locked or full."""

    status = 503
    precedes_database = True

    def __init__(self) -> None:
        super().__init__(Reason.DATABASE_UNAVAILABLE, {"Retry-After": "5"})


class AuthenticationFailed(ApiError):
    """Any error of authentication; the body never says which."""

    status = 401
    message = "Access Denied. Authentication Failed."


class UseNotAuthorized(ApiError):
    """The signature is valid, but this application may not use this service."""

    status = 403
    message = "Access Denied. Use Not Authorized."


class UserNotAuthorized(ApiError):
    """The mailbox is unknown, suspended or not granted to this application: the response is the same."""

    status = 403
    message = "Access Denied. User Not Authorized."


class UnsupportedMediaType(ApiError):
    """The body has a type or a coding that is not accepted."""

    status = 415


class UnreadableBody(ApiError):
    """The body is not what its content type says."""

    status = 400


class MalformedIdempotencyKey(ApiError):
    """The Idempotency-Key is repeated, or is not 1 to 128 visible ASCII characters."""

    status = 400

    def __init__(self) -> None:
        super().__init__(Reason.IDEMPOTENCY_KEY, {"X-Daas-Error": Reason.IDEMPOTENCY_KEY.value})


class MissingArguments(ApiError):
    """Required arguments are missing.

    `sentences` are in the order of `fields`.
    """

    status = 422

    def __init__(self, fields: Sequence[str], sentences: Sequence[str]) -> None:
        super().__init__(Reason.ARGUMENT_MISSING)
        self.fields = fields
        self.message = " ".join(sentences)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the documented body: here the fields precede the message."""
        return {"request_id": request_id, "fields": list(self.fields or ()), "message": self.message}


class InvalidArguments(ApiError):
    """Arguments have invalid values.

    `sentences` are in the order of `fields`.
    """

    status = 422

    def __init__(
        self, fields: Sequence[str], sentences: Sequence[str], reason: Reason = Reason.ARGUMENT_INVALID
    ) -> None:
        super().__init__(reason)
        self.fields = fields
        self.message = ". ".join(sentences)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the documented body: here the fields follow the message."""
        return {**super().body(request_id), "fields": list(self.fields or ())}


class MessageNotFound(ApiError):
    """There is no such message in this mailbox."""

    status = 422
    message = "Message not found"


class MessageElsewhere(ApiError):
    """The message is not in the folder from which it was to be moved."""

    status = 409
    message = "Message is in another folder"

    def __init__(self) -> None:
        super().__init__(Reason.MESSAGE_ELSEWHERE)


class IdempotencyKeyReused(ApiError):
    """The application has used the Idempotency-Key for another request."""

    status = 409
    message = "Idempotency-Key was used for another request"

    def __init__(self) -> None:
        super().__init__(Reason.IDEMPOTENCY_KEY_REUSED)


class NeverMoved(ApiError):
    """The message was never moved, so it cannot be restored."""

    status = 422
    message = "Message was never moved"

    def __init__(self) -> None:
        super().__init__(Reason.NEVER_MOVED)


class SearchBusy(ApiError):
    """Two searches for text of the application are running in this process already."""

    status = 429

    def __init__(self) -> None:
        headers = {"Retry-After": "3", "X-Daas-Error": Reason.SEARCH_BUSY.value}
        super().__init__(Reason.SEARCH_BUSY, headers)


class SearchTimeout(ApiError):
    """The search for a text took too long."""

    status = 503
    message = "Search Took Too Long"

    def __init__(self) -> None:
        headers = {"Retry-After": "5", "X-Daas-Error": Reason.SEARCH_TIMEOUT.value}
        super().__init__(Reason.SEARCH_TIMEOUT, headers)


class UnexpectedError(ApiError):
    """An error of the service itself."""

    status = 500


class OperatorError(Exception):
    """An operator's command cannot be carried out; the text is a sentence that says why."""


def message_of(status: int) -> str:
    """Return the message of a status without a documented sentence: its name in RFC 9110."""
    return _MESSAGES.get(status) or HTTPStatus(status).phrase


def to_json(body: object) -> bytes:
    """Return a body as it is documented: no spaces between tokens, no newline at the end, UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
