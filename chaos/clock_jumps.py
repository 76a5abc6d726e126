"""Scenario: the service's clock jumps forward and back."""

import mmap
import random
import shutil
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .held import held
from .journal import Attempt, statuses
from .load import Client, Load
from .trial import TOLD_WITHIN, Missing, Trial

_WINDOW_SECONDS = 900
_HOUR = 3600
#: The format of the offset (seconds) in the file that the preloaded clock reads.
_OFFSET = struct.Struct("=q")
# Seconds: inside the window, outside it, and far outside.
_OFFSETS = [600, -600, _HOUR, -_HOUR, 86_400, -86_400, 0]


class JumpingClock:
    """The service's wall clock: the real clock plus an offset that can change at any time.

    Raise Missing if there is no C compiler.
    """

    def __init__(self, directory: Path) -> None:
        if not (compiler := shutil.which("cc")):
            raise Missing("A C compiler is missing: apt-get install gcc")
        library, file = directory / "jumping_clock.so", directory / "clock"
        source = Path(__file__).with_name("jumping_clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        file.write_bytes(bytes(_OFFSET.size))
        self.environ: dict[str, Any] = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(file)}
        self.offset = 0
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _OFFSET.size)

    def jump(self, offset: int) -> None:
        """Set the service's clock ahead of the real one by `offset` seconds."""
        _OFFSET.pack_into(self._shared, 0, offset)
        self.offset = offset

    def __call__(self) -> float:
        """Return the service's time, in seconds since 1970."""
        return time.time() + self.offset


def clock_jumps(trial: Trial) -> None:
    """Let the clock jump while clients date their requests by it, and one client by the real clock."""
    jumps = 7 if trial.quick else 42
    clock = JumpingClock(trial.directory)
    trial.start(**clock.environ)
    by_real_clock = trial.client()
    choose = random.Random(1)
    offsets = [*_OFFSETS, *(choose.choice(_OFFSETS) for _ in range(jumps - len(_OFFSETS)))]
    with Load(trial.service.connect, trial.application, trial.journal, clock=clock):
        for offset in offsets:
            trial.journal.await_moves(50)
            clock.jump(offset)
            _judge(trial, by_real_clock, offset)
    clock.jump(0)
    _wait_through_jumps(trial, clock, by_real_clock)
    for attempt in trial.journal.attempts:
        if attempt.due == 200 and attempt.status == 401 and attempt.answer:
            reason = attempt.answer.header("X-Daas-Error")
            trial.require(reason == "date-outside-window", f"A 401 says {reason}.")
    trial.note(f"{jumps} jumps of the clock by up to {max(offsets) // _HOUR} hours, back and forth")
    trial.check(also={401, 503})


def _judge(trial: Trial, client: Client, offset: int) -> None:
    """Send a request dated by the real clock; the service compares that date with its own clock."""
    mailbox = trial.application.mailbox
    attempt = client.move(mailbox, mailbox.message, "Sent")
    if abs(offset) <= _WINDOW_SECONDS:
        trial.require(attempt.moved, f"With a clock {offset} s ahead: {attempt.status}.")
        return
    answer = attempt.answer
    reason, skew = (answer and answer.header(name) for name in ("X-Daas-Error", "X-Daas-Clock-Skew"))
    trial.require(
        # Both sides round down to seconds, and the request takes some time.
        attempt.status == 401 and reason == "date-outside-window" and abs(int(skew or 0) + offset) <= 2,
        f"With a clock {offset} s ahead: {attempt.status}, {reason}, {skew}.",
    )


def _wait_through_jumps(trial: Trial, clock: JumpingClock, client: Client) -> None:
    """Let the clock jump while a request waits for a lock: the wait must get neither shorter nor longer."""
    mailbox = trial.application.mailbox

    def ask() -> Attempt:
        return client.move(mailbox, mailbox.message, "Inbox")

    with ThreadPoolExecutor(1) as pool:
        for offset in (_HOUR, -_HOUR):
            # Both jumps begin after the date was checked, and end before the next request.
            with held(trial.settings):
                waiting = pool.submit(ask)
                time.sleep(1.2)
                clock.jump(offset)
                time.sleep(0.3)
            trial.require(waiting.result().moved, f"{waiting.result().status} though the lock was released in time.")
            clock.jump(0)
            with held(trial.settings):
                waiting = pool.submit(ask)
                time.sleep(1.2)
                clock.jump(offset)
                attempt = waiting.result(timeout=2 * TOLD_WITHIN)
            trial.require(attempt.status == 503, f"{attempt.status} though the lock was held.")
            clock.jump(0)
            # For a second after a wait that failed, the service waits less.
            time.sleep(1.1)
    trial.note(f"jumps while requests wait for a lock: {statuses(trial.journal.attempts[-4:])}")
