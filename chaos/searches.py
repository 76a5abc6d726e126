"""A scenario: one application searches a large mailbox as fast as it can, while others move messages."""

import datetime
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from sqlalchemy import delete, insert, select

from daas.app import create_command_app
from daas.mailboxes.administration import find_folder, find_mailbox
from daas.mailboxes.models import Message, MessageEnvelope
from daas.storage.engine import db
from tests.support.actors import Application
from tests.support.builders import Builder
from tests.support.wire import Wire, head, signed

from .trial import TOLD_WITHIN, Trial

_SEARCHERS = 6
_MESSAGES = 100_000
# The text to find is in no subject, and begins at every character of each.
_SUBJECT = ("a" * 59 + "b") * 16
_SOUGHT = "a" * 59 + "c"


def searches(trial: Trial) -> None:
    """Search a mailbox of 100,000 messages from six connections: moves of others keep at least half their rate."""
    trial.start()
    searcher = _make_searcher(trial, _MESSAGES // 5 if trial.quick else _MESSAGES)
    seconds = 2 if trial.quick else 15
    answered: Counter[str] = Counter()
    with trial.load() as load:
        trial.journal.await_moves(200)
        before = _moves_per_second(trial, seconds)
        over = threading.Event()
        with ThreadPoolExecutor(_SEARCHERS) as pool:
            ends = [pool.submit(_search, trial, searcher, answered, over) for _ in range(_SEARCHERS)]
            meanwhile = _moves_per_second(trial, seconds)
            over.set()
        slowest = max(end.result() for end in ends)
    allowed = {"200", "429 search-busy", "503 search-timeout"}
    trial.require({*answered} <= allowed, f"Searches were answered {dict(answered)}.")
    trial.require(slowest <= TOLD_WITHIN, f"A search was answered after {slowest:.1f} s.")
    # The short form is a test, and a test measures no time.
    if not trial.quick:
        trial.require(answered["429 search-busy"] > 0, "All six searches ran at a time.")
        trial.require(
            meanwhile >= before / 2, f"Only {meanwhile:.0f} moves a second, {before:.0f} before the searches."
        )
    found = ", ".join(f"{kind} x {count:,}" for kind, count in sorted(answered.items()))
    trial.note(
        f"{_SEARCHERS} searchers in {seconds} s: {found}; {load.clients} other clients: "
        f"{before:.0f} moves a second before, {meanwhile:.0f} meanwhile"
    )
    _remove_messages(trial, searcher)
    trial.check()


def _make_searcher(trial: Trial, messages: int) -> Application:
    """Register an application with a mailbox of its own, and fill that in the database."""
    app = create_command_app(trial.settings)
    build = Builder(app)
    searcher = build.application(mailboxes=[build.mailbox(messages=0)])
    with app.app_context():
        mailbox = find_mailbox(searcher.mailbox.name)
        folder = find_folder(mailbox, "Inbox")
        at = datetime.datetime.now(datetime.UTC)
        rows = [{"mailbox_id": mailbox.id, "folder_id": folder.id} for _ in range(messages)]
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(insert(Message), rows)
            ids = connection.scalars(select(Message.id).where(Message.mailbox_id == rows[0]["mailbox_id"])).all()
            envelope = {
                "mailbox_id": rows[0]["mailbox_id"],
                "subject": _SUBJECT,
                "subject_folded": _SUBJECT,
                **dict.fromkeys(["message_id", "sender", "sender_folded", "recipients"], ""),
                "date": None,
                "size": 1,
                "imported_at": at,
            }
            connection.execute(
                insert(MessageEnvelope), [{**envelope, "id": id_, "digest": b"%032d" % id_} for id_ in ids]
            )
        db.engine.dispose()
    return searcher


def _remove_messages(trial: Trial, searcher: Application) -> None:
    """Empty the mailbox again: the ledger knows only what was imported."""
    app = create_command_app(trial.settings)
    with app.app_context():
        mailbox_id = find_mailbox(searcher.mailbox.name).id
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(delete(MessageEnvelope).where(MessageEnvelope.mailbox_id == mailbox_id))
            connection.execute(delete(Message).where(Message.mailbox_id == mailbox_id))
        db.engine.dispose()


def _search(trial: Trial, searcher: Application, answered: Counter[str], over: threading.Event) -> float:
    """Search again and again, count the answers, and return the longest wait in seconds."""
    uri = "/direct/messages?" + urlencode({"mailbox": searcher.mailbox.name, "subject": _SOUGHT})
    slowest = 0.0
    with trial.service.connect() as connection:
        wire = Wire(connection)
        while not over.is_set():
            began = time.monotonic()
            answer = wire.ask(head(uri, signed(searcher, method="GET", uri=uri, content_type=None), method="GET"))
            slowest = max(slowest, time.monotonic() - began)
            answered[" ".join(filter(None, [str(answer.status), answer.header("X-Daas-Error")]))] += 1
            if answer.status == 429:
                # A client that obeys Retry-After would wait longer.
                over.wait(0.1)
    return slowest


def _moves_per_second(trial: Trial, seconds: float) -> float:
    moves, began = trial.journal.moves, time.monotonic()
    time.sleep(seconds)
    return (trial.journal.moves - moves) / (time.monotonic() - began)
