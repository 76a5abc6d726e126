"""The console with the calls of lists and contacts, in a real browser against the real server."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from daas.signing.mechanism import RequestToSign, sign
from daas.signing.rcws_scheme import RCWS

from ..contacts.caller import NAMED
from ..support.builders import Builder
from ..support.servers import LiveServer
from .console import Console
from .pages import CONSOLE
from .test_console import copied, run

pytestmark = pytest.mark.slow

ADDED = (201, '{"code":201,"message":"Contact added"}')


@pytest.fixture
def caller(build: Builder) -> Any:
    """Return an application that gets the server's string to sign, like the demo."""
    return build.application(services=NAMED, explain_401=True)


@pytest.fixture
def console(page: Page, server: LiveServer, caller: Any) -> Any:
    return Console(page, server.url, caller.keys)


CONVERSATION = [
    ("Create a list", {"list_name": "Röntgen/A + B"}, 201, "List Röntgen/A + B created with list-id 1"),
    ("Create a list", {"list_name": "Two"}, 201, "List Two created with list-id 2"),
    ("Show lists", {"list": ""}, 200, {"1": "Röntgen/A + B", "2": "Two"}),
    ("Rename a list", {"list": "2", "list_name": "Zwei + 1"}, 201, "List renamed to Zwei + 1"),
    ("Show lists", {"list": "2"}, 200, {"2": "Zwei + 1"}),
    ("Add a contact", {"list": "1", "posted": '{"name": "Ä/B", "email_address": "a@x.org"}'}, 201, "Contact added"),
    ("Add a contact to several lists", {"lists": "1,2", "posted": '{"email_address":"b@x.org"}'}, 201, "Contact added"),
    ("Show contacts", {"list": "1", "pagesize": "1", "offset": "1"}, 200, {"2": "b@x.org"}),
    ("Change a contact", {"contact": "2", "posted": '{"email_address":"C@x.org"}'}, 200, "Contact updated"),
    ("Show a contact", {}, 200, {"2": "C@x.org"}),
    ("Find by address", {"email_address": "b@X.org"}, 200, {"2": "1"}),
    ("Remove a contact", {"list": "1", "contact": "1"}, 200, None),
    ("Show a contact", {}, 404, "Contact not found"),
    ("Remove a list", {"list": "1"}, 200, "List removed"),
]


def test_console_makes_every_call(console: Any) -> None:
    for call, filled, status, said in CONVERSATION:
        console.choose(call)
        console.fill(**filled)
        expected = {"code": status, "message": said} if isinstance(said, str) else said or "Contact removed"
        body = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
        assert console.send() == (status, body), (call, filled)


def test_console_signs_like_the_servers_signer(console: Any, caller: Any) -> None:
    console.choose("Add a contact")
    console.fill(list="7", posted='{"name": "Ä/B", "email_address": "A@x.org"}')
    body = '{"email_address":"A@x.org","name":"Ä/B"}'
    uri = "/v1/contacts.json/7/contacts/"
    stages = sign(RCWS, RequestToSign("POST", uri, body=body.encode()), caller.keys)
    assert console.lines == ["post", uri, r'{"email_address":"a@x.org","name":"\u00c4\/b"}'.lower()]
    console.page.locator("#authorization", has_text=stages.authorization).wait_for()
    assert [console.shown(f"signature-{number}") for number in range(3)] == [*stages.signatures.values()]
    assert console.shown("body") == body


MISTAKES = {
    "capitals": ("Show lists", lambda text: text.replace("get", "GET"), "In part 1, the method, upper and lower case"),
    "missing": ("Show lists", lambda text: text.partition("::")[0], "Your string lacks part 2, the URL"),
    "order": (
        "Show contacts",
        lambda text: text.replace("offset=0&pagesize=5", "pagesize=5&offset=0"),
        "In part 2, the URL, the names in your query are not sorted.",
    ),
    "host": (
        "Show lists",
        lambda text: text.replace("/v1", "http://127.0.0.1/v1"),
        "In part 2, the URL, yours begins with more, such as scheme and host.",
    ),
    "posted": (
        "Add a contact",
        lambda text: text.replace(",", ", "),
        "In part 3, the JSON, the server received",
    ),
    "newline": ("Show lists", lambda text: text + "\n", "Your string has a newline at its end."),
}


@pytest.mark.parametrize(("call", "change", "said"), MISTAKES.values(), ids=MISTAKES)
def test_deliberate_mistake_is_named(console: Any, call: str, change: Callable[..., Any], said: str) -> None:
    console.choose(call)
    if call == "Show contacts":
        console.fill(pagesize="5", offset="0")
    if call != "Show lists":
        console.fill(list="1")
    console.sign_by_hand(change)
    assert console.send() == (401, '{"code":401,"message":"Not Authorized"}')
    assert console.difference.startswith(said)
    assert console.page.locator("tr.differs").count() == 1
    link = console.page.get_by_role("link", name="What this response means").get_attribute("href")
    assert link.endswith("/errors#lists")


def test_console_offers_only_fields_and_encodings_of_a_call(console: Any) -> None:
    def shown() -> Any:
        return console.page.locator("form#call input:not([type]):visible, textarea:visible").evaluate_all(
            "fields => fields.map(field => field.name)"
        )

    options = console.page.locator("#encoding option")
    assert options.count() == 3
    console.choose("Show a contact")
    assert shown() == ["public_key", "private_key", "list", "contact"]
    assert options.count() == 4
    console.choose("Move a message")
    assert shown() == ["public_key", "private_key", "mailbox", "id", "folder", "date", "type"]
    assert options.count() == 3


def test_each_encoding_is_accepted_or_rejected_as_labelled(console: Any) -> None:
    console.choose("Show lists")
    options = console.page.get_by_label("Signature encoding")
    for encoding, status in [
        ("hexadecimal text in upper case", 200),
        ("base64 of the raw bytes", 200),
        ("base64 of the hexadecimal text (a mistake)", 401),
        ("hexadecimal text", 200),
    ]:
        options.select_option(encoding)
        assert console.send()[0] == status, encoding


@pytest.mark.parametrize("name", ["curl", "Python"])
def test_copied_code_adds_a_contact(console: Any, caller: Any, name: str) -> None:
    console.choose("Create a list")
    console.fill(list_name="It's one")
    assert console.send()[0] == 201
    console.choose("Add a contact")
    console.fill(list="1", posted='{"name": "Ä/B\'s", "email_address": "A@x.org"}')
    code = copied(console, name)
    command = ["bash", "-c", code] if name == "curl" else [sys.executable, "-c", code]
    assert "Contact added" in run(command, caller.keys)


# The browser without the server

REQUESTS = [
    ("GET", "/v1/lists.json", ""),
    ("GET", "/v1/contacts.json/1/contacts/?pagesize=5&offset=2", ""),
    ("GET", "/v1/lists.json?", ""),
    ("POST", "/v1/lists.json?b=2&a=x&b=1&a&A=0&a=%C3%84?y", ""),
    ("DELETE", "/v1/contacts.json/1/contacts/342", '{"posted_data":"null"}'),
    ("GET", "/v1/lists.json", "{}"),
    ("GET", "/v1/lists.json", " [] "),
    ("POST", "/v1/lists/List%2F3+A", ""),
    (
        "POST",
        "/v1/contacts.json/1/contacts/",
        '{"10":"a/b","9":"ÄÖ","b":"😀","a\\u0000":"\\b\\u001f\\u007f\\u2028\\"\\\\"}',
    ),
    (
        "POST",
        "/v1/contacts.json/1/contacts/",
        '{ "\U0001f600" : 1, "\uffee" : [true, null, {"z": "A/", "a": 2}], "É": -3 }',
    ),
    ("POST", "/v1/contacts.json/1/contacts/", '{"email_address":'),
    ("POST", "/v1/contacts.json/1/contacts/", '["É/"]'),
    ("POST", "/v1/contacts.json/1/contacts/", "Ä/B"),
]


def test_each_string_is_the_first_that_server_accepts(page: Page, pages_server: Any) -> None:
    page.goto(pages_server.url + CONSOLE)
    source = f"""async (requests) => {{
        const {{ RCWS, canonical }} = await import("{CONSOLE.rpartition("/")[0]}/static/rcws.js");
        return requests.map(([method, uri, body]) => {{
            const posted = canonical(body);
            return [posted, RCWS.parts({{ method, uri, posted }}).map(({{ text }}) => text).join(RCWS.joint)];
        }});
    }}"""
    made = page.evaluate(source, REQUESTS)
    for (method, uri, body), (posted, string) in zip(REQUESTS, made, strict=True):
        accepted = RCWS.strings_to_sign(RequestToSign(method, uri, body=posted.encode()))
        assert string.encode("latin-1") == accepted[0], body
        # The sent body means the same as the typed text.
        assert accepted[0] in RCWS.strings_to_sign(RequestToSign(method, uri, body=body.encode())), body


def test_form_is_signed_as_object_with_equal_names_in_order(page: Page, pages_server: Any) -> None:
    page.goto(pages_server.url + CONSOLE)
    source = f"""async (pairs) => {{
        const {{ objectOf }} = await import("{CONSOLE.rpartition("/")[0]}/static/rcws.js");
        return objectOf(pairs);
    }}"""
    assert page.evaluate(source, [["b", "2"], ["a", "1"], ["b", "1"]]) == '{"a":"1","b":"2","b":"1"}'
