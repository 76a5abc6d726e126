"""The OpenAPI document is valid and complete, and the service behaves as it says."""

import base64
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import openapi_spec_validator
import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.applications.registry import SERVICES
from daas.direct.schemas import MessagesArguments, MoveArguments
from daas.errors import InvalidArguments, SearchBusy, SearchTimeout, TooManyRequests
from daas.signing.json_pairs import JsonNumber
from daas.signing.mechanism import KeyPair
from daas.storage.ids import MAX_ID
from daas.web.arguments import check_arguments

from ..support.actors import FORM, MOVE, Application, authorization
from ..support.builders import Builder

OPERATIONS = [
    ("/direct/messages/move", "POST"),
    ("/direct/messages/move/dry-run", "POST"),
    ("/direct/messages/move/batch", "POST"),
    ("/direct/messages/move/batch/dry-run", "POST"),
    ("/direct/folders", "GET"),
    ("/direct/messages", "GET"),
    ("/direct/messages/read", "GET"),
    ("/direct/messages/restore", "POST"),
    ("/direct/messages/history", "GET"),
    ("/direct/requests", "GET"),
]
# These return bytes, not JSON.
DOWNLOADS = [("/direct/messages/read/part", "GET"), ("/direct/messages/read/raw", "GET")]
#: URLs of calls that the document describes at another URL.
TWINS = {*((f"{path}/format/json", method) for path, method in OPERATIONS), ("/v1/lists.json/<name_or_id>", "POST")}


def accepts_key(path: str) -> bool:
    """Return whether an operation changes something, and so accepts an Idempotency-Key."""
    return "/restore" in path or ("/messages/move" in path and "dry-run" not in path)


in_each_operation = pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[path for path, _ in OPERATIONS])


@pytest.fixture
def application(build: Builder) -> Application:
    """Return an application with more than one page of messages, and of moves of the first one."""
    made = build.application(mailboxes=[build.mailbox(messages=2)], services=SERVICES, explain_401=True)
    for folder in ("Sent", "Inbox"):
        made.move(folder=folder)
    return made


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/openapi.json").json


def resolve(document: dict[str, Any], part: Any) -> Any:
    """Return the target of a reference; any other value is returned unchanged."""
    if "$ref" not in part:
        return part
    for name in part["$ref"].removeprefix("#/").split("/"):
        document = document[name]
    return document


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Validate a value by a schema of the document."""
    Draft202012Validator({"components": document["components"], "allOf": [schema]}).validate(value)


def responses_of(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """Return the responses of an operation by status."""
    described = document["paths"][path][method.lower()]["responses"]
    return {status: resolve(document, response) for status, response in described.items()}


def examples_of(response: dict[str, Any]) -> dict[str, Any]:
    """Return the examples of a response by name; the example of a success has none."""
    content = response["content"]["application/json"]
    named = {name: shown["value"] for name, shown in content.get("examples", {}).items()}
    return named or {"success": content["example"]}


def without_id(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return a body's pairs in order, without the values of request_id and ids."""
    return [(name, None if name in {"request_id", "ids"} else value) for name, value in body.items()]


# The document itself


def test_document_is_valid_openapi_3_1(app: Flask) -> None:
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"] == "3.1.0"
    openapi_spec_validator.validate(answer.json)


def test_document_describes_each_call_once(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD"}
        if rule.rule.startswith(("/direct", "/v1"))
    }
    described = {
        (re.sub("{(.*?)}", r"<\1>", path), method.upper())
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described == served - TWINS
    assert served >= TWINS
    assert {(path, method) for path, method in described if path.startswith("/direct")} == {*OPERATIONS, *DOWNLOADS}


@in_each_operation
def test_every_example_matches_its_schema(document: dict[str, Any], path: str, method: str) -> None:
    operation = document["paths"][path][method.lower()]
    for response in responses_of(document, path, method).values():
        for shown in examples_of(response).values():
            check(document, response["content"]["application/json"]["schema"], shown)
        for header in response["headers"].values():
            check(document, header["schema"], header["example"])
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        check(document, content["schema"], content["example"])
    for parameter in (resolve(document, parameter) for parameter in operation["parameters"]):
        for shown in parameter["schema"].get("examples", []):
            check(document, parameter["schema"], shown)


@pytest.mark.parametrize("path", [path for path, method in OPERATIONS if method == "POST"])
def test_body_has_one_of_three_content_types(document: dict[str, Any], path: str) -> None:
    body = document["paths"][path]["post"]["requestBody"]
    assert body["required"]
    assert {*body["content"]} == {FORM, "multipart/form-data", "application/json"}


@in_each_operation
def test_every_call_is_signed(document: dict[str, Any], path: str, method: str) -> None:
    operation = document["paths"][path][method.lower()]
    assert operation["security"] == [{"DAAS": []}]
    assert document["components"]["securitySchemes"]["DAAS"]["name"] == "Authorization"
    headers = [resolve(document, parameter) for parameter in operation["parameters"]]
    names = {header["name"] for header in headers if header["in"] == "header"}
    assert names - {"Idempotency-Key"} == {"X-Daas-Date", "Content-MD5"}
    assert ("Idempotency-Key" in names) == accepts_key(path)


def test_document_shows_a_valid_signature(document: dict[str, Any]) -> None:
    description = document["components"]["securitySchemes"]["DAAS"]["description"]
    string, header = re.findall(r"```\n(.*?)\n```", description, re.DOTALL)
    public_key, private_key = re.search(r"key `(\w+)` with the private key `(\w+)`", description).groups()
    method, date, md5, content_type, uri = string.split("\n")
    parts = {"method": method, "date": date, "md5": md5, "content_type": content_type, "uri": uri}
    assert header == authorization(KeyPair(public_key, private_key), **parts)


# Responses


@dataclass
class Caller:
    """Sends the requests of one operation of the document."""

    application: Application
    path: str
    method: str

    def arguments(self) -> dict[str, str]:
        box = self.application.mailbox
        others = {"id": box.message, "folder": box.folder} if self.method == "POST" else {"limit": "1"}
        others |= {"atomic": "1"} if "batch" in self.path else {}
        if "/read" in self.path:
            others = {"id": box.message, "part": "1"}
        if "/history" in self.path:
            others["id"] = box.message
        return {"mailbox": box.name, **others}

    def ask(
        self,
        asked: str | None = None,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        environ: dict[str, str] | None = None,
        **signed: Any,
    ) -> TestResponse:
        """Send a signed request; `asked` is the form or the query, `signed` are other parts to sign."""
        asked = urlencode(self.arguments()) if asked is None else asked
        uri = self.path if self.method == "POST" else f"{self.path}?{asked}"
        parts = {"method": self.method, "uri": uri, "content_type": FORM if self.method == "POST" else None, **signed}
        return self.application.app.test_client().open(
            uri,
            method=self.method,
            data=body or (asked.encode() if self.method == "POST" else b""),
            headers={**self.application.signed_headers(**parts), **(headers or {})},
            environ_overrides=environ or {},
        )

    def ask_without(self, name: str) -> TestResponse:
        return self.ask(asked=urlencode({key: value for key, value in self.arguments().items() if key != name}))

    def ask_with(self, name: str, value: str) -> TestResponse:
        return self.ask(asked=urlencode({**self.arguments(), name: value}))

    def ask_while_it_raises(self, error: Exception) -> TestResponse:
        """Send a request while the clock, which the test hands to the service, raises an error."""

        def broken_clock() -> float:
            raise error

        services = self.application.app.extensions["daas"]
        clock, services.clock = services.clock, broken_clock
        try:
            return self.ask()
        finally:
            services.clock = clock

    def ask_as(self, **options: Any) -> TestResponse:
        """Send a request of another application, registered with these options."""
        build = Builder(self.application.app)
        other = build.application(mailboxes=self.application.mailboxes, **options)
        return replace(self, application=other).ask()

    def ask_again_with_key(self) -> TestResponse:
        """Send two different requests with one key."""
        headers = {"Idempotency-Key": self.path}
        self.ask(headers=headers)
        other = {"folder": "Sent", "id": self.application.mailbox.messages[1]}
        return self.ask(urlencode({**self.arguments(), **other}), headers=headers)

    def ask_without_database(self) -> TestResponse:
        settings = self.application.app.extensions["daas"].settings
        nowhere = replace(settings, database_url=settings.database_url.set(database="/nowhere/daas"))
        return replace(self, application=replace(self.application, app=create_app(nowhere))).ask()


#: How to provoke each example of the document.
PROVOKED: dict[str, Callable[..., Any]] = {
    "success": Caller.ask,
    "BodyNotWhole": lambda caller: caller.ask(environ={"CONTENT_LENGTH": "1000"}),
    "UnreadableBody": lambda caller: caller.ask(asked="mailbox=%FF"),
    "AuthenticationFailed": lambda caller: caller.ask(headers={"Authorization": "DAAS nobody:nothing"}),
    "UseNotAuthorized": lambda caller: caller.ask_as(services=()),
    "UserNotAuthorized": lambda caller: caller.ask_with("mailbox", "nobody"),
    "BodyTooLarge": lambda caller: caller.ask(body=b"x" * 65_537),
    "UnsupportedMediaType": lambda caller: caller.ask(content_type="text/plain"),
    "MissingArguments": lambda caller: caller.ask_without("mailbox"),
    "InvalidArguments": lambda caller: caller.ask_with(
        "since" if "/requests" in caller.path else "mailbox", "no mailbox"
    ),
    "MessageNotFound": lambda caller: caller.ask_with("id", "9223372036854775807"),
    "NeverMoved": lambda caller: caller.ask_with("id", caller.application.mailbox.messages[1]),
    "MessageElsewhere": lambda caller: caller.ask_with("from_folder", "Draft"),
    "MalformedIdempotencyKey": lambda caller: caller.ask(headers={"Idempotency-Key": "a b"}),
    "IdempotencyKeyReused": Caller.ask_again_with_key,
    "TooManyRequests": lambda caller: caller.ask_while_it_raises(TooManyRequests(60)),
    "SearchBusy": lambda caller: caller.ask_while_it_raises(SearchBusy()),
    "SearchTimeout": lambda caller: caller.ask_while_it_raises(SearchTimeout()),
    "UnexpectedError": lambda caller: caller.ask_while_it_raises(RuntimeError()),
    "DatabaseUnavailable": Caller.ask_without_database,
}
PROVOCATIONS = [
    (path, method, name)
    for path, method in OPERATIONS
    for name in PROVOKED
    if method == "POST" or name not in {"MessageElsewhere", "MalformedIdempotencyKey"}
    if method == "POST" or "/history" in path or "/read" in path or name != "MessageNotFound"
    if "/restore" in path or name != "NeverMoved"
    if accepts_key(path) or name != "IdempotencyKeyReused"
    if path == "/direct/messages" or not name.startswith("Search")
    if "/requests" not in path or name not in ("MissingArguments", "UserNotAuthorized")
]


@in_each_operation
def test_every_documented_response_is_provoked(document: dict[str, Any], path: str, method: str) -> None:
    documented = {name for response in responses_of(document, path, method).values() for name in examples_of(response)}
    assert documented == {name for of_path, _, name in PROVOCATIONS if of_path == path}


@pytest.mark.parametrize(("path", "method", "name"), PROVOCATIONS)
def test_every_provoked_response_is_as_documented(
    document: dict[str, Any], application: Application, path: str, method: str, name: str
) -> None:
    answer = PROVOKED[name](Caller(application, path, method))
    response = responses_of(document, path, method)[str(answer.status_code)]
    assert name in examples_of(response)
    hold(document, response, answer)
    if name != "success":
        assert without_id(answer.json) == without_id(examples_of(response)[name])


@pytest.mark.parametrize(("path", "method"), DOWNLOADS)
def test_bytes_are_served_as_documented(
    document: dict[str, Any], application: Application, path: str, method: str
) -> None:
    caller = Caller(application, path, method)
    response = responses_of(document, path, method)["200"]
    answer = caller.ask()
    assert answer.headers["Content-Type"] in response["content"]
    for name, header in response["headers"].items():
        if header.get("required") or name in answer.headers:
            check(document, header["schema"], answer.headers[name])
    assert {*answer.headers.keys()} <= {*response["headers"], "Content-Type", "Content-Length"}
    answer = caller.ask_with("id", "9223372036854775807")
    hold(document, responses_of(document, path, method)["422"], answer)


def hold(document: dict[str, Any], response: dict[str, Any], answer: TestResponse) -> None:
    """Check that a response matches one of the document: body, order of its keys, headers."""
    assert answer.mimetype == "application/json"
    check(document, response["content"]["application/json"]["schema"], answer.json)
    assert [*answer.json] in [[*shown] for shown in examples_of(response).values()]
    for name, header in response["headers"].items():
        if header.get("required") or name in answer.headers:
            check(document, header["schema"], answer.headers[name])
    # The document leaves out the headers that every HTTP response has.
    assert {*answer.headers.keys()} <= {*response["headers"], "Content-Type", "Content-Length"}


def test_every_value_of_x_daas_error_is_documented(
    document: dict[str, Any], application: Application, build: Builder
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    careful = build.application(mailboxes=application.mailboxes, require_content_md5=True, explain_401=True)
    east = f"{now.astimezone(datetime.timezone(datetime.timedelta(hours=-4))):%m/%d/%Y %H:%M:%S} EST"
    untyped = application.signed_headers(content_type=None)
    faults = {
        "content-type-missing": application.app.test_client().post(MOVE, headers=untyped),
        "date-unreadable": application.post_signed(date="yesterday"),
        "date-without-zone": application.post_signed(date=f"{now:%m/%d/%Y %H:%M:%S}"),
        "date-zone-unknown": application.post_signed(date=f"{now:%m/%d/%Y %H:%M:%S} CEST"),
        "date-zone-name": application.post_signed(date=east),
        "date-outside-window": application.post_signed(date="06/03/2013 12:13:56 EST"),
        "content-md5-mismatch": application.post_signed(md5="iB94gawbwUSiZy5FuruIOQ=="),
        "content-md5-required": careful.post_signed(),
    }
    response = document["components"]["responses"]["AuthenticationFailed"]
    assert response["headers"]["X-Daas-Error"]["schema"]["enum"][: len(faults)] == [*faults]
    for fault, answer in faults.items():
        assert answer.headers["X-Daas-Error"] == fault
        hold(document, response, answer)


def test_string_to_sign_is_shown_as_documented(document: dict[str, Any], application: Application) -> None:
    answer = application.post_signed(date="06/03/2013 12:13:56 EST", md5="iB94gawbwUSiZy5FuruIOQ==")
    shown = document["components"]["responses"]["AuthenticationFailed"]["headers"]["X-Daas-String-To-Sign"]["example"]
    assert answer.headers["X-Daas-String-To-Sign"] == shown
    assert base64.b64decode(shown).startswith(b"POST\n06/03/2013 12:13:56 EST\n")


@pytest.mark.parametrize(
    ("name", "path", "method"),
    [("NotFound", "/direct/messages/copy", "POST"), ("MethodNotAllowed", OPERATIONS[0][0], "PUT")],
)
def test_other_paths_and_methods_respond_as_documented(
    document: dict[str, Any], app: Flask, name: str, path: str, method: str
) -> None:
    answer = app.test_client().open(path, method=method)
    response = document["components"]["responses"][name]
    hold(document, response, answer)
    (shown,) = examples_of(response).values()
    assert without_id(answer.json) == without_id(shown)


# Arguments

GOOD = {"mailbox": ["test.user"], "id": ["181"], "folder": ["Inbox"]}
ARGUMENTS = {
    "mailbox": MoveArguments,
    "id": MoveArguments,
    "folder": MoveArguments,
    "limit": MessagesArguments,
    "subject": MessagesArguments,
}
MAX_VALUES = {"id": MAX_ID, "folder": MAX_ID, "limit": 1000}
NUMBERS = st.integers(-2, 1002) | st.integers(MAX_ID - 2, MAX_ID + 2) | st.integers(0, 10**20)
NEAR = st.text("0129.@-+eEiInNbBoOxXtTsS", max_size=22) | st.text(max_size=70)


def form_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the document's schema of an argument."""
    if name in document["components"]["schemas"]["MoveArguments"]["properties"]:
        return document["components"]["schemas"]["MoveArguments"]["properties"][name]
    parameters = document["paths"]["/direct/messages"]["get"]["parameters"]
    return next(parameter["schema"] for parameter in parameters if parameter.get("name") == name)


def accepts(name: str, value: str) -> bool:
    try:
        check_arguments(ARGUMENTS[name](), {**GOOD, name: [value]})  # type: ignore[dict-item]
    except InvalidArguments:
        return False
    return True


@pytest.mark.parametrize("name", ARGUMENTS)
def test_service_accepts_exactly_the_documented_texts(document: dict[str, Any], name: str) -> None:
    schema: Any = form_of(document, name)
    form = Draft202012Validator(schema)

    # Spaces around a value are not part of it, and a value of only spaces is missing.
    texts: Any = st.from_regex(schema["pattern"]) | NUMBERS.map(str) | NEAR

    @given(texts.map(str.strip).filter(bool))
    @example("9223372036854775807")
    @example("9223372036854775808")
    @example("1000")
    @example("1001")
    @example("0")
    @example("01")
    @example("\u0663")
    @example("aRCHIVED")
    @example("draf\u0074\u0307")
    @example("\u017fent")
    @example("\u0130nbox")
    @example("a" * 64)
    @example("a" * 65)
    @example("a..b")
    @example("a\u0085b")
    @example("a" * 998)
    @example("a" * 999)
    def agree(text: Any) -> None:
        # JSON Schema has no maximum for a number in a text.
        too_great = text.isascii() and text.isdigit() and int(text) > MAX_VALUES.get(name, 0)
        assert accepts(name, text) == (form.is_valid(text) and not (name in MAX_VALUES and too_great))

    agree()


@pytest.mark.parametrize("name", ["mailbox", "id", "folder"])
def test_service_accepts_exactly_the_documented_numbers(document: dict[str, Any], name: str) -> None:
    form = Draft202012Validator(form_of(document, name))

    @given(NUMBERS.filter(lambda number: number <= MAX_ID))
    def agree(number: Any) -> None:
        assert accepts(name, JsonNumber(number)) == form.is_valid(number)

    agree()


@pytest.mark.parametrize(("name", "greatest"), MAX_VALUES.items())
def test_integers_from_1_to_the_maximum_are_accepted(name: str, greatest: int) -> None:
    # Numbers with the first digits of the greatest and then others: where its pattern could be wrong.
    digits = str(greatest)
    near = st.builds(
        lambda place, other: int(digits[:place] + other),
        st.integers(0, 19),
        st.from_regex("[0-9]{1,19}", fullmatch=True),
    )

    @given(NUMBERS | near)
    @example(0)
    @example(greatest)
    @example(greatest + 1)
    def agree(number: Any) -> None:
        assert accepts(name, str(number)) == (1 <= number <= greatest)

    agree()
