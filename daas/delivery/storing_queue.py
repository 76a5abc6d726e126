"""The queue of received messages: those that wait at the same time are stored in one transaction, on one thread."""

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

from flask import Flask

from ..mail.header import NotAMessage
from ..mailboxes.storing import read_message
from ..reasons import Reason
from ..records.request_log import RequestRecord
from .deliver import Delivery, Result, deliver, reason_of, reject, report

logger = logging.getLogger(__name__)

# The size of a transaction. A larger message has one of its own, so that only one is in memory at a time.
_MAX_MESSAGES = 32
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that has arrived: its bytes in a file, their number, and the record of each recipient by mailbox."""

    file: IO[bytes]
    size: int
    recipients: list[tuple[str, RequestRecord]]


class StoringQueue:
    """Stores received messages of one event loop in the database of an application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        # One thread: what arrives meanwhile shares the next transaction, and with it the wait for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storing")
        self._waiting: deque[tuple[ReceivedMessage, asyncio.Future[list[Result]]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def store(self, message: ReceivedMessage) -> list[Result]:
        """Store a message in the mailbox of each recipient, and return the results in their order."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        results: list[Result] = await future
        return results

    def close(self) -> None:
        """Wait until the thread has finished what it stores now."""
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft()]
            size = batch[0][0].size
            while self._waiting and len(batch) < _MAX_MESSAGES and size + self._waiting[0][0].size <= _MAX_BYTES:
                batch.append(self._waiting.popleft())
                size += batch[-1][0].size
            results = await loop.run_in_executor(self._thread, self._store, [message for message, _ in batch])
            for (_, future), of_message in zip(batch, results, strict=True):
                if not future.done():  # Its connection may have been closed meanwhile.
                    future.set_result(of_message)
        self._task = None

    def _store(self, messages: list[ReceivedMessage]) -> list[list[Result]]:
        """Store messages in one transaction; never raise."""
        with self._app.app_context():
            try:
                return _deliver(messages)
            except Exception as error:
                reason = reason_of(error)
                if reason is Reason.UNEXPECTED_ERROR:
                    if len(messages) > 1:
                        # One of them cannot be stored: the others must not suffer for it.
                        return [self._store([message])[0] for message in messages]
                    logger.exception("Mail that arrived could not be stored.")
                return [_reject(message, reason) for message in messages]


def _deliver(messages: list[ReceivedMessage]) -> list[list[Result]]:
    deliveries: list[Delivery] = []
    counts: list[int | None] = []
    for message in messages:
        message.file.seek(0)
        try:
            read = read_message(message.file.read())
        except NotAMessage:
            counts.append(None)
        else:
            deliveries += [Delivery(mailbox, read, record) for mailbox, record in message.recipients]
            counts.append(len(message.recipients))
    delivered = iter(zip(deliveries, deliver(deliveries), strict=True) if deliveries else ())
    results = []
    for message, count in zip(messages, counts, strict=True):
        if count is None:
            results.append(_reject(message, Reason.NOT_A_MESSAGE))
            continue
        results.append([])
        for _ in range(count):
            delivery, result = next(delivered)
            report(delivery.record, result, message.size)
            results[-1].append(result)
    return results


def _reject(message: ReceivedMessage, reason: Reason) -> list[Result]:
    records = [record for _, record in message.recipients]
    results = reject(records, reason)
    for record, result in zip(records, results, strict=True):
        report(record, result, message.size)
    return results
