"""The pages in a real browser: no errors, no other hosts, accessible."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ..support.builders import Builder
from ..support.servers import LiveServer
from .console import Console
from .pages import CONSOLE, DOCUMENTATION, PAGES

pytestmark = pytest.mark.slow

SCHEMES = ["light", "dark"]
NOT_THERE = "/nothing/here"


@pytest.fixture
def watched(browser: Browser, pages_server: Any) -> Iterator[Any]:
    """Return a function that opens a page in a colour scheme and records the browser's errors and requests."""
    contexts = []

    def watch(path: Any, *, server: LiveServer | None = None, scheme: Any = "light", **options: Any) -> Any:
        context = browser.new_context(color_scheme=scheme, **options)
        contexts.append(context)
        page: Any = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((server or pages_server).url + path)
        return page

    yield watch
    for context in contexts:
        context.close()


def errors_found(page: Page) -> Any:
    """Return the errors that axe finds: the rule and the elements."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing: pip install axe-playwright-python"
    )
    found = axe.Axe().run(page).response["violations"]
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in found]


@pytest.mark.parametrize("path", PAGES)
def test_page_loads_without_errors_and_only_from_this_host(watched: Any, pages_server: Any, path: str) -> None:
    page = watched(path)
    assert page.complaints == []
    assert len(page.asked) >= 2
    assert all(url.startswith(pages_server.url + "/") for url in page.asked)
    assert page.locator('nav [aria-current="page"]').count() == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", [*PAGES, NOT_THERE])
def test_axe_finds_no_error_on_page(watched: Any, path: str, scheme: str) -> None:
    page = watched(path, scheme=scheme)
    for width in (1200, 768, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert errors_found(page) == [], width


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_error_on_console_in_use(watched: Any, server: LiveServer, build: Builder, scheme: str) -> None:
    caller = build.application(mailboxes=[build.mailbox()], explain_401=True)
    console = Console(watched(CONSOLE, server=server, scheme=scheme), server.url, caller.keys)
    console.fill(mailbox=caller.mailbox.name)
    assert console.send()[0] == 200
    assert errors_found(console.page) == []
    console.choose("Move a message")
    console.sign_by_hand(lambda text: text + "\n")
    assert console.send()[0] == 401
    assert errors_found(console.page) == []


def test_axe_finds_an_error_if_there_is_one(watched: Any) -> None:
    page = watched(DOCUMENTATION)
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert [rule for rule, _ in errors_found(page)] == ["image-alt"]


@pytest.mark.parametrize("path", [*PAGES, NOT_THERE])
def test_page_fits_narrow_screen(watched: Any, path: str) -> None:
    page = watched(path, viewport={"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("path", PAGES)
def test_page_can_be_printed(watched: Any, path: str) -> None:
    page = watched(path, scheme="dark")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Pages").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"


def test_first_tab_skips_the_navigation(watched: Any) -> None:
    page = watched(DOCUMENTATION)
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Skip to the content").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_policy_blocks_script_of_other_host(watched: Any) -> None:
    page = watched(DOCUMENTATION)
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            """() => new Promise((done) => {
                const script = document.createElement("script");
                script.src = "http://localhost:1/x.js";
                script.onerror = done;
                document.head.append(script);
            })"""
        )
