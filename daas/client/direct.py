"""The Direct message calls as methods, their answers as objects."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from ..signing.daas_scheme import DIRECT
from . import refusals
from .service import Service


@dataclass(frozen=True)
class Moved:
    """A move that is on disk: the values as understood, `folder` a standard folder's name or a custom one's id."""

    request_id: str
    mailbox: str
    id: str
    folder: str

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read the answer's body."""
        return cls(body["request_id"], body["mailbox"], body["id"], body["folder"])


@dataclass(frozen=True)
class Folder:
    """A custom folder of a mailbox."""

    id: str
    name: str


@dataclass(frozen=True)
class Message:
    """A message of a mailbox; `folder` is a standard folder's name or a custom one's id, `size` is in bytes."""

    id: str
    folder: str
    subject: str
    sender: str
    to: str
    date: datetime.datetime | None
    size: int

    @classmethod
    def read(cls, shown: Any) -> Self:
        """Read a message as the answer's body shows it; the date is blank if the message has none."""
        date = datetime.datetime.fromisoformat(shown["date"]) if shown["date"] else None
        return cls(shown["id"], shown["folder"], shown["subject"], shown["from"], shown["to"], date, int(shown["size"]))


@dataclass(frozen=True)
class Page:
    """A page of messages, in the order of their ids; `next` is the `after` of the next page, None on the last."""

    request_id: str
    mailbox: str
    messages: tuple[Message, ...]
    next: str | None

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read the answer's body."""
        messages = tuple(Message.read(shown) for shown in body["messages"])
        return cls(body["request_id"], body["mailbox"], messages, body.get("next"))


class DirectClient(Service):
    """Calls the Direct message service; see Service for what it takes.

    Every method raises CallFailed: the Refusal that the service answered, or NoAnswer. All of them may be sent
    again: a move that is repeated changes nothing more.
    """

    scheme = DIRECT
    refusals = (
        refusals.BadRequest,
        refusals.AuthenticationFailed,
        refusals.UseNotAuthorized,
        refusals.UserNotAuthorized,
        refusals.NotFound,
        refusals.MethodNotAllowed,
        refusals.BodyTooLarge,
        refusals.UnsupportedMediaType,
        refusals.MissingArguments,
        refusals.InvalidArguments,
        refusals.MessageNotFound,
        refusals.TooManyRequests,
        refusals.InternalServerError,
        refusals.ServiceUnavailable,
    )

    def move(self, mailbox: str, id: str | int, folder: str | int) -> Moved:
        """Move a message to a folder: Inbox, Sent, Archived, Draft or a custom one's id."""
        arguments = {"mailbox": mailbox, "id": id, "folder": folder}
        return self.call("POST", "/direct/messages/move/format/json", Moved.read, data=arguments)

    def folders(self, mailbox: str) -> list[Folder]:
        """Give the custom folders of a mailbox, in the order of their ids."""
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
        """Give the messages of a mailbox that fit all that is given, a page at a time, each asked for when it is due.

        `subject` and `sender` are parts of the text, `since` and `until` moments with a zone, `limit` is the
        length of a page, 100 by default, and `after` the id behind which to go on.
        """
        search = {
            "mailbox": mailbox,
            "folder": folder,
            "subject": subject,
            "from": sender,
            "since": _moment(since),
            "until": _moment(until),
            "limit": limit,
            "after": after,
        }
        while True:
            given = {name: value for name, value in search.items() if value is not None}
            page = self.call("GET", "/direct/messages/format/json", Page.read, params=given)
            yield page
            if page.next is None:
                return
            search["after"] = page.next


def _moment(given: datetime.datetime | str | None) -> str | None:
    if not isinstance(given, datetime.datetime):
        return given
    if given.utcoffset() is None:
        raise ValueError("A moment needs a zone: a datetime with tzinfo.")
    return given.isoformat()
