"""The `daas` command as an operator runs it: in this process, or as a process of its own."""

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from daas.cli import main
from daas.settings import Settings

from .servers import environment

_EXECUTABLE = Path(sys.executable).with_name("daas")
_numbers = itertools.count(1)


def new_name(word: str) -> str:
    """Return a name that no other test uses, valid for a mailbox, an application or a folder."""
    return f"{word}{next(_numbers)}-{os.getpid()}"


def all_commands(
    group: click.Group = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that call it, groups left out."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, (*words, name))
        else:
            yield (*words, name), command


@dataclass(frozen=True)
class Outcome:
    """The exit status and output of a command."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()


class Commands:
    """The command line over the database of some settings, with a working directory of its own."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory

    def run(self, *args: str | Path, **environ: str) -> Outcome:
        """Run a command in this process, which is quick; an unexpected exception of the command is raised."""
        env = {**{name: None for name in os.environ if name.startswith("DAAS_")}, **self._environment(environ)}
        with contextlib.chdir(self.directory):
            result = CliRunner(catch_exceptions=False).invoke(main, [str(arg) for arg in args], env=env)
        return Outcome(result.exit_code, result.stdout_bytes, result.stderr)

    def json(self, *args: str | Path, **environ: str) -> Any:
        """Run a command with --json, which must succeed, and return the value on its standard output."""
        outcome = self.run(*args, "--json", **environ)
        assert (outcome.status, outcome.stderr) == (0, "")
        return json.loads(outcome.stdout)

    def error(self, *args: str | Path, **environ: str) -> str:
        """Run a command that must fail with one sentence on standard error, and return the sentence."""
        return sentence_of(self.run(*args, **environ))

    def wrong_usage(self, *args: str | Path, **environ: str) -> str:
        """Run a command with wrong arguments, and return the usage error."""
        outcome = self.run(*args, **environ)
        assert (outcome.status, outcome.stdout) == (2, b"")
        assert outcome.stderr.startswith("Usage: ")
        return outcome.stderr

    def start(self, *args: str | bytes | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start the real command as a process of its own; `options` are arguments of Popen."""
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        env = self._environment(options.pop("environ", {}))
        return subprocess.Popen([_EXECUTABLE, *args], cwd=self.directory, env=env, **{**defaults, **options})

    def run_at_once(self, count: int, *args: str | Path, program: str = "daas.cli.main(sys.argv[1:])") -> list[Outcome]:
        """Run a command, or a program, in several processes, which all begin once every process has started."""
        wait = "import sys, daas.app, daas.cli; print(flush=True); sys.stdin.readline(); "
        pipes = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
        command = [sys.executable, "-c", wait + program, *args]
        processes = [
            subprocess.Popen(command, cwd=self.directory, env=self._environment({}), **pipes)  # type: ignore[call-overload]
            for _ in range(count)
        ]
        for process in processes:
            process.stdout.readline()
        for process in processes:
            process.stdin.write(b"\n")
            process.stdin.flush()
        results = [(*process.communicate(timeout=60), process.returncode) for process in processes]
        return [Outcome(status, stdout, stderr.decode()) for stdout, stderr, status in results]

    def run_apart(self, *args: str | bytes | Path, **environ: str) -> Outcome:
        """Run the real command as a process of its own."""
        with self.start(*args, environ=environ) as process:
            stdout, stderr = process.communicate(timeout=60)
        return Outcome(process.returncode, stdout, stderr.decode())

    def _environment(self, environ: dict[str, str]) -> dict[str, str]:
        return environment(self.settings, **environ)


def sentence_of(outcome: Outcome) -> str:
    """Return the one sentence with which a command failed."""
    assert (outcome.status, outcome.stdout) == (1, b"")
    match = re.fullmatch(r"Error: ([^\n]+[.?])\n", outcome.stderr)
    assert match is not None, outcome.stderr
    return match[1]
