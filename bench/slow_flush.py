"""A slow disk, simulated: each flush of a process takes longer than it does on this machine."""

import subprocess
from pathlib import Path


def slow_flushes(library: Path, microseconds: int) -> dict[str, str]:
    """Compile `slow_flush.c` as `library`, and return the environment of a process whose flushes it makes slower."""
    source = Path(__file__).with_name("slow_flush.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {"LD_PRELOAD": str(library), "SLOW_FLUSH_MICROSECONDS": str(microseconds)}
