"""The request log: one row for every request, true and without secrets, with an id that is never used again."""

import datetime
import itertools
import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import delete, event, func, select
from werkzeug.test import TestResponse

from daas import migrations
from daas.app import create_app, create_command_app
from daas.applications.registry import DEFAULT_SERVICES
from daas.records.request_log import RequestLogRow
from daas.settings import Settings, load_settings
from daas.signing.mechanism import KeyPair, make_key_pair
from daas.storage.engine import db

from ..conftest import DATABASES, ENCRYPTION_KEY
from ..support.actors import MOVE, Application
from ..support.builders import Builder, Mailbox
from ..support.database import transaction

pytestmark = pytest.mark.both_databases

RANDOM_ID = re.compile(r"[0-9a-f]{32}")
OLD = "06/03/2013 12:13:56 EST"


def count_rows(app: Flask) -> int:
    with app.app_context(), transaction() as connection:
        return connection.scalar(select(func.count()).select_from(RequestLogRow))


def rows_as_text(app: Flask) -> list[str]:
    with app.app_context(), transaction() as connection:
        return [" ".join(map(str, row)) for row in connection.execute(select(RequestLogRow))]


def id_of(response: TestResponse) -> str:
    """Return the request_id, which must be the same in header and body."""
    assert response.json["request_id"] == response.headers["X-Request-Id"]
    return response.headers["X-Request-Id"]


@contextmanager
def serving(settings: Settings) -> Iterator[Any]:
    """Serve a database of this release from an app of its own."""
    with create_command_app(settings).app_context():
        migrations.upgrade()
        db.engine.dispose()
    app = create_app(settings)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def fresh(database_kind: str, make_settings: Callable[..., Settings]) -> Settings:
    """Return settings with an empty database that no other test uses, of the kind of the others."""
    return make_settings(database_kind)


# One row, and the true reason.


@dataclass
class Scene:
    """An application with a mailbox, and a builder for everything else that a request needs."""

    caller: Application
    build: Builder

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return self.caller.app.test_client().open(*args, **kwargs)

    def without(self, name: Any) -> Any:
        """Request a move without one of the headers."""
        headers = self.caller.signed_headers()
        del headers[name]
        return self.open(MOVE, method="POST", headers=headers, data="")

    def cut_short(self) -> Any:
        """Send a body that is shorter than its Content-Length."""
        return self.open(MOVE, method="POST", data="mailbox=x", environ_overrides={"CONTENT_LENGTH": "99"})

    def signed_with(self, keys: KeyPair) -> TestResponse:
        return Application(self.caller.app, self.caller.name, keys).post_signed("mailbox=x")

    def by_another(self, **options: Any) -> Any:
        """Request a move by another application."""
        return self.build.application(mailboxes=[self.caller.mailbox], **options).move()

    def elsewhere(self, **options: Any) -> Any:
        """Request a move in another mailbox."""
        other = self.build.mailbox(**options)
        return self.caller.move(mailbox=other.name, id=other.message, folder=other.folder)


def get(caller: Application, uri: str) -> TestResponse:
    headers = caller.signed_headers(method="GET", uri=uri, content_type=None)
    return caller.app.test_client().get(uri, headers=headers)


def minutes_ago(minutes: Any) -> Any:
    return time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(time.time() - 60 * minutes))


JSON = "application/json"
REQUESTS = [
    (200, "moved", lambda scene: scene.caller.move()),
    (200, "listed", lambda scene: get(scene.caller, f"/direct/folders?mailbox={scene.caller.mailbox.name}")),
    (404, "path-unknown", lambda scene: scene.open("/direct/nothing")),
    (404, "path-unknown", lambda scene: scene.open("/direct/messages%2Fmove", method="POST")),
    (404, "path-unknown", lambda scene: scene.open("/direct")),
    (405, "method-not-allowed", lambda scene: scene.open(MOVE)),
    (405, "method-not-allowed", lambda scene: scene.open(MOVE, method="HEAD")),
    (405, "method-not-allowed", lambda scene: scene.open(MOVE, method="OPTIONS")),
    (405, "method-not-allowed", lambda scene: scene.open("/direct/folders", method="HEAD")),
    (400, "body-cut-short", lambda scene: scene.cut_short()),
    (400, "target-with-fragment", lambda scene: scene.open(MOVE, environ_overrides={"RAW_URI": f"{MOVE}#x"})),
    (413, "body-too-large", lambda scene: scene.caller.post_signed("x" * 65_537)),
    (401, "authorization-missing", lambda scene: scene.without("Authorization")),
    (401, "authorization-malformed", lambda scene: scene.caller.post_signed(headers={"Authorization": "DAAS x"})),
    (401, "date-missing", lambda scene: scene.without("Date")),
    (401, "content-type-missing", lambda scene: scene.without("Content-Type")),
    (401, "unknown-public-key", lambda scene: scene.signed_with(make_key_pair())),
    (401, "signature-mismatch", lambda scene: scene.signed_with(KeyPair(scene.caller.keys.public_key, "x" * 64))),
    (401, "date-unreadable", lambda scene: scene.caller.post_signed(date="yesterday")),
    (401, "date-without-zone", lambda scene: scene.caller.post_signed(date=minutes_ago(0))),
    (401, "date-outside-window", lambda scene: scene.caller.post_signed(date=OLD)),
    (401, "date-zone-name", lambda scene: scene.caller.post_signed(date=f"{minutes_ago(300)} EDT")),
    (401, "content-md5-mismatch", lambda scene: scene.caller.post_signed(md5="x")),
    (401, "content-md5-required", lambda scene: scene.by_another(require_content_md5=True)),
    (403, "application-suspended", lambda scene: scene.by_another(suspended=True)),
    (403, "service-not-granted", lambda scene: scene.by_another(services=DEFAULT_SERVICES[1:])),
    (415, "media-type-unsupported", lambda scene: scene.caller.post_signed(content_type="text/plain")),
    (415, "coding-unsupported", lambda scene: scene.caller.post_signed(headers={"Content-Encoding": "gzip"})),
    (400, "form-not-utf-8", lambda scene: scene.caller.post_signed(b"\xff=1")),
    (400, "json-unreadable", lambda scene: scene.caller.post_signed("{", content_type=JSON)),
    (400, "json-no-object", lambda scene: scene.caller.post_signed("[]", content_type=JSON)),
    (400, "json-too-deep", lambda scene: scene.caller.post_signed("[" * 9 + "]" * 9, content_type=JSON)),
    (422, "argument-missing", lambda scene: scene.caller.post_signed("mailbox=x")),
    (422, "argument-invalid", lambda scene: scene.caller.move(id="0")),
    (403, "mailbox-unknown", lambda scene: scene.caller.move(mailbox="nobody")),
    (403, "mailbox-suspended", lambda scene: scene.elsewhere(suspended=True)),
    (403, "mailbox-not-granted", lambda scene: scene.elsewhere()),
    (422, "folder-not-found", lambda scene: scene.caller.move(folder="9223372036854775807")),
    (422, "message-not-found", lambda scene: scene.caller.move(id="9223372036854775807")),
]


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(("status", "reason", "ask"), REQUESTS, ids=[f"{row[0]}-{row[1]}" for row in REQUESTS])
def test_every_request_leaves_one_row_with_its_true_reason(
    app: Flask, application: Application, build: Builder, status: int, reason: str, ask: Callable[..., Any]
) -> None:
    before = count_rows(app)
    response = ask(Scene(application, build))
    assert response.status_code == status
    assert count_rows(app) == before + 1
    row = build.log_row(response.headers["X-Request-Id"])
    assert (row.status, row.reason) == (status, reason)
    if response.request.method != "HEAD":
        assert response.json["request_id"] == str(row.id)


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("path", ["/", "/directory", "/Direct/messages/move", "/favicon.ico"])
def test_other_requests_leave_no_row(app: Flask, path: str) -> None:
    before = count_rows(app)
    response = app.test_client().get(path)
    assert "X-Request-Id" not in response.headers
    assert count_rows(app) == before


# The columns of a row.


def test_row_has_time_address_duration_and_arguments(application: Application, build: Builder) -> None:
    began, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    response = application.post_signed(urlencode({"mailbox": application.mailbox.name}))
    elapsed = (time.perf_counter() - clock) * 1000
    row = build.log_row(id_of(response))
    assert began <= row.at <= datetime.datetime.now(datetime.UTC)
    assert row.at.utcoffset() == datetime.timedelta(0)
    assert 0 < row.duration_ms <= elapsed
    assert (row.method, row.path, row.remote_address) == ("POST", MOVE, "127.0.0.1")
    assert (row.application, row.service) == (application.name, "direct/messages/move")


def test_row_of_a_move_has_both_folders(application: Application, build: Builder) -> None:
    box = application.mailbox
    folders = ["Inbox", box.folder, "Archived", "Archived"]
    for folder in folders[1:]:
        application.move(folder=folder.lower())
    rows = build.log_rows(box.message)
    assert [(row.folder_from, row.folder_to) for row in rows] == [*itertools.pairwise(folders)]
    assert [row.folder for row in rows] == [box.folder, "archived", "archived"]


def test_row_of_a_rejected_move_has_only_the_requested_folder(application: Application, build: Builder) -> None:
    row = build.log_row(id_of(application.move(folder="9223372036854775807")))
    assert (row.folder, row.folder_from, row.folder_to) == ("9223372036854775807", None, None)


def test_the_query_is_not_in_the_log(application: Application, build: Builder) -> None:
    uri = f"{MOVE}?patient=ejaffee"
    row = build.log_row(id_of(application.move(id="0")))
    asked = build.log_row(id_of(application.post_signed("", uri=uri)))
    assert row.path == asked.path == MOVE


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (f"http://kim:secret@example.org{MOVE}", MOVE),
        ("/direct/%61%20", "/direct/%61%20"),
        ("/direct/\xc3\xa4", "/direct/\xc3\xa4"),
        ("/direct/" + "x" * 500, "/direct/" + "x" * 120),
        ("/direct/\x85\xa0\xad", "/direct/\ufffd\ufffd\ufffd"),
    ],
    ids=["absolute", "encoded", "latin-1", "long", "unprintable"],
)
def test_path_is_logged_as_sent_but_cut_and_printable(app: Flask, build: Builder, target: str, path: str) -> None:
    response = app.test_client().get("/direct/x", environ_overrides={"RAW_URI": target})
    assert build.log_row(id_of(response)).path == path


def test_a_method_is_cut_too(app: Flask, build: Builder) -> None:
    response = app.test_client().open(MOVE, method="X" * 500)
    assert build.log_row(id_of(response)).method == "X" * 128


def test_address_is_that_of_the_connection(app: Flask, build: Builder) -> None:
    forwarded = dict.fromkeys(["X-Forwarded-For", "Forwarded", "X-Real-IP"], "203.0.113.9")
    response = app.test_client().get("/direct/x", headers=forwarded, environ_overrides={"REMOTE_ADDR": "2001:db8::1"})
    assert build.log_row(id_of(response)).remote_address == "2001:db8::1"


ARGUMENTS = {"mailbox": "Kim", "id": "0181", "folder": " Attic "}
AS_ASKED = ("Kim", "0181", " Attic ")


@pytest.mark.parametrize("date", [None, OLD, "yesterday"], ids=["fresh", "old", "unreadable"])
def test_arguments_of_a_valid_signature_are_logged_as_sent(
    application: Application, build: Builder, date: str | None
) -> None:
    row = build.log_row(id_of(application.post_signed(urlencode(ARGUMENTS), date=date)))
    assert (row.mailbox, row.message, row.folder) == AS_ASKED


@pytest.mark.parametrize("keys", [None, "x" * 64], ids=["unknown-key", "wrong-signature"])
def test_arguments_of_an_invalid_signature_are_not_logged(application: Application, build: Builder, keys: Any) -> None:
    keys = make_key_pair() if keys is None else KeyPair(application.keys.public_key, keys)
    caller = Application(application.app, application.name, keys)
    row = build.log_row(id_of(caller.post_signed(urlencode(ARGUMENTS))))
    assert row.status == 401
    assert (row.mailbox, row.message, row.folder) == (None, None, None)


def test_arguments_of_a_query_are_logged_too(application: Application, build: Builder) -> None:
    response = get(application, f"/direct/messages?mailbox={application.mailbox.name.upper()}&folder=inbox")
    row = build.log_row(id_of(response))
    assert (row.mailbox, row.message, row.folder) == (application.mailbox.name.upper(), None, "inbox")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud800 \udfff", "\ufffd \ufffd"),
        ("a\x1b[31m\r\n\u2028", "a\ufffd[31m\ufffd\ufffd\ufffd"),
        ("\u202e\u200b", "\ufffd\ufffd"),
        ("\U0001f600ß", "\U0001f600ß"),
        ("x" * 1000, "x" * 128),
        ("\U0001f600" * 1000, "\U0001f600" * 128),
        ("\0" * 1000, "\ufffd" * 128),
        (["a", None], "a, "),
        ([["a"], None], "(not a text)"),
        (1.5, "1.5"),
        (None, ""),
    ],
    ids=[
        "nul",
        "surrogates",
        "controls",
        "invisible",
        "beyond-the-plane",
        "long",
        "long-and-wide",
        "long-nul",
        "list",
        "list-of-lists",
        "number",
        "null",
    ],
)
def test_arguments_are_cut_and_made_printable(
    application: Application, build: Builder, value: float | list[str | None] | str | None, stored: str
) -> None:
    body = json.dumps({"mailbox": value, "id": value, "folder": value})
    row = build.log_row(id_of(application.post_signed(body, content_type="application/json")))
    assert row.status == 422
    assert (row.mailbox, row.message, row.folder) == (stored, stored, stored)


def test_repeated_argument_is_logged_with_all_values(application: Application, build: Builder) -> None:
    row = build.log_row(id_of(application.post_signed("id=181&id=182")))
    assert (row.message, row.mailbox) == ("181, 182", None)


def test_no_key_signature_or_subject_is_ever_in_the_log(app: Flask, build: Builder) -> None:
    subject, private_key = "Übelkeit und Erbrechen", "private-key-of-nobody"
    box = build.mailbox(messages=0)
    box.messages = [build.message(box, subject=subject)]
    caller = build.application(mailboxes=[box])
    uri = f"{MOVE}?key={private_key}"
    answers = [
        caller.move(),
        caller.post_signed(urlencode({"key": private_key, "subject": subject}), uri=uri),
        Scene(caller, build).signed_with(KeyPair(caller.keys.public_key, private_key)),
        get(caller, f"/direct/messages?{urlencode({'mailbox': box.name, 'subject': subject})}"),
        app.test_client().get(uri, headers={"Authorization": f"DAAS {caller.keys.public_key}:{private_key}"}),
    ]
    assert [response.status_code for response in answers] == [200, 422, 401, 200, 405]
    signature = caller.signed_headers()["Authorization"].partition(":")[2]
    rows = [row for row in rows_as_text(app) if row.split(" ")[0] in {id_of(response) for response in answers}]
    assert len(rows) == len(answers)
    secrets = [subject, private_key, caller.keys.private_key, caller.keys.public_key, signature[:16], "DAAS "]
    assert [secret for secret in secrets if any(secret in row for row in rows)] == []


# Ids.


def test_ids_grow_from_request_to_request(app: Flask, application: Application) -> None:
    ids = [
        int(id_of(response))
        for response in (application.move(), app.test_client().get("/direct/x"), application.move())
    ]
    assert ids == sorted({*ids})


def test_id_is_not_used_again_after_its_row_was_deleted(app: Flask, application: Application) -> None:
    last = int(id_of(application.move()))
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(delete(RequestLogRow))
    assert int(id_of(application.move())) > last


def forget_what_follows(settings: Settings, app: Flask) -> Callable[..., Any]:
    """Return a function that restores the present state of the database, like a crash that loses the last writes."""
    if settings.embedded_database is not None:
        files = [settings.embedded_database.with_name(settings.embedded_database.name + end) for end in ("", "-wal")]
        saved = [(file, file.read_bytes()) for file in files]

        def forget() -> None:
            settings.embedded_database.with_name(settings.embedded_database.name + "-shm").unlink(missing_ok=True)
            for file, content in saved:
                file.write_bytes(content)

        return forget
    with app.app_context(), transaction() as connection:
        last_id = connection.scalar(select(func.coalesce(func.max(RequestLogRow.id), 0)))
        sequence = connection.execute(sa.text("SELECT last_value, is_called FROM request_log_id_seq")).one()

    def set_back() -> None:
        with create_command_app(settings).app_context():
            with db.engine.begin() as connection:
                connection.execute(delete(RequestLogRow).where(RequestLogRow.id > last_id))
                statement = sa.text("SELECT setval('request_log_id_seq', :last_value, :is_called)")
                connection.execute(statement, sequence._asdict())
            db.engine.dispose()

    return set_back


@pytest.mark.parametrize("kept", [0, 2], ids=["none-kept", "some-kept"])
def test_id_is_not_used_again_after_a_crash_lost_it(fresh: Settings, kept: int) -> None:
    with serving(fresh) as app:
        with app.app_context(), db.engine.connect():
            pass  # The first connection skips ids; afterwards this is on disk.
        before = [int(id_of(app.test_client().get("/direct/kept"))) for _ in range(kept)]
        forget = forget_what_follows(fresh, app)
        forgotten = [int(id_of(app.test_client().get("/direct/forgotten"))) for _ in range(20)]
    forget()
    with serving(fresh) as app:
        after = [int(id_of(app.test_client().get("/direct/after"))) for _ in range(3)]
        with app.app_context(), transaction() as connection:
            stored = connection.execute(select(RequestLogRow.id, RequestLogRow.path).order_by(RequestLogRow.id)).all()
    assert stored == [*((id_, "/direct/kept") for id_ in before), *((id_, "/direct/after") for id_ in after)]
    assert min(after) > max(forgotten)


def test_servers_that_start_together_use_no_id_twice(fresh: Settings) -> None:
    def serve(start: Any) -> Any:
        with serving(fresh) as app:
            start.wait(timeout=120)
            return [id_of(app.test_client().get("/direct/x")) for _ in range(20)]

    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        ids = [*itertools.chain(*pool.map(serve, [start] * 8))]
    assert len({*ids}) == len(ids) == 160


def test_servers_that_start_together_skip_ids_in_turn(
    make_settings: Callable[..., Settings],
) -> None:
    """Test this on PostgreSQL: on SQLite, a server locks the whole database while it skips ids."""
    settings = make_settings("postgresql")
    url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with serving(settings) as app, ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('daas request ids'))")
        response = pool.submit(lambda: app.test_client().get("/direct/x"))
        deadline = time.monotonic() + 30
        while other.execute(waiting).fetchone() == (0,) and not response.done() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert other.execute(waiting).fetchone() == (1,)
        other.execute("SELECT pg_advisory_unlock_all()")
        assert int(id_of(response.result())) > 0


def test_skipped_ids_are_on_disk_before_the_first_use(
    make_settings: Callable[..., Settings],
) -> None:
    """Test this on SQLite: on PostgreSQL every transaction waits for the disk unless it turns that off."""
    ran: list[Any] = []
    with serving(make_settings("sqlite")) as app:
        with app.app_context():
            event.listen(db.engine, "first_connect", lambda raw, _: raw.set_trace_callback(ran.append), insert=True)
        app.test_client().get("/direct/x")
    (skipped,) = (place for place, statement in enumerate(ran) if statement.startswith("UPDATE sqlite_sequence"))
    before = [statement for statement in ran[:skipped] if statement.startswith("PRAGMA synchronous")]
    assert before[-1:] == ["PRAGMA synchronous = FULL"]
    assert (
        "COMMIT" in ran[skipped : next(n for n, each in enumerate(ran) if each.startswith("INSERT INTO request_log"))]
    )


# Durability of commits.


@contextmanager
def durability(app: Flask) -> Iterator[Any]:
    """Record, for each row of the log, whether its commit waits for the disk, as the database itself reports it."""
    seen: list[Any] = []
    with app.app_context():
        embedded = db.engine.dialect.name == "sqlite"
        with _durability_of_sqlite(seen) if embedded else _durability_of_postgresql(app, seen):
            yield seen


@contextmanager
def _durability_of_sqlite(seen: Any) -> Iterator[None]:
    """Query each connection that has written, when it is returned to the pool."""
    changes: dict[Any, Any] = {}

    def look(connection: Any, _record: Any) -> None:
        if changes.get(connection, 0) != connection.total_changes:
            changes[connection] = connection.total_changes
            seen.append({1: "off", 2: "on"}[connection.execute("PRAGMA synchronous").fetchone()[0]])

    def begin(connection: Any, _record: Any, _proxy: Any) -> None:
        changes.setdefault(connection, connection.total_changes)

    event.listen(db.engine, "checkout", begin)
    event.listen(db.engine, "checkin", look)
    try:
        yield
    finally:
        event.remove(db.engine, "checkout", begin)
        event.remove(db.engine, "checkin", look)


@contextmanager
def _durability_of_postgresql(app: Flask, seen: Any) -> Iterator[None]:
    """Make the server record its setting when it commits."""
    with app.app_context(), db.engine.begin() as connection:
        for statement in [
            "CREATE TABLE waits (id bigint, waits text)",
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN INSERT INTO waits VALUES (NEW.id, current_setting('synchronous_commit')); RETURN NULL; END$$",
            "CREATE CONSTRAINT TRIGGER note AFTER INSERT ON request_log"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()",
        ]:
            connection.exec_driver_sql(statement)
    try:
        yield
    finally:
        with app.app_context(), db.engine.begin() as connection:
            seen += connection.scalars(sa.text("SELECT waits FROM waits ORDER BY id"))
            connection.exec_driver_sql("DROP FUNCTION note CASCADE; DROP TABLE waits")


def test_move_waits_for_the_disk_and_a_rejection_does_not(app: Flask, application: Application) -> None:
    with durability(app) as seen:
        for _ in range(2):
            application.move()
            application.move(id="0")
            application.post_signed(date=OLD)
            application.move(mailbox="nobody")
            app.test_client().get("/direct/x")
    assert seen == ["on", "off", "off", "off", "off"] * 2


def test_listing_waits_until_its_row_is_on_disk(app: Flask, application: Application) -> None:
    with durability(app) as seen:
        get(application, f"/direct/folders?mailbox={application.mailbox.name}")
    assert seen == ["on"]


# A row that cannot be written.


@pytest.fixture
def broken(fresh: Settings) -> Iterator[tuple[Flask, Application, Builder]]:
    """An app over a database of its own, which a test can break, with an application and a builder."""
    with serving(fresh) as app:
        build = Builder(app)
        yield app, build.application(mailboxes=[build.mailbox()]), build


def fill_disk(app: Flask) -> None:
    """Make the next row of the log fail because the disk is full."""
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("CREATE TABLE ballast (content BLOB)")
            connection.exec_driver_sql(
                "CREATE TRIGGER load AFTER INSERT ON request_log"
                " BEGIN INSERT INTO ballast VALUES (zeroblob(1000000)); END"
            )
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.commit()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION load() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$"
            )
            connection.exec_driver_sql("CREATE TRIGGER load AFTER INSERT ON request_log EXECUTE FUNCTION load()")
        connection.commit()


def lose_table(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE request_log RENAME TO lost")


def test_full_disk_is_503_and_nothing_moves(broken: tuple[Flask, Application, Builder]) -> None:
    app, application, build = broken
    fill_disk(app)
    before = count_rows(app)
    response = application.move()
    assert (response.status_code, response.json["message"]) == (503, "Service Unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert RANDOM_ID.fullmatch(id_of(response))
    assert build.folder_of(application.mailbox.message) == "Inbox"
    assert count_rows(app) == before


def test_move_without_a_log_row_is_undone(broken: tuple[Flask, Application, Builder]) -> None:
    app, application, build = broken
    lose_table(app)
    response = application.move()
    assert response.status_code in {500, 503}
    assert RANDOM_ID.fullmatch(id_of(response))
    assert build.folder_of(application.mailbox.message) == "Inbox"


@pytest.mark.parametrize("spoil", [fill_disk, lose_table])
def test_rejection_without_a_log_row_is_an_error(
    broken: tuple[Flask, Application, Builder], spoil: Callable[..., Any]
) -> None:
    app, application, _ = broken
    spoil(app)
    answers = [application.post_signed(date=OLD), application.move(id="0"), application.move(mailbox="nobody")]
    assert {response.status_code for response in answers} <= {500, 503}


@pytest.mark.parametrize("spoil", [fill_disk, lose_table])
def test_unknown_path_is_404_even_without_a_log_row(
    broken: tuple[Flask, Application, Builder], spoil: Callable[..., Any]
) -> None:
    app, *_ = broken
    spoil(app)
    response = app.test_client().get("/direct/x")
    assert (response.status_code, response.json["message"]) == (404, "Not Found")
    assert RANDOM_ID.fullmatch(id_of(response))


# An unavailable database.


@contextmanager
def locked(settings: Settings) -> Iterator[Any]:
    """Return an app whose database another process has locked for writing, with an application whose key is cached."""
    with serving(settings) as app:
        build = Builder(app)
        application = build.application(mailboxes=[build.mailbox()])
        with hold(settings):
            yield application
        # The service recovers as soon as the database does.
        assert application.move().status_code == 200


@contextmanager
def hold(settings: Settings) -> Iterator[None]:
    if settings.embedded_database is not None:
        other = sqlite3.connect(settings.embedded_database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        with create_command_app(settings).app_context():
            with db.engine.begin() as connection:
                connection.exec_driver_sql("LOCK TABLE request_log, message IN ACCESS EXCLUSIVE MODE")
                yield
            db.engine.dispose()


@pytest.fixture(params=["away", *DATABASES])
def unreachable(request: pytest.FixtureRequest, make_settings: Callable[..., Settings]) -> Iterator[Application]:
    """Return an application whose service cannot use its database, which is away or locked."""
    if request.param == "away":
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"postgresql+psycopg://daas@127.0.0.1:{closed.getsockname()[1]}/daas"
            app = create_app(load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY}))
            yield Application(app, "laboratory", make_key_pair(), [Mailbox("ejaffee", ["5"], ["181"])])
    else:
        with locked(make_settings(request.param)) as application:
            yield application


def test_early_errors_need_no_database(unreachable: Any) -> None:
    response = unreachable.app.test_client().get("/direct/x")
    assert (response.status_code, response.json["message"]) == (404, "Not Found")
    assert RANDOM_ID.fullmatch(id_of(response))


def test_move_without_database_is_503_within_six_seconds(unreachable: Any) -> None:
    began = time.monotonic()
    response = unreachable.move()
    assert time.monotonic() - began < 6
    assert (response.status_code, response.json["message"]) == (503, "Service Unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert RANDOM_ID.fullmatch(id_of(response))


def test_rejection_without_database_is_503(unreachable: Any) -> None:
    response = unreachable.post_signed("", date=OLD)
    assert (response.status_code, response.json["message"]) == (503, "Service Unavailable")
