"""Cases about the order of checks: of two errors in a request, the server reports the first."""

from dataclasses import replace

from ..case import (
    DENIED,
    INCOMPLETE,
    JSON,
    NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED,
    USE_NOT_AUTHORIZED,
    USER_NOT_AUTHORIZED,
    Case,
    RequestSpec,
    Row,
    denied,
    invalid,
    malformed,
    missing,
    page,
    table,
)

_MAX_ID = "9223372036854775807"
_MD5_OF_ANOTHER = "CY9rzUYh03PK3k6DJie09g=="
_OLD = "06/03/2013 12:13:56 EST"

_ROWS: list[Row] = [
    (
        "not-whole-404",
        "an incomplete body is reported before an unknown path",
        RequestSpec(uri="/direct/messages/copy", cut=1),
        INCOMPLETE,
    ),
    ("not-whole-405", "an incomplete body is reported before the method", RequestSpec(method="PUT", cut=1), INCOMPLETE),
    (
        "not-whole-401",
        "an incomplete body is reported before authentication",
        RequestSpec(authorization=None, cut=1),
        INCOMPLETE,
    ),
    (
        "not-whole-415",
        "an incomplete body is reported before its content type",
        RequestSpec(content_type="text/plain", cut=1),
        INCOMPLETE,
    ),
    (
        "404-405",
        "an unknown path is reported before the method",
        RequestSpec(method="PUT", uri="/direct/messages/copy"),
        NOT_FOUND,
    ),
    (
        "404-401",
        "an unknown path is reported before authentication",
        RequestSpec(uri="/direct/messages/copy", authorization=None),
        NOT_FOUND,
    ),
    (
        "405-401",
        "the method is checked before authentication",
        RequestSpec(method="PUT", authorization=None),
        NOT_ALLOWED,
    ),
    (
        "401-form-date",
        "the header's form is checked before the date",
        RequestSpec(authorization="DAAS", date=_OLD),
        DENIED,
    ),
    ("401-signature-date", "the signature is checked before the date", RequestSpec(encoding="cut", date="?"), DENIED),
    (
        "401-unreadable-md5",
        "a malformed date is reported before Content-MD5",
        RequestSpec(date="?", md5=_MD5_OF_ANOTHER),
        denied("date-unreadable"),
    ),
    (
        "401-window-md5",
        "the window is checked before Content-MD5",
        RequestSpec(date=_OLD, md5=_MD5_OF_ANOTHER),
        denied("date-outside-window"),
    ),
    (
        "401-403",
        "authentication is checked before permission for the service",
        RequestSpec(key="refused", md5="base64", encoding="cut"),
        DENIED,
    ),
    (
        "401-date-403",
        "the date is checked before permission for the service",
        RequestSpec(key="refused", md5="base64", date=_OLD),
        denied("date-outside-window"),
    ),
    (
        "401-md5-403",
        "Content-MD5 is checked before permission for the service",
        RequestSpec(key="refused", md5=_MD5_OF_ANOTHER),
        denied("content-md5-mismatch"),
    ),
    (
        "401-415",
        "authentication is checked before the content type",
        RequestSpec(encoding="cut", content_type="text/plain"),
        DENIED,
    ),
    (
        "401-400",
        "authentication is checked before the body is decoded",
        RequestSpec(encoding="cut", content_type=JSON, body="{"),
        DENIED,
    ),
    ("401-422", "authentication is checked before the arguments", RequestSpec(encoding="cut", body=""), DENIED),
    (
        "403-use-415",
        "permission for the service is checked before the content type",
        RequestSpec(key="refused", md5="base64", content_type="text/plain"),
        USE_NOT_AUTHORIZED,
    ),
    (
        "403-use-400",
        "permission for the service is checked before the body is decoded",
        RequestSpec(key="refused", md5="base64", content_type=JSON, body="{"),
        USE_NOT_AUTHORIZED,
    ),
    (
        "403-use-422",
        "permission for the service is checked before the arguments",
        RequestSpec(key="refused", md5="base64", body=""),
        USE_NOT_AUTHORIZED,
    ),
    (
        "403-use-user",
        "permission for the service is checked before the mailbox",
        RequestSpec(key="refused", md5="base64", body="mailbox=nobody-has-this&id=$id&folder=$folder"),
        USE_NOT_AUTHORIZED,
    ),
    (
        "415-400",
        "the content type is checked before the body is decoded",
        RequestSpec(content_type="text/json", body="\xff"),
        UNSUPPORTED,
    ),
    (
        "415-coding-400",
        "the content coding is checked before the body is decoded",
        RequestSpec(content_type=JSON, body="{", headers=[("Content-Encoding", "gzip")]),
        replace(UNSUPPORTED, headers={"X-Daas-Error": "coding-unsupported"}),
    ),
    (
        "400-422",
        "a malformed body is reported before its arguments",
        RequestSpec(body="id=\xff"),
        malformed("form-not-utf-8"),
    ),
    (
        "missing-invalid",
        "missing arguments are reported before invalid ones",
        RequestSpec(body="mailbox=a@b&id=x"),
        missing("folder"),
    ),
    (
        "missing-403",
        "missing arguments are reported before the mailbox",
        RequestSpec(body="mailbox=nobody-has-this&id=$id"),
        missing("folder"),
    ),
    (
        "invalid-403",
        "invalid arguments are reported before the mailbox",
        RequestSpec(body="mailbox=nobody-has-this&id=x&folder=$folder"),
        invalid("id"),
    ),
    (
        "403-folder",
        "permission for the mailbox is checked before the folder",
        RequestSpec(body=f"mailbox=nobody-has-this&id=$id&folder={_MAX_ID}"),
        USER_NOT_AUTHORIZED,
    ),
    (
        "403-message",
        "permission for the mailbox is checked before the message",
        RequestSpec(body=f"mailbox=nobody-has-this&id={_MAX_ID}&folder=$folder"),
        USER_NOT_AUTHORIZED,
    ),
    (
        "folder-message",
        "the folder is checked before the message",
        RequestSpec(body=f"mailbox=$mailbox&id={_MAX_ID}&folder={_MAX_ID}"),
        invalid("folder"),
    ),
]


def too_large(max_bytes: int) -> list[Case]:
    """Return the cases about a body that is too large; `max_bytes` is a setting of the server."""
    rows = [
        (
            "not-whole-413",
            "an incomplete body is reported before its size",
            RequestSpec(size=max_bytes + 2, cut=1),
            INCOMPLETE,
        ),
        (
            "404-413",
            "an unknown path is reported before the size",
            RequestSpec(uri="/direct/messages/copy", size=max_bytes + 1),
            NOT_FOUND,
        ),
        (
            "405-413",
            "the method is checked before the size",
            RequestSpec(method="PUT", size=max_bytes + 1),
            NOT_ALLOWED,
        ),
        (
            "413-401",
            "the size is checked before authentication",
            RequestSpec(authorization=None, size=max_bytes + 1),
            TOO_LARGE,
        ),
        (
            "413-415",
            "the size is checked before the content type",
            RequestSpec(content_type="text/plain", size=max_bytes + 1),
            TOO_LARGE,
        ),
    ]
    return table("order", page("errors#order"), rows)


CASES = table("order", page("errors#order"), _ROWS)
