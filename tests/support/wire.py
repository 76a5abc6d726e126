"""Raw HTTP over a socket: requests as bytes, which no client library changes, and responses as they arrive."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .actors import FORM, MOVE, Application, authorization, now
from .servers import LiveServer

Headers = list[tuple[str, str]]

#: How long a test waits for the server before it calls it a hang.
PATIENCE = 15


@dataclass(frozen=True)
class Answer:
    """A response as received; header names are in lower case, repeated headers are kept."""

    version: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header, None if it is absent; assert that it is not repeated."""
        found = [value for given, value in self.headers if given == name.lower()]
        assert len(found) <= 1, f"{name} is sent {len(found)} times"
        return found[0] if found else None

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        """The request_id, which must be the same in header and body."""
        request_id: str = self.json["request_id"]
        assert self.header("X-Request-Id") == request_id
        return request_id

    @property
    def error(self) -> tuple[int, str]:
        """The status and the body without its request_id, to compare both at once."""
        return self.status, re.sub(r'\A{"request_id":"[0-9a-f]+",', "{", self.text)


class Wire:
    """A connection to the server; the client's side of HTTP/1.1, byte by byte."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.connection = connection
        self._received = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def half_close(self) -> None:
        """Close the sending side of the connection, but continue to read."""
        self.connection.shutdown(socket.SHUT_WR)

    def ask(self, data: bytes, *, head_only: bool = False) -> Answer:
        """Send bytes and return one response; `head_only` for the response to a HEAD."""
        self.send(data)
        return self.read(head_only=head_only)

    def read(self, *, head_only: bool = False) -> Answer:
        """Return the next response; a 204 and the response to a HEAD have no body, every other has a Content-Length."""
        head = self._take_until(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.split("\r\n")[:-2]
        version, status, _ = status_line.split(" ", 2)
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        without_body = head_only or status == "204" or status.startswith("1")
        length = 0 if without_body else int(dict(headers)["content-length"])
        return Answer(version, int(status), headers, self._take(length))

    def at_end(self) -> bool:
        """Wait for more bytes, and return whether the server has closed the connection instead."""
        if not self._received:
            self._received = self._receive()
        return not self._received

    def _take_until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._fill()
        return self._take(self._received.index(end) + len(end))

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._fill()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _fill(self) -> None:
        piece = self._receive()
        if not piece:
            raise ConnectionError(f"the server closed the connection after {self._received!r}")
        self._received += piece

    def _receive(self) -> bytes:
        return self.connection.recv(65536)


@contextmanager
def connected(server: LiveServer) -> Iterator[Wire]:
    """Yield a new connection to the server, and close it at the end."""
    with server.connect() as connection:
        yield Wire(connection)


def ask(server: LiveServer, data: bytes, *, head_only: bool = False) -> Answer:
    """Send bytes over a new connection and return the response."""
    with connected(server) as wire:
        return wire.ask(data, head_only=head_only)


def ask_until_served(ask_once: Callable[[], Any]) -> Any:
    """Send a request, again up to ten times while the response is a 503: under load a move may time out, undone."""
    for _ in range(10):
        answer = ask_once()
        if not str(answer.status).startswith("503"):  # The status of the app's test client includes its phrase.
            break
        time.sleep(0.2)
    return answer


def head(target: str, headers: Headers, *, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
    """Return the head of a request with the given headers and a Host header."""
    lines = [f"{method} {target} {version}", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def signed(
    application: Application,
    *,
    date: str | None = None,
    date_header: str = "Date",
    content_type: str | None = FORM,
    md5: str | None = None,
    **parts: Any,
) -> Headers:
    """Return the headers of a request, signed for exactly these values; `parts` are arguments of authorization()."""
    date = now() if date is None else date
    signature = authorization(application.keys, date=date, content_type=content_type, md5=md5, **parts)
    headers = [(date_header, date), ("Authorization", signature)]
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    if md5 is not None:
        headers.append(("Content-MD5", md5))
    return headers


def signed_bare(application: Application, content_type: str, **parts: Any) -> Headers:
    """Return the headers of a request that sends a whole content type and signs only its media type."""
    headers = signed(application, content_type=content_type.partition(";")[0].strip(), **parts)
    return [(name, content_type if name == "Content-Type" else value) for name, value in headers]


def post(headers: Headers, body: bytes | str = b"", *, target: str = MOVE, **line: str) -> bytes:
    """Return a request with its body and Content-Length; `line` has the method and version for head()."""
    body = body.encode() if isinstance(body, str) else body
    return head(target, [*headers, ("Content-Length", str(len(body)))], **line) + body


def signed_post(application: Application, body: bytes | str = b"", *, target: str = MOVE, **parts: Any) -> bytes:
    """Return a signed request with its body and Content-Length."""
    return post(signed(application, uri=target, **parts), body, target=target)


def form(application: Application, **arguments: str) -> str:
    """Return the form of a move, by default of the first message to the first custom folder."""
    box = application.mailbox
    return urlencode({"mailbox": box.name, "id": box.message, "folder": box.folder, **arguments})


def moved(application: Application, answer: Answer, folder: str | None = None) -> bytes:
    """Return the documented body of a move of the first message, with the request_id of a response."""
    box = application.mailbox
    body = {"request_id": answer.request_id, "mailbox": box.name, "id": box.message, "folder": folder or box.folder}
    return json.dumps(body, separators=(",", ":")).encode()


def chunks(body: bytes, sizes: Iterable[int], *, trailers: bytes = b"") -> bytes:
    """Return a body in chunks of the given sizes, used in turn, with the last chunk."""
    written, sizes = b"", [*sizes]
    turn = 0
    while body:
        piece, body = body[: sizes[turn % len(sizes)]], body[sizes[turn % len(sizes)] :]
        written += b"%x\r\n%s\r\n" % (len(piece), piece)
        turn += 1
    return written + b"0\r\n" + trailers + b"\r\n"
