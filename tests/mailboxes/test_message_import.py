"""The import stores mail from disk byte for byte, and each message once."""

import json
import mailbox as mailboxes_of_python
import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text

from daas.app import create_command_app
from daas.mailboxes.administration import find_folder, find_mailbox
from daas.mailboxes.message_import import ImportedMessage, import_messages
from daas.mailboxes.messages import read_content
from daas.mailboxes.models import Folder, Mailbox, Message, MessageContent, MessageEnvelope
from daas.settings import Settings
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.commands import Commands
from ..support.database import transaction

pytestmark = pytest.mark.both_databases

LAB = (
    b"From: Zoe <zoe@example.org>\r\nSubject: Lab results\r\nDate: Mon, 2 Nov 2026 10:00:00 -0500\r\n\r\nPotassium.\r\n"
)
REFERRAL = b"From: lee@example.org\nSubject: Referral\n\n>From the start it hurt.\n"
NO_MAIL = b"\x89PNG\r\n\x1a\n\x00\x00"
POSTMARK = b"From zoe@example.org Mon Nov  2 15:00:00 2026\n"

BROKEN = {
    "nul": b"From: a\x00b@example.org\r\nSubject: x\x00y\r\n\r\nBody\x00\r\n",
    "surrogate": b"From: a@example.org\r\nSubject: =?utf-8?B?7aCA7bCA?= \xed\xa0\x80\r\n\r\n\r\n",
    "surrogates-of-utf-16": b"From: a@example.org\r\nSubject: =?utf-16-be?B?2ADYAQ==?=\r\n\r\n\r\n",
    "wrong-charset": b"From: a@example.org\r\nSubject: =?utf-8?Q?caf=E9?= \xe9\r\n\r\n\r\n",
    "unknown-charset": b"From: a@example.org\r\nSubject: =?x-nothing?Q?=FF=FE?=\r\n\r\n\r\n",
    "no-date": b"From: a@example.org\r\n\r\n\r\n",
    "date-that-is-none": b"From: a@example.org\r\nDate: Thu, 45 Foo 99999 99:99:99 +9999\r\n\r\n\r\n",
    "date-before-the-calendar": b"From: a@example.org\r\nDate: Mon, 1 Jan 0001 00:00:00 +2359\r\n\r\n\r\n",
    "no-fields-but-one": b"Received: by mail\r\n",
    "control-characters": b"From: a@example.org\r\nSubject: \x1b]0;title\x07 \x9b31m \x85\r\n\r\n\r\n",
    "beyond-the-plane": "From: a@example.org\r\nSubject: \U0001f600\U0010ffff\uffff\r\n\r\n\r\n".encode(),
    "long": b"From: a@example.org\r\nSubject: " + "ß".encode() * 5000 + b"\r\n\r\n\r\n",
    "all-bytes": b"From: a@example.org\r\nSubject: " + bytes(range(256)) + b"\r\n\r\n" + bytes(range(256)),
}


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def box(build: Builder) -> Any:
    """Return an empty mailbox."""
    return build.mailbox(messages=0)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def make_mbox(path: Path, messages: list[bytes]) -> Path:
    return write(path, b"".join(POSTMARK + message + b"\n" for message in messages))


def make_maildir(path: Path, messages: list[bytes]) -> Path:
    maildir = mailboxes_of_python.Maildir(path)
    for message in messages:
        maildir.add(message)
    # Python chose the names; the import reads files in the order of their names.
    for number, file in enumerate(sorted((path / "new").iterdir())):
        file.write_bytes(messages[number])
    return path


def bring(app: Flask, box: Any, paths: Any, folder: Any = "Inbox") -> Any:
    """Import mail in this process and return the outcomes."""
    with app.app_context():
        return [*import_messages(find_folder(find_mailbox(box.name), folder), paths)]


def ids_in(app: Flask, box: Mailbox) -> list[int]:
    with app.app_context(), transaction() as connection:
        mailbox = find_mailbox(box.name).id
        return [*connection.scalars(select(Message.id).where(Message.mailbox_id == mailbox).order_by(Message.id))]


def raw_of(app: Flask, message_id: int | str) -> bytes:
    with app.app_context():
        return read_content(int(message_id))


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        (lambda path: [write(path / "1.eml", LAB), write(path / "2.eml", REFERRAL)], ["1.eml", "2.eml"]),
        (lambda path: [make_mbox(path / "old.mbox", [LAB, REFERRAL])], ["old.mbox#1", "old.mbox#2"]),
    ],
    ids=["files", "mbox"],
)
def test_messages_keep_their_bytes(
    daas: Commands, box: Mailbox, tmp_path: Path, make: Callable[..., Any], paths: list[str]
) -> None:
    outcome = daas.json("message", "import", box.name, *make(tmp_path))
    assert [*outcome] == ["imported", "skipped", "totals"]
    assert outcome["skipped"] == []
    assert [[*each] for each in outcome["imported"]] == [["id", "path", "new"]] * 2
    assert [each["path"] for each in outcome["imported"]] == [str(tmp_path / path) for path in paths]
    shown = [daas.run("message", "show", each["id"], "--raw") for each in outcome["imported"]]
    assert [(each.status, each.stdout, each.stderr) for each in shown] == [(0, LAB, ""), (0, REFERRAL, "")]


def test_maildir_messages_keep_their_bytes(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    outcome = daas.json("message", "import", box.name, make_maildir(tmp_path / "Maildir", [LAB, REFERRAL]))
    assert outcome["skipped"] == []
    assert [raw_of(app, each["id"]) for each in outcome["imported"]] == [LAB, REFERRAL]
    assert all(each["path"].startswith(str(tmp_path / "Maildir" / "new")) for each in outcome["imported"])


def test_outcome_has_id_path_and_size(app: Flask, box: Any, tmp_path: Path) -> None:
    first, second = write(tmp_path / "1.eml", LAB), write(tmp_path / "2.eml", REFERRAL)
    outcomes = bring(app, box, [first, second])
    ids = ids_in(app, box)
    assert len(ids) == 2
    assert outcomes == [
        ImportedMessage(ids[0], str(first), len(LAB), new=True),
        ImportedMessage(ids[1], str(second), len(REFERRAL), new=True),
    ]


@pytest.mark.parametrize("name", ["Inbox", "inbox", "SENT", "Archived", "Draft"])
def test_import_into_a_standard_folder_by_name(
    daas: Commands, build: Builder, box: Any, tmp_path: Path, name: Any
) -> None:
    outcome = daas.json("message", "import", box.name, write(tmp_path / "1.eml", LAB), "--folder", name)
    assert build.folder_of(outcome["imported"][0]["id"]) == name.capitalize()


@pytest.mark.parametrize("by", ["id", "name"])
def test_import_into_a_custom_folder_by_id_or_name(
    daas: Commands, build: Builder, box: Any, tmp_path: Path, by: Any
) -> None:
    folder = box.folder if by == "id" else "Custom 0"
    outcome = daas.json("message", "import", box.name, write(tmp_path / "1.eml", LAB), "--folder", folder)
    assert build.folder_of(outcome["imported"][0]["id"]) == box.folder


def test_import_goes_into_inbox_by_default(daas: Commands, build: Builder, box: Any, tmp_path: Path) -> None:
    outcome = daas.json("message", "import", box.name, write(tmp_path / "1.eml", LAB))
    assert build.folder_of(outcome["imported"][0]["id"]) == "Inbox"


def test_unknown_mailbox_or_folder_is_an_error(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    assert "nobody" in daas.error("message", "import", "nobody", mail)
    assert "Attic" in daas.error("message", "import", box.name, mail, "--folder", "Attic")
    assert ids_in(app, box) == []


def test_import_without_a_path_is_wrong_usage(daas: Commands, box: Any) -> None:
    assert "PATH" in daas.wrong_usage("message", "import", box.name)


def test_folder_of_another_mailbox_is_not_found(daas: Commands, build: Builder, box: Any, tmp_path: Path) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    daas.error("message", "import", box.name, mail, "--folder", build.mailbox().folder)


def test_same_bytes_again_keep_their_id(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    (first,) = daas.json("message", "import", box.name, mail)["imported"]
    (again,) = daas.json("message", "import", box.name, mail)["imported"]
    assert (first["new"], again["new"]) == (True, False)
    assert again == first | {"new": False}
    assert [str(each) for each in ids_in(app, box)] == [first["id"]]


def test_import_reports_new_messages_and_totals(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    lab, referral = write(tmp_path / "1.eml", LAB), write(tmp_path / "2.eml", REFERRAL)
    picture = write(tmp_path / "3.png", NO_MAIL)
    daas.json("message", "import", box.name, lab)
    outcome = daas.json("message", "import", box.name, lab, referral, referral, picture)
    assert [each["new"] for each in outcome["imported"]] == [False, True, False]
    assert outcome["totals"] == {"new": 1, "known": 2, "skipped": 1}
    shown = daas.run("message", "import", box.name, lab, write(tmp_path / "4.eml", LAB + b"x"), picture)
    ids = ids_in(app, box)
    assert shown.text.splitlines() == [
        f"known    {ids[0]}  {lab}",
        f"new      {ids[2]}  {tmp_path / '4.eml'}",
        f"skipped  {picture}: it has no mail header",
        "1 new, 1 known, 1 skipped",
    ]


def test_same_bytes_twice_in_one_import_are_one_message(app: Flask, box: Any, tmp_path: Path) -> None:
    paths = [write(tmp_path / "1.eml", LAB), write(tmp_path / "2.eml", LAB), make_mbox(tmp_path / "mbox", [LAB, LAB])]
    outcomes = bring(app, box, paths)
    assert [outcome.id for outcome in outcomes] == ids_in(app, box) * 4


def test_same_bytes_into_another_folder_do_not_move(
    daas: Commands, app: Flask, build: Builder, box: Any, tmp_path: Path
) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    (first,) = daas.json("message", "import", box.name, mail)["imported"]
    (again,) = daas.json("message", "import", box.name, mail, "--folder", "Archived")["imported"]
    assert again == first | {"new": False}
    assert build.folder_of(first["id"]) == "Inbox"
    assert len(ids_in(app, box)) == 1


def test_same_bytes_in_two_mailboxes_are_two_messages(app: Flask, build: Builder, box: Any, tmp_path: Path) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    other = build.mailbox(messages=0)
    (mine,) = bring(app, box, [mail])
    (theirs,) = bring(app, other, [mail])
    assert mine.id != theirs.id
    assert raw_of(app, mine.id) == raw_of(app, theirs.id) == LAB


def test_one_byte_of_difference_makes_two_messages(app: Flask, box: Any, tmp_path: Path) -> None:
    outcomes = bring(app, box, [write(tmp_path / "1.eml", LAB), write(tmp_path / "2.eml", LAB[:-1])])
    assert len({outcome.id for outcome in outcomes}) == 2


def test_file_without_a_message_is_skipped_and_the_rest_imported(
    daas: Commands, app: Flask, box: Any, tmp_path: Path
) -> None:
    bad = {
        write(tmp_path / "picture.png", NO_MAIL): "it has no mail header",
        write(tmp_path / "empty.eml", b""): "it is empty",
        tmp_path: "it is a directory but no Maildir (with cur, new and tmp)",
        write(tmp_path / "letter", b"From now on\n"): (
            "it begins with `From `, but no header of a message follows such a line"
        ),
    }
    first, last = write(tmp_path / "first.eml", LAB), write(tmp_path / "last.eml", REFERRAL)
    outcome = daas.json("message", "import", box.name, first, *bad, last)
    assert outcome["skipped"] == [{"path": str(path), "reason": reason} for path, reason in bad.items()]
    assert [each["path"] for each in outcome["imported"]] == [str(first), str(last)]
    assert [str(each) for each in ids_in(app, box)] == [each["id"] for each in outcome["imported"]]


def test_import_of_files_without_messages_succeeds(daas: Commands, box: Any, tmp_path: Path) -> None:
    outcome = daas.json("message", "import", box.name, write(tmp_path / "picture.png", NO_MAIL))
    assert outcome["totals"] == {"new": 0, "known": 0, "skipped": 1}


@pytest.mark.parametrize("options", [["--json"], []], ids=["JSON", "text"])
def test_unreadable_path_is_an_error_after_the_rest_is_imported(
    daas: Commands, app: Flask, box: Any, tmp_path: Path, options: Any
) -> None:
    bad = {
        tmp_path / "missing.eml": "it does not exist",
        write(tmp_path / "1.eml", LAB) / "below": "it cannot be read: Not a directory",
        Path("x" * 300): "it cannot be read: File name too long",
    }
    last = write(tmp_path / "last.eml", REFERRAL)
    outcome = daas.run("message", "import", box.name, *bad, last, *options)
    assert outcome.status == 1
    assert outcome.stderr.splitlines() == [
        *(f"{path}: {reason}" for path, reason in bad.items()),
        "Error: 3 of the paths could not be read; everything else was imported.",
    ]
    (message,) = ids_in(app, box)
    assert raw_of(app, message) == REFERRAL
    if options:
        shown = json.loads(outcome.stdout)
        assert shown["skipped"] == [{"path": str(path), "reason": reason} for path, reason in bad.items()]
        assert shown["totals"] == {"new": 1, "known": 0, "skipped": 3}
    else:
        assert outcome.text.splitlines()[-1] == "1 new, 0 known, 3 skipped"


def test_unreadable_file_of_a_maildir_is_an_error(daas: Commands, box: Any, tmp_path: Path) -> None:
    maildir = make_maildir(tmp_path / "Maildir", [LAB])
    (maildir / "cur" / "gone").symlink_to("nowhere")
    outcome = daas.run("message", "import", box.name, maildir)
    assert (outcome.status, outcome.text.splitlines()[-1]) == (1, "1 new, 0 known, 1 skipped")


def test_terminal_sees_no_controls_of_a_path_or_header(daas: Commands, box: Any, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\n\u202egpj.eml"
    raw = "From: \u2066zoe@example.org\nSubject: \u202efdp.stluser\u202c\x07\n\nx\n".encode()
    shown = f"{tmp_path}/a\ufffd[2J\ufffd\ufffdgpj.eml"
    outcome = daas.run("message", "import", box.name, path)
    assert f"skipped  {shown}: it does not exist\n" in outcome.text
    assert f"{shown}: it does not exist\n" in outcome.stderr
    outcome = daas.run("message", "import", box.name, write(path, raw))
    assert shown in outcome.text
    listed = daas.run("message", "list", box.name).text
    assert "\ufffdfdp.stluser\ufffd\ufffd" in listed
    assert "\ufffdzoe@example.org" in listed
    (message,) = daas.json("message", "list", box.name)
    assert message["subject"] == "\u202efdp.stluser\u202c\ufffd"
    assert "\u202e" not in daas.run("message", "show", message["id"]).text


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.only("sqlite")
def test_path_that_is_not_utf_8_is_shown_as_text(daas: Commands, box: Any, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.eml"
    with open(path, "wb") as file:  # noqa: PTH123 - bytes make no Path
        file.write(LAB)
    outcome = daas.run_apart("message", "import", box.name, path, "--json")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout)["imported"][0]["path"] == f"{tmp_path}/\ufffd.eml"


def test_text_output_names_imported_and_skipped_files(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    mail, picture = write(tmp_path / "1.eml", LAB), write(tmp_path / "picture.png", NO_MAIL)
    outcome = daas.run("message", "import", box.name, mail, picture)
    assert (outcome.status, outcome.stderr) == (0, "")
    for shown in (str(ids_in(app, box)[0]), str(mail), str(picture), "it has no mail header"):
        assert shown in outcome.text


def test_text_output_has_a_line_for_each_file(daas: Commands, box: Any, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.eml", raw) for number, raw in enumerate(numbered(3))]
    outcome = daas.run("message", "import", box.name, *paths, tmp_path / "missing.eml")
    lines = [[path.name for path in tmp_path.glob("*.eml") if path.name in line] for line in outcome.text.splitlines()]
    assert [names for names in lines if len(names) > 1] == []


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_broken_mail_is_imported_and_listed_as_json(
    daas: Commands, app: Flask, box: Any, tmp_path: Path, raw: Any
) -> None:
    outcome = daas.json("message", "import", box.name, write(tmp_path / "broken.eml", raw))
    assert outcome["skipped"] == []
    (listed,) = daas.json("message", "list", box.name)
    assert listed["id"] == outcome["imported"][0]["id"]
    assert daas.json("message", "show", listed["id"]) == listed
    assert raw_of(app, listed["id"]) == raw
    shown = listed["subject"] + listed["from"]
    assert [character for character in shown if character < " " or "\ud800" <= character <= "\udfff"] == []


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.only("sqlite")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_does_not_depend_on_the_output_encoding(daas: Commands, box: Any, tmp_path: Path, encoding: Any) -> None:
    write(tmp_path / "1.eml", "From: a@example.org\r\nSubject: Übelkeit \U0001f600\r\n\r\n\r\n".encode())
    daas.json("message", "import", box.name, tmp_path / "1.eml")
    outcome = daas.run_apart("message", "list", box.name, "--json", PYTHONIOENCODING=encoding)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout)[0]["subject"] == "Übelkeit \U0001f600"


def numbered(count: int) -> list[bytes]:
    return [b"From: a@example.org\nSubject: Message %d\n\nBody\n" % number for number in range(count)]


@pytest.mark.slow
@pytest.mark.processes
def test_simultaneous_imports_make_no_second_message(daas: Commands, app: Flask, box: Any, tmp_path: Path) -> None:
    mbox = make_mbox(tmp_path / "mbox", numbered(150))
    outcomes = daas.run_at_once(4, "message", "import", box.name, mbox, "--json")
    assert [(outcome.status, outcome.stderr) for outcome in outcomes] == [(0, "")] * 4
    results = [json.loads(outcome.stdout) for outcome in outcomes]
    told = [[each["id"] for each in result["imported"]] for result in results]
    assert sum(result["totals"]["new"] for result in results) == 150
    assert [ids for ids in told if ids != told[0]] == []
    assert [*map(int, told[0])] == ids_in(app, box)
    assert len(told[0]) == 150


@pytest.mark.slow
@pytest.mark.processes
def test_imports_into_one_mailbox_are_serialised(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    """Test on PostgreSQL, where both imports would otherwise store the same message; SQLite serialises all writers."""
    daas = Commands(make_settings("postgresql"), tmp_path)
    daas.run("db", "upgrade")
    daas.run("mailbox", "add", "kim")
    mbox = make_mbox(tmp_path / "mbox", numbered(3))
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with create_command_app(daas.settings).app_context():
        with db.engine.begin() as holder:
            for table in (Mailbox, Folder):
                holder.execute(select(table).with_for_update())
            processes = [daas.start("message", "import", "kim", mbox, "--json") for _ in range(2)]
            while not all(process.poll() is not None for process in processes):
                with transaction() as connection:
                    if connection.scalar(waiting) == len(processes):
                        break
        db.engine.dispose()
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in processes]
    assert [(stderr, status) for _, stderr, status in outcomes] == [(b"", 0)] * 2
    results = [json.loads(stdout) for stdout, _, _ in outcomes]
    assert sorted(result["totals"]["new"] for result in results) == [0, 3]
    assert len({each["id"] for result in results for each in result["imported"]}) == 3


def test_id_is_never_used_again(app: Flask, box: Any, tmp_path: Path) -> None:
    mail = write(tmp_path / "1.eml", LAB)
    (before,) = bring(app, box, [mail])
    with app.app_context(), transaction() as connection:
        for table in (MessageContent, MessageEnvelope, Message):
            connection.execute(delete(table).where(table.id == before.id))
    (after,) = bring(app, box, [mail])
    assert after.id > before.id


@pytest.mark.parametrize(
    ("messages", "first_batch"),
    [
        (numbered(300), 250),
        ([b"Subject: %d\n\n" % number + b"x" * 1024 * 1024 for number in range(7)], 4),
    ],
    ids=["many", "large"],
)
def test_messages_are_committed_in_batches(
    app: Flask, box: Any, tmp_path: Path, messages: Any, first_batch: Any
) -> None:
    paths = [write(tmp_path / f"{number:03}.eml", raw) for number, raw in enumerate(messages)]
    with app.app_context():
        folder = find_folder(find_mailbox(box.name), "Inbox")
        mailbox_id = folder.mailbox_id
        outcomes = import_messages(folder, paths)
        told: list[Any] = [next(outcomes)]
        with transaction() as connection:
            counted = select(func.count()).select_from(Message).where(Message.mailbox_id == mailbox_id)
            on_disk = connection.scalar(counted)
        told += outcomes
    assert on_disk == first_batch
    assert [outcome.path for outcome in told] == [str(path) for path in paths]
    assert [outcome.id for outcome in told] == ids_in(app, box)
    assert [raw_of(app, outcome.id) for outcome in told] == messages


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.only("sqlite")
def test_progress_is_hidden_without_a_terminal(daas: Commands, box: Any, tmp_path: Path) -> None:
    mbox = make_mbox(tmp_path / "mbox", numbered(3))
    outcome = daas.run_apart("message", "import", box.name, mbox, "--json")
    assert (outcome.status, outcome.stderr, len(json.loads(outcome.stdout)["imported"])) == (0, "", 3)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.only("sqlite")
def test_progress_goes_to_a_terminal_on_standard_error(daas: Commands, box: Any, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.eml", raw) for number, raw in enumerate(numbered(3))]
    terminal, end = pty.openpty()
    with daas.start("message", "import", box.name, *paths, "--json", stderr=end) as process:
        os.close(end)
        stdout, _ = process.communicate(timeout=60)
        shown = os.read(terminal, 65_536)
        os.close(terminal)
    assert process.returncode == 0
    assert len(json.loads(stdout)["imported"]) == 3
    assert b"Importing" in shown
    assert b"100%" in shown


def test_import_leaves_no_transaction_open(app: Flask, box: Any, tmp_path: Path) -> None:
    """Test this because an open transaction would block other writers."""
    with app.app_context():
        folder = find_folder(find_mailbox(box.name), "Inbox")
        outcomes = import_messages(folder, [write(tmp_path / "1.eml", LAB), write(tmp_path / "2.eml", NO_MAIL)])
        next(outcomes)
        assert not db.session().in_transaction()
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        outcomes.close()  # type: ignore[attr-defined]
