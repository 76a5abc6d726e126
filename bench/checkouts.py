"""The code that is measured: this checkout, and those of other commits."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daas.settings import Settings
from tests.support.servers import ROOT, environment


@dataclass(frozen=True)
class Checkout:
    """A checkout of the project, and the folder of the programs of its virtual environment."""

    path: Path
    programs: Path

    @classmethod
    def at(cls, path: Path) -> "Checkout":
        """Return the checkout in a folder, whose virtual environment is in `.venv`, as `make` creates it."""
        return cls(path.resolve(), path.resolve() / ".venv" / "bin")

    @cached_property
    def commit(self) -> str:
        """The short name of the commit; it ends in `+` if the files are not those of the commit."""
        command = ["git", "-C", str(self.path), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, settings: Settings, *arguments: str) -> None:
        """Run a command of `daas`."""
        command = [str(self.programs / "daas"), *arguments]
        subprocess.run(command, cwd=self.path, env=environment(settings), check=True, stdout=subprocess.DEVNULL)


#: The code that measures.
THIS = Checkout(ROOT, Path(sys.executable).parent)
