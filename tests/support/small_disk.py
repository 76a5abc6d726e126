"""A small disk of its own, which a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NoDisk(Exception):
    """A small disk cannot be mounted here; the text says what is missing."""


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Mount a disk in memory of a size such as `8m` at a new folder; raise NoDisk if that is impossible."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False, capture_output=True
    )
    if mounted.returncode:
        raise NoDisk("a disk of its own cannot be mounted: run this as root")
    try:
        yield path
    finally:
        # Lazily: this process may still have a file on it open.
        subprocess.run(["umount", "--lazy", path], check=True)


def fill_up(path: Path) -> None:
    """Write a file until the disk is full."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(os.sysconf("SC_PAGESIZE"))):
            pass
