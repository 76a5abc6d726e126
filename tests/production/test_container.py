"""Containerfile and compose.yaml: the service in containers, with PostgreSQL and nginx."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import daas
from release.build import build_release

from ..support.servers import ROOT
from .machine import PATH

pytestmark = pytest.mark.alone

TOOLS = {
    "buildah": "buildah",
    "podman": "podman",
    "podman-compose": "podman-compose",
    "runc": "runc",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
PORT = 18443
SERVICE = "daas_daas_1"
PAGE = (ROOT / "docs" / "running-in-production.md").read_text()
# Instead of the images of a registry: the same variables and files.
STAND_INS = """
ARG BASE
FROM $BASE
RUN apt-get update && apt-get install --yes --no-install-recommends nginx postgresql
RUN rm /etc/nginx/sites-enabled/default
COPY start /start
CMD ["/start"]
"""
START = """#!/bin/sh -e
if [ -z "$POSTGRES_USER" ]; then exec nginx -g 'daemon off;'; fi
bin=/usr/lib/postgresql/15/bin
data=/var/lib/postgresql/data/main
chown postgres /var/lib/postgresql/data
install -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/password
as="runuser -u postgres --"
$as $bin/initdb --pgdata=$data --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --locale=C.UTF-8
echo "CREATE DATABASE $POSTGRES_USER" | $as $bin/postgres --single -D $data postgres
echo 'host all all all scram-sha-256' >>$data/pg_hba.conf
exec $as $bin/postgres -D $data -c listen_addresses='*'
"""


class Containers:
    """The tools of containers, over a storage and a network of their own."""

    def __init__(self, directory: Path, holder: int) -> None:
        self.directory, self._holder = directory, holder
        (directory / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "runc"\n'
            '[network]\nnetwork_backend = "netavark"\n'
            f'network_config_dir = "{directory}/networks"\n'
        )
        (directory / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/graph"\nrunroot = "{directory}/run"\n'
        )
        self.environ = {
            **os.environ,
            "CONTAINERS_CONF": str(directory / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
        }

    def run(self, *command: str | Path, online: bool = False, check: bool = True, **options: Any) -> str:
        """Run a command; return its output."""
        network = [] if online else ["nsenter", f"--net=/proc/{self._holder}/ns/net"]
        done = subprocess.run(
            [*network, *command],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
            **options,
        )
        assert done.returncode == 0 or not check, done.stdout[-3000:]
        return done.stdout

    def build(self, context: Path, name: str) -> None:
        """Build an image with apt and pip as this machine uses them."""
        here = [Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf")]
        mounts = [f"--volume={file}:{file}:ro" for file in here if file.exists()]
        command = ["buildah", "build", "--isolation=chroot", "--network=host", "--format=docker", *mounts]
        self.run(*command, "--build-arg=BASE=localhost/base", f"--tag=localhost/{name}", context, online=True)

    def execute(self, *command: str, **options: Any) -> str:
        """Run a command in the container of the service."""
        return self.run("podman", "exec", "--interactive", SERVICE, *command, **options)


@pytest.fixture(scope="module")
def containers(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    for command, package in TOOLS.items():
        if shutil.which(command, path=PATH) is None:
            pytest.skip(f"{command} is missing: apt-get install {package}")
    directory = tmp_path_factory.mktemp("containers")
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-e", "-c", "ip link set lo up; echo ready; exec sleep infinity"],
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        try:
            assert holder.stdout.readline() == "ready\n"
            made = Containers(directory, holder.pid)
            made.run("podman", "import", debian, "localhost/base")
            yield made
            made.run("podman", "rm", "--all", "--force")
            # Where podman has its layers, it leaves a mount.
            made.run("umount", directory / "graph" / "overlay", online=True, check=False)
        finally:
            holder.kill()


@pytest.fixture(scope="module")
def composed(containers: Containers) -> Containers:
    """Return the containers of compose.yaml, which have been started."""
    here = containers.directory
    build_release(ROOT, daas.__version__, here / "context" / "dist")
    shutil.copy(ROOT / "Containerfile", here / "context")
    containers.build(here / "context", "daas")
    stand_ins = here / "stand-ins"
    stand_ins.mkdir()
    (stand_ins / "Containerfile").write_text(STAND_INS)
    (stand_ins / "start").write_text(START)
    (stand_ins / "start").chmod(0o755)
    containers.build(stand_ins, "stand-ins")
    shutil.copy(ROOT / "compose.yaml", here)
    shutil.copytree(ROOT / "deploy", here / "deploy")
    containers.environ |= {
        "DAAS_IMAGE": "localhost/daas",
        "POSTGRESQL_IMAGE": "localhost/stand-ins",
        "NGINX_IMAGE": "localhost/stand-ins",
        "DAAS_PORT": str(PORT),
    }
    # The first of the page's commands build the image, which has been built.
    build, start = re.findall(r"```sh\n(.*?)```", PAGE[PAGE.index("\n## In containers\n") :], re.DOTALL)[:2]
    assert build == "make release\npodman build --format docker --tag localhost/daas .\n"
    containers.run("bash", "-e", "-c", start)
    return containers


def test_composed_service_moves_a_message_through_nginx(composed: Containers) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/health/ready').read())"
    deadline = time.monotonic() + 180
    while '"ok"' not in (said := composed.execute("/opt/daas/bin/python", "-c", ask, check=False)):
        assert time.monotonic() < deadline, said + composed.run("podman", "logs", SERVICE, check=False)
        time.sleep(1)
    program = "/opt/daas/bin/daas"
    composed.execute(program, "mailbox", "add", "test.user")
    composed.execute("sh", "-c", "cat >letter.eml", input="Subject: Lab results\n\nText\n")
    composed.execute(program, "message", "import", "test.user", "letter.eml")
    keys = composed.execute(program, "application", "register", "pilot", "--mailbox", "test.user", "--json")
    (composed.directory / "pilot.json").write_text(keys)
    (composed.directory / "pilot.json").chmod(0o600)
    # Its certificate is for daas.example.org.
    (composed.directory / "hosts").write_text("127.0.0.1 daas.example.org\n")
    composed.environ["SSL_CERT_FILE"] = str(composed.directory / "secrets/tls/certificate.pem")
    move = f"{Path(sys.executable).with_name('daas')} move test.user 1 Archived --key-file pilot.json"
    known = "mount --bind hosts /etc/hosts"
    moved = composed.run(
        "unshare", "--mount", "sh", "-e", "-c", f"{known}; {move} --url https://daas.example.org:{PORT}"
    )
    assert '"mailbox":"test.user","id":"1","folder":"Archived"}' in moved


def test_container_of_the_service_has_no_permissions(composed: Containers) -> None:
    said = composed.execute("sh", "-c", "id -u; touch /opt/daas/new /usr/new 2>&1; grep CapEff /proc/self/status")
    lines = said.splitlines()
    assert lines[0] == "10001"
    assert said.count("Read-only file system") == 2
    assert lines[-1].split()[1] == "0" * 16
    inspected = json.loads(composed.run("podman", "image", "inspect", "localhost/daas"))
    assert inspected[0]["User"] == "10001"


def test_health_check_of_the_image_passes(composed: Containers) -> None:
    composed.run("podman", "healthcheck", "run", SERVICE)
