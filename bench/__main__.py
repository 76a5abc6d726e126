"""Run all measurements and write `bench/RESULTS.md`; `bench/README.md` lists the programs that it needs."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from . import batches, before_after, cost, footprint, moves, reads, refusals, report
from .checkouts import Checkout
from .services import postgresql_program
from .stage import Stage

PARTS = {
    "moves": moves.measure,
    "reads": reads.measure,
    "batches": batches.measure,
    "refusals": refusals.measure,
    "cost": cost.measure,
    "footprint": footprint.measure,
    "before-after": before_after.measure,
}


def main() -> None:
    """Run `python -m bench`."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each contender (%(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="seconds of a round (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of a second, small sizes: does it all work?")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this alone; may be repeated")
    parser.add_argument(
        "--before", type=Path, action="append", help="a checkout of another commit to compare with; may be repeated"
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"), help="where to write")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.seconds = 1
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: on Debian, `apt-get install wrk`.")
    with tempfile.TemporaryDirectory(prefix="daas-bench-") as name:
        directory = Path(name)
        if report.file_system(directory) == "tmpfs":
            sys.exit(f"{directory.parent} is in memory: let TMPDIR name a folder on a disk.")
        before = [Checkout.at(path) for path in options.before or ()]
        with Stage.open(
            directory, rounds=options.rounds, seconds=options.seconds, quick=options.quick, before=before
        ) as stage:
            of = report.machine(directory, postgresql_program("postgres"))
            sections = []
            for part in options.only or PARTS:
                sections.append(PARTS[part](stage))
                # Written after each part, so that a failure of the next part loses nothing.
                options.output.write_text(_page(options, of, sections))
    print(options.output.read_text())


def _page(options: argparse.Namespace, of: report.Table, sections: list[report.Section]) -> str:
    how = (
        "A quick look: it shows that everything works, and no figure to go by."
        if options.quick
        else f"Each figure is the median of {options.rounds} rounds, in which the contenders took turns; "
        f"a round of load takes {options.seconds} s."
    )
    return report.as_markdown(how, of, sections, judged=not options.quick)


if __name__ == "__main__":
    main()
