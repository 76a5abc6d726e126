"""No room for the SQLite file."""

import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .journal import statuses
from .trial import Missing, Trial


def disk_full(trial: Trial) -> None:
    """Fill the disk that all files of the service are on, a small one of its own, and make room again."""
    disk = trial.directory / "data"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        raise Missing("A disk of its own cannot be mounted: run this as root.")
    # Lazily: this process, which filled the database, may have a file of it open still.
    trial.at_end.callback(subprocess.run, ["umount", "--lazy", disk], check=True)
    filler = disk / "filler"
    trial.start(TMPDIR=str(disk))
    _without_room(trial, lambda: _fill(filler), filler.unlink)


def file_size_limited(trial: Trial) -> None:
    """Let no file of the service grow, as a quota does, and lift that again."""
    trial.start()

    def limit(size: int) -> None:
        for process in trial.service.workers:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    _without_room(trial, lambda: limit(4096), lambda: limit(resource.RLIM_INFINITY))


def _without_room(trial: Trial, take_room: Callable[[], None], give_room: Callable[[], None]) -> None:
    times, seconds = (1, 2) if trial.quick else (3, 8)
    meanwhile = []
    with trial.load():
        for _ in range(times):
            trial.journal.await_moves(100)
            take_room()
            began = time.monotonic()
            time.sleep(seconds)
            meanwhile += trial.journal.since(began)
            give_room()
        trial.journal.await_moves(100)
    trial.note(f"no room for {seconds} s, {times} times: {statuses(meanwhile)}")
    trial.require(any(attempt.status == 503 for attempt in meanwhile), "Nobody was told 503.")
    trial.check(also={503})


def _fill(path: Path) -> None:
    """Write a file until the disk takes no more."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(os.sysconf("SC_PAGESIZE"))):
                pass
        except OSError:
            return
