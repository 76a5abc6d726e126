"""A client of lists and contacts for the tests, of the app in this process or over a socket."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from daas.signing.mechanism import KeyPair

from ..support.actors import Application
from ..support.servers import LiveServer
from ..support.wire import Answer, Headers, ask, post

NO_DATA = '{"posted_data":"[]"}'
FORM = "application/x-www-form-urlencoded"
NAMED = ("v1/lists", "v1/contacts")


def authorization(keys: KeyPair, method: str, uri: str, text: str = NO_DATA, word: str = "RCWS") -> str:
    """Return an Authorization that is computed without the product's signer; the query of `uri` must be sorted."""
    string = f"{method}::{uri}::{text}".encode().lower()
    return f"{word} {keys.public_key}:{hmac.new(keys.private_key.encode(), string, hashlib.sha256).hexdigest()}"


@dataclass
class Caller:
    """An application that manages its lists and contacts."""

    application: Application

    def signed(
        self, method: str, uri: str, posted: dict[str, Any] | None = None, **headers: str
    ) -> tuple[Headers, bytes]:
        """Return headers and body of a call; the body is JSON with a form's Content-Type, as PHP's curl sends it."""
        body = "" if posted is None else json.dumps(posted, sort_keys=True, separators=(",", ":"))
        text = body or NO_DATA
        signed = {"Authorization": authorization(self.application.keys, method, uri, text), **headers}
        if body:
            signed.setdefault("Content-Type", FORM)
        return [*signed.items()], body.encode()

    def ask(self, method: str, uri: str, posted: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        signed, body = self.signed(method, uri, posted, **headers)
        return self.application.app.test_client().open(uri, method=method, data=body, headers=signed)

    def ask_over(
        self, server: LiveServer, method: str, uri: str, posted: dict[str, Any] | None = None, **headers: str
    ) -> Answer:
        return ask(server, self.request(method, uri, posted, **headers))

    def request(self, method: str, uri: str, posted: dict[str, Any] | None = None, **headers: str) -> bytes:
        """Return the bytes of a call."""
        signed, body = self.signed(method, uri, posted, **headers)
        return post(signed, body, target=uri, method=method)

    def make_list(self, name: str = "List") -> int:
        """Create a list and return its id."""
        response = self.ask("POST", f"/v1/lists/{name}")
        assert response.status_code == 201, response.text
        return int(response.json["message"].rpartition(" ")[2])

    def add(self, number: int, *addresses: str) -> None:
        """Add contacts to a list."""
        for address in addresses:
            response = self.ask("POST", f"/v1/contacts.json/{number}/contacts/", {"email_address": address})
            assert response.status_code == 201, response.text
