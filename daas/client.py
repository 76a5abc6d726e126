"""Calls the service as an application does: signs with `daas.signing`, sends with httpx, needs no Flask."""

import json
from email.utils import formatdate
from pathlib import Path

import httpx

from .signing.direct_scheme import DIRECT, content_md5
from .signing.mechanism import KeyPair, RequestToSign, sign

DEFAULT_URL = "http://127.0.0.1:8000"


class KeyFileError(Exception):
    """A key file that cannot be used; the text is a sentence."""


def read_key_file(path: Path) -> KeyPair:
    """Read a key pair from a file of mode 0600.

    The file is JSON with `public_key` and `private_key`, or lines of DAAS_PUBLIC_KEY=... and
    DAAS_PRIVATE_KEY=... as in instance/demo.env. Raises KeyFileError.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} holds a private key and is open to others: chmod 600 it.")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path} cannot be read.") from error
    try:
        if text.lstrip().startswith("{"):
            found = json.loads(text)
            keys = KeyPair(found["public_key"], found["private_key"])
            if not isinstance(keys.public_key, str) or not isinstance(keys.private_key, str):
                raise KeyFileError(f"{path} holds a key that is not a text.")
            return keys
        lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return KeyPair(lines["DAAS_PUBLIC_KEY"].strip(), lines["DAAS_PRIVATE_KEY"].strip())
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path} holds no public_key and private_key.") from error


def now() -> str:
    """Give the present moment as HTTP writes it, for a Date header."""
    return formatdate(usegmt=True)


def move(
    url: str, keys: KeyPair, mailbox: str, message_id: str, folder: str, *, send_content_md5: bool = True
) -> httpx.Response:
    """Ask the service at `url` (scheme, host and port) to move a message, and give its answer, whatever it is."""
    arguments = {"mailbox": mailbox, "id": message_id, "folder": folder}
    request = httpx.Request("POST", _uri(url, "messages/move"), data=arguments)
    return _send_signed(request, keys, content_md5(request.read()) if send_content_md5 else None)


def folders(url: str, keys: KeyPair, mailbox: str) -> httpx.Response:
    """Ask for the custom folders of a mailbox, and give the answer, whatever it is."""
    return _send_signed(httpx.Request("GET", _uri(url, "folders"), params={"mailbox": mailbox}), keys)


def messages(url: str, keys: KeyPair, mailbox: str, **search: str) -> httpx.Response:
    """Ask for a page of the messages of a mailbox, and give the answer, whatever it is.

    `search` holds the call's other arguments: folder, subject, from, since, until, limit, after.
    """
    return _send_signed(httpx.Request("GET", _uri(url, "messages"), params={"mailbox": mailbox, **search}), keys)


def _uri(url: str, name: str) -> str:
    return f"{url.rstrip('/')}/direct/{name}/format/json"


def _send_signed(request: httpx.Request, keys: KeyPair, md5: str | None = None) -> httpx.Response:
    to_sign = RequestToSign(
        method=request.method,
        uri=request.url.raw_path.decode("ascii"),
        date=now(),
        content_type=request.headers.get("Content-Type"),
        content_md5=md5,
    )
    request.headers["Date"] = to_sign.date or ""
    if md5 is not None:
        request.headers["Content-MD5"] = md5
    request.headers["Authorization"] = sign(DIRECT, to_sign, keys).authorization
    with httpx.Client(timeout=30) as client:
        return client.send(request)
