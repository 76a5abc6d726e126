"""Plays the cases of lists and contacts against a server, each with a list of its own."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..case import Case, Expected, page
from ..judge import describe, faults_of
from ..request import NotOnStage, Written
from ..run import FAILED, SKIPPED, Exchange, Result, send
from ..stage import Stage
from ..wire import Answer, Server, WireError
from .case import LISTS, REQUEST_ID, Ask, post, remove
from .request import write

_MAKE = Case("stage.list", "a list can be made and removed", page("lists#make"), [])


@dataclass
class Run:
    """A run of the kit; `seconds` is how long an answer may take."""

    server: Server
    stage: Stage
    seconds: float

    def play(self, cases: Iterable[Case]) -> Iterator[Result]:
        """Play the cases in their order, behind one of their own, and give the result of each as it is known."""
        started = time.monotonic()
        first = Result(_MAKE)
        try:
            gone = self._make_list()
            self._remove_list(gone)
        except WireError as error:
            first.outcome = FAILED
            first.exchanges.append(Exchange("", "", "", "", [str(error)]))
        first.seconds = time.monotonic() - started
        yield first
        if first.outcome == FAILED:
            return
        for case in cases:
            started = time.monotonic()
            result = self._play_one(case, gone)
            result.seconds = time.monotonic() - started
            yield result

    def _play_one(self, case: Case, gone: int) -> Result:
        result = Result(case)
        try:
            own = self._make_list()
            try:
                self._play_steps(case, {"list": str(own), "next_list": str(own + 1), "gone": str(gone)}, result)
            except NotOnStage as lacking:
                result = Result(case, SKIPPED, f"There is no {lacking}.")
            for made in self._lists_from(own):
                self._remove_list(made)
        except WireError as error:
            result.exchanges.append(Exchange("", "", "", "", [str(error)]))
        if result.faults:
            result.outcome = FAILED
        return result

    def _play_steps(self, case: Case, names: dict[str, str], result: Result) -> None:
        last_id = 0
        for ask, expected in case.steps:
            exchange, request_id = self._play_step(ask, expected, names)
            result.exchanges.append(exchange)
            if request_id.isdecimal():
                if int(request_id) <= last_id:
                    exchange.faults.append(f"The X-Request-Id before was {last_id}: they do not grow.")
                last_id = int(request_id)

    def _play_step(self, ask: Ask, expected: Expected, names: dict[str, str]) -> tuple[Exchange, str]:
        """Send a request and judge the answer; gives the answer's X-Request-Id too."""
        written = write(ask, self.stage, names, self.server.host)
        came, request_id = "", ""
        faults: list[str] = []
        try:
            answer = self._send(written)
            came, request_id = str(answer), answer.header("X-Request-Id") or ""
            faults += faults_of(answer, expected, names, time.time())
            if not re.fullmatch(REQUEST_ID, request_id):
                faults.append("The header X-Request-Id is not there, or not of the expected form.")
        except WireError as error:
            faults.append(str(error))
        return Exchange(str(written), written.string_to_sign, came, describe(expected, names), faults), request_id

    def _send(self, written: Written) -> Answer:
        return send(self.server, written, self.seconds)

    def _make_list(self) -> int:
        """Make a list and give its id; raises WireError if the server does not."""
        answer = self._send(write(post("/v1/lists/Conformance"), self.stage, {}, self.server.host))
        found = re.search(rb"created with list-id ([1-9][0-9]*)\"\}$", answer.body)
        if answer.status != 201 or found is None:
            raise WireError(f"A new list was answered by a {answer.status} that names no id.")
        return int(found[1])

    def _remove_list(self, number: int) -> None:
        answer = self._send(write(remove(f"{LISTS}/{number}"), self.stage, {}, self.server.host))
        if answer.status not in {200, 404}:
            raise WireError(f"The removal of a list was answered by a {answer.status}.")

    def _lists_from(self, first: int) -> list[int]:
        """Find the case's list and those that were made behind it; raises WireError if the server does not tell."""
        answer = self._send(write(Ask(), self.stage, {}, self.server.host))
        try:
            return [int(number) for number in json.loads(answer.body) if int(number) >= first]
        except (ValueError, TypeError) as error:
            raise WireError("The lists are not shown.") from error
