"""The command line: `python -m chaos [--quick] [--results FILE] [SCENARIO...]`; exit status 1 if one is violated."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from .postgresql import PostgreSQL
from .results import results
from .scenarios import SCENARIOS, run
from .trial import POSTGRESQL, SQLITE, Missing, Report


def main() -> int:
    """Run the scenarios asked for, one after the other, and say of each what was seen."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Real failures against the real server.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all, unless named: " + ", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="fewer failures, fewer clients")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL], help="on this one alone")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write what was seen to this file too")
    asked = parser.parse_args()
    if unknown := {*asked.scenarios} - {*SCENARIOS}:
        parser.error(f"there is no scenario {min(unknown)}")
    reports: list[Report] = []
    with ExitStack() as at_end:
        postgresql: PostgreSQL | None = None
        for name in asked.scenarios or SCENARIOS:
            for database in SCENARIOS[name].databases:
                if asked.database not in {None, database}:
                    continue
                try:
                    if database == POSTGRESQL and postgresql is None:
                        postgresql = at_end.enter_context(PostgreSQL.start())
                    report = run(SCENARIOS[name], database, postgresql, quick=asked.quick)
                except Missing as missing:
                    report = Report(name, database, [f"skipped: {missing}"])
                print(report, flush=True)
                reports.append(report)
    if asked.results:
        asked.results.write_text(results(reports))
    return int(any(report.violations for report in reports))


sys.exit(main())
