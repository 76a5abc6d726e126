"""The request in hand: what is known of it, from its arrival to its answer, and which API it calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import g

from ..applications.lookup import Candidate
from ..errors import ApiError
from ..records.request_log import Entry
from ..settings import Settings
from ..signing.mechanism import RequestToSign, SigningScheme
from .arguments import Arguments


@dataclass(frozen=True)
class Api:
    """An API of the service, as a value: where its calls lie, how they are signed, how it says what went wrong.

    `request_to_sign` gives what a signature covers of a call, `read_arguments` its arguments, or raises
    UnsupportedMediaType or UnreadableBody, and `fault_body` the body of an answer other than success with its
    request_id. `header_error` returns the name of what is wrong with the headers that a signature
    needs; `check_freshness` raises AuthenticationFailed for that and for whatever else is wrong although the signature
    is good, with headers that say so.
    """

    prefix: str
    scheme: SigningScheme
    request_to_sign: Callable[["Call"], RequestToSign]
    read_arguments: Callable[["Call", RequestToSign], Arguments]
    fault_body: Callable[[ApiError, str], Mapping[str, Any]]
    header_error: Callable[["Call", RequestToSign], str | None] = lambda *_: None
    check_freshness: Callable[["Call", RequestToSign, Candidate, str | None, Mapping[str, str]], None] = lambda *_: None

    def holds(self, path: str) -> bool:
        """Tell whether a path, decoded, is one of this API's, known or not."""
        return path == self.prefix or path.startswith(self.prefix + "/")


@dataclass(slots=True)
class Call:
    """A request and what has been made of it so far.

    `target` is the path and query as they are on the request line, without scheme and host; `api` is the one that
    has this path, None if it is a page's. `body` is None if there is more of it than the settings allow. `signer` is
    the application whose signature is good.
    """

    environ: dict[str, Any]
    method: str
    target: str
    api: Api | None
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
