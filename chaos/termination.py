"""Scenario: SIGTERM under load."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Semaphore

from .held import held
from .trial import Trial

# Fewer than the service has threads, so that the other threads serve requests.
_HALF_SENT = 3


def termination(trial: Trial) -> None:
    """Stop the service with SIGTERM while requests wait for a lock and others are half sent; restart it."""
    times = 1 if trial.quick else 8
    ends: list[float] = []
    trial.start()
    mailbox = trial.application.mailbox
    with trial.load(16) as load:
        for _ in range(times):
            trial.journal.await_moves(100)
            sent, rest_may_come = Semaphore(0), Event()
            pause = partial(_wait, sent, rest_may_come)
            with ThreadPoolExecutor(_HALF_SENT) as pool:
                with held(trial.settings):
                    half_sent = [
                        pool.submit(trial.client().move, mailbox, mailbox.message, "Draft", pause)
                        for _ in range(_HALF_SENT)
                    ]
                    are_sent = all(sent.acquire(timeout=30) for _ in half_sent)
                    trial.require(are_sent, "Requests could not be half sent.")
                    time.sleep(0.5)  # Until the service has accepted them.
                    signalled = time.monotonic()
                    trial.service.send(signal.SIGTERM)
                    time.sleep(0.5)
                rest_may_come.set()
            for move in half_sent:
                trial.require(move.result().moved, f"A half sent request got {move.result().status}.")
            trial.require(trial.service.wait() == 0, "The master did not end with status 0.")
            ends.append(time.monotonic() - signalled)
            for attempt in trial.journal.attempts:
                under_way = attempt.began < signalled < attempt.ended
                trial.require(not under_way or attempt.answer is not None, "A request in progress got no response.")
            trial.service.start()
        trial.journal.await_moves(100)
    cut_off = sum(attempt.cut_off for attempt in trial.journal.attempts)
    trial.require(cut_off == 0, f"{cut_off} responses were incomplete.")
    trial.note(
        f"SIGTERM {times} times under {load.clients} clients, with every thread busy: requests that wait for a lock, "
        f"and {_HALF_SENT} half sent ones; ended within {max(ends):.1f} s and started again"
    )
    # The lost connections are those on which a request arrived after the service had stopped reading.
    trial.check(may_lose=True, in_doubt=())


def _wait(sent: Semaphore, rest_may_come: Event) -> None:
    """Signal that half of the request is sent, and wait until the rest may be sent."""
    sent.release()
    rest_may_come.wait()
