"""The steps of `make run` in an empty directory, and the commands that it prints."""

import configparser
import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daas.onboarding.downloads import DOWNLOADS
from daas.seeds.demo import demo_file
from daas.settings import Settings, load_settings

from ..support.commands import Commands
from ..support.servers import ROOT, LiveServer, reserved_port

BIN = Path(sys.executable).parent


@pytest.fixture
def place(tmp_path: Path, make_settings: Callable[..., Settings], request: pytest.FixtureRequest) -> Path:
    """Change to a new working directory with the files of the service, and use a new database of each kind."""
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(BIN)
    return tmp_path


def run(settings: Settings, place: Path, *args: str, **environ: Any) -> str:
    """Run a command in this process and return its output."""
    outcome = Commands(settings, place).run(*args, **environ)
    assert (outcome.status, outcome.stderr) == (0, "")
    return outcome.text


def keys_file(settings: Settings, place: Path) -> Path:
    """Return the file of the demo's keys, in a working directory."""
    with contextlib.chdir(place):
        return place / demo_file(settings)


def set_up(settings: Settings, place: Path, **environ: Any) -> str:
    run(settings, place, "db", "upgrade")
    return run(settings, place, "demo", **environ)


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.both_databases
def test_shown_commands_move_a_message_with_daas_and_curl(
    make_settings: Callable[..., Settings], place: Any, database_kind: str
) -> None:
    for command in ("curl", "openssl"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is missing: install it from the system's packages")
    settings = make_settings(database_kind)
    run(settings, place, "db", "upgrade")
    with LiveServer.start(settings) as live:
        messages = set_up(settings, place, DAAS_BIND=f"127.0.0.1:{live.port}")
        by_daas = "\n".join(line for line in messages.splitlines() if ".venv/bin/daas " in line)
        by_curl = messages[messages.index("  ( .") :]
        responses = [
            subprocess.run(
                ["bash", "-c", text],
                cwd=place,
                env={"PATH": os.environ["PATH"]},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for text in (by_daas, by_curl)
        ]
    assert [response.returncode for response in responses] == [0, 0]
    assert "5   Lab results\n" in responses[0].stdout
    assert "1   Inbox   Lab results: basic metabolic panel" in responses[0].stdout
    assert '"mailbox":"demo.clinician","id":"1","folder":"5"}' in responses[0].stdout
    assert '"mailbox":"demo.clinician","id":"1","folder":"Archived"}' in responses[1].stdout


@pytest.mark.both_databases
def test_demo_is_created_once(make_settings: Callable[..., Settings], place: Path, database_kind: str) -> None:
    settings = make_settings(database_kind)
    first = set_up(settings, place)
    keys = keys_file(settings, place).read_text()
    assert set_up(settings, place) == first
    assert run(settings, place, "demo", "--quiet") == ""
    assert keys_file(settings, place).read_text() == keys
    assert run(settings, place, "message", "list", "demo.clinician").count("\n") == 4


def test_keys_of_demo_are_random_and_only_for_the_owner(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        place = tmp_path / name
        place.mkdir()
        settings = make_settings("sqlite")
        set_up(settings, place)
        assert stat.S_IMODE(keys_file(settings, place).stat().st_mode) == 0o600
        found.append(keys_file(settings, place).read_text().splitlines()[:2])
    assert len({line for lines in found for line in lines}) == 4


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:8000", "unix:/tmp/daas.sock"])
def test_no_demo_on_public_address(make_settings: Callable[..., Settings], place: Path, bind: str) -> None:
    settings = make_settings("sqlite")
    assert set_up(settings, place, DAAS_BIND=bind) == ""
    assert not (place / "instance").exists()
    assert run(settings, place, "application", "list", "--json") == "[]\n"


def test_no_demo_behind_a_proxy(make_settings: Callable[..., Settings], place: Path) -> None:
    settings = make_settings("sqlite")
    assert set_up(settings, place, DAAS_TRUSTED_PROXIES="127.0.0.1") == ""
    assert not (place / "instance").exists()
    assert run(settings, place, "application", "list", "--json") == "[]\n"


def test_each_database_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    urls = [
        f"sqlite:///{tmp_path}/instance/daas.db",
        "sqlite:///instance/other.db",
        "postgresql+psycopg://kim:word@db.example/one",
        "postgresql+psycopg://kim:other@db.example/one",
        "postgresql+psycopg://kim:word@db.example/two",
    ]
    files = [demo_file(load_settings({"DAAS_DATABASE_URL": url})) for url in urls]
    assert files[0] == Path("instance/demo.env")
    assert files[2] == files[3]
    assert len({*files}) == 4
    assert all(re.fullmatch("instance/demo-[0-9a-f]{12}.env", str(file)) for file in files[1:])


def test_file_of_keys_is_never_overwritten(make_settings: Callable[..., Settings], place: Path) -> None:
    settings = make_settings("sqlite")
    run(settings, place, "db", "upgrade")
    file = keys_file(settings, place)
    file.parent.mkdir()
    file.write_text("DAAS_PUBLIC_KEY=other\n")
    daas = Commands(settings, place)
    assert "move the file away" in daas.error("demo")
    quiet = daas.run("demo", "--quiet")
    assert (quiet.status, quiet.text) == (0, "")
    assert quiet.stderr.startswith("No demo: ")
    assert file.read_text() == "DAAS_PUBLIC_KEY=other\n"
    assert run(settings, place, "mailbox", "list") == ""


@pytest.mark.parametrize("text", [None, "DAAS_PUBLIC_KEY=other\n"], ids=["missing", "other"])
def test_reset_makes_new_keys_if_the_file_has_none_that_work(
    make_settings: Callable[..., Settings], place: Path, text: str | None
) -> None:
    settings = make_settings("sqlite")
    set_up(settings, place)
    file = keys_file(settings, place)
    file.unlink()
    if text is not None:
        file.write_text(text)
    daas = Commands(settings, place)
    assert "daas demo --reset" in daas.error("demo")
    assert ".venv/bin/daas move demo.clinician 1 5 " in run(settings, place, "demo", "--reset")
    [*old, new] = daas.json("key", "list", "demo")
    assert f"DAAS_PUBLIC_KEY={new['public_key']}\n" in file.read_text()
    assert (new["works"], [key["works"] for key in old]) == (True, [False])
    if text is not None:
        assert file.with_name(f"{file.name}.old").read_text() == text


def test_reset_puts_messages_and_permissions_back(make_settings: Callable[..., Settings], place: Path) -> None:
    settings = make_settings("sqlite")
    first = set_up(settings, place)
    keys = keys_file(settings, place).read_text()
    daas = Commands(settings, place)
    before = daas.json("application", "show", "demo")
    daas.json("message", "remove", "2", "--yes")
    daas.json("application", "revoke", "demo", "--mailbox", "demo.clinician", "--service", "direct/folders")
    daas.json("application", "suspend", "demo")
    daas.json("mailbox", "suspend", "demo.clinician")
    assert run(settings, place, "demo", "--reset") == first
    assert keys_file(settings, place).read_text() == keys
    assert daas.json("application", "show", "demo") == before
    assert [row["folder"] for row in daas.json("message", "list", "demo.clinician")] == ["Inbox"] * 3
    assert daas.json("mailbox", "list") == [{"mailbox": "demo.clinician", "suspended": False}]


def test_reset_makes_no_demo_beside_other_data(make_settings: Callable[..., Settings], place: Path) -> None:
    settings = make_settings("sqlite")
    run(settings, place, "db", "upgrade")
    run(settings, place, "mailbox", "add", "a")
    daas = Commands(settings, place)
    assert "other data" in daas.error("demo", "--reset")
    assert "no other machine" in daas.error("demo", "--reset", DAAS_TRUSTED_PROXIES="127.0.0.1")


@pytest.mark.processes
@pytest.mark.slow
def test_server_prints_the_first_commands_after_its_first_lines(
    make_settings: Callable[..., Settings], place: Path
) -> None:
    settings = make_settings("sqlite")
    text = set_up(settings, place)
    daas = Commands(settings, place)
    with reserved_port() as port:
        with (place / "log").open("wb") as log:
            served = daas.start("serve", environ={"DAAS_BIND": f"127.0.0.1:{port}"}, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while "--data" not in (place / "log").read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            served.terminate()
            served.wait(timeout=40)
    shown = (place / "log").read_text()
    assert text.replace("127.0.0.1:8000", f"127.0.0.1:{port}").splitlines()[-1] in shown
    assert shown.index("Listening at") < shown.index("daas serves")


@pytest.mark.processes
def test_taken_port_is_one_line(make_settings: Callable[..., Settings], place: Path) -> None:
    daas = Commands(make_settings("sqlite"), place)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = daas.error("serve", DAAS_BIND=f"127.0.0.1:{port}")
    assert sentence.startswith(f"Another program uses 127.0.0.1:{port}: ")


def test_no_demo_in_database_with_data(make_settings: Callable[..., Settings], place: Path) -> None:
    settings = make_settings("sqlite")
    run(settings, place, "db", "upgrade")
    run(settings, place, "mailbox", "add", "a")
    assert set_up(settings, place) == ""
    assert run(settings, place, "application", "list", "--json") == "[]\n"


@pytest.mark.processes
@pytest.mark.slow
def test_wheel_has_all_files_of_the_service(tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        tmp_path,
    ]
    copy = shutil.copytree(
        ROOT, tmp_path / "source", ignore=shutil.ignore_patterns(".git", ".venv", "instance", "build", "*.egg-info")
    )
    subprocess.run([*command, copy], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("daas-*.whl")
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    place = tmp_path / "place"
    place.mkdir()
    script = (
        "import daas; from daas.cli import main; main(['db', 'upgrade'], standalone_mode=False);"
        "print(daas.__file__); main(['demo'], standalone_mode=False);"
        "from daas import app, examples, templates; print(examples.__file__, templates.__file__);"
        "print(app.create_app().test_client().get('/onboarding/documentation/send_example').text);"
        "from daas.onboarding.downloads import DOWNLOADS; print(sorted(DOWNLOADS))"
    )
    made = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=place,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.count(str(tmp_path / "installed")) == 3
    assert "&#34;&#34;&#34;Move a message, with only Python" in made.stdout
    assert str(sorted(DOWNLOADS)) in made.stdout
    assert "daas move demo.clinician 1 5 " in made.stdout


def test_wheel_has_every_package() -> None:
    named = configparser.ConfigParser()
    named.read(ROOT / "setup.cfg")
    directories = {path.parent for path in (ROOT / "daas").rglob("__init__.py")}
    packages = {".".join(path.relative_to(ROOT).parts) for path in directories}
    assert {*named["options"]["packages"].split()} == packages | {"daas.deploy", "daas.examples", "daas.templates"}
