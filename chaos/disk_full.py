"""Scenarios: no space for the SQLite file."""

import resource
import time
from collections.abc import Callable

from tests.support.small_disk import NoDisk, fill_up, small_disk

from .journal import statuses
from .trial import Missing, Trial


def disk_full(trial: Trial) -> None:
    """Fill the small disk that holds all files of the service, and free it again."""
    try:
        disk = trial.at_end.enter_context(small_disk(trial.directory / "data", "8m"))
    except NoDisk as error:
        raise Missing(str(error)) from None
    filler = disk / "filler"
    trial.start(TMPDIR=str(disk))
    _run_without_space(trial, lambda: fill_up(filler), filler.unlink)


def file_size_limited(trial: Trial) -> None:
    """Stop every file of the service from growing, as a quota does, and allow it again."""
    trial.start()

    def limit(size: int) -> None:
        for process in trial.service.workers:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    _run_without_space(trial, lambda: limit(4096), lambda: limit(resource.RLIM_INFINITY))


def _run_without_space(trial: Trial, take_space: Callable[[], None], free_space: Callable[[], None]) -> None:
    times, seconds = (1, 2) if trial.quick else (3, 8)
    meanwhile = []
    with trial.load():
        for _ in range(times):
            trial.journal.await_moves(100)
            take_space()
            began = time.monotonic()
            time.sleep(seconds)
            meanwhile += trial.journal.since(began)
            free_space()
        trial.journal.await_moves(100)
    trial.note(f"no space for {seconds} s, {times} times: {statuses(meanwhile)}")
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "No client got a 503.")
    trial.check(also={503})
