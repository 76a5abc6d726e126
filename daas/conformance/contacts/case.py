"""What a case of lists and contacts asks for, and the answers that it must get.

Each is played with a list of its own, `$list`, that is empty at the beginning; `$next_list` is the id of the next one
that is made. `$gone` is that of a list which was removed.
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
class Ask:
    """A request, signed as it has to be but for what is named.

    `target` and `posted` are sent as they are given; None posts nothing. What is signed is what is sent, or
    `signed_method`, `signed_url` and `signed_json`; `lowered` says which letters are made small for that: `ascii`,
    `all` or `none`. `encoding` is one of ENCODINGS. `key` is `granted`, `other`, which may use lists of its own,
    `refused` or `unknown`. `authorization` is written of `$public_key` and `$signature`; None sends none. `headers` are
    sent beside it.
    """

    method: str = "GET"
    target: str = LISTS
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


def post(target: str, posted: Mapping[str, str] | str | None = None, **parts: str) -> Ask:
    """Make a POST; an object is posted as JSON, its keys sorted."""
    text = json.dumps(posted, sort_keys=True, separators=(",", ":")) if isinstance(posted, Mapping) else posted
    return Ask(method="POST", target=target, posted=text, **parts)  # type: ignore[arg-type]


def add(email_address: str, /, **fields: str) -> Ask:
    """Ask for a contact in the case's list."""
    return post(CONTACTS, {"email_address": email_address, **fields})


def remove(target: str, **parts: str) -> Ask:
    """Make a DELETE."""
    return Ask(method="DELETE", target=target, **parts)  # type: ignore[arg-type]


def answer(body: object, status: int = 200, **headers: str | None) -> Expected:
    """Expect a body, as JSON, byte for byte."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Expected(
        status=status, body=text, request_id="", headers={"Content-Type": JSON, "Cache-Control": "no-store", **named}
    )


def said(code: int, message: str, **headers: str | None) -> Expected:
    """Expect a body of code and message."""
    return answer({"code": code, "message": message}, code, **headers)


def missing(*names: str) -> Expected:
    """Expect a 422 for arguments that are missing."""
    return _fault(" ".join(f"'{name}' is a required field." for name in names), names)


def invalid(*names: str) -> Expected:
    """Expect a 422 for arguments that are invalid."""
    return _fault(". ".join(f"'{name}' contains invalid input" for name in names), names)


def _fault(message: str, names: Sequence[str]) -> Expected:
    return answer({"code": 422, "message": message, "fields": [*names]}, 422)


MADE = said(201, "Contact added")
DENIED = said(401, "Not Authorized", WWW_Authenticate="RCWS")
USE = said(403, "Not Authorized")
NO_LIST = said(404, "List not found")
NO_CONTACT = said(404, "Contact not found")
EXISTS = said(409, "Contact already exists")
NOT_FOUND = said(404, "Not Found", Location=None)
UNREADABLE = said(400, "Bad Request")

#: A header that leads to a row of the log.
REQUEST_ID = ANY_ID

Steps = Sequence[tuple[Ask, Expected]]


def cases(group: str, see: str, rows: Iterable[tuple[str, str, Steps]]) -> list[Case]:
    """Make a case of each row: its id in the group, the sentence, and the requests with their answers."""
    return [Case(f"{group}.{id_}", sentence, see, steps) for id_, sentence, steps in rows]
