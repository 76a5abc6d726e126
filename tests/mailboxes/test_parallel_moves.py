"""Simultaneous moves: the log, replayed in the order of its ids, ends at the folder of each message."""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ..support.actors import MOVE, Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from ..support.wire import ask_until_served, connected, form, post, signed

pytestmark = pytest.mark.both_databases

CLIENTS = 24
MOVES_EACH = 8
MESSAGES = 12


@pytest.fixture
def busy(build: Builder) -> Application:
    """Return an application with many folders and many messages in one mailbox."""
    return build.application(mailboxes=[build.mailbox(folders=6, messages=MESSAGES)])


def places(application: Application) -> list[str]:
    return [*application.mailbox.folders, "Inbox", "Sent", "Archived", "Draft"]


def move_at_once(server: LiveServer, application: Application, plans: list[list[tuple[str, str]]]) -> list[list[str]]:
    """Make the moves (message, folder) of each plan, one client for each plan, all at once; return the request ids."""
    start = Barrier(len(plans))

    def client(plan: list[tuple[str, str]]) -> list[str]:
        # The number makes every request, and so every signature, different.
        targets = [f"{MOVE}?{number}" for number, _ in enumerate(plan)]
        requests = [
            post(signed(application, uri=target), form(application, id=message, folder=folder), target=target)
            for target, (message, folder) in zip(targets, plan, strict=True)
        ]
        ids = []
        with connected(server) as wire:
            start.wait(timeout=30)
            for request in requests:
                response = ask_until_served(functools.partial(wire.ask, request))
                assert response.status == 200, response.text
                ids.append(response.request_id)
        return ids

    with ThreadPoolExecutor(len(plans)) as pool:
        return [*pool.map(client, plans)]


def replay(build: Builder, message: str) -> list[tuple[str, str]]:
    """Return the moves of a message in the order of their ids, each as the folders from and to."""
    return [(row.folder_from, row.folder_to) for row in build.log_rows(message) if row.status == 200]


def assert_chain(build: Builder, message: str, count: int) -> None:
    moves = replay(build, message)
    assert len(moves) == count
    came_from = ["Inbox", *(to for _, to in moves[:-1])]
    assert [where_from for where_from, _ in moves] == came_from
    assert moves[-1][1] == build.folder_of(message)
    changes = [where_from for where_from, to in moves if where_from != to]
    assert build.previous_folder_of(message) == (changes[-1] if changes else None)


def test_log_of_a_message_moved_by_many_ends_at_its_folder(
    server: LiveServer, busy: Application, build: Builder
) -> None:
    message = busy.mailbox.message
    # Each client starts at another folder, so that two rarely request the same one at once.
    rounds = [itertools.islice(itertools.cycle(places(busy)), n, n + MOVES_EACH) for n in range(CLIENTS)]
    ids = move_at_once(server, busy, [[(message, folder) for folder in round_] for round_ in rounds])
    assert_chain(build, message, CLIENTS * MOVES_EACH)
    logged = [str(row.id) for row in build.log_rows(message)]
    assert sorted(itertools.chain(*ids), key=int) == logged
    assert all(own == sorted({*own}, key=int) for own in ids)


def test_log_of_moves_back_and_forth_is_a_chain(server: LiveServer, busy: Application, build: Builder) -> None:
    message = busy.mailbox.message
    sides = [["Sent", busy.mailbox.folder], ["Archived", "Inbox"]]
    plans = [[(message, folder) for folder in sides[n % 2] * (MOVES_EACH // 2)] for n in range(16)]
    move_at_once(server, busy, plans)
    assert_chain(build, message, 16 * MOVES_EACH)


def test_logs_of_many_parallel_moves_are_chains_of_unique_ids(
    server: LiveServer, busy: Application, build: Builder
) -> None:
    folders = places(busy)
    plans = [
        [(message, folders[(n + step) % len(folders)]) for step, message in enumerate(busy.mailbox.messages)]
        for n in range(CLIENTS)
    ]
    ids = [*itertools.chain(*move_at_once(server, busy, plans))]
    assert len({*ids}) == len(ids) == CLIENTS * MESSAGES
    for message in busy.mailbox.messages:
        assert_chain(build, message, CLIENTS)


def test_parallel_moves_in_several_mailboxes_do_not_mix(server: LiveServer, build: Builder) -> None:
    applications = [build.application(mailboxes=[build.mailbox(folders=2)]) for _ in range(CLIENTS // 2)]

    def go(application: Application) -> None:
        message = application.mailbox.message
        folders = itertools.islice(itertools.cycle(places(application)), MOVES_EACH)
        move_at_once(server, application, [[(message, folder) for folder in folders]])

    with ThreadPoolExecutor(len(applications)) as pool:
        [*pool.map(go, applications)]
    for application in applications:
        assert_chain(build, application.mailbox.message, MOVES_EACH)


@pytest.mark.parametrize("around", [" ", "\t", "\r\n"], ids=["blank", "tab", "line-end"])
def test_log_names_the_message_by_its_id_without_spaces(
    server: LiveServer, busy: Application, build: Builder, around: str
) -> None:
    message = busy.mailbox.message
    with connected(server) as wire:
        body = form(busy, id=around + message + around, folder=f"{around}sent{around}")
        assert wire.ask(post(signed(busy), body)).status == 200
    assert replay(build, message) == [("Inbox", "Sent")]
    assert_chain(build, message, 1)
