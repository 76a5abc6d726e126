"""Call an app in this process, one request at a time, without a server."""

import io
import sys
import time
from typing import Any

from flask import Flask
from werkzeug.test import run_wsgi_app

from daas.services import services

from .mail import Moves


class InProcess:
    """An app that is sent moves; each must be a 200.

    Cached lookups of callers are dropped before each move, so that every move pays for its lookup.
    """

    def __init__(self, app: Flask, moves: Moves) -> None:
        self.app = app
        self._moves = moves

    def move(self, count: int) -> list[float]:
        """Move `count` messages and return the milliseconds of each move."""
        environs = [_environ(request) for request in self._moves.sign(count)]
        self._moves.sent(count)
        return [self._answer(environ) for environ in environs]

    def _answer(self, environ: dict[str, Any]) -> float:
        with self.app.app_context():
            services().callers.clear()
        started = time.perf_counter()
        body: Any
        body, status, _ = run_wsgi_app(self.app, environ)
        answer = b"".join(body)
        milliseconds = (time.perf_counter() - started) * 1000
        body.close()  # Does what the service does after a response, such as writing that a key was used.
        if status != "200 OK":
            raise RuntimeError(f"{status} {answer!r}")
        return milliseconds


def _environ(request: bytes) -> dict[str, Any]:
    head, body = request.split(b"\r\n\r\n", 1)
    line, *fields = head.decode().split("\r\n")
    method, target, _ = line.split(" ")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "RAW_URI": target,
        "SCRIPT_NAME": "",
        "PATH_INFO": target,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in (field.split(": ", 1) for field in fields):
        variable = name.upper().replace("-", "_")
        environ[variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{variable}"] = value
    return environ
