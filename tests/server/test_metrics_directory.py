"""The directory of the metrics of all processes, and the effect of a full disk on it."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from daas.monitoring.metrics import DIRECTORY
from daas.server.metrics_directory import make_metrics_directory, remove_metrics_directory
from daas.settings import Settings

from ..support.servers import LiveServer
from ..support.small_disk import NoDisk, fill_up, small_disk
from ..test_settings import fill
from ..web.test_health import value_of

pytestmark = pytest.mark.processes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the directory is looked for, not a file of the test.


@pytest.fixture
def parent_of_made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the parent of the new directory, with RUNTIME_DIRECTORY as given."""
    monkeypatch.setenv(DIRECTORY, "")

    def make(runtime: Any) -> Any:
        monkeypatch.setenv("RUNTIME_DIRECTORY", runtime)
        made = Path(make_metrics_directory())
        assert made.stat().st_mode & 0o077 == 0
        remove_metrics_directory()
        assert not made.exists()
        return made.parent

    return make


def test_directory_is_in_systemds_runtime_directory(parent_of_made: Any, tmp_path: Path) -> None:
    assert parent_of_made(str(tmp_path)) == tmp_path
    assert parent_of_made(f"{tmp_path}:/nowhere") == tmp_path


@pytest.mark.parametrize("runtime", ["", "{}/missing", "{}/file"])
def test_directory_is_in_memory_without_systemd(parent_of_made: Any, tmp_path: Path, runtime: str) -> None:
    (tmp_path / "file").touch()
    found = parent_of_made(runtime.format(tmp_path))
    assert found == (SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir()))


def test_metrics_of_all_processes_are_added_up(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    settings = make_settings("postgresql")
    fill(settings)
    with LiveServer.start(settings, DAAS_WORKERS="2", RUNTIME_DIRECTORY=str(tmp_path)) as live:
        (directory,) = tmp_path.glob("daas-metrics-*")
        sent, deadline = 0, time.monotonic() + 30
        # Each request has its own connection, so that both processes serve some.
        while sent < 20 or (len([*directory.glob("counter_*.db")]) < 2 and time.monotonic() < deadline):
            assert status_of(live) == 404
            sent += 1
        assert len([*directory.glob("counter_*.db")]) == 2
        # A request is counted after its response was sent.
        while (counts := counts_of_both(live)) != {sent} and time.monotonic() < deadline:
            time.sleep(0.05)
    assert counts == {sent}
    assert not directory.exists()


def test_full_data_disk_ends_no_worker_and_loses_no_count(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings("sqlite")
    fill(settings)
    try:
        with small_disk(tmp_path / "disk", "1m") as disk:
            fill_up(disk / "filler")
            with LiveServer.start(settings, TMPDIR=str(disk)) as live:
                assert [status_of(live) for _ in range(5)] == [404] * 5
                deadline = time.monotonic() + 30
                while (counts := counts_of_both(live)) != {5} and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert counts == {5}
                assert live.log.read_text().count("Booting worker") == 1
    except NoDisk as missing:
        pytest.skip(str(missing))


def status_of(live: Any) -> Any:
    return httpx.post(f"{live.url}/nothing", trust_env=False, timeout=30).status_code


def counts_of_both(live: Any) -> Any:
    """Return the counts, requested so often that each process has probably responded."""
    responses = [httpx.get(f"{live.url}/metrics", trust_env=False, timeout=30) for _ in range(4)]
    assert {response.status_code for response in responses} == {200}
    return {value_of(response.text, "daas_requests_total", reason="path-unknown") for response in responses}
