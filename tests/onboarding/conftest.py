"""A real browser, the real server, and the demo that the pages use."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from daas.settings import load_settings

from ..conftest import ENCRYPTION_KEY
from ..support.servers import LiveServer
from .stage import Demo, start_chromium, start_demo


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install playwright", exc_type=ImportError
    )
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with start_chromium(chromium) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Any]:
    """Yield a page of a new browser profile; the test fails if a script of the page raises an error."""
    context = browser.new_context()
    page = context.new_page()
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []


@pytest.fixture(scope="package")
def pages_server() -> Iterator[LiveServer]:
    """Yield the service without a database, because no page uses it."""
    nobody = "postgresql+psycopg://daas@127.0.0.1:1/daas"
    settings = load_settings({"DAAS_DATABASE_URL": nobody, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY})
    with LiveServer.start(settings) as live:
        yield live


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    for command in ("curl", "openssl"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is missing: install it from the system's packages")
    with start_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo
