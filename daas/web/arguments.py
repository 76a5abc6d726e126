"""Read the arguments of a request from its body, in three content types, and check them with a schema.

Ambiguous input is rejected, never interpreted: bytes that are not UTF-8, repeated names, a multipart body that
another boundary would split differently.
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

#: The maximum number of arguments of a request: 1,000 messages of a batch, and the others.
MAX_ARGUMENTS = 1010

_SPACES = " \t\r\n"


class NotText:
    """The value of an argument that is neither text nor a number: a boolean, a list, an object or a file."""

    def __str__(self) -> str:
        return "(not a text)"


class ListOfTexts(NotText):
    """The value of an argument that is a JSON array of texts, numbers and null, which only some arguments accept."""

    def __init__(self, values: "list[Value]") -> None:
        self.values = values

    def __str__(self) -> str:
        return ", ".join("" if value is None else str(value) for value in self.values)


Value = str | JsonNumber | NotText | None
#: The values of each argument, in the order sent, by its name in lower case.
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
    """Return the deserialized values by name, after checking them with a schema.

    Spaces, tabs and line ends around a value are removed. An empty value counts as missing, unless the argument accepts
    empty text. A repeated argument is invalid, unless all its values are empty, or the argument accepts many: then it
    is deserialized from the list of its values. Raises MissingArguments, which names only the missing arguments, or
    InvalidArguments.
    """
    values = {
        name: value
        for name, sent in arguments.items()
        if (value := _single(sent)) or (value == "" and _accepts_empty(schema, name))
    }
    for name, argument in schema.fields.items():
        if isinstance(argument, Argument) and argument.array_name is not None:
            values[name] = _many(arguments, name, argument.array_name)  # type: ignore[assignment]
    try:
        loaded: dict[str, Any] = schema.load(values)
    except marshmallow.ValidationError as error:
        names = [field.data_key or name for name, field in schema.fields.items()]
        messages = {name: error.messages_dict[name] for name in names if name in error.messages_dict}
        missing = [name for name in messages if name not in values]
        if missing:
            raise MissingArguments(missing, [messages[name][0] for name in missing]) from error
        raise InvalidArguments([*messages], [first for first, *_ in messages.values()]) from error
    return loaded


class Argument(marshmallow.fields.Field[Any]):
    """An argument whose label is used in the documented error messages; subclasses define its valid values.

    `form` is the JSON Schema of the valid values and `description` their description, both for the OpenAPI document; by
    default the description is the docstring of the class. If `accepts_empty`, empty text is a value. An argument with
    an `array_name` accepts many values: it may be repeated, or be a JSON array of that name.
    """

    form: Mapping[str, Any] = {}
    accepts_empty = False
    array_name: str | None = None

    def __init__(self, label: str, *, required: bool = True, description: str = "", **options: Any) -> None:
        error_messages: dict[str, Any] = {
            "required": f"'{label}' is a required field.",
            "invalid": f"'{label}' contains invalid input",
        }
        described = {"title": label, "description": description or inspect.getdoc(type(self)), **self.form}
        if not required and "pattern" in described:
            described["pattern"] = f"^$|{described['pattern']}"  # Empty text is as if the argument were missing.
        super().__init__(required=required, error_messages=error_messages, metadata=described, **options)


def _find_reader(content_type: str) -> Callable[[str, bytes], Iterable[tuple[str, Value]]]:
    reader = _READERS.get(content_types.media_type(content_type).lower())
    if reader is None:
        raise UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED)
    return reader


def _single(sent: list[Value]) -> Value:
    """Return the value of an argument without spaces around it; NotText for several that are not all empty."""
    if len(sent) > 1:
        return NotText() if any(_single([value]) for value in sent) else ""
    value = sent[0]
    return type(value)(value.strip(_SPACES)) if isinstance(value, str) else value


def _many(arguments: Arguments, name: str, array_name: str) -> list[Value]:
    """Return the values of an argument that accepts many; none if all are empty, NotText for a malformed array."""
    values = [_single([value]) for value in arguments.get(name, [])]
    values = values if any(values) else []
    array = _single(arguments.get(array_name, [None]))
    if not array:
        return values
    if values or not isinstance(array, ListOfTexts):
        return [NotText()]
    return [_single([value]) for value in array.values]


def _accepts_empty(schema: marshmallow.Schema, name: str) -> bool:
    return isinstance(argument := schema.fields.get(name), Argument) and argument.accepts_empty


def _read_multipart(body: bytes, boundary: str | None) -> list[tuple[str, Value]]:
    fields = read_fields(body, boundary, MAX_ARGUMENTS)
    return [(name, NotText() if value is None else value) for name, value in fields]


def _read_json(body: bytes) -> list[tuple[str, Value]]:
    try:
        pairs = read_object(body)
    except JsonError as error:
        raise UnreadableBody(Reason(error.reason)) from error
    return [(name, _of_json(value)) for name, value in pairs]


def _of_json(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    if type(value) is list and all(each is None or isinstance(each, str) for each in value):
        return ListOfTexts(value)
    return NotText()


_READERS: dict[str, Callable[[str, bytes], Iterable[tuple[str, Value]]]] = {
    "application/x-www-form-urlencoded": lambda _, body: read_form(body),
    "multipart/form-data": lambda content_type, body: _read_multipart(body, content_types.boundary(content_type)),
    "application/json": lambda _, body: _read_json(body),
}
#: The accepted content types of a body.
CONTENT_TYPES = tuple(_READERS)
