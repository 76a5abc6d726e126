"""Measure processor time and context switches for each response, in the server and in its database."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .report import Table

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Processor time in seconds, and context switches, of some processes."""

    seconds: float = 0.0
    switches: int = 0

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(self.seconds - before.seconds, self.switches - before.switches)


#: The observed processes by owner; called each time, since a database starts new processes.
Processes = dict[str, Callable[[], Iterable[int]]]


def usage_of(pids: Iterable[int]) -> Usage:
    """Return what processes and their threads have used since they started."""
    ticks, switches = 0, 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # The process has ended.
            for task in Path(f"/proc/{pid}/task").iterdir():
                # After the program's name, which may contain anything, fields 12 and 13 are user and system time.
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
                switches += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())))
    return Usage(ticks / _TICKS_A_SECOND, switches)


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def table_of_usage(found: Mapping[str, Sequence[tuple[int, Mapping[str, Usage]]]]) -> Table:
    """Return a table of what a response used, by contender and process: medians of the rounds."""
    rows: list[list[object]] = []
    for contender, rounds in found.items():
        for whose in rounds[0][1]:
            used = [(usage[whose], answers) for answers, usage in rounds]
            milliseconds = median(usage.seconds * 1000 / answers for usage, answers in used)
            rows.append([contender, whose, milliseconds, median(usage.switches / answers for usage, answers in used)])
    return Table(["contender", "processes", "ms of a core an answer", "switches of threads an answer"], rows)
