"""Scenarios: two nodes with one PostgreSQL, behind nginx with deploy/nginx.conf."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from daas.migrations import head_revision
from tests.support.nginx import PROGRAM, Nginx
from tests.support.servers import ROOT, environment

from .load import Load
from .service import Service
from .trial import Missing, Trial

# A migration such as the next release could have: it only adds.
_NEXT_MIGRATION = '''"""What the next release adds."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    """Add a column and a table."""
    op.add_column("mailbox", sa.Column("next_note", sa.String(100), nullable=True))
    op.create_table("next_table", sa.Column("id", sa.BigInteger(), primary_key=True))
'''


def node_killed(trial: Trial) -> None:
    """Kill one of two nodes repeatedly, while clients move messages through nginx."""
    times = 2 if trial.quick else 8
    nginx, nodes = _start(trial)
    with Load(nginx.connect, trial.application, trial.journal) as load:
        for turn in range(times):
            node = nodes[turn % 2]
            trial.journal.await_moves(100)
            node.kill_all()
            trial.journal.await_moves(100)
            node.start()
            _await_moves_of(node)
    trial.note(f"one of two nodes killed {times} times under {load.clients} clients, and serving again each time")
    # nginx returns 503 for requests that a killed node had begun; sometimes it closes the connection instead.
    trial.check(also={503}, in_doubt={503, None}, may_lose=True)


def rolling_restart(trial: Trial) -> None:
    """Deploy the next release under load: first the database, then one node after the other."""
    nginx, nodes = _start(trial)
    # Each request has its own connection: nginx closes idle ones when it reloads the list of nodes.
    with Load(nginx.connect, trial.application, trial.journal, keeps=False) as load:
        trial.journal.await_moves(100)
        release = _make_next_release(trial.directory / "next")
        command = [sys.executable, "-c", "from daas.cli import main; main()", "db", "upgrade"]
        environ = environment(trial.settings, PYTHONPATH=str(release))
        subprocess.run(command, cwd=release, env=environ, check=True, capture_output=True)
        trial.journal.await_moves(100)
        _require_ready(trial, nodes)
        for node in nodes:
            others = [f"127.0.0.1:{each.port}{' down' if each is node else ''}" for each in nodes]
            nginx.write_nodes(others)
            nginx.reload()
            node.send(signal.SIGTERM)
            node.wait()
            node.release = release
            node.start()
            _require_ready(trial, [node])
            nginx.write_nodes([f"127.0.0.1:{each.port}" for each in nodes])
            nginx.reload()
            _await_moves_of(node)
    trial.note(f"a migration and two nodes of the next release, one after the other, under {load.clients} clients")
    trial.check()


def _start(trial: Trial) -> tuple[Nginx, list[Service]]:
    """Start and return nginx and two nodes behind it; raise Missing if nginx is not installed."""
    if PROGRAM is None:
        raise Missing("nginx is missing: apt-get install nginx")
    environ = {"DAAS_WORKERS": "2", "DAAS_TRUSTED_PROXIES": "127.0.0.1"}
    trial.start(DAAS_WORKERS="2", DAAS_TRUSTED_PROXIES="127.0.0.1")
    other = Service(trial.settings, trial.directory / "other.log", **environ)
    trial.at_end.callback(other.stop)
    other.start()
    nodes = [trial.service, other]
    directory = trial.directory / "nginx"
    directory.mkdir()
    nginx = trial.at_end.enter_context(Nginx(directory, [f"127.0.0.1:{node.port}" for node in nodes]).running())
    return nginx, nodes


def _require_ready(trial: Trial, nodes: list[Service]) -> None:
    for node in nodes:
        answer = httpx.get(f"http://127.0.0.1:{node.port}/health/ready", trust_env=False, timeout=30)
        trial.require(answer.status_code == 200, f"A node is not ready: {answer.text}.")


def _await_moves_of(node: Service) -> None:
    """Wait until a restarted node moves messages; raise TimeoutError."""
    deadline = time.monotonic() + 30
    while not _moves_of(node):
        if time.monotonic() > deadline:
            raise TimeoutError("A restarted node gets no requests.")
        time.sleep(0.1)


def _moves_of(node: Service) -> int:
    """Return how many messages a node has moved since it started."""
    text = httpx.get(f"http://127.0.0.1:{node.port}/metrics", trust_env=False, timeout=30).text
    return sum(int(float(line.rpartition(" ")[2])) for line in text.splitlines() if 'reason="moved"' in line)


def _make_next_release(folder: Path) -> Path:
    """Copy this release with one more migration, and return its folder."""
    shutil.copytree(ROOT / "daas", folder / "daas")
    for name in ("templates", "examples"):
        shutil.copytree(ROOT / name, folder / "daas" / name)
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, folder)
    versions = folder / "daas" / "migrations" / "versions"
    (versions / "9999_next.py").write_text(_NEXT_MIGRATION.format(head=head_revision()))
    return folder
