"""Writes what was seen as a page."""

import os
import platform
import sqlite3
from collections.abc import Iterable
from importlib.metadata import version

from .trial import Report

_HEAD = """# What the service bore

Real failures under load, each ended by checking the ledger: every 200 has its row in the log, the rows of each message
are a chain that ends where it is, no message is in two places or none, and the lists of the service agree.
`make chaos` writes this page; nothing in it is a promise about another machine.
"""


def results(reports: Iterable[Report]) -> str:
    """Give the page: a section for each scenario, a paragraph for each database."""
    parts = f"Python {platform.python_version()}, gunicorn {version('gunicorn')}, SQLite {sqlite3.sqlite_version}"
    page = [_HEAD, f"Seen on {os.cpu_count()} cores, clients included, with {parts}.\n"]
    last = ""
    for report in reports:
        if report.scenario != last:
            page.append(f"## {report.scenario}\n")
            last = report.scenario
        verdict = f"{len(report.violations)} violations" if report.violations else "holds"
        page.append("\n".join([f"**{report.database}**: {verdict}", "", *(f"- {note}" for note in report.notes), ""]))
    return "\n".join(page)
