"""Errors of calls under /v1, the order of the checks, and the rows in the log."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.applications.registry import SERVICES, grant, revoke, suspend_application
from daas.settings import Settings
from daas.signing.mechanism import KeyPair, make_key_pair

from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.triggers import rejecting
from ..support.wire import ask, head
from .caller import FORM, NO_DATA, Caller, authorization

NOT_AUTHORIZED = '{"code":401,"message":"Not Authorized"}'
FORBIDDEN = '{"code":403,"message":"Not Authorized"}'


def status_and_text(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.text


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "RCWS",
        "RCWS x:y",
        "RCWS {key}",
        "RCWS {key}:",
        "RCWS {key}:{good},RCWS {key}:{good}",
        "DAAS {key}:{good}",
        "RCWS {other}:{good}",
        "RCWS {key}:{wrong}",
    ],
)
def test_every_authentication_error_is_the_same_401(caller: Caller, header: str | None) -> None:
    keys = caller.application.keys
    good = authorization(keys, "GET", "/v1/lists.json").rpartition(":")[2]
    wrong = authorization(keys, "DELETE", "/v1/lists.json").rpartition(":")[2]
    headers = {}
    if header is not None:
        headers["Authorization"] = header.format(key=keys.public_key, other="0" * 64, good=good, wrong=wrong)
    response = caller.application.app.test_client().get("/v1/lists.json", headers=headers)
    assert status_and_text(response) == (401, NOT_AUTHORIZED)
    assert response.headers["WWW-Authenticate"] == "RCWS"
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("word", ["RCWS", "MMWS", "rcws", "Mmws  "])
def test_scheme_word_is_accepted_in_any_case(caller: Caller, word: str) -> None:
    signature = authorization(caller.application.keys, "GET", "/v1/lists.json", word=word)
    response = caller.application.app.test_client().get("/v1/lists.json", headers={"Authorization": signature})
    assert status_and_text(response) == (200, "{}")


def test_signature_of_other_scheme_is_rejected_by_both_apis(caller: Caller, application: Application) -> None:
    own = caller.application.app.test_client()
    signed = application.signed_headers(method="GET", uri="/v1/lists.json", content_type=None)
    assert own.get("/v1/lists.json", headers=signed).status_code == 401
    uri = "/direct/folders?mailbox=a"
    signature = authorization(application.keys, "GET", uri)
    assert own.get(uri, headers={"Authorization": signature, "Date": signed["Date"]}).status_code == 401


CALLS = [
    ("v1/lists", "GET", "/v1/lists.json"),
    ("v1/lists", "POST", "/v1/lists/A"),
    ("v1/lists", "POST", "/v1/lists.json?id=1&name=A"),
    ("v1/lists", "DELETE", "/v1/lists.json/1"),
    ("v1/contacts", "GET", "/v1/contacts.json/1/contacts/"),
    ("v1/contacts", "GET", "/v1/contacts.json/1/contact/1"),
    ("v1/contacts", "POST", "/v1/contacts.json/1/contacts/"),
    ("v1/contacts", "POST", "/v1/contacts.json/1/contacts/1"),
    ("v1/contacts", "DELETE", "/v1/contacts.json/1/contacts/1"),
    ("v1/contacts", "GET", "/v1/contacts.json?email_address=a@x.org"),
    ("v1/contacts", "POST", "/v1/contacts.json?lists=1"),
]


@pytest.mark.parametrize(("service", "method", "uri"), CALLS)
def test_call_requires_its_own_service(make_caller: Callable[..., Any], service: str, method: str, uri: str) -> None:
    without = make_caller(*(each for each in SERVICES if each != service))
    assert status_and_text(without.ask(method, uri)) == (403, FORBIDDEN)
    assert make_caller(service).ask(method, uri).status_code != 403


@pytest.mark.parametrize(("service", "method", "uri"), CALLS)
def test_suspended_application_is_rejected(
    make_caller: Callable[..., Any], service: str, method: str, uri: str
) -> None:
    assert status_and_text(make_caller(suspended=True).ask(method, uri)) == (403, FORBIDDEN)


@pytest.mark.both_databases
def test_withdrawn_permission_is_rejected_from_next_call(caller: Caller) -> None:
    app, name = caller.application.app, caller.application.name
    # The target is well-formed: a malformed one is rejected before the key is looked up.
    posted = {"email_address": "a@x.org"}
    assert caller.make_list() == 1
    changes: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
        (
            lambda: suspend_application(name, suspended=True),
            lambda: suspend_application(name, suspended=False),
        ),
        (
            lambda: revoke(name, ["v1/lists", "v1/contacts"], [], all_mailboxes=False),
            lambda: grant(name, ["v1/lists", "v1/contacts"], [], all_mailboxes=False),
        ),
    ]
    for withdraw, give_back in changes:
        for change, rejected in [(withdraw, True), (give_back, False)]:
            with app.app_context():
                change()
            requested = [(method, uri, posted if method == "POST" else None) for _, method, uri in CALLS]
            responses = [caller.ask(*each).status_code == 403 for each in requested]
            assert responses == [rejected] * len(CALLS)


@pytest.mark.parametrize(
    ("method", "uri", "status", "message", "allow"),
    [
        ("GET", "/v1", 404, "Not Found", None),
        ("GET", "/v1/", 404, "Not Found", None),
        ("GET", "/v1/lists", 404, "Not Found", None),
        ("POST", "/v1//lists.json", 404, "Not Found", None),
        ("GET", "/v1/lists.json//", 404, "Not Found", None),
        ("GET", "/v1%2Flists.json", 404, "Not Found", None),
        ("GET", "/v1/contacts.json/1%2Fcontacts", 404, "Not Found", None),
        ("GET", "/v1/contacts.json/1/contacts/2", 405, "Method Not Allowed", "DELETE, POST"),
        ("PUT", "/v1/lists.json", 405, "Method Not Allowed", "GET, POST"),
        ("HEAD", "/v1/lists.json", 405, None, "GET, POST"),
        ("OPTIONS", "/v1/lists/A", 405, "Method Not Allowed", "POST"),
        ("GET", "/v1/lists/A", 405, "Method Not Allowed", "POST"),
    ],
)
def test_other_paths_and_methods_are_rejected_in_json(
    app: Flask, build: Builder, method: str, uri: str, status: int, message: str | None, allow: str | None
) -> None:
    response = app.test_client().open(uri, method=method)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    if message:
        assert response.text == f'{{"code":{status},"message":"{message}"}}'
    assert response.headers.get("Allow") == allow
    row = build.log_row(response.headers["X-Request-Id"])
    assert (row.status, row.method, row.path) == (status, method, uri)


@pytest.mark.parametrize("uri", ["/v1x/lists.json", "/V1/lists.json", "/v2"])
def test_path_outside_the_api_is_a_page(app: Flask, uri: str) -> None:
    assert app.test_client().get(uri).content_type == "text/html; charset=utf-8"


def test_escaped_path_is_decoded(caller: Caller) -> None:
    assert caller.ask("GET", "/%761/%6cists%2Ejson").text == "{}"


ORDER = {
    "not whole before 404": ({"environ_overrides": {"CONTENT_LENGTH": "9"}}, "/v1/nothing", 400),
    "404 before 413": ({"data": b"x" * 70_000}, "/v1/nothing", 404),
    "413 before 401": ({"data": b"x" * 70_000, "headers": {"Authorization": "no"}}, None, 413),
    "401 before 415": ({"data": b"x", "headers": {"Authorization": "no"}}, None, 401),
}


@pytest.mark.parametrize(("parts", "uri", "status"), ORDER.values(), ids=ORDER)
def test_first_failed_check_decides_the_response(
    app: Flask, parts: dict[str, Any], uri: str | None, status: int
) -> None:
    response = app.test_client().post(uri or "/v1/contacts.json/1/contacts/", **parts)
    messages = {400: "Bad Request", 401: "Not Authorized", 404: "Not Found", 413: "Content Too Large"}
    assert status_and_text(response) == (status, f'{{"code":{status},"message":"{messages[status]}"}}')


@pytest.mark.parametrize(
    ("content_type", "body", "text", "status"),
    [
        ("text/plain", "hello", "hello", 415),
        (None, "hello", "hello", 415),
        (FORM, b"name=%FF", "name=%FF", 400),
        (FORM, "a=b&" * 1011, "a=b&" * 1011, 400),
        ("application/json", "[1]", "[1]", 400),
        ("application/json", "", NO_DATA, 422),
        (FORM, '{"a":1', '{"a":1', 400),
        (FORM, '{"a":NaN}', '{"a":nan}', 400),
        (FORM, '{"a":' * 9 + "1" + "}" * 9, None, 400),
        ("multipart/form-data; boundary=b", "--c\r\n--c--", "--c\r\n--c--", 400),
        (FORM, "email_address=a@x.org", '{"email_address":"a@x.org"}', 404),
    ],
)
def test_unreadable_body_is_named_after_valid_signature(
    caller: Caller, content_type: str | None, body: Any, text: Any, status: int
) -> None:
    uri = "/v1/contacts.json/1/contacts/"
    for good in (True, False):
        signature = authorization(caller.application.keys, "POST", uri, body if text is None else text)
        headers = {"Authorization": signature if good else signature[:-1] + "x"}
        if content_type:
            headers["Content-Type"] = content_type
        response = caller.application.app.test_client().post(uri, data=body, headers=headers)
        assert response.status_code == (status if good else 401)


def test_checks_are_in_order_service_body_arguments_list(make_caller: Callable[..., Any], caller: Caller) -> None:
    uri = "/v1/contacts.json/1/contacts/"
    other = make_caller("v1/lists")
    signature = authorization(other.application.keys, "POST", uri, "hello")
    client = caller.application.app.test_client()
    response = client.post(uri, data="hello", headers={"Authorization": signature, "Content-Type": "text/plain"})
    assert response.status_code == 403
    assert caller.ask("POST", uri, {"name": "A"}).status_code == 422
    assert caller.ask("POST", uri, {"email_address": "a"}).status_code == 422
    assert caller.ask("POST", uri, {"email_address": "a@x.org"}).json["message"] == "List not found"


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_coding_is_rejected(caller: Caller, coding: str) -> None:
    response = caller.ask("GET", "/v1/lists.json", None, **{"Content-Encoding": coding})
    assert status_and_text(response) == (415, '{"code":415,"message":"Unsupported Media Type"}')


def test_content_md5_is_ignored_even_if_required(make_caller: Callable[..., Any]) -> None:
    careful = make_caller(require_content_md5=True)
    assert careful.ask("POST", "/v1/lists/A", **{"Content-MD5": "no"}).status_code == 201


def test_explained_401_shows_string_that_php_signs(build: Builder) -> None:
    caller = Caller(build.application(services=("v1/lists",), explain_401=True))
    wrong = Caller(build.application())
    wrong.application.keys = KeyPair(caller.application.keys.public_key, make_key_pair().private_key)
    response = wrong.ask("POST", "/v1/lists.json?name=A&id=1")
    shown = base64.b64decode(response.headers["X-Daas-String-To-Sign"])
    assert shown == b'post::/v1/lists.json?id=1&name=a::{"posted_data":"[]"}'


# The log


@pytest.mark.both_databases
def test_every_call_has_a_row_with_its_reason(caller: Caller, build: Builder) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    calls = [
        ("POST", "/v1/lists/B", None, 201, "list-created"),
        ("POST", "/v1/lists.json?id=2&name=C", None, 201, "list-renamed"),
        ("GET", "/v1/lists.json", None, 200, "listed"),
        ("DELETE", "/v1/lists.json/2", None, 200, "list-removed"),
        ("POST", "/v1/contacts.json/1/contacts/", {"email_address": "secret@x.org"}, 201, "contact-added"),
        ("GET", "/v1/contacts.json/1/contacts/", None, 200, "listed"),
        ("GET", "/v1/contacts.json/1/contact/1", None, 200, "shown"),
        ("GET", "/v1/contacts.json?email_address=secret@x.org", None, 200, "listed"),
        ("POST", "/v1/contacts.json/1/contacts/2", {"name": "Secret"}, 200, "contact-updated"),
        ("DELETE", "/v1/contacts.json/1/contacts/2", None, 200, "contact-removed"),
        ("DELETE", "/v1/contacts.json/1/contacts/2", None, 404, "contact-not-found"),
        ("DELETE", "/v1/lists.json/2", None, 404, "list-not-found"),
        ("POST", "/v1/contacts.json/1/contacts/", {"email_address": "a@x.org"}, 409, "contact-exists"),
        ("POST", "/v1/contacts.json/1/contacts/", {"email_address": "secret"}, 422, "argument-invalid"),
    ]
    ids = []
    for method, uri, posted, status, reason in calls:
        row = build.log_row(caller.ask(method, uri, posted).headers["X-Request-Id"])
        service = "v1/lists" if "lists" in uri else "v1/contacts"
        assert (row.method, row.path, row.status, row.reason) == (method, uri.partition("?")[0], status, reason)
        assert (row.application, row.service) == (caller.application.name, service)
        assert "secret" not in " ".join(map(str, vars(row).values())).lower()
        assert (row.mailbox, row.message, row.folder) == (None, None, None)
        ids.append(row.id)
    assert ids == sorted({*ids})


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("method", "uri", "posted"),
    [
        ("POST", "/v1/lists/A", None),
        ("POST", "/v1/lists.json?id=1&name=B", None),
        ("DELETE", "/v1/lists.json/1", None),
        ("POST", "/v1/contacts.json/1/contacts/", {"email_address": "b@x.org"}),
        ("POST", "/v1/contacts.json/1/contacts/1", {"email_address": "c@x.org"}),
        ("DELETE", "/v1/contacts.json/1/contacts/1", None),
        ("POST", "/v1/contacts.json?lists=1", {"email_address": "d@x.org"}),
    ],
)
def test_call_that_cannot_be_logged_changes_nothing(
    caller: Caller, method: str, uri: str, posted: dict[str, str] | None
) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    with rejecting(caller.application.app, "INSERT", "request_log"):
        response = caller.ask(method, uri, posted)
    assert status_and_text(response) == (500, '{"code":500,"message":"Internal Server Error"}')
    assert caller.ask("GET", "/v1/lists.json").text == '{"1":"List"}'
    assert caller.ask("GET", "/v1/contacts.json/1/contacts").text == '{"1":"a@x.org"}'
    assert caller.make_list() == 2
    caller.add(1, "z@x.org")
    assert caller.ask("GET", "/v1/contacts.json/1/contacts").text == '{"1":"a@x.org","2":"z@x.org"}'


def test_unavailable_database_is_503(caller: Caller) -> None:
    settings = caller.application.app.extensions["daas"].settings
    nowhere = create_app(replace(settings, database_url=settings.database_url.set(database="/nowhere/daas")))
    lost = Caller(replace(caller.application, app=nowhere))
    response = lost.ask("GET", "/v1/lists.json")
    assert status_and_text(response) == (503, '{"code":503,"message":"Service Unavailable"}')
    assert response.headers["Retry-After"] == "5"
    assert len(response.headers["X-Request-Id"]) == 32


# Other origins


@pytest.mark.processes
def test_page_of_allowed_origin_may_call(settings: Settings, caller: Caller) -> None:
    origin = "https://pages.example.org"
    with LiveServer.start(settings, DAAS_ALLOWED_ORIGINS=origin) as live:
        for uri, methods in [("/v1/lists.json", "GET, POST"), ("/v1/contacts.json/1/contacts/1/", "DELETE, POST")]:
            requested = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
            response = ask(live, head(uri, requested, method="OPTIONS"))
            assert (response.status, response.header("Access-Control-Allow-Methods")) == (204, methods)
            assert "Authorization, Content-Type" in response.header("Access-Control-Allow-Headers")
        for response in [
            caller.ask_over(live, "GET", "/v1/lists.json", Origin=origin),
            ask(live, head("/v1/lists.json", [("Origin", origin)], method="GET")),
        ]:
            assert response.header("Access-Control-Allow-Origin") == origin
            assert "X-Request-Id" in response.header("Access-Control-Expose-Headers")
