"""HTTP on raw connections: targets, headers, methods, other origins, gunicorn's rejections."""

import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from daas.records.request_log import RequestLogRow
from daas.settings import Settings
from daas.storage.engine import db

from ..support.actors import FORM, MOVE, Application, now
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import ask, connected, form, head, moved, post, signed, signed_post

pytestmark = pytest.mark.processes

BAD_REQUEST = (400, '{"message":"Bad Request"}')
UNAUTHENTICATED = (401, '{"message":"Access Denied. Authentication Failed."}')
NOT_FOUND = (404, '{"message":"Not Found"}')
NOT_ALLOWED = (405, '{"message":"Method Not Allowed"}')
TOO_LARGE = (413, '{"message":"Content Too Large"}')

ORIGIN = "https://app.example.org"
SHOWN_HEADERS = (
    "X-Request-Id, X-Daas-Error, X-Daas-Clock-Skew, X-Daas-String-To-Sign, Retry-After, Idempotent-Replayed, "
    "Content-Disposition"
)


def count_rows(build: Builder) -> int:
    with build.app.app_context():
        return db.session.scalar(select(func.count()).select_from(RequestLogRow))


@pytest.fixture(scope="module")
def open_server(settings: Settings) -> Iterator[LiveServer]:
    """Return a server that allows one origin."""
    with LiveServer.start(settings, DAAS_ALLOWED_ORIGINS=ORIGIN) as live:
        yield live


# Connections


KEPT_OPEN = {
    "200": (lambda app: signed_post(app, form(app)), 200),
    "400-body": (lambda app: signed_post(app, "{", content_type="application/json"), 400),
    "400-fragment": (lambda _: post([], "id=1", target=MOVE + "#x"), 400),
    "401": (lambda app: post([], form(app)), 401),
    "403": (lambda app: signed_post(app, form(app, mailbox="nobody")), 403),
    "404": (lambda app: signed_post(app, form(app), target="/direct/messages/copy"), 404),
    "405": (lambda app: post([], form(app), method="PUT"), 405),
    "413": (lambda app: signed_post(app, "x" * 70_000), 413),
    "415": (lambda app: signed_post(app, form(app), content_type="text/plain"), 415),
    "422": (signed_post, 422),
}


@pytest.mark.parametrize(("first", "status"), KEPT_OPEN.values(), ids=KEPT_OPEN)
def test_connection_serves_next_request_after_response(
    server: LiveServer, application: Application, build: Builder, first: Callable[..., Any], status: int
) -> None:
    with connected(server) as wire:
        assert wire.ask(first(application)).status == status
        response = wire.ask(signed_post(application, form(application, folder="Sent")))
        assert (response.status, response.body) == (200, moved(application, response, "Sent"))
    assert build.folder_of(application.mailbox.message) == "Sent"


def test_request_ids_of_one_connection_grow(server: LiveServer, application: Application) -> None:
    with connected(server) as wire:
        ids = [int(wire.ask(signed_post(application, form(application))).request_id) for _ in range(5)]
    assert ids == sorted({*ids})


def test_connection_is_closed_on_request(server: LiveServer, application: Application) -> None:
    with connected(server) as wire:
        response = wire.ask(post([*signed(application), ("Connection", "close")], form(application)))
        assert (response.status, response.header("Connection")) == (200, "close")
        assert wire.at_end()


def test_http_1_0_connection_is_closed_after_response(server: LiveServer, application: Application) -> None:
    with connected(server) as wire:
        response = wire.ask(post(signed(application), form(application), version="HTTP/1.0"))
        assert (response.status, response.body) == (200, moved(application, response))
        assert wire.at_end()


def test_http_1_0_connection_is_kept_open_on_request(server: LiveServer, application: Application) -> None:
    request = post([*signed(application), ("Connection", "keep-alive")], form(application), version="HTTP/1.0")
    with connected(server) as wire:
        assert [wire.ask(request).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("expectation", ["100-continue", "100-Continue"])
def test_expect_100_continue_gets_100(server: LiveServer, application: Application, expectation: str) -> None:
    body = form(application).encode()
    with connected(server) as wire:
        headers = [*signed(application), ("Expect", expectation), ("Content-Length", str(len(body)))]
        assert wire.ask(head(MOVE, headers)).status == 100
        response = wire.ask(body)
        assert (response.status, response.body) == (200, moved(application, response))


def test_http_1_0_never_gets_100_continue(server: LiveServer, application: Application) -> None:
    request = post([*signed(application), ("Expect", "100-continue")], form(application), version="HTTP/1.0")
    assert ask(server, request).status == 200


def test_upgrade_is_ignored(server: LiveServer, application: Application) -> None:
    for protocol in ["websocket", "h2c", "TLS/1.0"]:
        upgrade = [("Connection", "Upgrade"), ("Upgrade", protocol), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
        assert (protocol, ask(server, post([*signed(application), *upgrade], form(application))).status) == (
            protocol,
            200,
        )


# The Host header is not signed, and nothing depends on it.
HOSTS = {
    "missing": None,
    "blank": "",
    "other": "mail.example.org:8443",
    "blanks": "a b",
    "not-ascii": "\xfc.example.org",
    "long-label": "a" * 64 + ".example.org",
    "empty-label": "a..b",
    "dot": ".",
    "open-bracket": "[::1",
    "no-port": "a:b:c",
    "slash": "a/b",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_host_does_not_matter(server: LiveServer, application: Application, host: str | None) -> None:
    line = b"" if host is None else f"Host: {host}\r\n".encode("latin-1")
    request = signed_post(application, form(application)).replace(b"Host: 127.0.0.1\r\n", line)
    response = ask(server, request)
    assert (response.status, response.body) == (200, moved(application, response))


# The target


SIGNED_TARGETS = [
    MOVE,
    "/direct/messages/move",
    MOVE + "/",
    "/direct/messages/move/",
    "/direct/messages/m%6Fve",
    "/%64irect/messages/move/format/jso%6e",
    MOVE + "?",
    MOVE + "?a=b%20c&d=e+f",
    MOVE + "?%7e=%ff&&=?/?",
    MOVE + "?mailbox=other&id=99&folder=Sent",
    MOVE + "?http://elsewhere/path",
    MOVE + "/?" + "q" * 4000,
]


@pytest.mark.parametrize("target", SIGNED_TARGETS, ids=lambda target: target[:60])
def test_signature_covers_target_as_on_request_line(server: LiveServer, application: Application, target: str) -> None:
    response = ask(server, signed_post(application, form(application), target=target))
    assert (response.status, response.body) == (200, moved(application, response))


@pytest.mark.parametrize(
    ("sent", "signed_for"),
    [
        ("/direct/messages/m%6Fve", "/direct/messages/move"),
        ("/direct/messages/m%6Fve", "/direct/messages/m%6fve"),
        (MOVE + "/", MOVE),
        (MOVE + "?a=b%20c", MOVE + "?a=b c"),
        (MOVE + "?a=b+c", MOVE + "?a=b%20c"),
        (MOVE + "?a=b", MOVE),
        (MOVE + "?", MOVE),
        (MOVE, MOVE + "?"),
        ("http://127.0.0.1" + MOVE, "http://127.0.0.1" + MOVE),
    ],
)
def test_signature_of_another_spelling_of_target_is_rejected(
    server: LiveServer, application: Application, sent: str, signed_for: str
) -> None:
    response = ask(server, post(signed(application, uri=signed_for), form(application), target=sent))
    assert response.error == UNAUTHENTICATED


@pytest.mark.parametrize(
    "before", ["http://127.0.0.1", "https://u@mail.example.org:8443", "HTTP://", "a+b-c.d://[::1]:80"]
)
def test_absolute_target_is_signed_from_its_path(
    server: LiveServer, application: Application, build: Builder, before: str
) -> None:
    target = MOVE + "?a=http://b/c"
    response = ask(server, post(signed(application, uri=target), form(application), target=before + target))
    assert (response.status, response.body) == (200, moved(application, response))
    assert build.log_row(response.request_id).path == MOVE


@pytest.mark.parametrize(
    "target",
    [
        "/direct",
        "/direct/",
        "/direct/message",
        "/direct/messages/move/format",
        "/direct/messages/move/format/xml",
        "/direct/messages/move/format/json/x",
        "/direct/messages/move.json",
        "/direct/messages/move//",
        MOVE + "//",
        "/direct//messages/move",
        "/direct/messages//move",
        "/direct/./messages/move",
        "/direct/../direct/messages/move",
        "/direct/messages/move/.",
        "/direct%2Fmessages/move",
        "/direct/messages%2fmove",
        "/direct/messages/move%2F",
        "/direct/messages%252Fmove",
        "/direct/messages/move;x=y",
        "/direct/messages/move%3Fx",
        "/direct/messages/move%23x",
        "/direct/messages/move%00",
        "/direct/messages/move%20",
        "/direct/messages/move%0A",
        "/direct/messages/move%FF",
        "/direct/messages/move%",
        "/direct/messages/Move",
    ],
)
def test_other_path_under_api_is_404_and_never_redirected(
    server: LiveServer, application: Application, build: Builder, target: str
) -> None:
    response = ask(server, post(signed(application, uri=target), form(application), target=target))
    assert response.error == NOT_FOUND
    assert response.header("Location") is None
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize(
    "target",
    [
        "//direct/messages/move",
        "///direct/messages/move/format/json",
        "/x/../direct/messages/move",
        "/direct\\messages\\move",
        "/Direct/messages/move",
        "/DIRECT/MESSAGES/MOVE",
        "/directs/messages/move",
        "/v2/direct/messages/move",
        "http://127.0.0.1//direct/messages/move",
        "http://127.0.0.1",
        "http://127.0.0.1?/direct/messages/move",
    ],
)
def test_path_like_the_apis_is_no_page_and_never_redirected(
    server: LiveServer, application: Application, build: Builder, target: str
) -> None:
    uri = re.sub(r"\Ahttp://[^/?]*", "", target)
    response = ask(server, post(signed(application, uri=uri), form(application), target=target))
    assert (response.status, response.header("Content-Type")) == (404, "text/html; charset=utf-8")
    assert response.header("Location") is None
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize("target", ["direct/messages/move?a=://", "http:/direct/messages/move?a=://b"])
def test_malformed_target_moves_nothing(
    server: LiveServer, application: Application, build: Builder, target: str
) -> None:
    response = ask(server, post(signed(application, uri=target), form(application), target=target))
    assert response.status in (400, 404)
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize(
    "target", [MOVE + "#", MOVE + "#x", MOVE + "?a=b#c", "/direct/#" + MOVE, "http://h" + MOVE + "#"]
)
def test_target_with_fragment_is_400(server: LiveServer, application: Application, build: Builder, target: str) -> None:
    response = ask(
        server, post(signed(application, uri=target.replace("http://h", "")), form(application), target=target)
    )
    assert response.error == BAD_REQUEST
    assert build.log_row(response.request_id).reason == "target-with-fragment"


@pytest.mark.parametrize("call", ["folders", "messages"])
@pytest.mark.parametrize("spelled", ["", "/", "/format/json", "/format/json/"])
def test_signed_get_has_its_arguments_in_the_raw_query(
    server: LiveServer, application: Application, call: str, spelled: str
) -> None:
    target = f"/direct/{call}{spelled}?MAILBOX=%20{application.mailbox.name.replace('.', '%2e')}+&x=%7e+%2F&&=;"
    response = ask(server, head(target, signed(application, method="GET", uri=target, content_type=None), method="GET"))
    assert (response.status, response.json["mailbox"]) == (200, application.mailbox.name)


@pytest.mark.parametrize("target", ["/direct//folders", "/direct/folders//", "/direct/folders%2F"])
def test_signed_get_of_other_path_is_404(server: LiveServer, application: Application, target: str) -> None:
    target += f"?mailbox={application.mailbox.name}"
    response = ask(server, head(target, signed(application, method="GET", uri=target, content_type=None), method="GET"))
    assert response.error == NOT_FOUND


# Headers


def test_repeated_authorization_is_rejected(server: LiveServer, application: Application) -> None:
    headers = signed(application)
    again = [header for header in headers if header[0] == "Authorization"]
    assert ask(server, post([*headers, *again], form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("joined", [",", ", "])
def test_authorization_joined_of_two_is_rejected(server: LiveServer, application: Application, joined: str) -> None:
    headers = [
        (name, value + joined + value if name == "Authorization" else value) for name, value in signed(application)
    ]
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["Date", "X-Daas-Date"])
def test_repeated_date_is_rejected_though_both_are_signed(
    server: LiveServer, application: Application, name: str
) -> None:
    date = now()
    headers = signed(application, date=f"{date},{date}")[1:]
    assert ask(server, post([(name, date), (name, date), *headers], form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["Date", "X-Daas-Date"])
@pytest.mark.parametrize("joined", [",", ", "])
def test_date_joined_of_two_is_rejected_though_signed(
    server: LiveServer, application: Application, name: str, joined: str
) -> None:
    date = now()
    headers = signed(application, date=date + joined + date, date_header=name)
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["Date", "X-Daas-Date"])
def test_two_dates_that_join_into_a_valid_date_are_rejected(
    server: LiveServer, application: Application, name: str
) -> None:
    date = datetime.datetime.now(datetime.UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Greenwich,Mean Time)")
    halves = [(name, half) for half in date.split(",")]
    headers = signed(application, date=date)[1:]
    assert ask(server, post([*halves, *headers], form(application))).error == UNAUTHENTICATED


def test_repeated_date_beside_x_daas_date_is_rejected(server: LiveServer, application: Application) -> None:
    headers = [*signed(application, date_header="X-Daas-Date"), ("Date", now()), ("Date", now())]
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


def test_repeated_content_md5_is_rejected_though_signed(server: LiveServer, application: Application) -> None:
    md5 = "CY9rzUYh03PK3k6DJie09g=="
    headers = [header for header in signed(application, md5=f"{md5},{md5}") if header[0] != "Content-MD5"]
    response = ask(server, post([*headers, ("Content-MD5", md5), ("Content-MD5", md5)], "test"))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") == "content-md5-mismatch"


@pytest.mark.parametrize("joined", [",", ", "])
def test_content_md5_joined_of_two_is_rejected_though_signed(
    server: LiveServer, application: Application, joined: str
) -> None:
    md5 = "CY9rzUYh03PK3k6DJie09g=="
    response = ask(server, signed_post(application, "test", md5=md5 + joined + md5))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") == "content-md5-mismatch"


def test_x_daas_date_precedes_date(server: LiveServer, application: Application) -> None:
    headers = [("Date", "yesterday"), *signed(application, date_header="X-Daas-Date")]
    assert ask(server, post(headers, form(application))).status == 200


@pytest.mark.parametrize("unreadable", ["yesterday", "", "06/03/2013"])
def test_unreadable_x_daas_date_precedes_readable_date(
    server: LiveServer, application: Application, unreadable: str
) -> None:
    headers = [*signed(application, date=unreadable, date_header="X-Daas-Date"), ("Date", now())]
    response = ask(server, post(headers, form(application)))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") == "date-unreadable"


def test_unreadable_x_daas_date_beside_signed_date_is_rejected(server: LiveServer, application: Application) -> None:
    response = ask(server, post([*signed(application), ("X-Daas-Date", "yesterday")], form(application)))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") is None


@pytest.mark.parametrize("empty", ["", " ", "\t \t"], ids=["empty", "blank", "tabs"])
@pytest.mark.parametrize("name", ["Authorization", "Date", "Content-Type"])
def test_empty_required_header_is_rejected(server: LiveServer, application: Application, name: str, empty: str) -> None:
    parts = {"Date": {"date": ""}, "Content-Type": {"content_type": ""}}.get(name, {})
    headers = [(given, empty if given == name else value) for given, value in signed(application, **parts)]
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["Authorization", "Date", "Content-Type"])
def test_missing_required_header_is_rejected(server: LiveServer, application: Application, name: str) -> None:
    headers = [header for header in signed(application) if header[0] != name]
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


def test_empty_content_md5_is_present_and_does_not_match(server: LiveServer, application: Application) -> None:
    response = ask(server, signed_post(application, form(application), md5=""))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") == "content-md5-mismatch"


def test_spaces_around_header_values_are_removed(server: LiveServer, application: Application) -> None:
    headers = [(name, f" \t {value} \t ") for name, value in signed(application)]
    assert ask(server, post(headers, form(application))).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X_Daas_Date", "yesterday"),
        ("Content_MD5", "wrong"),
        ("Content_Type", "text/plain"),
        ("Content_Length", "0"),
        ("Transfer_Encoding", "chunked"),
        ("Content_Encoding", "gzip"),
    ],
)
def test_header_with_underscore_is_another_header(
    server: LiveServer, application: Application, name: str, value: str
) -> None:
    response = ask(server, post([*signed(application), (name, value)], form(application)))
    assert (response.status, response.body) == (200, moved(application, response))


def test_date_header_with_underscore_is_ignored(server: LiveServer, application: Application) -> None:
    headers = [("X_Daas_Date", value) if name == "Date" else (name, value) for name, value in signed(application)]
    assert ask(server, post(headers, form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["Authorization", "Date", "X-Daas-Date", "Content-Type", "Content-MD5"])
@pytest.mark.parametrize("odd", ["\xff", "\xc3\xa9", "\xed\xa0\x80"], ids=["byte", "utf-8", "surrogate"])
def test_bytes_over_127_in_used_header_are_rejected(
    server: LiveServer, application: Application, name: str, odd: str
) -> None:
    headers = [header for header in signed(application) if header[0] != name]
    value = dict(signed(application)).get(name, "") + odd
    assert ask(server, post([*headers, (name, value)], form(application))).error == UNAUTHENTICATED


@pytest.mark.parametrize(
    ("part", "fault"), [("date", "date-unreadable"), ("md5", "content-md5-mismatch")], ids=["date", "content-md5"]
)
def test_signed_bytes_over_127_are_named_as_error(
    server: LiveServer, application: Application, part: str, fault: str
) -> None:
    response = ask(server, signed_post(application, form(application), **{part: "\xe9\xff"}))
    assert response.error == UNAUTHENTICATED
    assert response.header("X-Daas-Error") == fault


def test_bytes_over_127_in_content_type_parameter_are_signed(server: LiveServer, application: Application) -> None:
    assert ask(server, signed_post(application, form(application), content_type=f"{FORM}; x=\xe9\xff")).status == 200


@pytest.mark.parametrize(
    "name", ["Origin", "User-Agent", "Cookie", "Accept", "X-Request-Id", "Referer", "Connection", "Content-Language"]
)
def test_bytes_over_127_in_unused_header_change_nothing(
    server: LiveServer, application: Application, name: str
) -> None:
    assert ask(server, post([*signed(application), (name, "\xff\xe9=;,")], form(application))).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCRIPT_NAME", "/direct"),
        ("Script-Name", "/direct"),
        ("PATH_INFO", "/"),
        ("Path-Info", "/"),
        ("Raw-Uri", "/"),
        ("Remote-Addr", "198.51.100.1"),
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "mail.example.org"),
        ("X-Forwarded-Prefix", "/direct"),
        ("X-Forwarded-Path", "/"),
        ("X-Original-URL", "/"),
        ("X-Rewrite-URL", "/"),
        ("X-Real-IP", "198.51.100.1"),
        ("Forwarded", "for=198.51.100.1;proto=https"),
        ("X-HTTP-Method-Override", "DELETE"),
    ],
)
def test_forwarded_headers_of_a_client_change_nothing(
    server: LiveServer, application: Application, build: Builder, name: str, value: str
) -> None:
    response = ask(server, post([(name, value), *signed(application)], form(application)))
    assert (response.status, response.body) == (200, moved(application, response))
    row = build.log_row(response.request_id)
    assert (row.remote_address, row.method, row.path) == ("127.0.0.1", "POST", MOVE)


def test_request_id_from_client_is_ignored(server: LiveServer, application: Application, build: Builder) -> None:
    response = ask(server, post([("X-Request-Id", "4611686018427387904"), *signed(application)], form(application)))
    assert response.request_id != "4611686018427387904"
    assert build.log_row(response.request_id).message == application.mailbox.message


# Methods


NO_METHODS_OF = {
    "/direct/messages/move": "GET",
    MOVE: "GET",
    MOVE + "/": "GET",
    "/direct/folders": "POST",
    "/direct/folders/format/json/": "POST",
    "/direct/messages": "POST",
    "/direct/messages/format/json": "POST",
}


@pytest.mark.parametrize(
    "method", ["", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "M-SEARCH"]
)
@pytest.mark.parametrize(("target", "other"), NO_METHODS_OF.items())
def test_other_method_is_405(server: LiveServer, build: Builder, method: str, target: str, other: str) -> None:
    response = ask(server, head(target, [], method=method or other))
    assert response.error == NOT_ALLOWED
    assert response.header("Allow") == {"GET": "POST", "POST": "GET"}[other]
    assert build.log_row(response.request_id).method == (method or other)


@pytest.mark.parametrize(
    ("target", "status", "allow"),
    [
        (MOVE, 405, "POST"),
        ("/direct/messages", 405, "GET"),
        ("/direct/folders?x=y", 405, "GET"),
        ("/direct/x", 404, None),
    ],
)
def test_head_is_rejected_without_body(
    server: LiveServer, application: Application, target: str, status: int, allow: str | None
) -> None:
    with connected(server) as wire:
        response = wire.ask(head(target, [], method="HEAD"), head_only=True)
        assert (response.status, response.header("Allow")) == (status, allow)
        assert response.header("X-Request-Id").isdecimal()
        # A body would be read as the beginning of this response.
        assert wire.ask(signed_post(application, form(application))).status == 200


# Other origins


def test_preflight_from_allowed_origin_is_204(open_server: LiveServer, build: Builder) -> None:
    before = count_rows(build)
    requested = [
        ("Origin", ORIGIN),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-daas-date"),
    ]
    response = ask(open_server, head(MOVE, requested, method="OPTIONS"))
    assert response.status == 204
    assert {name: value for name, value in response.headers if name not in {"server", "date", "connection"}} == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "Authorization, Content-Type, Content-MD5, X-Daas-Date, Idempotency-Key",
        "access-control-max-age": "600",
        "access-control-expose-headers": SHOWN_HEADERS,
        "vary": "Origin",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert count_rows(build) == before


@pytest.mark.parametrize("target", ["/direct/messages/move", MOVE + "/", MOVE + "?a=b", "http://127.0.0.1" + MOVE])
def test_preflight_works_for_every_spelling_of_the_url(open_server: LiveServer, target: str) -> None:
    requested = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
    assert ask(open_server, head(target, requested, method="OPTIONS")).status == 204


@pytest.mark.parametrize("target", ["/direct/folders", "/direct/messages/format/json/", "/direct/messages?mailbox=x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_preflight_names_all_methods_of_its_url(open_server: LiveServer, target: str, method: str) -> None:
    requested = [("Origin", ORIGIN), ("Access-Control-Request-Method", method)]
    response = ask(open_server, head(target, requested, method="OPTIONS"))
    assert (response.status, response.header("Access-Control-Allow-Methods")) == (204, "GET")


def test_connection_serves_next_request_after_preflight(open_server: LiveServer, application: Application) -> None:
    requested = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
    with connected(open_server) as wire:
        assert wire.ask(head(MOVE, requested, method="OPTIONS")).status == 204
        response = wire.ask(
            post([*signed(application, date_header="X-Daas-Date"), ("Origin", ORIGIN)], form(application))
        )
        assert (response.status, response.body) == (200, moved(application, response))


OTHER_ORIGINS = {
    "another": ["https://evil.example.org"],
    "longer": [ORIGIN + ".evil.org"],
    "scheme": ["http://app.example.org"],
    "port": [ORIGIN + ":443"],
    "case": [ORIGIN.upper()],
    "slash": [ORIGIN + "/"],
    "null": ["null"],
    "blank": [""],
    "star": ["*"],
    "joined": [f"{ORIGIN}, {ORIGIN}"],
    "repeated": [ORIGIN, ORIGIN],
    "bytes": [ORIGIN + "\xe9"],
    "none": [],
}


@pytest.mark.parametrize("origins", OTHER_ORIGINS.values(), ids=OTHER_ORIGINS)
def test_preflight_from_other_origin_is_405_and_logged(
    open_server: LiveServer, build: Builder, origins: list[str]
) -> None:
    requested = [*(("Origin", origin) for origin in origins), ("Access-Control-Request-Method", "POST")]
    response = ask(open_server, head(MOVE, requested, method="OPTIONS"))
    assert (response.error, response.header("Allow")) == (NOT_ALLOWED, "POST")
    assert [name for name, _ in response.headers if name.startswith("access-control-")] == []
    assert build.log_row(response.request_id).status == 405


def test_no_origin_is_allowed_by_default(server: LiveServer) -> None:
    requested = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
    response = ask(server, head(MOVE, requested, method="OPTIONS"))
    assert response.error == NOT_ALLOWED
    assert [name for name, _ in response.headers if name.startswith("access-control-")] == []


READABLE = {
    "200": (lambda app: signed_post(app, form(app)), 200),
    "400": (lambda app: signed_post(app, "{", content_type="application/json"), 400),
    "400-fragment": (lambda _: post([], target=MOVE + "#x"), 400),
    "401": (lambda _: post([]), 401),
    "403": (lambda app: signed_post(app, form(app, mailbox="nobody")), 403),
    "404": (lambda _: post([], target="/direct/messages/copy"), 404),
    "404-preflight": (
        lambda _: head("/direct/messages/copy", [("Access-Control-Request-Method", "POST")], method="OPTIONS"),
        404,
    ),
    "404-slashes-preflight": (
        lambda _: head("//direct/messages/move", [("Access-Control-Request-Method", "POST")], method="OPTIONS"),
        404,
    ),
    "405": (lambda _: post([], method="GET"), 405),
    "405-options": (lambda _: head(MOVE, [], method="OPTIONS"), 405),
    "413": (lambda _: post([], "x" * 70_000), 413),
    "415": (lambda app: signed_post(app, form(app), content_type="text/plain"), 415),
    "422": (signed_post, 422),
}


@pytest.mark.parametrize(("request_of", "status"), READABLE.values(), ids=READABLE)
def test_allowed_origin_can_read_every_response(
    open_server: LiveServer, application: Application, request_of: Callable[..., Any], status: int
) -> None:
    request = request_of(application).replace(b"\r\n", f"\r\nOrigin: {ORIGIN}\r\n".encode(), 1)
    response = ask(open_server, request)
    assert response.status == status
    assert response.header("Access-Control-Allow-Origin") == ORIGIN
    assert response.header("Access-Control-Expose-Headers") == SHOWN_HEADERS
    assert response.header("Vary") == "Origin"
    assert response.header("Access-Control-Allow-Credentials") is None


def test_other_origin_is_served_but_cannot_read(open_server: LiveServer, application: Application) -> None:
    response = ask(open_server, post([*signed(application), ("Origin", "https://evil.example.org")], form(application)))
    assert response.status == 200
    assert [name for name, _ in response.headers if name.startswith("access-control-")] == []


# Rejections by gunicorn


def spoil(before: bytes, after: bytes) -> Any:
    def request(application: Application) -> bytes:
        whole = signed_post(application, form(application))
        spoiled = whole.replace(before, after, 1)
        assert spoiled != whole
        return spoiled

    return request


def with_headers(*headers: tuple[str, str]) -> Any:
    return lambda application: post([*signed(application), *headers], form(application))


def bare_head(*headers: tuple[str, str], version: str = "HTTP/1.1") -> Any:
    return lambda application: head(MOVE, [*signed(application), *headers], version=version) + b"0\r\n\r\n"


REJECTED = {
    "one-word": (lambda _: b"POST\r\n\r\n", 400, "Bad Request"),
    "two-words": (lambda _: b"POST /\r\n\r\n", 400, "Bad Request"),
    "empty-lines": (lambda _: b"\r\n\r\n", 400, "Bad Request"),
    "lower-case-method": (spoil(b"POST", b"post"), 400, "Bad Request"),
    "long-method": (spoil(b"POST", b"P" * 21), 400, "Bad Request"),
    "http-0.9": (spoil(b"HTTP/1.1", b"HTTP/0.9"), 400, "Bad Request"),
    "http-2.0": (spoil(b"HTTP/1.1", b"HTTP/2.0"), 400, "Bad Request"),
    "no-http": (spoil(b"HTTP/1.1", b"HTCPCP/1.0"), 400, "Bad Request"),
    "star": (spoil(MOVE.encode(), b"*"), 400, "Bad Request"),
    "authority": (spoil(MOVE.encode(), b"127.0.0.1:80"), 400, "Bad Request"),
    "broken-authority": (spoil(MOVE.encode(), b"http://[::1" + MOVE.encode()), 400, "Bad Request"),
    "target-over-127": (spoil(MOVE.encode(), MOVE.encode() + b"?\xff"), 400, "Bad Request"),
    "target-tab": (spoil(MOVE.encode(), MOVE.encode() + b"?\t"), 400, "Bad Request"),
    "markup": (spoil(b"HTTP/1.1", b"<script>alert(1)</script>"), 400, "Bad Request"),
    "header-name-blank": (spoil(b"Host:", b"Host :"), 400, "Bad Request"),
    "header-name-markup": (spoil(b"Host:", b"<b>Host</b>:"), 400, "Bad Request"),
    "header-name-over-127": (spoil(b"Host:", b"H\xf6st:"), 400, "Bad Request"),
    "header-without-colon": (spoil(b"Host:", b"Host"), 400, "Bad Request"),
    "header-nul": (spoil(b"127.0.0.1", b"127.0.0.1\0"), 400, "Bad Request"),
    "header-bare-cr": (spoil(b"127.0.0.1", b"127.0.0.1\rX: y"), 400, "Bad Request"),
    "folded-header": (spoil(b"127.0.0.1\r\n", b"127.0.0.1\r\n folded\r\n"), 400, "Bad Request"),
    "bare-lf-in-line": (spoil(b"HTTP/1.1\r\n", b"HTTP/1.1\n"), 400, "Bad Request"),
    "bare-lf-in-header": (spoil(b"127.0.0.1\r\n", b"127.0.0.1\n"), 400, "Bad Request"),
    "bare-lf-alone": (lambda app: signed_post(app, form(app)).replace(b"\r\n", b"\n"), 400, "Bad Request"),
    "two-hosts": (with_headers(("Host", "127.0.0.1")), 400, "Bad Request"),
    "two-content-types": (with_headers(("Content-Type", FORM)), 400, "Bad Request"),
    "two-content-lengths": (with_headers(("Content-Length", "5")), 400, "Bad Request"),
    "content-length-list": (bare_head(("Content-Length", "5, 5")), 400, "Bad Request"),
    "content-length-sign": (bare_head(("Content-Length", "+5")), 400, "Bad Request"),
    "content-length-minus": (bare_head(("Content-Length", "-5")), 400, "Bad Request"),
    "content-length-blank": (bare_head(("Content-Length", "")), 400, "Bad Request"),
    "content-length-superscript": (bare_head(("Content-Length", "\xb2")), 400, "Bad Request"),
    "content-length-5000-digits": (bare_head(("Content-Length", "9" * 5000)), 400, "Bad Request"),
    "length-and-chunks": (with_headers(("Transfer-Encoding", "chunked")), 400, "Bad Request"),
    "chunks-in-http-1.0": (bare_head(("Transfer-Encoding", "chunked"), version="HTTP/1.0"), 400, "Bad Request"),
    "chunked-twice": (bare_head(("Transfer-Encoding", "chunked, chunked")), 400, "Bad Request"),
    "chunked-not-last": (bare_head(("Transfer-Encoding", "chunked, gzip")), 400, "Bad Request"),
    "never-chunked": (bare_head(("Transfer-Encoding", "gzip")), 400, "Bad Request"),
    "unknown-coding": (bare_head(("Transfer-Encoding", "rot13, chunked")), 501, "Not Implemented"),
    "unknown-coding-alone": (bare_head(("Transfer-Encoding", "xchunked")), 501, "Not Implemented"),
    "expectation": (with_headers(("Expect", "200-ok")), 417, "Expectation Failed"),
    "long-target": (spoil(MOVE.encode(), MOVE.encode() + b"?" + b"q" * 4096), 414, "URI Too Long"),
    "many-headers": (with_headers(*[("X-Filler", "x")] * 100), 431, "Request Header Fields Too Large"),
    "long-header": (with_headers(("X-Filler", "x" * 8190)), 431, "Request Header Fields Too Large"),
    "http-2-preface": (lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400, "Bad Request"),
    "proxy-protocol": (
        lambda app: b"PROXY TCP4 198.51.100.1 127.0.0.1 1 80\r\n" + signed_post(app, form(app)),
        400,
        "Bad Request",
    ),
    "tls-hello": (lambda _: b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(256)), 400, "Bad Request"),
    "tls-hello-long": (lambda _: b"\x16\x03\x01" + b"\xfe" * 5000, 414, "URI Too Long"),
}


@pytest.mark.parametrize(("request_of", "status", "message"), REJECTED.values(), ids=REJECTED)
def test_malformed_http_is_rejected_in_json_and_not_logged(
    server: LiveServer,
    application: Application,
    build: Builder,
    request_of: Callable[..., Any],
    status: int,
    message: str,
) -> None:
    before = count_rows(build)
    with connected(server) as wire:
        response = wire.ask(request_of(application))
        assert wire.at_end()
    assert re.fullmatch(r"[0-9a-f]{32}", response.request_id)
    assert response.text == f'{{"request_id":"{response.request_id}","message":"{message}"}}'
    assert (response.status, response.header("Content-Type")) == (status, "application/json")
    assert response.header("Connection") == "close"
    assert count_rows(build) == before
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_two_rejections_have_two_request_ids(server: LiveServer) -> None:
    assert len({ask(server, b"POST\r\n\r\n").request_id for _ in range(4)}) == 4


def test_silent_connection_is_closed_without_response(server: LiveServer) -> None:
    with connected(server) as wire:
        wire.half_close()
        assert wire.at_end()


def test_cut_head_gets_no_response_and_moves_nothing(
    server: LiveServer, application: Application, build: Builder
) -> None:
    request = head(MOVE, signed(application))
    with connected(server) as wire:
        wire.send(request[:-2])
        wire.half_close()
        assert wire.at_end()
    assert build.folder_of(application.mailbox.message) == "Inbox"


def test_log_contains_no_data_of_rejected_requests(server: LiveServer) -> None:
    for line in (
        b"GET /direct/messages?subject=secretword\xff HTTP/1.1",
        b"GET / HTTP/1.1\r\nAuthoriz ation: secretword",
    ):
        assert ask(server, line + b"\r\n\r\n").status == 400
    log = server.log.read_text()
    assert '"remote_address":"127.0.0.1","event":"rejected by the server"' in log
    assert "secretword" not in log


def test_response_of_api_is_never_taken_for_a_page(server: LiveServer, application: Application) -> None:
    rejected_by_server = ask(server, b"GET / HTTP/1.1\r\nAuthoriz ation: x\r\n\r\n")
    assert rejected_by_server.header("X-Content-Type-Options") == "nosniff"
    for request in (signed_post(application, form(application)), post([], "")):
        response = ask(server, request)
        assert response.header("X-Content-Type-Options") == "nosniff"
