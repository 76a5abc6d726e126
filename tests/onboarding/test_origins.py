"""Pages of other origins in a real browser: only an allowed origin can call the API."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from daas.settings import Settings
from daas.signing.daas_scheme import content_md5

from ..support.actors import FORM, MOVE, Application, authorization, now
from ..support.builders import Builder
from ..support.servers import ROOT, LiveServer

pytestmark = pytest.mark.slow

SCRIPTS = {
    "/move_message.js": ROOT / "examples" / "move_message.js",
    "/md5.js": ROOT / "daas" / "onboarding" / "static" / "md5.js",
}


class EmptyPage(http.server.BaseHTTPRequestHandler):
    """Serves an empty page and the scripts that it may load."""

    def do_GET(self) -> None:
        script = SCRIPTS.get(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.end_headers()
        self.wfile.write(script.read_bytes() if script else b"<!doctype html><title>Another origin</title>")

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serve_empty_pages() -> Iterator[str]:
    """Serve another origin and yield it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def allowed() -> Iterator[Any]:
    with serve_empty_pages() as origin:
        yield origin


@pytest.fixture(scope="module")
def other() -> Iterator[Any]:
    with serve_empty_pages() as origin:
        yield origin


@pytest.fixture(scope="module")
def open_server(settings: Settings, allowed: Any) -> Iterator[Any]:
    with LiveServer.start(settings, DAAS_ALLOWED_ORIGINS=allowed) as live:
        yield live


def move_from(page: Page, origin: Any, server: LiveServer, application: Application) -> Any:
    """Move the application's message by a script on a page of an origin, and return the script's result."""
    box = application.mailbox
    body = urlencode({"mailbox": box.name, "id": box.message, "folder": box.folder})
    date, md5 = now(), content_md5(body.encode())
    signature = authorization(application.keys, date=date, md5=md5)
    headers = {"Authorization": signature, "X-Daas-Date": date, "Content-Type": FORM, "Content-MD5": md5}
    page.goto(origin)
    return page.evaluate(
        """async ([url, headers, body]) => {
            try {
                const answer = await fetch(url, { method: "POST", headers, body });
                return [answer.status, answer.headers.get("X-Request-Id"), (await answer.json()).request_id];
            } catch (error) {
                return error.name;
            }
        }""",
        [server.url + MOVE, headers, body],
    )


def test_page_of_allowed_origin_moves_a_message(
    page: Page, open_server: Any, allowed: Any, application: Application, build: Builder
) -> None:
    status, header, request_id = move_from(page, allowed, open_server, application)
    assert (status, header) == (200, request_id)
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder


def test_page_of_other_origin_moves_nothing(
    page: Page, open_server: Any, other: Any, application: Application, build: Builder
) -> None:
    assert move_from(page, other, open_server, application) == "TypeError"
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_only_servers_own_origin_moves_by_default(
    page: Page, server: LiveServer, allowed: Any, application: Application, build: Builder
) -> None:
    assert move_from(page, allowed, server, application) == "TypeError"
    assert build.folder_of(application.mailbox.message) == "Inbox"


def run_sample(page: Page, origin: Any, server: LiveServer, application: Application, *, with_md5: Any) -> Any:
    """Run the published sample on a page of an origin, and return the status and the body of the response."""
    box = application.mailbox
    page.goto(origin)
    return page.evaluate(
        """async ([withMd5, ...given]) => {
            const { moveMessage } = await import("/move_message.js");
            const { md5 } = await import("/md5.js");
            const answer = await moveMessage(...given, withMd5 ? md5 : undefined);
            return [answer.status, await answer.json()];
        }""",
        [
            with_md5,
            server.url,
            application.keys.public_key,
            application.keys.private_key,
            box.name,
            box.message,
            box.folder,
        ],
    )


@pytest.mark.parametrize("with_md5", [True, False])
def test_browser_sample_moves_a_message(
    page: Page, open_server: Any, allowed: Any, build: Builder, with_md5: bool
) -> None:
    caller = build.application(mailboxes=[build.mailbox()], require_content_md5=with_md5)
    status, body = run_sample(page, allowed, open_server, caller, with_md5=with_md5)
    assert (status, body["folder"]) == (200, caller.mailbox.folder)
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


def test_browser_sample_returns_errors(page: Page, open_server: Any, allowed: Any, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    status, body = run_sample(page, allowed, open_server, caller, with_md5=False)
    assert (status, body["message"]) == (401, "Access Denied. Authentication Failed.")
