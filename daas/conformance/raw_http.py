"""Send a request's bytes unchanged and read the response, within a deadline that the server cannot prolong."""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

# A response of the API has a few hundred bytes: the kit lists one message at a time.
_MAX_BODY = 1_000_000

# How many seconds the kit waits, and how often, for a server that answers 429 with Retry-After.
_MAX_PAUSE = 60
_MAX_PAUSES = 3


class NoResponse(Exception):
    """A server sent no usable response; the text is a sentence."""


@dataclass(frozen=True)
class Response:
    """An HTTP response; the values of a repeated header are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        head = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join([*head, "", self.body.decode("utf-8", "backslashreplace")])

    def header(self, name: str) -> str | None:
        """Return a header's value; its name matches in any case."""
        return next((value for given, value in self.headers.items() if given.lower() == name.lower()), None)


@dataclass(frozen=True)
class Server:
    """The address of a server; `url` is a scheme, a host and perhaps a port."""

    url: str
    host: str
    port: int
    is_tls: bool

    @classmethod
    def at(cls, url: str) -> "Server":
        """Return the server at a URL; raise ValueError if the URL has a path, a user or no host."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise ValueError(url)
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError(url)
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        return cls(url.rstrip("/"), parts.hostname, port, is_tls)

    def send(self, request: bytes, seconds: float, *, is_cut: bool = False) -> Response:
        """Send a request and return the response; raise NoResponse. Retry as a 429 with Retry-After asks.

        `seconds` limits each exchange from connecting to the end of the response. `is_cut` closes the sending side of
        the connection after the request.
        """
        response = self._exchange(request, seconds, is_cut=is_cut)
        for _ in range(_MAX_PAUSES):
            pause = response.header("Retry-After") or ""
            if response.status != 429 or not re.fullmatch("[0-9]{1,9}", pause):
                break
            time.sleep(min(int(pause), _MAX_PAUSE))
            response = self._exchange(request, seconds, is_cut=is_cut)
        return response

    def _exchange(self, request: bytes, seconds: float, *, is_cut: bool) -> Response:
        deadline = time.monotonic() + seconds
        try:
            with self._connect(seconds) as connection:
                # A server that has rejected the request may have closed its side: the response is what counts.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(request)
                    if is_cut:
                        connection.shutdown(socket.SHUT_WR)
                return _read(connection, request.partition(b" ")[0].decode("latin-1"), deadline)
        except TimeoutError as error:
            raise NoResponse(f"There was no complete response within {seconds:g} seconds.") from error
        except http.client.RemoteDisconnected as error:
            raise NoResponse("The server closed the connection without a response.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoResponse(f"There was no HTTP response: {type(error).__name__}.") from error

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
    """The bytes that a connection receives before the deadline; http.client reads from it."""

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


def _read(connection: socket.socket, method: str, deadline: float) -> Response:
    with http.client.HTTPResponse(cast(socket.socket, _Received(connection, deadline)), method=method) as response:
        response.begin()
        body = response.read(_MAX_BODY)
        if response.length:
            raise http.client.IncompleteRead(body)
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            known = next((given for given in headers if given.lower() == name.lower()), name)
            headers[known] = f"{headers[known]}, {value}" if known in headers else value
        return Response(response.status, headers, body)
