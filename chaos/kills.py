"""Scenario: SIGKILL."""

import random
import signal

from .trial import Trial


def kills(trial: Trial) -> None:
    """Kill single workers, then the master, then master and workers at once."""
    worker_kills, group_kills = (3, 1) if trial.quick else (10, 3)
    choose = random.Random(1)
    trial.start()
    with trial.load() as load:
        for _ in range(worker_kills):
            trial.journal.await_moves(50)
            choose.choice(trial.service.workers).kill()
        trial.journal.await_moves(50)
        trial.service.send(signal.SIGKILL)
        trial.service.wait()
        # The remaining workers end by themselves and release the port, for which the next master waits.
        trial.service.start()
        for _ in range(group_kills):
            trial.journal.await_moves(50)
            trial.service.kill_all()
            trial.service.start()
        trial.journal.await_moves(50)
    trial.note(
        f"SIGKILL under {load.clients} clients: to a worker {worker_kills} times, to the master alone, "
        f"to all at once {group_kills} times; started again each time"
    )
    trial.check(may_lose=True)
