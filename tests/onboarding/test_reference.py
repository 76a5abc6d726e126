"""The reference in a real browser: Swagger UI with the OpenAPI document, which signs its requests."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from .pages import REFERENCE
from .stage import INSECURE_HOST
from .test_browser import errors_found

pytestmark = pytest.mark.slow

MOVE, MESSAGES = "post_direct_messages_move", "get_direct_messages"


@pytest.fixture
def reference(page: Any, server: LiveServer) -> Iterator[Any]:
    """Yield the loaded page; the test fails if the page contacts another host or logs an unexpected message."""
    page.set_default_timeout(60_000)
    page.asked, page.logged = [], []
    page.on("request", lambda request: page.asked.append(request))  # noqa: PLW0108  Playwright takes no built-in.
    page.on("console", lambda message: page.logged.append(message))  # noqa: PLW0108  As above.
    page.goto(server.url + REFERENCE)
    page.wait_for_selector(".opblock")
    yield page
    assert [request.url for request in page.asked if not request.url.startswith(server.url + "/")] == []
    # Chromium logs every error response; nothing else may be logged.
    assert [m.text for m in page.logged if "the server responded with a status of" not in m.text] == []


def type_keys(page: Page, keys: Any) -> None:
    page.fill("#public-key", keys.public_key)
    page.fill("#private-key", keys.private_key)


def open_call(page: Page, name: Any) -> Any:
    """Open a call to try it out, and return its part of the page."""
    call = page.locator(f"[id$='-{name}']")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    return call


def execute(page: Page, call: Any) -> Any:
    with page.expect_response(lambda response: "/direct/" in response.url) as waiting:
        call.get_by_role("button", name="Execute").click()
    answer = waiting.value
    call.locator(".live-responses-table").get_by_text(answer.json()["request_id"]).first.wait_for()
    return answer


def fill(call: Any, **arguments: Any) -> None:
    for name, value in arguments.items():
        call.get_by_placeholder(name, exact=True).fill(value)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_signed_move_succeeds(reference: Any, application: Application, build: Builder, content_type: str) -> None:
    box = application.mailbox
    type_keys(reference, application.keys)
    call = open_call(reference, MOVE)
    if call.get_by_label("Request content type").input_value() != content_type:
        call.get_by_label("Request content type").select_option(content_type)
    fill(call, mailbox=box.name, id=box.message, folder=box.folder)
    answer = execute(reference, call)
    assert (answer.status, answer.json()["folder"]) == (200, box.folder)
    assert build.folder_of(box.message) == box.folder
    assert answer.request.header_value("Content-Type").partition(";")[0] == content_type


def test_signed_move_is_sent_as_json(reference: Any, application: Application, build: Builder) -> None:
    box = application.mailbox
    type_keys(reference, application.keys)
    call = open_call(reference, MOVE)
    call.get_by_label("Request content type").select_option("application/json")
    call.locator("textarea").fill(f'{{"mailbox":"{box.name}","id":{box.message},"folder":"aRCHIVED"}}')
    assert execute(reference, call).status == 200
    assert build.folder_of(box.message) == "Archived"


def test_uri_is_signed_as_browser_sends_it(reference: Any, application: Application) -> None:
    type_keys(reference, application.keys)
    call = open_call(reference, MESSAGES)
    fill(call, mailbox=application.mailbox.name, subject="ä + b & c=% d", limit="1")
    answer = execute(reference, call)
    assert (answer.status, answer.json()["messages"]) == (200, [])


def test_reference_sends_content_md5_if_required(reference: Any, build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    type_keys(reference, application.keys)
    call = open_call(reference, MOVE)
    fill(call, mailbox=application.mailbox.name, id=application.mailbox.message, folder="Sent")
    assert execute(reference, call).status == 200


def test_typed_date_is_sent_and_signed(reference: Any, application: Application) -> None:
    type_keys(reference, application.keys)
    call = open_call(reference, MESSAGES)
    fill(call, **{"mailbox": application.mailbox.name, "X-Daas-Date": "06/03/2013 12:13:56 EST"})
    answer = execute(reference, call)
    assert (answer.status, answer.header_value("X-Daas-Error")) == (401, "date-outside-window")


def test_call_without_keys_is_sent_unsigned(reference: Any, application: Application) -> None:
    call = open_call(reference, MESSAGES)
    fill(call, mailbox=application.mailbox.name)
    answer = execute(reference, call)
    assert (answer.status, answer.request.header_value("Authorization")) == (401, None)


def test_private_key_stays_in_the_page(reference: Any, application: Application, server: LiveServer) -> None:
    type_keys(reference, application.keys)
    call = open_call(reference, MOVE)
    fill(call, mailbox=application.mailbox.name, id=application.mailbox.message, folder="Sent")
    assert execute(reference, call).status == 200
    sent = [str((request.url, request.all_headers(), request.post_data)) for request in reference.asked]
    assert any(application.keys.public_key in text for text in sent)
    assert not any(application.keys.private_key in text for text in sent)
    kept = reference.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert kept == '[{},{},""]'
    reference.goto(server.url + REFERENCE)
    assert reference.input_value("#private-key") == ""


def test_reference_says_if_browser_cannot_sign(page: Page, server: LiveServer) -> None:
    page.goto(f"http://{INSECURE_HOST}:{server.port}{REFERENCE}")
    assert page.get_by_text("Browsers sign only in a secure context").is_visible()


def test_reference_does_not_warn_if_browser_can_sign(reference: Any) -> None:
    assert not reference.get_by_text("Browsers sign only in a secure context").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reference_is_accessible(reference: Any, scheme: str) -> None:
    reference.emulate_media(color_scheme=scheme)
    reference.reload()
    reference.wait_for_selector(".opblock")
    assert errors_found(reference) == []
    execute(reference, open_call(reference, MOVE))
    assert errors_found(reference) == []


def test_reference_fits_narrow_screen(reference: Any) -> None:
    reference.set_viewport_size({"width": 320, "height": 600})
    execute(reference, open_call(reference, MOVE))
    assert reference.evaluate("document.documentElement.scrollWidth") <= 320


def test_reference_prints_dark_on_white(reference: Any) -> None:
    reference.emulate_media(color_scheme="dark")
    reference.wait_for_selector("html.dark-mode")
    reference.emulate_media(color_scheme="dark", media="print")
    reference.wait_for_selector("html:not(.dark-mode)")
