"""A small disk of its own, which a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NoDisk(Exception):
    """A disk of its own cannot be had here; the text says how."""


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Make a folder that is a disk of a size such as `8m`, in memory; raises NoDisk."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False, capture_output=True
    )
    if mounted.returncode:
        raise NoDisk("a disk of its own cannot be mounted: run this as root")
    try:
        yield path
    finally:
        # Lazily: this process may have a file of it open still.
        subprocess.run(["umount", "--lazy", path], check=True)


def fill_up(path: Path) -> None:
    """Write a file until the disk takes no more."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(os.sysconf("SC_PAGESIZE"))):
            pass
