"""What a case is: requests, each a good one but for what is named, and the answers that they must get.

Texts may hold names of the stage, as `string.Template` has them: `$mailbox`, `$id`, `$folder`. A case whose stage lacks
one of its names is skipped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOVE = "/direct/messages/move/format/json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=bound"

#: The form that moves the stage's message to a folder in which it does not lie.
GOOD = "mailbox=$mailbox&id=$id&folder=$folder"

#: A request_id that leads to a row of the log, and one of an answer that may have none.
LOGGED = "[1-9][0-9]*"
ANY_ID = "[1-9][0-9]*|[0-9a-f]{16,64}"


@dataclass(frozen=True, kw_only=True)
class Date:
    """A date that is written when it is sent.

    `form` is a format of Python's, with the moment as `at` and as `unix` seconds. The moment is `seconds` ahead of
    the server's clock and written in a zone that is `minutes` ahead of UTC.
    """

    form: str = "{at:%a, %d %b %Y %H:%M:%S} GMT"
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request: a good, signed move of the stage's message, but for what is named.

    `target`, `date`, `content_type` and `md5` are sent as they are given; None sends no such header. `md5` may also be
    the name of a form of the body's own, of MD5_FORMS. `body` has one character for each byte, None is no body; it is
    filled up with `&` to `size` bytes.

    `signed` replaces what is signed: method, date, md5, content_type or uri; None leaves the line out. `lines` is the
    order of the lines, joined by `joint`, with `end` behind the last. `encoding` is one of ENCODINGS.

    `key` says who signs: `granted`, `refused`, which may also be `held to Content-MD5`, `unknown`, or `upper public`
    and `upper private`, which are granted's with that key in upper case.
    `authorization` is written of `$public_key` and `$signature`.

    `headers` are sent beside the others; they may repeat `$date`, `$md5` and `$authorization`, or say `$now`. `spoil`
    replaces texts of the head as it goes over the wire. `chunks` sends the body in chunks of that size; `framed` sends
    a text of `<size>` and `<body>` behind the head as it is. `cut` leaves so many bytes off the end and says that no
    more will come.
    """

    method: str = "POST"
    target: str = MOVE
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
    spoil: Sequence[tuple[str, str]] = ()
    chunks: int | None = None
    framed: str | None = None
    cut: int = 0


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The answer that a request must get.

    `status` is one or several that will do. `body` is compared byte for byte, with `$request_id` for one that fits
    `request_id`; `as_json` compares names and values alone. A header is given by its value, by None if it must be
    absent. `moment` is what the request's date is understood as, in seconds since 1970, as X-Daas-Clock-Skew tells.
    `folder` is where the stage's message lies then; None is where it lay before.
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
    """A sentence of the contract and what shows whether a server keeps it.

    A request is an Ask, or what another API has for one. `see` is where the sentence is written: a page of the
    documentation, or a note in docs/decisions. `attempts` is how often a case is tried that the tick of a clock can
    spoil; one that passes is enough.
    """

    id: str
    sentence: str
    see: str
    steps: Sequence[tuple[Any, Expected]]
    attempts: int = 1


def moved(folder: str = "$folder", *, mailbox: str = "$mailbox") -> Expected:
    """Expect a move to a folder, given as it is understood."""
    body = f'{{"request_id":"$request_id","mailbox":"{mailbox}","id":"$id","folder":"{folder}"}}'
    return Expected(status=200, body=body, folder=folder)


def refused(status: int, message: str, **parts: object) -> Expected:
    """Expect a refusal that has a message and nothing more."""
    return Expected(status=status, body=f'{{"request_id":"$request_id","message":"{message}"}}', **parts)  # type: ignore[arg-type]


def denied(error: str | None = None, *, moment: int | None = None) -> Expected:
    """Expect a 401; `error` is what X-Daas-Error says, if that is to be looked at."""
    headers = {"WWW-Authenticate": "DAAS", **({} if error is None else {"X-Daas-Error": error})}
    return refused(401, "Access Denied. Authentication Failed.", as_json=True, headers=headers, moment=moment)


def missing(*names: str) -> Expected:
    """Expect a 422 for arguments that are missing."""
    sentences = " ".join(f"'{_LABELS[name]}' is a required field." for name in names)
    return Expected(
        status=422, body=f'{{"request_id":"$request_id","fields":[{_listed(names)}],"message":"{sentences}"}}'
    )


def invalid(*names: str) -> Expected:
    """Expect a 422 for arguments that are invalid."""
    sentences = ". ".join(f"'{_LABELS[name]}' contains invalid input" for name in names)
    return Expected(
        status=422, body=f'{{"request_id":"$request_id","message":"{sentences}","fields":[{_listed(names)}]}}'
    )


_LABELS = {"mailbox": "Mailbox", "id": "ID", "folder": "Folder"}

MOVED = moved()
DENIED = denied()
USE = refused(403, "Access Denied. Use Not Authorized.")
USER = refused(403, "Access Denied. User Not Authorized.")
NO_MESSAGE = refused(422, "Message not found")
NOT_WHOLE = refused(400, "Bad Request", request_id=ANY_ID)
UNREADABLE = refused(400, "Bad Request")
NOT_FOUND = refused(404, "Not Found")
NOT_ALLOWED = refused(405, "Method Not Allowed", headers={"Allow": "POST"})
TOO_LARGE = refused(413, "Content Too Large")
UNSUPPORTED = refused(415, "Unsupported Media Type")


def _listed(names: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in names)


Row = tuple[str, str, Ask, Expected]


def page(name: str) -> str:
    """Give where a page of the documentation is, by its name and place, such as `authentication#date`."""
    return f"/onboarding/documentation/{name}"


def note(name: str) -> str:
    """Give where a decision note is, by its name, such as `0002-dates`."""
    return f"docs/decisions/{name}.md"


def table(group: str, see: str, rows: Iterable[Row]) -> list[Case]:
    """Make a case of one request of each row: its id in the group, the sentence, the request and the answer."""
    return [Case(f"{group}.{id_}", sentence, see, [(ask, expected)]) for id_, sentence, ask, expected in rows]
