"""The client's retries: which requests, when, and for how long."""

import time
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

import httpx
import pytest

from daas import client
from daas.client import DirectClient, NoAnswer, Refusal, Retries
from daas.signing.mechanism import KeyPair

from ..support.actors import Application, authorization
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import ask
from .network import Network, answer, lose, network

FOLDERS = answer(200, '{"request_id":"1","mailbox":"kim","folders":[{"id":"5","name":"Lab"}]}')
MOVED = answer(200, '{"request_id":"1","mailbox":"kim","id":"1","folder":"Sent"}')
KEYS = KeyPair("public", "private")
AT_ONCE = Retries(pause=0)


def cut(request: Any) -> Any:
    return FOLDERS(request)[:-9]


def client_of(way: Network, **options: Any) -> DirectClient:
    return DirectClient(way.url, KEYS.public_key, KEYS.private_key, **{"retries": AT_ONCE, **options})


AGAIN = {
    "503": answer(503, retry_after="0"),
    "429": answer(429, retry_after="0"),
    "503 of another server": answer(503, "<html>"),
    "429 with a date": answer(429, retry_after="Mon, 03 Jun 2013 17:13:56 GMT"),
    "a time that cannot be read": answer(503, retry_after="soon"),
    "a time below nothing": answer(503, retry_after="-1"),
    "lost before the answer": lose,
    "lost within the answer": cut,
}


@pytest.mark.parametrize("step", AGAIN.values(), ids=AGAIN)
def test_call_is_retried(step: Callable[..., Any]) -> None:
    with network(step, step, FOLDERS) as way, client_of(way) as direct:
        assert [folder.id for folder in direct.folders("kim")] == ["5"]
        assert len(way.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 425, 500, 502, 504])
def test_other_responses_are_not_retried(status: int) -> None:
    step = answer(status, retry_after="0", x_daas_error="date-outside-window", x_daas_clock_skew="5000")
    with network(step, FOLDERS) as way, client_of(way) as direct:
        with pytest.raises(Refusal):
            direct.folders("kim")
        assert len(way.requests) == 1


def in_an_instant(_: Any) -> Any:
    return answer(503, retry_after=formatdate(time.time() + 2, usegmt=True))(_)


@pytest.mark.parametrize("step", [answer(429, retry_after="1"), in_an_instant], ids=["seconds", "date"])
def test_each_attempt_is_signed_at_its_own_time(step: Callable[..., Any]) -> None:
    with network(step, MOVED) as way, client_of(way) as direct:
        direct.move("kim", "1", "Sent")
    first, second = dates = way.headers("Date")
    assert parsedate_to_datetime(first) < parsedate_to_datetime(second)
    md5 = way.headers("Content-MD5")[0]
    assert way.headers("Authorization") == [authorization(KEYS, date=date, md5=md5) for date in dates]
    assert len({request.partition(b"\r\n\r\n")[2] for request in way.requests}) == 1


@pytest.mark.parametrize(("step", "kind"), [(lose, NoAnswer), (answer(503), client.ServiceUnavailable)])
@pytest.mark.parametrize("attempts", [1, 3])
def test_attempts_are_bounded(step: Callable[..., Any], kind: type[Any], attempts: int) -> None:
    with network(step) as way, client_of(way, retries=Retries(attempts, pause=0)) as direct:
        with pytest.raises(kind):
            direct.folders("kim")
        assert len(way.requests) == attempts


@pytest.mark.parametrize("step", [answer(429, retry_after="31"), answer(503, retry_after="9" * 40), lose])
def test_no_wait_exceeds_the_limit(step: Callable[..., Any]) -> None:
    with network(step) as way, client_of(way, retries=Retries(pause=31)) as direct:
        with pytest.raises(client.CallFailed):
            direct.folders("kim")
        assert len(way.requests) == 1


def test_limit_is_for_all_waits_together() -> None:
    retries = Retries(attempts=10, seconds=2.5, pause=0)
    with network(answer(503, retry_after="1")) as way, client_of(way, retries=retries) as direct:
        with pytest.raises(client.ServiceUnavailable):
            direct.folders("kim")
        assert len(way.requests) < 4


def test_pause_doubles() -> None:
    """The third attempt would begin 3 s after the first, which is after the limit."""
    with network(lose) as way, client_of(way, retries=Retries(9, seconds=2.9, pause=1)) as direct:
        with pytest.raises(NoAnswer):
            direct.folders("kim")
        assert len(way.requests) == 2


def test_timeout_is_retried() -> None:
    def wait(request: Any) -> Any:
        time.sleep(1)
        return b""

    with network(wait, FOLDERS) as way, httpx.Client(timeout=0.5) as http:
        assert client_of(way, http=http, retries=Retries(attempts=9, pause=0)).folders("kim")


def test_unreachable_service_has_its_own_exception() -> None:
    with network(lose) as way:
        pass
    with client_of(way) as direct, pytest.raises(NoAnswer, match=rf"^{way.url} cannot be reached: .+\.$") as lost:
        direct.folders("a-mailbox")
    assert isinstance(lost.value.__cause__, httpx.ConnectError)
    assert "a-mailbox" not in str(lost.value)


def test_undecodable_response_is_not_retried() -> None:
    with network(answer(200, "x" * 99, content_encoding="gzip")) as way, client_of(way) as direct:
        with pytest.raises(NoAnswer) as failed:
            direct.folders("kim")
        assert isinstance(failed.value.__cause__, httpx.DecodingError)
        assert len(way.requests) == 1


def test_move_is_repeated_after_lost_response(server: LiveServer, application: Application, build: Builder) -> None:
    def carry(request: Any) -> Any:
        return answer(200, ask(server, request).text)(request)

    def carry_and_lose(request: Any) -> Any:
        carry(request)
        return b""

    box = application.mailbox
    with network(carry_and_lose, carry) as way:
        direct = DirectClient(way.url, application.keys.public_key, application.keys.private_key, retries=AT_ONCE)
        with direct:
            moved = direct.move(box.name, box.message, box.folder)
        assert len(way.requests) == 2
    assert build.folder_of(box.message) == box.folder
    assert [row.status for row in build.log_rows(box.message)] == [200, 200]
    first, second = build.log_rows(box.message)
    assert ((first.reason, second.reason), str(first.id)) == (("moved", "replayed"), moved.request_id)


def test_attempts_of_one_move_share_a_key_of_their_own() -> None:
    many = answer(200, '{"request_id":"1","mailbox":"kim","folder":"Sent","moved":["1"],"failed":[]}')
    with network(lose, MOVED, lose, many, MOVED) as way, client_of(way) as direct:
        direct.move("kim", "1", "Sent")
        direct.move_many("kim", ["1"], "Sent")
        direct.move("kim", "1", "Sent", idempotency_key="own")
        first, again, second, once_more, own = way.headers("Idempotency-Key")
        assert (first, second, own) == (again, once_more, "own")
        assert first != second


def test_move_that_is_not_retried_sends_no_key() -> None:
    with network(MOVED) as way, client_of(way) as direct, client_of(way, retries=Retries(attempts=1)) as once:
        direct.move("kim", "1", "Sent", dry_run=True)
        once.move("kim", "1", "Sent")
        assert way.headers("Idempotency-Key") == []


# The clock


def skewed(seconds: int) -> Callable[..., Any]:
    return answer(401, x_daas_error="date-outside-window", x_daas_clock_skew=str(seconds))


def test_clock_is_corrected_by_x_daas_clock_skew() -> None:
    with network(skewed(5000), FOLDERS) as way, client_of(way, correct_clock=True) as direct:
        assert direct.folders("kim")
        assert direct.auth.clock_offset == -5000
        first, second = map(parsedate_to_datetime, way.headers("Date"))
        assert 4900 < (first - second).total_seconds() <= 5000


def test_uncorrectable_clock_is_reported() -> None:
    with network(skewed(5000)) as way, client_of(way, correct_clock=True) as direct:
        with pytest.raises(client.AuthenticationFailed):
            direct.folders("kim")
        assert len(way.requests) == AT_ONCE.attempts


@pytest.mark.parametrize("headers", [{"x_daas_error": "date-zone-name", "x_daas_clock_skew": "3600"}, {}])
def test_other_authentication_errors_are_not_retried(headers: dict[str, Any]) -> None:
    with network(answer(401, **headers)) as way, client_of(way, correct_clock=True) as direct:
        with pytest.raises(client.AuthenticationFailed):
            direct.folders("kim")
        assert (len(way.requests), direct.auth.clock_offset) == (1, 0)


@pytest.mark.parametrize("skew", ["", "soon"])
def test_unreadable_skew_is_none(skew: str) -> None:
    step = answer(401, x_daas_clock_skew=skew)
    with network(step) as way, client_of(way) as direct, pytest.raises(client.AuthenticationFailed) as rejected:
        direct.folders("kim")
    assert rejected.value.clock_skew is None
