"""The list that is made for each case of lists and contacts, and removed after it."""

import json
import re
import time
from collections.abc import Mapping

from ..case import Case, Expected, page
from ..raw_http import NoResponse, Response, Server
from ..request import SignedRequest
from ..target import Target
from .case import LISTS, REQUEST_ID, RequestSpec, post, remove
from .request import build_request


class OwnList:
    """A list for the current case, so that ids of contacts begin at 1; `seconds` is the limit for each response."""

    setup_case = Case("setup.list", "a list can be made and removed", page("lists#make"), [])
    is_required = True

    def __init__(self, server: Server, target: Target, seconds: float) -> None:
        self.server = server
        self.seconds = seconds
        self._target = target
        self._removed_id = 0
        self._list_id = 0

    def set_up(self) -> None:
        """Make a list and remove it: cases use its id for a list that does not exist."""
        self._removed_id = self._make_list()
        self._remove_list(self._removed_id)

    def start_case(self, _case: Case) -> None:
        """Make the list of the case."""
        self._list_id = self._make_list()

    def end_case(self) -> None:
        """Remove the list of the case, and the lists that the case made after it."""
        for list_id in self._lists_from(self._list_id):
            self._remove_list(list_id)

    def now(self) -> float:
        """Return our own clock: these requests have no date."""
        return time.time()

    def prepare(self, spec: RequestSpec) -> tuple[SignedRequest, Mapping[str, str]]:
        """Return the request, and the names for its expected response; raise MissingFromTarget."""
        names = {
            "list": str(self._list_id),
            "next_list": str(self._list_id + 1),
            "gone": str(self._removed_id),
        }
        return build_request(spec, self._target, names, self.server.host), names

    def request_id(self, response: Response) -> str:
        """Return the response's X-Request-Id, or an empty string."""
        return response.header("X-Request-Id") or ""

    def find_errors(self, _expected: Expected, _names: Mapping[str, str], response: Response | None) -> list[str]:
        """Return an error if the response has no X-Request-Id of the expected form."""
        if response is None or re.fullmatch(REQUEST_ID, self.request_id(response)):
            return []
        return ["The header X-Request-Id is missing, or not of the expected form."]

    def _make_list(self) -> int:
        """Make a list and return its id; raise NoResponse if the server does not make it."""
        response = self._send(post("/v1/lists/Conformance"))
        found = re.search(rb"created with list-id ([1-9][0-9]*)\"\}$", response.body)
        if response.status != 201 or found is None:
            raise NoResponse(f"A new list returned {response.status} and no id.")
        return int(found[1])

    def _remove_list(self, list_id: int) -> None:
        response = self._send(remove(f"{LISTS}/{list_id}"))
        if response.status not in {200, 404}:
            raise NoResponse(f"The removal of a list returned {response.status}.")

    def _lists_from(self, first_id: int) -> list[int]:
        """Return the ids of lists from `first_id`; raise NoResponse if the server does not show them."""
        response = self._send(RequestSpec())
        try:
            return [int(list_id) for list_id in json.loads(response.body) if int(list_id) >= first_id]
        except (ValueError, TypeError) as error:
            raise NoResponse("The server does not show the lists.") from error

    def _send(self, spec: RequestSpec) -> Response:
        return self.server.send(build_request(spec, self._target, {}, self.server.host).data, self.seconds)
