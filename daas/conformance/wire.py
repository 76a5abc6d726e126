"""Sends the bytes of a request as they are and reads the answer, within a time that nothing can prolong."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

# An answer of the API has a few hundred bytes; a page of messages is asked for one message at a time.
_LONGEST_BODY = 1_000_000


class WireError(Exception):
    """A server that did not answer; the text is a sentence."""


@dataclass(frozen=True)
class Answer:
    """A response as it came; a repeated header is joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        head = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join([*head, "", self.body.decode("utf-8", "backslashreplace")])

    def header(self, name: str) -> str | None:
        """Give a header without regard to the case of its name."""
        return next((value for given, value in self.headers.items() if given.lower() == name.lower()), None)


@dataclass(frozen=True)
class Server:
    """Where a server is; `url` is a scheme, a host and perhaps a port."""

    url: str
    host: str
    port: int
    is_tls: bool

    @classmethod
    def at(cls, url: str) -> "Server":
        """Read a URL; raises ValueError if it names no server, or more than one."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise ValueError(url)
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError(url)
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        return cls(url.rstrip("/"), parts.hostname, port, is_tls)

    def exchange(self, request: bytes, *, is_cut: bool, seconds: float) -> Answer:
        """Send a request over a connection of its own and read the answer; raises WireError.

        `is_cut` says behind it that no more will come. All of it takes `seconds` at most.
        """
        deadline = time.monotonic() + seconds
        try:
            with self._connect(seconds) as connection:
                # Who has refused already may have closed its side: the answer is what counts.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(request)
                    if is_cut:
                        connection.shutdown(socket.SHUT_WR)
                return _read(connection, request.partition(b" ")[0].decode("latin-1"), deadline)
        except TimeoutError as error:
            raise WireError(f"There was no whole answer within {seconds:g} seconds.") from error
        except http.client.RemoteDisconnected as error:
            raise WireError("The server closed the connection without an answer.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WireError(f"There was no answer that is HTTP: {type(error).__name__}.") from error

    def _connect(self, seconds: float) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout=seconds)
        if not self.is_tls:
            return connection
        try:
            return ssl.create_default_context().wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


class _Received(io.RawIOBase):
    """What comes over a connection until the deadline; http.client reads from it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _read(connection: socket.socket, method: str, deadline: float) -> Answer:
    with http.client.HTTPResponse(cast(socket.socket, _Received(connection, deadline)), method=method) as response:
        response.begin()
        body = response.read(_LONGEST_BODY)
        if response.length:
            raise http.client.IncompleteRead(body)
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            known = next((given for given in headers if given.lower() == name.lower()), name)
            headers[known] = f"{headers[known]}, {value}" if known in headers else value
        return Answer(response.status, headers, body)
