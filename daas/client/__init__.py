"""Calls the service as an application does: signs with `daas.signing`, sends with httpx, needs no Flask.

`DirectClient` has a method for each Direct message call, `ListsClient` one for each call for lists and contacts.
`SignatureAuth` signs what is sent by other means: by httpx, sync or async, or by requests.
"""

from .direct import DirectClient, Folder, Message, Moved, Page
from .key_file import KeyFileError, read_key_file
from .lists import Contact, ContactList, ListsClient
from .refusals import (
    AuthenticationFailed,
    BadRequest,
    BodyTooLarge,
    CallFailed,
    ContactExists,
    ContactNotFound,
    InternalServerError,
    InvalidArguments,
    ListNotFound,
    MessageNotFound,
    MethodNotAllowed,
    MissingArguments,
    NoAnswer,
    NotAuthorized,
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
    "Contact",
    "ContactExists",
    "ContactList",
    "ContactNotFound",
    "DirectClient",
    "Folder",
    "InternalServerError",
    "InvalidArguments",
    "KeyFileError",
    "ListNotFound",
    "ListsClient",
    "Message",
    "MessageNotFound",
    "MethodNotAllowed",
    "MissingArguments",
    "Moved",
    "NoAnswer",
    "NotAuthorized",
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
