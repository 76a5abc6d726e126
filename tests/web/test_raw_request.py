"""The body of a request: complete or rejected, with a length or in chunks, its limits, its Content-MD5."""

import base64
import hashlib
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from ..support.actors import FORM, MOVE, Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import (
    PATIENCE,
    Answer,
    ask,
    chunks,
    connected,
    form,
    head,
    moved,
    post,
    signed,
    signed_bare,
    signed_post,
)

BAD_REQUEST = (400, '{"message":"Bad Request"}')
UNAUTHENTICATED = (401, '{"message":"Access Denied. Authentication Failed."}')
NOT_FOUND = (404, '{"message":"Not Found"}')
NOT_ALLOWED = (405, '{"message":"Method Not Allowed"}')
TOO_LARGE = (413, '{"message":"Content Too Large"}')
UNSUPPORTED = (415, '{"message":"Unsupported Media Type"}')
NO_ARGUMENTS = (
    422,
    '{"fields":["mailbox","id","folder"],"message":'
    "\"'Mailbox' is a required field. 'ID' is a required field. 'Folder' is a required field.\"}",
)

#: DAAS_MAX_BODY_BYTES of the server, by default.
LIMIT = 65_536
CHUNKED = ("Transfer-Encoding", "chunked")


def as_form(application: Application) -> bytes:
    return form(application).encode()


def as_json(application: Application) -> bytes:
    box = application.mailbox
    return json.dumps({"mailbox": box.name, "id": int(box.message), "folder": box.folder}).encode()


def as_multipart(application: Application) -> bytes:
    box = application.mailbox
    part = '--bound\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    named = {"mailbox": box.name, "id": box.message, "folder": box.folder}
    return ("".join(part.format(name, value) for name, value in named.items()) + "--bound--\r\n").encode()


BODIES = {
    "form": (FORM, as_form),
    "json": ("application/json", as_json),
    "multipart": ("multipart/form-data; boundary=bound", as_multipart),
}
in_each_type = pytest.mark.parametrize(("content_type", "body_of"), BODIES.values(), ids=BODIES)


def ask_cut(server: LiveServer, request: bytes) -> Answer:
    """Send the beginning of a request, close the sending side, and return the response."""
    with connected(server) as wire:
        wire.send(request)
        wire.half_close()
        return wire.read()


# Cut short


@in_each_type
def test_body_cut_anywhere_is_400_and_moves_nothing(
    server: LiveServer, application: Application, build: Builder, content_type: str, body_of: Callable[..., Any]
) -> None:
    body = body_of(application)
    start = head(MOVE, [*signed_bare(application, content_type), ("Content-Length", str(len(body)))])
    errors = {cut: ask_cut(server, start + body[:cut]).error for cut in range(len(body))}
    assert {cut: fault for cut, fault in errors.items() if fault != BAD_REQUEST} == {}
    assert build.folder_of(application.mailbox.message) == "Inbox"
    assert ask_cut(server, start + body).status == 200


@in_each_type
def test_chunks_cut_anywhere_are_400_and_move_nothing(
    server: LiveServer, application: Application, build: Builder, content_type: str, body_of: Callable[..., Any]
) -> None:
    body = chunks(body_of(application), [31, 1, 17], trailers=b"X-Trailer: x\r\n")
    start = head(MOVE, [*signed_bare(application, content_type), CHUNKED])
    errors = {cut: ask_cut(server, start + body[:cut]).error for cut in range(len(body))}
    assert {cut: fault for cut, fault in errors.items() if fault != BAD_REQUEST} == {}
    assert build.folder_of(application.mailbox.message) == "Inbox"
    assert ask_cut(server, start + body).status == 200


CUT_ANYWAY = {
    "unsigned": ("POST", MOVE),
    "unknown-path": ("POST", "/direct/messages/copy"),
    "wrong-method": ("PUT", MOVE),
}


@pytest.mark.parametrize(("method", "target"), CUT_ANYWAY.values(), ids=CUT_ANYWAY)
@pytest.mark.parametrize("announced", [("Content-Length", "7"), CHUNKED], ids=["length", "chunks"])
def test_cut_body_is_rejected_before_other_errors(
    server: LiveServer, method: str, target: str, announced: tuple[str, str]
) -> None:
    sent = b"7\r\nid=181" if announced == CHUNKED else b"id=181"
    assert ask_cut(server, head(target, [announced], method=method) + sent).error == BAD_REQUEST


def test_large_cut_body_is_400(server: LiveServer) -> None:
    assert ask_cut(server, head(MOVE, [("Content-Length", "200000")]) + b"x" * 199_999).error == BAD_REQUEST


def test_large_cut_chunks_are_400(server: LiveServer) -> None:
    assert ask_cut(server, head(MOVE, [CHUNKED]) + chunks(b"x" * 200_000, [9999])[:-1]).error == BAD_REQUEST


# Chunks


@in_each_type
@pytest.mark.parametrize("sizes", [[1], [2, 3], [7, 1, 13], [100_000]], ids=str)
def test_chunks_of_any_size_are_one_body(
    server: LiveServer,
    application: Application,
    build: Builder,
    content_type: str,
    body_of: Callable[..., Any],
    sizes: list[int],
) -> None:
    response = ask(
        server, head(MOVE, [*signed_bare(application, content_type), CHUNKED]) + chunks(body_of(application), sizes)
    )
    assert (response.status, response.body) == (200, moved(application, response))
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder


@pytest.mark.parametrize("announced", [None, CHUNKED], ids=["length", "chunks"])
def test_request_that_arrives_byte_by_byte_is_one_request(
    server: LiveServer, application: Application, announced: tuple[str, str] | None
) -> None:
    body = as_form(application)
    headers = [*signed(application), announced or ("Content-Length", str(len(body)))]
    with connected(server) as wire:
        wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(MOVE, headers) + (chunks(body, [5]) if announced else body):
            wire.send(bytes([byte]))
        response = wire.read()
    assert (response.status, response.body) == (200, moved(application, response))


EXTENSIONS = [b";a", b";a=b", b';a="b c\\" d"', b" ; a = b", b";a;b=c;d"]


@pytest.mark.parametrize("extension", EXTENSIONS, ids=repr)
def test_extensions_of_chunks_are_ignored(server: LiveServer, application: Application, extension: bytes) -> None:
    body = as_form(application)
    sent = b"%X%s\r\n%s\r\n000%s\r\n\r\n" % (len(body), extension, body, extension)
    response = ask(server, head(MOVE, [*signed(application), CHUNKED]) + sent)
    assert (response.status, response.body) == (200, moved(application, response))


@pytest.mark.parametrize(
    "trailer",
    [
        b"X-Trailer: x",
        b"Content-MD5: wrong",
        b"Date: yesterday",
        b"X-Daas-Date: yesterday",
        b"Content-Type: text/plain",
    ],
    ids=repr,
)
def test_trailers_change_nothing(server: LiveServer, application: Application, trailer: bytes) -> None:
    sent = chunks(as_form(application), [9], trailers=trailer + b"\r\n")
    response = ask(server, head(MOVE, [*signed(application), CHUNKED]) + sent)
    assert (response.status, response.body) == (200, moved(application, response))


@pytest.mark.parametrize("name", ["Date", "Content-Type"])
def test_required_header_is_not_accepted_as_trailer(server: LiveServer, application: Application, name: str) -> None:
    headers = signed(application)
    trailer = f"{name}: {dict(headers)[name]}\r\n".encode()
    headers = [header for header in headers if header[0] != name]
    response = ask(server, head(MOVE, [*headers, CHUNKED]) + chunks(as_form(application), [9], trailers=trailer))
    assert response.error == UNAUTHENTICATED


# Each replaces the first chunk; `{body}` is the body and `{size}` its size.
BROKEN_CHUNKS = {
    "no-size": b"\r\n{body}\r\n",
    "letters": b"zz\r\n{body}\r\n",
    "minus": b"-{size}\r\n{body}\r\n",
    "plus": b"+{size}\r\n{body}\r\n",
    "prefix": b"0x{size}\r\n{body}\r\n",
    "underscore": b"0_{size}\r\n{body}\r\n",
    "blank-before": b" {size}\r\n{body}\r\n",
    "blank-behind": b"{size} \r\n{body}\r\n",
    "superscript": b"\xb2\r\n{body}\r\n",
    "empty-extension": b"{size};\r\n{body}\r\n",
    "open-quote": b'{size};a="b\r\n{body}\r\n',
    "nul": b"{size}\0\r\n{body}\r\n",
    "bare-lf": b"{size}\n{body}\r\n",
    "bare-cr": b"{size}\r{body}\r\n",
    "no-end": b"{size}\r\n{body}",
    "bare-lf-end": b"{size}\r\n{body}\n",
    "longer-than-said": b"{size}\r\n{body}x\r\n",
    "shorter-than-said": b"f{size}\r\n{body}\r\n",
    "sixteen-digits": b"ffffffffffffffff\r\n{body}\r\n",
    "thousand-digits": b"f" * 1000 + b"\r\n{body}\r\n",
    "endless-size": b"f" * 9000 + b"\r\n{body}\r\n",
    "trailer-authorization": b"{size}\r\n{body}\r\n0\r\nAuthorization: x\r\n\r\n",
    "trailer-content-length": b"{size}\r\n{body}\r\n0\r\nContent-Length: 1\r\n\r\n",
    "trailer-without-colon": b"{size}\r\n{body}\r\n0\r\nx\r\n\r\n",
    "trailer-bare-lf": b"{size}\r\n{body}\r\n0\r\nX: y\n\r\n\r\n",
}


@pytest.mark.parametrize("broken", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_broken_chunks_are_400_and_close_connection(
    server: LiveServer, application: Application, build: Builder, broken: bytes
) -> None:
    body = as_form(application)
    sent = broken.replace(b"{size}", b"%x" % len(body)).replace(b"{body}", body) + b"0\r\n\r\n"
    with connected(server) as wire:
        # Bytes after broken chunks must not be read as a request, or it could be smuggled in.
        wire.send(head(MOVE, [*signed(application), CHUNKED]) + sent + signed_post(application, body))
        wire.half_close()
        assert wire.read().error == BAD_REQUEST
        assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


# Limits


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_body_of_exactly_the_limit_is_accepted(
    server: LiveServer, application: Application, build: Builder, chunked: bool
) -> None:
    body = as_form(application).ljust(LIMIT, b"&")
    request = (
        head(MOVE, [*signed(application), CHUNKED]) + chunks(body, [8191])
        if chunked
        else signed_post(application, body)
    )
    response = ask(server, request)
    assert (response.status, response.body) == (200, moved(application, response))
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_body_one_byte_over_the_limit_is_413(
    server: LiveServer, application: Application, build: Builder, chunked: bool
) -> None:
    body = as_form(application).ljust(LIMIT + 1, b"&")
    request = (
        head(MOVE, [*signed(application), CHUNKED]) + chunks(body, [8191])
        if chunked
        else signed_post(application, body)
    )
    assert ask(server, request).error == TOO_LARGE
    assert build.folder_of(application.mailbox.message) == "Inbox"


FAR_TOO_LARGE = {
    "length": post([], b"x" * 4_000_000),
    "chunks": head(MOVE, [CHUNKED]) + chunks(b"x" * 390_000, [9_999]),
}


@pytest.mark.parametrize("request_", FAR_TOO_LARGE.values(), ids=FAR_TOO_LARGE)
def test_client_that_sends_far_too_much_sees_413(server: LiveServer, request_: bytes) -> None:
    assert ask(server, request_).error == TOO_LARGE


@pytest.mark.slow
def test_huge_content_length_is_413_without_reading(
    server: LiveServer, application: Application, build: Builder
) -> None:
    hidden = signed_post(application, form(application))
    for announced in ("1000000000000", "9" * 20):
        with connected(server) as wire:
            assert wire.ask(head(MOVE, [("Content-Length", announced)])).error == TOO_LARGE
            # The bytes that follow are part of that body, never a request.
            with suppress(ConnectionError):
                wire.send(hidden)
                assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_endless_chunks_close_connection(server: LiveServer, application: Application, build: Builder) -> None:
    hidden = signed_post(application, form(application))
    with connected(server) as wire:
        wire.send(head(MOVE, [CHUNKED]) + b"%x\r\n" % (8 * LIMIT) + b"x" * 6 * LIMIT)
        assert wire.read().error == TOO_LARGE
        with suppress(ConnectionError):
            wire.send(b"x" * 2 * LIMIT + b"\r\n0\r\n\r\n" + hidden)
            assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize(
    ("method", "target", "fault"),
    [("POST", "/direct/messages/copy", NOT_FOUND), ("PUT", MOVE, NOT_ALLOWED)],
    ids=["unknown-path", "wrong-method"],
)
def test_404_and_405_precede_413(server: LiveServer, method: str, target: str, fault: tuple[int, str]) -> None:
    assert ask(server, post([], b"x" * 70_000, method=method, target=target)).error == fault


def test_bytes_without_content_length_are_no_body(server: LiveServer, application: Application) -> None:
    with connected(server) as wire:
        wire.send(head(MOVE, signed(application)) + as_form(application) + b"\r\n\r\n")
        assert wire.read().error == NO_ARGUMENTS
        # The bytes of the body are taken for another request, and a malformed one.
        assert wire.read().error == BAD_REQUEST
        assert wire.at_end()


@pytest.mark.parametrize("length", ["0", "00", "0000000000000"])
def test_empty_body_has_no_arguments(server: LiveServer, application: Application, length: str) -> None:
    assert ask(server, head(MOVE, [*signed(application), ("Content-Length", length)])).error == NO_ARGUMENTS


def test_leading_zeros_of_content_length_are_accepted(server: LiveServer, application: Application) -> None:
    body = as_form(application)
    assert ask(server, head(MOVE, [*signed(application), ("Content-Length", f"{len(body):010}")]) + body).status == 200


# Codings


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "x-unknown", "identity, gzip", "gzip, identity"])
def test_content_coding_is_415(server: LiveServer, application: Application, build: Builder, coding: str) -> None:
    response = ask(server, post([*signed(application), ("Content-Encoding", coding)], as_form(application)))
    assert response.error == UNSUPPORTED
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "compress"])
def test_transfer_coding_other_than_chunked_is_415(
    server: LiveServer, application: Application, build: Builder, coding: str
) -> None:
    headers = [*signed(application), ("Transfer-Encoding", f"{coding}, chunked")]
    assert ask(server, head(MOVE, headers) + chunks(as_form(application), [9])).error == UNSUPPORTED
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize(
    "coding", [("Content-Encoding", "gzip"), ("Transfer-Encoding", "gzip, chunked")], ids=["content", "transfer"]
)
def test_415_for_coding_comes_after_authentication(
    server: LiveServer, application: Application, coding: tuple[str, str]
) -> None:
    body = as_form(application)
    framing = [] if coding[0] == "Transfer-Encoding" else [("Content-Length", str(len(body)))]
    sent = body if framing else chunks(body, [9])
    assert ask(server, head(MOVE, [coding, *framing, ("Content-Type", FORM)]) + sent).error == UNAUTHENTICATED


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_coding_identity_is_accepted(server: LiveServer, application: Application, coding: str) -> None:
    assert ask(server, post([*signed(application), ("Content-Encoding", coding)], as_form(application))).status == 200


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED", " chunked\t"])
def test_chunked_is_accepted_in_any_case(server: LiveServer, application: Application, coding: str) -> None:
    headers = [*signed(application), ("Transfer-Encoding", coding)]
    assert ask(server, head(MOVE, headers) + chunks(as_form(application), [9])).status == 200


# Content-MD5


MD5_FORMS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "hexadecimal": lambda digest: digest.hex(),
    "upper-case": lambda digest: digest.hex().upper(),
    "mixed-case": lambda digest: digest.hex()[:16] + digest.hex()[16:].upper(),
    "base64-of-hexadecimal": lambda digest: base64.b64encode(digest.hex().encode()).decode(),
}


def md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


@in_each_type
@pytest.mark.parametrize("written", MD5_FORMS.values(), ids=MD5_FORMS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_content_md5_of_body_is_accepted(
    server: LiveServer,
    application: Application,
    content_type: str,
    body_of: Callable[..., Any],
    written: Callable[..., Any],
    chunked: bool,
) -> None:
    body = body_of(application)
    headers = signed_bare(application, content_type, md5=written(md5(body)))
    request = head(MOVE, [*headers, CHUNKED]) + chunks(body, [3, 50]) if chunked else post(headers, body)
    response = ask(server, request)
    assert (response.status, response.body) == (200, moved(application, response))


WRONG_MD5_FORMS = {
    "base64-of-upper-case": lambda digest: base64.b64encode(digest.hex().upper().encode()).decode(),
    "base64-url-safe": lambda _: base64.urlsafe_b64encode(b"\xfb\xff" * 8).decode(),
    "unpadded": lambda digest: base64.b64encode(digest).decode().rstrip("="),
    "twice": lambda digest: base64.b64encode(digest).decode() * 2,
    "quoted": lambda digest: f'"{base64.b64encode(digest).decode()}"',
    "cut-hexadecimal": lambda digest: digest.hex()[:-1],
    "of-nothing": lambda _: base64.b64encode(md5(b"")).decode(),
    "rubbish": lambda _: "rubbish",
}


@pytest.mark.parametrize("written", WRONG_MD5_FORMS.values(), ids=WRONG_MD5_FORMS)
def test_signed_wrong_content_md5_is_rejected_and_named(
    server: LiveServer, application: Application, build: Builder, written: Callable[..., Any]
) -> None:
    body = as_form(application)
    response = ask(server, signed_post(application, body, md5=written(md5(body))))
    assert response.error == UNAUTHENTICATED
    assert (response.header("X-Daas-Error"), response.header("WWW-Authenticate")) == ("content-md5-mismatch", "DAAS")
    assert abs(int(response.header("X-Daas-Clock-Skew"))) <= PATIENCE
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_unsigned_content_md5_is_rejected_without_error_name(server: LiveServer, application: Application) -> None:
    body = as_form(application)
    headers = [*signed(application), ("Content-MD5", MD5_FORMS["base64"](md5(body)))]
    response = ask(server, post(headers, body))
    assert (response.error, response.header("X-Daas-Error")) == (UNAUTHENTICATED, None)


@in_each_type
def test_body_that_differs_from_content_md5_is_rejected(
    server: LiveServer, application: Application, build: Builder, content_type: str, body_of: Callable[..., Any]
) -> None:
    body = body_of(application)
    headers = signed_bare(application, content_type, md5=MD5_FORMS["base64"](md5(body)))
    response = ask(server, post(headers, body.replace(b"mailbox", b"MAILBOX")))
    assert (response.error, response.header("X-Daas-Error")) == (UNAUTHENTICATED, "content-md5-mismatch")
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_signature_without_content_md5_fits_any_body(
    server: LiveServer, application: Application, build: Builder
) -> None:
    headers = signed(application)
    assert ask(server, post(headers, form(application, folder="Sent"))).status == 200
    assert ask(server, post(headers, form(application, folder="Draft"))).status == 200
    assert build.folder_of(application.mailbox.message) == "Draft"


# Pipelined requests


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_pipelined_requests_get_responses_in_order(
    server: LiveServer, application: Application, build: Builder, chunked: bool
) -> None:
    folders = [application.mailbox.folder, "Sent", "Archived", "Draft", application.mailbox.folder, "Archived"]
    bodies = [form(application, folder=folder).encode() for folder in folders]
    headers = signed(application)
    start = head(MOVE, [*headers, CHUNKED])
    requests = [start + chunks(body, [11]) if chunked else post(headers, body) for body in bodies]
    with connected(server) as wire:
        wire.send(b"".join(requests))
        responses = [wire.read() for _ in requests]
    assert [response.body for response in responses] == [
        moved(application, response, folder) for response, folder in zip(responses, folders, strict=True)
    ]
    ids = [int(response.request_id) for response in responses]
    assert ids == sorted({*ids})
    assert build.folder_of(application.mailbox.message) == "Archived"


def test_rejected_pipelined_request_rejects_no_other(server: LiveServer, application: Application) -> None:
    good = signed_post(application, form(application))
    requests = [
        (good, 200),
        (post([], form(application)), 401),
        (good, 200),
        (post([], b"x" * 70_000), 413),
        (good, 200),
        (post([], b"id=1", target="/direct/messages/copy"), 404),
        (good, 200),
        (post([], b"id=1", target=MOVE + "#"), 400),
        (good, 200),
        (post([], b"id=1", method="GET"), 405),
        (good, 200),
    ]
    with connected(server) as wire:
        wire.send(b"".join(request for request, _ in requests))
        assert [wire.read().status for _ in requests] == [status for _, status in requests]


def test_request_inside_a_body_is_not_served(server: LiveServer, application: Application, build: Builder) -> None:
    hidden = signed_post(application, form(application))
    with connected(server) as wire:
        assert wire.ask(post([], hidden)).error == UNAUTHENTICATED
        assert wire.ask(head(MOVE, [CHUNKED]) + chunks(hidden, [64])).error == UNAUTHENTICATED
        assert wire.ask(post([], hidden, target=MOVE + "#")).error == BAD_REQUEST
        assert wire.ask(post([], hidden, target="/direct/messages/copy")).error == NOT_FOUND
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_leading_zeros_of_content_length_change_nothing(server: LiveServer, application: Application) -> None:
    body = form(application)
    request = signed_post(application, body).replace(b"Content-Length: ", b"Content-Length: " + b"0" * 40)
    assert ask(server, request).status == 200
