"""A PostgreSQL connection that does not wait for ever for a server that has stopped answering."""

import select
from typing import Any

import psycopg
from psycopg.errors import OperationalError


class ImpatientConnection(psycopg.Connection[Any]):
    """Gives up on a statement that has had no answer for `patience` seconds, and closes itself.

    The server's own limits hold only while it runs, and a host that is up answers for a frozen one.
    """

    patience: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Do what psycopg's own does, within the limit."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.close()
            raise OperationalError("the server does not answer") from error

    def was_closed_by_server(self) -> bool:
        """Tell, without asking it, whether the server has closed this idle connection: it says so to who reads."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))
