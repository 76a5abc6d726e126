"""Reads the arguments of a request out of its body, in the three content types, and checks them with a schema.

What is ambiguous is rejected, never resolved: bytes that are not UTF-8, names given twice, a multipart body that
another boundary would read differently.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import marshmallow

from ..errors import InvalidArguments, MissingArguments, UnreadableBody, UnsupportedMediaType
from ..reasons import Reason
from ..signing import content_type as content_types
from ..signing.json_pairs import JsonError, JsonNumber, read_object, without_byte_order_mark
from .multipart import read_fields

MAX_ARGUMENTS = 1000

_BLANKS = " \t\r\n"


class NotText:
    """The value of an argument that is neither a text nor a number: true, a list, an object, a file."""

    def __str__(self) -> str:
        return "(not a text)"


Value = str | JsonNumber | NotText | None
#: Every value of every argument, in the order sent, by the name in lower case.
Arguments = Mapping[str, list[Value]]


def read_arguments(content_type: str, body: bytes) -> Arguments:
    """Return the arguments of a body; raises UnsupportedMediaType or UnreadableBody."""
    return by_name(read_pairs(content_type, body))


def read_pairs(content_type: str, body: bytes) -> Iterable[tuple[str, Value]]:
    """Return the names and values of a body, in the order sent; raises UnsupportedMediaType or UnreadableBody."""
    return _find_reader(content_type)(content_type, body)


def read_query(query: str, content_type: str | None) -> Arguments:
    """Return the arguments of a query; a content type that is sent must still be a supported one.

    Raises UnsupportedMediaType or UnreadableBody.
    """
    if content_type is not None:
        _find_reader(content_type)
    return by_name(read_form(query.encode("latin-1")))


def by_name(pairs: Iterable[tuple[str, Value]]) -> Arguments:
    """Return the values of each argument; raises UnreadableBody if there are too many."""
    arguments: dict[str, list[Value]] = {}
    for place, (name, value) in enumerate(pairs):
        if place == MAX_ARGUMENTS:
            raise UnreadableBody(Reason.TOO_MANY_ARGUMENTS)
        arguments.setdefault(name.lower(), []).append(value)
    return arguments


def read_form(body: bytes) -> list[tuple[str, Value]]:
    """Return the names and values of a form or a query; raises UnreadableBody."""
    try:
        text = without_byte_order_mark(body).decode()
        return [*parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict")]
    except UnicodeDecodeError as error:
        raise UnreadableBody(Reason.FORM_NOT_UTF_8) from error


def raw_text(arguments: Arguments, name: str) -> str:
    """Return an argument as it was sent, for the log: its values, joined by a comma if there are several."""
    return ", ".join("" if value is None else str(value) for value in arguments.get(name, []))


def check_arguments(schema: marshmallow.Schema, arguments: Arguments) -> dict[str, Any]:
    """Return the values as understood, by name, after checking them with a schema.

    Blanks, tabs and line ends around a value are removed; one of nothing else counts as missing, unless the argument
    takes a blank. One that is given twice is invalid. Raises MissingArguments, which names only the missing, or
    InvalidArguments.
    """
    values = {
        name: value
        for name, given in arguments.items()
        if (value := _single(given)) or (value == "" and _takes_blank(schema, name))
    }
    try:
        loaded: dict[str, Any] = schema.load(values)
    except marshmallow.ValidationError as error:
        names = [field.data_key or name for name, field in schema.fields.items()]
        faults = {name: error.messages_dict[name] for name in names if name in error.messages_dict}
        missing = [name for name in faults if name not in values]
        if missing:
            raise MissingArguments(missing, [faults[name][0] for name in missing]) from error
        raise InvalidArguments([*faults], [messages[0] for messages in faults.values()]) from error
    return loaded


class Argument(marshmallow.fields.Field[Any]):
    """An argument that bears a label in the documented sentences; subclasses say what it may hold.

    `form` says the same to the readers of the OpenAPI document, as JSON Schema does; so does `description`, which
    is the docstring of the class if none is given. `takes_blank` tells that a blank is a value.
    """

    form: Mapping[str, Any] = {}
    takes_blank = False

    def __init__(self, label: str, *, required: bool = True, description: str = "", **options: Any) -> None:
        sentences = {
            "required": f"'{label}' is a required field.",
            "invalid": f"'{label}' contains invalid input",
        }
        described = {"title": label, "description": description or inspect.getdoc(type(self)), **self.form}
        super().__init__(required=required, error_messages={**sentences}, metadata=described, **options)


def _find_reader(content_type: str) -> Callable[[str, bytes], Iterable[tuple[str, Value]]]:
    reader = _READERS.get(content_types.media_type(content_type).lower())
    if reader is None:
        raise UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED)
    return reader


def _single(given: list[Value]) -> Value:
    """Give the one value of an argument without what surrounds it; of several that are not all blank, none is."""
    if len(given) > 1:
        return NotText() if any(_single([value]) for value in given) else ""
    value = given[0]
    return type(value)(value.strip(_BLANKS)) if isinstance(value, str) else value


def _takes_blank(schema: marshmallow.Schema, name: str) -> bool:
    return isinstance(argument := schema.fields.get(name), Argument) and argument.takes_blank


def _read_multipart(body: bytes, boundary: str | None) -> list[tuple[str, Value]]:
    fields = read_fields(body, boundary, MAX_ARGUMENTS)
    return [(name, NotText() if value is None else value) for name, value in fields]


def _read_json(body: bytes) -> list[tuple[str, Value]]:
    try:
        pairs = read_object(body)
    except JsonError as error:
        raise UnreadableBody(Reason(error.reason)) from error
    return [(name, value if value is None or isinstance(value, str) else NotText()) for name, value in pairs]


_READERS: dict[str, Callable[[str, bytes], Iterable[tuple[str, Value]]]] = {
    "application/x-www-form-urlencoded": lambda _, body: read_form(body),
    "multipart/form-data": lambda content_type, body: _read_multipart(body, content_types.boundary(content_type)),
    "application/json": lambda _, body: _read_json(body),
}
#: The content types that a body is read in.
CONTENT_TYPES = tuple(_READERS)
