"""What lies in deploy/ for operators is what systemd takes; nginx.conf has tests of its own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .servers import ROOT

UNIT = (ROOT / "deploy" / "daas.service").read_text()


def test_systemd_accepts_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    program = Path(sys.executable).with_name("gunicorn")
    unit = tmp_path / "daas.service"
    unit.write_text(UNIT.replace("/opt/daas/.venv/bin/gunicorn", str(program)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_the_unit_waits_longer_than_requests_that_have_arrived():
    patience = int(re.search(r"^graceful_timeout = (\d+)$", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)[1])
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[1]) > patience
