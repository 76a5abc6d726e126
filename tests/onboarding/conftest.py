"""A real browser over the real server, and the demo that the pages speak of."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dotenv import dotenv_values

from daas.settings import Settings, load_settings
from daas.signing.mechanism import KeyPair

from ..conftest import ENCRYPTION_KEY
from ..servers import ROOT, LiveServer, environment

#: A name that leads to this machine, but that no browser takes for it: what it serves is no secure context.
INSECURE_HOST = "daas.test"


@pytest.fixture(scope="package")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install playwright", exc_type=ImportError
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    # Chromium's sandbox does not start for root, whom CI runs as; nothing but our own pages is opened.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments = [*sandbox, f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page of a browser that has never been anywhere; a test fails if a script of the page does."""
    context = browser.new_context()
    page = context.new_page()
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []


@pytest.fixture(scope="package")
def pages_server() -> Iterator[LiveServer]:
    """The service while its database is away: no page asks it."""
    nobody = "postgresql+psycopg://daas@127.0.0.1:1/daas"
    settings = load_settings({"DAAS_DATABASE_URL": nobody, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY})
    with LiveServer.start(settings) as live:
        yield live


@dataclass(frozen=True)
class Demo:
    """What `make run` leaves: a directory with the demo's file, and the service over it."""

    directory: Path
    settings: Settings
    server: LiveServer
    keys: KeyPair

    def run(self, script: str) -> str:
        """Run what a page shows, in the shell that it asks for, and give what that prints."""
        done = subprocess.run(
            ["bash", "-c", f"set -e\n{script}"],
            cwd=self.directory,
            env=environment(self.settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr.replace("200 OK\n", "")) == (0, ""), script
        return done.stdout


@pytest.fixture(scope="package")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demo over an embedded database, as the pages say it is made."""
    for command in ("curl", "openssl"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is missing: install it from the system's packages")
    directory = tmp_path_factory.mktemp("demo")
    (directory / "instance").mkdir(mode=0o700)
    (directory / ".venv").mkdir()
    (directory / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
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
