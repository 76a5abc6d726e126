"""The request in hand: what is known of it, from its arrival to its answer."""

from dataclasses import dataclass
from typing import Any

from flask import g

from .applications import Candidate
from .request_log import Entry
from .settings import Settings


@dataclass(slots=True)
class Call:
    """A request and what has been made of it so far.

    `target` is the path and query as they are on the request line, without scheme and host; `is_api` tells
    whether that is a path of the API. `body` is None if there is more of it than the settings allow. `signer` is the
    application whose signature is good.
    """

    environ: dict[str, Any]
    method: str
    target: str
    is_api: bool
    settings: Settings
    entry: Entry
    body: bytes | None = b""
    signer: Candidate | None = None

    def header(self, name: str) -> str | None:
        """Give a header by its name in the WSGI environment, without surrounding blanks; None if it is not sent."""
        value: str | None = self.environ.get(name)
        return None if value is None else value.strip(" \t")


def current_call() -> Call:
    """Give the request in hand."""
    call: Call = g.call
    return call
