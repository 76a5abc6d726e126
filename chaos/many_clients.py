"""Scenarios: many clients that move the same messages."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.support.builders import Mailbox

from .load import places
from .trial import Trial

_CLIENTS = 64
Plan = Sequence[tuple[Mailbox, str, str]]


def one_message(trial: Trial) -> None:
    """Let 64 clients move one message at the same time, each to its own folder."""
    moves = 4 if trial.quick else 50
    trial.start(mailboxes=1, folders=_CLIENTS - 4, messages=1)
    mailbox = trial.application.mailbox
    _move_at_once(trial, [[(mailbox, mailbox.message, folder)] * moves for folder in places(mailbox)])


def many_messages(trial: Trial) -> None:
    """Let 64 clients move the same messages at the same time, each in its own order."""
    messages, each = (1000, 16) if trial.quick else (1000, 1000)
    trial.start(mailboxes=1, messages=messages)
    mailbox = trial.application.mailbox
    choose = random.Random(1)
    _move_at_once(
        trial,
        [
            [(mailbox, message, choose.choice(places(mailbox))) for message in choose.sample(mailbox.messages, each)]
            for _ in range(_CLIENTS)
        ],
    )


def _move_at_once(trial: Trial, plans: Sequence[Plan]) -> None:
    """Let one client for each plan make its moves; all begin at the same time."""
    start = Barrier(len(plans))

    def follow(plan: Plan) -> None:
        client = trial.client()
        start.wait(timeout=30)
        for mailbox, message, folder in plan:
            # So many clients at once may get a 503; nothing is moved then.
            for _ in range(10):
                if client.move(mailbox, message, folder).status != 503:
                    break
                time.sleep(0.2)

    began = time.monotonic()
    with ThreadPoolExecutor(len(plans)) as pool:
        for _ in pool.map(follow, plans):
            pass
    seconds = time.monotonic() - began
    messages = {message for plan in plans for _, message, _ in plan}
    trial.note(f"{len(plans)} clients, {len(plans[0]):,} moves each of {len(messages):,} messages, in {seconds:.1f} s")
    due = sum(map(len, plans))
    trial.require(trial.journal.moves == due, f"{due:,} moves were requested, {trial.journal.moves:,} were made.")
    trial.check(also={503})
