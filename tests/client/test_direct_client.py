"""`DirectClient` over a socket: its results, and its exception for each documented error."""

import datetime
import io
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from daas import client
from daas.applications.registry import SERVICES
from daas.client import DirectClient, Folder, Moved, MovedMany, Refusal

from ..support.actors import Application
from ..support.builders import Builder
from ..support.mail import CCDA, attachment, entity, message, multipart, xdm
from ..support.servers import LiveServer
from .network import answer, network

FORMAT = "/format/json"
MOVE = "/direct/messages/move"


@pytest.fixture
def application(build: Builder) -> Application:
    """Return an application that may use every service, with one new mailbox."""
    return build.application(mailboxes=[build.mailbox()], services=SERVICES)


@pytest.fixture
def direct(server: LiveServer, application: Application) -> Iterator[DirectClient]:
    with DirectClient(server.url, application.keys.public_key, application.keys.private_key) as direct:
        yield direct


def test_message_is_moved(direct: DirectClient, application: Application, build: Builder) -> None:
    box = application.mailbox
    moved = direct.move(box.name.upper(), int(box.message), int(box.folder))
    assert moved == Moved(moved.request_id, box.name, box.message, box.folder)
    assert build.folder_of(box.message) == box.folder
    assert build.log_row(moved.request_id).reason == "moved"


def test_repeated_move_succeeds(direct: DirectClient, application: Application) -> None:
    box = application.mailbox
    assert [direct.move(box.name, box.message, "sent").folder for _ in range(2)] == ["Sent", "Sent"]


def test_many_messages_are_moved(direct: DirectClient, application: Application, build: Builder) -> None:
    box = application.mailbox
    other = build.message(box)
    dry = direct.move_many(box.name, [other, box.message], "sent", dry_run=True)
    assert (dry.moved, build.folder_of(other)) == ((other, box.message), "Inbox")
    assert direct.move(box.name, other, box.folder, dry_run=True).folder == box.folder
    moved = direct.move_many(box.name, [other, 2**63 - 1], "sent", from_folder="Inbox", idempotency_key="k")
    assert moved == MovedMany(
        moved.request_id, box.name, "Sent", (other,), {"9223372036854775807": "Message not found"}
    )
    assert build.folder_of(other) == "Sent"
    assert direct.move_many(box.name, [other, 2**63 - 1], "sent", from_folder="Inbox", idempotency_key="k") == moved


def test_error_of_an_atomic_batch_names_the_messages(direct: DirectClient, application: Application) -> None:
    box = application.mailbox
    with pytest.raises(client.MessageNotFound) as rejected:
        direct.move_many(box.name, [box.message, 7 * 10**17], "sent", atomic=True)
    assert rejected.value.ids == ("700000000000000000",)


def test_bodies_are_signed_unless_disabled(server: LiveServer, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    requested = (caller.mailbox.name, caller.mailbox.message, "Sent")
    keys = (caller.keys.public_key, caller.keys.private_key)
    with DirectClient(server.url, *keys) as direct, DirectClient(server.url, *keys, content_md5=False) as careless:
        assert direct.move(*requested).folder == "Sent"
        with pytest.raises(client.AuthenticationFailed) as rejected:
            careless.move(*requested)
    assert rejected.value.reason == "content-md5-required"
    assert ": content-md5-required" in str(rejected.value)  # A slow machine adds the age of the date.


def test_folders_of_a_mailbox_are_listed(direct: DirectClient, build: Builder, application: Application) -> None:
    box = application.mailbox
    assert direct.folders(box.name) == [Folder(box.folder, "Custom 0")]


def test_history_and_restore_follow_a_message(direct: DirectClient, application: Application) -> None:
    box = application.mailbox
    moved = [direct.move(box.name, box.message, folder) for folder in ("Sent", box.folder)]
    restored = direct.restore(box.name, int(box.message), from_folder=box.folder)
    assert (restored.folder, restored.id) == ("Sent", box.message)
    pages = [*direct.history(box.name, box.message, limit=2)]
    assert [(page.folder, page.complete, len(page.moves)) for page in pages] == [("Sent", True, 2), ("Sent", True, 1)]
    moves = [move for page in pages for move in page.moves]
    assert [(move.request_id, move.application, move.moved_from, move.moved_to) for move in moves] == [
        (moved[0].request_id, application.name, "Inbox", "Sent"),
        (moved[1].request_id, application.name, "Sent", box.folder),
        (restored.request_id, application.name, box.folder, "Sent"),
    ]
    assert moves[0].at.tzinfo is not None


def test_own_requests_come_a_page_at_a_time(direct: DirectClient, application: Application) -> None:
    box = application.mailbox
    moved = [direct.move(box.name, box.message, "Sent").request_id for _ in range(3)]
    pages = [*direct.requests(reason="moved", limit=2)]
    assert [[request.request_id for request in page.requests] for page in pages] == [moved[:0:-1], moved[:1]]
    first = pages[0].requests[0]
    assert (first.status, first.mailbox, first.id, first.moved_to) == (200, box.name, box.message, "Sent")
    assert first.at.tzinfo is not None
    assert first.duration_ms > 0


def test_messages_come_a_page_at_a_time(direct: DirectClient, application: Application, build: Builder) -> None:
    box = application.mailbox
    ids = [*box.messages, *(build.message(box) for _ in range(4))]
    pages = [*direct.messages(box.name, limit=2)]
    assert [[message.id for message in page.messages] for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    assert [page.next for page in pages] == [ids[1], ids[3], None]
    assert [build.log_row(page.request_id).reason for page in pages] == ["listed"] * 3
    assert [m.id for page in direct.messages(box.name, after=ids[2]) for m in page.messages] == ids[3:]


def test_next_page_is_requested_only_when_needed(application: Application) -> None:
    first = '{"request_id":"1","mailbox":"kim","messages":[],"next":"7"}'
    with network(answer(200, first)) as way, DirectClient(way.url, "public", "private") as direct:
        next(direct.messages("kim"))
        assert len(way.requests) == 1


def test_message_has_all_documented_fields(direct: DirectClient, application: Application, build: Builder) -> None:
    box = application.mailbox
    head = "From: Kim <kim@example.org>\r\nTo: a@b\r\nSubject: Café\r\nDate: Mon, 2 Nov 2026 10:00:00 -0500\r\n"
    raw = f"{head}\r\nText\r\n".encode()
    known = build.raw_message(box, raw)
    [page] = direct.messages(box.name, subject="CAFÉ", sender="kim@", folder="inbox")
    [message] = page.messages
    sent = datetime.datetime(2026, 11, 2, 15, tzinfo=datetime.UTC)
    assert message == client.Message(known, "Inbox", "Café", "Kim <kim@example.org>", "a@b", sent, len(raw), 0)
    [undated] = next(direct.messages(box.name, limit=1)).messages
    assert undated.date is None


def test_messages_are_found_by_time(direct: DirectClient, application: Application, build: Builder) -> None:
    box = application.mailbox
    known = build.raw_message(box, b"From: a@b\r\nDate: Mon, 2 Nov 2026 15:00:00 +0000\r\n\r\nText\r\n")
    sent = datetime.datetime(2026, 11, 2, 16, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    second = datetime.timedelta(seconds=1)

    def found(**times: Any) -> Any:
        return [message.id for page in direct.messages(box.name, **times) for message in page.messages]

    assert found(since=sent, until=sent) == found(since="2026-11-02T15:00:00Z") == [known]
    assert found(since=sent + second) == found(until=sent - second) == []


def test_time_without_zone_is_rejected(direct: DirectClient, application: Application) -> None:
    with pytest.raises(ValueError, match="zone"):
        next(direct.messages(application.mailbox.name, since=datetime.datetime(2026, 11, 2, 15)))


# Each documented error, from the real server


def send(path: Any = MOVE, method: Any = "POST", **content: Any) -> Any:
    return lambda direct, _: direct.call(method, path, dict, **content)


def use_key_twice(direct: Any, box: Any) -> None:
    for folder in ("Sent", "Draft"):
        direct.move(box.name, box.message, folder, idempotency_key="same")


REJECTED = {
    client.BadRequest: (send(content=b"{", headers={"Content-Type": "application/json"}), ()),
    client.AuthenticationFailed: (send(data={}, headers={"Content-Type": ""}), ()),
    client.UserNotAuthorized: (lambda direct, _: direct.folders("nobody"), ()),
    client.NotFound: (send("/direct/nothing"), ()),
    client.MethodNotAllowed: (send(method="GET"), ()),
    client.BodyTooLarge: (send(data={"folder": "x" * 70_000}), ()),
    client.UnsupportedMediaType: (send(content=b"x", headers={"Content-Type": "text/plain"}), ()),
    client.MissingArguments: (lambda direct, _: direct.move("", "", "Sent"), ("mailbox", "id")),
    client.InvalidArguments: (lambda direct, _: direct.move("a@b", "1", "Attic"), ("mailbox", "folder")),
    client.MessageNotFound: (lambda direct, box: direct.move(box.name, 2**63 - 1, "Sent"), ()),
    client.MessageElsewhere: (lambda direct, box: direct.move(box.name, box.message, "Sent", from_folder="Draft"), ()),
    client.IdempotencyKeyReused: (use_key_twice, ()),
    client.NeverMoved: (lambda direct, box: direct.restore(box.name, box.message), ()),
}


@pytest.mark.parametrize("kind", REJECTED)
def test_each_documented_error_has_its_own_exception(
    direct: DirectClient, application: Application, build: Builder, kind: type[Any]
) -> None:
    call, fields = REJECTED[kind]
    with pytest.raises(Refusal) as raised:
        call(direct, application.mailbox)
    rejected = raised.value
    row = build.log_row(rejected.request_id)
    assert (type(rejected), rejected.fields, rejected.status) == (kind, fields, row.status)
    assert f"{row.status} {rejected.message} (request {rejected.request_id})" in str(rejected)
    assert rejected.headers["X-Request-Id"] == rejected.request_id


def test_call_that_is_not_granted_has_its_own_exception(server: LiveServer, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox()], services=("direct/messages",))
    with DirectClient(server.url, caller.keys.public_key, caller.keys.private_key) as direct:
        with pytest.raises(client.UseNotAuthorized) as rejected:
            direct.folders(caller.mailbox.name)
        assert build.log_row(rejected.value.request_id).status == rejected.value.status == 403


# Errors that a working service never returns
RARE = {
    client.TooManyRequests: answer(429, '{"request_id":"5","message":"Too Many Requests"}', retry_after="60"),
    client.InternalServerError: answer(500, '{"request_id":"5","message":"Internal Server Error"}'),
    client.ServiceUnavailable: answer(503, '{"request_id":"5","message":"Service Unavailable"}', retry_after="60"),
}


@pytest.mark.parametrize("kind", RARE)
def test_each_rare_error_has_its_own_exception(kind: type[Any]) -> None:
    with (
        network(RARE[kind]) as way,
        DirectClient(way.url, "public", "private") as direct,
        pytest.raises(Refusal) as raised,
    ):
        direct.folders("kim")
    assert (type(raised.value), raised.value.request_id) == (kind, "5")
    assert str(raised.value).endswith(f"{raised.value.message} (request 5)")


def test_every_documented_error_is_tested() -> None:
    assert {*DirectClient.documented_errors} == {*REJECTED, *RARE, client.UseNotAuthorized}
    documented = {*DirectClient.documented_errors, *client.ListsClient.documented_errors}
    assert {*Refusal.__subclasses__()} == documented | {client.UnexpectedAnswer}


UNDOCUMENTED = {
    "another status": answer(502, "<html>Bad Gateway</html>"),
    "a redirect": answer(302, location="/elsewhere"),
    "a sentence that is not known": answer(422, '{"message":"I would rather not"}'),
    "no JSON": answer(200, "<html>Log in</html>"),
    "no object": answer(200, "[]"),
    "other names": answer(200, '{"request_id":"1"}'),
    "other types": answer(200, '{"request_id":"1","folders":["x"]}'),
    "nothing": answer(204, ""),
    "a refusal that is no object": answer(422, '"no"'),
    "a message that is no text": answer(422, '{"message":null,"fields":null}'),
}


@pytest.mark.parametrize("step", UNDOCUMENTED.values(), ids=UNDOCUMENTED)
def test_undocumented_response_has_its_own_exception(step: Callable[..., Any]) -> None:
    with network(step) as way, httpx.Client(follow_redirects=True) as http:
        with pytest.raises(client.UnexpectedAnswer, match=r"^[2-5][0-9][0-9].*: this response is not documented$"):
            DirectClient(way.url, "public", "private", http=http).folders("kim")
        assert len(way.requests) == 1


def test_request_id_is_read_from_header_if_not_in_body() -> None:
    step = answer(409, '{"code":409,"message":"no"}', x_request_id="7")
    with network(step) as way, DirectClient(way.url, "public", "private") as direct, pytest.raises(Refusal) as rejected:
        direct.folders("kim")
    assert rejected.value.request_id == "7"


def test_call_without_body_sends_no_content_md5() -> None:
    with network(answer(404)) as way, DirectClient(way.url, "public", "private") as direct:
        with pytest.raises(client.NotFound):
            direct.folders("kim")
        assert (way.headers("Content-MD5"), len(way.headers("Date"))) == ([], 1)


def test_exception_can_be_pickled() -> None:
    rejected = client.InvalidArguments(422, "no", "7", ("id",), httpx.Headers({"X-Request-Id": "7"}))
    again = pickle.loads(pickle.dumps(rejected))  # noqa: S301  It was written a moment ago.
    assert (type(again), str(again), again.fields, again.headers) == (
        client.InvalidArguments,
        "422 no (request 7)",
        ("id",),
        rejected.headers,
    )


# The clock


@pytest.mark.parametrize(("offset", "said"), [(3600, "ahead of"), (-3600, "behind")])
def test_wrong_clock_is_reported(direct: DirectClient, application: Application, offset: int, said: str) -> None:
    direct.auth.clock_offset = offset
    with pytest.raises(
        client.AuthenticationFailed, match=rf"date-outside-window; .* s {said} the service's clock$"
    ) as rejected:
        direct.folders(application.mailbox.name)
    assert rejected.value.reason == "date-outside-window"
    assert rejected.value.clock_skew * offset > 0
    direct.auth.clock_offset -= rejected.value.clock_skew
    assert direct.folders(application.mailbox.name)


@pytest.mark.parametrize("offset", [3600, -3600])
def test_clock_is_corrected_if_requested(server: LiveServer, application: Application, offset: int) -> None:
    keys = application.keys
    with DirectClient(server.url, keys.public_key, keys.private_key, correct_clock=True) as direct:
        direct.auth.clock_offset = offset
        assert direct.folders(application.mailbox.name)
        assert abs(direct.auth.clock_offset) < 900


# Construction


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "direct.example.org",
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "http://",
        "http://a..b",
        "http://[::1",
        "http://x:y",
        "http://secret:word@127.0.0.1",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
    ],
)
def test_unusable_url_is_rejected_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^The URL must be scheme, host and port, as in https://\S+\.$"):
        DirectClient(url, "public", "private")


def test_unusable_key_is_rejected() -> None:
    with pytest.raises(ValueError, match="public key"):
        DirectClient("http://127.0.0.1", "a:b", "private")


def test_connections_are_closed_at_the_end(server: LiveServer, application: Application) -> None:
    keys = application.keys
    with DirectClient(server.url + "/", keys.public_key, keys.private_key) as direct:
        assert direct.folders(application.mailbox.name)
    with pytest.raises(RuntimeError, match="closed"):
        direct.folders(application.mailbox.name)


def test_given_client_stays_open(server: LiveServer, application: Application) -> None:
    keys = application.keys
    with httpx.Client(timeout=30) as http:
        for _ in range(2):
            with DirectClient(server.url, keys.public_key, keys.private_key, http=http) as direct:
                assert direct.folders(application.mailbox.name)


def test_private_key_is_in_no_exception(server: LiveServer, application: Application) -> None:
    keys = application.keys
    with DirectClient(server.url, keys.public_key, keys.private_key) as direct:
        with pytest.raises(Refusal) as rejected:
            direct.folders("nobody")
        shown = "".join(traceback.TracebackException.from_exception(rejected.value, capture_locals=True).format())
    assert "nobody" in shown
    assert keys.private_key not in shown + repr(rejected.value) + repr(vars(direct))


@pytest.fixture
def reader(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox(messages=0)], services=("direct/messages/read",))


@pytest.fixture
def reading(server: LiveServer, reader: Application) -> Iterator[DirectClient]:
    with DirectClient(server.url, reader.keys.public_key, reader.keys.private_key) as reading:
        yield reading


def test_message_is_read_with_its_parts(reading: DirectClient, reader: Application, build: Builder) -> None:
    raw = message(multipart(entity(b"Hello"), attachment(xdm(("a.xml", CCDA)), "application/zip", "a.zip")))
    message_id = build.raw_message(reader.mailbox, raw)
    contents = reading.read(reader.mailbox.name, message_id)
    assert (contents.id, contents.folder, contents.size, contents.text) == (message_id, "Inbox", len(raw), "Hello")
    assert (contents.sender, contents.date, contents.text_cut) == ("lab@example.org", None, False)
    document = next(part for part in contents.parts if part.document == "C-CDA")
    assert (document.part, document.name, document.path) == ("2/3", "a.xml", "IHE_XDM/SUBSET01/a.xml")
    file = io.BytesIO()
    saved = reading.part(reader.mailbox.name, message_id, document.part, file)
    assert file.getvalue() == CCDA
    assert (saved.size, saved.sha256) == (document.size, document.sha256)
    assert build.log_row(saved.request_id).reason == "read"
    file = io.BytesIO()
    assert reading.raw(reader.mailbox.name, message_id, file).size == len(raw)
    assert file.getvalue() == raw


def test_rejected_download_writes_nothing(reading: DirectClient, reader: Application, build: Builder) -> None:
    file = io.BytesIO()
    message_id = build.raw_message(reader.mailbox, b"From: a\r\n\r\n")
    with pytest.raises(client.InvalidArguments) as rejected:
        reading.part(reader.mailbox.name, message_id, "2", file)
    assert rejected.value.fields == ("part",)
    with pytest.raises(client.MessageNotFound):
        reading.raw(reader.mailbox.name, "9223372036854775807", file)
    assert file.getvalue() == b""


def test_download_that_breaks_off_is_no_answer() -> None:
    def break_off(_request: httpx.Request) -> httpx.Response:
        def chunks() -> Iterator[bytes]:
            yield b"half"
            raise httpx.ReadError("closed")

        return httpx.Response(200, content=chunks())

    file = io.BytesIO()
    with httpx.Client(transport=httpx.MockTransport(break_off)) as http:
        direct = DirectClient("http://127.0.0.1:1", "public", "private", http=http)
        with pytest.raises(client.NoAnswer, match="before the end"):
            direct.raw("m", 1, file)
    assert file.getvalue() == b"half"
