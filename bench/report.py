"""The results: tables, targets, and the machine."""

import datetime
import os
import platform
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A target, and the figure that was measured."""

    wanted: str
    found: str
    reached: bool


@dataclass(frozen=True)
class Table:
    """A table; floats are shown with three digits."""

    heads: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        lines = [self.heads, ["---"] * len(self.heads), *self.rows]
        return "\n".join(f"| {' | '.join(map(show, line))} |" for line in lines)


@dataclass
class Section:
    """A part of the results: its title, paragraphs and tables in order, and targets."""

    title: str
    parts: list[str | Table]
    targets: list[Target] = field(default_factory=list)


def show(value: object) -> str:
    """Return a cell's text: a float with three digits, None as a dash."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_markdown(how: str, of: Table, sections: Sequence[Section], *, judged: bool) -> str:
    """Return the page of results: method and machine first; if `judged`, with whether targets were reached."""
    verdicts = {True: "reached", False: "**not reached**"} if judged else {True: "-", False: "-"}
    targets = [target for section in sections for target in section.targets]
    parts = [
        "# Results of `make bench`",
        how,
        of,
        "## Targets",
        Table(["to reach", "found", ""], [[each.wanted, each.found, verdicts[each.reached]] for each in targets]),
    ]
    for section in sections:
        parts += [f"## {section.title}", *section.parts]
    return "\n\n".join(map(str, parts)) + "\n"


def machine(directory: Path, postgresql: Path) -> Table:
    """Return a table of the machine and the versions, without anything that identifies the machine.

    `directory` is where the databases were, `postgresql` the server's program.
    """
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ["flask", "werkzeug", "gunicorn", "sqlalchemy", "psycopg", "marshmallow", "cryptography"]
    rows = [
        ("date", datetime.datetime.now(datetime.UTC).date().isoformat()),
        ("processor", model[1] if model else platform.machine()),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", platform.release()),
        ("file system of the databases", file_system(directory)),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in packages),
        ("SQLite", sqlite3.sqlite_version),
        ("PostgreSQL and pgbench", _printed_version(postgresql, "--version", r"([0-9.]+)")),
        ("wrk", _printed_version("wrk", "-v", r"wrk (?:debian/)?(\S+)")),
        ("Dovecot", _printed_version("dovecot", "--version", r"(\S+)")),
    ]
    return Table(["machine and versions", ""], rows)


def file_system(directory: Path) -> str:
    """Return the type of a folder's file system."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [(len(point), kind) for point, kind in mounts if directory.resolve().is_relative_to(point)]
    return max(inside)[1]


def _printed_version(command: str | Path, option: str, pattern: str) -> str:
    if shutil.which(command) is None:
        return "-"
    printed = subprocess.run([command, option], check=False, capture_output=True, text=True)
    found = re.search(pattern, printed.stdout + printed.stderr)
    return found[1] if found else "?"
