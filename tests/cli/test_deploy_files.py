"""`daas deploy-files` and `daas serve`, which replace a checkout."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from daas.settings import Settings

from ..support.commands import Commands, sentence_of
from ..support.servers import ROOT, environment, reserved_port

SHIPPED = {path.name: path.read_bytes() for path in (ROOT / "deploy").iterdir() if path.suffix not in {".py", ""}}


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


def test_deploy_files_writes_every_file_of_the_release(daas: Commands, tmp_path: Path) -> None:
    for _ in range(2):
        written = daas.json("deploy-files", str(tmp_path / "new" / "deploy"))
        assert [Path(row["file"]).name for row in written] == sorted(SHIPPED)
        assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "deploy").iterdir()} == SHIPPED


def test_deploy_files_overwrites_no_edited_file(daas: Commands, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("edited")
    outcome = daas.run("deploy-files", str(tmp_path))
    assert (outcome.status, sentence_of(outcome)) == (
        1,
        f"{tmp_path}/nginx.conf exists and differs from this release's file; nothing was written.",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["nginx.conf"]


def test_deploy_files_reports_an_unusable_directory(daas: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = daas.run("deploy-files", str(tmp_path / "file" / "deploy"))
    assert (outcome.status, sentence_of(outcome)) == (
        1,
        f"{tmp_path}/file/deploy cannot be written (Not a directory).",
    )


@pytest.mark.slow
@pytest.mark.processes
def test_serve_answers_outside_a_checkout(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    settings = make_settings("sqlite")
    assert Commands(settings, tmp_path).run("db", "upgrade").status == 0
    program = Path(sys.executable).with_name("daas")
    with reserved_port() as port:
        served = subprocess.Popen(
            [program, "serve"],
            cwd=tmp_path,
            env=environment(settings, DAAS_BIND=f"127.0.0.1:{port}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            answer = _ask(f"http://127.0.0.1:{port}/health/ready", served)
        finally:
            served.terminate()
            status = served.wait(timeout=40)
    assert (answer, status) == ({"status": "ok"}, 0)


def _ask(url: str, process: subprocess.Popen[bytes]) -> object:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(url, trust_env=False, timeout=15).json()
        except httpx.ConnectError:
            time.sleep(0.05)
    return None
