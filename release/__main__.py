"""Build a release into a directory, which is made: `python -m release DIR`."""

import re
import shutil
import sys
from pathlib import Path

import click

import daas

from .build import build_release, uncommitted_changes

CHECKOUT = Path(__file__).parents[1]


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--draft", is_flag=True, help="Build what is not committed or has no section in the changelog yet.")
def main(directory: Path, *, draft: bool) -> None:
    """Build the release of daas.__version__ into DIR, in which nothing else is left."""
    if not draft:
        _check_checkout()
    if directory.exists():
        shutil.rmtree(directory)
    for file in build_release(CHECKOUT, daas.__version__, directory):
        click.echo(file)


def _check_checkout() -> None:
    version = daas.__version__
    if changes := uncommitted_changes(CHECKOUT):
        sys.exit(f"The checkout has changes that are not committed:\n{changes.rstrip()}")
    changelog = (CHECKOUT / "CHANGELOG.md").read_text()
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        sys.exit(f"CHANGELOG.md has no section `## {version} - <date>`: see CONTRIBUTING.md, A release.")


if __name__ == "__main__":
    main()
