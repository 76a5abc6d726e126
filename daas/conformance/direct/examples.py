"""One request for each answer that can be provoked with any HTTP client: cases of the tables, written out."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..judge import describe
from ..request import NotOnStage, write
from ..stage import Stage
from ..wire import Server
from . import cases

# The cases, and what each is for those who try them one by one. What a client cannot be made to send, such as a body
# that is cut short, is for the kit alone.
_TITLES = {
    "answer.moved": "a move",
    "signature.raw": "a move, its hash signed as base64 of the raw bytes",
    "md5.base64": "a move with Content-MD5",
    "content-type.json": "a move in JSON",
    "folder.Archived-as-Archived": "a move to a standard folder",
    "string.get.left-out": "the custom folders",
    "answer.unreadable": "JSON that cannot be read",
    "answer.denied": "a wrong signature",
    "key.unknown": "an unknown public key",
    "authorization.missing": "no Authorization",
    "date.header.missing": "no date",
    "date.refused.time-alone": "a date that cannot be read",
    "date.refused.no-zone-documented": "a date without a zone",
    "date.zone.EST-meant-EDT": "EST where the clock shows EDT",
    "date.window.past": "a date of before the window",
    "md5.wrong": "the Content-MD5 of another body",
    "md5.required": "no Content-MD5, by an application that must send it",
    "answer.use": "an application that may not use the service",
    "mailbox.unknown": "an unknown mailbox",
    "mailbox.closed": "a mailbox that is not open to the application",
    "mailbox.suspended": "a suspended mailbox",
    "answer.not-found": "a path that is not there",
    "answer.not-allowed": "a method that the call does not have",
    "answer.too-large": "a body that is too large",
    "answer.unsupported": "a content type that is not read",
    "coding.content-gzip": "a content coding",
    "answer.missing": "a missing argument",
    "several.missing-two": "two missing arguments",
    "answer.invalid": "an invalid argument",
    "several.invalid-two": "two invalid arguments",
    "folder.unknown": "a folder that is not there",
    "answer.no-message": "a message that is not there",
    "mailbox.other-message": "a message of another mailbox",
}

_NEED_WINDOW = {"date.zone.EST-meant-EDT", "date.window.past"}

# What every client writes by itself.
_OWN_HEADERS = {"Host", "Connection", "Content-Length"}


@dataclass(frozen=True)
class Example:
    """A request, signed, and the answer it gets; `answer_headers` are those that say more."""

    case: str
    title: str
    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer: str | None


def examples(stage: Stage, server: Server) -> Iterator[Example]:
    """Give the examples for a stage whose message lies in its Inbox, signed now; those that need more are left out."""
    now = time.time()
    by_id = {case.id: case for case in cases(stage)}
    for id_, title in _TITLES.items():
        if id_ in _NEED_WINDOW and not stage.compares_dates:
            continue
        ((ask, expected),) = by_id[id_].steps
        names = {**stage.names(), "folder": stage.folders[0], "here": "Inbox"}
        try:
            head, _, body = write(ask, stage, names, server.host, now).data.partition(b"\r\n\r\n")
            answer = describe(expected, names)
        except NotOnStage:
            continue
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        yield Example(
            id_,
            title,
            method,
            target,
            {name: value for name, value in headers.items() if name not in _OWN_HEADERS},
            body.decode(),
            int(answer.partition("\n")[0]),
            {name: value for name, value in expected.headers.items() if value is not None},
            None if expected.body is None else answer.rpartition("\n")[2],
        )
