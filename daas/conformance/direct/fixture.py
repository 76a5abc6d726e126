"""The message that the cases of Direct messages move about, and the server's clock."""

import base64
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress

from ..case import Case, Expected, RequestSpec, page
from ..compare import request_id_of
from ..raw_http import NoResponse, Response, Server
from ..request import MissingFromTarget, SignedRequest, build_request, fill
from ..target import Target

# A date outside every window, in a format that is hard to misread: the server reports its distance from the clock.
_OLD = "2013-06-03T12:13:56Z"
_OLD_MOMENT = 1_370_261_636


class MovedMessage:
    """The target's message, wherever it is; `seconds` is the limit for each response.

    A move always names a folder in which the message is not, so that a move that was not made is seen.
    """

    setup_case = Case("setup.message", "the server shows in which folder a message is", page("messages"), [])
    # A server that does not show where the message is can still be judged by its responses.
    is_required = False

    def __init__(self, server: Server, target: Target, seconds: float) -> None:
        self.server = server
        self.seconds = seconds
        self._target = target
        self._ahead = 0.0
        self._signed_at = 0.0
        self._folder: str | None = None

    def set_up(self) -> None:
        """Read the server's clock, and find the folder in which the message is."""
        self._read_clock()
        self._folder = self._find_folder()

    def start_case(self, case: Case) -> None:
        """Fix the date of the case: its steps that sign the same string share a signature."""
        if case.attempts > 1:
            self._read_clock()  # Immediately before, so that the clock seldom ticks in between.
        self._signed_at = self.now()

    def end_case(self) -> None:
        """Do nothing: the message stays where the case moved it."""

    def now(self) -> float:
        """Return the server's clock, in seconds since 1970."""
        return time.time() + self._ahead

    def prepare(self, spec: RequestSpec) -> tuple[SignedRequest, Mapping[str, str]]:
        """Return the request, and the names for its expected response; raise MissingFromTarget."""
        if spec.cut and self.server.is_tls:
            raise MissingFromTarget("connection without TLS, whose sending side can be closed alone")
        folder = next(each for each in self._target.folders if each != self._folder)
        names = {**self._target.names(), "folder": folder, "here": self._folder or "Inbox"}
        request = self._build(spec, names, self._signed_at)
        if self._target.explains:
            names["explained"] = base64.b64encode(request.string_to_sign.encode("latin-1")).decode()
        return request, names

    def request_id(self, response: Response) -> str:
        """Return the request_id in the response's body, or an empty string."""
        return request_id_of(response)

    def find_errors(self, expected: Expected, names: Mapping[str, str], _response: Response | None) -> list[str]:
        """Return an error if the message is not in the expected folder now, or the server does not show it."""
        if self._folder is None:
            return []
        folder = self._folder if expected.folder is None else fill(expected.folder, names)
        errors = []
        try:
            self._folder = self._find_folder()
        except NoResponse as error:
            errors.append(str(error))
        if self._folder != folder:
            errors.append(f"The message is in folder {self._folder} now, expected {folder}.")
        return errors

    def _find_folder(self) -> str:
        """Return the folder in which the message is; raise NoResponse if the server does not show it."""
        before = int(self._target.message) - 1
        uri = f"/direct/messages?mailbox=$mailbox&limit=1{f'&after={before}' if before else ''}"
        spec = RequestSpec(method="GET", uri=uri, content_type=None, body=None)
        response = self._send(spec)
        try:
            (found,) = json.loads(response.body)["messages"]
            folder: str = {found["id"]: found["folder"]}[self._target.message]
        except (ValueError, KeyError, TypeError) as error:
            raise NoResponse(f"GET /direct/messages returned {response.status} and does not show it.") from error
        return folder

    def _read_clock(self) -> None:
        """Return by how many seconds the server's clock is ahead of this one, from the rejection of an old date."""
        spec = RequestSpec(date=_OLD, body="mailbox=$mailbox&id=none&folder=Inbox")
        with suppress(NoResponse):
            skew = self._send(spec).header("X-Daas-Clock-Skew") or ""
            if re.fullmatch("-?[0-9]{1,12}", skew):
                self._ahead = _OLD_MOMENT - int(skew) - time.time()

    def _send(self, spec: RequestSpec) -> Response:
        return self.server.send(self._build(spec, self._target.names(), self.now()).data, self.seconds)

    def _build(self, spec: RequestSpec, names: Mapping[str, str], now: float) -> SignedRequest:
        return build_request(spec, self._target, names, self.server.host, now)
