"""What the clients saw: every request with its response, or that the connection was lost."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.wire import Answer


@dataclass(frozen=True)
class Attempt:
    """One request and its outcome.

    `mailbox`, `message` and `folder` are its arguments, `due` is the status that it must get if nothing fails, `began`
    and `ended` are seconds of the monotonic clock. `answer` is the response, None if the connection was lost; `cut_off`
    says whether a part of it had arrived.
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
        """The status of the response; None if the connection was lost."""
        return self.answer.status if self.answer else None

    @property
    def moved(self) -> bool:
        """Whether the response was a 200."""
        return self.status == 200

    @property
    def seconds(self) -> float:
        """The seconds that the client waited."""
        return self.ended - self.began


class Journal:
    """The requests of all clients, ordered by when they ended."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.moves = 0
        self._changed = threading.Condition()

    def add(self, attempt: Attempt) -> None:
        """Record an attempt."""
        with self._changed:
            self.attempts.append(attempt)
            self.moves += attempt.moved
            self._changed.notify_all()

    def await_moves(self, count: int, seconds: float = 30) -> float:
        """Wait for `count` more successful moves and return the seconds that took; raise TimeoutError."""
        began = time.monotonic()
        with self._changed:
            wanted = self.moves + count
            if not self._changed.wait_for(lambda: self.moves >= wanted, seconds):
                raise TimeoutError(f"There were fewer than {count} moves in {seconds} seconds.")
        return time.monotonic() - began

    def since(self, moment: float) -> list[Attempt]:
        """Return the attempts that began at `moment` (seconds of the monotonic clock) or later."""
        return [attempt for attempt in self.attempts if attempt.began >= moment]

    def ended_between(self, first: float, last: float) -> list[Attempt]:
        """Return the attempts that ended between two moments (seconds of the monotonic clock)."""
        return [attempt for attempt in self.attempts if first < attempt.ended <= last]


def statuses(attempts: Iterable[Attempt]) -> str:
    """Return how many attempts had which outcome, such as `200 x 812, lost x 3`."""
    counts = Counter(str(attempt.status or "lost") for attempt in attempts)
    return ", ".join(f"{status} x {count:,}" for status, count in sorted(counts.items()))


def slowest(attempts: Iterable[Attempt]) -> float:
    """Return the longest wait for a response in seconds; lost connections do not count."""
    return max((attempt.seconds for attempt in attempts if attempt.answer), default=0.0)


def median(attempts: Iterable[Attempt]) -> float:
    """Return the median wait for a response in seconds."""
    waits = sorted(attempt.seconds for attempt in attempts if attempt.answer)
    return waits[len(waits) // 2] if waits else 0.0
