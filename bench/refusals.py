"""Measure rejected requests a second, and how a flood of them slows moves down."""

import secrets
from contextlib import ExitStack
from statistics import median

from daas.signing.mechanism import KeyPair

from .load import CONNECTIONS, Contender, Recorded, Replay, alternate, rate, ratio_of_rates, table
from .mail import Ledger, Mail, Moves
from .report import Section, Table, Target, show
from .services import Gunicorn
from .stage import DATABASES, Stage

_FAULTS = ("bad signature", "unknown key")


def measure(stage: Stage) -> Section:
    """Send requests that must be rejected, alone and beside moves."""
    mail = Mail()
    wrong = secrets.token_hex(32)
    keys = dict(zip(_FAULTS, (KeyPair(mail.keys(0).public_key, wrong), KeyPair(wrong, wrong)), strict=True))
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:
        for kind, name in DATABASES.items():
            settings = stage.database(kind, mail)
            url = stack.enter_context(Gunicorn.serve(settings)).url
            ledger = Ledger(settings)
            refused = {fault: Replay(url, Moves(mail, keys[fault]), status=401) for fault in _FAULTS}
            moves = Replay(url, Moves(mail))
            for fault in _FAULTS:
                contenders[f"{name}: {fault}"] = Recorded(ledger, refused[fault])
            bare = stack.enter_context(Gunicorn.serve_bare_view(settings)).url
            contenders[f"{name}: bare view"] = Replay(bare, Moves(mail))
            contenders[f"{name}: moves alone"] = Recorded(ledger, moves)
            contenders[f"{name}: moves in a flood without a limit"] = Recorded(ledger, moves, refused["bad signature"])
            shipped = stack.enter_context(Gunicorn.serve(settings, DAAS_FAILURE_LIMIT="")).url
            flood = Replay(shipped, Moves(mail, keys["bad signature"]), status=401, may_be_limited=True)
            contenders[f"{name}: moves in a flood"] = Recorded(ledger, Replay(shipped, moves.requests), flood)
        rounds = alternate(contenders, stage.rounds, stage.seconds, warm_up=not stage.quick)
    pairs = [(f"{name}: {fault}", f"{name}: bare view") for name in DATABASES.values() for fault in _FAULTS]
    as_shipped = [(f"{name}: moves in a flood", f"{name}: moves alone") for name in DATABASES.values()]
    floods = as_shipped + [(f"{flood} without a limit", alone) for flood, alone in as_shipped]
    ratios = {pair: ratio_of_rates(rounds, *pair) for pair in pairs + floods}
    flooded = [[name, median(ran.beside for ran in rounds[name])] for name, _ in floods]
    return Section(
        "Refusals",
        [
            f"Each refusal is a 401 with its row in the log. {CONNECTIONS} connections; the flood is of bad "
            "signatures, over as many more. As shipped, those over `DAAS_FAILURE_LIMIT` are a 429 without a row, a "
            "second later; the other figures are taken without that limit, as if each came from an address of its own.",
            Table(
                ["answers", "beside", "ratio", "answers a second", "the other, a second"],
                [[*pair, found, *(rate(rounds, name) for name in pair)] for pair, found in ratios.items()],
            ),
            table(rounds),
            Table(["in the flood", "refusals a second"], flooded),
        ],
        [
            Target(f"{pair[0]}: at least 0.5 of moves alone", show(ratios[pair]), ratios[pair] >= 0.5)
            for pair in as_shipped
        ],
    )
