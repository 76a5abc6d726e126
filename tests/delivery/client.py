"""A raw LMTP client, which can send what no client should, and a receiver in a thread."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from daas.delivery.receiver import Receiver

DOMAIN = "direct.example.org"


class Lmtp:
    """A connection to a receiver; the greeting has been read."""

    def __init__(self, address: str, *, greet: bool = True) -> None:
        host, _, port = address.rpartition(":")
        self.connection = socket.create_connection((host, int(port)), timeout=10)
        self._file = self.connection.makefile("rb")
        try:
            self.greeting = self.reply()
            if greet:
                assert self.ask("LHLO mta.example.org").startswith("250")
        except EOFError:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(self) -> str:
        """Return the next reply, with the lines of a long one joined; raise EOFError if the connection is closed."""
        lines: list[str] = []
        while not lines or lines[-1][3] == "-":
            line = self._file.readline()
            if not line:
                raise EOFError
            assert re.fullmatch(rb"[2345]\d\d[ -][ -~]+\r\n", line), line
            lines.append(line.decode().rstrip())
        return "\n".join(lines)

    def ask(self, command: str | bytes) -> str:
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.reply()

    def deliver(self, raw: bytes, *mailboxes: str) -> list[str]:
        """Send a message, and return the replies for its recipients; all must be accepted at RCPT."""
        assert self.ask("MAIL FROM:<a@example.org>").startswith("250")
        for mailbox in mailboxes:
            assert self.ask(f"RCPT TO:<{mailbox}@{DOMAIN}>").startswith("250")
        return self.data(raw, len(mailboxes))

    def data(self, raw: bytes, replies: int) -> list[str]:
        assert self.ask("DATA").startswith("354")
        stuffed = re.sub(rb"(\A|\r\n)\.", rb"\1..", raw)
        self.send(stuffed + b".\r\n")
        return [self.reply() for _ in range(replies)]

    def close(self) -> None:
        self._file.close()
        self.connection.close()


@contextmanager
def receiving(app: Flask) -> Iterator[str]:
    """Run a receiver over an application's database in a thread, and yield its address."""
    loop = asyncio.new_event_loop()
    receiver = Receiver(app)
    loop.run_until_complete(receiver.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield receiver.address
    finally:
        asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
