"""Measure the memory of a worker, and the time from a start to the first response."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from daas.settings import Settings

from .checkouts import THIS, Checkout
from .load import Recorded, Replay, run
from .mail import Ledger, Mail, Moves
from .report import Section, Table, Target, show
from .services import Gunicorn
from .stage import DATABASES, Stage

_LARGEST_MEBIBYTES = 80
_GROWTH = 1.05
_START_SECONDS = 2.5


def measure(stage: Stage) -> Section:
    """Measure the workers after some moves and after ten times as many, and several starts."""
    few, many = (200, 2_000) if stage.quick else (10_000, 100_000)
    mail = Mail()
    memory: list[list[object]] = []
    starts: list[list[object]] = []
    targets = []
    for kind, name in DATABASES.items():
        settings = stage.database(kind, mail)
        moves = Moves(mail)
        seconds = [start(settings, moves, [])[0] for _ in range(stage.rounds)]
        starts.append([name, median(seconds), ", ".join(map(show, seconds))])
        found = start(settings, moves, [few, many])[1]
        growth = [late / early for early, late in zip(*found, strict=True)]
        memory += [[f"{name}, worker {n}", *row] for n, row in enumerate(zip(*found, growth, strict=True), start=1)]
        most = max(found[1])
        targets += [
            Target(f"{name}: under {_LARGEST_MEBIBYTES} MiB a worker", f"{show(most)} MiB", most < _LARGEST_MEBIBYTES),
            Target(
                f"{name}: a worker grows at most {_GROWTH} times in {many:,} requests",
                f"{max(growth):.3f}",
                max(growth) <= _GROWTH,
            ),
            Target(
                f"{name}: the first answer within {_START_SECONDS} s",
                f"{show(median(seconds))} s",
                median(seconds) <= _START_SECONDS,
            ),
        ]
    return Section(
        "Memory and start",
        [
            "The proportional set size of a worker: what it shares with others counts in part.",
            Table(["", f"MiB after {few:,} requests", f"after {many:,}", "growth"], memory),
            "From the start of gunicorn to the first move that is answered:",
            Table(["database", "seconds", "starts"], starts),
        ],
        targets,
    )


def start(
    settings: Settings, moves: Moves, counts: Sequence[int], checkout: Checkout = THIS
) -> tuple[float, list[list[float]]]:
    """Start a server; return the seconds until its first response, and each worker's MiB after so many moves."""
    request = moves.sign(1)[0]
    moves.sent(1)
    started = time.monotonic()
    with Gunicorn.serve(settings, checkout) as service:
        answer = service.answer(request)
        seconds = time.monotonic() - started
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the first answer is {answer!r}")
        replay = Recorded(Ledger(settings), Replay(service.url, moves))
        answered = 0
        found = []
        for count in counts:
            while answered < count:
                answered += run(replay, 1).answers
            found.append([_pss(worker) for worker in service.workers()])
    return seconds, found


def _pss(pid: int) -> float:
    """Return the memory of a process in MiB (its proportional share of shared pages)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.findall(r"^Pss: +(\d+) kB", rollup, flags=re.MULTILINE)[0]) / 1024
