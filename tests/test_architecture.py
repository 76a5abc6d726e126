"""The rules of the code's structure that import-linter does not check."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

import daas

from .support.servers import ROOT

PACKAGE = Path(daas.__file__).parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ROOMS = re.findall(r"^\| `.*$", CONTRIBUTING, re.MULTILINE)
# These rooms run without Flask, for people who have only the client or who check another server.
STANDALONE = [path for room in ("signing", "client", "conformance") for path in sorted((PACKAGE / room).rglob("*.py"))]


def modules_of_daas_imported_by(path: Path) -> set[str]:
    """Return the modules of daas that a file imports anywhere in it, by their names below daas; daas itself is ''."""
    package = ["daas", *path.relative_to(PACKAGE).parts[:-1]]
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parent = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import x` imports a module or a name of a module: both are returned with `x`.
            imported |= {f"{parent}.{alias.name}" for alias in node.names}
    return {name.removeprefix("daas").lstrip(".") for name in imported if name == "daas" or name.startswith("daas.")}


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


@pytest.mark.parametrize("path", STANDALONE, ids=relative)
def test_signing_client_and_kit_import_only_signing(path: Path) -> None:
    rooms = {name.partition(".")[0] for name in modules_of_daas_imported_by(path)}
    assert rooms <= {"signing", path.relative_to(PACKAGE).parts[0]}


def test_imports_of_a_file_are_found() -> None:
    assert "signing.mechanism.sign" in modules_of_daas_imported_by(PACKAGE / "client" / "signature.py")
    assert "storage.transactions.Statement" in modules_of_daas_imported_by(PACKAGE / "mailboxes" / "move_message.py")
    assert "migrations" in modules_of_daas_imported_by(PACKAGE / "server" / "start_checks.py")


@pytest.mark.processes
def test_client_signing_and_kit_need_no_flask_and_no_sqlalchemy() -> None:
    names = [".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts) for path in STANDALONE]
    program = f"import sys, {', '.join(names)}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    modules = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert "daas" in modules
    assert modules & {"flask", "sqlalchemy", "flask_sqlalchemy", "werkzeug", "requests"} == set()


def test_every_view_states_its_authentication(app: Flask) -> None:
    undeclared = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if not callable(getattr(app.view_functions[rule.endpoint], "authentication", None))
    }
    assert "/direct/messages/move/format/json" in {rule.rule for rule in app.url_map.iter_rules()}
    assert undeclared == set()


def test_contributing_has_a_line_on_every_room() -> None:
    named = {name for row in ROOMS for name in re.findall(r"`([a-z_]+)(?:/|\.py)`", row.split("|")[1])}
    present = {path.stem for path in PACKAGE.iterdir() if path.name not in {"__init__.py", "__pycache__", "py.typed"}}
    assert named == present


def test_contributing_shows_the_import_rules_that_are_checked() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / "setup.cfg")
    layers = rules["importlinter:contract:floors"]["layers"].replace("daas.", "").strip().splitlines()
    assert "\n".join(f"    {layer.strip()}" for layer in layers) in CONTRIBUTING
