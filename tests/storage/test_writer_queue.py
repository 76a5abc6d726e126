"""The writers of an embedded database take turns, threads and processes alike."""

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from daas.storage.timeouts import is_unavailable
from daas.storage.writer_queue import WriterQueue

pytestmark = pytest.mark.processes

HOLD = """
import sys, time
from pathlib import Path
from daas.storage.writer_queue import WriterQueue
with WriterQueue(Path(sys.argv[1])).turn(5):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "writers"


@pytest.fixture
def other_process(path):
    """A process that has the turn until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.stdin.close()


def test_threads_never_have_the_turn_together(path):
    queue = WriterQueue(path)
    inside, most = 0, 0

    def write():
        nonlocal inside, most
        for _ in range(20):
            with queue.turn(10):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0001)
                inside -= 1

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_who_waits_too_long_for_a_thread_is_told_that_the_database_is_unavailable(path):
    queue = WriterQueue(path)
    caught = []

    def wait():
        try:
            with queue.turn(0.05):
                caught.append(None)
        except WaitedTooLong as error:
            caught.append(is_unavailable(error))

    with queue.turn(1):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert caught == [True]


def test_who_waits_too_long_for_a_process_is_told_so(path, other_process):
    with pytest.raises(WaitedTooLong), WriterQueue(path).turn(0.05):
        pass


def test_the_turn_comes_when_the_other_process_has_ended_however_that_ended(path, other_process):
    other_process.kill()
    with WriterQueue(path).turn(5):
        pass


def test_a_turn_that_ends_with_an_error_is_over(path):
    queue = WriterQueue(path)
    with pytest.raises(ZeroDivisionError), queue.turn(1):
        raise ZeroDivisionError
    with queue.turn(0.05):
        pass


def test_a_turn_that_did_not_come_leaves_the_queue_as_it_was(path, other_process):
    queue = WriterQueue(path)
    for _ in range(2):
        with pytest.raises(WaitedTooLong), queue.turn(0.01):
            pass
    other_process.stdin.close()
    with queue.turn(5):
        pass


def test_the_file_is_for_its_owner_alone(path):
    with WriterQueue(path).turn(1):
        assert path.stat().st_mode & 0o777 == 0o600
