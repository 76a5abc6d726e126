"""The `daas` command: its output, its errors, and the effect of its changes."""

import base64
import hashlib
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from daas import migrations
from daas.app import create_app
from daas.applications.registry import DEFAULT_SERVICES, SERVICES
from daas.settings import Settings
from daas.signing.mechanism import KeyPair
from daas.storage.engine import db

from ..support.actors import MOVE, Application, authorization
from ..support.builders import Builder, Mailbox
from ..support.commands import Commands, all_commands, new_name, sentence_of
from ..support.servers import LiveServer

APPLICATION = ["name", "public_key", "services", "mailboxes", "all_mailboxes", "require_content_md5", "suspended"]
REGISTERED = [*APPLICATION[:2], "private_key", *APPLICATION[2:]]
LISTED = [*APPLICATION, "content_md5", "networks", "rate_limit", "explain_401", "explain_until", "keys"]
SHOWN = [*LISTED, "calls_with_body", "calls_unbound", "calls_since"]
REQUEST = [
    "request_id",
    "at",
    "method",
    "path",
    "status",
    "application",
    "mailbox",
    "message",
    "folder_from",
    "folder",
    "reason",
    "remote_address",
    "duration_ms",
]
REQUEST_SHOWN = [*REQUEST, "service", "folder_requested", "unbound", "batch"]
# How Python represents an argument with bytes that are not UTF-8.
NOT_UTF_8 = "\udcff"
KEYS = KeyPair("public-key-0001.", "private-key-001/")


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def fresh(database_kind: str, make_settings: Callable[..., Settings], tmp_path: Path) -> Commands:
    """Return the command line over a database without data."""
    return Commands(make_settings(database_kind), tmp_path)


@pytest.fixture
def fresh_upgraded(fresh: Commands) -> Commands:
    fresh.run("db", "upgrade")
    return fresh


@pytest.fixture
def name(daas: Commands) -> str:
    """Return the name of a registered application."""
    return daas.json("application", "register", new_name("app"))["name"]


# The command itself.


def test_all_documented_commands_exist() -> None:
    assert {" ".join(path) for path, _ in all_commands()} >= {
        "db upgrade",
        *(f"application {verb}" for verb in ("register", "list", "show", "suspend", "resume", "grant", "revoke")),
        *(f"mailbox {verb}" for verb in ("add", "list", "suspend", "resume")),
        *(f"folder {verb}" for verb in ("add", "list")),
        *(f"message {verb}" for verb in ("import", "list", "show")),
        *(f"request {verb}" for verb in ("list", "show")),
        "sign",
        "move",
    }


@pytest.mark.parametrize("path", [(), *(path for path, _ in all_commands())], ids=" ".join)
def test_every_command_has_help(daas: Commands, path: tuple[str, ...]) -> None:
    outcome = daas.run(*path, "--help")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert re.match(rf"Usage: \S+ {' '.join(path)}.*\n\n  [A-Z][^\n]*\w", outcome.text)


@pytest.mark.parametrize(
    "args", [["nothing"], ["mailbox", "nothing"], ["mailbox", "add"], ["mailbox", "list", "--xml"]]
)
def test_unknown_option_or_command_is_wrong_usage(daas: Commands, args: list[str]) -> None:
    daas.wrong_usage(*args)


@pytest.mark.slow
@pytest.mark.processes
def test_results_and_errors_go_to_different_streams(daas: Commands, build: Builder) -> None:
    box = build.mailbox()
    listed = daas.run_apart("folder", "list", box.name, "--json")
    assert (listed.status, listed.stderr) == (0, "")
    assert json.loads(listed.stdout) == [{"id": box.folder, "mailbox": box.name, "name": "Custom 0"}]
    assert box.name in sentence_of(daas.run_apart("mailbox", "add", box.name, "--json"))
    wrong = daas.run_apart("application", "register", "x", "--service", "fax")
    assert (wrong.status, wrong.stdout) == (2, b"")


@pytest.mark.slow
@pytest.mark.processes
def test_invalid_setting_is_one_sentence(daas: Commands) -> None:
    assert sentence_of(daas.run_apart("mailbox", "list", DAAS_WORKERS="257")).startswith("DAAS_WORKERS must ")


@pytest.mark.both_databases
def test_a_database_without_tables_is_one_sentence(fresh: Commands) -> None:
    assert "daas db upgrade" in fresh.error("mailbox", "list")


def test_a_database_that_is_away_is_one_sentence(fresh: Commands) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://kim:hunter2@127.0.0.1:{closed.getsockname()[1]}/daas"
        sentence = fresh.error("mailbox", "list", DAAS_DATABASE_URL=url)
    assert "refused" in sentence
    assert "hunter2" not in sentence


@pytest.mark.both_databases
def test_upgrade_names_the_revision_of_this_release(fresh: Commands) -> None:
    expected = {"revision": migrations.head_revision()}
    assert fresh.json("db", "upgrade") == expected
    assert fresh.json("db", "upgrade") == expected
    assert fresh.run("db", "upgrade").text == f"revision  {migrations.head_revision()}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["application", "show"],
        ["application", "suspend"],
        ["application", "grant", "--all-mailboxes"],
        ["mailbox", "add"],
        ["mailbox", "suspend"],
        ["folder", "list"],
        ["message", "list"],
        ["application", "register"],
        ["application", "register", "x", "--mailbox"],
    ],
    ids=" ".join,
)
def test_name_that_is_not_utf_8_is_an_error_in_one_sentence(daas: Commands, command: list[str]) -> None:
    daas.error(*command, NOT_UTF_8)


# Applications.


def test_register_prints_new_keys_and_the_default_permissions(daas: Commands) -> None:
    name = new_name("app")
    made = daas.json("application", "register", name)
    assert [*made] == REGISTERED
    assert re.fullmatch("[0-9a-f]{64}", made["public_key"])
    assert re.fullmatch("[0-9a-f]{64}", made["private_key"])
    assert made["public_key"] != made["private_key"]
    assert {key: made[key] for key in made if not key.endswith("_key")} == {
        "name": name,
        "services": sorted(DEFAULT_SERVICES),
        "mailboxes": [],
        "all_mailboxes": False,
        "require_content_md5": False,
        "suspended": False,
    }


def test_register_accepts_permissions(daas: Commands, build: Builder) -> None:
    boxes = sorted(build.mailbox().name for _ in range(2))
    made = daas.json(
        *["application", "register", new_name("app"), "--service", "v1/lists", "--service", "direct/folders"],
        *["--mailbox", boxes[1].upper(), "--mailbox", boxes[0], "--mailbox", boxes[0]],
        *["--all-mailboxes", "--require-content-md5"],
    )
    assert made["services"] == ["direct/folders", "v1/lists"]
    assert made["mailboxes"] == boxes
    assert (made["all_mailboxes"], made["require_content_md5"]) == (True, True)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_can_be_granted(daas: Commands, service: str) -> None:
    made = daas.json("application", "register", new_name("app"), "--service", service)
    assert made["services"] == [service]


def test_two_applications_have_different_keys(daas: Commands) -> None:
    made = [daas.json("application", "register", new_name("app")) for _ in range(2)]
    assert len({keys[name] for keys in made for name in ("public_key", "private_key")}) == 4


def test_the_private_key_is_printed_once_and_never_again(daas: Commands, build: Builder) -> None:
    box = build.mailbox()
    made = daas.json("application", "register", new_name("app"))
    commands = [
        ["list"],
        ["show", made["name"]],
        ["suspend", made["name"]],
        ["resume", made["name"]],
        ["grant", made["name"], "--mailbox", box.name],
        ["revoke", made["name"], "--mailbox", box.name],
    ]
    for command in commands:
        shown = [daas.run("application", *command, *form).text for form in ([], ["--json"])]
        assert [made["public_key"] in text for text in shown] == [command != ["list"], True], command
        assert [made["private_key"] in text for text in shown] == [False, False], command


@pytest.mark.both_databases
def test_show_and_list_describe_an_application_alike(daas: Commands, build: Builder) -> None:
    box = build.mailbox()
    made = daas.json("application", "register", new_name("app"), "--mailbox", box.name)
    shown = daas.json("application", "show", made["name"])
    assert [*shown] == SHOWN
    assert {key: shown[key] for key in APPLICATION} == {key: made[key] for key in APPLICATION}
    listed = daas.json("application", "list")
    assert [each for each in listed if each["name"] == made["name"]] == [{part: shown[part] for part in LISTED}]
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)


def test_register_and_show_print_a_line_for_each_fact(daas: Commands) -> None:
    name = new_name("app")
    made = daas.run("application", "register", name)
    shown = daas.run("application", "show", name)
    assert [line.split()[0] for line in made.text.splitlines()] == REGISTERED
    assert [line.split()[0] for line in shown.text.splitlines()] == SHOWN
    assert f"name                 {name}\n" in shown.text
    assert f"services             {' '.join(sorted(DEFAULT_SERVICES))}\n" in shown.text
    assert "suspended            no\n" in shown.text


@pytest.mark.both_databases
def test_an_empty_list_is_an_empty_array_or_nothing(fresh_upgraded: Commands) -> None:
    for kind in ("application", "mailbox", "request"):
        assert fresh_upgraded.json(kind, "list") == []
        assert fresh_upgraded.run(kind, "list").stdout == b""


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "two\nlines", "bell\a"], ids=repr)
def test_invalid_application_name_is_an_error(daas: Commands, name: str) -> None:
    daas.error("application", "register", name)


@pytest.mark.both_databases
def test_application_names_are_unique(daas: Commands, name: str) -> None:
    assert daas.error("application", "register", name) == "There is an application with this name already."
    assert daas.error("application", "register", f" {name} ") == "There is an application with this name already."


@pytest.mark.both_databases
def test_error_distinguishes_duplicate_name_from_duplicate_key(daas: Commands) -> None:
    name = new_name("public_key")
    daas.json("application", "register", name)
    error = daas.error("application", "register", name)
    assert error == "There is an application with this name already."


@pytest.mark.parametrize("verb", ["show", "suspend", "resume"])
def test_unknown_application_is_an_error(daas: Commands, verb: str) -> None:
    assert daas.error("application", verb, "nobody") == "There is no application 'nobody'."


@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_grant_to_an_unknown_application_is_an_error(daas: Commands, verb: str) -> None:
    assert daas.error("application", verb, "nobody", "--all-mailboxes") == "There is no application 'nobody'."


@pytest.mark.parametrize("verb", ["register", "grant", "revoke"])
def test_an_unknown_service_is_wrong_usage(daas: Commands, name: str, verb: str) -> None:
    assert "fax" in daas.wrong_usage("application", verb, name, "--service", "fax")


@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_a_grant_of_nothing_is_wrong_usage(daas: Commands, name: str, verb: str) -> None:
    daas.wrong_usage("application", verb, name)


@pytest.mark.both_databases
def test_grant_with_an_unknown_mailbox_grants_nothing(daas: Commands, build: Builder, name: str) -> None:
    before = daas.json("application", "show", name)
    grants = ["--mailbox", build.mailbox().name, "--service", "v1/lists", "--mailbox", "nobody", "--all-mailboxes"]
    assert daas.error("application", "grant", name, *grants) == "There is no mailbox 'nobody'."
    assert daas.json("application", "show", name) == before


@pytest.mark.both_databases
def test_registration_with_an_unknown_mailbox_registers_nothing(daas: Commands) -> None:
    name = new_name("app")
    daas.error("application", "register", name, "--mailbox", "nobody")
    assert daas.error("application", "show", name) == f"There is no application {name!r}."


@pytest.mark.both_databases
def test_grants_add_up_and_revokes_take_away(daas: Commands, build: Builder, name: str) -> None:
    one, two = sorted(build.mailbox().name for _ in range(2))
    granted = daas.json("application", "grant", name, "--mailbox", one, "--service", "v1/lists")
    assert [*granted] == APPLICATION
    assert granted["mailboxes"] == [one]
    assert granted["services"] == sorted([*DEFAULT_SERVICES, "v1/lists"])
    again = daas.json("application", "grant", name, "--mailbox", one, "--mailbox", two, "--all-mailboxes")
    assert again == {**granted, "mailboxes": [one, two], "all_mailboxes": True}
    assert again.items() <= daas.json("application", "show", name).items()
    revoked = daas.json("application", "revoke", name, "--service", "v1/lists", "--mailbox", two)
    assert revoked == {**again, "services": sorted(DEFAULT_SERVICES), "mailboxes": [one]}
    assert daas.json("application", "revoke", name, "--all-mailboxes") == {**revoked, "all_mailboxes": False}
    assert daas.json("application", "revoke", name, "--mailbox", two) == {**revoked, "all_mailboxes": False}


def test_suspend_and_resume_show(daas: Commands, name: str) -> None:
    suspended = daas.json("application", "suspend", name)
    assert [*suspended] == APPLICATION
    assert suspended["suspended"] is True
    assert suspended.items() <= daas.json("application", "show", name).items()
    assert daas.json("application", "resume", name) == {**suspended, "suspended": False}


USE = (403, "Access Denied. Use Not Authorized.")
USER = (403, "Access Denied. User Not Authorized.")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("away", "rejected", "back"),
    [
        ("application suspend {app}", USE, "application resume {app}"),
        (
            "application revoke {app} --service direct/messages/move",
            USE,
            "application grant {app} --service direct/messages/move",
        ),
        ("application revoke {app} --mailbox {box}", USER, "application grant {app} --mailbox {box}"),
        ("application revoke {app} --mailbox {box}", USER, "application grant {app} --all-mailboxes"),
        ("mailbox suspend {box}", USER, "mailbox resume {box}"),
    ],
    ids=["suspend", "service", "mailbox", "all-mailboxes", "mailbox-suspended"],
)
def test_change_by_a_command_takes_effect_for_the_next_move(
    daas: Commands, application: Application, away: str, rejected: tuple[int, str], back: str
) -> None:
    names = {"app": application.name, "box": application.mailbox.name}
    assert application.move().status_code == 200
    daas.json(*away.format(**names).split())
    answer = application.move()
    assert (answer.status_code, answer.json["message"]) == rejected
    daas.json(*back.format(**names).split())
    assert application.move().status_code == 200


@pytest.mark.both_databases
def test_revoking_all_mailboxes_leaves_those_granted_by_name(
    daas: Commands, application: Application, build: Builder
) -> None:
    other = build.mailbox()
    elsewhere = {"mailbox": other.name, "id": other.message, "folder": other.folder}
    daas.json("application", "grant", application.name, "--all-mailboxes")
    assert application.move(**elsewhere).status_code == 200
    daas.json("application", "revoke", application.name, "--all-mailboxes")
    assert application.move(**elsewhere).status_code == 403
    assert application.move().status_code == 200


# Imported keys.


def write_keys(path: Path, keys: dict[str, str] | str, mode: int = 0o600) -> Path:
    path.write_text(keys if isinstance(keys, str) else json.dumps(keys))
    path.chmod(mode)
    return path


def new_keys() -> dict[str, str]:
    return {"public_key": new_name("public-key-of-app"), "private_key": new_name("private-key-of-app")}


def test_imported_key_pair_signs(daas: Commands, app: Flask, build: Builder, tmp_path: Path) -> None:
    box = build.mailbox()
    keys = new_keys()
    made = daas.json(
        *["application", "register", new_name("app"), "--mailbox", box.name],
        *["--import-key", str(write_keys(tmp_path / "keys.json", keys))],
    )
    assert [*made] == REGISTERED
    assert {name: made[name] for name in keys} == keys
    caller = Application(app, made["name"], KeyPair(made["public_key"], made["private_key"]), [box])
    assert caller.move().status_code == 200


@pytest.mark.parametrize(
    ("public_key", "private_key"),
    [("p" * 16, "q" * 16), ("p" * 128, "q" * 128), ("!#$%&'()*+,-./09;<=>?@", 'AZ[\\]^_`az{|}~!"')],
    ids=["shortest", "longest", "all-characters"],
)
def test_every_allowed_form_of_key_is_accepted(
    fresh_upgraded: Commands, tmp_path: Path, public_key: str, private_key: str
) -> None:
    keys = {"public_key": public_key, "private_key": private_key}
    made = fresh_upgraded.json("application", "register", "x", "--import-key", write_keys(tmp_path / "keys.json", keys))
    assert {name: made[name] for name in keys} == keys
    app = create_app(fresh_upgraded.settings)
    answer = Application(app, "x", KeyPair(**keys)).post_signed("mailbox=nobody&id=1&folder=Inbox")
    with app.app_context():
        db.engine.dispose()
    assert (answer.status_code, answer.json["message"]) == USER


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x" * 15,
        "x" * 129,
        "x" * 15 + ":",
        "x" * 15 + " ",
        "x" * 15 + "\t",
        "x" * 16 + "\n",
        "x" * 15 + "\x7f",
        "x" * 15 + "\0",
        "x" * 15 + "é",
        "\N{ARABIC-INDIC DIGIT ONE}" * 16,
    ],
    ids=ascii,
)
@pytest.mark.parametrize("which", ["public_key", "private_key"])
def test_other_forms_of_keys_are_errors(daas: Commands, tmp_path: Path, which: str, key: str) -> None:
    file = write_keys(tmp_path / "keys.json", {**new_keys(), which: key})
    error = daas.error("application", "register", new_name("app"), "--import-key", file)
    assert error.startswith(f"The {which.removesuffix('_key')} key must be 16 to 128 printable ASCII characters")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644], ids=oct)
def test_key_file_readable_by_others_is_an_error(daas: Commands, tmp_path: Path, mode: int) -> None:
    file = write_keys(tmp_path / "keys.json", new_keys(), mode)
    name = new_name("app")
    assert "chmod 600" in daas.error("application", "register", name, "--import-key", file)
    assert "chmod 600" in daas.error("sign", "GET", "/", "--key-file", file)
    assert "chmod 600" in daas.error("move", "kim", "1", "Inbox", "--key-file", file)
    daas.error("application", "show", name)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "null", '{"public_key":"xxxxxxxxxxxxxxxx"}', '{"private_key":"xxxxxxxxxxxxxxxx"}', "\0"],
    ids=ascii,
)
def test_key_file_without_two_keys_is_an_error(daas: Commands, tmp_path: Path, content: str) -> None:
    file = write_keys(tmp_path / "keys.json", content)
    assert str(file) in daas.error("application", "register", new_name("app"), "--import-key", file)


def test_key_file_that_is_not_utf_8_is_an_error(daas: Commands, tmp_path: Path) -> None:
    file = write_keys(tmp_path / "keys.json", "{}")
    file.write_bytes(b'{"public_key":"\xff"}')
    assert str(file) in daas.error("application", "register", new_name("app"), "--import-key", file)


def test_key_file_with_a_number_as_key_is_an_error(daas: Commands, tmp_path: Path) -> None:
    file = write_keys(tmp_path / "keys.json", '{"public_key":0.1234567890123456789,"private_key":"xxxxxxxxxxxxxxxx"}')
    daas.error("application", "register", new_name("app"), "--import-key", file)


def test_a_key_file_that_does_not_exist_is_wrong_usage(daas: Commands, tmp_path: Path) -> None:
    daas.wrong_usage("application", "register", new_name("app"), "--import-key", tmp_path / "missing.json")


@pytest.mark.both_databases
def test_public_keys_are_unique(daas: Commands, tmp_path: Path) -> None:
    file = write_keys(tmp_path / "keys.json", new_keys())
    daas.json("application", "register", new_name("app"), "--import-key", file)
    name = new_name("app")
    error = daas.error("application", "register", name, "--import-key", file)
    assert error == "There is an application with this public key already."
    daas.error("application", "show", name)


# Mailboxes and folders.


def test_mailbox_is_added_in_lower_case_with_standard_folders(daas: Commands, build: Builder) -> None:
    name = new_name("Test.User")
    assert daas.json("mailbox", "add", name) == {"mailbox": name.lower(), "suspended": False}
    assert daas.json("folder", "list", name) == []
    for folder in ("Inbox", "Sent", "Archived", "Draft"):
        assert daas.json("message", "list", name, "--folder", folder) == []


@pytest.mark.both_databases
def test_mailboxes_are_listed_by_name(fresh_upgraded: Commands) -> None:
    for name in ("zoe", "ann.lee"):
        fresh_upgraded.json("mailbox", "add", name)
    fresh_upgraded.json("mailbox", "suspend", "zoe")
    listed = fresh_upgraded.json("mailbox", "list")
    assert listed == [{"mailbox": "ann.lee", "suspended": False}, {"mailbox": "zoe", "suspended": True}]
    assert [[*each] for each in listed] == [["mailbox", "suspended"]] * 2
    assert fresh_upgraded.run("mailbox", "list").text == "mailbox  suspended\nann.lee  no\nzoe      yes\n"


@pytest.mark.both_databases
def test_mailbox_is_suspended_and_resumed_in_any_case(daas: Commands, build: Builder) -> None:
    name = build.mailbox().name
    assert daas.json("mailbox", "suspend", name.upper()) == {"mailbox": name, "suspended": True}
    assert {"mailbox": name, "suspended": True} in daas.json("mailbox", "list")
    assert daas.json("mailbox", "resume", name) == {"mailbox": name, "suspended": False}


@pytest.mark.parametrize(
    "name",
    ["", "a b", ".a", "a.", "a..b", "a@direct.example.org", "a\n", "ä", "x" * 65, '"quoted"', "a,b", "<a>"],
    ids=ascii,
)
def test_invalid_mailbox_name_is_an_error(daas: Commands, name: str) -> None:
    assert "local part" in daas.error("mailbox", "add", name)


def test_mailbox_name_has_up_to_64_characters(daas: Commands) -> None:
    name = f"!#$%&'*+/=?^_`{{|}}~-0.{new_name('x')}".ljust(64, "x")
    assert daas.json("mailbox", "add", name)["mailbox"] == name


@pytest.mark.both_databases
@pytest.mark.parametrize("change", [str, str.upper], ids=["same", "other-case"])
def test_mailbox_names_are_unique(daas: Commands, build: Builder, change: Callable[..., Any] | type[Any]) -> None:
    name = build.mailbox().name
    assert daas.error("mailbox", "add", change(name)) == f"There is a mailbox {name!r} already."


@pytest.mark.parametrize(
    "command", [["mailbox", "suspend"], ["mailbox", "resume"], ["folder", "list"], ["message", "list"]], ids=" ".join
)
def test_unknown_mailbox_is_an_error(daas: Commands, command: list[str]) -> None:
    assert daas.error(*command, "nobody") == "There is no mailbox 'nobody'."


@pytest.mark.both_databases
def test_a_folder_is_added_and_listed_with_its_id(daas: Commands, build: Builder) -> None:
    box = build.mailbox(folders=0)
    made = [daas.json("folder", "add", box.name.upper(), name) for name in ("Lab results", "Ärzte 2026")]
    assert [[*each] for each in made] == [["id", "mailbox", "name"]] * 2
    assert [(each["mailbox"], each["name"]) for each in made] == [(box.name, "Lab results"), (box.name, "Ärzte 2026")]
    assert all(re.fullmatch("[1-9][0-9]*", each["id"]) for each in made)
    assert daas.json("folder", "list", box.name) == made
    assert daas.run("folder", "list", box.name).text.splitlines()[1].split()[:2] == [made[0]["id"], box.name]


def test_a_move_can_name_a_folder_that_was_just_added(daas: Commands, application: Application) -> None:
    made = daas.json("folder", "add", application.mailbox.name, "Seen")
    assert application.move(folder=made["id"]).json["folder"] == made["id"]


@pytest.mark.parametrize(
    "name",
    [
        "Inbox",
        "INBOX",
        "inbox",
        "sEnT",
        "archived",
        "Draft",
        " Draft ",
        "0",
        "42",
        "\N{ARABIC-INDIC DIGIT FOUR}",
        "",
        " ",
        "x" * 256,
        "a\nb",
        "a\x1b[2J",
    ],
    ids=ascii,
)
def test_invalid_folder_name_is_an_error(daas: Commands, build: Builder, name: str) -> None:
    box = build.mailbox(folders=0)
    assert "already" not in daas.error("folder", "add", box.name, name)
    assert daas.json("folder", "list", box.name) == []


@pytest.mark.both_databases
def test_folder_names_are_unique_in_a_mailbox(daas: Commands, build: Builder) -> None:
    box, other = build.mailbox(folders=0), build.mailbox(folders=0)
    made = daas.json("folder", "add", box.name, "Seen")
    assert daas.error("folder", "add", box.name, " Seen ") == "There is a folder 'Seen' in this mailbox already."
    assert daas.json("folder", "add", other.name, "Seen")["id"] != made["id"]


def test_a_folder_of_an_unknown_mailbox_is_not_added(daas: Commands) -> None:
    assert daas.error("folder", "add", "nobody", "Seen") == "There is no mailbox 'nobody'."


# Messages.


@pytest.fixture
def mail(daas: Commands, build: Builder, tmp_path: Path) -> tuple[Mailbox, list[str]]:
    """Return a mailbox with two messages, and their ids."""
    box = build.mailbox(messages=0)
    (tmp_path / "1.eml").write_bytes(
        b"From: Zoe <zoe@example.org>\r\nSubject: =?utf-8?q?=C3=9Cbelkeit?=\r\n"
        b"Date: Mon, 2 Nov 2026 10:00:00 -0500\r\n\r\n\x00\xff"
    )
    (tmp_path / "2.eml").write_bytes(b"To: kim@example.org\n\n")
    imported = daas.json("message", "import", box.name, tmp_path / "1.eml", tmp_path / "2.eml")["imported"]
    return box, [each["id"] for each in imported]


@pytest.mark.both_databases
def test_messages_are_listed_in_the_order_of_their_ids(daas: Commands, mail: tuple[Mailbox, list[str]]) -> None:
    box, ids = mail
    listed = daas.json("message", "list", box.name)
    assert [[*each] for each in listed] == [["id", "mailbox", "folder", "subject", "from", "date"]] * 2
    assert [[*each.values()] for each in listed] == [
        [ids[0], box.name, "Inbox", "Übelkeit", "Zoe <zoe@example.org>", "2026-11-02T15:00:00Z"],
        [ids[1], box.name, "Inbox", "", "", None],
    ]
    text = daas.run("message", "list", box.name).text.splitlines()
    assert text[0].split() == ["id", "mailbox", "folder", "subject", "from", "date"]
    assert [line.split()[0] for line in text[1:]] == ids


def test_a_message_is_shown_as_it_is_listed(daas: Commands, mail: tuple[Mailbox, list[str]]) -> None:
    box, ids = mail
    shown = daas.json("message", "show", ids[0])
    assert shown == daas.json("message", "list", box.name)[0]
    assert "subject  Übelkeit\n" in daas.run("message", "show", ids[0]).text


@pytest.mark.both_databases
def test_raw_prints_the_exact_bytes(daas: Commands, mail: tuple[Mailbox, list[str]], tmp_path: Path) -> None:
    _, ids = mail
    for number, message_id in enumerate(ids, start=1):
        outcome = daas.run("message", "show", message_id, "--raw")
        assert (outcome.status, outcome.stderr) == (0, "")
        assert outcome.stdout == (tmp_path / f"{number}.eml").read_bytes()


@pytest.mark.slow
@pytest.mark.processes
def test_real_command_prints_the_exact_bytes(daas: Commands, mail: tuple[Mailbox, list[str]], tmp_path: Path) -> None:
    outcome = daas.run_apart("message", "show", mail[1][0], "--raw")
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, (tmp_path / "1.eml").read_bytes(), "")


@pytest.mark.both_databases
def test_messages_are_listed_by_folder(daas: Commands, application: Application, build: Builder) -> None:
    box = application.mailbox
    kept = build.message(box)
    application.move(folder=box.folder)
    assert [each["id"] for each in daas.json("message", "list", box.name, "--folder", "INBOX")] == [kept]
    for folder in (box.folder, "Custom 0"):
        (listed,) = daas.json("message", "list", box.name, "--folder", folder)
        assert (listed["id"], listed["folder"]) == (box.message, box.folder)


def test_unknown_folder_is_an_error(daas: Commands, build: Builder) -> None:
    box, other = build.mailbox(), build.mailbox()
    for folder in ("Attic", other.folder, "custom 0", "9223372036854775807", "99999999999999999999"):
        assert "folder" in daas.error("message", "list", box.name, "--folder", folder)


@pytest.mark.parametrize("kind", ["message", "request"])
def test_unknown_id_is_an_error(daas: Commands, kind: str) -> None:
    assert daas.error(kind, "show", "9223372036854775807").startswith(f"There is no {kind} 9223372036854775807")


@pytest.mark.parametrize("kind", ["message", "request"])
@pytest.mark.parametrize("text", ["0", "-1", "x", "1.0", "", "9223372036854775808"])
def test_malformed_id_is_wrong_usage(daas: Commands, kind: str, text: str) -> None:
    daas.wrong_usage(kind, "show", "--", text)


# The request log.


@pytest.mark.both_databases
def test_move_is_shown_with_every_column(daas: Commands, application: Application) -> None:
    box = application.mailbox
    request_id = application.move(mailbox=box.name.upper()).json["request_id"]
    shown = daas.json("request", "show", request_id)
    assert [*shown] == REQUEST_SHOWN
    assert shown.pop("duration_ms") >= 0
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown.pop("at"))
    assert shown == {
        "request_id": request_id,
        "method": "POST",
        "path": MOVE,
        "status": 200,
        "application": application.name,
        "mailbox": box.name.upper(),
        "message": box.message,
        "folder_from": "Inbox",
        "folder": box.folder,
        "reason": "moved",
        "remote_address": "127.0.0.1",
        "service": "direct/messages/move",
        "folder_requested": box.folder,
        "unbound": True,
        "batch": None,
    }


def test_rejection_is_shown_with_its_reason(daas: Commands, application: Application) -> None:
    request_id = application.post_signed("", date="yesterday").json["request_id"]
    shown = daas.json("request", "show", request_id)
    assert (shown["status"], shown["reason"]) == (401, "date-unreadable")
    assert (shown["mailbox"], shown["message"], shown["folder"], shown["folder_from"]) == (None, None, None, None)
    assert "reason            date-unreadable\n" in daas.run("request", "show", request_id).text


@pytest.mark.both_databases
def test_requests_are_listed_in_the_order_of_their_ids(daas: Commands, application: Application) -> None:
    asked = [application.move().json["request_id"], application.move(folder="Attic").json["request_id"]]
    listed = daas.json("request", "list")
    assert [[*each] for each in listed] == [REQUEST] * len(listed)
    assert [each["request_id"] for each in listed[-2:]] == asked
    shown = [daas.json("request", "show", each) for each in asked]
    assert listed[-2:] == [{name: row[name] for name in REQUEST} for row in shown]
    text = daas.run("request", "list").text.splitlines()
    assert {*text[0].split()} < {*REQUEST}
    assert [line.split()[0] for line in text[-2:]] == asked


@pytest.mark.both_databases
def test_requests_are_listed_since_a_time(daas: Commands, application: Application) -> None:
    ids = [application.move().json["request_id"] for _ in range(2)]
    first, second = (daas.json("request", "show", each)["at"] for each in ids)
    assert first < second
    since_second = daas.json("request", "list", "--since", second)
    assert [each["request_id"] for each in since_second] == ids[1:]
    assert [each["request_id"] for each in daas.json("request", "list", "--since", first)][-2:] == ids


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "since",
    [
        "90s",
        "15m",
        "24h",
        "7d",
        "2026-01-01",
        "2026-01-01T00:00:00+01:00",
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "06/03/2013 12:13:56 EST",
    ],
)
def test_since_accepts_many_formats(daas: Commands, application: Application, since: str) -> None:
    request_id = application.move().json["request_id"]
    assert daas.json("request", "list", "--since", since)[-1]["request_id"] == request_id


@pytest.mark.both_databases
@pytest.mark.parametrize("since", ["2099-01-01", "01/01/2099 00:00:00 UTC", "0s"])
def test_nothing_is_listed_since_a_future_time(daas: Commands, application: Application, since: str) -> None:
    application.move()
    assert daas.json("request", "list", "--since", since) == []


@pytest.mark.parametrize("since", ["", "x", "24", "-1h", "24w", "2026-13-01", "2026-11-02T15:00:00", "999999d", "noon"])
def test_since_rejects_other_formats(daas: Commands, since: str) -> None:
    assert "--since" in daas.wrong_usage("request", "list", "--since", since)


# Signing by hand.


def hmac_by_hand(key: str, message: bytes) -> bytes:
    """Return an HMAC as RFC 2104 defines it, without the `hmac` module, which the product uses."""
    block = key.encode().ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()


DATE = "06/03/2013 12:13:56 EST"
FORM = "application/x-www-form-urlencoded"
SIGNED = {
    "post": (["POST", MOVE], {}),
    "method-in-lower-case": (["post", MOVE], {}),
    "content-md5": (["POST", MOVE, "--content-md5", "iB94gawbwUSiZy5FuruIOQ=="], {"md5": "iB94gawbwUSiZy5FuruIOQ=="}),
    "other-content-type": (["POST", MOVE, "--content-type", "application/json"], {"content_type": "application/json"}),
    "boundary": (
        ["POST", MOVE, "--content-type", "multipart/form-data; boundary=x; charset=utf-8"],
        {"content_type": "multipart/form-data; charset=utf-8"},
    ),
    "get": (
        ["GET", "/direct/folders?mailbox=a%20b&x"],
        {"method": "GET", "uri": "/direct/folders?mailbox=a%20b&x", "content_type": None},
    ),
    "get-with-content-type": (
        ["GET", "/direct/folders", "--content-type", "text/plain"],
        {"method": "GET", "uri": "/direct/folders", "content_type": "text/plain"},
    ),
}


@pytest.mark.parametrize(("args", "parts"), SIGNED.values(), ids=SIGNED)
def test_sign_shows_every_stage(daas: Commands, args: list[str], parts: dict[str, Any]) -> None:
    shown = daas.json("sign", *args, "--date", DATE, DAAS_PUBLIC_KEY=KEYS.public_key, DAAS_PRIVATE_KEY=KEYS.private_key)
    expected = {"method": "POST", "uri": MOVE, "content_type": FORM, "md5": None, **parts}
    lines = [expected["method"], DATE, expected["md5"], expected["content_type"], expected["uri"]]
    string = "\n".join(line for line in lines if line is not None)
    digest = hmac_by_hand(KEYS.private_key, string.encode())
    assert (shown["string_to_sign"], shown["hash"]) == (string, digest.hex())
    signatures = [base64.b64encode(each).decode() for each in (digest.hex().encode(), digest)]
    assert [value for name, value in shown.items() if name.startswith("signature")] == signatures
    assert shown["authorization"] == f"DAAS {KEYS.public_key}:{signatures[0]}"
    assert shown["authorization"] == authorization(KEYS, date=DATE, **parts)
    assert all(isinstance(value, str) for value in shown.values())


def test_text_output_of_sign_has_every_stage(daas: Commands) -> None:
    keys = {"DAAS_PUBLIC_KEY": KEYS.public_key, "DAAS_PRIVATE_KEY": KEYS.private_key}
    text = daas.run("sign", "POST", MOVE, "--date", DATE, **keys).text
    for stage in daas.json("sign", "POST", MOVE, "--date", DATE, **keys).values():
        assert stage in text
    assert KEYS.private_key not in text


def test_sign_uses_the_content_md5_of_a_body(daas: Commands, tmp_path: Path) -> None:
    body = b"mailbox=ejaffee&id=181&folder=5\n\x00\xff"
    (tmp_path / "body").write_bytes(body)
    file = write_keys(tmp_path / "keys.json", {"public_key": KEYS.public_key, "private_key": KEYS.private_key})
    shown = daas.json("sign", "POST", MOVE, "--date", DATE, "--body", tmp_path / "body", "--key-file", file)
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    assert shown["authorization"] == authorization(KEYS, date=DATE, md5=md5)


def test_sign_uses_the_current_time(daas: Commands, application: Application) -> None:
    keys = {"DAAS_PUBLIC_KEY": application.keys.public_key, "DAAS_PRIVATE_KEY": application.keys.private_key}
    shown = daas.json("sign", "POST", MOVE, **keys)
    headers = {"Date": shown["string_to_sign"].splitlines()[1], "Content-Type": FORM}
    answer = application.app.test_client().post(
        MOVE,
        data=f"mailbox={application.mailbox.name}&id={application.mailbox.message}&folder=Sent",
        headers={**headers, "Authorization": shown["authorization"]},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"public_key": KEYS.public_key, "private_key": KEYS.private_key}),
        f"DAAS_PUBLIC_KEY={KEYS.public_key}\nDAAS_PRIVATE_KEY={KEYS.private_key}\nDAAS_DEMO_MAILBOX=demo\n",
    ],
    ids=["json", "environment"],
)
def test_key_file_precedes_the_environment(daas: Commands, tmp_path: Path, content: str) -> None:
    file = write_keys(tmp_path / "keys", content, 0o400)
    shown = daas.json(
        "sign", "POST", MOVE, "--date", DATE, "--key-file", file, DAAS_PUBLIC_KEY="other", DAAS_PRIVATE_KEY="other"
    )
    assert shown["authorization"] == authorization(KEYS, date=DATE)


def test_sign_needs_no_database(daas: Commands, tmp_path: Path) -> None:
    environ = {
        "DAAS_PUBLIC_KEY": KEYS.public_key,
        "DAAS_PRIVATE_KEY": KEYS.private_key,
        "DAAS_DATABASE_URL": "nonsense",
    }
    assert daas.json("sign", "GET", "/", **environ)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"DAAS_PUBLIC_KEY": "p" * 16},
        {"DAAS_PRIVATE_KEY": "q" * 16},
        {"DAAS_PUBLIC_KEY": "", "DAAS_PRIVATE_KEY": ""},
    ],
    ids=["none", "no-private-key", "no-public-key", "blank"],
)
def test_signing_without_keys_is_wrong_usage(daas: Commands, environ: dict[str, Any]) -> None:
    assert "DAAS_PUBLIC_KEY" in daas.wrong_usage("sign", "GET", "/", **environ)
    assert "DAAS_PUBLIC_KEY" in daas.wrong_usage("move", "kim", "1", "Inbox", **environ)


def test_sign_accepts_one_content_md5(daas: Commands, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"")
    keys = {"DAAS_PUBLIC_KEY": KEYS.public_key, "DAAS_PRIVATE_KEY": KEYS.private_key}
    daas.wrong_usage("sign", "POST", MOVE, "--content-md5", "x", "--body", tmp_path / "body", **keys)


# Moving by hand.


@pytest.fixture
def keys(application: Application) -> dict[str, str]:
    return {"DAAS_PUBLIC_KEY": application.keys.public_key, "DAAS_PRIVATE_KEY": application.keys.private_key}


def test_move_prints_the_response_and_succeeds(
    daas: Commands, server: LiveServer, application: Application, build: Builder, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    outcome = daas.run("move", box.name, box.message, box.folder, "--url", server.url, **keys)
    assert (outcome.status, outcome.stderr) == (0, "")
    answer = json.loads(outcome.stdout)
    assert answer == {"request_id": answer["request_id"], "mailbox": box.name, "id": box.message, "folder": box.folder}
    assert build.folder_of(box.message) == box.folder
    assert daas.json("request", "show", answer["request_id"])["reason"] == "moved"


def test_move_with_json_prints_only_the_body(
    daas: Commands, server: LiveServer, application: Application, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    outcome = daas.run("move", box.name, box.message, "archived", "--url", f"{server.url}/", "--json", **keys)
    request_id = json.loads(outcome.stdout)["request_id"]
    expected = f'{{"request_id":"{request_id}","mailbox":"{box.name}","id":"{box.message}","folder":"Archived"}}\n'
    assert (outcome.status, outcome.text, outcome.stderr) == (0, expected, "")


def test_move_of_many_succeeds_only_if_all_moved(
    daas: Commands, server: LiveServer, application: Application, build: Builder, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    ids = [box.message, build.message(box)]
    options = ["--from-folder", "Custom 0", "--url", server.url, "--json"]
    dry = daas.run("move", box.name, *ids, "Custom 0", "--dry-run", "--url", server.url, **keys)
    assert (dry.status, build.folder_of(ids[1])) == (0, "Inbox")
    assert daas.run("move", box.name, ids[1], "Custom 0", "--url", server.url, **keys).status == 0
    once = ["move", box.name, *ids, "Sent", *options, "--idempotency-key", "k"]
    outcomes = [daas.run(*once, **keys) for _ in range(2)]
    assert [outcome.status for outcome in outcomes] == [1, 1]
    assert outcomes[0].text == outcomes[1].text
    body = json.loads(outcomes[0].stdout)
    assert (body["moved"], [failed["id"] for failed in body["failed"]]) == ([ids[1]], [ids[0]])


def test_move_accepts_the_name_of_a_folder(
    daas: Commands, server: LiveServer, application: Application, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    move = ["move", box.name, box.message]
    for text, folder in [("Custom 0", box.folder), (" sent ", "Sent"), ("name:Custom 0", box.folder)]:
        answer = json.loads(daas.run(*move, text, "--url", server.url, "--json", **keys).stdout)
        assert answer["folder"] == folder
    found = daas.run("messages", box.name, "--folder", "Custom 0", "--url", server.url, "--json", **keys)
    assert [each["id"] for each in json.loads(found.stdout)["messages"]] == [box.message]


@pytest.mark.parametrize("text", ["Attic", "name:Inbox", "name:7"])
def test_move_names_the_custom_folders_if_there_is_no_such_folder(
    daas: Commands, server: LiveServer, application: Application, keys: dict[str, Any], text: str
) -> None:
    box = application.mailbox
    error = daas.error("move", box.name, box.message, text, "--url", server.url, **keys)
    assert error == (f"The mailbox has no folder {text.removeprefix('name:')!r}; its custom folders: 'Custom 0'.")


def test_url_of_commands_is_daas_url_or_follows_daas_bind(
    daas: Commands, server: LiveServer, application: Application, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    for setting, value in [("DAAS_URL", server.url), ("DAAS_BIND", server.url.removeprefix("http://"))]:
        assert daas.run("move", box.name, box.message, "Sent", **keys, **{setting: value}).status == 0


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"private_key": "x" * 64}, "401 UNAUTHORIZED", "Access Denied. Authentication Failed."),
        ({"mailbox": "nobody"}, "403 FORBIDDEN", "Access Denied. User Not Authorized."),
        ({"id": "9223372036854775807"}, "422 UNPROCESSABLE ENTITY", "Message not found"),
        ({"folder": "9223372036854775807"}, "422 UNPROCESSABLE ENTITY", "'Folder' contains invalid input"),
        ({"id": ""}, "422 UNPROCESSABLE ENTITY", "'ID' is a required field."),
    ],
    ids=["wrong-key", "unknown-mailbox", "unknown-message", "bad-folder", "missing"],
)
def test_rejected_move_prints_the_response_and_fails(
    daas: Commands,
    server: LiveServer,
    application: Application,
    build: Builder,
    keys: dict[str, str],
    change: dict[str, str],
    status: str,
    message: str,
) -> None:
    box = application.mailbox
    asked = {"mailbox": box.name, "id": box.message, "folder": box.folder, **change}
    environ = {**keys, "DAAS_PRIVATE_KEY": change.get("private_key", keys["DAAS_PRIVATE_KEY"])}
    outcome = daas.run("move", asked["mailbox"], asked["id"], asked["folder"], "--url", server.url, **environ)
    assert (outcome.status, outcome.stderr) == (1, f"{status}\n")
    assert json.loads(outcome.stdout)["message"] == message
    assert build.folder_of(box.message) == "Inbox"


def test_move_sends_content_md5_by_default(daas: Commands, server: LiveServer, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    environ = {"DAAS_PUBLIC_KEY": caller.keys.public_key, "DAAS_PRIVATE_KEY": caller.keys.private_key}
    asked = ["move", caller.mailbox.name, caller.mailbox.message, "Sent", "--url", server.url]
    without = daas.run(*asked, "--no-content-md5", **environ)
    assert without.status == 1
    assert "X-Daas-Error: content-md5-required\n" in without.stderr
    assert daas.run(*asked, **environ).status == 0


@pytest.mark.slow
@pytest.mark.processes
def test_real_command_moves_a_message(
    daas: Commands, server: LiveServer, application: Application, build: Builder, keys: dict[str, Any]
) -> None:
    box = application.mailbox
    asked = ["move", box.name, box.message, box.folder, "--url", server.url, "--json"]
    moved = daas.run_apart(*asked, **keys)
    assert (moved.status, moved.stderr) == (0, "")
    assert json.loads(moved.stdout)["folder"] == box.folder
    rejected = daas.run_apart(*asked[:2], "9223372036854775807", *asked[3:], **keys)
    assert (rejected.status, rejected.stderr) == (1, "")
    assert json.loads(rejected.stdout)["message"] == "Message not found"


def test_unreachable_server_is_one_sentence(daas: Commands, keys: dict[str, Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        sentence = daas.error("move", "kim", "1", "Inbox", "--url", url, **keys)
    assert sentence.startswith(f"{url} cannot be reached")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://a..b", "http://[::1", "http://x:y"]
)
def test_unusable_url_is_one_sentence(daas: Commands, keys: dict[str, Any], url: str) -> None:
    daas.error("move", "kim", "1", "Inbox", "--url", url, **keys)


def test_move_in_a_mailbox_that_is_not_utf_8_is_an_error(daas: Commands, keys: dict[str, Any]) -> None:
    outcome = daas.run("move", NOT_UTF_8, "1", "Inbox", "--url", "http://127.0.0.1:1", **keys)
    assert (outcome.status, outcome.stdout) in {(1, b""), (2, b"")}


def test_move_with_keys_that_fit_no_header_is_an_error(daas: Commands, tmp_path: Path) -> None:
    file = write_keys(tmp_path / "keys.json", {"public_key": "ключ" * 4, "private_key": "x" * 16})
    outcome = daas.run("move", "kim", "1", "Inbox", "--url", "http://127.0.0.1:1", "--key-file", file)
    assert (outcome.status, outcome.stdout) in {(1, b""), (2, b"")}


@pytest.mark.parametrize("command", ["folders", "messages"])
def test_messages_to_move_are_listed(
    daas: Commands, server: LiveServer, application: Application, keys: dict[str, Any], command: str
) -> None:
    box = application.mailbox
    outcome = daas.run(command, box.name, "--url", server.url, "--json", **keys)
    assert (outcome.status, outcome.stderr) == (0, "")
    answer = json.loads(outcome.stdout)
    assert (answer["mailbox"], [each["id"] for each in answer[command]]) == (box.name, getattr(box, command))
    listed = daas.run(command, box.name, "--url", server.url, **keys)
    assert (listed.status, listed.stderr) == (0, "")
    assert [line.split()[0] for line in listed.text.splitlines()] == ["id", *getattr(box, command)]


@pytest.mark.parametrize("command", ["folders", "messages"])
def test_rejected_listing_prints_the_response_and_fails(
    daas: Commands, server: LiveServer, keys: dict[str, Any], command: str
) -> None:
    outcome = daas.run(command, "nobody", "--url", server.url, **keys)
    assert (outcome.status, outcome.stderr) == (1, "403 FORBIDDEN\n")
    assert json.loads(outcome.stdout)["message"] == "Access Denied. User Not Authorized."


def test_messages_are_listed_page_by_page(daas: Commands, server: LiveServer, build: Builder) -> None:
    caller = build.application(mailboxes=[build.mailbox(messages=3)])
    ids = caller.mailbox.messages
    environ = {"DAAS_PUBLIC_KEY": caller.keys.public_key, "DAAS_PRIVATE_KEY": caller.keys.private_key}
    asked = ["messages", caller.mailbox.name, "--folder", "inbox", "--limit", "2", "--url", server.url]
    first = daas.run(*asked, **environ)
    assert first.stderr == f"There are more: --after {ids[1]}\n"
    rest = daas.run(*asked, "--after", ids[1], **environ)
    assert rest.stderr == ""
    shown = [line.split()[0] for page in (first, rest) for line in page.text.splitlines()[1:]]
    assert shown == ids


# The demo; test_demo.py has its other tests.


def test_the_demo_of_another_database_is_not_offered(fresh_upgraded: Commands) -> None:
    """Test that the demo is not offered for another database, where its keys would be rejected."""
    (fresh_upgraded.directory / "instance").mkdir()
    (fresh_upgraded.directory / "instance" / "demo.env").write_text(
        "DAAS_PUBLIC_KEY=x\nDAAS_PRIVATE_KEY=x\nDAAS_DEMO_MAILBOX=x\nDAAS_DEMO_MESSAGE=1\nDAAS_DEMO_FOLDER=1\n"
    )
    fresh_upgraded.run("mailbox", "add", "kim")
    assert fresh_upgraded.run("demo").stdout == b""


def test_raw_and_json_together_are_wrong_usage(daas: Commands, build: Builder) -> None:
    daas.wrong_usage("message", "show", build.mailbox().message, "--raw", "--json")
