"""What clients saw: every request and its answer, or that the connection was lost."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.wire import Answer


@dataclass(frozen=True)
class Attempt:
    """One request, and what became of it.

    `mailbox`, `message` and `folder` are what it asked for, `due` is the status that it has to get when nothing
    fails, `began` and `ended` are seconds of the monotonic clock. `answer` is None if the connection was lost;
    `cut_off` says whether a part of the answer had come by then.
    """

    mailbox: str
    message: str
    folder: str
    due: int
    began: float
    ended: float
    answer: Answer | None
    cut_off: bool = False

    @property
    def status(self) -> int | None:
        """The status of the answer; None if the connection was lost."""
        return self.answer.status if self.answer else None

    @property
    def moved(self) -> bool:
        """Whether the client was told that the message is moved."""
        return self.status == 200

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.began


class Journal:
    """The attempts of all clients, in the order in which they ended."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.moves = 0
        self._changed = threading.Condition()

    def add(self, attempt: Attempt) -> None:
        """Take note of an attempt."""
        with self._changed:
            self.attempts.append(attempt)
            self.moves += attempt.moved
            self._changed.notify_all()

    def await_moves(self, count: int, seconds: float = 30) -> float:
        """Wait until clients were told of so many more moves, and give the seconds that took; raises TimeoutError."""
        began = time.monotonic()
        with self._changed:
            wanted = self.moves + count
            if not self._changed.wait_for(lambda: self.moves >= wanted, seconds):
                raise TimeoutError(f"{count} moves were awaited in vain for {seconds} seconds.")
        return time.monotonic() - began

    def since(self, moment: float) -> list[Attempt]:
        """Give the attempts that began at a moment of the monotonic clock or later."""
        return [attempt for attempt in self.attempts if attempt.began >= moment]

    def ended_between(self, first: float, last: float) -> list[Attempt]:
        """Give the attempts that ended between two moments of the monotonic clock."""
        return [attempt for attempt in self.attempts if first < attempt.ended <= last]


def statuses(attempts: Iterable[Attempt]) -> str:
    """Say how many attempts ended how, such as `200 x 812, lost x 3`."""
    counts = Counter(str(attempt.status or "lost") for attempt in attempts)
    return ", ".join(f"{status} x {count:,}" for status, count in sorted(counts.items()))


def slowest(attempts: Iterable[Attempt]) -> float:
    """Give the longest wait for an answer, in seconds; lost connections are not answers."""
    return max((attempt.seconds for attempt in attempts if attempt.answer), default=0.0)


def median(attempts: Iterable[Attempt]) -> float:
    """Give the median wait for an answer, in seconds."""
    waits = sorted(attempt.seconds for attempt in attempts if attempt.answer)
    return waits[len(waits) // 2] if waits else 0.0
