"""docs/running-in-production.md is true: its commands, in their order, on an empty Debian."""

import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import daas
from release.build import build_release

from ..support.servers import ROOT
from .machine import Machine, running_machine

pytestmark = pytest.mark.alone

PAGE = (ROOT / "docs" / "running-in-production.md").read_text()
# The embedded database and the containers have tests of their own.
ON_DEBIAN = re.sub(r"##+ (?:The embedded database|In containers)\n.*?(?=\n## )", "", PAGE, flags=re.DOTALL)
BLOCKS = re.findall(r"```sh\n(.*?)```", ON_DEBIAN, re.DOTALL)
RELEASES = re.findall(r"^version=(\S+)$", PAGE, re.MULTILINE)
MAIL = b"From a@b Mon Nov  2 15:00:00 2026\nFrom: a@example.org\nSubject: Lab results\n\nText\n"


@pytest.fixture(scope="module")
def machine(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running_machine(debian, tmp_path_factory.mktemp("machine")) as made:
        yield made


def test_page_installs_this_release_and_upgrades_to_a_later_one() -> None:
    assert RELEASES[0] == daas.__version__
    assert [*map(int, RELEASES[1].split("."))] > [*map(int, RELEASES[0].split("."))]


def test_commands_of_the_page_serve_a_move_and_keep_the_service(machine: Machine, tmp_path: Path) -> None:
    home = machine.root / "root"
    for version in RELEASES:
        build_release(checkout_of(version, tmp_path / version), version, home / f"daas-{version}")
    (home / "inbox.mbox").write_bytes(MAIL)
    output = ""
    for block in BLOCKS:
        done = machine.run(block, online="apt-get" in block or "pip install" in block)
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{log_of(machine)}"
        output += done.stdout
    # The first move.
    assert '"mailbox":"test.user","id":"1","folder":"Archived"}' in output
    # The backup, restored, and what came later.
    served = machine.run("curl -sS http://127.0.0.1:8000/health/ready; daas message list test.user --json")
    assert served.stdout.startswith('{"status":"ok"}[{"id": "1", "mailbox": "test.user", "folder": "Archived"'), served
    moved = machine.run(
        "SSL_CERT_FILE=/etc/daas/tls/certificate.pem daas move test.user 1 Sent "
        "--url https://daas.example.org --key-file /root/pilot-2.json"
    )
    assert '"folder":"Sent"}' in moved.stdout, moved
    assert daas_version(machine) == RELEASES[1]
    check_secrets(machine.root)


def checkout_of(version: str, target: Path) -> Path:
    """Return a copy of the checkout that has another version."""
    if version == daas.__version__:
        return ROOT
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, target], check=True)
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)
    subprocess.run(["git", "-C", target, "add", "--all"], check=True)
    about = target / "daas" / "__init__.py"
    about.write_text(about.read_text().replace(daas.__version__, version))
    return target


def daas_version(machine: Machine) -> str:
    return machine.run("daas --version").stdout.split()[-1]


def log_of(machine: Machine) -> str:
    log = machine.root / "var/log/daas.log"
    return log.read_text()[-3000:] if log.exists() else ""


def check_secrets(root: Path) -> None:
    """Check that nobody but root reads the secrets, and nobody but their users the backups and seals."""

    def permissions(path: str) -> int:
        return stat.S_IMODE((root / path).stat().st_mode)

    assert permissions("etc/daas/secrets") == permissions("etc/daas/tls") == 0o700
    assert (
        permissions("var/lib/daas-backup") == permissions("var/lib/daas-seals") == permissions("var/lib/daas") == 0o700
    )
    secret = [*(root / "etc/daas/secrets").iterdir(), *(root / "var/lib/daas-backup").iterdir()]
    secret += [*(root / "var/lib/daas-seals").iterdir(), *(root / "root").glob("*.json*"), root / "root/daas.dump"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert len(secret) > 8
    assert "alembic_version" not in (root / "var/log/daas.log").read_text()
