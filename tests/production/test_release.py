"""`make release` builds the same files again, and they hold what they say."""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

import daas
from release.sbom import make_sbom, read_lock

from ..support.servers import ROOT

LOCK = (ROOT / "requirements.txt").read_text()


def release(directory: Path, *options: str, umask: int, zone: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-m", "release", *options, directory],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TZ": zone},
        umask=umask,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.slow
@pytest.mark.processes
def test_two_builds_of_a_release_are_equal(tmp_path: Path) -> None:
    first = release(tmp_path / "first", "--draft", umask=0o022, zone="UTC")
    second = release(tmp_path / "second", "--draft", umask=0o077, zone="Asia/Tokyo")
    assert first == second
    name = f"daas-{daas.__version__}"
    assert {*first} == {
        f"{name}-py3-none-any.whl",
        f"{name}.tar.gz",
        f"{name}.cdx.json",
        "requirements.txt",
        "SHA256SUMS",
    }
    sums = first.pop("SHA256SUMS").decode().splitlines()
    assert sums == [f"{hashlib.sha256(first[file]).hexdigest()}  {file}" for file in sorted(first)]
    check_contents(tmp_path / "first", name)


def check_contents(directory: Path, name: str) -> None:
    """Check that the source distribution has every tracked file, and the wheel the files of the deployment."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tracked = {file for file in listed.splitlines() if (ROOT / file).is_file()}
    with tarfile.open(directory / f"{name}.tar.gz") as archive:
        assert tracked <= {member.name.removeprefix(f"{name}/") for member in archive}
        assert {(member.uid, member.uname) for member in archive} == {(0, "")}
    with zipfile.ZipFile(directory / f"{name}-py3-none-any.whl") as archive:
        packed = {*archive.namelist()}
    assert {f"daas/{file}" for file in tracked if file.startswith("deploy/")} <= packed


def test_bill_of_materials_has_every_locked_package() -> None:
    sbom = make_sbom("2.0.0", LOCK)
    pinned = re.findall(r"^([a-z0-9._-]+)(?:\[\S+\])?==(\S+)", LOCK, re.MULTILINE)
    assert [(part["name"], part["version"]) for part in sbom["components"]] == pinned
    references = {"pkg:pypi/daas@2.0.0", *(part["bom-ref"] for part in sbom["components"])}
    assert {reference for entry in sbom["dependencies"] for reference in entry["dependsOn"]} <= references


def test_bill_of_materials_says_what_needs_what() -> None:
    lock = """# This file was made.
anyio==4.16.0 \\
    --hash=sha256:59bb
    # via httpx
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:59bc
    # via
    #   daas (setup.cfg)
    #   httpx
httpx==0.28.1
    # via daas (setup.cfg)
"""
    sbom: dict[str, Any] = json.loads(json.dumps(make_sbom("1.0.0", lock)))
    assert [part["scope"] for part in sbom["components"]] == ["required", "optional", "required"]
    needs = {entry["ref"].partition("@")[0]: entry["dependsOn"] for entry in sbom["dependencies"]}
    assert needs == {
        "pkg:pypi/daas": ["pkg:pypi/colorama@0.4.6", "pkg:pypi/httpx@0.28.1"],
        "pkg:pypi/anyio": [],
        "pkg:pypi/colorama": [],
        "pkg:pypi/httpx": ["pkg:pypi/anyio@4.16.0", "pkg:pypi/colorama@0.4.6"],
    }


def test_lock_with_an_unpinned_package_is_rejected() -> None:
    with pytest.raises(ValueError, match="not pinned: httpx>=1"):
        [*read_lock("# Made\nhttpx>=1\n")]


@pytest.mark.slow
@pytest.mark.processes
def test_release_needs_its_section_in_the_changelog(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    (copy / "CHANGELOG.md").write_text("# Changelog\n")
    command = [sys.executable, "-m", "release", str(tmp_path / "dist")]
    errors = []
    for step in (["true"], ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "x"]):
        subprocess.run(step, cwd=copy, check=True)
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=60)
        errors.append((done.returncode, done.stderr.partition(":")[0].partition("\n")[0]))
    assert errors[0] == (1, "The checkout has changes that are not committed")
    assert errors[1][0] == 1
    assert errors[1][1].startswith("CHANGELOG.md has no section `## ")
