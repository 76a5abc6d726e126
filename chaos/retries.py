"""Scenario: clients that repeat each move with its Idempotency-Key until it succeeds, while the service is killed."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from urllib.parse import urlencode

from tests.support.actors import MOVE
from tests.support.builders import Mailbox
from tests.support.wire import Answer, Wire, post, signed

from .ledger import Ledger, Row
from .load import places
from .trial import Trial

_BATCH = "/direct/messages/move/batch"
_CLIENTS = 6
_AGAIN_SECONDS = 0.02


def retries(trial: Trial) -> None:
    """Kill workers, and all processes at once, under clients whose every move must happen exactly once."""
    kills = 4 if trial.quick else 15
    choose = random.Random(1)
    trial.start()
    clients = [_Client(trial, number) for number in range(_CLIENTS)]
    over = threading.Event()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        ends = [pool.submit(client.run, over) for client in clients]
        try:
            for number in range(kills):
                _await_moves(clients, 20)
                # At random times, so that some kills come between a commit and its response.
                time.sleep(choose.uniform(0, 0.1))
                if number % 2:
                    choose.choice(trial.service.workers).kill()
                else:
                    trial.service.kill_all()
                    trial.service.start()
            _await_moves(clients, 20)
        finally:
            over.set()
        for end in ends:
            end.result()
    finished = [answer for client in clients for answer in client.finished]
    lost, replayed = (sum(count) for count in zip(*[(each.lost, each.replayed) for each in clients], strict=True))
    trial.note(f"{kills} times SIGKILL, to a worker or to all processes, under {_CLIENTS} clients with keys")
    trial.note(f"{len(finished)} moves and batches; {lost} connections lost or refused, {replayed} responses replayed")
    ledger = Ledger.read(trial.settings)
    trial.report.errors += [*ledger.find_contradictions(trial.application.mailboxes), *_errors(ledger, finished)]
    trial.report.errors += [error for client in clients for error in client.errors]


class _Client:
    """A client that moves one message or several, and repeats each request until there is a 200.

    `finished` has the first 200 of each request, `lost` and `replayed` count lost connections and repeated responses.
    """

    def __init__(self, trial: Trial, number: int) -> None:
        self._trial = trial
        self._number = number
        self._wire: Wire | None = None
        self.finished: list[Answer] = []
        self.errors: list[str] = []
        self.lost = self.replayed = 0

    def run(self, over: threading.Event) -> None:
        """Send requests until `over` is set; the last one is repeated until it succeeds too."""
        choose = random.Random(self._number)
        while not over.is_set():
            box: Mailbox = choose.choice(self._trial.application.mailboxes)
            count = choose.choice([1, 1, 5])
            pairs = [("mailbox", box.name), ("folder", choose.choice(places(box)))]
            pairs += [("id", message) for message in choose.sample(box.messages, count)]
            target = MOVE if count == 1 else _BATCH
            key = f"{self._number}.{len(self.finished)}"
            answer = self._insist(target, urlencode(pairs), key)
            if choose.random() < 0.2:
                again = self._insist(target, urlencode(pairs), key)
                if again.body != answer.body:
                    self.errors.append(f"A client got {answer.text}, and when it asked again {again.text}.")
            self.finished.append(answer)
        self._close()

    def _insist(self, target: str, body: str, key: str) -> Answer:
        while True:
            headers = signed(self._trial.application, date=formatdate(usegmt=True), uri=target)
            try:
                self._wire = self._wire or Wire(self._trial.service.connect())
                answer = self._wire.ask(post([*headers, ("Idempotency-Key", key)], body, target=target))
            except OSError:
                self._close()
                self.lost += 1
                time.sleep(_AGAIN_SECONDS)
                continue
            if answer.status == 200:
                self.replayed += answer.header("Idempotent-Replayed") == "true"
                return answer
            if answer.status != 503:
                self.errors.append(f"A request with a key got {answer.status}: {answer.text}")
            time.sleep(_AGAIN_SECONDS)

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.connection.close()
            self._wire = None


def _await_moves(clients: list[_Client], count: int, seconds: float = 30) -> None:
    """Wait until the clients have finished `count` more requests; raise TimeoutError."""
    deadline = time.monotonic() + seconds
    wanted = sum(len(client.finished) for client in clients) + count
    while sum(len(client.finished) for client in clients) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Clients finished fewer than {count} requests in {seconds} seconds.")
        time.sleep(0.01)


def _errors(ledger: Ledger, finished: list[Answer]) -> Iterator[str]:
    """Yield a sentence for each request that did not happen exactly once, as its response says."""
    bodies = {body["request_id"]: body for body in (answer.json for answer in finished)}
    if len(bodies) < len(finished):
        yield "Two requests got the same request_id."
    of_batches: dict[int, list[Row]] = {}
    for row in ledger.log:
        if row.batch is not None:
            of_batches.setdefault(row.batch, []).append(row)
    made = {str(row.id): row for row in ledger.log if row.batch is None and row.reason in ("moved", "batch")}
    for request_id in made.keys() - bodies.keys():
        yield f"Row {request_id} tells of a move that no client was told."
    for request_id, body in bodies.items():
        found = made.get(request_id)
        if found is None:
            yield f"A client got {body}, but the log has no such move."
            continue
        moved = {row.message for row in of_batches.get(found.id, [])} if found.reason == "batch" else {found.message}
        if moved != {*body.get("moved", [body.get("id")])}:
            yield f"A client got {body}, but the log has the moves of {moved}."
