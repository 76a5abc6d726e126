"""Plays the cases against a server, one after the other, and says of each whether it was kept."""

import base64
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from .case import Ask, Case, Expected, page
from .judge import describe, faults_of, request_id_of
from .request import NotOnStage, Written, fill, write
from .stage import Stage
from .wire import Answer, Server, WireError

# A date that no window reaches, in a form that is hard to mistake: a server says how far it is from its own clock.
_OLD = "2013-06-03T12:13:56Z"
_OLD_MOMENT = 1_370_261_636

# A server that says that requests come too often is waited for so many seconds, so many times.
_LONGEST_PAUSE = 60
_MOST_PAUSES = 3

_FIND = Case("stage.message", "it is shown in which folder a message lies", page("messages"), [])

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Exchange:
    """What was sent, with its signature masked, what came back and what was expected; `faults` are sentences."""

    sent: str
    string_to_sign: str
    came: str
    expected: str
    faults: list[str]


@dataclass
class Result:
    """What became of a case; `reason` says why it was skipped, `exchanges` are those of its last attempt."""

    case: Case
    outcome: str = PASSED
    reason: str = ""
    seconds: float = 0.0
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that was wrong, a sentence each."""
        return [fault for exchange in self.exchanges for fault in exchange.faults]


def send(server: Server, written: Written, seconds: float, *, is_cut: bool = False) -> Answer:
    """Send a request; one that came too often is sent again when the server says that it may."""
    answer = server.exchange(written.data, is_cut=is_cut, seconds=seconds)
    for _ in range(_MOST_PAUSES):
        pause = answer.header("Retry-After") or ""
        if answer.status != 429 or not re.fullmatch("[0-9]{1,9}", pause):
            break
        time.sleep(min(int(pause), _LONGEST_PAUSE))
        answer = server.exchange(written.data, is_cut=is_cut, seconds=seconds)
    return answer


class Run:
    """A run of the kit; `seconds` is how long an answer may take."""

    def __init__(self, server: Server, stage: Stage, seconds: float) -> None:
        self._server = server
        self._stage = stage
        self._seconds = seconds
        self._ahead = 0.0
        self._folder: str | None = None

    def play(self, cases: Iterable[Case]) -> Iterator[Result]:
        """Play the cases in their order, behind one of its own, and give the result of each as it is known."""
        self._read_clock()
        yield self._find_message()
        for case in cases:
            started = time.monotonic()
            for _ in range(case.attempts):
                if case.attempts > 1:
                    self._read_clock()  # Just before, so that it hardly ever ticks in between.
                result = self._play_one(case)
                if result.outcome != FAILED:
                    break
            result.seconds = time.monotonic() - started
            yield result

    def _play_one(self, case: Case) -> Result:
        result = Result(case)
        last_id = 0
        now = self._now()  # One for all steps: those that sign the same share a signature.
        for ask, expected in case.steps:
            try:
                exchange, request_id = self._play_step(ask, expected, now)
            except NotOnStage as lacking:
                return Result(case, SKIPPED, f"There is no {lacking}.")
            result.exchanges.append(exchange)
            if request_id.isdecimal():
                if int(request_id) <= last_id:
                    exchange.faults.append(f"The request_id before was {last_id}: they do not grow.")
                last_id = int(request_id)
        if result.faults:
            result.outcome = FAILED
        return result

    def _play_step(self, ask: Ask, expected: Expected, now: float) -> tuple[Exchange, str]:
        """Send a request and judge the answer and where the message lies then; gives the answer's request_id too."""
        if ask.cut and self._server.is_tls:
            raise NotOnStage("way to close one side of a connection by TLS")
        before = self._folder
        # A move is always one to where the message does not lie.
        folder = next(each for each in self._stage.folders if each != before)
        names = {**self._stage.names(), "folder": folder, "here": before or "Inbox"}
        written = self._write(ask, names, now)
        if self._stage.explains:
            names["explained"] = base64.b64encode(written.string_to_sign.encode("latin-1")).decode()
        due = before if expected.folder is None else fill(expected.folder, names)
        came, request_id = "", ""
        faults: list[str] = []
        try:
            answer = self._send(written, is_cut=ask.cut > 0)
            came, request_id = str(answer), request_id_of(answer)
            faults += faults_of(answer, expected, names, self._now())
        except WireError as error:
            faults.append(str(error))
        if before is not None:
            try:
                self._folder = self._look()
            except WireError as error:
                faults.append(str(error))
            if self._folder != due:
                faults.append(f"The message lies in {self._folder} now, not in {due}.")
        return Exchange(str(written), written.string_to_sign, came, describe(expected, names), faults), request_id

    def _find_message(self) -> Result:
        """Find out where the message lies; where a server does not show that, the answers alone can be judged."""
        result = Result(_FIND)
        started = time.monotonic()
        try:
            self._folder = self._look()
        except WireError as error:
            result.outcome = FAILED
            result.exchanges.append(Exchange("", "", "", "", [str(error)]))
        result.seconds = time.monotonic() - started
        return result

    def _now(self) -> float:
        """Give the server's clock, in seconds since 1970."""
        return time.time() + self._ahead

    def _write(self, ask: Ask, names: dict[str, str], now: float) -> Written:
        return write(ask, self._stage, names, self._server.host, now)

    def _send(self, written: Written, *, is_cut: bool = False) -> Answer:
        return send(self._server, written, self._seconds, is_cut=is_cut)

    def _look(self) -> str:
        """Find out in which folder the message lies; raises WireError if the server does not say."""
        before = int(self._stage.message) - 1
        target = f"/direct/messages?mailbox=$mailbox&limit=1{f'&after={before}' if before else ''}"
        ask = Ask(method="GET", target=target, content_type=None, body=None)
        answer = self._send(self._write(ask, self._stage.names(), self._now()))
        try:
            (found,) = json.loads(answer.body)["messages"]
            folder: str = {found["id"]: found["folder"]}[self._stage.message]
        except (ValueError, KeyError, TypeError) as error:
            raise WireError(f"GET /direct/messages was answered by a {answer.status} that does not show it.") from error
        return folder

    def _read_clock(self) -> None:
        """Find out how far the server's clock is ahead of ours, by a date that is refused."""
        ask = Ask(date=_OLD, body="mailbox=$mailbox&id=none&folder=Inbox")
        with suppress(WireError):
            skew = self._send(self._write(ask, self._stage.names(), self._now())).header("X-Daas-Clock-Skew") or ""
            if re.fullmatch("-?[0-9]{1,12}", skew):
                self._ahead = _OLD_MOMENT - int(skew) - time.time()
