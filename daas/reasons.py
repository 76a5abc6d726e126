"""The reasons in the request log: why each request was answered as it was."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason, as the log and the metrics have it, with a sentence that explains it."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> "Reason":
        """Return a member with a value and its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Success
    MOVED = "moved", "The message was moved."
    BATCH = "batch", "The messages of a batch were moved; each has a row of its own, with the reason moved."
    DRY_RUN = "dry-run", "A dry run: the move would have succeeded, and nothing was moved."
    RESTORED = "restored", "The message was moved back to its previous folder."
    REPLAYED = "replayed", "The request repeated an earlier one with its Idempotency-Key: nothing was done again."
    DELIVERED = "delivered", "Mail arrived and was stored."
    DELIVERED_BEFORE = (
        "delivered-before",
        "Mail arrived that the mailbox already had, byte for byte: the message keeps its id and folder.",
    )
    LISTED = "listed", "Folders, messages, moves, requests, lists or contacts were listed."
    READ = "read", "A message, one of its parts or its bytes were read."
    SHOWN = "shown", "A contact was shown."
    LIST_CREATED = "list-created", "A list was created."
    LIST_RENAMED = "list-renamed", "A list was renamed."
    LIST_REMOVED = "list-removed", "A list was removed with its contacts."
    CONTACT_ADDED = "contact-added", "A contact was added."
    CONTACT_UPDATED = "contact-updated", "A contact was changed."
    CONTACT_REMOVED = "contact-removed", "A contact was removed."

    # Before authentication
    PLAIN_HTTP = "plain-http", "The request came from another machine over plain HTTP."
    BODY_CUT_SHORT = "body-cut-short", "The body ended before its Content-Length."
    BODY_BROKEN = "body-broken", "The chunks of the body are malformed or unfinished."
    CONTENT_LENGTH_MALFORMED = "content-length-malformed", "The Content-Length is not a decimal number."
    TARGET_WITH_FRAGMENT = "target-with-fragment", "The request line holds a #, which no request may."
    PATH_UNKNOWN = "path-unknown", "No call has this path."
    METHOD_NOT_ALLOWED = "method-not-allowed", "The call exists, but not with this HTTP method."
    BODY_TOO_LARGE = "body-too-large", "The body is larger than the service accepts."
    NOT_A_MONITOR = "not-a-monitor", "The address is not one of DAAS_MONITORS."
    TOO_MANY_FAILURES = (
        "too-many-failures",
        "Too many requests from this address failed authentication or named no call.",
    )
    TOO_MANY_REQUESTS = "too-many-requests", "The application sent more requests than its rate limit allows."

    # Authentication
    AUTHORIZATION_MISSING = "authorization-missing", "There is no Authorization header."
    AUTHORIZATION_MALFORMED = "authorization-malformed", "The Authorization header does not have the documented form."
    UNKNOWN_PUBLIC_KEY = "unknown-public-key", "No application has this public key."
    SIGNATURE_MISMATCH = "signature-mismatch", "The signature does not fit the request."
    KEY_REVOKED = "key-revoked", "The key was revoked."
    KEY_EXPIRED = "key-expired", "The key has expired."
    PRIVATE_KEY_UNDECRYPTABLE = (
        "private-key-undecryptable",
        "The stored private key cannot be decrypted with DAAS_ENCRYPTION_KEYS.",
    )
    DATE_MISSING = "date-missing", "Neither Date nor X-Daas-Date was sent."
    DATE_REPEATED = "date-repeated", "A date header was sent more than once."
    DATE_UNREADABLE = "date-unreadable", "The date has none of the accepted formats."
    DATE_WITHOUT_ZONE = "date-without-zone", "The date has no time zone."
    DATE_ZONE_UNKNOWN = "date-zone-unknown", "The date has a time zone that is not known."
    DATE_ZONE_NAME = "date-zone-name", "The date fits with the zone's other half: EST for EDT, or EDT for EST."
    DATE_OUTSIDE_WINDOW = "date-outside-window", "The date is too far from the server's clock."
    CONTENT_TYPE_MISSING = "content-type-missing", "There is no Content-Type, which the signature covers."
    CONTENT_MD5_MISMATCH = "content-md5-mismatch", "The Content-MD5 does not fit the body."
    CONTENT_MD5_REQUIRED = "content-md5-required", "The application must send Content-MD5, and did not."

    # Authorization
    APPLICATION_SUSPENDED = "application-suspended", "The application is suspended."
    SERVICE_NOT_GRANTED = "service-not-granted", "The application is not granted this service."
    NETWORK_NOT_ALLOWED = "network-not-allowed", "The application may not send requests from this address."
    APPLICATION_REMOVED = "application-removed", "The application was removed while its request was under way."
    MAILBOX_UNKNOWN = "mailbox-unknown", "There is no such mailbox."
    MAILBOX_SUSPENDED = "mailbox-suspended", "The mailbox is suspended."
    MAILBOX_NOT_GRANTED = "mailbox-not-granted", "The application is not granted this mailbox."

    # Arguments
    MEDIA_TYPE_UNSUPPORTED = "media-type-unsupported", "The body has a Content-Type that is not accepted."
    CODING_UNSUPPORTED = "coding-unsupported", "The body has a content coding or transfer coding that is not accepted."
    FORM_NOT_UTF_8 = "form-not-utf-8", "The form is not UTF-8."
    PATH_NOT_UTF_8 = "path-not-utf-8", "The path is not UTF-8."
    JSON_UNREADABLE = "json-unreadable", "The body is not JSON."
    JSON_NO_OBJECT = "json-no-object", "The body is JSON, but not an object."
    JSON_TOO_DEEP = "json-too-deep", "The JSON body is nested too deep."
    MULTIPART_UNREADABLE = "multipart-unreadable", "The multipart body is malformed."
    MULTIPART_DELIMITERS = (
        "multipart-delimiters",
        "The multipart body does not begin and end with the delimiters of its boundary.",
    )
    TOO_MANY_ARGUMENTS = "too-many-arguments", "The request has more arguments than are read."
    IDEMPOTENCY_KEY = (
        "idempotency-key",
        "The Idempotency-Key was sent twice, or is not 1 to 128 visible ASCII characters.",
    )
    ARGUMENT_MISSING = "argument-missing", "A required argument is missing."
    ARGUMENT_INVALID = "argument-invalid", "An argument has an invalid value."
    FOLDER_NOT_FOUND = "folder-not-found", "The mailbox has no such folder."
    MESSAGE_NOT_FOUND = "message-not-found", "The mailbox has no such message."
    MESSAGE_ELSEWHERE = "message-elsewhere", "The message is in another folder than the request says."
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency-key-reused",
        "The application has used the Idempotency-Key for another request.",
    )
    PART_NOT_FOUND = "part-not-found", "The message has no such part."
    NEVER_MOVED = "never-moved", "The message was never moved, so it has no previous folder."
    LIST_NOT_FOUND = "list-not-found", "The application has no such list."
    CONTACT_NOT_FOUND = "contact-not-found", "The list has no such contact."
    CONTACT_EXISTS = "contact-exists", "The list has a contact with this address."

    # Mail that arrives
    DOMAIN_UNKNOWN = "domain-unknown", "The recipient's address is not of DAAS_CLINICAL_DOMAIN."
    MESSAGE_TOO_LARGE = "message-too-large", "The message is larger than DAAS_MAX_MESSAGE_BYTES."
    NOT_A_MESSAGE = "not-a-message", "The bytes that arrived are no mail: they have no mail header."
    DISK_FULL = "disk-full", "The disk of the database, or of mail that is arriving, is full."

    # The service's own trouble
    DATABASE_UNAVAILABLE = "database-unavailable", "The database is away, locked or full."
    SEARCH_BUSY = "search-busy", "Two searches for text of the application were running already."
    SEARCH_TIMEOUT = "search-timeout", "The search for a text took too long."
    UNEXPECTED_ERROR = "fault", "An error of the service itself."


#: The reasons of requests without a valid signature, or possibly without one. All other requests whose row in the log
#: names an application were signed by it.
WITHOUT_SIGNATURE = frozenset(
    {
        Reason.PLAIN_HTTP,
        Reason.BODY_CUT_SHORT,
        Reason.BODY_BROKEN,
        Reason.CONTENT_LENGTH_MALFORMED,
        Reason.TARGET_WITH_FRAGMENT,
        Reason.PATH_UNKNOWN,
        Reason.METHOD_NOT_ALLOWED,
        Reason.BODY_TOO_LARGE,
        Reason.NOT_A_MONITOR,
        Reason.TOO_MANY_FAILURES,
        Reason.AUTHORIZATION_MISSING,
        Reason.AUTHORIZATION_MALFORMED,
        Reason.UNKNOWN_PUBLIC_KEY,
        Reason.SIGNATURE_MISMATCH,
        Reason.KEY_REVOKED,
        Reason.KEY_EXPIRED,
        Reason.PRIVATE_KEY_UNDECRYPTABLE,
        # These are logged whether the signature is valid or not.
        Reason.DATE_MISSING,
        Reason.DATE_REPEATED,
        Reason.CONTENT_TYPE_MISSING,
        Reason.DATABASE_UNAVAILABLE,
        Reason.UNEXPECTED_ERROR,
    }
)

#: The reasons that applications must not tell apart, and what they are shown instead.
CONFIDENTIAL = frozenset({Reason.MAILBOX_UNKNOWN, Reason.MAILBOX_SUSPENDED, Reason.MAILBOX_NOT_GRANTED})
USER_NOT_AUTHORIZED = "user-not-authorized"
