"""Measure batches on each database, beside the same rows written by Python alone, and others' moves meanwhile."""

import datetime
import http.client
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
from sqlalchemy import create_engine, text

from daas.settings import Settings
from tests.support.actors import FORM, authorization, now

from .load import Contender, Replay, Round, alternate, ratio_of_rates, run, table
from .mail import Mail, Moves
from .report import Section, Table, Target, show
from .services import Gunicorn
from .stage import DATABASES, Stage

_BATCH = "/direct/messages/move/batch"
_MESSAGES = 1_000
# Messages of the batches' own mailbox: each is moved in turn.
_OWN_MESSAGES = 10_000
_FOLDERS = ("Inbox", "Sent")
#: Messages a second that batches of 1,000 must reach.
_LEAST = {"sqlite": 25_000, "postgresql": 12_000}
_MOST_BESIDE = 5.0


def measure(stage: Stage) -> Section:
    """Run batches and the same rows without a service in turn, then moves of others alone and beside batches."""
    mail = Mail()
    rows, targets = [], []
    tails: list[list[object]] = []
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:
        others: dict[str, tuple[Replay, Batches]] = {}
        for kind, name in DATABASES.items():
            settings = stage.database(kind, mail)
            own = add_mailbox(settings)
            service = stack.enter_context(Gunicorn.serve(settings))
            batches = Batches(service.url, mail, own)
            contenders[name] = batches
            contenders[_bare(name)] = Bare(settings, own)
            others[name] = Replay(service.url, Moves(mail)), batches
        rounds = alternate(contenders, stage.rounds, stage.seconds, warm_up=not stage.quick)
        for kind, name in DATABASES.items():
            rate = median(ran.rate for ran in rounds[name])
            rows.append([name, rate, ratio_of_rates(rounds, name, _bare(name))])
            wanted = f"{name}: at least {_LEAST[kind]:,} messages a second in batches of {_MESSAGES:,}"
            targets.append(Target(wanted, show(rate), rate >= _LEAST[kind]))
            alone, beside = _tails(*others[name], stage)
            tails.append([name, alone, beside, beside / alone])
            wanted = f"{name}: moves beside batches keep their p99 under {_MOST_BESIDE:.0f} times"
            targets.append(Target(wanted, show(beside / alone), beside / alone < _MOST_BESIDE))
    return Section(
        "Batches",
        [
            f"One client sends batches of {_MESSAGES:,} messages, one after the other. Beside it, Python alone writes "
            "the same rows in one transaction: the update of each message, and its row of the log.",
            Table(["database", "messages a second", "of the same rows from Python alone"], rows),
            table(rounds),
            "Moves of single messages over 8 connections, alone and while another client sends batches.",
            Table(["database", "p99 ms alone", "p99 ms beside batches", "ratio"], tails),
        ],
        targets,
    )


def _tails(replay: Replay, batches: "Batches", stage: Stage) -> tuple[float, float]:
    """Return the median p99 of moves alone, and beside batches."""
    alone, beside = [], []
    for _ in range(stage.rounds):
        alone.append(run(replay, stage.seconds).p99 or 0.0)
        with ThreadPoolExecutor(1) as pool:
            batch = pool.submit(batches, stage.seconds + 1)
            beside.append(run(replay, stage.seconds).p99 or 0.0)
            batch.result()
    return median(alone), median(beside)


def add_mailbox(settings: Settings) -> range:
    """Add a mailbox for batches, which the first application may use, and return the ids of its messages."""
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        run_sql: Callable[..., Any] = lambda sql, **values: connection.execute(text(sql), values)  # noqa: E731
        box = run_sql("INSERT INTO mailbox (name, suspended) VALUES ('bench.batches', false) RETURNING id").scalar_one()
        folders = [
            run_sql(
                "INSERT INTO folder (mailbox_id, name, standard) VALUES (:box, :name, true) RETURNING id",
                box=box,
                name=name,
            ).scalar_one()
            for name in _FOLDERS
        ]
        run_sql("INSERT INTO application_mailbox (application_id, mailbox_id) VALUES (1, :box)", box=box)
        run_sql(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows) "
            "INSERT INTO message (mailbox_id, folder_id) SELECT :box, :folder FROM numbers",
            rows=_OWN_MESSAGES,
            box=box,
            folder=folders[0],
        )
        first = run_sql("SELECT min(id) FROM message WHERE mailbox_id = :box", box=box).scalar_one()
    engine.dispose()
    return range(first, first + _OWN_MESSAGES)


class Batches:
    """A client that sends batches one after the other; every message must move."""

    def __init__(self, url: str, mail: Mail, ids: range) -> None:
        self._address = urlsplit(url).netloc
        self._mail = mail
        self._ids = ids
        self._sent = 0

    def __call__(self, seconds: int) -> Round:
        """Run a round."""
        moved = 0
        with closing(http.client.HTTPConnection(self._address)) as connection:
            began = time.monotonic()
            while (took := time.monotonic() - began) < seconds:
                connection.request("POST", _BATCH, *self._request())
                response = connection.getresponse()
                body = json.loads(response.read())
                if response.status != 200 or len(body["moved"]) != _MESSAGES:
                    raise RuntimeError(f"{response.status}: not every message moved")
                moved += _MESSAGES
        return Round(moved, moved / took, 0.0)

    def _request(self) -> tuple[bytes, dict[str, str]]:
        per_turn = len(self._ids) // _MESSAGES
        turn, place = divmod(self._sent, per_turn)
        self._sent += 1
        ids = self._ids[place * _MESSAGES : (place + 1) * _MESSAGES]
        folder = _FOLDERS[(turn + 1) % 2]
        date = now()
        pairs = [("mailbox", "bench.batches"), ("folder", folder), *(("id", id_) for id_ in ids)]
        authorized = authorization(self._mail.keys(0), date=date, uri=_BATCH)
        return urlencode(pairs).encode(), {"Date": date, "Content-Type": FORM, "Authorization": authorized}


class Bare:
    """The rows of batches, written from Python in one transaction for each batch, without a service."""

    def __init__(self, settings: Settings, ids: range) -> None:
        self._settings = settings
        self._ids = [*ids[:_MESSAGES]]

    def __call__(self, seconds: int) -> Round:
        """Run a round."""
        is_sqlite = self._settings.embedded_database is not None
        url = self._settings.database_url
        connection: Any
        if is_sqlite:
            connection = sqlite3.connect(str(url.database), isolation_level=None)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        else:
            dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
            connection = psycopg.connect(dsn, autocommit=True)
        mark = "?" if is_sqlite else "%s"
        place = f"UPDATE message SET previous_folder_id = folder_id, folder_id = {mark} WHERE id = {mark}"
        columns = (
            "at, remote_address, application, service, method, path, status, reason, duration_ms, mailbox, message"
        )
        columns += ", folder, folder_from, folder_to, unbound, batch"
        log = f"INSERT INTO request_log ({columns}) VALUES ({', '.join([mark] * 16)})"
        moved = 0
        with closing(connection):
            cursor = connection.cursor()
            query = f"SELECT id FROM folder WHERE mailbox_id = (SELECT mailbox_id FROM message WHERE id = {mark})"
            folders = [row[0] for row in cursor.execute(query + " ORDER BY id", [self._ids[0]]).fetchall()]
            began = time.monotonic()
            while (took := time.monotonic() - began) < seconds:
                turn = (moved // _MESSAGES + 1) % 2
                at: Any = datetime.datetime.now(datetime.UTC)
                at = str(at) if is_sqlite else at
                row = [at, "127.0.0.1", "bench 0", "direct/messages/move", "POST", _BATCH, 200, "moved", 1.5]
                names = [_FOLDERS[turn], _FOLDERS[1 - turn], _FOLDERS[turn], True, 1]
                cursor.execute("BEGIN IMMEDIATE" if is_sqlite else "BEGIN")
                cursor.executemany(place, [(folders[turn], id_) for id_ in self._ids])
                cursor.executemany(log, [(*row, "bench.batches", str(id_), *names) for id_ in self._ids])
                cursor.execute("COMMIT")
                moved += _MESSAGES
        return Round(moved, moved / took, 0.0)


def _bare(name: str) -> str:
    return f"the same rows on {name}"
