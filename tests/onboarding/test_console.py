"""The console in a real browser, against the real server."""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from daas.applications.registry import SERVICES
from daas.signing.daas_scheme import DIRECT
from daas.signing.mechanism import KeyPair, RequestToSign, make_key_pair, sign

from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from .console import Console
from .pages import CONSOLE
from .stage import INSECURE_HOST
from .test_browser import errors_found

pytestmark = pytest.mark.slow

MOVE = "Move a message"


@pytest.fixture
def caller(build: Builder) -> Any:
    """Return an application that gets the server's string to sign, like the demo."""
    return build.application(mailboxes=[build.mailbox()], explain_401=True)


@pytest.fixture
def console(page: Page, server: LiveServer, caller: Any) -> Any:
    return Console(page, server.url, caller.keys)


@pytest.fixture
def right_move(console: Any, caller: Any) -> Any:
    """Return the console with a move filled in that succeeds unless a test changes it."""
    console.choose(MOVE)
    console.fill(mailbox=caller.mailbox.name, id=caller.mailbox.message, folder=caller.mailbox.folder)
    return console


def test_console_finds_and_moves_a_message(console: Any, caller: Any, build: Builder) -> None:
    console.fill(mailbox=caller.mailbox.name)
    status, _ = console.send()
    assert status == 200
    console.page.get_by_role("button", name=f"Move message {caller.mailbox.message}: A message").click()
    console.fill(folder="archived")
    moved = (
        f'{{"request_id":"...","mailbox":"{caller.mailbox.name}","id":"{caller.mailbox.message}","folder":"Archived"}}'
    )
    assert console.send() == (200, moved)
    assert build.folder_of(caller.mailbox.message) == "Archived"


def test_console_finds_a_folder_and_moves_to_it(console: Any, caller: Any, build: Builder) -> None:
    console.choose("List folders")
    console.fill(mailbox=caller.mailbox.name)
    assert console.send()[0] == 200
    console.page.get_by_role("button", name="Move a message to Custom 0").click()
    console.fill(id=caller.mailbox.message)
    assert console.send()[0] == 200
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


def test_search_sends_only_filled_fields(console: Any, caller: Any, build: Builder) -> None:
    wanted = build.message(caller.mailbox, subject="Röntgen & co")
    console.fill(mailbox=caller.mailbox.name, subject="röntgen & C", limit="5")
    assert console.lines[2] == f"/direct/messages?mailbox={caller.mailbox.name}&subject=r%C3%B6ntgen+%26+C&limit=5"
    status, body = console.send()
    assert status == 200
    assert f'"id":"{wanted}"' in body
    assert f'"id":"{caller.mailbox.message}"' not in body


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=daas"])
@pytest.mark.parametrize("with_md5", [True, False])
def test_console_moves_in_every_content_type(
    right_move: Any, caller: Any, build: Builder, content_type: str, with_md5: bool
) -> None:
    right_move.fill(type=content_type)
    right_move.page.get_by_label("Send Content-MD5").set_checked(with_md5)
    assert right_move.send()[0] == 200
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


# The seven documented responses


def test_success_is_shown(right_move: Any, caller: Any) -> None:
    box = caller.mailbox
    body = f'{{"request_id":"...","mailbox":"{box.name}","id":"{box.message}","folder":"{box.folder}"}}'
    assert right_move.send() == (200, body)


def test_failed_authentication_is_shown(right_move: Any) -> None:
    right_move.fill(private_key=make_key_pair().private_key)
    body = '{"request_id":"...","message":"Access Denied. Authentication Failed."}'
    assert right_move.send() == (401, body)
    assert right_move.difference.startswith("Both strings are equal. So the private key")


def test_missing_permission_is_shown(page: Page, server: LiveServer, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox()], services=("direct/folders",))
    console = Console(page, server.url, caller.keys)
    console.choose(MOVE)
    console.fill(mailbox=caller.mailbox.name, id=caller.mailbox.message, folder="Sent")
    assert console.send() == (403, '{"request_id":"...","message":"Access Denied. Use Not Authorized."}')


def test_inaccessible_mailbox_is_shown(right_move: Any, build: Builder) -> None:
    right_move.fill(mailbox=build.mailbox().name)
    assert right_move.send() == (403, '{"request_id":"...","message":"Access Denied. User Not Authorized."}')


def test_missing_message_is_shown(right_move: Any) -> None:
    right_move.fill(id="999999999")
    assert right_move.send() == (422, '{"request_id":"...","message":"Message not found"}')


def test_missing_argument_is_shown(right_move: Any) -> None:
    right_move.fill(mailbox="")
    body = '{"request_id":"...","fields":["mailbox"],"message":"\'Mailbox\' is a required field."}'
    assert right_move.send() == (422, body)


def test_invalid_argument_is_shown(right_move: Any) -> None:
    right_move.fill(mailbox="a@b")
    body = '{"request_id":"...","message":"\'Mailbox\' contains invalid input","fields":["mailbox"]}'
    assert right_move.send() == (422, body)


# Mistakes


MISTAKES = {
    "newline": (
        lambda text: text + "\n",
        "Your string has a newline at its end. There must be none after the last line.",
    ),
    "blank lines": (
        lambda text: text.replace("\n", "\n\n"),
        "Line 2 of your string is empty, but the server has the date.",
    ),
    "method": (lambda text: text.replace("POST", "post"), "In line 1, the method, yours is not in upper case."),
    "missing": (
        lambda text: "\n".join(text.split("\n")[:2] + text.split("\n")[3:]),
        "Your string lacks line 3, the Content-MD5",
    ),
    "date": (
        lambda text: text.replace(text.split("\n")[1], "06/03/2013 12:13:56 EST"),
        "In line 2, the date, you did not sign the date that you sent",
    ),
    "charset": (
        lambda text: text.replace("urlencoded", "urlencoded; charset=utf-8"),
        "In line 4, the content type, the parameters, such as a charset, differ from those sent",
    ),
    "host": (
        lambda text: text.replace("/direct", "http://127.0.0.1/direct"),
        "In line 5, the URI, yours begins with more, such as scheme and host.",
    ),
}


@pytest.mark.parametrize(("change", "said"), MISTAKES.values(), ids=MISTAKES)
def test_deliberate_mistake_is_named(right_move: Any, change: Callable[..., Any], said: str) -> None:
    right_move.sign_by_hand(change)
    assert right_move.send()[0] == 401
    assert right_move.difference.startswith(said)
    assert right_move.page.locator("tr.differs").count() == 1


def test_decoded_path_is_named(console: Any, caller: Any) -> None:
    console.fill(mailbox=caller.mailbox.name, subject="lab results")
    console.sign_by_hand(lambda text: text.replace("+", " "))
    assert console.send()[0] == 401
    assert console.difference.startswith("In line 3, the URI, yours is decoded or escaped differently.")


def test_rejected_encoding_is_named_if_strings_are_equal(right_move: Any) -> None:
    right_move.page.get_by_label("Signature encoding").select_option("the hexadecimal text itself (a mistake)")
    assert right_move.send()[0] == 401
    assert "encoding of the signature is wrong" in right_move.difference


def test_raw_encoding_is_accepted(right_move: Any) -> None:
    right_move.page.get_by_label("Signature encoding").select_option("base64 of the raw bytes")
    assert right_move.send()[0] == 200


def test_error_after_valid_signature_is_named(right_move: Any) -> None:
    right_move.fill(date="06/03/2013 12:13:56 EST")
    assert right_move.send()[0] == 401
    assert right_move.difference == "The signature is valid. The error is: date-outside-window."
    link = right_move.page.get_by_role("link", name="What this response means").get_attribute("href")
    assert link.endswith("/errors#date-outside-window")


def test_console_says_if_server_does_not_show_its_string(
    page: Page, server: LiveServer, application: Application
) -> None:
    console = Console(page, server.url, application.keys)
    console.fill(mailbox=application.mailbox.name)
    console.sign_by_hand(lambda text: text + "\n")
    assert console.send()[0] == 401
    assert console.difference.startswith("The server did not send its string to sign")


# Missing fields, and the private key


def focused(console: Any) -> Any:
    """Return the label of the field that has the focus, and its first description."""
    return console.page.evaluate(
        """() => {
            const field = document.activeElement;
            const [description] = field.getAttribute("aria-describedby").split(" ");
            return [field.labels[0].textContent, document.getElementById(description).textContent];
        }"""
    )


@pytest.mark.parametrize(
    ("call", "emptied", "label"),
    [
        (MOVE, "public_key", "Public key"),
        (MOVE, "private_key", "Private key"),
        ("Create a list", "list_name", "List name"),
        ("Show a contact", "list", "List id"),
    ],
)
def test_missing_field_gets_the_focus_and_an_error(console: Any, call: str, emptied: str, label: str) -> None:
    console.choose(call)
    console.fill(**{emptied: ""})
    console.page.get_by_role("button", name="Sign and send").click()
    assert console.page.get_by_role("status").inner_text() == f"{label} is missing."
    assert focused(console) == [label, f"{label} is missing."]
    assert errors_found(console.page) == []
    console.fill(**{emptied: "1"})
    assert console.page.locator(".error").count() == 0
    assert console.page.locator("[aria-invalid]").count() == 0


def test_fields_that_a_422_names_have_its_message(right_move: Any, caller: Any) -> None:
    right_move.fill(id="one", folder="a/b", mailbox=caller.mailbox.name)
    status, body = right_move.send()
    assert (status, body.count("contains invalid input")) == (422, 2)
    assert focused(right_move)[0] == "Message id"
    assert right_move.page.locator("[aria-invalid]").evaluate_all("all => all.map(one => one.name)") == ["id", "folder"]


def test_private_key_is_masked_until_it_is_shown(console: Any) -> None:
    masked = "getComputedStyle(document.getElementById('private_key')).webkitTextSecurity"
    assert console.page.evaluate(masked) == "disc"
    console.page.get_by_role("button", name="Show").click()
    assert console.page.evaluate(masked) == "none"
    console.page.get_by_role("button", name="Hide").click()
    assert console.page.evaluate(masked) == "disc"


def test_response_is_beside_the_form_on_wide_screens(right_move: Any) -> None:
    right_move.page.set_viewport_size({"width": 1280, "height": 800})
    assert right_move.send()[0] == 200
    button = right_move.page.get_by_role("button", name="Sign and send").bounding_box()
    response = right_move.page.locator("#answer-body").bounding_box()
    assert response["x"] > button["x"] + button["width"]
    assert 0 <= response["y"] < 800
    assert 0 <= button["y"] < 800


# Source code


def copied(console: Any, name: str) -> str:
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.page.get_by_role("button", name=f"Copy as {name}").click()
    console.page.get_by_role("status").get_by_text(f"Copied as {name}.").wait_for()
    return console.page.evaluate("navigator.clipboard.readText()")


def run(command: list[str], keys: KeyPair) -> str:
    environ = {**os.environ, "DAAS_PRIVATE_KEY": keys.private_key}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary='daas'"])
def test_copied_curl_command_moves_a_message(right_move: Any, caller: Any, build: Builder, content_type: str) -> None:
    right_move.fill(type=content_type)
    command = copied(right_move, "curl")
    assert caller.keys.private_key not in command
    assert run(["bash", "-c", command], caller.keys).startswith("HTTP/1.1 200")
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary='daas'"])
def test_copied_python_program_moves_a_message(right_move: Any, caller: Any, build: Builder, content_type: str) -> None:
    right_move.fill(type=content_type)
    program = copied(right_move, "Python")
    assert caller.keys.private_key not in program
    assert "formatdate(usegmt=True)" in program
    assert run([sys.executable, "-c", program], caller.keys).startswith("200 ")
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


@pytest.mark.parametrize("name", ["curl", "Python"])
def test_copied_code_sends_a_typed_date(console: Any, caller: Any, name: str) -> None:
    console.fill(mailbox=caller.mailbox.name, subject='it\'s "Röntgen"', date="06/03/2013 12:13:56 EST")
    code = copied(console, name)
    command = ["bash", "-c", code] if name == "curl" else [sys.executable, "-c", code]
    printed = run(command, caller.keys)
    assert "401" in printed
    assert "06/03/2013 12:13:56 EST" in code
    assert name == "Python" or "X-Daas-Error: date-outside-window" in printed


def test_nothing_is_copied_without_a_private_key(console: Any) -> None:
    console.fill(private_key="")
    console.page.get_by_role("button", name="Copy as curl").click()
    assert focused(console) == ["Private key", "Private key is missing."]


# The browser without the server


def explain(page: Page, server: Any, signed: Any, names: Any) -> Any:
    """Return the first difference, as the page's module describes it."""
    source = f"""async ([server, signed, names]) => {{
        const {{ firstDifference }} = await import("{CONSOLE.rpartition("/")[0]}/static/difference.js");
        return firstDifference(server, signed, names);
    }}"""
    return page.evaluate(source, [server, signed, list(names)])


BASE = "GET\n2026-11-02T15:00:00Z\n/direct/folders?mailbox=a%20b"
FIVE = "POST\nD\nM\nmultipart/form-data; charset=utf-8\n/direct/messages/move"
DIFFERENCES = [
    (BASE, BASE, None),
    (BASE, BASE.replace("\n", "\r\n"), "Your lines end with \\r\\n."),
    (BASE, BASE.replace("\n", "\\n"), "Your string contains a backslash and an n"),
    (BASE, BASE + "\n\n", "Your string has a newline at its end."),
    (BASE, BASE.rpartition("\n")[0], "Your string lacks line 3, the URI"),
    (BASE, "", "Line 1 of your string is empty, but the server has the method."),
    (BASE, BASE + "\nmore", "Your string has a line too many: line 4 is “more”."),
    (BASE, BASE.replace("\n/", "\n\n/"), "Line 3 of your string is empty, but the server has the URI."),
    (BASE, BASE.replace("GET", "POST"), "In line 1, the method, the server received “GET”, you signed “POST”."),
    (BASE, BASE.replace("GET", " GET"), "In line 1, the method, yours has spaces around it."),
    (BASE, BASE.replace("?mailbox=a%20b", ""), "In line 3, the URI, yours lacks the query."),
    (BASE, BASE.replace("%20", "+"), "In line 3, the URI, yours is decoded or escaped differently."),
    (BASE, BASE.replace("folders", "messages"), "In line 3, the URI, the server received “/direct/folders"),
    (BASE, BASE.replace("folders", "Folders"), "In line 3, the URI, upper and lower case differ"),
    (FIVE, FIVE.replace("utf-8", "utf-8; boundary=x"), "In line 4, the content type, yours has the boundary"),
    (FIVE, FIVE.replace("; charset=utf-8", ""), "In line 4, the content type, the parameters, such as"),
    (FIVE, FIVE.replace("multipart/form-data", "text/plain"), "In line 4, the content type, the server received"),
    (FIVE, FIVE.replace("\nM\n", "\nN\n"), "In line 3, the Content-MD5, the server received “M”, you signed “N”."),
]


def test_first_difference_is_named(page: Page, pages_server: Any) -> None:
    page.goto(pages_server.url + CONSOLE)
    names = {2: ("method", "date", "URI"), 4: ("method", "date", "Content-MD5", "content type", "URI")}
    found = [explain(page, server, signed, names[server.count("\n")]) for server, signed, _ in DIFFERENCES]
    beginnings = [
        difference and difference["sentence"][: len(said or "")]
        for difference, (_, _, said) in zip(found, DIFFERENCES, strict=True)
    ]
    assert beginnings == [said for _, _, said in DIFFERENCES]


def test_console_signs_like_the_servers_signer(right_move: Any, caller: Any) -> None:
    body = f"mailbox={caller.mailbox.name}&id={caller.mailbox.message}&folder={caller.mailbox.folder}"
    uri, form = "/direct/messages/move/format/json", "application/x-www-form-urlencoded"
    method, date, md5, content_type, signed_uri = right_move.lines
    assert (method, content_type, signed_uri) == ("POST", form, uri)
    assert md5 == base64.b64encode(hashlib.md5(body.encode(), usedforsecurity=False).digest()).decode()
    stages = sign(DIRECT, RequestToSign("POST", uri, date, form, md5), caller.keys)
    right_move.page.locator("#authorization", has_text=stages.authorization).wait_for()
    assert right_move.shown("hash") == stages.hash.hex()
    assert [right_move.shown("signature-0"), right_move.shown("signature-1")] == [*stages.signatures.values()]
    assert right_move.shown("body") == body


def test_md5_matches_rfc_1321(page: Page, pages_server: Any) -> None:
    page.goto(pages_server.url + CONSOLE)
    lengths = [0, 1, 3, 26, 55, 56, 57, 63, 64, 65, 80, 119, 120, 1000]
    texts = [b"abc", *(os.urandom(length) for length in lengths)]
    source = f"""async (texts) => {{
        const {{ md5 }} = await import("{CONSOLE.rpartition("/")[0]}/static/md5.js");
        return texts.map((text) => Array.from(md5(Uint8Array.from(text))));
    }}"""
    computed = page.evaluate(source, [[*text] for text in texts])
    assert bytes(computed[0]).hex() == "900150983cd24fb0d6963f7d28e17f72"
    assert [bytes(digest) for digest in computed] == [
        hashlib.md5(text, usedforsecurity=False).digest() for text in texts
    ]


def test_private_key_is_neither_sent_nor_stored(page: Page, server: LiveServer, caller: Any) -> None:
    sent = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.all_headers()} {request.post_data}"))
    console = Console(page, server.url, caller.keys)
    console.choose(MOVE)
    console.fill(mailbox=caller.mailbox.name, id=caller.mailbox.message, folder="Sent")
    assert console.send()[0] == 200
    assert any("/direct/messages/move" in text for text in sent)
    assert not any(caller.keys.private_key in text for text in sent)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie, location.search]") == [
        0,
        0,
        "",
        "",
    ]
    page.goto(server.url)
    page.go_back()
    assert page.url == server.url + CONSOLE
    assert page.get_by_label("Private key").input_value() == ""


def test_date_is_time_of_sending_unless_typed(right_move: Any, server: LiveServer) -> None:
    first = right_move.lines[1]
    right_move.fill(date="06/03/2013 12:13:56 EST")
    assert right_move.lines[1] == "06/03/2013 12:13:56 EST"
    right_move.page.get_by_role("button", name="Now").click()
    assert right_move.lines[1] >= first
    assert right_move.send()[0] == 200


def test_date_stays_while_string_is_edited(right_move: Any) -> None:
    right_move.sign_by_hand(lambda text: text)
    date = right_move.lines[1]
    right_move.page.wait_for_function("date => new Date().toUTCString() !== date", arg=date)
    assert right_move.send()[0] == 200
    assert right_move.lines[1] == date


def test_console_says_why_it_cannot_sign(page: Page, pages_server: Any) -> None:
    console = Console(page, pages_server.url, KeyPair("public", ""))
    console.page.get_by_role("button", name="Sign and send").click()
    console.page.get_by_role("status").get_by_text("Private key is missing.").wait_for()
    console.fill(private_key="k", date="Montag, den 2. November, um 9 € früh")
    console.page.get_by_role("button", name="Sign and send").click()
    console.page.get_by_role("status").get_by_text("cannot contain characters outside Latin-1").wait_for()


def test_console_says_if_server_is_unreachable(console: Any, page: Page) -> None:
    page.context.set_offline(True)
    page.get_by_role("button", name="Sign and send").click()
    page.get_by_role("status").get_by_text("The request could not be sent: ").wait_for()


def test_console_says_if_context_is_not_secure(page: Page, pages_server: Any) -> None:
    page.goto(f"http://{INSECURE_HOST}:{pages_server.port}{CONSOLE}")
    page.get_by_text("Browsers sign only in a secure context").wait_for()
    assert page.evaluate("crypto.subtle === undefined")
    assert not page.get_by_role("button", name="Sign and send").is_visible()


def test_console_says_if_javascript_is_off(browser: Browser, pages_server: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages_server.url + CONSOLE)
    assert page.get_by_text("The console needs JavaScript.").is_visible()
    context.close()


def test_console_works_with_keyboard_only(page: Page, server: LiveServer, caller: Any, build: Builder) -> None:
    page.goto(server.url + CONSOLE)

    def tab_to(selector: Any) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached")

    def type_into(selector: Any, text: Any) -> None:
        tab_to(selector)
        page.keyboard.type(text)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    tab_to("[name=call]")
    type_into("[name=public_key]", caller.keys.public_key)
    type_into("[name=private_key]", caller.keys.private_key)
    type_into("[name=mailbox]", caller.mailbox.name)
    with page.expect_response(lambda response: "/direct/messages" in response.url):
        page.keyboard.press("Enter")
    page.locator(".offers button").wait_for()
    tab_to(".offers button")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "id"
    type_into("[name=folder]", "Draft")
    tab_to(".send")
    with page.expect_response(lambda response: "/direct/messages/move" in response.url) as sent:
        page.keyboard.press("Space")
    assert sent.value.status == 200
    assert build.folder_of(caller.mailbox.message) == "Draft"


def test_console_explains_why_a_request_was_rejected(console: Any, build: Builder) -> None:
    owner = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    owner.post_signed("mailbox=x", date="Mon, 02 Nov 2020 15:00:00 GMT")
    owner.move(mailbox="nobody.at.all")
    console.page.get_by_label("Public key").fill(owner.keys.public_key)
    console.page.get_by_label("Private key").fill(owner.keys.private_key)
    console.choose("List your requests")
    console.fill(mailbox="")
    assert console.send()[0] == 200
    told = console.page.locator("#explained").inner_text()
    assert "date-outside-window The date is too far from the server's clock." in told
    assert "user-not-authorized The mailbox is unknown, suspended or not granted to the application." in told


def test_console_restores_a_message_and_lists_its_moves(console: Any, build: Builder) -> None:
    owner = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    owner.move(folder="Archived")
    console.page.get_by_label("Public key").fill(owner.keys.public_key)
    console.page.get_by_label("Private key").fill(owner.keys.private_key)
    console.choose("Restore a message")
    console.fill(mailbox=owner.mailbox.name, id=owner.mailbox.message, from_folder="Archived")
    assert console.send()[0] == 200
    assert build.folder_of(owner.mailbox.message) == "Inbox"
    console.choose("List the moves of a message")
    console.fill(id=owner.mailbox.message)
    assert console.send()[1].count('"request_id"') == 3
