"""Exceptions of the client: one class for each documented error response."""

from collections.abc import Sequence
from typing import Any, ClassVar

import httpx


class CallFailed(Exception):
    """A call failed: the base of all exceptions that the clients raise."""


class NoAnswer(CallFailed):
    """There was no response: the service is unreachable, or the connection was lost; the call may have succeeded."""


class Refusal(CallFailed):
    """The service returned an error.

    `status` is the HTTP status (`code` in the bodies of lists and contacts), `message` the body's message (empty if
    there is none), `request_id` identifies the row in the service's log (None if the response has none), `fields` are
    the names of the missing or invalid arguments, `headers` are the response's headers, `ids` are the messages of an
    atomic batch that fail.
    """

    #: The status, and the part of the message, by which a response belongs to this class.
    documented: ClassVar[tuple[int, str]]

    def __init__(
        self,
        status: int,
        message: str,
        request_id: str | None,
        fields: tuple[str, ...],
        headers: httpx.Headers,
        ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(status, message, request_id, fields, headers, ids)
        self.ids = ids
        self.status = status
        self.message = message
        self.request_id = request_id
        self.fields = fields
        self.headers = headers

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.message}".rstrip() + request


class BadRequest(Refusal):
    """The body was incomplete or malformed."""

    documented = 400, ""


class AuthenticationFailed(Refusal):
    """The keys, the signature, the date or the Content-MD5 were rejected."""

    documented = 401, ""

    @property
    def reason(self) -> str | None:
        """The value of X-Daas-Error, such as `date-outside-window`; None unless the signature was valid."""
        reason: str | None = self.headers.get("X-Daas-Error")
        return reason

    @property
    def clock_skew(self) -> int | None:
        """The seconds by which the request's date was ahead of the service's clock; None if the response has none."""
        try:
            return int(self.headers["X-Daas-Clock-Skew"])
        except (KeyError, ValueError):
            return None

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        skew = self.clock_skew
        if skew:
            reason += f"; the date sent is {abs(skew)} s {'ahead of' if skew > 0 else 'behind'} the service's clock"
        return super().__str__() + reason


class UseNotAuthorized(Refusal):
    """The application has no permission for the service."""

    documented = 403, "Use Not Authorized"


class UserNotAuthorized(Refusal):
    """The mailbox is unknown or suspended, or the application has no permission for it."""

    documented = 403, "User Not Authorized"


class NotAuthorized(Refusal):
    """The application has no permission for lists or contacts, or is suspended."""

    documented = 403, "Not Authorized"


class ListNotFound(Refusal):
    """The application has no such list."""

    documented = 404, "List not found"


class ContactNotFound(Refusal):
    """The list has no such contact."""

    documented = 404, "Contact not found"


class ContactExists(Refusal):
    """The list already has a contact with this address."""

    documented = 409, "Contact already exists"


class NotFound(Refusal):
    """There is no such call at this URL."""

    documented = 404, ""


class MethodNotAllowed(Refusal):
    """The URL exists, but not for this method."""

    documented = 405, ""


class BodyTooLarge(Refusal):
    """The body is larger than the service accepts."""

    documented = 413, ""


class UnsupportedMediaType(Refusal):
    """The body has an unsupported content type or coding."""

    documented = 415, ""


class MissingArguments(Refusal):
    """Required arguments are missing; `fields` names them."""

    documented = 422, "is a required field"


class InvalidArguments(Refusal):
    """Arguments have invalid values; `fields` names them."""

    documented = 422, "contains invalid input"


class MessageNotFound(Refusal):
    """The mailbox has no such message."""

    documented = 422, "Message not found"


class MessageElsewhere(Refusal):
    """The message is not in the folder from which it was to be moved."""

    documented = 409, "Message is in another folder"


class IdempotencyKeyReused(Refusal):
    """The Idempotency-Key was used for another request."""

    documented = 409, "Idempotency-Key was used for another request"


class NeverMoved(Refusal):
    """The message was never moved, so it cannot be restored."""

    documented = (422, "Message was never moved")


class TooManyRequests(Refusal):
    """The application sends more requests than the service allows."""

    documented = 429, ""


class InternalServerError(Refusal):
    """The service has a defect."""

    documented = 500, ""


class ServiceUnavailable(Refusal):
    """The service is temporarily unavailable."""

    documented = 503, ""


class UnexpectedAnswer(Refusal):
    """A response that is not documented, such as that of a proxy in between."""

    def __str__(self) -> str:
        return f"{super().__str__()}: this response is not documented"


def error_for(response: httpx.Response, documented: Sequence[type[Refusal]]) -> Refusal:
    """Return the exception for a response: the first class that matches its status and message, or UnexpectedAnswer."""
    body: dict[str, Any] = {}
    try:
        read = response.json()
        body = read if isinstance(read, dict) else {}
    except ValueError:
        pass
    status, message = response.status_code, str(body.get("message", ""))
    fields, ids = body.get("fields"), body.get("ids")
    kind = next(
        (kind for kind in documented if kind.documented[0] == status and kind.documented[1] in message),
        UnexpectedAnswer,
    )
    return kind(
        status,
        message,
        body.get("request_id", response.headers.get("X-Request-Id")),
        tuple(fields) if isinstance(fields, list) else (),
        response.headers,
        tuple(ids) if isinstance(ids, list) else (),
    )
