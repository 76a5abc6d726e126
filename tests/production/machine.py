"""An empty Debian, made by debootstrap in memory, with a network of its own."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SUITE = "bookworm"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

# A Debian that somebody installed has these, and many others.
_PACKAGES = "ca-certificates,procps,systemd"

# The processes in the machine end with this one, its files and mounts with its namespace.
_HOLD = """
mount -t tmpfs -o mode=755 tmpfs "$1"
tar --extract --file="$2" --directory="$1"
ip link set lo up
echo ready
exec sleep infinity
"""
_MAKE = f"""
mount -t tmpfs -o mode=755 tmpfs "$1"
debootstrap --variant=minbase --include={_PACKAGES} {SUITE} "$1" "$3"
cp --recursive "$4/." "$1"
tar --create --one-file-system --file="$2" --directory="$1" .
"""
_MOUNTS = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/dev/shm"
mount -t tmpfs tmpfs "$1/run"
"""


class Machine:
    """A root directory and the namespaces of its processes."""

    def __init__(self, root: Path, holder: int) -> None:
        self._root, self._holder = root, holder

    @property
    def root(self) -> Path:
        """The root directory, as the tests see it from outside."""
        return Path(f"/proc/{self._holder}/root{self._root}")

    def command(self, *command: str | Path, online: bool) -> list[str | Path]:
        """Return a command that runs another in the namespaces of the machine; `online` with this machine's network."""
        namespaces = ["--mount", "--pid", *([] if online else ["--net"])]
        return ["nsenter", f"--target={self._holder}", *namespaces, *command]

    def run(self, script: str, *, online: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the lines of a shell in the machine, as root, until one fails; `online` with this machine's network."""
        environ = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name}
        return subprocess.run(
            self.command("chroot", self._root, "bash", "-e", "-o", "pipefail", online=online),
            input=f"cd /root\n{script}",
            env={
                **environ,
                "PATH": "/opt/test:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "DEBIAN_FRONTEND": "noninteractive",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@contextmanager
def running_machine(archive: Path, directory: Path) -> Iterator[Machine]:
    """Let a Debian run that was made by `make_debian`."""
    namespaces = ["--mount", "--pid", "--net", "--fork", "--kill-child"]
    command = ["unshare", *namespaces, "sh", "-e", "-c", _HOLD, "sh", str(directory), str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "ready\n"
            children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            machine = Machine(directory, int(children[0]))
            subprocess.run(machine.command("sh", "-e", "-c", _MOUNTS, "sh", directory, online=False), check=True)
            shutil.copyfile(Path(__file__).with_name("systemctl.py"), machine.root / "opt/test/systemctl")
            (machine.root / "opt/test/systemctl").chmod(0o755)
            yield machine
        finally:
            holder.kill()


def make_debian(directory: Path) -> Path:
    """Return an archive of an empty Debian; skip the test where none can be made."""
    for command, package in {"debootstrap": "debootstrap", "nsenter": "util-linux", "ip": "iproute2"}.items():
        if shutil.which(command, path=PATH) is None:
            pytest.skip(f"{command} is missing: apt-get install {package}")
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    mirror, sources = _mirror_and_sources()
    root, archive = directory / "root", directory / "debian.tar"
    root.mkdir()
    prepared = directory / "prepared"
    _configure(prepared, sources)
    made = subprocess.run(
        ["unshare", "--mount", "sh", "-e", "-c", _MAKE, "sh", root, archive, mirror, prepared],
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if made.returncode != 0 and re.search("download|retriev", made.stdout + made.stderr):
        pytest.skip("the mirror of Debian is unreachable")
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return archive


def _mirror_and_sources() -> tuple[str, list[str]]:
    """Return where apt of this machine has Debian from, and the lines of sources.list."""
    form = "$(SITE)|$(RELEASE)|$(COMPONENT)|$(CODENAME)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("|") for line in sorted({*listed.stdout.splitlines()})]
    sources = [row[:3] for row in rows if row[3].startswith(SUITE)]
    mirrors = [site for site, release, component in sources if (release, component) == (SUITE, "main")]
    if not mirrors:
        pytest.skip(f"apt has no mirror of Debian {SUITE}")
    return mirrors[0], [f"deb {' '.join(row)}\n" for row in sources]


def _configure(directory: Path, sources: list[str]) -> None:
    """Write the files by which apt and pip of the Debian use what those of this machine use."""
    proxies = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout.splitlines()
    written = {
        "etc/apt/sources.list": "".join(sources),
        "etc/apt/apt.conf.d/proxies": "\n".join(line for line in proxies if "::Proxy " in line),
        # Nothing there has to survive a loss of power.
        "etc/dpkg/dpkg.cfg.d/quick": "force-unsafe-io\n",
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    }
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if Path("/", name).exists():
            written[name] = Path("/", name).read_text()
    for name, text in written.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    (directory / "usr/sbin/policy-rc.d").chmod(0o755)
    (directory / "opt/test").mkdir(parents=True)
