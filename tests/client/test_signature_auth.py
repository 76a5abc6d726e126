"""The auth object with each supported library, over a socket to the real server."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests

from daas.client import SignatureAuth

from ..support.actors import MOVE, Application
from ..support.builders import Builder
from ..support.servers import LiveServer


def send_with_httpx(method: str, url: str, auth: SignatureAuth, **content: Any) -> tuple[int, dict[str, str]]:
    with httpx.Client(auth=auth, timeout=30) as client:
        response = client.request(method, url, **content)
    return response.status_code, dict(response.headers)


def send_with_async_httpx(method: Any, url: Any, auth: Any, **content: Any) -> Any:
    async def send() -> Any:
        async with httpx.AsyncClient(auth=auth, timeout=30) as client:
            return await client.request(method, url, **content)

    response = asyncio.run(send())
    return response.status_code, dict(response.headers)


def send_with_requests(method: Any, url: Any, auth: Any, **content: Any) -> Any:
    if "content" in content:
        content["data"] = content.pop("content")
    with requests.Session() as session:
        response = session.request(method, url, auth=auth, **content)
    return response.status_code, {name.lower(): value for name, value in response.headers.items()}


SENDERS = [send_with_httpx, send_with_async_httpx, send_with_requests]
every_sender = pytest.mark.parametrize("send", SENDERS, ids=["httpx", "async-httpx", "requests"])

JSON = {"Content-Type": "application/json"}
CONTENTS = {
    "form": lambda requested: {"data": {**requested, "note": "é&="}},
    "json": lambda requested: {"json": requested},
    "multipart": lambda requested: {"files": {name: (None, value) for name, value in requested.items()}},
    "text": lambda requested: {
        "content": '{{"mailbox":"{mailbox}","id":{id},"folder":"{folder}","x":"é"}}'.format(**requested),
        "headers": JSON,
    },
    "charset": lambda requested: {
        "data": requested,
        "headers": {"Content-Type": "application/x-www-form-urlencoded;  charset=UTF-8"},
    },
    "another date": lambda requested: {"data": requested, "headers": {"X-Daas-Date": "Mon, 03 Jun 2013 17:13:56 GMT"}},
}


@pytest.fixture
def caller(build: Builder) -> Application:
    """Return an application that must send Content-MD5."""
    return build.application(mailboxes=[build.mailbox()], require_content_md5=True)


def auth_of(caller: Application, **options: Any) -> SignatureAuth:
    return SignatureAuth(caller.keys.public_key, caller.keys.private_key, **options)


def move_of(caller: Application) -> dict[str, str]:
    box = caller.mailbox
    return {"mailbox": box.name, "id": box.message, "folder": box.folder}


@every_sender
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_body_of_every_type_is_signed_as_sent(
    server: LiveServer, build: Builder, caller: Application, send: Callable[..., Any], content: Callable[..., Any]
) -> None:
    assert send("POST", server.url + MOVE, auth_of(caller), **content(move_of(caller)))[0] == 200
    assert build.folder_of(caller.mailbox.message) == caller.mailbox.folder


@every_sender
def test_content_md5_can_be_left_out(
    server: LiveServer, application: Application, caller: Application, send: Callable[..., Any]
) -> None:
    without = [auth_of(each, content_md5=False) for each in (application, caller)]
    assert send("POST", server.url + MOVE, without[0], data=move_of(application))[0] == 200
    status, headers = send("POST", server.url + MOVE, without[1], data=move_of(caller))
    assert (status, headers["x-daas-error"]) == (401, "content-md5-required")


@every_sender
def test_given_content_md5_is_signed(server: LiveServer, application: Application, send: Callable[..., Any]) -> None:
    sent = {"data": move_of(application), "headers": {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}}
    status, headers = send("POST", server.url + MOVE, auth_of(application, content_md5=False), **sent)
    assert (status, headers["x-daas-error"]) == (401, "content-md5-mismatch")


@every_sender
@pytest.mark.parametrize("query", ["", "&x=é b+c", "&x=%c3%a9%20%2F%2b&=&", "&a=1#fragment", "&q='()[]{}|^\"<>`\\"])
def test_target_is_signed_as_sent(
    server: LiveServer, application: Application, send: Callable[..., Any], query: str
) -> None:
    uri = f"/direct/folders?mailbox={application.mailbox.name}{query}"
    assert send("GET", server.url + uri, auth_of(application))[0] == 200


@every_sender
def test_parameters_are_signed_with_the_target(
    server: LiveServer, application: Application, send: Callable[..., Any]
) -> None:
    requested = {"mailbox": application.mailbox.name, "subject": "a b+ü"}
    assert send("GET", f"{server.url}/direct/messages", auth_of(application), params=requested)[0] == 200


def test_raw_target_of_httpx_is_signed(server: LiveServer, application: Application) -> None:
    target = f"/direct/folders?mailbox={application.mailbox.name}&x=%c3%a9'".encode()
    status, _ = send_with_httpx("GET", server.url, auth_of(application), extensions={"target": target})
    assert status == 200


def test_httpx_reads_a_stream_so_that_it_can_be_signed(server: LiveServer, caller: Application) -> None:
    body = '{{"mailbox":"{mailbox}","id":{id},"folder":"{folder}"}}'.format(**move_of(caller)).encode()
    status, _ = send_with_httpx("POST", server.url + MOVE, auth_of(caller), content=iter([body]), headers=JSON)
    assert status == 200


def test_requests_raises_error_for_a_stream() -> None:
    auth = SignatureAuth("public", "private")
    with pytest.raises(TypeError, match="a stream cannot be signed"):
        requests.Request("POST", "http://127.0.0.1", data=iter([b"x"]), auth=auth).prepare()  # type: ignore[arg-type]


def test_requests_sends_the_signed_bytes() -> None:
    """A body left as text would be encoded again by the transport."""
    auth: Any = SignatureAuth("public", "private")
    prepared = requests.Request("POST", "http://127.0.0.1", data="é", auth=auth).prepare()
    assert (prepared.body, prepared.headers["Content-Length"]) == ("é".encode(), "2")


@every_sender
def test_clock_can_be_corrected(server: LiveServer, application: Application, send: Callable[..., Any]) -> None:
    late_clock = auth_of(application, clock_offset=-3600)
    status, headers = send("POST", server.url + MOVE, late_clock, data=move_of(application))
    assert (status, headers["x-daas-error"]) == (401, "date-outside-window")
    late_clock.clock_offset -= int(headers["x-daas-clock-skew"])
    assert send("POST", server.url + MOVE, late_clock, data=move_of(application))[0] == 200


@pytest.mark.parametrize("key", ["", " ", "a:b", "a b", "key\n", "ключ", "key\x00"])
@pytest.mark.parametrize("which", ["public", "private"])
def test_unusable_key_is_rejected_without_showing_it(which: str, key: str) -> None:
    keys = {"public_key": "public", "private_key": "private", f"{which}_key": key}
    with pytest.raises(
        ValueError, match=f"^The {which} key must be printable ASCII characters without colons or spaces.$"
    ):
        SignatureAuth(**keys)  # type: ignore[arg-type]


@every_sender
def test_private_key_is_shown_nowhere(
    server: LiveServer, application: Application, send: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    auth = auth_of(application)
    with caplog.at_level(logging.DEBUG):
        assert send("POST", server.url + MOVE, auth, data=move_of(application))[0] == 200
    assert "/direct/messages/move" in caplog.text
    assert application.keys.private_key not in caplog.text + repr(auth) + repr(vars(auth))
