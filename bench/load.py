"""Run rounds of load, one contender after the other, and summarise their figures."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from .mail import Ledger, Moves
from .processor import Processes, Usage, usage_of
from .report import Table, show

CONNECTIONS = 8
# Requests a second that are signed for a server's first round; later, its last rate times the margin.
_FIRST_GUESS = 10_000
_MARGIN = 1.5
_LEAST_GUESS = 1_000
# Late responses count too: they show in the latencies.
_PATIENCE = "30s"
_SCRIPT = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True)
class Round:
    """The figures of one round.

    `rate` is responses a second, `p50` and `p99` are milliseconds, `generator` is the number of cores that the load
    generator used, `limited` the number of 429 responses, `beside` the rate of the load that ran at the same time, and
    `used` what the observed processes used.
    """

    answers: int
    rate: float
    generator: float
    p50: float | None = None
    p99: float | None = None
    limited: int = 0
    beside: float = 0.0
    used: Mapping[str, Usage] = field(default_factory=dict)


#: Run a round of this many seconds.
Contender = Callable[[int], Round]


class RanOut(Exception):
    """There were too few signed requests for the round; the next round has more."""


class Replay:
    """Send requests to a server with wrk, each once; every response must have `status`, or 429 if that is allowed."""

    def __init__(
        self,
        url: str,
        requests: Moves,
        status: int = 200,
        connections: int = CONNECTIONS,
        processes: Processes | None = None,
        *,
        may_be_limited: bool = False,
    ) -> None:
        self.status = status
        self._may_be_limited = may_be_limited
        self._processes = processes or {}
        self._connections = connections
        self._url = url
        self.requests = requests
        self._rate: float = _FIRST_GUESS

    def __call__(self, seconds: int) -> Round:
        """Run a round; raise RanOut, or RuntimeError for an unexpected response."""
        with self.signed(seconds) as go:
            return go()

    @contextmanager
    def signed(self, seconds: int) -> Iterator[Callable[[], Round]]:
        """Sign the requests of a round, and yield a function that runs it."""
        signed = self.requests.sign(int(max(self._rate, _LEAST_GUESS) * seconds * _MARGIN))
        with tempfile.NamedTemporaryFile(suffix=".requests") as file:
            file.writelines(request + b"\0" for request in signed)
            file.flush()
            yield lambda: self._send(file.name, len(signed), seconds)

    def _send(self, requests: str, count: int, seconds: int) -> Round:
        options = ["-t1", f"-c{self._connections}", f"-d{seconds}s", f"--timeout={_PATIENCE}", "-s", str(_SCRIPT)]
        before = self._used()
        printed, cores = run_generator(["wrk", *options, self._url, "--", requests, str(self.status)])
        used = {whose: now - before[whose] for whose, now in self._used().items()}
        told = json.loads(printed.splitlines()[-1])
        self.requests.sent(min(told["sent"], count))
        limited = told["limited"]
        if told["unexpected"] or told["broken"] or not told["answers"] or (limited and not self._may_be_limited):
            raise RuntimeError(f"not every answer was a {self.status}: {told}")
        if told["sent"] >= count:
            self._rate *= 2
            raise RanOut
        self._rate = told["answers"] / told["seconds"]
        return Round(told["answers"], self._rate, cores, told["p50"], told["p99"], limited, used=used)

    def _used(self) -> dict[str, Usage]:
        return {whose: usage_of(pids()) for whose, pids in self._processes.items()}


class Recorded:
    """Run replays at the same time against our server; every response must have its row in the log."""

    def __init__(self, ledger: Ledger, *replays: Replay) -> None:
        self._ledger = ledger
        self._replays = replays

    def __call__(self, seconds: int) -> Round:
        """Run a round and return that of the first replay."""
        with ExitStack() as stack, ThreadPoolExecutor() as executor:
            all_ready = [stack.enter_context(replay.signed(seconds)) for replay in self._replays]
            self._ledger.go_on()
            rounds = [*executor.map(_call, all_ready)]
        answers = {
            # Requests over a limit have no row.
            replay.status: ran.answers - ran.limited
            for replay, ran in zip(self._replays, rounds, strict=True)
        }
        self._ledger.check(answers, CONNECTIONS)
        return replace(rounds[0], beside=sum(ran.rate for ran in rounds[1:]))


def _call(go: Callable[[], Round]) -> Round:
    return go()


def run_generator(command: list[str], **options: Any) -> tuple[str, float]:
    """Run a load generator and return its output and the number of cores that it used."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, **options)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        output.seek(0)
        printed = output.read()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {printed}")
    return printed, (usage.ru_utime + usage.ru_stime) / seconds


def alternate(
    contenders: Mapping[str, Contender], rounds: int, seconds: int, *, warm_up: bool = True
) -> dict[str, list[Round]]:
    """Run the contenders in turn, round after round; return their rounds by name."""
    if warm_up:
        for contender in contenders.values():
            run(contender, 1)
    ran: dict[str, list[Round]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, contender in contenders.items():
            ran[name].append(run(contender, seconds))
            print(f"{name}, round {number} of {rounds}: {ran[name][-1].rate:.0f}/s", file=sys.stderr)
    return ran


def run(contender: Contender, seconds: int) -> Round:
    """Run a round; repeat it with more requests if there were too few."""
    while True:
        try:
            return contender(seconds)
        except RanOut:
            continue


def rate(rounds: Mapping[str, list[Round]], name: str) -> float | None:
    """Return the median rate of a contender; None if it did not run."""
    return median(ran.rate for ran in rounds[name]) if name in rounds else None


def ratio_of_rates(rounds: Mapping[str, list[Round]], name: str, other: str) -> float:
    """Return the median ratio of two contenders' rates, compared round by round."""
    return median(ours.rate / theirs.rate for ours, theirs in zip(rounds[name], rounds[other], strict=True))


def tails(rounds: list[Round]) -> list[float]:
    """Return p99 / p50 of each round."""
    return [ran.p99 / ran.p50 for ran in rounds if ran.p50 and ran.p99]


def table(rounds: Mapping[str, list[Round]]) -> Table:
    """Return a table with a row for each contender."""
    return Table(
        ["contender", "a second", "p50 ms", "p99 ms", "p99 / p50", "cores of the load generator", "each round"],
        [_row(name, ran) for name, ran in rounds.items()],
    )


def _row(name: str, rounds: list[Round]) -> list[object]:
    p50, p99 = ([ran.p50 for ran in rounds if ran.p50], [ran.p99 for ran in rounds if ran.p99])
    latencies = [median(p50), median(p99), median(tails(rounds))] if p50 else [None, None, None]
    each = ", ".join(show(ran.rate) for ran in rounds)
    return [name, median(ran.rate for ran in rounds), *latencies, median(ran.generator for ran in rounds), each]
