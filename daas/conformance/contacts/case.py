"""The requests and expected responses of the cases about lists and contacts.

Each case has a list of its own, `$list`, which is empty at first. `$next_list` is the id of the next list that is made;
`$gone` is the id of a list that was removed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..case import ANY_ID, Case, Expected

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NO_DATA = '{"posted_data":"[]"}'

LISTS = "/v1/lists.json"
CONTACTS = "/v1/contacts.json/$list/contacts/"
CONTACT = "/v1/contacts.json/$list/contact/1"


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """A request about lists or contacts; the defaults are a valid, signed GET of all lists.

    `uri` and `posted` are sent as given; None posts nothing. `signed_method`, `signed_url` and `signed_json` replace
    what is signed. `lowered` says which letters of the string to sign are made lower case: `ascii`, `all` or `none`.
    `encoding` is a name in ENCODINGS. `key` names the key pair that signs: `granted`, `other` (which has lists of its
    own), `refused` or `unknown`. `authorization` is the header's text with `$public_key` and `$signature`; None sends
    no such header. `headers` are sent in addition.
    """

    method: str = "GET"
    uri: str = LISTS
    posted: str | None = None
    content_type: str = JSON
    signed_method: str | None = None
    signed_url: str | None = None
    signed_json: str | None = None
    lowered: str = "ascii"
    encoding: str = "hex"
    key: str = "granted"
    authorization: str | None = "RCWS $public_key:$signature"
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)


def post(uri: str, posted: Mapping[str, str] | str | None = None, **parts: str) -> RequestSpec:
    """Return a POST; an object is posted as JSON with sorted keys."""
    text = json.dumps(posted, sort_keys=True, separators=(",", ":")) if isinstance(posted, Mapping) else posted
    return RequestSpec(method="POST", uri=uri, posted=text, **parts)  # type: ignore[arg-type]


def add(email_address: str, /, **fields: str) -> RequestSpec:
    """Return a POST that adds a contact to the case's list."""
    return post(CONTACTS, {"email_address": email_address, **fields})


def remove(uri: str, **parts: str) -> RequestSpec:
    """Return a DELETE."""
    return RequestSpec(method="DELETE", uri=uri, **parts)  # type: ignore[arg-type]


def json_body(body: object, status: int = 200, **headers: str | None) -> Expected:
    """Return the expected response with a JSON body, compared byte for byte."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Expected(
        status=status, body=text, request_id="", headers={"Content-Type": JSON, "Cache-Control": "no-store", **named}
    )


def message_body(code: int, message: str, **headers: str | None) -> Expected:
    """Return the expected response whose body is a code and a message."""
    return json_body({"code": code, "message": message}, code, **headers)


def missing(*names: str) -> Expected:
    """Return the expected 422 for missing arguments."""
    return _arguments_error(" ".join(f"'{name}' is a required field." for name in names), names)


def invalid(*names: str) -> Expected:
    """Return the expected 422 for invalid arguments."""
    return _arguments_error(". ".join(f"'{name}' contains invalid input" for name in names), names)


def _arguments_error(message: str, names: Sequence[str]) -> Expected:
    return json_body({"code": 422, "message": message, "fields": [*names]}, 422)


MADE = message_body(201, "Contact added")
DENIED = message_body(401, "Not Authorized", WWW_Authenticate="RCWS")
USE_NOT_AUTHORIZED = message_body(403, "Not Authorized")
NO_LIST = message_body(404, "List not found")
NO_CONTACT = message_body(404, "Contact not found")
EXISTS = message_body(409, "Contact already exists")
NOT_FOUND = message_body(404, "Not Found", Location=None)
MALFORMED = message_body(400, "Bad Request", X_Daas_Error="json-unreadable")
NO_OBJECT = message_body(400, "Bad Request", X_Daas_Error="json-no-object")
UNSUPPORTED = message_body(415, "Unsupported Media Type", X_Daas_Error="media-type-unsupported")
TOO_LARGE = message_body(413, "Content Too Large")

#: The form of X-Request-Id, which leads to a row of the log if there is one.
REQUEST_ID = ANY_ID

Steps = Sequence[tuple[RequestSpec, Expected]]


def cases(group: str, see: str, rows: Iterable[tuple[str, str, Steps]]) -> list[Case]:
    """Return one case for each row: its id in the group, the sentence, and the requests with expected responses."""
    return [Case(f"{group}.{id_}", sentence, see, steps) for id_, sentence, steps in rows]
