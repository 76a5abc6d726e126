"""A case of the kit: requests, and the responses that a server must send to them.

Texts may contain names of the target, as in `string.Template`: `$mailbox`, `$id`, `$folder`. A case is skipped if the
target has no value for one of its names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOVE = "/direct/messages/move/format/json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=bound"

#: The form that moves the target's message to a folder in which it is not.
GOOD = "mailbox=$mailbox&id=$id&folder=$folder"

#: A request_id that leads to a row of the log, and one of a response that may have no row.
LOGGED = "[1-9][0-9]*"
ANY_ID = "[1-9][0-9]*|[0-9a-f]{16,64}"


@dataclass(frozen=True, kw_only=True)
class Date:
    """A date that is formatted when the request is sent.

    `form` is a `str.format` text with the moment as `at` (a datetime) and as `unix` (seconds since 1970). The moment
    is `seconds` ahead of the server's clock, in a zone that is `minutes` ahead of UTC.
    """

    form: str = "{at:%a, %d %b %Y %H:%M:%S} GMT"
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """A request to Direct messages; the defaults are a valid, signed move of the target's message.

    `uri`, `date`, `content_type` and `md5` are sent as given; None omits the header. `md5` may also be a name in
    MD5_FORMS, for the body's own MD5 in that form. `body` has one character for each byte; it is padded with `&` to
    `size` bytes; None sends no body.

    `signed` replaces lines of the string to sign (method, date, md5, content_type, uri); None omits the line. They may
    contain `$date`, and `$date_as_utf_8` for the date's text, sent as Latin-1, in UTF-8. `lines`
    is the order of the lines, `joint` separates them, `end` follows the last. `encoding` is a name in ENCODINGS.

    `key` names the key pair that signs: `granted`, `refused`, `refused without Content-MD5` (the same pair, if that
    application must send Content-MD5), `unknown`, or `upper public` and `upper private` (granted's pair with one key
    in upper case). `authorization` is the header's text with `$public_key` and `$signature`.

    `headers` are sent in addition; their values may contain `$date`, `$md5`, `$authorization` and `$now`.
    `replacements` are applied to the head before it is sent. `chunks` sends the body in chunks of that many bytes;
    `framed` is sent after the head as given, with `<size>` and `<body>` replaced. `cut` omits that many bytes at the
    end and closes the sending side of the connection.
    """

    method: str = "POST"
    uri: str = MOVE
    date: Date | str | None = Date()
    date_header: str = "Date"
    content_type: str | None = FORM
    md5: str | None = None
    body: str | None = GOOD
    size: int | None = None
    signed: Mapping[str, str | None] = field(default_factory=dict)
    lines: Sequence[str] = ("method", "date", "md5", "content_type", "uri")
    joint: str = "\n"
    end: str = ""
    encoding: str = "hex"
    key: str = "granted"
    authorization: str | None = "DAAS $public_key:$signature"
    headers: Sequence[tuple[str, str]] = ()
    replacements: Sequence[tuple[str, str]] = ()
    chunks: int | None = None
    framed: str | None = None
    cut: int = 0


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The response that a request must get.

    `status` is one status, or several that are all accepted. `body` is compared byte for byte, where `$request_id`
    matches any value of the form `request_id`; `as_json` compares only names and values; None accepts any body.
    `headers` holds expected values; None says that the header must be absent. `moment` is the time that the request's
    date means, in seconds since 1970, as X-Daas-Clock-Skew shows. `folder` is the folder of the target's message after
    the request; None says that it stays where it was.
    """

    status: int | Sequence[int]
    body: str | None
    as_json: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    request_id: str = LOGGED
    moment: int | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Case:
    """A sentence of the contract, and the requests that show whether a server keeps it.

    Each step is a request specification (each API has its own class) and the expected response. `see` is the page of
    the documentation, or the note in docs/decisions, that holds the sentence. `attempts` is greater than 1 for a case
    that can fail because a clock ticks; it passes if one attempt passes.
    """

    id: str
    sentence: str
    see: str
    steps: Sequence[tuple[Any, Expected]]
    attempts: int = 1


def moved(folder: str = "$folder", *, mailbox: str = "$mailbox") -> Expected:
    """Return the expected response to a move into a folder, with the folder as the response spells it."""
    body = f'{{"request_id":"$request_id","mailbox":"{mailbox}","id":"$id","folder":"{folder}"}}'
    return Expected(status=200, body=body, folder=folder)


def error_response(status: int, message: str, **parts: object) -> Expected:
    """Return the expected error response: a request_id and a message; `parts` are more fields of Expected."""
    return Expected(status=status, body=f'{{"request_id":"$request_id","message":"{message}"}}', **parts)  # type: ignore[arg-type]


def denied(error: str | None = None, *, moment: int | None = None) -> Expected:
    """Return the expected 401; `error` is the value of X-Daas-Error, or None to accept any."""
    headers = {"WWW-Authenticate": "DAAS", **({} if error is None else {"X-Daas-Error": error})}
    return error_response(401, "Access Denied. Authentication Failed.", as_json=True, headers=headers, moment=moment)


def malformed(reason: str) -> Expected:
    """Return the expected 400 to a signed request whose body is malformed; `reason` is the value of X-Daas-Error."""
    return error_response(400, "Bad Request", headers={"X-Daas-Error": reason})


def missing(*names: str) -> Expected:
    """Return the expected 422 for missing arguments."""
    sentences = " ".join(f"'{_LABELS[name]}' is a required field." for name in names)
    return Expected(
        status=422, body=f'{{"request_id":"$request_id","fields":[{_listed(names)}],"message":"{sentences}"}}'
    )


def invalid(*names: str) -> Expected:
    """Return the expected 422 for invalid arguments."""
    sentences = ". ".join(f"'{_LABELS[name]}' contains invalid input" for name in names)
    return Expected(
        status=422, body=f'{{"request_id":"$request_id","message":"{sentences}","fields":[{_listed(names)}]}}'
    )


_LABELS = {"mailbox": "Mailbox", "id": "ID", "folder": "Folder"}

MOVED = moved()
DENIED = denied()
USE_NOT_AUTHORIZED = error_response(403, "Access Denied. Use Not Authorized.")
USER_NOT_AUTHORIZED = error_response(403, "Access Denied. User Not Authorized.")
NO_MESSAGE = error_response(422, "Message not found")
INCOMPLETE = error_response(400, "Bad Request", request_id=ANY_ID)
NOT_FOUND = error_response(404, "Not Found")
NOT_ALLOWED = error_response(405, "Method Not Allowed", headers={"Allow": "POST"})
TOO_LARGE = error_response(413, "Content Too Large")
UNSUPPORTED = error_response(415, "Unsupported Media Type", headers={"X-Daas-Error": "media-type-unsupported"})


def _listed(names: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in names)


Row = tuple[str, str, RequestSpec, Expected]


def page(name: str) -> str:
    """Return the path of a documentation page, given by name and anchor, such as `authentication#date`."""
    return f"/onboarding/documentation/{name}"


def note(name: str) -> str:
    """Return the path of a decision note, given by name, such as `0002-dates`."""
    return f"docs/decisions/{name}.md"


def table(group: str, see: str, rows: Iterable[Row]) -> list[Case]:
    """Return one case for each row: its id in the group, the sentence, the request and the expected response."""
    return [Case(f"{group}.{id_}", sentence, see, [(spec, expected)]) for id_, sentence, spec, expected in rows]
