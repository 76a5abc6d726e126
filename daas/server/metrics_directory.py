"""The directory in which the processes of one server share their metrics, in memory.

prometheus_client maps files with holes into memory: writing to a hole while the disk is full kills the process
(SIGBUS). A directory in memory does not depend on the data disk.
"""

import os
import shutil
import tempfile
from pathlib import Path

from ..monitoring.metrics import DIRECTORY

# mkdtemp() makes a directory in it that only this user can open.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # nosec B108


def make_metrics_directory() -> str:
    """Create the directory, let this process and its workers use it, and return its path."""
    made = os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="daas-metrics-", dir=_parent())
    return made


def remove_metrics_directory() -> None:
    """Remove the directory."""
    shutil.rmtree(os.environ[DIRECTORY], ignore_errors=True)


def remove_process(process_id: int) -> None:
    """Remove a process that has ended from the gauges; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead  # Only now: it reads the environment.

    mark_process_dead(process_id)  # type: ignore[no-untyped-call]


def _parent() -> Path:
    """Return where to create it: systemd's RuntimeDirectory, else shared memory, else the temporary directory."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    candidates = [Path(path) for path in (runtime, _SHARED_MEMORY) if path]
    usable = (path for path in candidates if path.is_dir() and os.access(path, os.W_OK | os.X_OK))
    return next(usable, Path(tempfile.gettempdir()))
