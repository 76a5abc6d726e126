"""What can come of a call instead of success: one class for each documented answer."""

from collections.abc import Sequence
from typing import Any, ClassVar

import httpx


class CallFailed(Exception):
    """A call that did not succeed."""


class NoAnswer(CallFailed):
    """The service could not be reached, or the connection was lost; a call may have been carried out all the same."""


class Refusal(CallFailed):
    """An answer other than success.

    `status` is the HTTP status, which answers for lists and contacts name `code`, `message` the answer's sentence
    (blank if it has none), `request_id` what leads to the row of the service's log (None if the answer has none),
    `fields` the names of the arguments at fault, `headers` the answer's.
    """

    #: The status and a part of the sentence by which an answer is told to be of this class.
    documented: ClassVar[tuple[int, str]]

    def __init__(
        self, status: int, message: str, request_id: str | None, fields: tuple[str, ...], headers: httpx.Headers
    ) -> None:
        super().__init__(status, message, request_id, fields, headers)
        self.status = status
        self.message = message
        self.request_id = request_id
        self.fields = fields
        self.headers = headers

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.message}".rstrip() + request


class BadRequest(Refusal):
    """The body did not arrive whole, or is not what its content type says."""

    documented = 400, ""


class AuthenticationFailed(Refusal):
    """The keys, the signature, the date or the Content-MD5 do not hold."""

    documented = 401, ""

    @property
    def reason(self) -> str | None:
        """What was wrong, where the signature was good: X-Daas-Error, such as `date-outside-window`."""
        reason: str | None = self.headers.get("X-Daas-Error")
        return reason

    @property
    def clock_skew(self) -> int | None:
        """The seconds by which the date that was sent is ahead of the service's clock; None if it does not say."""
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
    """This application may not use this call."""

    documented = 403, "Use Not Authorized"


class UserNotAuthorized(Refusal):
    """The mailbox is unknown, suspended or not open to this application."""

    documented = 403, "User Not Authorized"


class NotAuthorized(Refusal):
    """This application may not use this call for lists and contacts, or is suspended."""

    documented = 403, "Not Authorized"


class ListNotFound(Refusal):
    """The application has no such list."""

    documented = 404, "List not found"


class ContactNotFound(Refusal):
    """The list has no such contact."""

    documented = 404, "Contact not found"


class ContactExists(Refusal):
    """The list has a contact with this address already."""

    documented = 409, "Contact already exists"


class NotFound(Refusal):
    """There is no such call at this URL."""

    documented = 404, ""


class MethodNotAllowed(Refusal):
    """The URL exists, but not for this method."""

    documented = 405, ""


class BodyTooLarge(Refusal):
    """The body is larger than the service takes."""

    documented = 413, ""


class UnsupportedMediaType(Refusal):
    """The body has a type or a coding that the service does not read."""

    documented = 415, ""


class MissingArguments(Refusal):
    """Required arguments are missing; `fields` names them."""

    documented = 422, "is a required field"


class InvalidArguments(Refusal):
    """Arguments have values that cannot be meant; `fields` names them."""

    documented = 422, "contains invalid input"


class MessageNotFound(Refusal):
    """There is no such message in this mailbox."""

    documented = 422, "Message not found"


class TooManyRequests(Refusal):
    """The application asks more often than the service allows."""

    documented = 429, ""


class InternalServerError(Refusal):
    """A defect of the service."""

    documented = 500, ""


class ServiceUnavailable(Refusal):
    """The service cannot answer now."""

    documented = 503, ""


class UnexpectedAnswer(Refusal):
    """An answer that is not documented, such as that of another server on the way."""

    def __str__(self) -> str:
        return f"{super().__str__()}: this answer is not documented"


def refusal_of(response: httpx.Response, documented: Sequence[type[Refusal]]) -> Refusal:
    """Give the exception for an answer: the first of the documented classes that it fits, or UnexpectedAnswer."""
    body: dict[str, Any] = {}
    try:
        read = response.json()
        body = read if isinstance(read, dict) else {}
    except ValueError:
        pass
    status, message = response.status_code, str(body.get("message", ""))
    fields = body.get("fields")
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
    )
