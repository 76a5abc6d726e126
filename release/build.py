"""Build the wheel and the source distribution, equal byte for byte whenever and wherever they are built."""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from .sbom import make_sbom

_BUILD = """
import sys, setuptools.build_meta as backend
target = sys.argv[1]  # The backend changes sys.argv.
backend.build_sdist(target)
backend.build_wheel(target)
"""


def build_release(checkout: Path, version: str, target: Path) -> list[Path]:
    """Write a release of the tracked files of a checkout into a directory, and return its files.

    These are the wheel, the source distribution, the lock file of what they need, the bill of materials, and
    SHA256SUMS over the others. Their only time is that of the checkout's commit.
    """
    target.mkdir(parents=True, exist_ok=True)
    epoch = int(_git(checkout, "log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory(prefix="daas-release-") as directory:
        source = Path(directory, "source")
        _copy_tracked_files(checkout, source)
        # The source distribution has all tracked files.
        (source / "MANIFEST.in").write_text("graft .\n")
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        built = Path(directory, "built")
        built.mkdir()
        command = [sys.executable, "-W", "ignore", "-c", _BUILD, str(built)]
        subprocess.run(command, cwd=source, env=environ, umask=0o022, check=True, stdout=subprocess.DEVNULL)
        names = sorted(path.name for path in built.iterdir())
        for name in names:
            shutil.copyfile(built / name, target / name)
    _normalize(target / f"daas-{version}.tar.gz", epoch)
    lock = (checkout / "requirements.txt").read_text()
    (target / "requirements.txt").write_text(lock)
    sbom = f"daas-{version}.cdx.json"
    (target / sbom).write_text(json.dumps(make_sbom(version, lock), indent=2) + "\n")
    files = [target / name for name in sorted([*names, "requirements.txt", sbom])]
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (target / "SHA256SUMS").write_text(sums)
    return [*files, target / "SHA256SUMS"]


def uncommitted_changes(checkout: Path) -> str:
    """Return what a checkout has that its commit has not; an empty text if they are the same."""
    return _git(checkout, "status", "--porcelain")


def _copy_tracked_files(checkout: Path, target: Path) -> None:
    for name in _git(checkout, "ls-files", "-z").split("\0"):
        file = checkout / name
        if not name or not file.is_file():
            continue
        copy = target / name
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(0o755 if os.access(file, os.X_OK) and file.stat().st_mode & 0o100 else 0o644)


def _normalize(archive: Path, epoch: int) -> None:
    """Write a source distribution again, with one time, one owner and a fixed order."""
    written = io.BytesIO()
    with (
        tarfile.open(archive) as built,
        gzip.GzipFile("", "wb", fileobj=written, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archived,
    ):
        for member in sorted(built.getmembers(), key=lambda each: each.name):
            normal = tarfile.TarInfo(member.name)
            normal.type, normal.size, normal.mtime = member.type, member.size, epoch
            normal.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            archived.addfile(normal, built.extractfile(member) if member.isfile() else None)
    archive.write_bytes(written.getvalue())


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", checkout, *arguments], check=True, capture_output=True, text=True)
    return done.stdout
