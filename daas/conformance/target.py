"""What the kit must know about a server: keys, mailboxes and messages to test with, and the server's limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ..signing.mechanism import KeyPair

_REQUIRED = {"mailbox", "message", "folders"}


class TargetError(Exception):
    """The facts about a server are incomplete or malformed; the text is a sentence."""


@dataclass(frozen=True)
class Target:
    """The keys and names that the cases use; cases that need a field which is None are skipped.

    `granted` may use all services of the API and the mailbox. `message` is in that mailbox and will be moved;
    `folders` are the ids of two custom folders of it, `standard_folder` is the id of its Inbox. `refused` may use no
    service, and must send Content-MD5 if `refused_needs_md5`. `granted` has no permission for `closed_mailbox`, which
    holds `closed_message` and `closed_folder`. `suspended_mailbox` is suspended. `explains` is true if the server
    shows `granted` the string to sign, `lists` if `granted` may use lists and contacts, as `other` may. Pages of
    `origin` may call the API. `window` (seconds) and `max_body_bytes` are settings of the server.
    """

    granted: KeyPair
    mailbox: str
    message: str
    folders: tuple[str, str]
    refused: KeyPair | None = None
    refused_needs_md5: bool = False
    standard_folder: str | None = None
    closed_mailbox: str | None = None
    closed_message: str | None = None
    closed_folder: str | None = None
    suspended_mailbox: str | None = None
    explains: bool = False
    lists: bool = False
    other: KeyPair | None = None
    origin: str | None = None
    window: int = 900
    max_body_bytes: int = 65_536

    @classmethod
    def from_facts(cls, granted: KeyPair, facts: Mapping[str, Any]) -> Self:
        """Return the target that facts describe, as `daas sandbox create` writes them; raise TargetError."""
        known = {field.name: facts[field.name] for field in fields(cls) if facts.get(field.name) is not None}
        if lacking := _REQUIRED - {*known}:
            raise TargetError(f"The kit needs to know: {', '.join(sorted(lacking))}.")
        folders = known["folders"]
        if not isinstance(folders, list | tuple) or len({*map(str, folders)}) != 2:
            raise TargetError("The kit needs the ids of two custom folders.")
        try:
            for name in {"refused", "other"} & {*known}:
                known[name] = KeyPair(known[name]["public_key"], known[name]["private_key"])
        except (TypeError, KeyError) as error:
            raise TargetError("`refused` and `other` each need a public_key and a private_key.") from error
        if not re.fullmatch("[1-9][0-9]*", str(known["message"])):
            raise TargetError("`message` must be the id of a message.")
        return cls(
            **{**known, "granted": granted, "folders": tuple(map(str, folders)), "message": str(known["message"])}
        )

    @property
    def compares_dates(self) -> bool:
        """Whether the server compares dates with its clock, with a window (seconds) that the cases can test."""
        return 60 <= self.window <= 1800

    def names(self) -> dict[str, str]:
        """Return the values of the names that texts of the cases may use."""
        optional = {
            "standard_folder": self.standard_folder,
            "closed_mailbox": self.closed_mailbox,
            "closed_message": self.closed_message,
            "closed_folder": self.closed_folder,
            "suspended_mailbox": self.suspended_mailbox,
            "origin": self.origin,
        }
        return {
            "mailbox": self.mailbox.lower(),
            "MAILBOX": self.mailbox.upper(),
            "id": self.message,
            "granted_public_key": self.granted.public_key,
            **{name: value for name, value in optional.items() if value is not None},
        }
