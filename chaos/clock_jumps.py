"""A clock that jumps back and forth under the service."""

import mmap
import random
import shutil
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .held import held
from .journal import Attempt, statuses
from .load import Client, Load
from .trial import TOLD_WITHIN, Missing, Trial

_WINDOW_SECONDS = 900
_HOUR = 3600
#: How the offset lies in the file that the service's clock looks at.
_OFFSET = struct.Struct("=q")
# Inside the window, outside of it, and far away.
_OFFSETS = [600, -600, _HOUR, -_HOUR, 86_400, -86_400, 0]


class JumpingClock:
    """The wall clock of the service: the real one, plus an offset that can change at any moment.

    Raises Missing if there is no C compiler.
    """

    def __init__(self, directory: Path) -> None:
        if not (compiler := shutil.which("cc")):
            raise Missing("A C compiler is missing: apt-get install gcc")
        library, file = directory / "jumping_clock.so", directory / "clock"
        source = Path(__file__).with_name("jumping_clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        file.write_bytes(bytes(_OFFSET.size))
        self.environ = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(file)}
        self.offset = 0
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _OFFSET.size)

    def jump(self, offset: int) -> None:
        """Let the service's clock be so many seconds ahead from now on."""
        _OFFSET.pack_into(self._shared, 0, offset)
        self.offset = offset

    def __call__(self) -> float:
        """Give the seconds since 1970, as the service sees them."""
        return time.time() + self.offset


def clock_jumps(trial: Trial) -> None:
    """Let the service's clock jump under clients who date by it, and under one who dates by the real one."""
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
    """Send a request that is dated by the real clock, which the service has to judge by its own."""
    mailbox = trial.application.mailbox
    attempt = client.move(mailbox, mailbox.message, "Sent")
    if abs(offset) <= _WINDOW_SECONDS:
        trial.require(attempt.moved, f"With a clock {offset} s ahead: {attempt.status}.")
        return
    header = attempt.answer.header if attempt.answer else {}.get
    reason, skew = header("X-Daas-Error"), header("X-Daas-Clock-Skew")
    trial.require(
        # Whole seconds are cut on both sides, and the request takes a while.
        attempt.status == 401 and reason == "date-outside-window" and abs(int(skew or 0) + offset) <= 2,
        f"With a clock {offset} s ahead: {attempt.status}, {reason}, {skew}.",
    )


def _wait_through_jumps(trial: Trial, clock: JumpingClock, client: Client) -> None:
    """Let the clock jump while a request waits for a lock: neither does it give up early, nor wait for ever."""
    mailbox = trial.application.mailbox

    def ask() -> Attempt:
        return client.move(mailbox, mailbox.message, "Inbox")

    with ThreadPoolExecutor(1) as pool:
        for offset in (_HOUR, -_HOUR):
            # Both jump after the date was judged, and come back before the next one is.
            with held(trial.settings):
                waiting = pool.submit(ask)
                time.sleep(1.2)
                clock.jump(offset)
                time.sleep(0.3)
            trial.require(waiting.result().moved, f"{waiting.result().status} though the lock was let go in time.")
            clock.jump(0)
            with held(trial.settings):
                waiting = pool.submit(ask)
                time.sleep(1.2)
                clock.jump(offset)
                attempt = waiting.result(timeout=2 * TOLD_WITHIN)
            trial.require(attempt.status == 503, f"{attempt.status} though the lock was held.")
            clock.jump(0)
            # A wait in vain shortens those that follow for a second.
            time.sleep(1.1)
    trial.note(f"jumps while requests wait for a lock: {statuses(trial.journal.attempts[-4:])}")
