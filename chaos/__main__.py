"""The command line: `python -m chaos [--quick] [--results FILE] [SCENARIO...]`; exit status 1 if one fails."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from .postgresql import PostgreSQL
from .results import results
from .scenarios import SCENARIOS, run
from .trial import POSTGRESQL, SQLITE, Missing, Report


def main() -> int:
    """Run the named scenarios, one after the other, print a report of each, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Real failures against the real server.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all, unless named: " + ", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="fewer failures, fewer clients")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL], help="only on this database")
    parser.add_argument("--results", type=Path, metavar="FILE", help="also write the reports to this file")
    options = parser.parse_args()
    if unknown := {*options.scenarios} - {*SCENARIOS}:
        parser.error(f"there is no scenario {min(unknown)}")
    reports: list[Report] = []
    with ExitStack() as at_end:
        postgresql: PostgreSQL | None = None
        for name in options.scenarios or SCENARIOS:
            for database in SCENARIOS[name].databases:
                if options.database not in {None, database}:
                    continue
                try:
                    if database == POSTGRESQL and postgresql is None:
                        postgresql = at_end.enter_context(PostgreSQL.start())
                    report = run(SCENARIOS[name], database, postgresql, quick=options.quick)
                except Missing as missing:
                    report = Report(name, database, [f"skipped: {missing}"])
                print(report, flush=True)
                reports.append(report)
    if options.results:
        options.results.write_text(results(reports))
    return int(any(report.errors for report in reports))


sys.exit(main())
