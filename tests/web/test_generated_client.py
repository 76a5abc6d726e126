"""A client that a generator makes from the OpenAPI document: it has each call once, and moves a message."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from daas.signing.daas_scheme import DIRECT, content_md5
from daas.signing.mechanism import KeyPair, RequestToSign, sign

from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import LiveServer

pytestmark = pytest.mark.slow


class Signature(httpx.Auth):
    """Signs the requests of a generated client, as its user has to write it."""

    requires_request_body = True

    def __init__(self, keys: KeyPair) -> None:
        self._keys = keys

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers["X-Daas-Date"] = formatdate(usegmt=True)
        if request.content:
            request.headers["Content-MD5"] = content_md5(request.content)
        to_sign = RequestToSign(
            request.method,
            request.url.raw_path.decode(),
            request.headers["X-Daas-Date"],
            request.headers.get("Content-Type"),
            request.headers.get("Content-MD5"),
            request.content,
        )
        request.headers["Authorization"] = sign(DIRECT, to_sign, self._keys).authorization
        yield request


@pytest.fixture(scope="module")
def generated(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the name of the generated package."""
    pytest.importorskip("openapi_python_client", reason="It is missing: pip install openapi-python-client")
    directory, name = tmp_path_factory.mktemp("generated"), "generated_daas_client"
    generator = Path(sys.executable).with_name("openapi-python-client")
    command: list[Any] = [
        generator,
        "generate",
        "--url",
        f"{server.url}/openapi.json",
        "--meta",
        "none",
        "--output-path",
        name,
    ]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=240, check=False)
    # It warns of the one response that it leaves out, message/rfc822.
    assert (done.returncode, done.stdout.count("WARNING parsing") <= 1) == (0, True), done.stdout + done.stderr
    sys.path.insert(0, str(directory))
    yield name
    sys.path.remove(str(directory))


def client_of(generated: str, server: LiveServer, application: Application) -> Any:
    return importlib.import_module(generated).Client(
        base_url=server.url, httpx_args={"auth": Signature(application.keys)}, raise_on_unexpected_status=True
    )


def test_generated_client_has_each_call_once(generated: str, app: Any) -> None:
    package = importlib.import_module(generated)
    modules = Path(package.__file__).parent.glob("api/*/*.py")
    calls = {path.stem for path in modules} - {"__init__"}
    document = app.test_client().get("/openapi.json").json
    assert len(calls) == sum(len(methods) for methods in document["paths"].values())
    assert not any(call.endswith("format_json") for call in calls)


@pytest.mark.parametrize("kind", ["json", "data", "files"])
def test_generated_client_moves_a_message(
    generated: str, server: LiveServer, application: Application, build: Builder, kind: str
) -> None:
    call = importlib.import_module(f"{generated}.api.direct_messages.post_direct_messages_move")
    models = importlib.import_module(f"{generated}.models")
    class_names = {
        "json": "MoveArguments",
        "data": "PostDirectMessagesMoveDataBody",
        "files": "PostDirectMessagesMoveFilesBody",
    }
    box = application.mailbox
    body = getattr(models, class_names[kind])(mailbox=box.name, id=box.message, folder=box.folder)
    with client_of(generated, server, application) as client:
        reply = call.sync(client=client, body=body)
    assert (type(reply).__name__, reply.mailbox, reply.id, reply.folder) == (
        "MoveReply",
        box.name,
        box.message,
        box.folder,
    )
    assert build.folder_of(box.message) == box.folder


def test_generated_client_finds_messages(generated: str, server: LiveServer, application: Application) -> None:
    call = importlib.import_module(f"{generated}.api.direct_messages.get_direct_messages")
    with client_of(generated, server, application) as client:
        reply = call.sync(client=client, mailbox=application.mailbox.name, limit="1")
    assert [message.id for message in reply.messages] == [application.mailbox.message]
