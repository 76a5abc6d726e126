"""The calls of the Direct messages API as methods, their responses as objects."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self, TypeVar

from ..signing.daas_scheme import DIRECT
from . import errors
from .service import Saved, SignedClient

#: The folders that every mailbox has; the API accepts their names in any case.
STANDARD_FOLDERS = ("Inbox", "Sent", "Archived", "Draft")

T = TypeVar("T")


@dataclass(frozen=True)
class Moved:
    """A completed move, as the response describes it.

    `folder` is the name of a standard folder or the id of a custom folder.
    """

    request_id: str
    mailbox: str
    id: str
    folder: str

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        return cls(body["request_id"], body["mailbox"], body["id"], body["folder"])


@dataclass(frozen=True)
class MovedMany:
    """A completed batch: the ids of the messages that moved, and for each other one the message of its error."""

    request_id: str
    mailbox: str
    folder: str
    moved: tuple[str, ...]
    failed: Mapping[str, str]

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        failed = {each["id"]: each["message"] for each in body["failed"]}
        return cls(body["request_id"], body["mailbox"], body["folder"], tuple(body["moved"]), failed)


@dataclass(frozen=True)
class Folder:
    """A custom folder of a mailbox."""

    id: str
    name: str


@dataclass(frozen=True)
class Message:
    """A message of a mailbox.

    `folder` is the name of a standard folder or the id of a custom folder, `size` is in bytes, `attachments` their
    number.
    """

    id: str
    folder: str
    subject: str
    sender: str
    to: str
    date: datetime.datetime | None
    size: int
    attachments: int

    @classmethod
    def read(cls, shown: Any) -> Self:
        """Return the message in a response's body."""
        return cls(
            shown["id"],
            shown["folder"],
            shown["subject"],
            shown["from"],
            shown["to"],
            _read_date(shown["date"]),
            int(shown["size"]),
            int(shown["attachments"]),
        )


@dataclass(frozen=True)
class Page:
    """A page of messages, ordered by id; `next` is the `after` of the next page, None on the last page."""

    request_id: str
    mailbox: str
    messages: tuple[Message, ...]
    next: str | None

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        messages = tuple(Message.read(shown) for shown in body["messages"])
        return cls(body["request_id"], body["mailbox"], messages, body.get("next"))


@dataclass(frozen=True)
class Part:
    """A part of a message, or a file in a part that is an XDM package.

    `name` is the file name, empty if there is none, and `path` the path of a file in a package, which must not be
    opened as one. `size` and `sha256` are those of the bytes that DirectClient.part() saves. `document` is `C-CDA`
    for a clinical document.
    """

    part: str
    type: str
    name: str
    size: int
    sha256: str
    document: str | None
    path: str | None

    @classmethod
    def read(cls, shown: Any) -> Self:
        """Return the part in a response's body."""
        return cls(
            shown["part"],
            shown["type"],
            shown["name"],
            int(shown["size"]),
            shown["sha256"],
            shown.get("document"),
            shown.get("path"),
        )


@dataclass(frozen=True)
class Contents:
    """A message with its text and its parts; `text_cut` is whether only the beginning of its text is shown."""

    request_id: str
    mailbox: str
    id: str
    folder: str
    message_id: str
    subject: str
    sender: str
    to: str
    cc: str
    date: datetime.datetime | None
    size: int
    text: str
    text_cut: bool
    parts: tuple[Part, ...]

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        return cls(
            body["request_id"],
            body["mailbox"],
            body["id"],
            body["folder"],
            body["message_id"],
            body["subject"],
            body["from"],
            body["to"],
            body["cc"],
            _read_date(body["date"]),
            int(body["size"]),
            body["text"],
            body.get("text_cut") == "1",
            tuple(Part.read(shown) for shown in body["parts"]),
        )


@dataclass(frozen=True)
class PastMove:
    """A move that changed a message's folder; `application` is empty if another application made it."""

    request_id: str
    at: datetime.datetime
    application: str
    moved_from: str
    moved_to: str

    @classmethod
    def read(cls, shown: Any) -> Self:
        """Return the move in a response's body."""
        at = datetime.datetime.fromisoformat(shown["at"])
        return cls(shown["request_id"], at, shown["application"], shown["from"], shown["to"])


@dataclass(frozen=True)
class HistoryPage:
    """A page of a message's moves, oldest first; `next` is the `after` of the next page, None on the last page.

    `folder` is where the message is now. `complete` is false if the first moves may be missing.
    """

    request_id: str
    mailbox: str
    id: str
    folder: str
    moves: tuple[PastMove, ...]
    next: str | None
    complete: bool

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        return cls(
            **{name: body[name] for name in ("request_id", "mailbox", "id", "folder")},
            moves=tuple(PastMove.read(shown) for shown in body["moves"]),
            next=body.get("next"),
            complete=body["complete"] == "1",
        )


@dataclass(frozen=True)
class LoggedRequest:
    """A request that named a key of the application; without a valid signature, what it asked for is empty.

    `folder` is the requested folder, `moved_from` and `moved_to` where a moved message was and is.
    """

    request_id: str
    at: datetime.datetime
    method: str
    path: str
    service: str
    status: int
    reason: str
    mailbox: str
    id: str
    folder: str
    moved_from: str
    moved_to: str
    remote_address: str
    duration_ms: float

    @classmethod
    def read(cls, shown: Any) -> Self:
        """Return the request in a response's body."""
        return cls(
            at=datetime.datetime.fromisoformat(shown["at"]),
            status=int(shown["status"]),
            moved_from=shown["from"],
            moved_to=shown["to"],
            duration_ms=float(shown["duration_ms"]),
            **{name: shown[name] for name in ("request_id", "method", "path", "service", "reason")},
            **{name: shown[name] for name in ("mailbox", "id", "folder", "remote_address")},
        )


@dataclass(frozen=True)
class RequestsPage:
    """A page of requests, newest first; `next` is the `before` of the next page, None on the last page."""

    request_id: str
    requests: tuple[LoggedRequest, ...]
    next: str | None

    @classmethod
    def read(cls, body: Any) -> Self:
        """Return the object for a response's body; raise KeyError or TypeError for another body."""
        requests = tuple(LoggedRequest.read(shown) for shown in body["requests"])
        return cls(body["request_id"], requests, body.get("next"))


_SomePage = TypeVar("_SomePage", Page, HistoryPage, RequestsPage)


class DirectClient(SignedClient):
    """A client of the Direct messages API; its arguments are those of SignedClient.

    Every method raises CallFailed: a Refusal if the service returned an error, NoAnswer if there was no response. Every
    call can be retried: repeating a move changes nothing more.
    """

    scheme = DIRECT
    documented_errors = (
        errors.BadRequest,
        errors.AuthenticationFailed,
        errors.UseNotAuthorized,
        errors.UserNotAuthorized,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.BodyTooLarge,
        errors.UnsupportedMediaType,
        errors.MissingArguments,
        errors.InvalidArguments,
        errors.MessageNotFound,
        errors.MessageElsewhere,
        errors.IdempotencyKeyReused,
        errors.NeverMoved,
        errors.TooManyRequests,
        errors.InternalServerError,
        errors.ServiceUnavailable,
    )

    def move(
        self,
        mailbox: str,
        id: str | int,
        folder: str | int,
        *,
        from_folder: str | int | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Moved:
        """Move a message to a folder: Inbox, Sent, Archived, Draft or the id of a custom folder.

        With a `from_folder` it moves only from there. Of requests with one `idempotency_key` only the first moves, and
        all get its response; retries of a call share a key by default. A `dry_run` moves nothing.
        """
        arguments = {"mailbox": mailbox, "id": id, "folder": folder}
        arguments |= {} if from_folder is None else {"from_folder": from_folder}
        return self._move("/direct/messages/move", Moved.read, arguments, idempotency_key, dry_run=dry_run)

    def move_many(
        self,
        mailbox: str,
        ids: Sequence[str | int],
        folder: str | int,
        *,
        from_folder: str | int | None = None,
        atomic: bool = False,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> MovedMany:
        """Move 1 to 1000 messages to a folder in one request; the other arguments are those of move().

        With `atomic` either all move, or the error of the first that fails is raised; its `ids` are all that fail.
        """
        arguments = {"mailbox": mailbox, "id": list(ids), "folder": folder}
        given = {"from_folder": from_folder, "atomic": 1 if atomic else None}
        arguments |= {name: value for name, value in given.items() if value is not None}
        return self._move("/direct/messages/move/batch", MovedMany.read, arguments, idempotency_key, dry_run=dry_run)

    def _move(
        self, path: str, read: Callable[[Any], T], arguments: dict[str, Any], key: str | None, *, dry_run: bool
    ) -> T:
        """Send a move with its key, or else with a new one if it may be retried: then no retry moves twice."""
        if key is None and self.retries.attempts > 1 and not dry_run:
            key = str(uuid.uuid4())
        headers = {} if key is None else {"Idempotency-Key": key}
        path += "/dry-run/format/json" if dry_run else "/format/json"
        return self.call("POST", path, read, data=arguments, headers=headers)

    def folders(self, mailbox: str) -> list[Folder]:
        """Return the custom folders of a mailbox, ordered by id."""
        return self.call(
            "GET",
            "/direct/folders/format/json",
            lambda body: [Folder(shown["id"], shown["name"]) for shown in body["folders"]],
            params={"mailbox": mailbox},
        )

    def messages(
        self,
        mailbox: str,
        *,
        folder: str | int | None = None,
        subject: str | None = None,
        sender: str | None = None,
        since: datetime.datetime | str | None = None,
        until: datetime.datetime | str | None = None,
        limit: int | str | None = None,
        after: int | str | None = None,
    ) -> Iterator[Page]:
        """Yield the messages of a mailbox that match all arguments, a page at a time; each page is one request.

        `subject` and `sender` match parts of the text. `since` and `until` are times with a zone: a datetime with
        tzinfo (else ValueError is raised), or text in a format that the service accepts. `limit` is the number of
        messages in a page (100 by default), `after` the id after which to begin.
        """
        search = {
            "mailbox": mailbox,
            "folder": folder,
            "subject": subject,
            "from": sender,
            "since": _to_text(since),
            "until": _to_text(until),
            "limit": limit,
            "after": after,
        }
        return self._pages("/direct/messages/format/json", Page.read, search, "after")

    def history(
        self, mailbox: str, id: str | int, *, limit: int | str | None = None, after: int | str | None = None
    ) -> Iterator[HistoryPage]:
        """Yield the moves of a message, oldest first, a page at a time; each page is one request.

        `limit` is the number of moves in a page (100 by default), `after` the request_id after which to begin.
        """
        arguments = {"mailbox": mailbox, "id": id, "limit": limit, "after": after}
        return self._pages("/direct/messages/history/format/json", HistoryPage.read, arguments, "after")

    def restore(
        self,
        mailbox: str,
        id: str | int,
        *,
        from_folder: str | int | None = None,
        idempotency_key: str | None = None,
    ) -> Moved:
        """Move a message back to the folder where it was before its last move; the other arguments are those of move().

        Retries are safe, since they share a key; a second call takes the message back again.
        """
        arguments = {"mailbox": mailbox, "id": id}
        arguments |= {} if from_folder is None else {"from_folder": from_folder}
        return self._move("/direct/messages/restore", Moved.read, arguments, idempotency_key, dry_run=False)

    def requests(
        self,
        *,
        since: datetime.datetime | str | None = None,
        until: datetime.datetime | str | None = None,
        status: int | str | None = None,
        reason: str | None = None,
        mailbox: str | None = None,
        id: str | int | None = None,
        limit: int | str | None = None,
        before: int | str | None = None,
    ) -> Iterator[RequestsPage]:
        """Yield the application's own requests that match all arguments, newest first, a page at a time.

        A page can be short or empty and still have a `next`. Times are as in messages(). `limit` is the number of
        requests in a page (100 by default), `before` the request_id before which to begin.
        """
        search = {
            "since": _to_text(since),
            "until": _to_text(until),
            "status": status,
            "reason": reason,
            "mailbox": mailbox,
            "id": id,
            "limit": limit,
            "before": before,
        }
        return self._pages("/direct/requests/format/json", RequestsPage.read, search, "before")

    def _pages(
        self, path: str, read: Callable[[Any], _SomePage], arguments: dict[str, Any], continued_by: str
    ) -> Iterator[_SomePage]:
        """Yield the pages of a list; `continued_by` is the argument that takes the `next` of the page before."""
        while True:
            given = {name: value for name, value in arguments.items() if value is not None}
            page = self.call("GET", path, read, params=given)
            yield page
            if page.next is None:
                return
            arguments = {**arguments, continued_by: page.next}

    def read(self, mailbox: str, id: str | int) -> Contents:
        """Return a message with its text and its parts."""
        arguments = {"mailbox": mailbox, "id": id}
        return self.call("GET", "/direct/messages/read/format/json", Contents.read, params=arguments)

    def part(self, mailbox: str, id: str | int, part: str, file: BinaryIO) -> Saved:
        """Write the decoded bytes of a part to an open file, as they come: never more than some are in memory.

        After NoAnswer, the file can hold a part of them.
        """
        return self.download("/direct/messages/read/part", file, params={"mailbox": mailbox, "id": id, "part": part})

    def raw(self, mailbox: str, id: str | int, file: BinaryIO) -> Saved:
        """Write the bytes of a message to an open file, as part() does."""
        return self.download("/direct/messages/read/raw", file, params={"mailbox": mailbox, "id": id})


def _read_date(shown: str) -> datetime.datetime | None:
    """Return a message's date; in a response it is empty if the message has none."""
    return datetime.datetime.fromisoformat(shown) if shown else None


def _to_text(time: datetime.datetime | str | None) -> str | None:
    if not isinstance(time, datetime.datetime):
        return time
    if time.utcoffset() is None:
        raise ValueError("since and until need a time zone: pass a datetime with tzinfo.")
    return time.isoformat()
