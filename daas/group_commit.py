"""Lets threads that write to an embedded SQLite database at the same time share one commit.

A commit waits for the disk, and SQLite lets one write at a time. So while one thread commits, the work of the
others gathers; the first of them that is free to does all of it in one transaction and commits it for all.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from sqlite3 import Connection
from typing import Any, TypeVar

from sqlalchemy.exc import TimeoutError as WaitedTooLong

#: How many may share a commit: enough to save most of them, and few enough that each is short.
MOST_JOBS = 8

Result = TypeVar("Result")


class GroupCommit:
    """Shares commits; `begin(durable)` opens a transaction, which commits at the end unless anything is raised."""

    def __init__(self, begin: Callable[[bool], AbstractContextManager[Connection]]) -> None:
        self._begin = begin
        self._gathered: list[_Job] = []
        self._gathering = threading.Lock()
        self._committing = threading.Lock()

    def run(self, work: Callable[[Connection], Result], *, durable: bool, seconds: float) -> Result:
        """Do work in a transaction and give its result when that is committed.

        What the work raises undoes the work alone. Raises TimeoutError if no transaction was begun for it in so
        many seconds, and what a commit raises to all who shared it.
        """
        job = _Job(work, durable)
        with self._gathering:
            self._gathered.append(job)
        if not self._committing.acquire(timeout=seconds):
            with self._gathering:
                if job in self._gathered:
                    self._gathered.remove(job)
                    raise WaitedTooLong("other threads are writing")
            self._committing.acquire()  # It is being done: it is not given up before its end is known.
        try:
            while not job.done:
                self._do_gathered()
        finally:
            self._committing.release()
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def _do_gathered(self) -> None:
        with self._gathering:
            jobs, self._gathered = self._gathered[:MOST_JOBS], self._gathered[MOST_JOBS:]
        try:
            with self._begin(any(job.durable for job in jobs)) as connection:
                for job in jobs:
                    job.do(connection)
        except BaseException as error:
            for job in jobs:
                job.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for job in jobs:
                job.done = True


class _Job:
    def __init__(self, work: Callable[[Connection], Any], durable: bool) -> None:
        self.work = work
        self.durable = durable
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self, connection: Connection) -> None:
        connection.execute("SAVEPOINT job")
        try:
            self.result = self.work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise  # SQLite has undone the whole transaction, as it does when the disk is full.
            connection.execute("ROLLBACK TO job")
            self.error = error
        connection.execute("RELEASE job")
