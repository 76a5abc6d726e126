"""The LMTP receiver: it listens, limits its connections, and stops without losing what it has begun to store."""

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from .. import migrations
from ..errors import OperatorError
from ..services import Services
from ..storage.engine import db
from ..storage.timeouts import is_unavailable
from .deliver import Result
from .session import Session
from .storing_queue import ReceivedMessage, StoringQueue

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: More connections at a time are turned away.
MAX_CONNECTIONS = 100
#: Seconds in which messages that are arriving may finish when the receiver stops.
GRACE_SECONDS = 30
# Threads that look up recipients and log rejections.
_THREADS = 4


def check_start(app: Flask) -> None:
    """Raise OperatorError if the database is of another release; an unavailable one may come back."""
    with app.app_context():
        try:
            if migrations.current_revision() != migrations.head_revision():
                raise OperatorError("The database is not of this release: run `daas db upgrade` first.")
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                cause = type(getattr(error, "orig", error)).__name__
                raise OperatorError(f"DAAS_DATABASE_URL names a database that cannot be used ({cause}).") from error
            logger.warning("The database is unavailable; mail is deferred until it is back.")
        finally:
            db.engine.dispose()
    if os.geteuid() == 0:
        logger.warning("The receiver runs as root: give it a user of its own without other permissions.")


def receive_until_stopped(app: Flask) -> None:
    """Receive mail until the process gets SIGTERM or SIGINT; raise OperatorError if the address cannot be used."""
    asyncio.run(_receive_until_stopped(app))


async def _receive_until_stopped(app: Flask) -> None:
    receiver = Receiver(app)
    await receiver.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    logger.info("Receiving mail on %s.", receiver.address)
    await stopped.wait()
    await receiver.stop()


class Receiver:
    """An LMTP server over the database of an application; DAAS_LMTP_BIND and other settings are the application's."""

    def __init__(self, app: Flask) -> None:
        services: Services = app.extensions["daas"]
        settings = services.settings
        self.domain = settings.clinical_domain
        self.max_message_bytes = settings.max_message_bytes
        # Beside an SQLite database, in its private folder; otherwise where TMPDIR says.
        file = settings.embedded_database
        self.spool_directory = None if file is None else str(file.parent)
        self.is_stopping = False
        self._app = app
        self._bind = settings.lmtp_bind
        self._metrics_bind = settings.lmtp_metrics
        self._metrics = services.metrics
        self._queue = StoringQueue(app)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="recipients")
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen; raise OperatorError if the address cannot be used."""
        for bind, handler in ((self._bind, self._accept), (self._metrics_bind, self._serve_metrics)):
            if bind is None:
                continue
            try:
                if path := bind.removeprefix("unix:") if bind.startswith("unix:") else "":
                    server = await asyncio.start_unix_server(handler, path)
                    # The folder decides who can deliver: the MTA is another user.
                    Path(path).chmod(0o666)
                else:
                    host, _, port = bind.rpartition(":")
                    server = await asyncio.start_server(handler, host.strip("[]"), int(port))
            except OSError as error:
                reason = os.strerror(error.errno or errno.EINVAL)
                raise OperatorError(f"Mail cannot be received on {bind}: {reason}.") from error
            self._servers.append(server)

    @property
    def address(self) -> str:
        """The address on which it listens, with the real port if DAAS_LMTP_BIND says 0."""
        if self._bind.startswith("unix:"):
            return self._bind
        host, port = self._servers[0].sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Stop listening, let messages that are arriving finish within GRACE_SECONDS, and close all connections."""
        self.is_stopping = True
        for server in self._servers:
            server.close()
        for task, session in self._sessions.items():
            if not session.is_busy:
                task.cancel()
        if self._sessions:
            _, late = await asyncio.wait([*self._sessions], timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._bind.startswith("unix:"):
            Path(self._bind.removeprefix("unix:")).unlink(missing_ok=True)
        self._queue.close()
        self._threads.shutdown()
        with self._app.app_context():
            db.engine.dispose()

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a function in the application's context on another thread."""

        def run() -> T:
            with self._app.app_context():
                return function()

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def store(self, message: ReceivedMessage) -> list[Result]:
        """Store a message and return the result for each recipient."""
        return await self._queue.store(message)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self.is_stopping or len(self._sessions) >= MAX_CONNECTIONS:
            writer.write(b"421 4.3.2 Too many connections\r\n")
            await _close(writer)
            return
        peer = writer.get_extra_info("peername")
        session = Session(reader, writer, peer[0] if isinstance(peer, tuple) else "unix", self)
        self._sessions[task] = session
        try:
            await session.run()
        except asyncio.CancelledError:
            session.say_stopping()
        except TimeoutError:
            logger.warning("A connection on which nothing happened was closed.")
        except (OSError, EOFError):
            pass  # The client has gone: what it was not told, it sends again.
        except Exception:
            logger.exception("A connection ended by an unexpected error.")
        finally:
            del self._sessions[task]
            await _close(writer)

    async def _serve_metrics(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one HTTP request, whatever it asks for, with the metrics."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(10):
                await reader.readuntil(b"\r\n\r\n")
                body = self._metrics.expose()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
                writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.drain()
    writer.close()
