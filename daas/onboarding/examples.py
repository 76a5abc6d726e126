"""The calls, dates and responses that pages show, computed by the server's own code."""

import datetime
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import marshmallow

from .. import errors
from ..direct.schemas import MoveArguments
from ..errors import ApiError, to_json
from ..reasons import Reason
from ..signing.daas_scheme import DIRECT, content_md5
from ..signing.mechanism import RequestToSign, Stages, make_key_pair, sign
from ..signing.rcws_scheme import RCWS
from ..web.arguments import Arguments, check_arguments
from ..web.context import ApiDefinition

#: The key pair of the examples: made when the process starts, never registered.
KEYS = make_key_pair()

_FORM = "application/x-www-form-urlencoded"
_REQUEST_ID = "1812"
_AT = "2026-11-02T15:00:00Z"


@dataclass(frozen=True)
class Example:
    """A signed request, each stage of its signature, and the body and status of a successful response."""

    request: RequestToSign
    stages: Stages
    success: str
    status: int = 200

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The lines of the string to sign, with their names."""
        request = self.request
        named = [
            ("method", request.method),
            ("date", request.date),
            ("Content-MD5", request.content_md5),
            ("content type", request.content_type),
            ("URI", request.uri),
        ]
        return [(name, text) for name, text in named if text is not None]

    @property
    def http(self) -> str:
        """The text of the HTTP request."""
        request = self.request
        headers = {
            "Authorization": self.stages.authorization,
            "Date": request.date,
            "Content-MD5": request.content_md5,
            "Content-Type": request.content_type,
        }
        head = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        body = ["", request.body.decode()] if request.body else []
        return "\n".join([f"{request.method} {request.uri} HTTP/1.1", *head, *body])


# The demo's second message.
_READ = {
    "id": "2",
    "folder": "Inbox",
    "message_id": "<20261103091500.7@clinic.example.org>",
    "subject": "Referral: cardiology \u2013 please review",
    "from": "Dr. Zoë Müller <z.muller@direct.clinic.example.org>",
    "to": "demo.clinician@direct.example.org",
    "cc": "",
    "date": "2026-11-03T14:15:00Z",
    "size": "2255",
    "text": "This is a made-up message of the demo; it speaks of nobody.\n\n"
    "Please see this patient for a second opinion. The referral note is attached.\n",
    "parts": [
        {
            "part": "1",
            "type": "text/plain",
            "name": "",
            "size": "138",
            "sha256": "b74641b74bdf8c02e11365425712413b9cfa167bc9099a898f01c24ed078cf4f",
        },
        {
            "part": "2",
            "type": "text/xml",
            "name": "referral.xml",
            "size": "1141",
            "sha256": "eb57bebc6b7f8cf2512b42dd4f981bda71d24a92a035e8854e92c9a12e45ee3b",
            "document": "C-CDA",
        },
    ],
}


def example_calls(now: float) -> dict[str, Example]:
    """Return the calls that the pages show, signed with the examples' keys at `now` (seconds since 1970)."""
    date = format_datetime(_utc(now), usegmt=True)
    move = _move(date, with_md5=False)
    message = {
        "id": "1",
        "folder": "Inbox",
        "subject": "Lab results: basic metabolic panel",
        "from": '"Riverside Laboratory" <results@direct.lab.example.org>',
        "to": "demo.clinician@direct.example.org",
        "date": _AT,
        "size": "426",
        "attachments": "0",
    }
    return {
        "move": move,
        "move_with_md5": _move(date, with_md5=True),
        "move_many": _move_many(date),
        "folders": _get(date, "folders", {}, folders=[{"id": "5", "name": "Lab results"}]),
        "messages": _get(date, "messages", {"folder": "Inbox", "limit": "1"}, messages=[message], next="1"),
        "read": _get(date, "messages/read", {"id": "2"}, **_READ),
        "part": _get(date, "messages/read/part", {"id": "2", "part": "2"}),
        "history": _get(
            date,
            "messages/history",
            {"id": "1"},
            id="1",
            folder="5",
            moves=[{"request_id": "1811", "at": _AT, "application": "demo", "from": "Inbox", "to": "5"}],
            complete="1",
        ),
        "restore": _restore(date),
        "requests": _own_requests(date),
    }


def example_contacts_calls() -> dict[str, Example]:
    """Return the calls of lists and contacts that pages show, with their responses when sent in this order."""
    ana = {"email_address": "ana@example.org"}
    return {
        "make_list": _call("POST", "lists/List+1", _message(201, "List List 1 created with list-id 1")),
        "make_another_list": _call("POST", "lists.json/List+2", _message(201, "List List 2 created with list-id 2")),
        "show_lists": _call("GET", "lists.json", {"1": "List 1", "2": "List 2"}),
        "show_list": _call("GET", "lists.json?id=2", {"2": "List 2"}),
        "rename_list": _call("POST", "lists.json?name=Renamed+1&id=2", _message(201, "List renamed to Renamed 1")),
        "remove_list": _call("DELETE", "lists.json/2", _message(200, "List removed")),
        "add_contact": _call(
            "POST",
            "contacts.json/1/contacts/",
            _message(201, "Contact added"),
            {"first_name": "Ana", "email_address": "ana@example.org", "company": "Riverside A/S"},
        ),
        "show_contacts": _call("GET", "contacts.json/1/contacts/?pagesize=5&offset=0", {"1": "ana@example.org"}),
        "show_contact": _call("GET", "contacts.json/1/contact/1", {"1": "ana@example.org"}),
        "change_contact": _call(
            "POST", "contacts.json/1/contacts/1", _message(200, "Contact updated"), {"city": "Århus", "phone": ""}
        ),
        "find_by_address": _call("GET", "contacts.json?email_address=ana@example.org", {"1": "1"}),
        "remove_contact": _call("DELETE", "contacts.json/1/contacts/1", "Contact removed"),
        "add_contact_to_lists": _call("POST", "contacts.json?lists=1", _message(201, "Contact added"), ana),
    }


def example_dates(now: float) -> list[tuple[str, str]]:
    """Return `now` (seconds since 1970) in each accepted format of a date, with the format's name."""
    utc = _utc(now)
    east = utc.astimezone(datetime.timezone(datetime.timedelta(hours=-5)))
    return [
        ("the documented format", f"{east:%m/%d/%Y %H:%M:%S} EST"),
        ("the same, with an offset", f"{utc:%m/%d/%Y %H:%M:%S} +0000"),
        ("RFC 5322, and HTTP's own (RFC 9110)", format_datetime(utc, usegmt=True)),
        ("RFC 850", f"{utc:%A, %d-%b-%y %H:%M:%S} GMT"),
        ("asctime, which means UTC", f"{utc:%a %b} {utc.day:2} {utc:%H:%M:%S %Y}"),
        ("ISO 8601, RFC 3339", f"{utc:%Y-%m-%dT%H:%M:%S}Z"),
        ("the same, with an offset", f"{east:%Y-%m-%d %H:%M:%S}-05:00"),
        ("JavaScript's Date.toString()", f"{east:%a %b %d %Y %H:%M:%S} GMT-0500 (Eastern Standard Time)"),
        ("Java's Date.toString()", f"{east:%a %b %d %H:%M:%S} EST {east:%Y}"),
        ("Unix seconds", f"{int(now)}"),
    ]


def example_errors() -> dict[str, ApiError]:
    """Return one example of each error, by the name that templates use."""
    move_arguments = MoveArguments()
    complete: Arguments = {"mailbox": ["demo.clinician"], "id": ["1"], "folder": ["5"]}
    return {
        "not_whole": errors.BodyNotWhole(Reason.BODY_CUT_SHORT),
        "unreadable": errors.UnreadableBody(Reason.JSON_UNREADABLE),
        "authentication": errors.AuthenticationFailed(Reason.SIGNATURE_MISMATCH),
        "use": errors.UseNotAuthorized(Reason.SERVICE_NOT_GRANTED),
        "user": errors.UserNotAuthorized(Reason.MAILBOX_UNKNOWN),
        "plain_http": errors.PlainHttp(),
        "not_found": errors.NotFound(Reason.PATH_UNKNOWN),
        "method": errors.MethodNotAllowed(Reason.METHOD_NOT_ALLOWED),
        "too_large": errors.BodyTooLarge(Reason.BODY_TOO_LARGE),
        "media_type": errors.UnsupportedMediaType(Reason.MEDIA_TYPE_UNSUPPORTED),
        "missing": _arguments_error(move_arguments, {name: complete[name] for name in ("id", "folder")}),
        "two_missing": _arguments_error(move_arguments, {"folder": complete["folder"]}),
        "invalid": _arguments_error(move_arguments, {**complete, "mailbox": ["demo.clinician@direct.example.org"]}),
        "two_invalid": _arguments_error(move_arguments, {**complete, "mailbox": ["a b"], "id": ["one"]}),
        "invalid_folder": _arguments_error(move_arguments, {**complete, "folder": ["Trash"]}),
        "message_not_found": errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND),
        "never_moved": errors.NeverMoved(),
        "idempotency_key": errors.MalformedIdempotencyKey(),
        "message_elsewhere": errors.MessageElsewhere(),
        "idempotency_key_reused": errors.IdempotencyKeyReused(),
        "none_moved": errors.MessageNotFound(Reason.MESSAGE_NOT_FOUND).with_ids(["999999"]),
        "uri_too_long": _server_error(414),
        "too_many": errors.TooManyRequests(60),
        "defect": errors.UnexpectedError(Reason.UNEXPECTED_ERROR),
        "database": errors.DatabaseUnavailable(),
        "search": errors.SearchTimeout(),
        "search_busy": errors.SearchBusy(),
    }


def body_of(error: ApiError, api: ApiDefinition | None = None) -> str:
    """Return the JSON text of an error's body, with an invented request_id if the body has one."""
    body = error.body(_REQUEST_ID) if api is None else api.error_body(error, _REQUEST_ID)
    return to_json(body).decode()


def _move(date: str, *, with_md5: bool) -> Example:
    arguments = {"mailbox": "demo.clinician", "id": "1", "folder": "5"}
    body = urlencode(arguments).encode()
    md5 = content_md5(body) if with_md5 else None
    return _sign(RequestToSign("POST", "/direct/messages/move/format/json", date, _FORM, md5, body), **arguments)


def _move_many(date: str) -> Example:
    where = {"mailbox": "demo.clinician", "folder": "Archived"}
    body = urlencode([*where.items(), ("id", "1"), ("id", "2"), ("id", "999999")]).encode()
    request = RequestToSign("POST", "/direct/messages/move/batch", date, _FORM, content_md5(body), body)
    return _sign(request, **where, moved=["1", "2"], failed=[{"id": "999999", "message": "Message not found"}])


def _restore(date: str) -> Example:
    body = b"mailbox=demo.clinician&id=1"
    request = RequestToSign("POST", "/direct/messages/restore", date, _FORM, None, body)
    return _sign(request, mailbox="demo.clinician", id="1", folder="Inbox")


def _own_requests(date: str) -> Example:
    shown = {
        "request_id": "1810",
        "at": _AT,
        "method": "POST",
        "path": "/direct/messages/move/format/json",
        "service": "direct/messages/move",
        "status": "401",
        "reason": "date-outside-window",
        "mailbox": "demo.clinician",
        "id": "1",
        "folder": "5",
        "from": "",
        "to": "",
        "remote_address": "127.0.0.1",
        "duration_ms": "1.2",
    }
    request = RequestToSign("GET", "/direct/requests?status=401&limit=1", date)
    return _sign(request, requests=[shown], next="1810")


def _get(date: str, name: str, search: dict[str, str], /, **success: Any) -> Example:
    mailbox = {"mailbox": "demo.clinician"}
    return _sign(RequestToSign("GET", f"/direct/{name}?{urlencode({**mailbox, **search})}", date), **mailbox, **success)


def _sign(request: RequestToSign, /, **success: Any) -> Example:
    body = to_json({"request_id": _REQUEST_ID, **success}).decode()
    return Example(request, sign(DIRECT, request, KEYS), body)


def _call(method: str, uri: str, success: Any, posted: dict[str, str] | None = None) -> Example:
    """Return a call of lists and contacts; `success` is the response's JSON, whose `code` is the status (else 200)."""
    content_type = None if posted is None else "application/json"
    body = b"" if posted is None else to_json(posted)
    request = RequestToSign(method, f"/v1/{uri}", content_type=content_type, body=body)
    status = success["code"] if isinstance(success, dict) and "code" in success else 200
    return Example(request, sign(RCWS, request, KEYS), to_json(success).decode(), status)


def _message(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message}


def _arguments_error(schema: marshmallow.Schema, arguments: Arguments) -> ApiError:
    try:
        check_arguments(schema, arguments)
    except ApiError as error:
        return error
    raise AssertionError(f"{arguments} should be rejected")


def _server_error(status: int) -> ApiError:
    """Return an error with the body of gunicorn's own rejections, which the application never raises."""
    error = ApiError(Reason.UNEXPECTED_ERROR)
    error.status = status
    return error


def _utc(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(now), datetime.UTC)
