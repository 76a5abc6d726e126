"""Scenario: PostgreSQL stops immediately and starts again."""

import time

from .journal import statuses
from .trial import Trial


def postgresql_stops(trial: Trial) -> None:
    """Stop PostgreSQL in immediate mode and restart it; the service keeps running."""
    stops, away = (1, 3) if trial.quick else (5, 8)
    recoveries = []
    meanwhile = []
    trial.start()
    with trial.load() as load:
        for _ in range(stops):
            trial.journal.await_moves(100)
            trial.postgresql.stop_at_once()
            gone = time.monotonic()
            time.sleep(away)
            # Requests that began and ended during the outage: none of them could move a message.
            meanwhile += trial.journal.since(gone)
            trial.postgresql.start_again()
            recoveries.append(trial.journal.await_moves(1))
    trial.note(f"PostgreSQL stopped in immediate mode {stops} times for {away} s under {load.clients} clients")
    trial.note(f"while it was away: {statuses(meanwhile)}; moves again {max(recoveries):.2f} s after it was back")
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "No client got a 503.")
    trial.require(not any(attempt.moved for attempt in meanwhile), "A client got a 200 while PostgreSQL was stopped.")
    # A client whose commit was interrupted does not know whether it succeeded.
    trial.check(also={503}, in_doubt={None, 503})
