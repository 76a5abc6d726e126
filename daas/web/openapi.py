"""The OpenAPI document: what every call takes and answers, made of the routes, schemas and errors that do it."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response
from marshmallow import Schema

from .. import __version__
from ..errors import ApiError, to_json
from .arguments import CONTENT_TYPES, NotText, Value, check_arguments
from .authentication import requires_no_auth
from .cors import methods_served

_DESCRIPTION = """\
Moves messages between the folders of Direct mailboxes, and keeps lists of contacts, over signed HTTP requests. \
The [onboarding pages](/onboarding/documentation/) say the same at more length."""

_TEXT = {"type": "string"}

# The headers that answers carry, each as OpenAPI's Header Object.
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-Id": {
        "description": "The `request_id` of a body that has one: where this request stands in the log.",
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
        "description": "The first error of the request, only if its signature is valid: why it is a 401 all the same, "
        "or a 400, a 415 or a 503.",
        "schema": {
            "type": "string",
            "enum": [
                "content-type-missing",
                "date-unreadable",
                "date-without-zone",
                "date-zone-unknown",
                "date-zone-name",
                "date-outside-window",
                "content-md5-mismatch",
                "content-md5-required",
                "media-type-unsupported",
                "coding-unsupported",
                "form-not-utf-8",
                "too-many-arguments",
                "json-unreadable",
                "json-too-deep",
                "json-no-object",
                "multipart-delimiters",
                "multipart-unreadable",
                "path-not-utf-8",
                "database-unavailable",
            ],
        },
    },
    "X-Daas-Clock-Skew": {
        "description": "Beside `X-Daas-Error`, for a readable date: that date minus the server's clock, in seconds.",
        "schema": {"type": "string", "pattern": "^-?[0-9]+$"},
    },
    "X-Daas-Key-Expires": {
        "description": "If the key that signed expires within 30 days: when.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "X-Daas-Warning": {
        "description": "What the application will soon be held to, and this request did not do.",
        "schema": {"type": "string", "enum": ["content-md5-missing"]},
    },
    "X-Daas-String-To-Sign": {
        "description": "Where the operator allows it: the string to sign that the server built, in base64.",
        "schema": _TEXT,
    },
}
_ALWAYS = {"X-Request-Id": "1", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ON_SUCCESS = {**_ALWAYS, "X-Daas-Key-Expires": "2026-12-01T00:00:00Z", "X-Daas-Warning": "content-md5-missing"}


@dataclass(frozen=True)
class ApiDescription:
    """What the calls of one API share.

    `scheme` names the kind of signature that `authorization` describes. `headers` are the other headers of a
    request, each as OpenAPI's Parameter Object. `errors` are what every call may answer, and `elsewhere` what
    other paths and methods do; each stands for its class, with the headers of an example. `fault_body` gives the
    body of an error with its request_id; `prefix` begins the names of the answers among the components.
    """

    name: str
    description: str
    scheme: str
    authorization: str
    headers: Sequence[Mapping[str, Any]]
    errors: Sequence[ApiError]
    elsewhere: Sequence[ApiError]
    fault_body: Callable[[ApiError, str], Mapping[str, Any]] = lambda error, request_id: error.body(request_id)
    prefix: str = ""


@dataclass(frozen=True)
class Operation:
    """What a call takes, in the query of a GET and else in the body, and what it answers.

    `example` is what the reply's schema is given, or the answer itself if that has one of JSON Schema alone; `errors`
    are those that this call has beside its API's. `query` is what a call with a body takes in its query, `path` what
    it takes in its path, each as OpenAPI's Parameter Object by its name; `status` is that of a success.
    """

    api: ApiDescription
    arguments: Schema
    reply: Schema | Mapping[str, Any]
    example: Any
    errors: Sequence[ApiError] = ()
    query: Schema | None = None
    path: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: int = 200


def init_openapi(app: Flask) -> None:
    """Serve the document of every call that is registered by now, at /openapi.json."""
    document = to_json(build_document(app))

    @app.get("/openapi.json")
    @requires_no_auth()
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
    described: list[ApiDescription] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None:
            continue
        if operation.api not in described:
            described.append(operation.api)
            _add_api(spec, operation.api)
        spec.path(
            re.sub("<(.*?)>", r"{\1}", rule.rule),
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


def _add_api(spec: APISpec, api: ApiDescription) -> None:
    spec.tag({"name": api.name, "description": api.description})
    spec.components.security_scheme(
        api.scheme, {"type": "apiKey", "in": "header", "name": "Authorization", "description": api.authorization}
    )
    for header in api.headers:
        spec.components.parameter(header["name"], "header", {**header})
    for error in api.elsewhere:
        _respond(spec, api, [error])


def _describe(spec: APISpec, operation: Operation, method: str) -> dict[str, Any]:
    api, arguments = operation.api, operation.arguments
    taken: dict[str, Any] = {"parameters": [header["name"] for header in api.headers]}
    query = arguments if method == "GET" else operation.query
    if query is not None:
        taken["parameters"].insert(0, {"in": "query", "schema": query})
    if method != "GET" and arguments.fields:
        example = _example_of(arguments)
        content = {type_: {"schema": arguments, "example": example} for type_ in CONTENT_TYPES}
        taken["requestBody"] = {"required": bool(example), "content": content}
    taken["parameters"] += [{**form, "in": "path", "name": name} for name, form in operation.path.items()]
    faults = [*api.errors, *operation.errors, *faults_of(query or arguments)]
    errors = sorted(faults, key=lambda error: error.status)
    reply, shown = operation.reply, operation.example
    if isinstance(reply, Schema):
        shown = reply.dump({**shown, "request_id": "1"})
    return {
        "tags": [api.name],
        "security": [{api.scheme: []}],
        **taken,
        "responses": {
            str(operation.status): {
                "description": _first_line(type(reply)) if isinstance(reply, Schema) else reply["description"],
                "headers": _describe_headers(_ON_SUCCESS),
                "content": {"application/json": {"schema": reply, "example": shown}},
            },
            **{
                str(status): _respond(spec, api, [*of_status])
                for status, of_status in groupby(errors, lambda error: error.status)
            },
        },
    }


def _respond(spec: APISpec, api: ApiDescription, errors: Sequence[ApiError]) -> str:
    """Name the answer that these errors of one status make, and describe it the first time."""
    of_arguments = "".join(f".{name}" for name in errors[0].fields or ())
    name = api.prefix + "-".join(type(error).__name__ for error in errors) + of_arguments
    if name not in spec.components.responses:
        headers = {name: value for error in errors for name, value in error.headers.items()}
        schemas = [_schema_of(error, api.fault_body(error, "1")) for error in errors]
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
                            type(error).__name__: {
                                "summary": _first_line(type(error)),
                                "value": api.fault_body(error, "1"),
                            }
                            for error in errors
                        },
                    }
                },
            },
        )
    return name


def _describe_headers(examples: Mapping[str, str]) -> dict[str, Any]:
    return {name: {**_HEADERS[name], "example": value} for name, value in examples.items()}


def _schema_of(error: ApiError, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema of an error's body; its sentence is always the same, unless it speaks of arguments."""
    properties: dict[str, Any] = {}
    for name, value in body.items():
        if name == "request_id":
            # One that the log does not know is hexadecimal.
            properties[name] = {"type": "string", "pattern": "^[0-9a-f]+$"}
        elif isinstance(value, list):
            properties[name] = {"type": "array", "items": _TEXT}
        else:
            properties[name] = _TEXT if error.fields and name == "message" else {"const": value}
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


def _example_of(arguments: Schema) -> dict[str, str]:
    """Give the required arguments of an example."""
    return {
        taken.data_key or name: taken.metadata["examples"][0]
        for name, taken in arguments.fields.items()
        if taken.required
    }


def faults_of(arguments: Schema) -> list[ApiError]:
    """Find out what is answered if the first of the arguments is missing, and if it is invalid; nothing for none."""
    asked: dict[str, list[Value]] = {name: [value] for name, value in _example_of(arguments).items()}
    names = [*asked, *(taken.data_key or name for name, taken in arguments.fields.items())]
    faults = []
    for value in (None, NotText()) if names else ():
        try:
            check_arguments(arguments, {**asked, names[0]: [value]})
        except ApiError as fault:
            faults.append(fault)
    return faults


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
