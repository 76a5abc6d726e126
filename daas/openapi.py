"""The OpenAPI document: what every call takes and answers, made of the routes, schemas and errors that do it."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response
from marshmallow import Schema

from . import __version__
from .arguments import CONTENT_TYPES, NotText, Value, check_arguments
from .authentication import open_to_all
from .errors import ApiError, to_json
from .origins import methods_served

_DESCRIPTION = """\
Moves messages between the folders of Direct mailboxes, over signed HTTP requests. \
The [onboarding pages](/onboarding/documentation/) say the same at more length."""

_TEXT = {"type": "string"}

# The headers that answers carry, each as OpenAPI's Header Object.
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-Id": {
        "description": "The `request_id` of the body: whom to ask about this request, and where it stands in the log.",
        "required": True,
        "schema": _TEXT,
    },
    "Cache-Control": {"description": "Nothing is to be stored.", "required": True, "schema": {"const": "no-store"}},
    "X-Content-Type-Options": {"description": "It is no page.", "required": True, "schema": {"const": "nosniff"}},
    "WWW-Authenticate": {"description": "The scheme to sign with.", "required": True, "schema": _TEXT},
    "Retry-After": {
        "description": "When to try again, in seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Allow": {"description": "The methods of this URL.", "required": True, "schema": _TEXT},
    "X-Daas-Error": {
        "description": "Where the signature itself is good, and only then: the first fault of the rest.",
        "schema": {
            "type": "string",
            "enum": [
                "date-unreadable",
                "date-without-zone",
                "date-zone-name",
                "date-outside-window",
                "content-md5-mismatch",
                "content-md5-required",
            ],
        },
    },
    "X-Daas-Clock-Skew": {
        "description": "Beside `X-Daas-Error`, for a readable date: that date minus the server's clock, in seconds.",
        "schema": {"type": "string", "pattern": "^-?[0-9]+$"},
    },
    "X-Daas-String-To-Sign": {
        "description": "Where the operator allows it: the string to sign that the server built, in base64.",
        "schema": _TEXT,
    },
}
_ALWAYS = {"X-Request-Id": "1", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Api:
    """What the calls of one API share.

    `scheme` names the kind of signature that `authorization` describes. `headers` are the other headers of a
    request, each as OpenAPI's Parameter Object. `errors` are what every call may answer, and `elsewhere` what
    other paths and methods do; each stands for its class, with the headers of an example.
    """

    name: str
    description: str
    scheme: str
    authorization: str
    headers: Sequence[Mapping[str, Any]]
    errors: Sequence[ApiError]
    elsewhere: Sequence[ApiError]


@dataclass(frozen=True)
class Operation:
    """What a call takes, in the query of a GET and else in the body, and what it answers.

    `example` is what the reply's schema is given; `errors` are those that this call has beside its API's.
    """

    api: Api
    arguments: Schema
    reply: Schema
    example: Mapping[str, Any]
    errors: Sequence[ApiError] = ()


def init_openapi(app: Flask) -> None:
    """Serve the document of every call that is registered by now, at /openapi.json."""
    document = to_json(build_document(app))

    @app.get("/openapi.json")
    @open_to_all()
    def show_openapi() -> Response:
        """Show the OpenAPI document."""
        return Response(document, mimetype="application/json")


def build_document(app: Flask) -> dict[str, Any]:
    """Describe the views that have an `operation`, at each of their URLs."""
    spec = APISpec(
        "daas",
        __version__,
        "3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": _DESCRIPTION, "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"}},
    )
    described: list[Api] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None:
            continue
        if operation.api not in described:
            described.append(operation.api)
            _add_api(spec, operation.api)
        spec.path(
            rule.rule,
            operations={
                method.lower(): {
                    "operationId": re.sub(r"\W+", "_", method.lower() + rule.rule),
                    "summary": _first_line(view),
                    **_describe(spec, operation, method),
                }
                for method in methods_served(rule.methods)
            },
        )
    return spec.to_dict()


def _add_api(spec: APISpec, api: Api) -> None:
    spec.tag({"name": api.name, "description": api.description})
    spec.components.security_scheme(
        api.scheme, {"type": "apiKey", "in": "header", "name": "Authorization", "description": api.authorization}
    )
    for header in api.headers:
        spec.components.parameter(header["name"], "header", {**header})
    for error in api.elsewhere:
        _respond(spec, [error])


def _describe(spec: APISpec, operation: Operation, method: str) -> dict[str, Any]:
    api, arguments = operation.api, operation.arguments
    taken: dict[str, Any] = {"parameters": [header["name"] for header in api.headers]}
    if method == "GET":
        taken["parameters"].insert(0, {"in": "query", "schema": arguments})
    else:
        content = {type_: {"schema": arguments, "example": _example_of(arguments)} for type_ in CONTENT_TYPES}
        taken["requestBody"] = {"required": True, "content": content}
    errors = sorted([*api.errors, *operation.errors, *_faults_of(arguments)], key=lambda error: error.status)
    return {
        "tags": [api.name],
        "security": [{api.scheme: []}],
        **taken,
        "responses": {
            "200": {
                "description": _first_line(type(operation.reply)),
                "headers": _describe_headers(_ALWAYS),
                "content": {
                    "application/json": {
                        "schema": operation.reply,
                        "example": operation.reply.dump({**operation.example, "request_id": "1"}),
                    }
                },
            },
            **{
                str(status): _respond(spec, [*of_status])
                for status, of_status in groupby(errors, lambda error: error.status)
            },
        },
    }


def _respond(spec: APISpec, errors: Sequence[ApiError]) -> str:
    """Name the answer that these errors of one status make, and describe it the first time."""
    name = "-".join(type(error).__name__ for error in errors)
    if name not in spec.components.responses:
        headers = {name: value for error in errors for name, value in error.headers.items()}
        schemas = [_schema_of(error) for error in errors]
        schemas = [schema for place, schema in enumerate(schemas) if schema not in schemas[:place]]
        spec.components.response(
            name,
            {
                "description": " Or: ".join(_first_line(type(error)) for error in errors),
                "headers": _describe_headers(_ALWAYS | headers),
                "content": {
                    "application/json": {
                        "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
                        "examples": {
                            type(error).__name__: {"summary": _first_line(type(error)), "value": error.body("1")}
                            for error in errors
                        },
                    }
                },
            },
        )
    return name


def _describe_headers(examples: Mapping[str, str]) -> dict[str, Any]:
    return {name: {**_HEADERS[name], "example": value} for name, value in examples.items()}


def _schema_of(error: ApiError) -> dict[str, Any]:
    """Give the schema of an error's body; its sentence is always the same, unless it speaks of arguments."""
    properties: dict[str, Any] = {}
    for name, value in error.body("1").items():
        if name == "request_id":
            # One that the log does not know is hexadecimal.
            properties[name] = {"type": "string", "pattern": "^[0-9a-f]+$"}
        elif isinstance(value, list):
            properties[name] = {"type": "array", "items": _TEXT}
        else:
            properties[name] = _TEXT if error.fields else {"const": value}
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


def _example_of(arguments: Schema) -> dict[str, str]:
    """Give the required arguments of an example."""
    return {
        field.data_key or name: field.metadata["examples"][0]
        for name, field in arguments.fields.items()
        if field.required
    }


def _faults_of(arguments: Schema) -> list[ApiError]:
    """Find out what is answered if the first of the required arguments is missing, and if it is invalid."""
    asked: dict[str, list[Value]] = {name: [value] for name, value in _example_of(arguments).items()}
    faults = []
    for value in (None, NotText()):
        try:
            check_arguments(arguments, {**asked, next(iter(asked)): [value]})
        except ApiError as fault:
            faults.append(fault)
    return faults


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
