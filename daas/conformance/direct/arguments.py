"""Cases about the arguments: the values of each, and the rules for all."""

from ..case import (
    MOVED,
    NO_MESSAGE,
    USER_NOT_AUTHORIZED,
    Expected,
    RequestSpec,
    invalid,
    malformed,
    missing,
    moved,
    note,
    page,
    table,
)

_NO_MAILBOX = {
    "at": "a@b",
    "address": "$mailbox@direct.example.org",
    "blank-inside": "a b",
    "dot-first": ".a",
    "dot-last": "a.",
    "two-dots": "a..b",
    "comma": "a,b",
    "quotes": '"a"',
    "brackets": "(a)",
    "backslash": "a\\b",
    "not-ascii": "%C3%A9",
    "nul": "a%00",
    "newline": "a%0Ab",
    "65-characters": "a" * 65,
}
_SOME_MAILBOX = {
    "64-characters": "a" * 64,
    "signs": "!#$$%25%26'*%2B-/%3D?^_`{|}~",
    "digits": "123",
    "dots": "a.b.c",
}
_NO_ID = {
    "zero": "0",
    "minus": "-1",
    "plus": "%2B1",
    "leading-zero": "0$id",
    "fraction": "$id.0",
    "exponent": "1e2",
    "hexadecimal": "0x1",
    "blank-inside": "1 2",
    "underscore": "1_0",
    "other-digits": "%D9%A1",
    "full-width-digits": "%EF%BC%91",
    "word": "one",
    "too-large": "9223372036854775808",
    "far-too-large": "9" * 5000,
    "nul": "$id%00",
}
_NO_FOLDER = {
    "other-name": "Trash",
    "plural": "Drafts",
    "name-and-more": "Inbox2",
    "zero": "0",
    "leading-zero": "0$folder",
    "minus": "-1",
    "fraction": "1.0",
    "too-large": "9223372036854775808",
    "dotless": "%C4%B1nbox",
}
_STANDARD = ["Inbox", "Sent", "Archived", "Draft"]

_MAILBOX = [
    (
        "upper-case",
        "a mailbox's name is accepted in any case",
        RequestSpec(body="mailbox=$MAILBOX&id=$id&folder=$folder"),
        MOVED,
    ),
    *(
        (
            id_,
            "a mailbox's name is a local part: RFC 5321's dot-atom",
            RequestSpec(body=f"mailbox={text}&id=$id&folder=$folder"),
            invalid("mailbox"),
        )
        for id_, text in _NO_MAILBOX.items()
    ),
    *(
        (
            id_,
            "every local part may name a mailbox; an unknown one is a 403",
            RequestSpec(body=f"mailbox={text}&id=$id&folder=$folder"),
            USER_NOT_AUTHORIZED,
        )
        for id_, text in _SOME_MAILBOX.items()
    ),
]

_ID = [
    *(
        (
            id_,
            "an id is a decimal integer without sign or leading zeros",
            RequestSpec(body=f"mailbox=$mailbox&id={text}&folder=$folder"),
            invalid("id"),
        )
        for id_, text in _NO_ID.items()
    ),
    (
        "greatest",
        "an id is at most 9223372036854775807",
        RequestSpec(body="mailbox=$mailbox&id=9223372036854775807&folder=$folder"),
        NO_MESSAGE,
    ),
]

_FOLDER = [
    *(
        (
            f"{name}-as-{spelled}",
            "the names of the four standard folders are accepted in any case, and returned as documented",
            RequestSpec(body=f"mailbox=$mailbox&id=$id&folder={spelled}"),
            moved(name),
        )
        for name in _STANDARD
        for spelled in (name, name.lower(), name.upper())
    ),
    ("custom", "a custom folder is named by its id", RequestSpec(), MOVED),
    *(
        (
            id_,
            "any other folder name is invalid input",
            RequestSpec(body=f"mailbox=$mailbox&id=$id&folder={text}"),
            invalid("folder"),
        )
        for id_, text in _NO_FOLDER.items()
    ),
    (
        "unknown",
        "an unknown custom folder is invalid input",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=9223372036854775807"),
        invalid("folder"),
    ),
    (
        "other-mailbox",
        "a custom folder of another mailbox is invalid input",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$closed_folder"),
        invalid("folder"),
    ),
    (
        "standard-id",
        "the id of a standard folder is invalid input",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$standard_folder"),
        invalid("folder"),
    ),
]

_ALIKE = [
    (
        "names",
        "argument names are accepted in any case",
        RequestSpec(body="MailBox=$mailbox&ID=$id&FOLDER=$folder"),
        MOVED,
    ),
    (
        "order",
        "the arguments may have any order",
        RequestSpec(body="folder=$folder&id=$id&mailbox=$mailbox"),
        MOVED,
    ),
    (
        "unknown",
        "unknown arguments are ignored",
        RequestSpec(body="colour=red&mailbox=$mailbox&id=$id&folder=$folder&colour=blue"),
        MOVED,
    ),
    (
        "query",
        "arguments are accepted only in the body",
        RequestSpec(uri="/direct/messages/move?mailbox=$mailbox&id=$id&folder=$folder", body=""),
        missing("mailbox", "id", "folder"),
    ),
    (
        "query-besides",
        "arguments are accepted only in the body",
        RequestSpec(uri="/direct/messages/move?mailbox=other&id=1&folder=Sent"),
        MOVED,
    ),
    *(
        (
            f"blanks-{id_}",
            "spaces, tabs and line ends around a value are removed",
            RequestSpec(body=f"mailbox={spaces}$mailbox{spaces}&id={spaces}$id{spaces}&folder={spaces}$folder{spaces}"),
            MOVED,
        )
        for id_, spaces in {
            "blank": "+",
            "tab": "%09",
            "newline": "%0A",
            "line-end": "%0D%0A",
            "all": "%20%09%0D%0A",
        }.items()
    ),
    (
        "other-blanks",
        "other white space is not removed",
        RequestSpec(body="mailbox=$mailbox&id=$id%C2%A0&folder=$folder"),
        invalid("id"),
    ),
    (
        "escapes",
        "percent escapes in a form are decoded",
        RequestSpec(body="%6Dailbox=$mailbox&id=$id&folder=%49nbox"),
        moved("Inbox"),
    ),
    *(
        (
            f"missing-{name}",
            "a missing required argument is an error",
            RequestSpec(body="&".join(f"{each}=${each}" for each in ("mailbox", "id", "folder") if each != name)),
            missing(name),
        )
        for name in ("mailbox", "id", "folder")
    ),
    *(
        (
            f"blank-{name}",
            "a value of only white space counts as missing",
            RequestSpec(
                body="&".join(
                    f"{each}=${each}" if each != name else f"{each}=%20%09%0D%0A"
                    for each in ("mailbox", "id", "folder")
                )
            ),
            missing(name),
        )
        for name in ("mailbox", "id", "folder")
    ),
    *(
        (
            f"repeated-{name}",
            "a repeated argument is invalid, even with the same value",
            RequestSpec(body=f"mailbox=$mailbox&id=$id&folder=$folder&{name}=${name}"),
            invalid(name),
        )
        for name in ("mailbox", "id", "folder")
    ),
    (
        "repeated-in-cases",
        "a repeated argument is invalid, even if its name is spelled differently",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&ID=$id"),
        invalid("id"),
    ),
    (
        "repeated-other",
        "neither the first nor the last of two values is used",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=Sent&folder=$folder"),
        invalid("folder"),
    ),
    (
        "repeated-blank",
        "a repeated argument is invalid, even if one value is empty",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&folder="),
        invalid("folder"),
    ),
    (
        "repeated-blanks",
        "a repeated argument counts as missing if all its values are empty",
        RequestSpec(body="mailbox=&id=$id&folder=$folder&mailbox=+"),
        missing("mailbox"),
    ),
    (
        "byte-order-mark",
        "one byte order mark before a form is ignored",
        RequestSpec(body="\xef\xbb\xbfmailbox=$mailbox&id=$id&folder=$folder"),
        MOVED,
    ),
    (
        "two-byte-order-marks",
        "only one byte order mark is ignored",
        RequestSpec(body="\xef\xbb\xbf\xef\xbb\xbfmailbox=$mailbox&id=$id&folder=$folder"),
        missing("mailbox"),
    ),
    (
        "not-utf-8",
        "a form that is not UTF-8 is rejected",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&x=%FF"),
        malformed("form-not-utf-8"),
    ),
    (
        "not-utf-8-bytes",
        "a form that is not UTF-8 is rejected",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&x=\xff"),
        malformed("form-not-utf-8"),
    ),
    (
        "not-utf-8-name",
        "a form that is not UTF-8 is rejected",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&%C3%28=1"),
        malformed("form-not-utf-8"),
    ),
    (
        "utf-8",
        "a form may contain any UTF-8",
        RequestSpec(body="mailbox=$mailbox&id=$id&folder=$folder&x=%C3%A9\xc3\xa9"),
        MOVED,
    ),
]


_SENTENCES: list[tuple[str, str, str, Expected]] = [
    (
        "missing-two",
        "missing arguments are named in the order mailbox, id, folder",
        "id=$id",
        missing("mailbox", "folder"),
    ),
    (
        "missing-all",
        "missing arguments are named in the order mailbox, id, folder",
        "",
        missing("mailbox", "id", "folder"),
    ),
    (
        "invalid-two",
        "invalid arguments are named in the order mailbox, id, folder",
        "folder=Trash&id=$id&mailbox=a@b",
        invalid("mailbox", "folder"),
    ),
    (
        "invalid-all",
        "invalid arguments are named in the order mailbox, id, folder",
        "folder=Trash&id=x&mailbox=a@b",
        invalid("mailbox", "id", "folder"),
    ),
    (
        "missing-and-invalid",
        "if any argument is missing, only missing arguments are named",
        "mailbox=a@b&id=x",
        missing("folder"),
    ),
]

CASES = [
    *table("mailbox", page("move_message#arguments"), _MAILBOX),
    *table("id", page("move_message#arguments"), _ID),
    *table("folder", page("move_message#arguments"), _FOLDER),
    *table("form", note("0004-arguments"), _ALIKE),
    *table(
        "several",
        page("errors#missing"),
        [(id_, sentence, RequestSpec(body=body), expected) for id_, sentence, body, expected in _SENTENCES],
    ),
]
