"""Measure moves a second on each database, beside a bare Flask view, pgbench and Dovecot."""

import json
import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from sqlalchemy import create_engine, text

from daas.settings import Settings

from .load import (
    CONNECTIONS,
    Contender,
    Recorded,
    Replay,
    Round,
    alternate,
    rate,
    ratio_of_rates,
    run_generator,
    table,
    tails,
)
from .mail import Ledger, Mail, Moves
from .processor import Processes, table_of_usage
from .report import Section, Table, Target, show
from .services import Gunicorn, postgresql_program, start_dovecot
from .stage import DATABASES, Stage

FORMATS = {"Dovecot, Maildir": "maildir:~/Maildir", "Dovecot, sdbox": "sdbox:~/sdbox"}
_HERE = Path(__file__).parent


def measure(stage: Stage) -> Section:
    """Run moves on the service, the bare view, pgbench and Dovecot in turn."""
    mail = Mail()
    contenders: dict[str, Contender] = {}
    missing = _missing_for_dovecot()
    with ExitStack() as stack:
        for kind, name in DATABASES.items():
            settings = stage.database(kind, mail)
            service = stack.enter_context(Gunicorn.serve(settings))
            bare = stack.enter_context(Gunicorn.serve_bare_view(settings))
            processes: Processes = {"service": service.workers}
            if kind == "postgresql":
                processes["PostgreSQL"] = stage.processes_of_postgresql
            contenders[name] = Recorded(Ledger(settings), Replay(service.url, Moves(mail), processes=processes))
            watched: Processes = {"view": bare.workers}
            contenders[_bare(name)] = Replay(bare.url, Moves(mail), processes=watched)
        contenders["pgbench"] = PgBench(stage.database("postgresql", mail), mail)
        if not missing:
            client = _compile_imap_client(stage.path("imap_moves"))
            for name, mail_location in FORMATS.items():
                messages = (400 if stage.quick else mail.messages) // CONNECTIONS
                port = stack.enter_context(start_dovecot(stage.path("dovecot"), mail_location, messages))
                contenders[name] = Imap(client, port)
        rounds = alternate(contenders, stage.rounds, stage.seconds, warm_up=not stage.quick)
    return _report(rounds, missing)


class PgBench:
    """The reads and writes of a move, as a script for pgbench."""

    def __init__(self, settings: Settings, mail: Mail) -> None:
        self._url = settings.database_url
        self._mail = mail
        self._ledger = Ledger(settings)

    def __call__(self, seconds: int, clients: int = CONNECTIONS) -> Round:
        """Run a round; all messages are in the Inbox at its beginning."""
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            inbox = "(SELECT id FROM folder WHERE mailbox_id = message.mailbox_id AND name = 'Inbox')"
            connection.execute(text(f"UPDATE message SET folder_id = {inbox}"))
            connection.execute(text("VACUUM message"))
        engine.dispose()
        self._ledger.go_on()
        variables = {
            "messages": self._mail.messages,
            "applications": self._mail.applications,
            "clients": clients,
            "turn": 0,
        }
        printed, cores = run_generator(
            [str(postgresql_program("pgbench"))]
            + [f"--client={clients}", f"--time={seconds}", "--protocol=prepared", "--no-vacuum"]
            + [f"--define={name}={value}" for name, value in variables.items()]
            + [f"--file={_HERE / 'move.pgbench.sql'}"]
            + [self._url.set(drivername="postgresql").render_as_string(hide_password=False)],
            stderr=subprocess.DEVNULL,
        )
        moved = int(_find(r"transactions actually processed: (\d+)", printed))
        self._ledger.check({200: moved}, 0)
        return Round(moved, float(_find(r"tps = ([0-9.]+)", printed)), cores)


class Imap:
    """IMAP's MOVE, by a client in C that does nothing else."""

    def __init__(self, client: Path, port: int) -> None:
        self._command = [str(client), str(port), str(CONNECTIONS)]

    def __call__(self, seconds: int) -> Round:
        """Run a round."""
        printed, cores = run_generator([*self._command, str(seconds)])
        told = json.loads(printed)
        return Round(told["answers"], told["answers"] / told["seconds"], cores, told["p50"], told["p99"])


def _find(pattern: str, printed: str) -> str:
    found = re.search(pattern, printed)
    if found is None:
        raise RuntimeError(f"not understood: {printed}")
    return found[1]


def _missing_for_dovecot() -> str:
    """Return what is missing for measuring Dovecot, or an empty text."""
    packages = {"dovecot": "dovecot-imapd", "cc": "gcc"}
    missing = [package for command, package in packages.items() if shutil.which(command) is None]
    return f"not measured: on Debian, `apt-get install {' '.join(missing)}`" if missing else ""


def _compile_imap_client(path: Path) -> Path:
    subprocess.run(["cc", "-O2", "-o", str(path), str(_HERE / "imap_moves.c")], check=True)
    return path


def _bare(name: str) -> str:
    return f"bare view as for {name}"


def _report(rounds: dict[str, list[Round]], missing: str) -> Section:
    pairs = [(name, _bare(name)) for name in DATABASES.values()]
    pairs += [("PostgreSQL", "pgbench")]
    pairs += [(name, other) for other in FORMATS for name in DATABASES.values()]
    ratios = {pair: ratio_of_rates(rounds, *pair) for pair in pairs if pair[1] in rounds}
    least = {_bare("SQLite"): 0.35, _bare("PostgreSQL"): 0.35, "pgbench": 0.3, "Dovecot, Maildir": 2.0}
    targets = [
        Target(f"{name}: at least {least[other]} of {other}", show(found), found >= least[other])
        for (name, other), found in ratios.items()
        if other in least
    ]
    for name in DATABASES.values():
        tail = median(tails(rounds[name]))
        targets.append(Target(f"{name}: p99 at most 10 times p50", show(tail), tail <= 10))
    used = {name: [(each.answers, each.used) for each in ran] for name, ran in rounds.items() if ran[0].used}
    return Section(
        "Moves",
        [
            f"{CONNECTIONS} connections. A ratio is the median of the rounds' own ratios. pgbench runs the reads and "
            "writes of a move as two prepared statements, the fewest there can be while no key is remembered. Dovecot "
            "has a user for each connection and keeps its own `mail_fsync`.",
            Table(
                ["moves", "beside", "ratio", "moves a second", "the other, a second"],
                [[*pair, ratios.get(pair, missing), *(rate(rounds, name) for name in pair)] for pair in pairs],
            ),
            table(rounds),
            "What they keep the processor busy with. A switch is a thread that gives way to another: it waits for the "
            "database, for the interpreter's lock or for the next request, and finds the core's caches full of what "
            "others needed when it goes on.",
            table_of_usage(used),
        ],
        targets,
    )
