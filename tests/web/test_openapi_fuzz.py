"""schemathesis against the real server: every request that it generates gets a documented response."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from daas.applications.registry import SERVICES
from daas.records.request_log import RequestLogRow
from daas.storage.engine import db

from ..contacts.caller import Caller
from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import ROOT, LiveServer

# As many as the module of the hooks, which only schemathesis itself can load, assumes.
CONTACTS = 200

# These checks assume that a schema defines everything, also dates, integers that are not 1.0, existing messages, null
# that counts as missing, and a thousand ids that are more than the largest body holds.
# tests/web/test_openapi.py tests the formats of the arguments.
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
# A list has two URLs, of which the document has the first for each of its calls: each serves more methods than that.
CONFIGURATION = """\
[[operations]]
include-path = "/v1/lists.json/{name_or_id}"

[operations.checks]
unsupported_method.enabled = false
allow_header_conformance.enabled = false
"""


def statuses(app: Flask, application: Application) -> Any:
    """Return the statuses in the log of an application, by service."""
    with app.app_context():
        columns = RequestLogRow.service, RequestLogRow.status
        rows = db.session.execute(
            select(*columns).where(RequestLogRow.application == application.name).distinct()
        ).all()
    return {service: {row.status for row in rows if row.service == service} for service, _ in rows}


@pytest.mark.slow
def test_every_response_is_documented(server: LiveServer, app: Flask, build: Builder, tmp_path: Path) -> None:
    application = build.application(mailboxes=[build.mailbox()], services=SERVICES)
    caller = Caller(application)
    caller.add(caller.make_list(), *(f"{number}@x.org" for number in range(CONTACTS)))
    caller.make_list()
    box = application.mailbox
    report = tmp_path / "report.json"
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            f"{server.url}/openapi.json",
            f"--exclude-checks={LEFT_OUT}",
            "--max-examples=50",
            "--seed=1",
            "--continue-on-failure",
            "--no-color",
            f"--report-json-path={report}",
        ],
        # schemathesis stores its examples in the working directory.
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "DAAS_PUBLIC_KEY": application.keys.public_key,
            "DAAS_PRIVATE_KEY": application.keys.private_key,
            "KNOWN_MAILBOX": box.name,
            "KNOWN_ID": box.message,
            "KNOWN_FOLDER": box.folder,
        },
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    messages = json.loads(report.read_text())
    assert messages["operations"]["tested"] == 23
    # A warning says, for example, that no request to a call was authenticated.
    assert {name: found for name, found in messages["warnings"].items() if found} == {}
    responded = statuses(app, application)
    for service in SERVICES:
        # No mailbox is named in a request for the application's own log.
        user = set() if service == "direct/requests" else {403}
        assert {200, 422} | user <= responded[service] or {200, 201, 404, 422} <= responded[service]
