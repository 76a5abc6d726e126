"""Run cases against a server, one after the other, and report whether each was kept."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .case import Case, Expected
from .compare import describe, find_errors
from .raw_http import NoResponse, Response, Server
from .request import MissingFromTarget, SignedRequest

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Exchange:
    """A request with its signature masked, its response, the expected response, and the errors, a sentence each."""

    request: str
    string_to_sign: str
    response: str
    expected: str
    errors: list[str]


@dataclass
class Result:
    """The outcome of a case: `reason` says why it was skipped, `exchanges` are those of its last attempt."""

    case: Case
    outcome: str = PASSED
    reason: str = ""
    seconds: float = 0.0
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """All errors of the exchanges, a sentence each."""
        return [error for exchange in self.exchanges for error in exchange.errors]

    def fail(self, error: str) -> None:
        """Record an error that belongs to no request of the case."""
        self.exchanges.append(Exchange("", "", "", "", [error]))


class Fixture(Protocol):
    """What the cases of one API test with: a message that is moved about, or a list made for each case.

    `setup_case` is reported first; if it fails and `is_required`, no other case is run. All methods may raise
    NoResponse, `prepare` and `find_errors` also MissingFromTarget.
    """

    server: Server
    seconds: float
    setup_case: Case
    is_required: bool

    def set_up(self) -> None:
        """Find or make what the cases need."""

    def start_case(self, case: Case) -> None:
        """Make what one case needs, before each attempt."""

    def end_case(self) -> None:
        """Remove what `start_case` made, and what the case made."""

    def now(self) -> float:
        """Return the server's clock, in seconds since 1970."""

    def prepare(self, spec: Any) -> tuple[SignedRequest, Mapping[str, str]]:
        """Return the request of a step, and the names for the texts of its expected response."""

    def request_id(self, response: Response) -> str:
        """Return the response's request id, or an empty string."""

    def find_errors(self, expected: Expected, names: Mapping[str, str], response: Response | None) -> list[str]:
        """Return what is wrong beside status, headers and body; a response that did not come is None."""


def run(fixture: Fixture, cases: Iterable[Case]) -> Iterator[Result]:
    """Yield the result of the fixture's own case, then of each case, as soon as it is known."""
    started = time.monotonic()
    result = Result(fixture.setup_case)
    try:
        fixture.set_up()
    except NoResponse as error:
        result.outcome = FAILED
        result.fail(str(error))
    result.seconds = time.monotonic() - started
    yield result
    if result.outcome == FAILED and fixture.is_required:
        return
    for case in cases:
        started = time.monotonic()
        for _ in range(case.attempts):
            result = _run_case(fixture, case)
            if result.outcome != FAILED:
                break
        result.seconds = time.monotonic() - started
        yield result


def _run_case(fixture: Fixture, case: Case) -> Result:
    result = Result(case)
    try:
        fixture.start_case(case)
        try:
            _run_steps(fixture, case, result)
        except MissingFromTarget as missing:
            result = Result(case, SKIPPED, f"The target has no {missing}.")
        fixture.end_case()
    except NoResponse as error:
        result.fail(str(error))
    if result.errors:
        result.outcome = FAILED
    return result


def _run_steps(fixture: Fixture, case: Case, result: Result) -> None:
    last_id = 0
    for spec, expected in case.steps:
        exchange, request_id = _run_step(fixture, spec, expected)
        result.exchanges.append(exchange)
        if request_id.isdecimal():
            if int(request_id) <= last_id:
                exchange.errors.append(f"The previous request id was {last_id}: this one must be greater.")
            last_id = int(request_id)


def _run_step(fixture: Fixture, spec: Any, expected: Expected) -> tuple[Exchange, str]:
    """Send a request and return the exchange, with its errors, and the response's request id."""
    request, names = fixture.prepare(spec)
    response, request_id = None, ""
    errors: list[str] = []
    try:
        response = fixture.server.send(request.data, fixture.seconds, is_cut=request.is_cut)
        request_id = fixture.request_id(response)
        errors += find_errors(response, expected, names, fixture.now())
    except NoResponse as error:
        errors.append(str(error))
    errors += fixture.find_errors(expected, names, response)
    received = "" if response is None else str(response)
    return Exchange(str(request), request.string_to_sign, received, describe(expected, names), errors), request_id
