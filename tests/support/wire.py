"""Raw HTTP over a socket: requests as bytes that no client library would tidy up, and answers as they arrive."""

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
    """A response as it came over the wire; header names in lower case, repeated ones kept."""

    version: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give the value of a header that may be sent once at most."""
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
        """The request_id, which header and body have to agree on."""
        request_id: str = self.json["request_id"]
        assert self.header("X-Request-Id") == request_id
        return request_id

    @property
    def fault(self) -> tuple[int, str]:
        """The status and the body, without its request_id, so that both can be compared at once."""
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
        """Say that nothing more will be sent, and go on reading."""
        self.connection.shutdown(socket.SHUT_WR)

    def ask(self, data: bytes, *, head_only: bool = False) -> Answer:
        """Send bytes and read one answer; `head_only` for the answer to a HEAD."""
        self.send(data)
        return self.read(head_only=head_only)

    def read(self, *, head_only: bool = False) -> Answer:
        """Read one answer; a 204 and the answer to a HEAD have no body, every other says its length."""
        head = self._take_until(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.split("\r\n")[:-2]
        version, status, _ = status_line.split(" ", 2)
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        without_body = head_only or status == "204" or status.startswith("1")
        length = 0 if without_body else int(dict(headers)["content-length"])
        return Answer(version, int(status), headers, self._take(length))

    def at_end(self) -> bool:
        """Wait for more to read, and tell whether the server has closed the connection instead."""
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
    """Give a new connection to the server, closed at the end."""
    with server.connect() as connection:
        yield Wire(connection)


def ask(server: LiveServer, data: bytes, *, head_only: bool = False) -> Answer:
    """Send bytes over a connection of their own and read the answer."""
    with connected(server) as wire:
        return wire.ask(data, head_only=head_only)


def ask_until_served(ask_once: Callable[[], Any]) -> Any:
    """Ask, and a few times again while the answer is a 503: what many do at once may take too long, and is not done."""
    for _ in range(10):
        answer = ask_once()
        if not str(answer.status).startswith("503"):  # The app's test client gives its phrase too.
            break
        time.sleep(0.2)
    return answer


def head(target: str, headers: Headers, *, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
    """Write the head of a request as given; the Host header alone is added."""
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
    """Give the headers of a request that is signed for just these values; `parts` are authorization()'s."""
    date = now() if date is None else date
    signature = authorization(application.keys, date=date, content_type=content_type, md5=md5, **parts)
    headers = [(date_header, date), ("Authorization", signature)]
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    if md5 is not None:
        headers.append(("Content-MD5", md5))
    return headers


def signed_bare(application: Application, content_type: str, **parts: Any) -> Headers:
    """Give the headers of a request that sends a whole content type and signs its media type alone."""
    headers = signed(application, content_type=content_type.partition(";")[0].strip(), **parts)
    return [(name, content_type if name == "Content-Type" else value) for name, value in headers]


def post(headers: Headers, body: bytes | str = b"", *, target: str = MOVE, **line: str) -> bytes:
    """Write a request with its body and Content-Length; `line` is the method and version of head()."""
    body = body.encode() if isinstance(body, str) else body
    return head(target, [*headers, ("Content-Length", str(len(body)))], **line) + body


def signed_post(application: Application, body: bytes | str = b"", *, target: str = MOVE, **parts: Any) -> bytes:
    """Write a signed request with its body and Content-Length."""
    return post(signed(application, uri=target, **parts), body, target=target)


def form(application: Application, **arguments: str) -> str:
    """Give the form that moves the first message to the first custom folder, or where `arguments` say."""
    box = application.mailbox
    return urlencode({"mailbox": box.name, "id": box.message, "folder": box.folder, **arguments})


def moved(application: Application, answer: Answer, folder: str | None = None) -> bytes:
    """Give the documented body of a move of the first message, for the request_id of an answer."""
    box = application.mailbox
    body = {"request_id": answer.request_id, "mailbox": box.name, "id": box.message, "folder": folder or box.folder}
    return json.dumps(body, separators=(",", ":")).encode()


def chunks(body: bytes, sizes: Iterable[int], *, trailers: bytes = b"") -> bytes:
    """Cut a body into chunks of the sizes given, over and over until it ends, and close it."""
    written, sizes = b"", [*sizes]
    turn = 0
    while body:
        piece, body = body[: sizes[turn % len(sizes)]], body[sizes[turn % len(sizes)] :]
        written += b"%x\r\n%s\r\n" % (len(piece), piece)
        turn += 1
    return written + b"0\r\n" + trailers + b"\r\n"
