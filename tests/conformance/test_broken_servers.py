"""Each server that violates the contract fails the cases that are made for it."""

import fnmatch
import time
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from daas.conformance import contacts
from daas.conformance.contacts.fixture import OwnList
from daas.conformance.direct import cases
from daas.conformance.direct.fixture import MovedMessage
from daas.conformance.run import FAILED, PASSED, Result, run

from ..conftest import Clock
from . import broken_lists
from .broken import BROKEN
from .broken_server import Answer, Broken
from .conftest import Breakable

pytestmark = [pytest.mark.processes, pytest.mark.slow]

# The server in this process is not gunicorn: it rejects malformed HTTP and reads chunks in its own way.
OTHER_SERVERS = [
    "http.*",
    "whole.*chunk*",
    "whole.no-last-line",
    "coding.transfer",
    "origin.*preflight",
    "origin.readable*",
]


def run_case(breakable: Breakable, ids: Any = None) -> dict[str, Result]:
    chosen = [
        case
        for case in cases(breakable.target)
        if (case.id in ids if ids is not None else not any(fnmatch.fnmatch(case.id, each) for each in OTHER_SERVERS))
    ]
    assert chosen
    _, *results = run(MovedMessage(breakable.server, breakable.target, 10), chosen)
    return {result.case.id: result for result in results}


def explained(results: dict[str, Result]) -> dict[Any, Any]:
    return {id_: result.errors for id_, result in results.items() if result.outcome != PASSED}


# A server that is wrapped like the broken ones but changes nothing: the wrapper itself fails no case.
UNBROKEN = Broken(lambda request, serve: serve(request), ())


@pytest.mark.slow
def test_our_server_passes_cases_that_broken_servers_fail(breakable: Breakable) -> None:
    breakable.around = BROKEN.wrap(breakable.app, breakable.target, UNBROKEN)
    ids = {id_ for broken in BROKEN.values() for id_ in broken.cases}
    assert explained(run_case(breakable, ids)) == {}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_broken_server_fails_the_cases_made_for_it(breakable: Breakable, clock: Clock, broken: Broken) -> None:
    clock.stopped = time.time()  # If the next second began in between, the case would fail.
    breakable.around = BROKEN.wrap(breakable.app, breakable.target, broken)
    results = run_case(breakable, broken.cases)
    assert {id_: result.outcome for id_, result in results.items()} == dict.fromkeys(broken.cases, FAILED)
    # The response is wrong; it is neither missing nor a 500 of the server.
    came = [exchange.response for result in results.values() for exchange in result.exchanges]
    assert all(came)
    assert not any(answer.startswith("HTTP/1.1 500") for answer in came)


@pytest.mark.parametrize(
    "written",
    [lambda body: body.replace(b'"message":', b'"message": '), lambda body: body + b"\n"],
    ids=["the document's blank", "newline"],
)
def test_401_is_compared_as_json(breakable: Breakable, written: Callable[..., Any]) -> None:

    def respell(request: Any, serve: Any) -> Any:
        answer = serve(request)
        if answer.status == 401:
            answer.body = written(answer.body)
        return answer

    breakable.around = BROKEN.wrap(breakable.app, breakable.target, Broken(respell, ()))
    assert explained(run_case(breakable, {"answer.denied", "authorization.missing", "date.window.past"})) == {}


def run_contacts_case(breakable: Breakable, ids: tuple[str, ...] | None = None) -> dict[str, Result]:
    chosen = [case for case in contacts.CASES if ids is None or case.id in ids]
    assert chosen
    return {result.case.id: result for result in run(OwnList(breakable.server, breakable.target, 10), chosen)}


@pytest.mark.parametrize("broken", broken_lists.BROKEN.values(), ids=broken_lists.BROKEN)
def test_broken_contacts_server_fails_the_cases_made_for_it(breakable: Breakable, broken: Broken) -> None:
    breakable.around = broken_lists.BROKEN.wrap(breakable.app, breakable.target, UNBROKEN)
    assert explained(run_contacts_case(breakable, broken.cases)) == {}
    breakable.around = broken_lists.BROKEN.wrap(breakable.app, breakable.target, broken)
    _, *results = run_contacts_case(breakable, broken.cases).values()
    assert {result.case.id: result.outcome for result in results} == dict.fromkeys(broken.cases, FAILED)
    came = [exchange.response for result in results for exchange in result.exchanges]
    assert all(came)
    assert not any(answer.startswith("HTTP/1.1 500") for answer in came)


CONSTANT = {
    "moved": (200, '{"request_id":"1","mailbox":"a","id":"1","folder":"Sent"}'),
    "denied": (401, '{"request_id":"1","message":"Access Denied. Authentication Failed."}'),
}


@pytest.mark.slow
def test_every_case_can_fail(breakable: Any) -> None:
    """Each case fails for at least one of two servers that always send the same response."""
    passed = []
    for status, body in CONSTANT.values():

        def always(request: Any, serve: Any, status: Any = status, body: Any = body) -> Any:
            answer = serve(request)
            if request.method == "GET" and request.target.startswith("/direct/messages?"):
                return answer
            return Answer(status, Headers(), body.encode())

        breakable.around = BROKEN.wrap(breakable.app, breakable.target, Broken(always, ()))
        passed.append({id_ for id_, result in run_case(breakable).items() if result.outcome == PASSED})
    assert passed[0] & passed[1] == set()
