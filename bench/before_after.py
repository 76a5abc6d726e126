"""Compare this code with other commits: moves, memory and start, and moves on a disk whose flushes are slow."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from . import footprint
from .checkouts import THIS, Checkout
from .load import CONNECTIONS, Contender, Recorded, Replay, Round, alternate, rate, ratio_of_rates, table
from .mail import Ledger, Mail, Moves
from .report import Section, Table, Target, show
from .services import Gunicorn
from .slow_flush import slow_flushes
from .stage import DATABASES, Stage

_SLOWER_BY_MICROSECONDS = 2_000
_SLOW = "SQLite, each flush 2 ms slower"
# The rounds of one contender differ by more than this on a shared machine.
_LEAST = 0.95


@dataclass
class _Footprint:
    """What the starts of one checkout have shown on one database: seconds, and MiB of each worker."""

    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)


def measure(stage: Stage) -> Section:
    """Let the code of each checkout and a bare view under stock gunicorn take turns."""
    if not stage.before:
        return Section("Before and after", ["Not measured: name a checkout of another commit with `--before`."])
    checkouts = [*stage.before, THIS]
    moves = _compare_moves(stage, checkouts)
    footprints = _compare_footprints(stage, checkouts)
    ratios = [
        (_name(database, THIS), other, ratio_of_rates(moves, _name(database, THIS), other))
        for database in (*DATABASES.values(), _SLOW)
        for other in [*(_name(database, checkout) for checkout in stage.before), _bare(database)]
        if other in moves
    ]
    return Section(
        "Before and after",
        [
            f"*Now* is commit `{THIS.commit}`; it is compared with "
            f"{' and '.join(f'`{checkout.commit}`' for checkout in stage.before)}. {CONNECTIONS} connections; a ratio "
            "is the median of the rounds' own ratios. The bare view runs in gunicorn with its default settings, and as "
            "many workers and threads.",
            Table(
                ["moves", "beside", "ratio", "moves a second", "the other, a second"],
                [[ours, other, found, rate(moves, ours), rate(moves, other)] for ours, other, found in ratios],
            ),
            table(moves),
            f"Memory is the proportional set size of a worker after {_moves_before_memory(stage):,} moves; a start "
            "ends with the first answered move. Medians.",
            Table(
                ["", "MiB of a worker", "start, seconds", "starts"],
                [
                    [name, median(found.mebibytes), median(found.seconds), ", ".join(map(show, found.seconds))]
                    for name, found in footprints.items()
                ],
            ),
        ],
        [
            Target(f"{ours}: at least {_LEAST} of {other}", show(found), found >= _LEAST)
            for ours, other, found in ratios
            if not other.startswith("bare view")
        ],
    )


def _compare_moves(stage: Stage, checkouts: Sequence[Checkout]) -> dict[str, list[Round]]:
    mail = Mail()
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:

        def add(database: str, kind: str, **environ: str) -> None:
            for checkout in checkouts:
                settings = stage.database(kind, mail, checkout)
                service = stack.enter_context(Gunicorn.serve(settings, checkout, **environ))
                contenders[_name(database, checkout)] = Recorded(Ledger(settings), Replay(service.url, Moves(mail)))

        for kind, database in DATABASES.items():
            add(database, kind)
            bare = stack.enter_context(Gunicorn.serve_bare_view(stage.settings(kind)))
            contenders[_bare(database)] = Replay(bare.url, Moves(mail))
        if shutil.which("cc"):
            add(_SLOW, "sqlite", **slow_flushes(stage.path("slow_flush.so"), _SLOWER_BY_MICROSECONDS))
        else:
            print("cc is missing: nothing is measured with slow flushes", file=sys.stderr)
        return alternate(contenders, stage.rounds, stage.seconds, warm_up=not stage.quick)


def _compare_footprints(stage: Stage, checkouts: Sequence[Checkout]) -> dict[str, _Footprint]:
    mail = Mail()
    found: dict[str, _Footprint] = {}
    for kind, database in DATABASES.items():
        states = {checkout: (stage.database(kind, mail, checkout), Moves(mail)) for checkout in checkouts}
        for _ in range(stage.rounds):
            for checkout, (settings, moves) in states.items():
                seconds, (mebibytes,) = footprint.start(settings, moves, [_moves_before_memory(stage)], checkout)
                each = found.setdefault(_name(database, checkout), _Footprint())
                each.seconds.append(seconds)
                each.mebibytes += mebibytes
    return found


def _moves_before_memory(stage: Stage) -> int:
    return 200 if stage.quick else 2_000


def _name(database: str, checkout: Checkout) -> str:
    return f"{database}, {'now' if checkout is THIS else checkout.commit}"


def _bare(database: str) -> str:
    return f"bare view as for {database}"
