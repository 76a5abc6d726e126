"""The menu, the copy buttons, the tabs and the search of the pages, in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .pages import CONTACTS, DOCUMENTATION, ERRORS, SEND_EXAMPLE
from .stage import INSECURE_HOST
from .test_browser import errors_found

pytestmark = pytest.mark.slow

NARROW = {"width": 390, "height": 800}


@pytest.fixture
def opened(page: Any, pages_server: Any) -> Any:
    """Return a function that opens a page of the documentation."""

    def go(path: str) -> Any:
        page.goto(pages_server.url + path)
        return page

    return go


def test_navigation_is_behind_one_button_on_narrow_screens(opened: Any) -> None:
    page = opened(DOCUMENTATION)
    pages, button = page.get_by_role("navigation", name="Pages"), page.get_by_role("button", name="Menu")
    assert pages.is_visible()
    assert not button.is_visible()
    page.set_viewport_size(NARROW)
    assert not pages.is_visible()
    button.click()
    assert pages.is_visible()
    assert errors_found(page) == []
    page.keyboard.press("Escape")
    assert not pages.is_visible()
    assert page.evaluate("document.activeElement.className") == "menu"


def test_all_is_shown_without_javascript(browser: Browser, pages_server: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=NARROW)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(pages_server.url + SEND_EXAMPLE)
    assert page.get_by_role("navigation", name="Pages").is_visible()
    assert page.locator(".tabs pre.program:visible").count() == 8
    assert not page.get_by_role("searchbox").is_visible()
    assert not page.get_by_role("button", name="Menu").is_visible()
    context.close()


def test_code_is_copied_without_its_label(opened: Any) -> None:
    page = opened(SEND_EXAMPLE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "set -a; . instance/demo.env; set +a"


def test_code_is_selected_where_clipboard_is_denied(page: Page, pages_server: Any) -> None:
    page.goto(f"http://{INSECURE_HOST}:{pages_server.port}{SEND_EXAMPLE}")
    page.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("getSelection().toString()").endswith("set -a; . instance/demo.env; set +a")


def test_every_block_of_code_has_a_copy_button(opened: Any) -> None:
    page = opened(ERRORS)
    assert page.locator("main pre").count() == page.locator("main .code > .copy").count() > 50


# Tabs


def test_chosen_language_is_remembered(opened: Any) -> None:
    page = opened(SEND_EXAMPLE)
    shown = page.locator(".tabs > section:visible h2")
    assert [text.strip() for text in shown.all_inner_texts()] == ["curl and openssl"]
    page.get_by_role("tab", name="PHP").click()
    assert [text.strip() for text in shown.all_inner_texts()] == ["PHP"]
    opened(DOCUMENTATION)
    opened(SEND_EXAMPLE)
    assert [text.strip() for text in shown.all_inner_texts()] == ["PHP"]
    assert errors_found(page) == []


def test_arrow_keys_choose_a_language(opened: Any) -> None:
    page = opened(SEND_EXAMPLE)
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.textContent") == "Browser"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("[role=tab][aria-selected=true]").inner_text() == "Python"


def test_link_to_a_language_shows_its_tab(opened: Any) -> None:
    page = opened(SEND_EXAMPLE + "#java")
    assert page.locator(".tabs > section:visible").count() == 1
    assert page.locator("#java").is_visible()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="PHP").click()
    page.locator("#php").wait_for()
    assert not page.locator("#java").is_visible()


# Search


def test_search_finds_sections_of_all_pages(opened: Any, pages_server: Any) -> None:
    page = opened(DOCUMENTATION)
    page.keyboard.press("/")
    page.keyboard.type("date-outside-window")
    first = page.locator(".found a").first
    first.wait_for()
    assert first.get_attribute("href") == f"{ERRORS}#date-outside-window"
    assert errors_found(page) == []
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.href").endswith("#date-outside-window")
    page.keyboard.press("Enter")
    page.wait_for_url("**/errors#date-outside-window")


def test_search_wants_every_word_and_says_if_none_fits(opened: Any) -> None:
    page = opened(ERRORS)
    page.get_by_role("searchbox").fill("pagesize offset")
    page.locator(".found a", has_text="Contacts").first.wait_for()
    page.get_by_role("searchbox").fill("pagesize zebra")
    page.locator(".found").get_by_text("0 sections").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator(".found").is_visible()


def test_search_works_offline_once_it_is_loaded(opened: Any) -> None:
    page = opened(CONTACTS)
    page.get_by_role("searchbox").fill("replayed")
    page.locator(".found a").first.wait_for()
    page.context.set_offline(True)
    page.get_by_role("searchbox").fill("Content-MD5")
    page.locator(".found a", has_text="Content-MD5").first.wait_for()


def test_search_box_closes_for_a_section_of_the_same_page(opened: Any) -> None:
    page = opened(ERRORS)
    page.set_viewport_size(NARROW)
    page.get_by_role("searchbox").fill("hex-key")
    page.get_by_role("searchbox").fill("private key decoded")
    page.locator(".found a").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/errors#hex-key")
    assert not page.locator(".found").is_visible()


# Tables


def test_cells_are_stacked_on_narrow_screens(opened: Any) -> None:
    page = opened(DOCUMENTATION + "move_message")
    page.set_viewport_size(NARROW)
    heading, cell = (page.locator(f"main table tbody tr {tag}").first.bounding_box() for tag in ("th", "td"))
    assert cell["y"] >= heading["y"] + heading["height"]
    label = "getComputedStyle(document.querySelector('main table td'), '::before').content"
    assert page.evaluate(label) == '"required: "'
