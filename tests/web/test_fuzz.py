"""Hostile requests: every one gets a documented response in JSON."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daas.settings import Settings

from ..support.actors import FORM, Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import Answer, ask, connected, form, head, post, signed, signed_bare, signed_post

pytestmark = pytest.mark.processes

JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"

# The same examples on every run, so that a failure is caused by the change under test.
steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def hostile(app: Flask) -> Application:
    """Return an application that all hostile requests of a run share; its message may be moved."""
    build = Builder(app)
    return build.application(mailboxes=[build.mailbox()])


# The documented responses


def sentences(labels: dict[str, str]) -> set[str]:
    """Return every error body that names some of the arguments as missing or invalid."""
    bodies = set()
    for size in range(1, len(labels) + 1):
        for fields in itertools.combinations(labels, size):
            names = json.dumps(fields, separators=(",", ":"))
            missing = " ".join(f"'{labels[name]}' is a required field." for name in fields)
            invalid = ". ".join(f"'{labels[name]}' contains invalid input" for name in fields)
            bodies |= {f'{{"fields":{names},"message":"{missing}"}}', f'{{"message":"{invalid}","fields":{names}}}'}
    return bodies


LABELS = {"mailbox": "Mailbox", "id": "ID", "folder": "Folder"}
SEARCH_LABELS = {
    "mailbox": "Mailbox",
    "folder": "Folder",
    "subject": "Subject",
    "from": "From",
    "since": "Since",
    "until": "Until",
    "limit": "Limit",
    "after": "After",
}
MESSAGES = {
    400: "Bad Request",
    401: "Access Denied. Authentication Failed.",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
}
DOCUMENTED = {status: {f'{{"message":"{message}"}}'} for status, message in MESSAGES.items()} | {
    403: {f'{{"message":"Access Denied. {who} Not Authorized."}}' for who in ["Use", "User"]},
    422: sentences(LABELS) | sentences(SEARCH_LABELS) | {'{"message":"Message not found"}'},
}
SUCCESS = re.compile(
    r'{"request_id":"[1-9][0-9]*","mailbox":"[!-~]+",'
    r'("id":"[1-9][0-9]*","folder":"([1-9][0-9]*|Inbox|Sent|Archived|Draft)"|"(messages|folders)":\[.*\].*)}'
)


def assert_documented(response: Answer) -> None:
    assert response.header("Content-Type") == "application/json"
    assert response.header("Cache-Control") == "no-store"
    assert re.fullmatch(r"[1-9][0-9]*|[0-9a-f]{32}", response.request_id)
    if response.status == 200:
        assert SUCCESS.fullmatch(response.text)
    else:
        assert response.error[1] in DOCUMENTED.get(response.status, ()), response


# Mangled bodies


NUMBERS = [
    "0",
    "1",
    "-1",
    "01",
    "1.0",
    "1e2",
    "-0",
    "1e400",
    "9" * 19,
    "9" * 5000,
    "9223372036854775807",
    "NaN",
    "Infinity",
]
TEXTS = [
    "",
    " ",
    "Inbox",
    "sent",
    "\0",
    "a\0b",
    "'",
    '"',
    "\\",
    "%",
    "null",
    "\u202e",
    "\ufeff1",
    "\u0661",
    "\uff11",
    "\u212a",
]
NAMES = ["mailbox", "id", "folder", "MailBox", "ID", "Folder", "id ", " id", "id[]", "\u0131d", "", "from", "x"]

names = st.sampled_from(NAMES) | st.text(max_size=5)
texts = st.sampled_from([*NUMBERS, *TEXTS]) | st.text(max_size=10)
odd_bytes = st.sampled_from(
    [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\0", b"%", b"%ff", b"%00", b"\r\n"]
)


def filled(application: Application, text: str) -> str:
    """Return a strategy with some valid values, so that requests get past the first check."""
    box = application.mailbox
    return {"0": box.name, "1": box.message, "null": box.folder}.get(text, text)


@st.composite
def spoiled(draw: Any, wholes: st.SearchStrategy[bytes]) -> bytes:
    """Return a strategy for bytes with odd ones inserted and others removed or doubled."""
    body = draw(wholes)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 8))
        body = (
            body[:at] + draw(odd_bytes | st.binary(max_size=3) | st.just(body[at : at + length])) + body[at + length :]
        )
    return body


@steady
@given(pairs=st.lists(st.tuples(names, texts), max_size=8), junk=st.lists(odd_bytes, max_size=2), plain=st.booleans())
def test_mangled_form_gets_documented_response(
    server: LiveServer, hostile: Application, pairs: Any, junk: Any, plain: Any
) -> None:
    escape = (lambda text: text) if plain else (lambda text: quote(text, safe=""))
    written = "&".join(f"{escape(name)}={escape(filled(hostile, text))}" for name, text in pairs)
    body = written.encode("utf-8", "surrogatepass") + b"".join(junk)
    assert_documented(ask(server, signed_post(hostile, body)))


json_leaves = texts.map(json.dumps) | st.sampled_from(
    [*NUMBERS, "true", "false", "null", '"\\ud800"', '"\\u0000"', '"\\udc00\\ud800"']
)


def as_object(pairs: list[tuple[str, str]]) -> str:
    """Return a JSON object of names and values in JSON; json.dumps() would drop repeated names."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"


json_values = st.recursive(
    json_leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: f"[{','.join(values)}]")
        | st.lists(st.tuples(names, inner), max_size=3).map(as_object)
    ),
    max_leaves=12,
)
json_objects = st.lists(st.tuples(names, json_values), max_size=6).map(as_object)


@steady
@given(body=spoiled((json_objects | json_values).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_mangled_json_gets_documented_response(server: LiveServer, hostile: Application, body: Any) -> None:
    assert_documented(ask(server, signed_post(hostile, body, content_type=JSON)))


part_headers = st.sampled_from(
    [
        b'Content-Disposition: form-data; name="id"',
        b"content-disposition:form-data;name=FOLDER",
        b"Content-Disposition: form-data; name=mailbox; filename=x",
        b"Content-Disposition: form-data; name=id; filename*=utf-8''x",
        b"Content-Disposition: form-data; name*=utf-8''id",
        b"Content-Disposition: form-data; name*0=i; name*1*=%64",
        b"Content-Disposition: form-data; name*-1=id; name*x=id",
        b"Content-Disposition: form-data; name=id; name=folder",
        b'Content-Disposition: form-data; name="id\\"',
        b"Content-Disposition: form-data",
        b"Content-Disposition: attachment; name=id",
        b"Content-Type: text/plain; charset=utf-16",
        b"Content-Transfer-Encoding: base64",
        b"no colon",
        b": no name",
        b" folded",
        b"X: \xff",
        b"X: " + b"x" * 30_000,
    ]
)
ends_of_lines = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b""])


@st.composite
def multipart(draw: Any) -> bytes:
    body = b""
    for _ in range(draw(st.integers(0, 4))):
        body += b"--b" + draw(st.sampled_from([b"", b"", b"", b" ", b"--", b"x"])) + draw(ends_of_lines)
        for header in draw(st.lists(part_headers, min_size=1, max_size=2)):
            body += header + draw(ends_of_lines)
        body += draw(ends_of_lines) + draw(texts).encode("utf-8", "surrogatepass") + draw(ends_of_lines)
    return body + draw(st.sampled_from([b"--b--\r\n", b"--b--", b"\r\n--b--", b"--b--x", b"--b", b""]))


@steady
@given(
    body=spoiled(multipart()),
    boundary=st.sampled_from(["b", '"b"', "b; boundary=b", "b--", "", '"', "\xff", "x" * 200]),
)
def test_mangled_multipart_gets_documented_response(
    server: LiveServer, hostile: Application, body: Any, boundary: Any
) -> None:
    headers = signed_bare(hostile, f"multipart/form-data; boundary={boundary}")
    assert_documented(ask(server, post(headers, body)))


# Mangled queries


query_names = st.sampled_from([*SEARCH_LABELS, "Mailbox", "SUBJECT", "x"])
query_texts = texts | st.sampled_from(
    [
        "2026-11-22",
        "2026-11-22T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "253402300800",
        "_",
        "*",
    ]
)


@steady
@given(
    call=st.sampled_from(["folders", "messages"]),
    pairs=st.lists(st.tuples(query_names, query_texts), max_size=8),
    junk=st.sampled_from(["", "%", "%ff", "%c0%af", "&&", "?", "=", "%00", "&%=%"]),
)
def test_mangled_query_gets_documented_response(
    server: LiveServer, hostile: Application, call: Any, pairs: Any, junk: Any
) -> None:
    written = "".join(f"&{name}={quote(text, safe='')[:3000]}" for name, text in pairs)
    target = f"/direct/{call}?mailbox={hostile.mailbox.name}{written}{junk}"[:4000]
    headers = signed(hostile, method="GET", uri=target, content_type=None)
    assert_documented(ask(server, head(target, headers, method="GET")))


# Mangled heads


def all_responses(server: LiveServer, data: bytes) -> list[Answer]:
    """Send bytes, close the sending side, and return all responses until the server closes the connection."""
    responses = []
    with connected(server) as wire:
        wire.send(data)
        wire.half_close()
        while not wire.at_end():
            responses.append(wire.read())
    return [response for response in responses if response.status != 100]


HEADER_NAMES = [
    "Authorization",
    "Date",
    "X-Daas-Date",
    "Content-Type",
    "Content-MD5",
    "Content-Length",
    "Transfer-Encoding",
]
header_names = st.sampled_from(
    [
        *HEADER_NAMES,
        "Host",
        "Origin",
        "Expect",
        "Connection",
        "Upgrade",
        "Content-Encoding",
        "Cookie",
        "Accept",
        "Range",
    ]
)
header_values = st.sampled_from(
    [
        "",
        ",",
        "DAAS",
        "DAAS :",
        "DAAS a:b",
        "daas  a:b:c",
        "Basic YTpi",
        "chunked",
        "gzip, chunked",
        "100-continue",
        "0",
        "5",
        "65537",
        "-1",
        "9" * 18,
        "9" * 19,
        "websocket",
        "Upgrade",
        "close",
        "keep-alive",
        "a..b",
        ";",
        '"',
        "boundary=",
        "\xff",
        "Mon, 31 Feb 2026 25:61:61 GMT",
        "02/30/2026 00:00:00 EST",
        "99999999999",
        "2026-01-01T00:00:00.Z",
        "(" * 500,
        "1" * 5000,
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@steady
@given(extra=st.lists(st.tuples(header_names, header_values), max_size=4), instead=st.booleans())
def test_mangled_headers_get_documented_response(
    server: LiveServer, hostile: Application, extra: Any, instead: Any
) -> None:
    replaced = {name for name, _ in extra} if instead else set()
    headers = [header for header in signed(hostile) if header[0] not in replaced]
    request = post([*headers, *extra], form(hostile))
    if "Host" in replaced:
        request = request.replace(b"Host: 127.0.0.1\r\n", b"", 1)
    for response in all_responses(server, request):
        assert_documented(response)


@steady
@given(
    at=st.lists(st.integers(0, 2000), min_size=1, max_size=3),
    put=st.lists(
        st.binary(max_size=4) | st.sampled_from([b"\r\n", b"\n", b" ", b":", b"\0", b"\xff", b"//"]),
        min_size=3,
        max_size=3,
    ),
    over=st.integers(0, 3),
)
def test_changed_head_gets_documented_response_or_none(
    server: LiveServer, hostile: Application, at: Any, put: Any, over: Any
) -> None:
    # The beginning stays: a path outside /direct may be a page, in HTML.
    beginning, rest = b"POST /direct/", signed_post(hostile, form(hostile)).removeprefix(b"POST /direct/")
    for number, what in zip(at, put, strict=False):
        where = number % len(rest)
        rest = rest[:where] + what + rest[where + over :]
    for response in all_responses(server, beginning + rest):
        assert_documented(response)


@steady
@given(data=st.binary(max_size=400))
def test_random_bytes_are_rejected_in_json_or_get_no_response(server: LiveServer, data: Any) -> None:
    for response in all_responses(server, data):
        assert (response.status, response.error[1] in DOCUMENTED[response.status]) == (400, True)


# The nastiest requests


BAD_REQUEST = (400, '{"message":"Bad Request"}')
UNSUPPORTED = (415, '{"message":"Unsupported Media Type"}')
NO_MESSAGE = (422, '{"message":"Message not found"}')
NO_USER = (403, '{"message":"Access Denied. User Not Authorized."}')


def missing(*fields: str) -> tuple[int, str]:
    message = " ".join(f"'{LABELS[name]}' is a required field." for name in fields)
    return 422, json.dumps({"fields": fields, "message": message}, separators=(",", ":"))


def invalid(*fields: str, labels: dict[str, str] = LABELS) -> tuple[int, str]:
    message = ". ".join(f"'{labels[name]}' contains invalid input" for name in fields)
    return 422, json.dumps({"message": message, "fields": fields}, separators=(",", ":"))


MOVED = "moved"
ALL_MISSING = missing("mailbox", "id", "folder")

FORMS = {
    "as-documented": (b"mailbox=<mailbox>&id=<id>&folder=<folder>", MOVED),
    "names-in-any-case": (b"MAILBOX=<mailbox>&Id=<id>&fOLDER=<folder>", MOVED),
    "names-escaped": (b"%6dailbox=<mailbox>&%69d=<id>&fold%65r=<folder>", MOVED),
    "blanks-around": (b"mailbox=+<mailbox>%0d%0a&id=%09<id>+&folder=%20<folder>%0A", MOVED),
    "unknown-names": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=1&x=2&=&&y&%00=%00", MOVED),
    "nothing": (b"", ALL_MISSING),
    "ampersands": (b"&" * 60_000, ALL_MISSING),
    "thirty-thousand-names": (b"a&" * 30_000, BAD_REQUEST),
    "equals": (b"=" * 60_000, ALL_MISSING),
    "percents": (b"mailbox=<mailbox>&id=" + b"%" * 60_000 + b"&folder=<folder>", invalid("id")),
    "semicolons": (b"mailbox=<mailbox>;id=<id>;folder=<folder>", missing("id", "folder")),
    "blanks-alone": (b"mailbox=+&id=%09&folder=%0d%0a", ALL_MISSING),
    "no-break-space": (b"mailbox=<mailbox>&id=%c2%a0&folder=<folder>", invalid("id")),
    "vertical-tab": (b"mailbox=<mailbox>&id=<id>&folder=Inbox%0b", invalid("folder")),
    "nul-in-mailbox": (b"mailbox=<mailbox>%00&id=<id>&folder=<folder>", invalid("mailbox")),
    "nul-in-id": (b"mailbox=<mailbox>&id=<id>%00&folder=<folder>", invalid("id")),
    "nul-in-folder": (b"mailbox=<mailbox>&id=<id>&folder=Inbox%00", invalid("folder")),
    "nul-in-all": (b"mailbox=\0&id=\0&folder=\0", invalid("mailbox", "id", "folder")),
    "nul-in-name": (b"mailbox=<mailbox>&id%00=<id>&folder=<folder>", missing("id")),
    "dotless-name": (b"mailbox=<mailbox>&%c4%b1d=<id>&folder=<folder>", missing("id")),
    "byte-over-127": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=\xff", BAD_REQUEST),
    "escaped-byte-over-127": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=%ff", BAD_REQUEST),
    "escaped-name-over-127": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&%ff=x", BAD_REQUEST),
    "overlong": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=%c0%af", BAD_REQUEST),
    "surrogate": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=%ed%a0%80", BAD_REQUEST),
    "above-unicode": (b"mailbox=<mailbox>&id=<id>&folder=<folder>&x=%f4%90%80%80", BAD_REQUEST),
    "latin-1": ("mailbox=caf\xe9&id=1&folder=Sent".encode("latin-1"), BAD_REQUEST),
    "twice": (b"mailbox=<mailbox>&id=<id>&id=<id>&folder=<folder>", invalid("id")),
    "twice-in-other-case": (b"mailbox=<mailbox>&id=<id>&ID=2&folder=<folder>", invalid("id")),
    "once-and-blank": (b"mailbox=<mailbox>&id=<id>&id=+&folder=<folder>", invalid("id")),
    "twice-blank": (b"mailbox=<mailbox>&id=+&id=&folder=<folder>", missing("id")),
    "five-thousand-digits": (b"mailbox=<mailbox>&id=" + b"1" * 5000 + b"&folder=<folder>", invalid("id")),
    "greatest-id": (b"mailbox=<mailbox>&id=9223372036854775807&folder=<folder>", NO_MESSAGE),
    "id-too-great": (b"mailbox=<mailbox>&id=9223372036854775808&folder=<folder>", invalid("id")),
    "greatest-folder": (b"mailbox=<mailbox>&id=<id>&folder=9223372036854775807", invalid("folder")),
    "folder-too-great": (b"mailbox=<mailbox>&id=<id>&folder=9223372036854775808", invalid("folder")),
    "id-zero": (b"mailbox=<mailbox>&id=0&folder=<folder>", invalid("id")),
    "id-leading-zero": (b"mailbox=<mailbox>&id=0<id>&folder=<folder>", invalid("id")),
    "id-plus": (b"mailbox=<mailbox>&id=%2b<id>&folder=<folder>", invalid("id")),
    "id-minus": (b"mailbox=<mailbox>&id=-<id>&folder=<folder>", invalid("id")),
    "id-underscore": (b"mailbox=<mailbox>&id=1_0&folder=<folder>", invalid("id")),
    "id-arabic": ("mailbox=<mailbox>&id=\u0661&folder=<folder>".encode(), invalid("id")),
    "id-full-width": ("mailbox=<mailbox>&id=\uff11&folder=<folder>".encode(), invalid("id")),
    "id-injected": (b"mailbox=<mailbox>&id=<id> OR 1=1&folder=<folder>", invalid("id")),
    "mailbox-injected": (b"mailbox=<mailbox>'--&id=<id>&folder=<folder>", NO_USER),
    "mailbox-percent": (b"mailbox=%25&id=<id>&folder=<folder>", NO_USER),
    "mailbox-address": (b"mailbox=<mailbox>@direct.example.org&id=<id>&folder=<folder>", invalid("mailbox")),
    "mailbox-of-64": (b"mailbox=" + b"m" * 64 + b"&id=<id>&folder=<folder>", NO_USER),
    "mailbox-of-65": (b"mailbox=" + b"m" * 65 + b"&id=<id>&folder=<folder>", invalid("mailbox")),
    "mailbox-two-dots": (b"mailbox=a..b&id=<id>&folder=<folder>", invalid("mailbox")),
    "mailbox-kelvin": ("mailbox=\u212a&id=<id>&folder=<folder>".encode(), invalid("mailbox")),
    "folder-long-s": ("mailbox=<mailbox>&id=<id>&folder=\u017fent".encode(), invalid("folder")),
    "folder-dotted": ("mailbox=<mailbox>&id=<id>&folder=\u0130nbox".encode(), invalid("folder")),
    "folder-by-name": (b"mailbox=<mailbox>&id=<id>&folder=Custom 0", invalid("folder")),
    "line-separators": ("mailbox=<mailbox>&id=<id>\u2028&folder=<folder>".encode(), invalid("id")),
    "json-in-a-form": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}', ALL_MISSING),
}

JSONS = {
    "as-documented": (b'{"mailbox":"<mailbox>","id":"<id>","folder":"<folder>"}', MOVED),
    "numbers": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}', MOVED),
    "names-in-any-case": (b'{"MAILBOX":"<mailbox>","Id":<id>,"fOLDER":<folder>}', MOVED),
    "names-escaped": (b'{"\\u006dailbox":"<mailbox>","\\u0069d":<id>,"folde\\u0072":<folder>}', MOVED),
    "blanks-around": (b' \t\r\n{"mailbox":" <mailbox>\\n","id":"\\t<id> ","folder":"<folder>\\r\\n"} \n', MOVED),
    "brackets-in-a-text": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":"' + b"[{" * 20_000 + b'"}', MOVED),
    "quotes-in-a-text": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":"' + b'\\"[' * 15_000 + b'"}', MOVED),
    "eight-deep": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":' + b"[" * 7 + b"]" * 7 + b"}", MOVED),
    "endless-number-ignored": (
        b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":1e' + b"9" * 5000 + b"}",
        MOVED,
    ),
    "lone-surrogate-ignored": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"\\ud800":"\\udc00"}', MOVED),
    "nine-deep": (b'{"x":' + b"[" * 8 + b"]" * 8 + b"}", BAD_REQUEST),
    "ten-thousand-lists-deep": (b"[" * 10_000 + b"]" * 10_000, BAD_REQUEST),
    "ten-thousand-objects-deep": (b'{"":' * 10_000 + b"1" + b"}" * 10_000, BAD_REQUEST),
    "never-closed": (b"[" * 60_000, BAD_REQUEST),
    "never-ending-text": (b'{"mailbox":"' + b"x" * 60_000, BAD_REQUEST),
    "quotes-never-closed": (b'"' + b'\\"' * 5_000, BAD_REQUEST),
    "backslashes": (b'{"mailbox":"' + b"\\" * 60_001 + b'"}', BAD_REQUEST),
    "nothing": (b"", BAD_REQUEST),
    "null": (b"null", BAD_REQUEST),
    "list": (b'[{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}]', BAD_REQUEST),
    "text": (b'"mailbox"', BAD_REQUEST),
    "number": (b"1", BAD_REQUEST),
    "empty-object": (b"{}", ALL_MISSING),
    "not-a-number": (b'{"mailbox":"<mailbox>","id":NaN,"folder":<folder>}', BAD_REQUEST),
    "infinity": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":-Infinity}', BAD_REQUEST),
    "byte-order-mark": (b'\xef\xbb\xbf{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}', MOVED),
    "utf-16": ('{"mailbox":"a","id":1,"folder":1}'.encode("utf-16"), BAD_REQUEST),
    "utf-32-le": ('{"mailbox":"a","id":1,"folder":1}'.encode("utf-32-le"), BAD_REQUEST),
    "overlong": (b'{"mailbox":"\xc0\xaf","id":<id>,"folder":<folder>}', BAD_REQUEST),
    "surrogate-bytes": (b'{"mailbox":"\xed\xa0\x80","id":<id>,"folder":<folder>}', BAD_REQUEST),
    "byte-over-127": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,"x":"\xff"}', BAD_REQUEST),
    "nul-byte": (b'{"mailbox":"<mailbox>\0","id":<id>,"folder":<folder>}', BAD_REQUEST),
    "nul-behind": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}\0', BAD_REQUEST),
    "line-end-in-a-text": (b'{"mailbox":"<mailbox>\n","id":<id>,"folder":<folder>}', BAD_REQUEST),
    "two-objects": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}{}', BAD_REQUEST),
    "trailing-comma": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>,}', BAD_REQUEST),
    "single-quotes": (b"{'mailbox':'<mailbox>','id':<id>,'folder':<folder>}", BAD_REQUEST),
    "comment": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>/**/}', BAD_REQUEST),
    "leading-zero": (b'{"mailbox":"<mailbox>","id":0<id>,"folder":<folder>}', BAD_REQUEST),
    "hexadecimal": (b'{"mailbox":"<mailbox>","id":0x1,"folder":<folder>}', BAD_REQUEST),
    "a-form-in-json": (b"mailbox=<mailbox>&id=<id>&folder=<folder>", BAD_REQUEST),
    "lone-surrogates": (
        b'{"mailbox":"\\ud800","id":"\\udfff","folder":"\\udc00\\ud800"}',
        invalid("mailbox", "id", "folder"),
    ),
    "nul-escaped": (
        b'{"mailbox":"\\u0000","id":"\\u0000","folder":"Inbox\\u0000"}',
        invalid("mailbox", "id", "folder"),
    ),
    "surrogate-in-a-name": (b'{"mailbox":"<mailbox>","id\\ud800":<id>,"folder":<folder>}', missing("id")),
    "five-thousand-digits": (b'{"mailbox":"<mailbox>","id":' + b"1" * 5000 + b',"folder":<folder>}', invalid("id")),
    "fraction": (b'{"mailbox":"<mailbox>","id":<id>.0,"folder":<folder>}', invalid("id")),
    "exponent": (b'{"mailbox":"<mailbox>","id":1e2,"folder":<folder>}', invalid("id")),
    "endless": (b'{"mailbox":"<mailbox>","id":1e400,"folder":<folder>}', invalid("id")),
    "minus-zero": (b'{"mailbox":"<mailbox>","id":-0,"folder":<folder>}', invalid("id")),
    "minus": (b'{"mailbox":"<mailbox>","id":-<id>,"folder":<folder>}', invalid("id")),
    "true": (b'{"mailbox":true,"id":true,"folder":false}', invalid("mailbox", "id", "folder")),
    "lists": (b'{"mailbox":["<mailbox>"],"id":[<id>],"folder":[]}', invalid("mailbox", "id", "folder")),
    "objects": (b'{"mailbox":{},"id":{"id":<id>},"folder":{}}', invalid("mailbox", "id", "folder")),
    "mailbox-a-number": (b'{"mailbox":1,"id":<id>,"folder":<folder>}', invalid("mailbox")),
    "nulls": (b'{"mailbox":null,"id":null,"folder":null}', ALL_MISSING),
    "blanks-alone": (b'{"mailbox":"","id":" \\t","folder":"\\r\\n"}', ALL_MISSING),
    "twice": (b'{"mailbox":"<mailbox>","id":<id>,"id":<id>,"folder":<folder>}', invalid("id")),
    "twice-in-other-case": (b'{"mailbox":"<mailbox>","id":<id>,"ID":<id>,"folder":<folder>}', invalid("id")),
    "twice-escaped": (b'{"mailbox":"<mailbox>","id":<id>,"\\u0069d":<id>,"folder":<folder>}', invalid("id")),
    "once-and-null": (b'{"mailbox":"<mailbox>","id":<id>,"id":null,"folder":<folder>}', invalid("id")),
    "twice-null": (b'{"mailbox":"<mailbox>","id":null,"id":"","folder":<folder>}', missing("id")),
}


def part(name: bytes, value: bytes, *, more: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, more, value)


BOTH = part(b"mailbox", b"<mailbox>") + part(b"folder", b"<folder>")
PARTS = BOTH + part(b"id", b"<id>")
END = b"--b--\r\n"
MULTIPARTS = {
    "as-documented": (PARTS + END, MOVED),
    "no-last-line-end": (PARTS + b"--b--", MOVED),
    "names-in-any-case": (
        part(b"MAILBOX", b"<mailbox>") + part(b"Folder", b"<folder>") + part(b"iD", b"<id>") + END,
        MOVED,
    ),
    "names-unquoted": (PARTS.replace(b'"', b"") + END, MOVED),
    "other-headers": (
        BOTH + b"--b\r\nX: y\r\ncontent-disposition:form-data;name=id\r\nContent-Type: a/b\r\n\r\n<id>\r\n" + END,
        MOVED,
    ),
    "huge-header": (b"--b\r\nX: " + b"x" * 60_000 + PARTS[3:] + END, MOVED),
    "many-headers": (b"--b\r\n" + b"X: y\r\n" * 10_000 + PARTS[5:] + END, BAD_REQUEST),
    "thousand-parts": (PARTS + part(b"x", b"") * 1010 + END, BAD_REQUEST),
    "nothing": (b"", BAD_REQUEST),
    "end-alone": (END, BAD_REQUEST),
    "never-closed": (PARTS, BAD_REQUEST),
    "closed-by-half": (PARTS + b"--b-", BAD_REQUEST),
    "closed-after-bare-lf": (PARTS.removesuffix(b"\r\n") + b"\n" + END, BAD_REQUEST),
    "blank-behind-the-end": (PARTS + b"--b-- \r\n", BAD_REQUEST),
    "preamble": (b"Preamble\r\n" + PARTS + END, BAD_REQUEST),
    "line-end-before": (b"\r\n" + PARTS + END, MOVED),
    "epilogue": (PARTS + END + b"Epilogue", BAD_REQUEST),
    "closed-twice": (PARTS + END + END, BAD_REQUEST),
    "closed-before": (BOTH + END + part(b"id", b"<id>") + END, BAD_REQUEST),
    "another-boundary": (PARTS.replace(b"--b", b"--c") + b"--c--\r\n", BAD_REQUEST),
    "longer-boundary": (PARTS.replace(b"--b", b"--bb") + b"--bb--\r\n", BAD_REQUEST),
    "boundary-in-other-case": (PARTS.replace(b"--b", b"--B") + b"--B--\r\n", BAD_REQUEST),
    "bare-lf": (PARTS.replace(b"\r\n", b"\n") + b"--b--\n", BAD_REQUEST),
    "bare-cr": (PARTS.replace(b"\r\n", b"\r") + b"--b--\r", BAD_REQUEST),
    "no-header": (BOTH + b"--b\r\n\r\n<id>\r\n" + END, BAD_REQUEST),
    "no-blank-line": (BOTH + b'--b\r\nContent-Disposition: form-data; name="id"\r\n<id>\r\n' + END, BAD_REQUEST),
    "no-disposition": (BOTH + b"--b\r\nContent-Type: text/plain\r\n\r\n<id>\r\n" + END, BAD_REQUEST),
    "no-name": (BOTH + b"--b\r\nContent-Disposition: form-data\r\n\r\n<id>\r\n" + END, BAD_REQUEST),
    "empty-name": (BOTH + part(b"", b"<id>") + END, missing("id")),
    "header-over-127": (BOTH + b"--b\r\nX: \xff\r\n" + part(b"id", b"<id>")[5:] + END, MOVED),
    "value-over-127": (PARTS + part(b"x", b"\xff") + END, BAD_REQUEST),
    "value-overlong": (BOTH + part(b"id", b"\xc0\xb1") + END, BAD_REQUEST),
    "value-surrogate": (PARTS + part(b"x", b"\xed\xa0\x80") + END, BAD_REQUEST),
    "name-over-127": (PARTS + part(b"\xff", b"x") + END, BAD_REQUEST),
    "file": (BOTH + part(b"id", b"<id>", more=b'; filename="id.txt"') + END, invalid("id")),
    "file-without-name": (BOTH + part(b"id", b"<id>", more=b'; filename=""') + END, invalid("id")),
    "file-encoded": (BOTH + part(b"id", b"<id>", more=b"; filename*=utf-8''id.txt") + END, invalid("id")),
    "file-continued": (BOTH + part(b"id", b"<id>", more=b'; filename*0="i"; filename*1="d"') + END, invalid("id")),
    "file-unknown": (PARTS + part(b"x", b"\xff\0", more=b"; filename=x") + END, MOVED),
    "twice": (PARTS + part(b"ID", b"<id>") + END, invalid("id")),
    "twice-as-file": (PARTS + part(b"id", b"<id>", more=b"; filename=x") + END, invalid("id")),
    "blanks-alone": (BOTH + part(b"id", b" \t\r\n") + END, missing("id")),
    "line-ends-around": (BOTH + part(b"id", b"\r\n<id>\r\n") + END, MOVED),
    "nul": (BOTH + part(b"id", b"<id>\0") + END, invalid("id")),
    "nul-in-name": (BOTH + part(b"id\0", b"<id>") + END, BAD_REQUEST),
    "five-thousand-digits": (BOTH + part(b"id", b"1" * 5000) + END, invalid("id")),
    "delimiter-in-a-line": (BOTH + part(b"id", b"<id>--b--") + END, invalid("id")),
    "base64": (BOTH + part(b"id", b"MQ==", more=b"\r\nContent-Transfer-Encoding: base64") + END, BAD_REQUEST),
    "carriage-returns": (BOTH + part(b"id", b"\r" * 60_000) + END, missing("id")),
    "dashes": (BOTH + part(b"id", b"\r\n--" * 15_000) + END, invalid("id")),
    "json-in-multipart": (b'{"mailbox":"<mailbox>","id":<id>,"folder":<folder>}', BAD_REQUEST),
}

TABLE = [
    pytest.param(content_type, body, expected, id=f"{kind}-{name}")
    for kind, content_type, table in [
        ("form", FORM, FORMS),
        ("json", JSON, JSONS),
        ("multipart", MULTIPART, MULTIPARTS),
    ]
    for name, (body, expected) in table.items()
]


def fill(body: bytes, application: Application) -> bytes:
    """Replace the placeholders by the first mailbox, message and folder of an application."""
    box = application.mailbox
    for place, text in [(b"<mailbox>", box.name), (b"<id>", box.message), (b"<folder>", box.folder)]:
        body = body.replace(place, text.encode())
    return body


def assert_response(
    build: Builder, application: Application, response: Answer, expected: str | tuple[int, str]
) -> None:
    """Check all bytes of a response but its request_id, and that the message was moved only by a success."""
    box = application.mailbox
    if expected == MOVED:
        body = {"mailbox": box.name, "id": box.message, "folder": box.folder}
        expected = 200, json.dumps(body, separators=(",", ":"))
    assert response.error == expected
    assert response.header("Content-Type") == "application/json"
    assert build.folder_of(box.message) == (box.folder if response.status == 200 else "Inbox")


@pytest.mark.parametrize(("content_type", "body", "expected"), TABLE)
def test_nastiest_bodies_get_exactly_these_responses(
    server: LiveServer,
    application: Application,
    build: Builder,
    content_type: str,
    body: bytes,
    expected: str | tuple[int, str],
) -> None:
    request = post(signed_bare(application, content_type), fill(body, application))
    assert_response(build, application, ask(server, request), expected)


CONTENT_TYPES = {
    "upper-case": ("MULTIPART/FORM-DATA; BOUNDARY=b", MOVED),
    "quoted": ('multipart/form-data; boundary="b"', MOVED),
    "quoted-pair": ('multipart/form-data; boundary="\\b"', MOVED),
    "blanks": ("multipart/form-data \t; \t boundary = b \t", MOVED),
    "other-parameters": ('multipart/form-data; x="; boundary=c"; boundary=b; charset=utf-7', MOVED),
    "none": ("multipart/form-data", BAD_REQUEST),
    "empty": ("multipart/form-data; boundary=", BAD_REQUEST),
    "empty-quoted": ('multipart/form-data; boundary=""', BAD_REQUEST),
    "open-quote": ('multipart/form-data; boundary="b', BAD_REQUEST),
    "twice": ("multipart/form-data; boundary=b; boundary=b", BAD_REQUEST),
    "encoded": ("multipart/form-data; boundary*=utf-8''b", BAD_REQUEST),
    "over-127": ("multipart/form-data; boundary=b\xff", BAD_REQUEST),
    "shorter": ('multipart/form-data; boundary="b--"', BAD_REQUEST),
    "comma": ("multipart/form-data, multipart/form-data; boundary=b", UNSUPPORTED),
    "mixed": ("multipart/mixed; boundary=b", UNSUPPORTED),
    "text": ("text/plain", UNSUPPORTED),
    "slash": ("/", UNSUPPORTED),
    "semicolon": (";", UNSUPPORTED),
    "json-like": ("application/jsonx", UNSUPPORTED),
    "dotless": ("appl\u0131cation/json".encode().decode("latin-1"), UNSUPPORTED),
}


@pytest.mark.parametrize(("content_type", "expected"), CONTENT_TYPES.values(), ids=CONTENT_TYPES)
def test_nastiest_content_types_get_exactly_these_responses(
    server: LiveServer, application: Application, build: Builder, content_type: str, expected: str | tuple[int, str]
) -> None:
    body = fill(PARTS + END, application)
    assert_response(build, application, ask(server, post(signed_bare(application, content_type), body)), expected)


QUERIES = {
    "twice-mailbox": ("/direct/folders?mailbox=<mailbox>&Mailbox=<mailbox>", ["mailbox"]),
    "nul-mailbox": ("/direct/folders?mailbox=%00", ["mailbox"]),
    "twice-folder": ("/direct/messages?mailbox=<mailbox>&folder=Inbox&folder=Inbox", ["folder"]),
    "twice-subject": ("/direct/messages?mailbox=<mailbox>&subject=a&subject=a", ["subject"]),
    "nul-subject": ("/direct/messages?mailbox=<mailbox>&subject=%00", ["subject"]),
    "twice-from": ("/direct/messages?mailbox=<mailbox>&from=a&FROM=a", ["from"]),
    "twice-since": (
        "/direct/messages?mailbox=<mailbox>&since=2026-11-22T00:00:00Z&since=2026-11-22T00:00:00Z",
        ["since"],
    ),
    "twice-until": ("/direct/messages?mailbox=<mailbox>&until=1&until=2", ["until"]),
    "first-moment": ("/direct/messages?mailbox=<mailbox>&since=0001-01-01T00:00:00%2b23:59", ["since"]),
    "last-moment": ("/direct/messages?mailbox=<mailbox>&until=9999-12-31T23:59:59-23:59", ["until"]),
    "year-zero": ("/direct/messages?mailbox=<mailbox>&until=0000-01-01T00:00:00Z", ["until"]),
    "no-zone": ("/direct/messages?mailbox=<mailbox>&until=2026-11-22T00:00:00", ["until"]),
    "twice-limit": ("/direct/messages?mailbox=<mailbox>&limit=1&limit=1", ["limit"]),
    "limit-zero": ("/direct/messages?mailbox=<mailbox>&limit=0", ["limit"]),
    "limit-1001": ("/direct/messages?mailbox=<mailbox>&limit=1001", ["limit"]),
    "limit-digits": ("/direct/messages?mailbox=<mailbox>&limit=" + "1" * 3000, ["limit"]),
    "after-too-great": ("/direct/messages?mailbox=<mailbox>&after=9223372036854775808", ["after"]),
    "twice-after": ("/direct/messages?mailbox=<mailbox>&after=1&after=1", ["after"]),
    "all": (
        "/direct/messages?mailbox=@&folder=-1&subject=%00&from=%07&since=x&until=y&limit=z&after=0",
        [*SEARCH_LABELS],
    ),
}


@pytest.mark.parametrize(("target", "fields"), QUERIES.values(), ids=QUERIES)
def test_nastiest_queries_are_invalid_input(
    server: LiveServer, application: Application, target: str, fields: list[str]
) -> None:
    target = target.replace("<mailbox>", application.mailbox.name)
    headers = signed(application, method="GET", uri=target, content_type=None)
    response = ask(server, head(target, headers, method="GET"))
    assert response.error == invalid(*fields, labels=SEARCH_LABELS)


@pytest.mark.parametrize("query", ["mailbox=%ff", "mailbox=a&x=%c0%af", "mailbox=a&%ed%a0%80=x"])
@pytest.mark.parametrize("call", ["folders", "messages"])
def test_query_that_is_not_utf_8_is_400(server: LiveServer, application: Application, call: str, query: str) -> None:
    target = f"/direct/{call}?{query}"
    headers = signed(application, method="GET", uri=target, content_type=None)
    assert ask(server, head(target, headers, method="GET")).error == BAD_REQUEST


# A setting allows bodies of many megabytes: work that grows with the square of their length would block a worker.


@pytest.fixture(scope="module")
def roomy_server(make_settings: Callable[..., Settings], settings: Settings) -> Iterator[LiveServer]:
    with LiveServer.start(settings, DAAS_MAX_BODY_BYTES="1048576") as live:
        yield live


MEGABYTE = 1_000_000
DISPOSITION = b"--b\r\nContent-Disposition: form-data; name=id"
LARGE = {
    "json-lists": (JSON, b"[" * MEGABYTE, BAD_REQUEST),
    "json-quotes": (JSON, b'"' * MEGABYTE, BAD_REQUEST),
    "json-escaped-quotes": (JSON, b'"' + b'\\"' * (MEGABYTE // 2), BAD_REQUEST),
    "json-backslashes": (JSON, b'"' + b"\\" * MEGABYTE, BAD_REQUEST),
    "json-blanks": (JSON, b" " * MEGABYTE, BAD_REQUEST),
    "json-digits": (JSON, b'{"id":' + b"1" * MEGABYTE + b"}", missing("mailbox", "folder")),
    "json-names": (JSON, b"{" + b'"a":1,' * (MEGABYTE // 6) + b'"b":1}', BAD_REQUEST),
    "form-names": (FORM, b"a&" * (MEGABYTE // 2), BAD_REQUEST),
    "form-one-name": (FORM, b"id=1&" * (MEGABYTE // 5), BAD_REQUEST),
    "form-percents": (FORM, b"id=" + b"%" * MEGABYTE, missing("mailbox", "folder")),
    "multipart-delimiters": (MULTIPART, b"--b\r\n" * (MEGABYTE // 5) + END, BAD_REQUEST),
    "multipart-near-delimiters": (
        MULTIPART,
        DISPOSITION + b"\r\n\r\n" + b"\r\n--bx" * (MEGABYTE // 7) + b"\r\n" + END,
        BAD_REQUEST,
    ),
    "multipart-parts": (
        MULTIPART,
        (DISPOSITION + b"\r\n\r\n1\r\n") * (MEGABYTE // 51) + END,
        BAD_REQUEST,
    ),
    "multipart-semicolons": (
        MULTIPART,
        DISPOSITION + b";" * MEGABYTE + b"\r\n\r\n1\r\n" + END,
        BAD_REQUEST,
    ),
    "multipart-parameters": (
        MULTIPART,
        DISPOSITION + b';a="b"' * (MEGABYTE // 6) + b"\r\n\r\n1\r\n" + END,
        BAD_REQUEST,
    ),
}


@pytest.mark.parametrize(("content_type", "body", "expected"), LARGE.values(), ids=LARGE)
def test_body_of_a_megabyte_gets_expected_response(
    roomy_server: LiveServer, application: Application, content_type: str, body: bytes, expected: tuple[int, str]
) -> None:
    assert ask(roomy_server, post(signed_bare(application, content_type), body)).error == expected
