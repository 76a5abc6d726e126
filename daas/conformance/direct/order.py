"""The order of checks: a request that has two faults is told the first."""

from ..case import (
    DENIED,
    JSON,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_WHOLE,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    USE,
    USER,
    Ask,
    Case,
    Row,
    denied,
    invalid,
    missing,
    page,
    table,
)

_GREATEST = "9223372036854775807"
_MD5_OF_ANOTHER = "CY9rzUYh03PK3k6DJie09g=="
_OLD = "06/03/2013 12:13:56 EST"

_ROWS: list[Row] = [
    (
        "not-whole-404",
        "a body that is not whole comes before a path that is not there",
        Ask(target="/direct/messages/copy", cut=1),
        NOT_WHOLE,
    ),
    ("not-whole-405", "a body that is not whole comes before a method", Ask(method="PUT", cut=1), NOT_WHOLE),
    (
        "not-whole-401",
        "a body that is not whole comes before authentication",
        Ask(authorization=None, cut=1),
        NOT_WHOLE,
    ),
    (
        "not-whole-415",
        "a body that is not whole comes before its type",
        Ask(content_type="text/plain", cut=1),
        NOT_WHOLE,
    ),
    (
        "404-405",
        "a path that is not there comes before a method",
        Ask(method="PUT", target="/direct/messages/copy"),
        NOT_FOUND,
    ),
    (
        "404-401",
        "a path that is not there comes before authentication",
        Ask(target="/direct/messages/copy", authorization=None),
        NOT_FOUND,
    ),
    ("405-401", "a method comes before authentication", Ask(method="PUT", authorization=None), NOT_ALLOWED),
    ("401-form-date", "the header's form comes before the date", Ask(authorization="DAAS", date=_OLD), DENIED),
    ("401-signature-date", "the signature comes before the date", Ask(encoding="cut", date="?"), DENIED),
    (
        "401-unreadable-md5",
        "an unreadable date comes before Content-MD5",
        Ask(date="?", md5=_MD5_OF_ANOTHER),
        denied("date-unreadable"),
    ),
    (
        "401-window-md5",
        "the window comes before Content-MD5",
        Ask(date=_OLD, md5=_MD5_OF_ANOTHER),
        denied("date-outside-window"),
    ),
    ("401-403", "authentication comes before the use", Ask(key="refused", md5="base64", encoding="cut"), DENIED),
    (
        "401-date-403",
        "the date comes before the use",
        Ask(key="refused", md5="base64", date=_OLD),
        denied("date-outside-window"),
    ),
    (
        "401-md5-403",
        "Content-MD5 comes before the use",
        Ask(key="refused", md5=_MD5_OF_ANOTHER),
        denied("content-md5-mismatch"),
    ),
    ("401-415", "authentication comes before the type", Ask(encoding="cut", content_type="text/plain"), DENIED),
    (
        "401-400",
        "authentication comes before the reading of the body",
        Ask(encoding="cut", content_type=JSON, body="{"),
        DENIED,
    ),
    ("401-422", "authentication comes before the arguments", Ask(encoding="cut", body=""), DENIED),
    ("403-use-415", "the use comes before the type", Ask(key="refused", md5="base64", content_type="text/plain"), USE),
    (
        "403-use-400",
        "the use comes before the reading of the body",
        Ask(key="refused", md5="base64", content_type=JSON, body="{"),
        USE,
    ),
    ("403-use-422", "the use comes before the arguments", Ask(key="refused", md5="base64", body=""), USE),
    (
        "403-use-user",
        "the use comes before the mailbox",
        Ask(key="refused", md5="base64", body="mailbox=nobody-has-this&id=$id&folder=$folder"),
        USE,
    ),
    (
        "415-400",
        "the type comes before the reading of the body",
        Ask(content_type="text/json", body="\xff"),
        UNSUPPORTED,
    ),
    (
        "415-coding-400",
        "the coding comes before the reading of the body",
        Ask(content_type=JSON, body="{", headers=[("Content-Encoding", "gzip")]),
        UNSUPPORTED,
    ),
    ("400-422", "the reading of the body comes before its arguments", Ask(body="id=\xff"), UNREADABLE),
    ("missing-invalid", "missing arguments come before invalid ones", Ask(body="mailbox=a@b&id=x"), missing("folder")),
    (
        "missing-403",
        "missing arguments come before the mailbox",
        Ask(body="mailbox=nobody-has-this&id=$id"),
        missing("folder"),
    ),
    (
        "invalid-403",
        "invalid arguments come before the mailbox",
        Ask(body="mailbox=nobody-has-this&id=x&folder=$folder"),
        invalid("id"),
    ),
    (
        "403-folder",
        "the mailbox comes before its folder",
        Ask(body=f"mailbox=nobody-has-this&id=$id&folder={_GREATEST}"),
        USER,
    ),
    (
        "403-message",
        "the mailbox comes before its message",
        Ask(body=f"mailbox=nobody-has-this&id={_GREATEST}&folder=$folder"),
        USER,
    ),
    (
        "folder-message",
        "the folder comes before the message",
        Ask(body=f"mailbox=$mailbox&id={_GREATEST}&folder={_GREATEST}"),
        invalid("folder"),
    ),
]


def too_large(most: int) -> list[Case]:
    """Make the cases about a body that is larger than a setting of the server allows."""
    rows = [
        ("not-whole-413", "a body that is not whole comes before its size", Ask(size=most + 2, cut=1), NOT_WHOLE),
        (
            "404-413",
            "a path that is not there comes before the size",
            Ask(target="/direct/messages/copy", size=most + 1),
            NOT_FOUND,
        ),
        ("405-413", "a method comes before the size", Ask(method="PUT", size=most + 1), NOT_ALLOWED),
        ("413-401", "the size comes before authentication", Ask(authorization=None, size=most + 1), TOO_LARGE),
        ("413-415", "the size comes before the type", Ask(content_type="text/plain", size=most + 1), TOO_LARGE),
    ]
    return table("order", page("errors#order"), rows)


CASES = table("order", page("errors#order"), _ROWS)
