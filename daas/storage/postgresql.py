"""Connections to PostgreSQL, and how long they wait for a server that does not respond."""

import select
from typing import Any

import psycopg
from psycopg.errors import OperationalError
from psycopg.pq import TransactionStatus

from .timeouts import CONNECT_SECONDS, REQUEST_MILLISECONDS


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that raises OperationalError and closes itself if a statement takes longer than `patience` seconds.

    The server's own timeouts work only while it runs, and TCP timeouts do not help against a frozen process, because
    the kernel of its host still acknowledges packets. None waits for ever.
    """

    patience: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does, but no longer than `patience`."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.Error as error:
            if self.closed or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # The statement is still running: psycopg stopped waiting for it.
            self.close()
            raise OperationalError("the server does not respond") from error

    def was_closed_by_server(self) -> bool:
        """Return whether the server has closed this idle connection, by polling the socket for EOF; no round trip."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))


def connect_arguments(statement_milliseconds: int) -> dict[str, Any]:
    """Return the arguments of new connections: autocommit, timeouts of the network and of the server."""
    server_settings = {
        "statement_timeout": statement_milliseconds,
        "lock_timeout": statement_milliseconds,
        "synchronous_commit": "on",
        "default_transaction_isolation": r"read\ committed",
        "timezone": "UTC",
    }
    return {
        "autocommit": True,
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": REQUEST_MILLISECONDS,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
    }
