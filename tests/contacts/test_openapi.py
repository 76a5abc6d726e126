"""The calls of lists and contacts behave as the OpenAPI document says."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openapi_spec_validator
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.errors import TooManyRequests
from daas.signing.mechanism import KeyPair

from ..web.test_openapi import check, examples_of, hold, resolve, responses_of
from .caller import Caller, authorization

LISTS, CONTACTS = "/v1/lists.json", "/v1/contacts.json/{list_id}/contacts"
CONTACT = f"{CONTACTS}/{{contact_id}}"
NAMED = {"{name_or_id}": "1", "{list_id}": "1", "{contact_id}": "1"}
NEW = {"email_address": "new@x.org"}

#: Each call: its path and method, then the query and the posted data of a success.
CALLS = {
    ("/v1/lists.json", "GET"): ("?id=1", None),
    ("/v1/lists.json", "POST"): ("?id=1&name=A", None),
    ("/v1/lists/{name_or_id}", "POST"): ("", None),
    ("/v1/lists.json/{name_or_id}", "DELETE"): ("", None),
    (CONTACTS, "GET"): ("?pagesize=5", None),
    ("/v1/contacts.json/{list_id}/contact/{contact_id}", "GET"): ("", None),
    (CONTACTS, "POST"): ("", NEW),
    (CONTACT, "POST"): ("", NEW),
    (CONTACT, "DELETE"): ("", None),
    ("/v1/contacts.json", "POST"): ("?lists=1", NEW),
    ("/v1/contacts.json", "GET"): ("?email_address=a@x.org", None),
}
each_call = pytest.mark.parametrize(("path", "method"), CALLS, ids=lambda part: part.replace("/v1/", ""))


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/openapi.json").json


@pytest.fixture
def caller(make_caller: Callable[..., Any]) -> Caller:
    """Return an application with a list of two contacts."""
    caller = make_caller(explain_401=True)
    caller.make_list()
    caller.add(1, "a@x.org", "b@x.org")
    return caller


def ask(
    caller: Caller,
    path: str,
    method: str,
    query: str | None = None,
    posted: Any = None,
    named: dict[str, str] | None = None,
    **headers: Any,
) -> TestResponse:
    uri = re.sub("{.*?}", lambda part: (named or NAMED)[part[0]], path)
    usual = CALLS[path, method]
    return caller.ask(method, uri + (usual[0] if query is None else query), posted or usual[1], **headers)


def ask_while_it_raises(caller: Caller, error: RuntimeError | TooManyRequests, path: str, method: str) -> TestResponse:
    """Send a request while the lookup of the application raises an error."""
    app = caller.application.app
    services = app.extensions["daas"]
    callers, services.callers = services.callers, Broken(error)
    try:
        return ask(caller, path, method)
    finally:
        services.callers = callers


class Broken:
    def __init__(self, error: Any) -> None:
        self.error = error

    def clear(self) -> None:
        pass

    def find(self, *_: Any) -> None:
        raise self.error


def ask_as(caller: Caller, path: str, method: str, keys: KeyPair) -> TestResponse:
    return ask(Caller(replace(caller.application, keys=keys)), path, method)


def ask_without_database(caller: Any, path: Any, method: Any) -> Any:
    settings = caller.application.app.extensions["daas"].settings
    nowhere = create_app(replace(settings, database_url=settings.database_url.set(database="/nowhere/daas")))
    return ask(Caller(replace(caller.application, app=nowhere)), path, method)


def send(caller: Any, path: Any, method: Any, body: Any, text: Any = None, **headers: Any) -> TestResponse:
    uri = re.sub("{.*?}", "1", path)
    signed = {"Authorization": authorization(caller.application.keys, method, uri, text or body[:50]), **headers}
    return caller.application.app.test_client().open(uri, method=method, data=body, headers=signed)


INVALID_QUERY = {
    "/v1/lists.json": "?id=x&name=A",
    CONTACTS: "?pagesize=x",
    "/v1/contacts.json": "?email_address=x",
}
INVALID_LISTS = {
    "/v1/contacts.json": "?lists=x",
}
OTHER = {"{name_or_id}": "9", "{list_id}": "9", "{contact_id}": "9"}
PROVOKED: dict[str, Callable[..., Any]] = {
    "success": ask,
    "BodyNotWhole": lambda caller, path, method: caller.application.app.test_client().open(
        re.sub("{.*?}", "1", path), method=method, environ_overrides={"CONTENT_LENGTH": "9"}
    ),
    "UnreadableBody": lambda caller, path, method: send(
        caller, path, method, "[1]", **{"Content-Type": "application/json"}
    ),
    "UnsupportedMediaType": lambda caller, path, method: send(
        caller, path, method, "hello", **{"Content-Type": "text/plain"}
    ),
    "BodyTooLarge": lambda caller, path, method: send(caller, path, method, "x" * 70_000),
    "AuthenticationFailed": lambda caller, path, method: ask_as(
        caller, path, method, KeyPair(caller.application.keys.public_key, "0" * 64)
    ),
    "TooManyRequests": lambda caller, *call: ask_while_it_raises(caller, TooManyRequests(60), *call),
    "UnexpectedError": lambda caller, *call: ask_while_it_raises(caller, RuntimeError(), *call),
    "DatabaseUnavailable": ask_without_database,
    "MissingArguments": lambda caller, path, method: (
        ask(caller, path, method, named={**NAMED, "{name_or_id}": "+"})
        if "name_or_id" in path
        else ask(
            caller,
            path,
            method,
            query="?name=A" if path == LISTS else "",
            posted=None if method == "GET" or "list_id" not in path else {"name": "A"},
        )
    ),
    "InvalidArguments": lambda caller, path, method: (
        ask(caller, path, method, named={**NAMED, "{name_or_id}": "x" * 256})
        if "name_or_id" in path
        else ask(
            caller,
            path,
            method,
            query=({**INVALID_QUERY, **INVALID_LISTS, CONTACTS: ""} if method == "POST" else INVALID_QUERY).get(
                path, ""
            ),
            posted={"email_address": "x"} if method == "POST" and path in {CONTACTS, CONTACT} else None,
        )
    ),
    "ListNotFound": lambda caller, path, method: ask(
        caller, path, method, named=OTHER, query={LISTS: "?id=9&name=A", "/v1/contacts.json": "?lists=9"}.get(path)
    ),
    "ContactNotFound": lambda caller, path, method: ask(
        caller, path, method, named={"{list_id}": "1", "{contact_id}": "9"}
    ),
    "ContactExists": lambda caller, path, method: ask(caller, path, method, posted={"email_address": "b@x.org"}),
}


def test_document_is_still_valid(document: dict[str, Any]) -> None:
    openapi_spec_validator.validate(document)
    assert {(path, method.upper()) for path in document["paths"] for method in document["paths"][path]} >= {*CALLS}


@each_call
def test_every_provoked_response_is_as_documented(
    document: dict[str, Any], make_caller: Callable[..., Any], caller: Caller, path: str, method: str
) -> None:
    described = responses_of(document, path, method)
    documented = {name: status for status, response in described.items() for name in examples_of(response)}
    documented.pop("UseNotAuthorized")
    assert make_caller("direct/folders").ask(method, re.sub("{.*?}", "1", path)).status_code == 403
    for name in sorted(documented, key=lambda name: name == "success"):
        answer = PROVOKED[name](caller, path, method)
        assert str(answer.status_code) == documented[name], (name, answer.text)
        response = described[str(answer.status_code)]
        if name == "success":
            check(document, response["content"]["application/json"]["schema"], answer.json)
        else:
            hold(document, response, answer)
            assert [*answer.json.items()] == [*examples_of(response)[name].items()]


@each_call
def test_every_example_matches_its_schema(document: dict[str, Any], path: str, method: str) -> None:
    operation = document["paths"][path][method.lower()]
    assert operation["security"] == [{"RCWS": []}]
    for response in responses_of(document, path, method).values():
        for shown in examples_of(response).values():
            check(document, response["content"]["application/json"]["schema"], shown)
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        check(document, content["schema"], content["example"])
    parameters = [resolve(document, parameter) for parameter in operation["parameters"]]
    assert {f"{{{each['name']}}}" for each in parameters if each["in"] == "path"} == {*re.findall("{.*?}", path)}
    for parameter in parameters:
        for shown in parameter["schema"].get("examples", []):
            check(document, parameter["schema"], shown)


def test_document_shows_a_valid_signature(document: dict[str, Any]) -> None:
    description = document["components"]["securitySchemes"]["RCWS"]["description"]
    string, header = re.findall(r"```\n(.*?)\n```", description, re.DOTALL)
    public_key, private_key = re.search(r"key `(\w+)` with the private key `(\w+)`", description).groups()
    method, uri, text = string.split("::")
    assert header == authorization(KeyPair(public_key, private_key), method, uri, text)


@pytest.mark.parametrize(("name", "method", "path"), [("NotFound", "GET", "/v1/x"), ("MethodNotAllowed", "PUT", LISTS)])
def test_other_paths_and_methods_respond_as_documented(
    document: dict[str, Any], app: Flask, name: str, method: str, path: str
) -> None:
    hold(document, document["components"]["responses"][f"Rcws{name}"], app.test_client().open(path, method=method))
