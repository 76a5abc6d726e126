"""Registered applications: their keys at rest, the cost of an unknown key, and the constraints of the database."""

import base64
import hmac
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet, MultiFernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Delete, Insert, Update, insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from daas import migrations
from daas.app import create_app, create_command_app
from daas.applications import registry as applications
from daas.applications.models import Application as ApplicationRow
from daas.applications.models import ApplicationMailbox, ApplicationService
from daas.errors import OperatorError
from daas.mailboxes.administration import find_mailbox, suspend_mailbox
from daas.mailboxes.models import Folder, Mailbox, Message, MessageContent, MessageEnvelope
from daas.records.request_log import RequestLogRow
from daas.services import services
from daas.settings import Settings, load_settings
from daas.signing.mechanism import KeyPair, make_key_pair
from daas.storage.engine import db
from daas.storage.transactions import StatementRunner

from ..support.actors import Application, authorization, now
from ..support.builders import Builder
from ..support.commands import new_name
from ..support.database import transaction

pytestmark = pytest.mark.both_databases

USE = (403, "Access Denied. Use Not Authorized.")
USER = (403, "Access Denied. User Not Authorized.")


@pytest.fixture
def fresh(database_kind: str, make_settings: Callable[..., Settings]) -> Settings:
    """Return settings with a database of this release that no other test uses."""
    fresh = make_settings(database_kind)
    with create_command_app(fresh).app_context():
        migrations.upgrade()
        db.engine.dispose()
    return fresh


def with_settings(settings: Settings, **environ: Any) -> Settings:
    """Return other settings for the same database."""
    url = settings.database_url.render_as_string(hide_password=False)
    return load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": settings.encryption_keys[0], **environ})


@contextmanager
def serving(settings: Settings) -> Iterator[Any]:
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


def register(settings: Settings) -> tuple[str, KeyPair]:
    with create_command_app(settings).app_context():
        row, private_key = applications.register_application(new_name("app"))
        name, keys = row.name, KeyPair(row.public_key, private_key)
        db.session.remove()
        db.engine.dispose()
    return name, keys


# Keys at rest.


def everything_stored(settings: Settings) -> bytes:
    """Return all bytes of the database: SQLite's files, or every value of every table of PostgreSQL."""
    if settings.embedded_database is not None:
        path = settings.embedded_database
        return b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    with create_command_app(settings).app_context():
        with transaction() as connection:
            found = b"\n".join(
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                for table in sa.inspect(connection).get_table_names()
                for row in connection.execute(sa.text(f'SELECT * FROM "{table}"'))
                for value in row
            )
        db.engine.dispose()
    return found


def test_private_key_is_not_in_the_database_unencrypted(fresh: Settings) -> None:
    name, keys = register(fresh)
    with serving(fresh) as app:
        Application(app, name, keys).post_signed("mailbox=nobody&id=1&folder=Inbox")
        stored = everything_stored(fresh)
    assert keys.public_key.encode() in stored
    private_key = keys.private_key.encode()
    spellings = [private_key, bytes.fromhex(keys.private_key), private_key.hex().encode()]
    spellings += [base64.b64encode(each).rstrip(b"=")[:-2] for each in spellings[:2]]
    assert [spelling for spelling in spellings if spelling in stored] == []


def test_equal_private_keys_have_different_ciphertexts(fresh: Settings) -> None:
    with create_command_app(fresh).app_context():
        tokens = [services().cipher.encrypt("x" * 64) for _ in range(2)]
        db.engine.dispose()
    assert tokens[0] != tokens[1]


NEW, OLD = (Fernet.generate_key().decode() for _ in range(2))


@pytest.mark.parametrize(
    ("keys", "status"),
    [(f"{NEW},{OLD}", 403), (f"{OLD},{NEW}", 403), (OLD, 403), (NEW, 401)],
    ids=["first-new", "first-old", "old", "new"],
)
def test_previous_encryption_key_decrypts_while_it_is_listed(fresh: Settings, keys: str, status: int) -> None:
    name, pair = register(with_settings(fresh, DAAS_ENCRYPTION_KEYS=OLD))
    with serving(with_settings(fresh, DAAS_ENCRYPTION_KEYS=keys)) as app:
        answer = Application(app, name, pair).post_signed("mailbox=nobody&id=1&folder=Inbox")
    assert answer.status_code == status


def test_the_first_key_encrypts(fresh: Settings) -> None:
    name, _ = register(with_settings(fresh, DAAS_ENCRYPTION_KEYS=f"{NEW},{OLD}"))
    with create_command_app(fresh).app_context():
        token = db.session.scalar(select(ApplicationRow.private_key_encrypted).where(ApplicationRow.name == name))
        db.session.remove()
        db.engine.dispose()
    assert len(Fernet(NEW).decrypt(token)) == 64


# The cost of an unknown public key.


COUNTED = {
    MultiFernet.decrypt.__code__: "decrypt with all keys",
    Fernet.decrypt.__code__: "decrypt",
    Fernet._decrypt_data.__code__: "decrypt data",
    hmac.digest.__code__: "hash",
}
DRIVER = {"execute", "commit", "rollback"}


class Costs:
    """The work done for a request: statements and transactions, decryptions, hashes and comparisons, in their order."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def profile(self, frame: FrameType, what: str, argument: Any) -> None:
        if what == "call" and frame.f_code in COUNTED:
            self.seen.append(COUNTED[frame.f_code])
        elif what == "call" and frame.f_code is StatementRunner.rows.__code__:
            self.seen.append(str(frame.f_locals["statement"].construct))
        elif what == "c_call" and argument is hmac.compare_digest:
            self.seen.append("compare")
        elif what in {"call", "c_call"} and (name := getattr(argument, "__name__", frame.f_code.co_name)) in DRIVER:
            self.seen.append(name)

    @contextmanager
    def counted(self) -> Iterator[Any]:
        sys.setprofile(self.profile)
        try:
            yield self
        finally:
            sys.setprofile(None)


def post_with(app: Flask, keys: KeyPair, date: str, client: Any = None, **parts: Any) -> TestResponse:
    header = authorization(keys, date=date, **parts)
    return (client or app.test_client()).post(
        "/direct/messages/move/format/json",
        data="mailbox=nobody&id=1&folder=Inbox",
        headers={"Authorization": header, "Date": date, "Content-Type": "application/x-www-form-urlencoded"},
    )


def unknown_and_wrong(caller: Application) -> tuple[KeyPair, KeyPair]:
    """Return a key pair that no application has, and the public key of an application with a wrong private key."""
    return make_key_pair(), KeyPair(caller.keys.public_key, make_key_pair().private_key)


@pytest.mark.parametrize(
    "options", [{}, {"suspended": True}, {"services": ("v1/lists",)}, {"require_content_md5": True}], ids=str
)
@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "forgotten"])
def test_unknown_key_costs_the_same_as_a_wrong_signature(
    app: Flask, build: Builder, options: dict[str, Any], remembered: bool
) -> None:
    callers = unknown_and_wrong(build.application(**options))
    date = now()
    for keys in callers:
        post_with(app, keys, date)  # The first request of each kind compiles its statements.
    costs = []
    for keys in callers:
        client = FlaskClient(app, app.response_class) if remembered else app.test_client()
        if remembered:
            post_with(app, keys, date, client)
        with Costs().counted() as counted:
            assert post_with(app, keys, date, client).status_code == 401
        costs.append(counted.seen)
    unknown, wrong = costs
    assert unknown == wrong
    lookups = 0 if remembered else 1
    assert [unknown.count(what) for what in ("decrypt data", "hash", "compare")] == [lookups, 1, 2]
    assert sum(statement.startswith("SELECT") for statement in unknown) == lookups
    assert sum(statement.startswith("INSERT INTO request_log") for statement in unknown) == 1


def spelt(answer: TestResponse) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return everything that a client sees of a response, except its request_id."""
    request_id = answer.headers["X-Request-Id"]
    headers = sorted((name, value) for name, value in answer.headers if name not in ("X-Request-Id", "Date"))
    headers = [
        (name, str(int(value) - len(request_id))) if name == "Content-Length" else (name, value)
        for name, value in headers
    ]
    return answer.status, headers, answer.data.replace(f'"{request_id}"'.encode(), b'"?"', 1)


@pytest.mark.parametrize("explain", ["0", "1"], ids=["unexplained", "explained"])
@pytest.mark.parametrize("parts", [{}, {"raw": True}, {"method": "GET"}], ids=["hexadecimal", "raw", "wrong-method"])
@pytest.mark.parametrize("options", [{}, {"suspended": True}, {"require_content_md5": True}], ids=str)
def test_unknown_key_gets_the_response_of_a_wrong_signature(
    settings: Settings, build: Builder, options: dict[str, Any], parts: dict[str, Any], explain: str
) -> None:
    callers = unknown_and_wrong(build.application(**options))
    date = now()
    with serving(with_settings(settings, DAAS_EXPLAIN_401=explain)) as app:
        unknown, wrong = (post_with(app, keys, date, **parts) for keys in callers)
    assert spelt(unknown) == spelt(wrong)
    assert unknown.status_code == 401
    assert ("X-Daas-String-To-Sign" in unknown.headers) is (explain == "1")


@pytest.mark.parametrize("date", ["yesterday", "06/03/2013 12:13:56 EST"], ids=["unreadable", "old"])
def test_unknown_key_gets_no_more_hints_than_a_wrong_signature(app: Flask, build: Builder, date: str) -> None:
    unknown, wrong = (post_with(app, keys, date) for keys in unknown_and_wrong(build.application()))
    assert spelt(unknown) == spelt(wrong)
    assert "X-Daas-Error" not in unknown.headers


def test_log_distinguishes_unknown_key_from_wrong_signature(app: Flask, build: Builder) -> None:
    caller = build.application()
    answers = [post_with(app, keys, now()) for keys in unknown_and_wrong(caller)]
    rows = [build.log_row(answer.headers["X-Request-Id"]) for answer in answers]
    assert [(row.reason, row.application) for row in rows] == [
        ("unknown-public-key", None),
        ("signature-mismatch", caller.name),
    ]


# A withdrawn permission is gone at once.


@pytest.mark.parametrize(
    ("take", "rejected"),
    [
        (lambda caller: revoke(caller, mailboxes=True), USER),
        (lambda caller: suspend_mailbox(caller.mailbox.name, suspended=True), USER),
        (lambda caller: applications.suspend_application(caller.name, suspended=True), USE),
        (lambda caller: revoke(caller, services=["direct/messages/move"]), USE),
    ],
    ids=["mailbox", "suspended-mailbox", "suspended", "service"],
)
def test_revoked_permission_is_gone_for_the_next_request(
    app: Flask, application: Application, build: Builder, take: Callable[..., Any], rejected: tuple[int, str]
) -> None:
    assert application.move().status_code == 200
    with app.app_context():
        take(application)
    answer = application.move(folder="Sent")
    assert (answer.status_code, answer.json["message"]) == rejected
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder


@pytest.mark.parametrize(
    ("take", "give"),
    [
        (
            lambda caller: applications.suspend_application(caller.name, suspended=True),
            lambda caller: applications.suspend_application(caller.name, suspended=False),
        ),
        (
            lambda caller: revoke(caller, services=["direct/messages/move"]),
            lambda caller: applications.grant(caller.name, ["direct/messages/move"], [], all_mailboxes=False),
        ),
    ],
    ids=["resumed", "granted"],
)
def test_permission_granted_again_counts_for_the_next_request(
    app: Flask, application: Application, take: Callable[..., Any], give: Callable[..., Any]
) -> None:
    assert application.move().status_code == 200
    with app.app_context():
        take(application)
    assert application.move().status_code == application.move().status_code == 403
    with app.app_context():
        give(application)
    assert application.move().status_code == 200


def revoke(caller: Application, services: Any = (), mailboxes: bool = False) -> None:
    ids = [find_mailbox(caller.mailbox.name).id] if mailboxes else []
    applications.revoke(caller.name, services, ids, all_mailboxes=False)


def test_revoking_leaves_other_permissions(app: Flask, build: Builder) -> None:
    boxes = [build.mailbox(), build.mailbox()]
    caller = build.application(mailboxes=boxes)
    with app.app_context():
        revoke(caller, services=["direct/folders"], mailboxes=True)
    assert caller.move().status_code == 403
    assert caller.move(mailbox=boxes[1].name, id=boxes[1].message, folder=boxes[1].folder).status_code == 200


# Rows that the database rejects, whichever program writes them.


@pytest.fixture
def ids(app: Flask, build: Builder) -> dict[str, Any]:
    """Return the ids of a mailbox, its custom folder, its message, another mailbox, and an application."""
    box, other = build.mailbox(), build.mailbox()
    caller = build.application()
    with app.app_context():
        found = {
            "mailbox": find_mailbox(box.name).id,
            "mailbox_name": box.name,
            "folder": int(box.folder),
            "message": int(box.message),
            "other": find_mailbox(other.name).id,
            "application": db.session.scalar(select(ApplicationRow.id).where(ApplicationRow.name == caller.name)),
            "application_name": caller.name,
            "public_key": caller.keys.public_key,
            "nothing": 2**62,
        }
        digest = select(MessageEnvelope.digest).where(MessageEnvelope.id == found["message"])
        found["digest"] = db.session.scalar(digest)
    return found


def an_application(ids: dict[str, Any], **values: Any) -> Insert:
    defaults = {
        "name": new_name("app"),
        "public_key": new_name("public-key-of-app"),
        "private_key_encrypted": b"x",
        "suspended": False,
        "all_mailboxes": False,
        "require_content_md5": False,
        "explain_401": False,
    }
    return insert(ApplicationRow).values(**{**defaults, **values})


def an_envelope(ids: dict[str, Any], **values: Any) -> Insert:
    defaults = {
        "id": ids["message"],
        "mailbox_id": ids["mailbox"],
        "digest": b"x" * 32,
        "size": 1,
        **dict.fromkeys(["message_id", "subject", "subject_folded", "sender", "sender_folded", "recipients"], ""),
        "imported_at": sa.func.current_timestamp(),
    }
    return insert(MessageEnvelope).values(**{**defaults, **values})


def a_folder(ids: dict[str, Any], name: str, **values: Any) -> Insert:
    return insert(Folder).values(**{"mailbox_id": ids["mailbox"], "standard": False, "name": name, **values})


def a_mailbox(ids: dict[str, Any], name: str) -> Insert:
    return insert(Mailbox).values(name=name, suspended=False)


CHECKED = {
    "mailbox-in-upper-case": (
        "ck_mailbox_name_lower_case",
        lambda ids: a_mailbox(ids, "Kim"),
    ),
    "mailbox-without-name": ("ck_mailbox_name_length", lambda ids: a_mailbox(ids, "")),
    "folder-named-inbox": ("ck_folder_custom_name_not_standard", lambda ids: a_folder(ids, "inbox")),
    "folder-named-SENT": ("ck_folder_custom_name_not_standard", lambda ids: a_folder(ids, "SENT")),
    "folder-of-digits": ("ck_folder_name_not_all_digits", lambda ids: a_folder(ids, "42")),
    "folder-without-name": ("ck_folder_name_not_all_digits", lambda ids: a_folder(ids, "")),
    "standard-folder-of-another-name": (
        "ck_folder_standard_name",
        lambda ids: a_folder(ids, "Outbox", standard=True),
    ),
    "message-with-id-0": (
        "ck_message_id_positive",
        lambda ids: insert(Message).values(id=0, mailbox_id=ids["mailbox"], folder_id=ids["folder"]),
    ),
    "message-without-bytes": ("ck_message_envelope_size_positive", lambda ids: an_envelope(ids, size=0)),
    "application-without-name": ("ck_application_name_not_blank", lambda ids: an_application(ids, name="")),
    "short-public-key": ("ck_application_public_key_length", lambda ids: an_application(ids, public_key="x" * 15)),
}
UNIQUE = {
    "mailbox": ("uq_mailbox_name", lambda ids: a_mailbox(ids, ids["mailbox_name"])),
    "folder": ("uq_folder_mailbox_id_name", lambda ids: a_folder(ids, "Custom 0")),
    "folder-id": ("pk_folder", lambda ids: a_folder(ids, "Other", id=ids["folder"])),
    "message-id": (
        "pk_message",
        lambda ids: insert(Message).values(id=ids["message"], mailbox_id=ids["mailbox"], folder_id=ids["folder"]),
    ),
    "public-key": ("uq_application_public_key", lambda ids: an_application(ids, public_key=ids["public_key"])),
    "application": ("uq_application_name", lambda ids: an_application(ids, name=ids["application_name"])),
}
REFERRING = {
    "folder-of-no-mailbox": (
        "fk_folder_mailbox_id",
        lambda ids: a_folder(ids, "Seen", mailbox_id=ids["nothing"]),
    ),
    "message-in-another-mailboxs-folder": (
        "fk_message_mailbox_id_folder_id",
        lambda ids: insert(Message).values(mailbox_id=ids["other"], folder_id=ids["folder"]),
    ),
    "move-to-another-mailboxs-folder": (
        "fk_message_mailbox_id_folder_id",
        lambda ids: (
            sa.update(Message)
            .where(Message.id == ids["message"])
            .values(folder_id=select(Folder.id).where(Folder.mailbox_id == ids["other"]).limit(1).scalar_subquery())
        ),
    ),
    "folder-that-holds-a-message": (
        "fk_message_mailbox_id_folder_id",
        lambda ids: sa.delete(Folder).where(Folder.mailbox_id == ids["mailbox"], Folder.name == "Inbox"),
    ),
    "content-of-no-message": (
        "fk_message_content_id",
        lambda ids: insert(MessageContent).values(id=ids["nothing"], raw=b"x"),
    ),
    "grant-of-no-mailbox": (
        "fk_application_mailbox_mailbox_id",
        lambda ids: insert(ApplicationMailbox).values(application_id=ids["application"], mailbox_id=ids["nothing"]),
    ),
    "grant-to-no-application": (
        "fk_application_service_application_id",
        lambda ids: insert(ApplicationService).values(application_id=ids["nothing"], service="v1/lists"),
    ),
}


def rejection_of(app: Flask, statement: Delete | Insert | Update) -> str:
    """Return the text of the error with which the database rejects a statement."""
    with app.app_context(), pytest.raises(IntegrityError) as error, transaction() as connection:
        connection.execute(statement)
    return str(error.value.orig)


@pytest.mark.parametrize(("constraint", "statement"), CHECKED.values(), ids=CHECKED)
def test_the_database_checks_its_values(
    app: Flask, ids: dict[str, Any], constraint: str, statement: Callable[..., Any]
) -> None:
    assert constraint in rejection_of(app, statement(ids))


@pytest.mark.parametrize(("constraint", "statement"), UNIQUE.values(), ids=UNIQUE)
def test_the_database_rejects_duplicates(
    app: Flask, ids: dict[str, Any], constraint: str, statement: Callable[..., Any]
) -> None:
    # For a unique constraint, SQLite names the columns instead of the constraint.
    table, _, columns = constraint[3:].replace("_", ".", 1).partition(".")
    said = rejection_of(app, statement(ids))
    if "UNIQUE constraint failed" in said:
        assert f"{table}." in said
        assert columns.rpartition("_id_")[2] in said
    else:
        assert constraint in said


def test_the_database_rejects_the_same_bytes_twice_in_a_mailbox(app: Flask, ids: dict[str, Any]) -> None:
    with app.app_context(), transaction() as connection:
        values = {"mailbox_id": ids["mailbox"], "folder_id": ids["folder"]}
        made = connection.scalar(insert(Message).values(**values).returning(Message.id))
    said = rejection_of(app, an_envelope(ids, id=made, digest=ids["digest"]))
    names = ("uq_message_envelope_mailbox_id_digest", "message_envelope.mailbox_id, message_envelope.digest")
    assert any(name in said for name in names)


@pytest.mark.parametrize(("constraint", "statement"), REFERRING.values(), ids=REFERRING)
def test_the_database_rejects_dangling_references(
    app: Flask, ids: dict[str, Any], constraint: str, statement: Callable[..., Any]
) -> None:
    said = rejection_of(app, statement(ids))
    assert constraint in said or said == "FOREIGN KEY constraint failed"


def test_request_log_has_no_foreign_keys() -> None:
    assert RequestLogRow.__table__.foreign_keys == set()


def test_name_that_the_log_has_is_not_given_again(build: Builder) -> None:
    earlier = build.application(mailboxes=[build.mailbox()])
    assert earlier.move().status_code == 200
    with build.app.app_context():
        applications.remove_application(earlier.name)
        with pytest.raises(OperatorError, match="The request log has requests of an earlier application"):
            applications.register_application(f" {earlier.name} ")
        never_used = new_name("app")
        applications.register_application(never_used)
        applications.remove_application(never_used)
        assert applications.register_application(never_used)[0].name == never_used
