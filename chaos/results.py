"""Format the reports as a page."""

import os
import platform
import sqlite3
from collections.abc import Iterable
from importlib.metadata import version

from .trial import Report

_HEAD = """# Which failures the service withstood

Real failures under load. After each, the database is checked: every 200 has its row in the log, the rows of each
message form a chain that ends in its folder, every message is in exactly one place, and the lists of the service agree.
`make chaos` writes this page; the figures are from one machine.
"""


def results(reports: Iterable[Report]) -> str:
    """Return the page: a section for each scenario, a paragraph for each database."""
    parts = f"Python {platform.python_version()}, gunicorn {version('gunicorn')}, SQLite {sqlite3.sqlite_version}"
    page = [_HEAD, f"Run on {os.cpu_count()} cores, clients included, with {parts}.\n"]
    last = ""
    for report in reports:
        if report.scenario != last:
            page.append(f"## {report.scenario}\n")
            last = report.scenario
        verdict = f"{len(report.errors)} errors" if report.errors else "no errors"
        page.append("\n".join([f"**{report.database}**: {verdict}", "", *(f"- {note}" for note in report.notes), ""]))
    return "\n".join(page)
