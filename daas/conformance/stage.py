"""What the kit has to be told of a server: keys, a mailbox that is open, and what else there is to be refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ..signing.mechanism import KeyPair

_NAMES = {"mailbox", "message", "folders"}


class StageError(Exception):
    """A stage that cannot be used; the text is a sentence."""


@dataclass(frozen=True)
class Stage:
    """The keys and names that the cases are played with; what is None is not there, and its cases are skipped.

    `granted` may use all services of the API and the mailbox. `message` is in that, and will be moved about; `folders`
    are two custom folders of it, and `standard_folder` is the id of its Inbox. `refused` may not use the services, and
    must send Content-MD5 if `refused_needs_md5`. `closed_mailbox` is not open to `granted`; `closed_message` and
    `closed_folder` lie in it. `suspended_mailbox` is suspended. `explains` says that `granted` is shown the string to
    sign, `lists` that it may use lists and contacts, as `other` may. `origin` is one that pages may call from.
    `window` and `max_body_bytes` are the server's settings.
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
    def of(cls, granted: KeyPair, facts: Mapping[str, Any]) -> Self:
        """Make a stage of facts as `daas sandbox create` writes them; raises StageError if they cannot be used."""
        known = {field.name: facts[field.name] for field in fields(cls) if facts.get(field.name) is not None}
        if lacking := _NAMES - {*known}:
            raise StageError(f"The kit has to be told: {', '.join(sorted(lacking))}.")
        folders = known["folders"]
        if not isinstance(folders, list | tuple) or len({*map(str, folders)}) != 2:
            raise StageError("The kit needs the ids of two custom folders.")
        try:
            for name in {"refused", "other"} & {*known}:
                known[name] = KeyPair(known[name]["public_key"], known[name]["private_key"])
        except (TypeError, KeyError) as error:
            raise StageError("The keys of the application that is refused, or of the other, cannot be read.") from error
        if not re.fullmatch("[1-9][0-9]*", str(known["message"])):
            raise StageError("The message is named by its id.")
        return cls(
            **{**known, "granted": granted, "folders": tuple(map(str, folders)), "message": str(known["message"])}
        )

    @property
    def compares_dates(self) -> bool:
        """Whether the server compares dates with its clock, by a window that the cases can tell from any other."""
        return 60 <= self.window <= 1800

    def names(self) -> dict[str, str]:
        """Give what the texts of the cases may name."""
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
