"""Pages of other origins, in a real browser: one that is allowed can call the API, one that is not cannot."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest

from daas.signing.direct_scheme import content_md5

from ..actors import FORM, MOVE, authorization, now
from ..servers import LiveServer


class BlankPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another origin</title>")

    def log_message(self, *args):
        pass


@contextmanager
def serve_blank_pages() -> Iterator[str]:
    """Serve an origin of its own, and give it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def allowed():
    with serve_blank_pages() as origin:
        yield origin


@pytest.fixture(scope="module")
def other():
    with serve_blank_pages() as origin:
        yield origin


@pytest.fixture(scope="module")
def open_server(settings, allowed):
    with LiveServer.start(settings, DAAS_ALLOWED_ORIGINS=allowed) as live:
        yield live


def move_from(page, origin, server, application):
    """Move the application's message from a page of an origin, and give what its script saw."""
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


def test_a_page_of_an_allowed_origin_makes_a_move(page, open_server, allowed, application, build):
    status, header, request_id = move_from(page, allowed, open_server, application)
    assert (status, header) == (200, request_id)
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder


def test_a_page_of_another_origin_makes_none(page, open_server, other, application, build):
    assert move_from(page, other, open_server, application) == "TypeError"
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_no_origin_but_the_servers_own_makes_a_move_by_default(page, server, allowed, application, build):
    assert move_from(page, allowed, server, application) == "TypeError"
    assert build.folder_of(application.mailbox.message) == "Inbox"
