"""Clients of the service in the tests."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daas.signing.mechanism import KeyPair

MOVE = "/direct/messages/move/format/json"
FORM = "application/x-www-form-urlencoded"


def now() -> str:
    return formatdate(usegmt=True)


def authorization(
    keys: KeyPair,
    *,
    method: str = "POST",
    date: str,
    md5: str | None = None,
    content_type: str | None = FORM,
    uri: str = MOVE,
    raw: bool = False,
) -> str:
    """Return an Authorization header, computed without the product's signer, which must not check itself."""
    lines = [method, date, *([] if md5 is None else [md5]), *([] if content_type is None else [content_type]), uri]
    digest = hmac.new(keys.private_key.encode(), "\n".join(lines).encode("latin-1"), hashlib.sha256)
    text = base64.b64encode(digest.digest() if raw else digest.hexdigest().encode()).decode()
    return f"DAAS {keys.public_key}:{text}"


class ForgetfulClient(FlaskClient):
    """A client whose every request looks up the application again, as if a second had passed."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        self.application.extensions["daas"].callers.clear()
        return super().open(*args, **kwargs)


@dataclass
class Application:
    """A registered application that calls the app in this process."""

    app: Flask
    name: str
    keys: KeyPair
    mailboxes: list[Any] = field(default_factory=list)

    @property
    def mailbox(self) -> Any:
        """The first mailbox granted to it."""
        return self.mailboxes[0]

    def signed_headers(self, **parts: Any) -> dict[str, str]:
        """Return the headers of a signed request; `parts` are the arguments of authorization()."""
        date = parts.pop("date", None) or now()
        headers = {"Date": date, "Authorization": authorization(self.keys, date=date, **parts)}
        if parts.get("content_type", FORM) is not None:
            headers["Content-Type"] = parts.get("content_type", FORM)
        if parts.get("md5") is not None:
            headers["Content-MD5"] = parts["md5"]
        return headers

    def post_signed(
        self, body: bytes | str = b"", *, headers: dict[str, str] | None = None, **parts: Any
    ) -> TestResponse:
        """Send a signed POST; `headers` are added after signing, or replace signed ones."""
        uri = parts.get("uri", MOVE)
        body = body.encode() if isinstance(body, str) else body
        sent = {**self.signed_headers(**parts), **(headers or {})}
        return self.app.test_client().post(uri, data=body, headers=sent)

    def move(self, **arguments: str) -> TestResponse:
        """Request a move with a form; by default of the first message to the first custom folder."""
        box = self.mailbox
        asked = {"mailbox": box.name, "id": (box.messages or [""])[0], "folder": (box.folders or [""])[0], **arguments}
        return self.post_signed(urlencode(asked))
