"""Measure how long each layer of a move takes on each database, and the minimum that no code could avoid."""

import linecache
import os
import re
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from statistics import median
from types import CodeType, FrameType

from daas.app import create_app
from daas.storage.engine import db

from . import bare
from .in_process import InProcess
from .load import Replay, run
from .mail import Mail, Moves
from .moves import PgBench
from .report import Section, Table
from .services import BARE_VIEW, SERVICE, Gunicorn
from .stage import DATABASES, Stage

_SAMPLE_SECONDS = 0.001
_PAGE_BYTES = 4096
_SYNCS = 200
_SECONDS = 1
_WARM_UP = 50

_STATEMENTS, _COMMIT = "statements", "commit"
# The layer of a module: the first prefix that matches.
_LAYERS = {
    "flask_sqlalchemy": "database layer",
    "sqlalchemy": "database layer",
    "daas.storage.engine": "database layer",
    "daas.storage.transactions": "database layer",
    "daas.storage.group_commit": "database layer",
    "daas.storage.timeouts": "database layer",
    "daas.storage.writer_queue": "database layer",
    "daas.storage.postgresql": "database layer",
    "psycopg": _STATEMENTS,
    "cryptography": "authentication",
    "daas.signing": "authentication",
    "daas.web.authentication": "authentication",
    "daas.direct.api": "authentication",
    "daas.applications.lookup": "authentication",
    "daas.web.arguments": "arguments",
    "daas.direct.schemas": "arguments",
    "marshmallow": "arguments",
    "flask": "framework",
    "werkzeug": "framework",
    "daas": "the rest of the service",
}
_REST = "elsewhere"
_ORDER = [*dict.fromkeys(["framework", "authentication", "arguments", *_LAYERS.values(), _COMMIT, _REST])]


def measure(stage: Stage) -> Section:
    """Time single moves on a server and in this process, by layer, and the unavoidable parts."""
    mail = Mail()
    with ExitStack() as stack:
        probes = {name: Probe(stack, stage, kind, mail) for kind, name in DATABASES.items()}
        pgbench = PgBench(stage.database("postgresql", mail), mail)
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in probes}
        for number in range(1, stage.rounds + 1):
            for name, probe in probes.items():
                rounds[name].append(probe.measure())
                print(f"{name}, round {number} of {stage.rounds} by layers", file=sys.stderr)
            rounds["PostgreSQL"][-1]["the statements by pgbench"] = 1000 / pgbench(_SECONDS, clients=1).rate
    names = dict.fromkeys(name for found in rounds.values() for name in found[0])
    rows = [[name, *(_median_of(name, found) for found in rounds.values())] for name in names]
    return Section(
        "Where the time goes",
        [
            "Milliseconds, one request at a time. The layers add up to a move in this process; a sample is taken every "
            "millisecond and counts for the time since the last one. *Statements* are the driver and what it waits "
            "for; on PostgreSQL they commit as well, where no commit is apart. The last rows are the floor: what an "
            "empty Flask view, the disk and the server take without the service.",
            Table(["", *rounds], rows),
        ],
    )


def _median_of(name: str, found: list[dict[str, float]]) -> float | None:
    return median(each[name] for each in found) if name in found[0] else None


class Probe:
    """The service and the bare view with one database, on their servers and in this process."""

    def __init__(self, stack: ExitStack, stage: Stage, kind: str, mail: Mail) -> None:
        settings = stage.database(kind, mail)
        moves = Moves(mail)
        urls = [stack.enter_context(Gunicorn.serve(target, settings)).url for target in (SERVICE, BARE_VIEW)]
        self._served, self._bare_served = (Replay(url, moves, connections=1) for url in urls)
        self._app = create_app(settings)
        stack.callback(self._close)
        self._in_process, self._bare_in_process = (InProcess(app, moves) for app in (self._app, bare.app))
        self._count = 100 if stage.quick else 1_000
        self._synced = stage.path("synced")
        self._in_process.move(_WARM_UP)

    def measure(self) -> dict[str, float]:
        """Return the milliseconds of each part."""
        served, bare_served = (run(replay, _SECONDS).p50 or 0.0 for replay in (self._served, self._bare_served))
        bare_in_process = median(self._bare_in_process.move(self._count))
        return {
            "a move over HTTP": served,
            "HTTP server and socket": bare_served - bare_in_process,
            **self._layers(),
            "the bare view over HTTP": bare_served,
            "the bare view in process": bare_in_process,
            "a write to the disk that waits for it": self._sync(),
        }

    def _layers(self) -> dict[str, float]:
        with _sampled() as spent:
            milliseconds = sum(self._in_process.move(self._count)) / self._count
        total = sum(spent.values())
        layers = {f"of it {layer}": milliseconds * spent[layer] / total for layer in _ORDER}
        return {"a move in process": milliseconds, **layers}

    def _sync(self) -> float:
        milliseconds = []
        with self._synced.open("wb", buffering=0) as file:
            for _ in range(_SYNCS):
                started = time.perf_counter()
                file.write(bytes(_PAGE_BYTES))
                os.fdatasync(file.fileno())
                milliseconds.append((time.perf_counter() - started) * 1000)
        return median(milliseconds)

    def _close(self) -> None:
        with self._app.app_context():
            db.engine.dispose()


@contextmanager
def _sampled() -> Iterator[dict[str, float]]:
    """Measure the seconds spent in each layer."""
    spent: dict[str, float] = defaultdict(float)
    last = time.perf_counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.perf_counter()
        spent[_layer_of(frame)] += now - last
        last = now

    before = signal.signal(signal.SIGALRM, sample)
    signal.setitimer(signal.ITIMER_REAL, _SAMPLE_SECONDS, _SAMPLE_SECONDS)
    try:
        yield spent
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _layer_of(innermost: FrameType | None) -> str:
    """Return the layer of the innermost frame that has one; a commit counts wherever it is called."""
    found = None
    frame = innermost
    while frame is not None:
        layer, commits, executes = _look_at(frame.f_code, frame.f_lineno or 0, frame.f_globals["__name__"])
        if commits:
            return _COMMIT
        if frame is innermost and executes:
            found = _STATEMENTS
        found = found or layer
        frame = frame.f_back
    return found or _REST


@cache
def _look_at(code: CodeType, line: int, module: str) -> tuple[str | None, bool, bool]:
    """Return the layer of a line of code, and whether it commits or runs a statement."""
    layer = next((layer for prefix, layer in _LAYERS.items() if f"{module}.".startswith(prefix)), None)
    text = linecache.getline(code.co_filename, line)
    commits = layer is not None and re.search(r"\bcommit\(|\"COMMIT\"", text) is not None
    executes = layer is not None and re.search(r"\b(execute|fetch\w*)\(", text) is not None
    return layer, commits, executes
