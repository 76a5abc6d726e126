"""The collections for Postman and Bruno: complete, and accepted by the server when their own programs run them."""

import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from .pages import DOCUMENTATION
from .stage import Demo

POSTMAN = DOCUMENTATION + "collections/daas.postman_collection.json"
BRUNO = DOCUMENTATION + "collections/daas-bruno.zip"

#: The programs that run collections, with their versions.
NEWMAN, BRU = "newman@6.2.2", "@usebruno/cli@4.1.0"


def calls_in(document: Any) -> Any:
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def test_postman_collection_has_each_call(app: Flask) -> None:
    client = app.test_client()
    response = client.get(POSTMAN)
    collection = response.json
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    requests = [item["request"] for folder in collection["item"] for item in folder["item"]]
    assert len(requests) == len(calls_in(client.get("/openapi.json").json))
    assert all(request["url"]["raw"].startswith("{{url}}/") for request in requests)
    move = next(request for request in requests if request["url"]["raw"].endswith("/messages/move"))
    assert json.loads(move["body"]["raw"]) == {"mailbox": "demo.clinician", "id": "1", "folder": "5"}


def test_bruno_collection_has_each_call(app: Flask) -> None:
    client = app.test_client()
    with zipfile.ZipFile(io.BytesIO(client.get(BRUNO).data)) as archive:
        names = archive.namelist()
    requests = [name for name in names if name.count("/") == 2 and "/environments/" not in name]
    assert len({*requests}) == len(calls_in(client.get("/openapi.json").json))
    assert {"daas/bruno.json", "daas/collection.bru", "daas/environments/daas.bru"} <= {*names}


def test_unchanged_collection_is_304(app: Flask) -> None:
    client = app.test_client()
    for path in (POSTMAN, BRUNO):
        tag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


# Their programs


def installed(package: str, program: str) -> Path:
    """Return the path of a program of a Node package, installed once for all runs of the tests."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing: apt-get install npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if package == BRU and int(version.lstrip("v").partition(".")[0]) < 20:
        pytest.skip("Node.js is older than 20, which Bruno needs")
    directory = Path(tempfile.gettempdir()) / "daas-npm" / package.replace("/", "+")
    executable = directory / "node_modules" / ".bin" / program
    if not executable.exists():
        directory.mkdir(parents=True, exist_ok=True)
        options: list[Any] = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix", str(directory)]
        done = subprocess.run([npm, "install", *options, package], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install {package}: {done.stderr[-200:]}")
    return executable


def run(command: list[Any], directory: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HOME": str(directory), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=240, check=False)


def reset(demo: Demo) -> None:
    """Put the demo's first message back into Inbox."""
    demo.run(f".venv/bin/daas move demo.clinician 1 Inbox --key-file instance/demo.env --url {demo.server.url}")


@pytest.mark.slow
def test_newman_runs_the_postman_collection(demo: Demo, tmp_path: Path) -> None:
    newman = installed(NEWMAN, "newman")
    reset(demo)
    demo.run(f"curl -sS --fail -o {tmp_path}/daas.json {demo.server.url}{POSTMAN}")
    keys = [f"public_key={demo.keys.public_key}", f"private_key={demo.keys.private_key}"]
    options = [argument for key in [f"url={demo.server.url}", *keys] for argument in ("--env-var", key)]
    report = tmp_path / "report.json"
    command = [newman, "run", "daas.json", *options, "--reporters", "json", "--reporter-json-export", report]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads(report.read_text())["run"]
    statuses = {execution["item"]["name"]: execution["response"]["code"] for execution in runs["executions"]}
    assert len(statuses) > 10
    assert all(status in (200, 201, 404, 409, 422) for status in statuses.values()), statuses
    assert statuses["Move a message to another folder of its mailbox"] == 200
    assert statuses["Create a list"] == 201


@pytest.mark.slow
def test_newman_fails_for_a_wrong_key(demo: Demo, tmp_path: Path) -> None:
    newman = installed(NEWMAN, "newman")
    demo.run(f"curl -sS --fail -o {tmp_path}/daas.json {demo.server.url}{POSTMAN}")
    options = ["--env-var", f"url={demo.server.url}", "--env-var", f"public_key={demo.keys.public_key}"]
    done = run([newman, "run", "daas.json", *options, "--env-var", "private_key=x"], tmp_path)
    assert done.returncode == 1


@pytest.mark.slow
def test_bru_runs_the_bruno_collection(demo: Demo, tmp_path: Path) -> None:
    bru = installed(BRU, "bru")
    reset(demo)
    demo.run(f"curl -sS --fail -o {tmp_path}/daas.zip {demo.server.url}{BRUNO}")
    with zipfile.ZipFile(tmp_path / "daas.zip") as archive:
        archive.extractall(tmp_path)
    values = {"url": demo.server.url, "public_key": demo.keys.public_key, "private_key": demo.keys.private_key}
    options = [argument for name, value in values.items() for argument in ("--env-var", f"{name}={value}")]
    report = tmp_path / "report.json"
    done = run([bru, "run", "-r", "--env", "daas", *options, "--reporter-json", report], tmp_path / "daas")
    assert done.returncode == 0, done.stdout + done.stderr
    (iteration,) = json.loads(report.read_text())
    statuses = {result["test"]["filename"]: result["response"]["status"] for result in iteration["results"]}
    assert len(statuses) > 10
    assert all(status in (200, 201, 404, 409, 422) for status in statuses.values()), statuses
    moved = next(status for name, status in statuses.items() if "Move a message to another folder" in name)
    assert moved == 200
