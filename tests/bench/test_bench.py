import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bench.mail import Ledger, Mail, Moves
from bench.slow_flush import slow_flushes
from daas.settings import Settings

from ..support.actors import Application
from ..support.servers import ROOT

DATABASES = ("SQLite", "PostgreSQL")
FIGURE = r"[0-9][0-9.,]*"
#: The beginnings of the rows that the results must have.
ROWS = [
    *(f"{name} | bare view as for {name}" for name in DATABASES),
    "PostgreSQL | pgbench",
    *(f"{name} | service" for name in DATABASES),
    "PostgreSQL | PostgreSQL",
    *(f"bare view as for {name} | view" for name in DATABASES),
    *(f"{name}: {error} | {name}: bare view" for name in DATABASES for error in ("bad signature", "unknown key")),
    *(f"{name}: moves in a flood | {name}: moves alone" for name in DATABASES),
    *(f"{name}: moves in a flood without a limit | {name}: moves alone" for name in DATABASES),
    *(
        f"{name}: {call} | {name}: bare view"
        for name in DATABASES
        for call in ("a page of 100", "read of 100 KB", "part of 70 KB")
    ),
    "1,000 messages",
    "10,000 messages",
    "10 applications",
    "100 applications",
    "1,000 log rows",
    "10,000 log rows",
    *("SQLite, worker 1", "PostgreSQL, worker 1", "PostgreSQL, worker 2"),
    *(f"{name}: the first answer within 2.5 s" for name in DATABASES),
    *(f"{name}, now | bare view as for {name}" for name in DATABASES),
    *(f"{name}, now" for name in DATABASES),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is missing: apt-get install wrk")
    output = tmp_path_factory.mktemp("bench") / "RESULTS.md"
    command: list[str | Path] = [sys.executable, "-m", "bench", "--quick", "--before", ROOT, "--output", output]
    subprocess.run(command, cwd=ROOT, check=True)
    return output.read_text()


@pytest.mark.alone
@pytest.mark.parametrize("row", ROWS)
def test_quick_bench_has_a_figure_in_every_row(results: Any, row: str) -> None:
    assert re.search(rf"^\| {re.escape(row)} \| {FIGURE}", results, flags=re.MULTILINE)


@pytest.mark.alone
@pytest.mark.parametrize("database", [*DATABASES, "SQLite, each flush 2 ms slower"])
def test_quick_bench_compares_now_with_another_commit(results: Any, database: Any) -> None:
    assert re.search(
        rf"^\| {database}, now \| {database}, [0-9a-f]+\+? \| {FIGURE} \| {FIGURE} \| {FIGURE} \|$",
        results,
        flags=re.MULTILINE,
    )


@pytest.mark.alone
@pytest.mark.parametrize("row", [f"{name} | Dovecot, {other}" for name in DATABASES for other in ("Maildir", "sdbox")])
def test_quick_bench_measures_dovecot_or_shows_how_to_install(results: Any, row: str) -> None:
    assert re.search(
        rf"^\| {re.escape(row)} \| ({FIGURE} \| {FIGURE} \| {FIGURE}|not measured: .*`apt-get install [a-z- ]+`)",
        results,
        flags=re.MULTILINE,
    )


def test_consecutive_moves_of_a_message_change_its_folder() -> None:
    mail = Mail(messages=100)
    folders = {str(message): ["Inbox"] for message in range(1, mail.messages + 1)}
    moves = Moves(mail)
    for sent in (150, 1, 449):
        for request in moves.sign(sent):
            requested = parse_qs(request.partition(b"\r\n\r\n")[2].decode())
            folders[requested["id"][0]] += requested["folder"]
        moves.sent(sent)
    assert {len(each) for each in folders.values()} == {7}
    assert not [each for each in folders.values() for one, next_ in pairwise(each) if one == next_]


def test_response_without_row_is_found(settings: Settings, application: Application) -> None:
    ledger = Ledger(settings)
    ledger.go_on()
    application.move(folder="Sent")
    ledger.check({200: 1}, connections=0)
    with pytest.raises(RuntimeError, match="these answers were counted"):
        ledger.check({200: 2}, connections=0)


def test_row_without_response_is_found(settings: Settings, application: Application) -> None:
    ledger = Ledger(settings)
    ledger.go_on()
    application.move(folder="Sent")
    application.move(id="0")
    with pytest.raises(RuntimeError, match="these answers were counted"):
        ledger.check({200: 1}, connections=8)


def test_move_without_effect_is_found(settings: Settings, application: Application) -> None:
    ledger = Ledger(settings)
    ledger.go_on()
    application.move(folder="Inbox")
    with pytest.raises(RuntimeError, match="moved nothing"):
        ledger.check({200: 1}, connections=0)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is missing: apt-get install gcc")
def test_commit_of_sqlite_waits_for_slow_flush(tmp_path: Path) -> None:
    commit = (
        "import sqlite3, sys, time; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "database.execute('PRAGMA journal_mode = WAL'); database.execute('PRAGMA synchronous = FULL'); "
        "started = time.monotonic(); database.execute('CREATE TABLE t (n)'); print(time.monotonic() - started)"
    )
    environ = {**os.environ, **slow_flushes(tmp_path / "slow_flush.so", 200_000)}
    command: list[str | Path] = [sys.executable, "-c", commit, tmp_path / "a.db"]
    printed = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    assert float(printed) >= 0.2
