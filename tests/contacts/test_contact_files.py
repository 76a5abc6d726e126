"""`daas contacts import` and `export`: a file is imported whole or not at all."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daas.contacts.csv_files import COLUMNS, protect_cell, restore_cell
from daas.settings import Settings

from ..support.commands import Commands
from .caller import Caller


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def listed(caller: Caller) -> Caller:
    """Return an application with a list of two contacts."""
    caller.make_list()
    caller.add(1, "a@x.org", "b@x.org")
    return caller


def put(daas: Commands, text: bytes | str) -> Path:
    path = daas.directory / "contacts.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def shown(caller: Caller) -> dict[str, str]:
    return caller.ask("GET", "/v1/contacts.json/1/contacts").json


@pytest.mark.both_databases
def test_file_is_imported_after_existing_contacts(daas: Commands, listed: Caller) -> None:
    put(daas, '\ufeffName,EMAIL_ADDRESS,dob\r\n"Ann, ""A""", c@x.org ,\r\nÉlo\u2028ïse,d@x.org,"1 June\n1970"\r\n')
    done = daas.json("contacts", "import", "1", "contacts.csv", "--application", listed.application.name)
    assert done == {"list": "1", "imported": 2, "ids": ["3", "4"]}
    assert shown(listed) == {"1": "a@x.org", "2": "b@x.org", "3": "c@x.org", "4": "d@x.org"}
    listed.add(1, "e@x.org")
    assert [*shown(listed)] == ["1", "2", "3", "4", "5"]


@pytest.mark.both_databases
def test_exported_file_can_be_imported_again(daas: Commands, listed: Caller, make_caller: Callable[..., Any]) -> None:
    put(daas, 'email_address,address,zip_code\nc@x.org,"1 Main St\n""Apt"" 2",01234\n')
    name = listed.application.name
    daas.json("contacts", "import", "1", "contacts.csv", "--application", name)
    done = daas.json("contacts", "export", "1", "out.csv", "--application", name)
    assert done == {"list": "1", "exported": 3, "path": "out.csv"}
    path = daas.directory / "out.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in daas.directory.iterdir() if each.name.startswith("out")] == ["out.csv"]
    rows = [*csv.reader(io.StringIO(path.read_text(), newline=""))]
    assert rows[0] == [*COLUMNS]
    assert dict(zip(rows[0], rows[3], strict=True)) == dict.fromkeys(COLUMNS, "") | {
        "id": "3",
        "email_address": "c@x.org",
        "address": '1 Main St\n"Apt" 2',
        "zip_code": "01234",
    }
    printed = daas.run("contacts", "export", "1", "-", "--application", name)
    assert [*csv.reader(io.StringIO(printed.text, newline=""))] == rows
    daas.wrong_usage("contacts", "export", "1", "-", "--application", name, "--json")
    other = make_caller()
    other.make_list()
    daas.json("contacts", "import", "1", "out.csv", "--application", other.application.name)
    daas.json("contacts", "export", "1", "again.csv", "--application", other.application.name)
    assert (daas.directory / "again.csv").read_bytes() == path.read_bytes()


FORMULAS = ["=1+1", "+1 555", "-5", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''@x", "'\t"]  # noqa: RUF001
TEXTS = ["", "a=1", " =1", "'", "'a", "''", "1-2", "Zoë"]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_cell_that_begins_like_a_formula_gets_an_apostrophe(text: Any) -> None:
    assert protect_cell(text) == "'" + text
    assert restore_cell(protect_cell(text)) == text


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_other_cells_are_left_as_they_are(text: Any) -> None:
    assert protect_cell(text) == restore_cell(text) == text


@given(st.text(st.sampled_from("'=+-@\t\r\nＡ＝a "), max_size=8))  # noqa: RUF001
def test_protected_cell_is_restored_exactly(text: Any) -> None:
    assert restore_cell(protect_cell(text)) == text
    assert not protect_cell(text).startswith(tuple("=+-@\t\r"))


def test_export_of_formulas_is_imported_unchanged(
    daas: Commands, listed: Any, make_caller: Callable[..., Caller]
) -> None:
    row = ["=cmd@x.org", "=1+1", "'=1", "+1 555", "-5", "@home"]
    text = io.StringIO()
    csv.writer(text).writerows([["email_address", "name", "company", "phone", "city", "state"], row])
    put(daas, text.getvalue())
    daas.json("contacts", "import", "1", "contacts.csv", "--application", listed.application.name)
    daas.json("contacts", "export", "1", "out.csv", "--application", listed.application.name)
    (*_, shown) = csv.DictReader(io.StringIO((daas.directory / "out.csv").read_text(), newline=""))
    fields = ["email_address", "name", "company", "phone", "city", "state"]
    # The import takes '=1 of a foreign file for a protected =1.
    assert [shown[field] for field in fields] == ["'=cmd@x.org", "'=1+1", "'=1", "'+1 555", "'-5", "'@home"]
    other = make_caller()
    other.make_list()
    daas.json("contacts", "import", "1", "out.csv", "--application", other.application.name)
    daas.json("contacts", "export", "1", "again.csv", "--application", other.application.name)
    assert (daas.directory / "again.csv").read_bytes() == (daas.directory / "out.csv").read_bytes()
    assert other.ask("GET", "/v1/contacts.json/1/contacts").json["3"] == "=cmd@x.org"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "email_address\nc@x.org\nnobody\n\n",
            ["3: 'email_address' contains", "4: has 0 columns, not 1"],
        ),
        ("email_address,name\nc@x.org\n,x\n", ["2: has 1 columns, not 2", "3: 'email_address' is a required field."]),
        ("email_address\nc@x.org\nd@x.org\nC@X.org\n", ["4: has the address of line 2"]),
        ("email_address\nB@x.org\nc@x.org\na@x.org\n", ["2: has an address that", "4: has an address that"]),
        ("email_address,zip_code\nc@x.org," + "1" * 256 + "\n", ["2: 'zip_code' contains invalid input"]),
        ('email_address\nc@x.org\n"d@x.org\n', ["3: is no CSV: unexpected end of data"]),
        ("name\nAnn\n", ["1: has other columns than id, email_address"]),
        ("email_address,e-mail\nc@x.org,x\n", ["1: has other columns"]),
        ("email_address,email_address\nc@x.org,d@x.org\n", ["1: has other columns"]),
        ("", ["1: has other columns"]),
    ],
)
def test_every_wrong_line_is_named_and_nothing_is_imported(
    daas: Commands, listed: Caller, text: str, errors: list[str]
) -> None:
    put(daas, text)
    outcome = daas.run("contacts", "import", "1", "contacts.csv", "--application", listed.application.name)
    assert (outcome.status, outcome.stdout) == (1, b"")
    *messages, sentence = outcome.stderr.splitlines()
    assert [line.startswith(f"contacts.csv:{fault}") for line, fault in zip(messages, errors, strict=True)] == [
        True
    ] * len(errors)
    assert sentence == f"Error: Nothing was imported: {len(errors)} of the file's lines are wrong."
    assert "x.org" not in outcome.stderr
    assert shown(listed) == {"1": "a@x.org", "2": "b@x.org"}
    listed.add(1, "c@x.org")
    assert [*shown(listed)] == ["1", "2", "3"]


@pytest.mark.both_databases
def test_long_file_is_imported_whole_or_not_at_all(daas: Commands, listed: Caller) -> None:
    lines = [f"n{n}@y.org" for n in range(2500)]
    put(daas, "\n".join(["email_address", *lines, "A@x.org"]))
    name = listed.application.name
    assert daas.run("contacts", "import", "1", "contacts.csv", "--application", name).status == 1
    assert len(shown(listed)) == 2
    put(daas, "\n".join(["email_address", *lines]))
    done = daas.json("contacts", "import", "1", "contacts.csv", "--application", name)
    assert done == {"list": "1", "imported": 2500, "ids": ["3", "2502"]}
    page = listed.ask("GET", "/v1/contacts.json/1/contacts/?offset=2001&pagesize=2").json
    assert page == {"2002": "n1999@y.org", "2003": "n2000@y.org"}


def test_file_without_contacts_imports_none(daas: Commands, listed: Caller) -> None:
    put(daas, "email_address\n")
    done = daas.json("contacts", "import", "1", "contacts.csv", "--application", listed.application.name)
    assert done == {"list": "1", "imported": 0, "ids": []}


@pytest.mark.parametrize("command", ["import", "export"])
def test_unknown_list_or_application_is_an_error(
    daas: Commands, listed: Caller, make_caller: Callable[..., Any], command: str
) -> None:
    put(daas, "email_address\nc@x.org\n")
    other = make_caller().application.name
    rejection = daas.error("contacts", command, "1", "contacts.csv", "--application", other)
    assert rejection == "The application has no list 1."
    rejection = daas.error("contacts", command, "1", "contacts.csv", "--application", "nobody")
    assert rejection == "There is no application 'nobody'."
    assert (daas.directory / "contacts.csv").read_text() == "email_address\nc@x.org\n"
    assert "--application" in daas.wrong_usage("contacts", command, "1", "contacts.csv")


def test_unreadable_or_unwritable_file_is_an_error(daas: Commands, listed: Caller) -> None:
    name = listed.application.name
    put(daas, b"email_address\n\xff@x.org\n")
    sentence = "contacts.csv cannot be read, or is not UTF-8."
    assert daas.error("contacts", "import", "1", "contacts.csv", "--application", name) == sentence
    assert "cannot be read" in daas.error("contacts", "import", "1", "missing.csv", "--application", name)
    rejection = daas.error("contacts", "export", "1", "missing/out.csv", "--application", name)
    assert rejection == "missing/out.csv cannot be written: No such file or directory."
