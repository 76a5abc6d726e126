"""Calls the service as an application does: signs with `daas.signing`, sends with httpx, needs no Flask.

`DirectClient` has a method for each Direct message call. `SignatureAuth` signs what is sent by other means:
by httpx, sync or async, or by requests.
"""

from .direct import DirectClient, Folder, Message, Moved, Page
from .key_file import KeyFileError, read_key_file
from .refusals import (
    AuthenticationFailed,
    BadRequest,
    BodyTooLarge,
    CallFailed,
    InternalServerError,
    InvalidArguments,
    MessageNotFound,
    MethodNotAllowed,
    MissingArguments,
    NoAnswer,
    NotFound,
    Refusal,
    ServiceUnavailable,
    TooManyRequests,
    UnexpectedAnswer,
    UnsupportedMediaType,
    UseNotAuthorized,
    UserNotAuthorized,
)
from .service import DEFAULT_URL, Retries
from .signature import SignatureAuth

__all__ = [
    "DEFAULT_URL",
    "AuthenticationFailed",
    "BadRequest",
    "BodyTooLarge",
    "CallFailed",
    "DirectClient",
    "Folder",
    "InternalServerError",
    "InvalidArguments",
    "KeyFileError",
    "Message",
    "MessageNotFound",
    "MethodNotAllowed",
    "MissingArguments",
    "Moved",
    "NoAnswer",
    "NotFound",
    "Page",
    "Refusal",
    "Retries",
    "ServiceUnavailable",
    "SignatureAuth",
    "TooManyRequests",
    "UnexpectedAnswer",
    "UnsupportedMediaType",
    "UseNotAuthorized",
    "UserNotAuthorized",
    "read_key_file",
]
