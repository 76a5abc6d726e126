"""A network between a client and a service, in which a test decides what happens to each request."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: Returns the bytes to send back before the connection closes; no bytes are a lost connection.
Step = Callable[[bytes], bytes]


@dataclass
class Network:
    """Serves one connection after the other; `requests` are the complete requests that arrived, as bytes."""

    url: str
    requests: list[bytes] = field(default_factory=list)

    def headers(self, name: str) -> list[str]:
        """Return a header of each request."""
        start = f"{name.lower()}: ".encode()
        heads = [request.partition(b"\r\n\r\n")[0].split(b"\r\n") for request in self.requests]
        return [line[len(start) :].decode() for head in heads for line in head if line.lower().startswith(start)]


def lose(_: bytes) -> bytes:
    return b""


def answer(status: int, body: str = "{}", **headers: str) -> Step:
    """Return a step that responds with a status and a body; `retry_after` is the header Retry-After, and so on."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", *lines, f"Content-Length: {len(body)}", "Connection: close"])
    return lambda _: f"{head}\r\n\r\n{body}".encode()


@contextmanager
def network(*steps: Step) -> Iterator[Network]:
    """Yield a network that applies each step to one request in turn, and the last step to all others."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Network(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listener, made, steps))
        thread.start()
        try:
            yield made
        finally:
            # A connection without a request ends the thread.
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def _serve(listener: socket.socket, made: Network, steps: tuple[Step, ...]) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            request = _read(connection)
            if not request:
                return
            step = steps[min(len(made.requests), len(steps) - 1)]
            made.requests.append(request)
            connection.sendall(step(request))


def _read(connection: socket.socket) -> bytes:
    received = b""
    while True:
        piece = connection.recv(65536)
        received += piece
        head, end, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if not piece or (end and len(body) >= length):
            return received
