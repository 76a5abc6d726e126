"""The worker: gunicorn's threaded one, except that it responds in JSON to requests that gunicorn itself rejects."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from ..errors import message_of, to_json
from ..monitoring import logs

# Every other kind of malformed request is a 400.
_STATUSES: dict[type[BaseException], int] = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}
# gunicorn counts these as parse errors too, but the service caused them. Its type stubs lack two of them.
_OWN_ERRORS = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,  # type: ignore[attr-defined]
    errors.InvalidResponseHeaderName,  # type: ignore[attr-defined]
)


# Lines that a process writes in one minute about malformed requests.
_MAX_LINES = 60
_MINUTE = 60.0


class LineLimit:
    """Limits the lines of a process to 60 in a minute, and counts those that are left out.

    `clock` returns seconds, as time.monotonic() does.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._began = -_MINUTE
        self._lines = self._left_out = 0

    def take(self) -> int | None:
        """Return how many lines were left out before this one, or None if this one must be left out too."""
        with self._lock:
            now = self._clock()
            if now - self._began >= _MINUTE:
                self._began, self._lines = now, 0
            if self._lines == _MAX_LINES:
                self._left_out += 1
                return None
            self._lines += 1
            left_out, self._left_out = self._left_out, 0
            return left_out


class JsonRejectingWorker(ThreadWorker):
    """gunicorn's threaded worker with one method replaced."""

    line_limit = LineLimit()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Respond to a malformed request like the API's errors, and write one line to the log, within a limit.

        Such a request never reaches the application: it has no row in the request log, and its request_id is random.
        Neither the response nor the line contains data of the request.
        """
        is_malformed = isinstance(exc, errors.ParseException) and not isinstance(exc, _OWN_ERRORS)
        status = _STATUSES.get(type(exc), 400) if is_malformed else 500
        request_id = secrets.token_hex(16)
        if is_malformed:
            address = addr[0] if isinstance(addr, tuple) else None
            left_out = self.line_limit.take()
            if left_out is not None:
                logs.write_rejection(
                    request_id=request_id,
                    status=status,
                    reason=type(exc).__name__,
                    remote_address=address,
                    **({"lines_left_out": left_out} if left_out else {}),
                )
        else:
            self.log.error("The server failed to respond to a request.", exc_info=exc, extra={"request_id": request_id})
        # The client may have closed the connection already.
        with suppress(OSError):
            client.sendall(_response(status, request_id))


def _response(status: int, request_id: str) -> bytes:
    body = to_json({"request_id": request_id, "message": message_of(status)})
    head = (
        f"HTTP/1.1 {status} {message_of(status)}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-Id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body
