"""The OpenAPI document of all calls, made from the routes, schemas and errors that the service itself uses."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

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
Moves messages between the folders of Direct mailboxes, and manages lists of contacts, over signed HTTP requests. \
The [onboarding pages](/onboarding/documentation/) explain it in more detail."""

_TEXT = {"type": "string"}

# The headers of responses, each as OpenAPI's Header Object.
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-Id": {
        "description": "The id of this request in the log; the same as `request_id` in a body that has one.",
        "required": True,
        "schema": _TEXT,
    },
    "Cache-Control": {
        "description": "No cache may store the response.",
        "required": True,
        "schema": {"const": "no-store"},
    },
    "X-Content-Type-Options": {
        "description": "No browser may take the response for a page.",
        "required": True,
        "schema": {"const": "nosniff"},
    },
    "Content-Disposition": {
        "description": "The file name, by RFC 8187; a browser saves the bytes and never shows them.",
        "required": True,
        "schema": {"type": "string", "pattern": "^attachment;"},
    },
    "Content-Security-Policy": {
        "description": "A browser that shows the bytes all the same runs nothing in them.",
        "required": True,
        "schema": {"const": "sandbox"},
    },
    "WWW-Authenticate": {"description": "The scheme to sign with.", "required": True, "schema": _TEXT},
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Allow": {"description": "The methods of this URL.", "required": True, "schema": _TEXT},
    "X-Daas-Error": {
        "description": "The first error of the request, only if its signature is valid: the reason of a 401, 400, "
        "415, 429 or 503.",
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
                "idempotency-key",
                "path-not-utf-8",
                "database-unavailable",
                "search-busy",
                "search-timeout",
            ],
        },
    },
    "Idempotent-Replayed": {
        "description": "Sent if the request repeated an earlier one with its `Idempotency-Key`: the body is the first "
        "response's.",
        "schema": {"const": "true"},
    },
    "X-Daas-Clock-Skew": {
        "description": "Sent with `X-Daas-Error` if the date could be read: that date minus the server's clock, in "
        "seconds.",
        "schema": {"type": "string", "pattern": "^-?[0-9]+$"},
    },
    "X-Daas-Key-Expires": {
        "description": "The time at which the key expires, if that is within 30 days.",
        "schema": {"type": "string", "format": "date-time"},
    },
    "X-Daas-Warning": {
        "description": "A requirement that will soon apply to the application and that this request did not meet.",
        "schema": {"type": "string", "enum": ["content-md5-missing"]},
    },
    "X-Daas-String-To-Sign": {
        "description": "The string to sign that the server built, in base64, if the operator allows it.",
        "schema": _TEXT,
    },
}
#: The reply of a call that returns bytes: in OpenAPI 3.1, a type that has no schema.
BINARY: Mapping[str, Any] = {}
_ALWAYS = {"X-Request-Id": "1", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_WITH_BYTES = {
    "Content-Disposition": "attachment; filename=\"ccd.xml\"; filename*=UTF-8''ccd.xml",
    "Content-Security-Policy": "sandbox",
}
_ON_SUCCESS = {**_ALWAYS, "X-Daas-Key-Expires": "2026-12-01T00:00:00Z", "X-Daas-Warning": "content-md5-missing"}


@dataclass(frozen=True)
class ApiDescription:
    """The description that all calls of one API share.

    `scheme` names the signature that `authorization` describes. `headers` are the other headers of a request, each as
    OpenAPI's Parameter Object. `errors` are those of every call, and `elsewhere` those of other paths and methods; each
    is one example of its class, with its headers. `error_body` returns the body of an error with its request_id.
    `prefix` begins the names of the responses among the document's components.
    """

    name: str
    description: str
    scheme: str
    authorization: str
    headers: Sequence[Mapping[str, Any]]
    errors: Sequence[ApiError]
    elsewhere: Sequence[ApiError]
    error_body: Callable[[ApiError, str], Mapping[str, Any]] = lambda error, request_id: error.body(request_id)
    prefix: str = ""


@dataclass(frozen=True)
class Operation:
    """The arguments and the response of a call, for its view and the document.

    `arguments` are in the query of a GET, else in the body. `reply` is the schema of a success, and `example` a value
    that it dumps; if `reply` is JSON Schema, `example` is the response itself. `errors` are those that the API's other
    calls do not have. `query` are the arguments in the query of a call with a body. `path` are those in the path, by
    name, each as OpenAPI's Parameter Object. `status` is that of a success, `media_types` are its
    types; if `reply` is BINARY, it is bytes, and `example` describes them. `headers` are the headers of a request that
    the API's other calls do not have, each as OpenAPI's Parameter Object; `reply_headers` are those of its success, by
    name, with an example. `json_arguments` are the arguments in JSON, if they have other names there.
    `excluded` are the errors of `api` that the call does not have.
    """

    api: ApiDescription
    arguments: Schema
    reply: Schema | Mapping[str, Any]
    example: Any
    errors: Sequence[ApiError] = ()
    query: Schema | None = None
    path: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: int = 200
    headers: Sequence[Mapping[str, Any]] = ()
    reply_headers: Mapping[str, str] = field(default_factory=dict)
    json_arguments: Schema | None = None
    media_types: Sequence[str] = ("application/json",)
    excluded: Sequence[type[ApiError]] = ()


def init_openapi(app: Flask) -> None:
    """Serve the document of all calls that are already registered, at /openapi.json."""
    document = to_json(build_document(app))

    @app.get("/openapi.json")
    @requires_no_auth()
    def show_openapi() -> Response:
        """Show the OpenAPI document."""
        return Response(document, mimetype="application/json")


def build_document(app: Flask) -> dict[str, Any]:
    """Return the document of all views that have an `operation`, each at one URL: generated clients have it once."""
    spec = APISpec(
        "daas",
        __version__,
        "3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": _DESCRIPTION, "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"}},
        servers=[{"url": "/", "description": "The server that this document comes from."}],
    )
    described: list[ApiDescription] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None or rule.rule != getattr(view, "described_at", None):
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
    for header in operation.headers:
        if header["name"] not in spec.components.parameters:
            spec.components.parameter(header["name"], "header", {**header})
    request: dict[str, Any] = {"parameters": [header["name"] for header in [*api.headers, *operation.headers]]}
    query = arguments if method == "GET" else operation.query
    if query is not None:
        request["parameters"].insert(0, {"in": "query", "schema": query})
    if method != "GET" and arguments.fields:
        bodies = {}
        for type_ in CONTENT_TYPES:
            described = (operation.json_arguments if type_ == "application/json" else None) or arguments
            bodies[type_] = {"schema": _schema_of_body(spec, described, type_), "example": _example_of(described)}
        request["requestBody"] = {"required": bool(_example_of(arguments)), "content": bodies}
    request["parameters"] += [{**form, "in": "path", "name": name} for name, form in operation.path.items()]
    errors = [*api.errors, *operation.errors, *argument_errors(query or arguments)]
    errors = [error for error in errors if type(error) not in operation.excluded]
    errors.sort(key=lambda error: error.status)
    reply, shown = operation.reply, operation.example
    if isinstance(reply, Schema):
        shown = reply.dump({**shown, "request_id": "1"})
    if reply is BINARY:
        description, headers = shown, _ON_SUCCESS | _WITH_BYTES
        content: dict[str, Any] = {media_type: {} for media_type in operation.media_types}
    else:
        description = _first_line(type(reply)) if isinstance(reply, Schema) else reply["description"]
        headers = _ON_SUCCESS
        content = {media_type: {"schema": reply, "example": shown} for media_type in operation.media_types}
    return {
        "tags": [api.name],
        "security": [{api.scheme: []}],
        **request,
        "responses": {
            str(operation.status): {
                "description": description,
                "headers": _describe_headers({**headers, **operation.reply_headers}),
                "content": content,
            },
            **{
                str(status): _respond(spec, api, [*of_status])
                for status, of_status in groupby(errors, lambda error: error.status)
            },
        },
    }


def _schema_of_body(spec: APISpec, arguments: Schema, content_type: str) -> Schema | dict[str, Any]:
    """Return the schema of a body: one for each content type, since generators of clients choose by it what to send."""
    if content_type == "application/json":
        return arguments
    (plugin,) = spec.plugins
    converter: Any = cast(MarshmallowPlugin, plugin).converter
    return cast(dict[str, Any], converter.schema2jsonschema(arguments))


def _respond(spec: APISpec, api: ApiDescription, errors: Sequence[ApiError]) -> str:
    """Return the name of the response for errors of one status; add it to the components if it is new."""
    of_arguments = "".join(f".{name}" for name in errors[0].fields or ())
    of_batches = ".ids" if any(error.ids for error in errors) else ""
    name = api.prefix + "-".join(type(error).__name__ for error in errors) + of_arguments + of_batches
    if name not in spec.components.responses:
        headers = {name: value for error in errors for name, value in error.headers.items()}
        schemas = [_schema_of(error, api.error_body(error, "1")) for error in errors]
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
                                "value": api.error_body(error, "1"),
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
    """Return the schema of an error's body; its message is constant unless it names arguments."""
    properties: dict[str, Any] = {}
    for name, value in body.items():
        if name == "request_id":
            # A request without a row in the log gets a random hexadecimal id.
            properties[name] = {"type": "string", "pattern": "^[0-9a-f]+$"}
        elif isinstance(value, list):
            properties[name] = {"type": "array", "items": _TEXT}
        else:
            properties[name] = _TEXT if error.fields and name == "message" else {"const": value}
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


def _example_of(arguments: Schema) -> dict[str, Any]:
    """Return the required arguments with an example value for each."""
    return {
        argument.data_key or name: argument.metadata["examples"][0]
        for name, argument in arguments.fields.items()
        if argument.required
    }


def argument_errors(arguments: Schema) -> list[ApiError]:
    """Return the errors for a missing and for an invalid first argument; none if there are no arguments."""
    example: dict[str, list[Value]] = {
        name: value if isinstance(value, list) else [value] for name, value in _example_of(arguments).items()
    }
    names = [*example, *(argument.data_key or name for name, argument in arguments.fields.items())]
    errors = []
    for value in (None, NotText()) if names else ():
        try:
            check_arguments(arguments, {**example, names[0]: [value]})
        except ApiError as error:
            errors.append(error)
    return errors


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
