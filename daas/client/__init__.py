"""Client library: sign requests with `daas.signing` and send them with httpx; Flask is not needed.

`DirectClient` has a method for each call of the Direct messages API, `ListsClient` for each call of the lists and
contacts API. `SignatureAuth` signs requests that other code sends with httpx (sync or async) or requests.
"""

from .direct import Contents, DirectClient, Folder, Message, Moved, MovedMany, Page, Part
from .errors import (
    AuthenticationFailed,
    BadRequest,
    BodyTooLarge,
    CallFailed,
    ContactExists,
    ContactNotFound,
    IdempotencyKeyReused,
    InternalServerError,
    InvalidArguments,
    ListNotFound,
    MessageElsewhere,
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
from .key_file import KeyFileError, read_key_file
from .lists import Contact, ContactList, ListsClient
from .service import DEFAULT_URL, Retries, Saved
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
    "Contents",
    "DirectClient",
    "Folder",
    "IdempotencyKeyReused",
    "InternalServerError",
    "InvalidArguments",
    "KeyFileError",
    "ListNotFound",
    "ListsClient",
    "Message",
    "MessageElsewhere",
    "MessageNotFound",
    "MethodNotAllowed",
    "MissingArguments",
    "Moved",
    "MovedMany",
    "NoAnswer",
    "NotAuthorized",
    "NotFound",
    "Page",
    "Part",
    "Refusal",
    "Retries",
    "Saved",
    "ServiceUnavailable",
    "SignatureAuth",
    "TooManyRequests",
    "UnexpectedAnswer",
    "UnsupportedMediaType",
    "UseNotAuthorized",
    "UserNotAuthorized",
    "read_key_file",
]
