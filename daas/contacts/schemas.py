"""The arguments of calls about lists and contacts, and their validation."""

import re
from collections.abc import Mapping
from typing import Any

import marshmallow
from marshmallow import validate

from ..signing.json_pairs import JsonNumber
from ..storage.ids import ID_PATTERN, MAX_ID, read_id
from ..web.arguments import Argument
from .models import MAX_TEXT

_MAX_PAGE = 1000
_MAX_LISTS = 100

# PostgreSQL cannot store NUL and unpaired surrogates, so they are invalid with every database.
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")
_TEXT = {"type": "string", "maxLength": MAX_TEXT, "pattern": r"^[^\u0000]*$"}


class NameArgument(Argument):
    """The name of a list: 1 to 255 characters, none of them NUL."""

    form: Mapping[str, Any] = {**_TEXT, "examples": ["List 3"]}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return _read_text(self, value)


class FieldArgument(NameArgument):
    """A field of a contact: at most 255 characters, none of them NUL; it may be empty."""

    form: Mapping[str, Any] = {**_TEXT, "type": ["string", "null"]}
    accepts_empty = True


class AddressArgument(Argument):
    """An e-mail address of at most 255 characters; compared without regard to case."""

    form: Mapping[str, Any] = {
        "type": "string",
        "format": "email",
        "maxLength": MAX_TEXT,
        "examples": ["b@x.org"],
    }
    _is_valid = validate.Email()

    def __init__(self, label: str, **options: Any) -> None:
        if not options.get("required", True):
            # An empty text or null counts as missing, which a format cannot express.
            self.form = {"type": ["string", "null"], "maxLength": MAX_TEXT}
        super().__init__(label, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        text = _read_text(self, value)
        try:
            self._is_valid(text)
        except marshmallow.ValidationError as error:
            raise self.make_error("invalid") from error
        return text


class NumberArgument(Argument):
    """A decimal integer without sign or leading zeros."""

    def __init__(
        self, label: str, examples: list[str], *, minimum: int = 1, maximum: int = MAX_ID, **options: Any
    ) -> None:
        default = {"default": str(options["load_default"])} if "load_default" in options else {}
        # An empty text counts as missing.
        suffix = "" if options.get("required", True) else "?"
        pattern = f"{'0|' if minimum == 0 else ''}{ID_PATTERN}"
        self.form = {"type": "string", "pattern": f"^({pattern}){suffix}$", "examples": examples, **default}
        self._minimum, self._maximum = minimum, maximum
        super().__init__(label, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        number = read_id(value, self._maximum) if isinstance(value, str) else None
        if value == "0" and self._minimum == 0:
            number = 0
        if number is None:
            raise self.make_error("invalid")
        return number


class ListsArgument(Argument):
    """The ids of one to a hundred lists, separated by commas."""

    form: Mapping[str, Any] = {
        "type": "string",
        "pattern": f"^{ID_PATTERN}(,{ID_PATTERN}){{0,{_MAX_LISTS - 1}}}$",
        "examples": ["1,2"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[int]:
        numbers = [read_id(text) for text in value.split(",")] if isinstance(value, str) else []
        found = [number for number in numbers if number is not None]
        if not 1 <= len(numbers) <= _MAX_LISTS or len(found) < len(numbers):
            raise self.make_error("invalid")
        return found


class _Arguments(marshmallow.Schema):
    class Meta:
        """Unknown arguments are ignored."""

        unknown = marshmallow.EXCLUDE


class NoArguments(_Arguments):
    """No arguments."""


class ListsArguments(_Arguments):
    """The list to show; all lists by default."""

    id = NumberArgument("id", ["2"], required=False)


class ListName(_Arguments):
    """The name of a new list."""

    name = NameArgument("name")


class RenameArguments(_Arguments):
    """A list and its new name."""

    id = NumberArgument("id", ["3"])
    name = NameArgument("name")


class PageArguments(_Arguments):
    """The page of contacts to show."""

    pagesize = NumberArgument("pagesize", ["5"], maximum=_MAX_PAGE, required=False, load_default=100)
    offset = NumberArgument("offset", ["2"], minimum=0, required=False, load_default=0)


class ContactChanges(_Arguments):
    """The fields of a contact to change; others stay unchanged."""

    email_address = AddressArgument("email_address", required=False)
    name = FieldArgument("name", required=False)
    first_name = FieldArgument("first_name", required=False)
    last_name = FieldArgument("last_name", required=False)
    company = FieldArgument("company", required=False)
    address = FieldArgument("address", required=False)
    city = FieldArgument("city", required=False)
    state = FieldArgument("state", required=False)
    country = FieldArgument("country", required=False)
    zip_code = FieldArgument("zip_code", required=False)
    phone = FieldArgument("phone", required=False)
    dob = FieldArgument("dob", required=False)


class NewContact(ContactChanges):
    """The fields of a new contact."""

    email_address = AddressArgument("email_address")


class InLists(_Arguments):
    """The lists for a new contact."""

    lists = ListsArgument("lists")


class NewContactInLists(InLists, NewContact):
    """The lists for a new contact, and its fields."""


class AddressArguments(_Arguments):
    """The address to find."""

    email_address = AddressArgument("email_address")


def _read_text(argument: Argument, value: Any) -> str:
    is_text = isinstance(value, str) and not isinstance(value, JsonNumber)
    if is_text and len(value) <= MAX_TEXT and not _NOT_STORABLE.search(value):
        text: str = value
        return text
    raise argument.make_error("invalid")
