"""A client's connection, of which the worker's event loop reads and to which its threads write."""

import socket
import time
from contextlib import suppress
from typing import Any

STEP = 64 * 1024


def hold_back_answer(environ: dict[str, Any], seconds: float) -> None:
    """Let the answer to a request wait for so long, without a thread; other servers than ours send it at once."""
    client = environ.get("gunicorn.socket")
    if isinstance(client, Client):
        client.held_until = time.monotonic() + seconds


class Client(socket.socket):
    """A connection as a thread sees it: it gives what has arrived, then ends, and takes an answer without waiting."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.arrived = bytearray()
        self.unsent = bytearray()
        #: When what is unsent may be sent, by the monotonic clock; 0 for at once.
        self.held_until = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Give of what has arrived; nothing if that is all."""
        piece = bytes(self.arrived[:size])
        del self.arrived[:size]
        return piece

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send what the client takes at once, unless it is held back; the event loop sends the rest."""
        self.unsent += data
        if len(self.unsent) == len(data) and not self.held_until:
            with suppress(BlockingIOError, InterruptedError):
                self.send_unsent()

    def receive(self) -> bytes:
        """Read what the network has brought; raises BlockingIOError if that is nothing."""
        return super().recv(STEP, socket.MSG_DONTWAIT)

    def send_unsent(self) -> None:
        """Send what the client takes now; raises BlockingIOError if that is nothing."""
        del self.unsent[: self.send(self.unsent, socket.MSG_DONTWAIT)]
