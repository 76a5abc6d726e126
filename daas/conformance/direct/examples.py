"""One request for each answer that can be provoked with any HTTP client: cases of the tables, written out."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..judge import describe
from ..request import NotOnStage, write
from ..stage import Stage
from ..wire import Server
from . import cases

# What a client cannot be made to send, such as a body that is cut short, is for the kit alone.
_IDS = [
    "answer.moved",
    "signature.raw",
    "md5.base64",
    "content-type.json",
    "folder.Archived-as-Archived",
    "string.get.left-out",
    "answer.unreadable",
    "answer.denied",
    "key.unknown",
    "authorization.missing",
    "date.header.missing",
    "date.refused.time-alone",
    "date.refused.no-zone-documented",
    "date.zone.EST-meant-EDT",
    "date.window.past",
    "md5.wrong",
    "md5.required",
    "answer.use",
    "mailbox.unknown",
    "mailbox.closed",
    "mailbox.suspended",
    "answer.not-found",
    "answer.not-allowed",
    "answer.too-large",
    "answer.unsupported",
    "coding.content-gzip",
    "answer.missing",
    "several.missing-two",
    "answer.invalid",
    "several.invalid-two",
    "folder.unknown",
    "answer.no-message",
    "mailbox.other-message",
]

_NEED_WINDOW = {"date.zone.EST-meant-EDT", "date.window.past"}

# What every client writes by itself.
_OWN_HEADERS = {"Host", "Connection", "Content-Length"}


@dataclass(frozen=True)
class Example:
    """A request, signed, and the answer it gets; `answer_headers` are those that say more."""

    case: str
    sentence: str
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
    for case in map(by_id.__getitem__, _IDS):
        if case.id in _NEED_WINDOW and not stage.compares_dates:
            continue
        ((ask, expected),) = case.steps
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
            case.id,
            case.sentence,
            method,
            target,
            {name: value for name, value in headers.items() if name not in _OWN_HEADERS},
            body.decode(),
            int(answer.partition("\n")[0]),
            {name: value for name, value in expected.headers.items() if value is not None},
            None if expected.body is None else answer.rpartition("\n")[2],
        )
