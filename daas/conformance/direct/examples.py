"""One signed request for each response that any HTTP client can provoke, taken from the cases."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..compare import describe
from ..raw_http import Server
from ..request import MissingFromTarget, build_request
from ..target import Target
from . import cases

# The cases, and their titles for people who try them one by one. What an ordinary client cannot send, such as a body
# that is cut short, only the kit sends.
_TITLES = {
    "answer.moved": "a move",
    "signature.raw": "a move, with the hash as base64 of its raw bytes",
    "md5.base64": "a move with Content-MD5",
    "content-type.json": "a move in JSON",
    "folder.Archived-as-Archived": "a move to a standard folder",
    "string.get.left-out": "a list of the custom folders",
    "answer.unreadable": "malformed JSON",
    "answer.denied": "a wrong signature",
    "key.unknown": "an unknown public key",
    "authorization.missing": "no Authorization header",
    "date.header.missing": "no date",
    "date.refused.time-alone": "a malformed date",
    "date.refused.no-zone-documented": "a date without a zone",
    "date.zone.EST-meant-EDT": "EST while daylight saving time (EDT) applies",
    "date.window.past": "a date before the window",
    "md5.wrong": "the Content-MD5 of another body",
    "md5.required": "no Content-MD5, from an application that must send it",
    "answer.use": "an application without permission for the service",
    "mailbox.unknown": "an unknown mailbox",
    "mailbox.closed": "a mailbox for which the application has no permission",
    "mailbox.suspended": "a suspended mailbox",
    "answer.not-found": "an unknown path",
    "answer.not-allowed": "an unsupported method",
    "answer.too-large": "a body that is too large",
    "answer.unsupported": "an unsupported content type",
    "coding.content-gzip": "a content coding",
    "answer.missing": "a missing argument",
    "several.missing-two": "two missing arguments",
    "answer.invalid": "an invalid argument",
    "several.invalid-two": "two invalid arguments",
    "folder.unknown": "an unknown folder",
    "answer.no-message": "an unknown message",
    "mailbox.other-message": "a message of another mailbox",
}

_NEED_WINDOW = {"date.zone.EST-meant-EDT", "date.window.past"}

# Headers that every client sends by itself.
_OWN_HEADERS = {"Host", "Connection", "Content-Length"}


@dataclass(frozen=True)
class Example:
    """A signed request and its response; `answer_headers` are the response headers that a case expects."""

    case: str
    title: str
    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer: str | None


def examples(target: Target, server: Server) -> Iterator[Example]:
    """Yield the examples, signed now, for a target whose message is in its Inbox; skip what the target lacks."""
    now = time.time()
    by_id = {case.id: case for case in cases(target)}
    for id_, title in _TITLES.items():
        if id_ in _NEED_WINDOW and not target.compares_dates:
            continue
        ((spec, expected),) = by_id[id_].steps
        names = {**target.names(), "folder": target.folders[0], "here": "Inbox"}
        try:
            head, _, body = build_request(spec, target, names, server.host, now).data.partition(b"\r\n\r\n")
            answer = describe(expected, names)
        except MissingFromTarget:
            continue
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, uri, _ = request_line.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        yield Example(
            id_,
            title,
            method,
            uri,
            {name: value for name, value in headers.items() if name not in _OWN_HEADERS},
            body.decode(),
            int(answer.partition("\n")[0]),
            {name: value for name, value in expected.headers.items() if value is not None},
            None if expected.body is None else answer.rpartition("\n")[2],
        )
