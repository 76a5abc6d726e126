"""The pages about lists and contacts: every shown call has a valid signature and gets the shown response."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from daas.signing.mechanism import KeyPair

from ..contacts.caller import NAMED, authorization
from ..support.builders import Builder
from .pages import AUTHENTICATION, CONTACTS, LISTS, Document


@dataclass
class Shown:
    """A call on a page: the request, its parts, and its string to sign."""

    http: str
    string: str
    response: tuple[int, str]

    @property
    def parts(self) -> Any:
        """Return method, URI, Authorization and body."""
        return re.fullmatch(
            r"(\w+) (\S+) HTTP/1.1\nAuthorization: (.*)(?:\nContent-Type: .*\n\n(.*))?", self.http
        ).groups("")

    def signed_with(self, keys: KeyPair) -> str:
        """Return the Authorization under the private key, computed without the product's signer."""
        method, uri, _, body = self.parts
        path, mark, query = uri.partition("?")
        uri = path + mark + "&".join(sorted(query.split("&")))
        if not body:
            return authorization(keys, method, uri)
        posted = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).replace("/", r"\/")
        return authorization(keys, method, uri, posted)


@pytest.fixture
def shown(app: Flask) -> list[Shown]:
    """Return the calls of both pages, in order."""
    sections = [s for path in (LISTS, CONTACTS) for s in Document(app.test_client().get(path).text).sections()]
    return [Shown(s["http"], s["string"], (int(s["status"]), s["json"])) for s in sections]


@pytest.fixture
def keys(app: Flask) -> KeyPair:
    """Return the keys of the examples, which the authentication page shows."""
    found = re.findall(r"(?:public|private) key</th><td><code>(.*?)</code>", app.test_client().get(AUTHENTICATION).text)
    return KeyPair(*found)


def test_calls_in_order_get_the_shown_responses(app: Flask, build: Builder, shown: list[Shown]) -> None:
    caller = build.application(services=NAMED)
    assert len(shown) == 13
    for call in shown:
        method, uri, _, body = call.parts
        headers = {"Authorization": call.signed_with(caller.keys), "Content-Type": "application/json"}
        response = app.test_client().open(uri, method=method, data=body, headers=headers)
        assert (response.status_code, response.text) == call.response, call.http


def test_each_shown_call_has_a_valid_signature(shown: list[Shown], keys: KeyPair) -> None:
    for call in shown:
        assert call.parts[2] == call.signed_with(keys), call.http


def test_string_beside_a_call_is_the_signed_one(shown: list[Shown], keys: KeyPair) -> None:
    for call in shown:
        assert call.string == call.string.lower()
        method, url, posted = call.string.split("::")
        assert authorization(keys, method, url, posted) == call.parts[2]


def test_authentication_page_shows_each_stage(app: Flask, keys: KeyPair, shown: list[Shown]) -> None:
    text = app.test_client().get(AUTHENTICATION).text
    document = Document(text)
    (post,) = [block for block in document.all("http") if "RCWS" in block]
    added = next(call for call in shown if call.http == post)
    page, contact = document.all("string")
    assert contact == added.string
    assert page == 'get::/v1/contacts.json/1/contacts/?offset=0&pagesize=5::{"posted_data":"[]"}'
    signature = added.signed_with(keys).rpartition(":")[2]
    second_half = document.text[document.text.index("The calls under /v1 need") :]
    assert all(stage in second_half for stage in (signature, signature.upper(), added.signed_with(keys)))


@pytest.mark.parametrize("limit", ["replayed for ever", "Letter case is not signed"])
def test_page_says_what_signature_does_not_cover(app: Flask, limit: str) -> None:
    assert limit in Document(app.test_client().get(AUTHENTICATION).text).text
