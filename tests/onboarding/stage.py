"""The demo and the browser, as the tests and `make screenshots` start them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from daas.settings import Settings, load_settings
from daas.signing.mechanism import KeyPair

from ..support.servers import ROOT, LiveServer, environment

#: A name of this machine that browsers do not know as such: its pages are no secure context.
INSECURE_HOST = "daas.test"


@dataclass(frozen=True)
class Demo:
    """The result of `make run`: a directory with the demo's file, and the running service."""

    directory: Path
    settings: Settings
    server: LiveServer
    keys: KeyPair

    def run(self, script: str, seconds: float = 60) -> str:
        """Run commands of a page in the shell that the page names, and return their output."""
        done = subprocess.run(
            ["bash", "-c", f"set -e\n{script}"],
            cwd=self.directory,
            env=environment(self.settings),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert (done.returncode, done.stderr.replace("200 OK\n", "")) == (0, ""), script
        return done.stdout


@contextmanager
def start_demo(directory: Path) -> Iterator[Demo]:
    """Create the demo in an empty directory, as `make run` does, and serve it."""
    (directory / "instance").mkdir(mode=0o700)
    (directory / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (directory / "examples").symlink_to(ROOT / "examples")
    settings = load_settings({"DAAS_DATABASE_URL": f"sqlite:///{directory / 'instance/daas.db'}"})
    for command in (["db", "upgrade"], ["demo"]):
        subprocess.run(
            [directory / ".venv/bin/daas", *command],
            cwd=directory,
            env=environment(settings),
            check=True,
            capture_output=True,
        )
    facts = dotenv_values(directory / "instance" / "demo.env")
    with LiveServer.start(settings) as live:
        yield Demo(directory, settings, live, KeyPair(facts["DAAS_PUBLIC_KEY"] or "", facts["DAAS_PRIVATE_KEY"] or ""))


@contextmanager
def start_chromium(executable: str) -> Iterator[Any]:
    """Start the system's Chromium without a window."""
    from playwright.sync_api import sync_playwright

    # Chromium's sandbox does not start for root, as which CI runs; only our own pages are opened.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments = [*sandbox, f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()
