"""Lets threads that write to an embedded SQLite database at the same time share one commit.

A commit waits for the disk, and SQLite lets one write at a time. So while one thread commits, the work of the
others gathers; one of them then does all of it in one transaction and commits it for all.
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
    """Shares commits.

    `turn(seconds)` waits until no other process writes, or raises TimeoutError. `begin(durable)` opens a
    transaction in that turn, which commits at the end unless anything is raised.
    """

    def __init__(
        self,
        turn: Callable[[float], AbstractContextManager[None]],
        begin: Callable[[bool], AbstractContextManager[Connection]],
    ) -> None:
        self._turn = turn
        self._begin = begin
        self._lock = threading.Lock()
        self._gathered: list[_Job] = []
        self._is_led = False

    def run(self, work: Callable[[Connection], Result], *, durable: bool, seconds: float) -> Result:
        """Do work in a transaction and give its result when that is committed.

        What the work raises undoes the work alone. Raises TimeoutError if nobody began to do it within so many
        seconds, and what a commit raises to all who shared it.
        """
        job = _Job(work, durable)
        with self._lock:
            self._gathered.append(job)
            job.leads, self._is_led = not self._is_led, True
        if not job.leads:
            self._await_turn(job, seconds)
        if job.leads:
            self._lead(job, seconds)
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def _await_turn(self, job: "_Job", seconds: float) -> None:
        """Wait until a job is done or is to lead: whoever leads wakes those that are concerned, and nobody else."""
        if job.woken.acquire(timeout=seconds):
            return
        with self._lock:
            if job in self._gathered and not job.leads:
                self._gathered.remove(job)
                raise WaitedTooLong("other threads are writing")
        job.woken.acquire()  # It is under way: its end has to be known.

    def _lead(self, job: "_Job", seconds: float) -> None:
        """Do what has gathered, this job first, and let the first of those that have gathered since lead."""
        try:
            with self._turn(seconds):
                self._do_gathered()
        finally:
            with self._lock:
                if job in self._gathered:
                    self._gathered.remove(job)
                if self._gathered:
                    self._gathered[0].leads = True
                    self._gathered[0].woken.release()
                else:
                    self._is_led = False

    def _do_gathered(self) -> None:
        with self._lock:
            jobs, self._gathered = self._gathered[:MOST_JOBS], self._gathered[MOST_JOBS:]
        try:
            with self._begin(any(job.durable for job in jobs)) as connection:
                for job in jobs:
                    job.do(connection)
        except Exception as error:
            for job in jobs:
                job.error = error
        except BaseException:
            for job in jobs:
                job.error = WaitedTooLong("the thread that was writing has been told to end")
            raise
        finally:
            for job in jobs:
                job.woken.release()


class _Job:
    def __init__(self, work: Callable[[Connection], Any], durable: bool) -> None:
        self.work = work
        self.durable = durable
        self.leads = False
        #: Held until the job is done or is to lead.
        self.woken = threading.Lock()
        self.woken.acquire()
        self.result: Any = None
        self.error: Exception | None = None

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
