"""Measure how the cost of a move grows with the data: statements, rows, pages and time, one move at a time."""

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import psycopg

from daas.app import create_app
from daas.settings import Settings
from daas.storage.engine import db

from .in_process import InProcess
from .mail import Mail, Moves
from .report import Section, Table, Target, show
from .services import start_postgresql
from .stage import DATABASES, Stage

_COUNTED = 50
_SLOWER = 1.25


#: Reduce the figures of a round to one.
Average = Callable[[Sequence[float]], float]


@dataclass
class Database:
    """A database, in which respect it is larger than the smallest, averages for a move, and milliseconds by round."""

    mail: Mail
    grows: str
    subject: InProcess
    counts: dict[str, float]
    rounds: list[list[float]] = field(default_factory=list)

    def milliseconds(self, average: Average) -> float:
        """Return the milliseconds of a move in the median round."""
        return median(map(average, self.rounds))

    def slower_than(self, other: "Database", average: Average) -> float:
        """Return the ratio of a move's time to that in another database: the median of the rounds."""
        return median(average(ours) / average(theirs) for ours, theirs in zip(self.rounds, other.rounds, strict=True))


def measure(stage: Stage) -> Section:
    """Count and time moves in databases, each of which is larger in one respect."""
    moves_of_round = 30 if stage.quick else 500
    parts: list[str | Table] = [_EXPLANATION]
    targets: list[Target] = []
    with start_postgresql(stage.path("postgresql"), preload="pg_stat_statements") as postgresql:
        counting = replace(stage, postgresql=postgresql)
        for kind, name in DATABASES.items():
            with ExitStack() as stack:
                databases = [_open(stack, counting, kind, mail, grows) for mail, grows in _sizes(stage.quick)]
                for number in range(1, counting.rounds + 1):
                    for database in databases:
                        database.rounds.append(database.subject.move(moves_of_round))
                    print(f"{name}, round {number} of {counting.rounds} of the sizes", file=sys.stderr)
            smallest = databases[0]
            ranges = {
                grows: [smallest, *(database for database in databases if database.grows == grows)]
                for grows in dict.fromkeys(database.grows for database in databases[1:])
            }
            parts += [f"### {name}", _table(ranges)]
            for grows, growing in ranges.items():
                targets += _targets(f"{name}, {_spoken(grows, growing)}", growing)
    return Section("What a move costs", parts, targets)


_EXPLANATION = (
    "In one process without a server, one move after the other, each with a key that is not remembered, so that it is "
    "looked up. In brackets: relative to the first of the range. "
    "*Pages from root to leaf* are those of one descent in each table and index that the statements open; *pages "
    "touched* are counted by the server. A b-tree that holds a thousand times as much is a level or two deeper. "
    "The mean time counts for the target: the checkpoints are in it."
)


def _sizes(quick: bool) -> Iterator[tuple[Mail, str]]:
    """Return the sizes of mail to measure: the smallest, and by name those that are larger in one respect."""
    smallest = Mail(messages=1_000, applications=10, log_rows=1_000)
    yield smallest, ""
    for messages in (10_000,) if quick else (100_000, 1_000_000):
        yield replace(smallest, messages=messages), "messages"
    yield replace(smallest, applications=100 if quick else 10_000), "applications"
    yield replace(smallest, log_rows=10_000 if quick else 1_000_000), "log_rows"


def _open(stack: ExitStack, stage: Stage, kind: str, mail: Mail, grows: str) -> Database:
    settings = stage.database(kind, mail)
    app = create_app(settings)
    subject = InProcess(app, Moves(mail))

    def close() -> None:
        with app.app_context():
            db.engine.dispose()

    stack.callback(close)
    # The first use of each key is written, which is not what is counted: each key is used once before.
    count = _count_sqlite if kind == "sqlite" else _count_postgresql
    return Database(mail, grows, subject, count(subject, settings, mail.applications))


def _spoken(grows: str, growing: Sequence[Database]) -> str:
    numbers = " to ".join(f"{getattr(database.mail, grows):,}" for database in (growing[0], growing[-1]))
    return f"{numbers} {grows.replace('_', ' ')}"


def _table(ranges: Mapping[str, Sequence[Database]]) -> Table:
    names = [*next(iter(ranges.values()))[0].counts]
    rows = []
    for grows, growing in ranges.items():
        first = growing[0]
        for database in growing:
            counted = [_beside(database.counts[name], database.counts[name] / first.counts[name]) for name in names]
            times = [
                _beside(database.milliseconds(average), database.slower_than(first, average))
                for average in (fmean, median)
            ]
            rows.append([f"{getattr(database.mail, grows):,} {grows.replace('_', ' ')}", *counted, *times])
    return Table(["of a move", *names, "mean ms", "median ms"], rows)


def _beside(value: float, relative: float) -> str:
    return f"{show(float(value))} ({relative:.2f})"


def _targets(spoken: str, growing: Sequence[Database]) -> Iterator[Target]:
    for count in ("statements", "levels of the deepest index"):
        found = [database.counts[count] for database in growing]
        yield Target(f"{spoken}: the same {count}", " → ".join(map(show, found)), len({*found}) == 1)
    slower = max(database.slower_than(growing[0], fmean) for database in growing)
    yield Target(f"{spoken}: at most {_SLOWER} times the mean time", f"{slower:.2f}", slower <= _SLOWER)


# The SQLite driver's connections are recorded here as they are opened.
_noting: list[list[sqlite3.Connection]] = []


def _note_connection(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "sqlite3.connect/handle":
        for connections in _noting:
            connections.append(arguments[0])


sys.addaudithook(_note_connection)


def _count_sqlite(subject: InProcess, settings: Settings, warm_up: int) -> dict[str, float]:
    """Count what moves do, on the connections that the service opened for the first moves."""
    connections: list[sqlite3.Connection] = []
    _noting.append(connections)
    subject.move(warm_up)
    _noting.clear()
    path = settings.database_url.database or ""
    statements: list[str] = []
    steps: list[None] = []
    with closing(sqlite3.connect(path)) as outside:
        outside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        changes = sum(connection.total_changes for connection in connections)
        for connection in connections:
            connection.set_trace_callback(statements.append)
            connection.set_progress_handler(lambda: steps.append(None), 1)
        subject.move(_COUNTED)
        for connection in connections:
            connection.set_trace_callback(None)
            connection.set_progress_handler(None, 1)
        changes = sum(connection.total_changes for connection in connections) - changes
        (page_size,) = outside.execute("PRAGMA page_size").fetchone()
        depths = dict(outside.execute(_DEPTHS).fetchall())
        own = [statement for statement in statements if not statement.startswith("--")]
        opened = [depths[root] for statement in own for root in _trees(outside, statement)]
    return {
        "statements": len(own) / _COUNTED,
        "rows written": changes / _COUNTED,
        "pages from root to leaf": sum(opened) / _COUNTED,
        "levels of the deepest index": max(opened),
        "pages written": Path(f"{path}-wal").stat().st_size // (page_size + _FRAME_HEAD) / _COUNTED,
        "steps of the virtual machine": len(steps) / _COUNTED,
    }


# Bytes of the header before each page in the write-ahead log.
_FRAME_HEAD = 24
# Each tree with its root page; the path of a page has a slash for each level.
_DEPTHS = (
    "SELECT min(CASE path WHEN '/' THEN pageno END), max(length(path) - length(replace(path, '/', ''))) "
    "FROM dbstat GROUP BY name"
)


def _trees(connection: sqlite3.Connection, statement: str) -> list[int]:
    """Return the root pages of the tables and indexes that a statement opens."""
    if re.match(r"(?i)\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement) is None:
        return []
    program = connection.execute(f"EXPLAIN {statement}").fetchall()
    return [p2 for _, opcode, _, p2, p3, *_ in program if opcode in {"OpenRead", "OpenWrite"} and p3 == 0]


def _count_postgresql(subject: InProcess, settings: Settings, warm_up: int) -> dict[str, float]:
    """Count what moves do, with the server's statistics of statements."""
    subject.move(warm_up)
    url = settings.database_url.set(drivername="postgresql")
    with psycopg.connect(
        url.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    ) as outside:
        outside.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        outside.execute("SELECT pg_stat_statements_reset()")
        subject.move(_COUNTED)
        counted = outside.execute(_STATEMENTS, [url.database]).fetchone() or ()
    with psycopg.connect(url.render_as_string(hide_password=False)) as inside:
        inside.execute("CREATE EXTENSION pageinspect")
        (deepest,) = inside.execute(_DEEPEST).fetchone() or (0,)
    names = ("statements", "rows", "pages touched", "records of the write-ahead log")
    averages = {name: float(number) / _COUNTED for name, number in zip(names, counted, strict=True)}
    return {**averages, "levels of the deepest index": deepest}


_STATEMENTS = """
    SELECT sum(calls), sum(rows), sum(shared_blks_hit + shared_blks_read), sum(wal_records)
    FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
    WHERE datname = %s AND toplevel
"""
_DEEPEST = """
    SELECT max((bt_metap(indexrelid::regclass::text)).level) + 1
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relname IN ('application', 'application_service', 'application_mailbox', 'mailbox', 'folder', 'message',
                      'request_log')
"""
