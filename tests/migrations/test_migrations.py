"""The migrations: each upgrades and downgrades, and all together make the tables of the models."""

import datetime
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from daas import migrations
from daas.app import create_command_app
from daas.settings import Settings
from daas.storage.engine import db

from ..support.commands import Commands, Outcome

pytestmark = pytest.mark.both_databases

WHEN = datetime.datetime(2026, 11, 2, 15, tzinfo=datetime.UTC)
#: A row of each table. A revision that brings a table brings a row here.
ROWS: dict[str, dict[str, Any]] = {
    "application": {
        "id": 3,
        "name": "laboratory",
        "public_key": "p" * 64,
        "private_key_encrypted": b"\x00\xff",
        "suspended": False,
        "all_mailboxes": True,
        "require_content_md5": False,
        "explain_401": True,
        "warn_content_md5": False,
        "networks": None,
        "rate_limit": None,
        "explain_until": None,
    },
    # The row that the revision makes for the existing application.
    "application_key": {
        "id": 1,
        "application_id": 3,
        "name": "1",
        "public_key": "p" * 64,
        "private_key_encrypted": b"\x00\xff",
        "created_at": None,
        "last_used_at": None,
        "expires_at": None,
        "revoked_at": None,
    },
    "mailbox": {"id": 5, "name": "ejaffee", "suspended": True},
    "application_service": {"application_id": 3, "service": "direct/messages/move"},
    "application_mailbox": {"application_id": 3, "mailbox_id": 5},
    "folder": {"id": 7, "mailbox_id": 5, "name": "Lab results", "standard": False},
    "message": {"id": 181, "mailbox_id": 5, "folder_id": 7},
    "message_envelope": {
        "id": 181,
        "mailbox_id": 5,
        "digest": bytes(32),
        "message_id": "<1@example.org>",
        "subject": "Übelkeit",
        "subject_folded": "übelkeit",
        "sender": "Kim@example.org",
        "sender_folded": "kim@example.org",
        "recipients": "ejaffee@direct.example.org",
        "date": WHEN,
        "size": 2,
        "imported_at": WHEN,
    },
    "audit": {
        "id": 13,
        "at": WHEN,
        "actor": "kim",
        "act": "application suspend",
        "subject": "laboratory",
        "details": "{}",
    },
    "seal": {
        "id": 1,
        "at": WHEN,
        "log": "request",
        "format": 1,
        "after_id": 0,
        "through_id": 11,
        "rows": 1,
        "digest": bytes(32),
        "mac": bytes(32),
    },
    "seal_marks": {"seal_id": 1, "marks": bytes(24)},
    "message_content": {"id": 181, "raw": b"\x00\xff"},
    "message_parts": {"id": 181, "parts": "[]"},
    "idempotency_key": {"application_id": 3, "key": "k-1", "at": WHEN, "fingerprint": bytes(32), "body": "{}"},
    "list_counter": {"application_id": 3, "last_list": 2},
    "contact_list": {
        "id": 9,
        "application_id": 3,
        "number": 2,
        "name": "List 2",
        "removed": False,
        "last_contact": 7,
    },
    "contact": {
        "list_id": 9,
        "number": 7,
        "email_address": "B@x.org",
        "email_folded": "b@x.org",
        "name": "B",
        "first_name": "",
        "last_name": "",
        "company": "",
        "address": "",
        "city": "",
        "state": "",
        "country": "",
        "zip_code": "",
        "phone": "",
        "dob": "",
    },
    "request_log": {
        "id": 11,
        "at": WHEN,
        "remote_address": "127.0.0.1",
        "application": "laboratory",
        "service": "direct/messages/move",
        "method": "POST",
        "path": "/direct/messages/move",
        "status": 200,
        "reason": "moved",
        "duration_ms": 1.5,
        "mailbox": "ejaffee",
        "message": "181",
        "folder": "7",
        "folder_from": "Inbox",
        "folder_to": "7",
        "unbound": None,
    },
}


@pytest.fixture
def empty_settings(database_kind: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(database_kind)


@pytest.fixture
def empty(empty_settings: Settings) -> Iterator[Flask]:
    """Return an app over an empty database, in its context."""
    app = create_command_app(empty_settings)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def other(database_kind: str, make_settings: Callable[..., Settings], empty: Flask) -> Iterator[Flask]:
    """Return an app over another empty database of the same kind."""
    app = create_command_app(make_settings(database_kind))
    yield app
    with app.app_context():
        db.engine.dispose()


def revisions() -> list[str]:
    """Return all revisions, the first one first."""
    scripts = ScriptDirectory(str(files("daas") / "migrations"))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def tables() -> set[str]:
    return {*sa.inspect(db.engine).get_table_names()} - {"alembic_version"}


def fill() -> None:
    """Insert the sample row of each table into the tables that are empty."""
    with db.engine.begin() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name in ROWS and connection.execute(sa.select(table)).first() is None:
                row = {name: value for name, value in ROWS[table.name].items() if name in table.c}
                connection.execute(table.insert(), row)


def content() -> dict[str, Any]:
    """Return all rows as the database has them, by table."""
    with db.engine.connect() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        return {
            table.name: [{**row._mapping} for row in connection.execute(sa.select(table))]
            for table in metadata.sorted_tables
            if table.name != "alembic_version"
        }


def test_every_table_has_a_sample_row() -> None:
    assert {*ROWS} == {*db.metadata.tables}


def test_every_revision_upgrades_and_downgrades_with_data(empty: Flask) -> None:
    steps = revisions()
    kept: dict[Any, Any] = {}
    for revision in steps:
        migrations.upgrade(revision)
        assert migrations.current_revision() == revision
        now = content()
        for table, rows in kept.items():
            assert [{name: row[name] for name in old} for row, old in zip(now[table], rows, strict=True)] == rows
        fill()
        kept = content()
    assert migrations.current_revision() == migrations.head_revision()
    assert {table: len(rows) for table, rows in kept.items()} == dict.fromkeys(ROWS, 1)
    for revision in [*steps[-2::-1], "base"]:
        migrations.downgrade(revision)
        assert migrations.current_revision() == (None if revision == "base" else revision)
    assert tables() == set()
    migrations.upgrade()
    fill()
    assert content() == kept


def test_first_release_can_write_to_the_current_tables(empty: Flask) -> None:
    migrations.upgrade("0001")
    inspector = sa.inspect(db.engine)
    known = {table: [column["name"] for column in inspector.get_columns(table)] for table in tables()}
    migrations.upgrade()
    metadata = sa.MetaData()
    with db.engine.begin() as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name in known:
                row = {name: ROWS[table.name][name] for name in known[table.name]}
                # Only the named columns: defaults of the models must not apply.
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(sa.text(f"INSERT INTO {table.name} ({names}) VALUES ({values})"), row)
    assert {table: len(rows) for table, rows in content().items() if table in known} == dict.fromkeys(known, 1)


def test_upgrade_of_a_current_database_changes_nothing(empty: Flask) -> None:
    migrations.upgrade()
    fill()
    before = content()
    migrations.upgrade()
    assert content() == before


def test_failed_upgrade_leaves_nothing_behind(empty: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE message (id INTEGER)"))
    with pytest.raises(sa.exc.DBAPIError):
        migrations.upgrade()
    assert tables() == {"message"}
    assert migrations.current_revision() is None


def test_database_of_a_later_release_is_an_error_in_one_sentence(
    empty_settings: Settings, empty: Flask, tmp_path: Path
) -> None:
    migrations.upgrade()
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
    Commands(empty_settings, tmp_path).error("db", "upgrade")


@pytest.mark.slow
@pytest.mark.processes
def test_simultaneous_upgrades_all_succeed(empty_settings: Settings, tmp_path: Path) -> None:
    outcomes = Commands(empty_settings, tmp_path).run_at_once(4, "db", "upgrade", "--json")
    expected = f'{{"revision": "{migrations.head_revision()}"}}\n'.encode()
    assert outcomes == [Outcome(0, expected, "")] * 4


def test_alembic_sees_migrations_and_models_as_equal(empty: Flask) -> None:
    migrations.upgrade()
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, db.metadata) == []


def describe() -> dict[str, dict[str, Any]]:
    """Return everything that inspection reports about the tables, sorted."""
    inspector = sa.inspect(db.engine)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in sorted(inspector.get_columns(table), key=lambda column: column["name"])
            ],
            "primary key": inspector.get_pk_constraint(table),
            "unique": sorted((each["name"], each["column_names"]) for each in inspector.get_unique_constraints(table)),
            "check": sorted((each["name"], each["sqltext"]) for each in inspector.get_check_constraints(table)),
            "foreign keys": sorted(inspector.get_foreign_keys(table), key=lambda key: key["name"]),
            "indexes": sorted(map(describe_index, inspector.get_indexes(table))),
            "counts": table in counting(),
        }
        for table in tables()
    }


def describe_index(index: Any) -> str:
    """Return an index as text: the condition of a partial index is an expression, which equals no other."""
    return str({**index, "dialect_options": {name: str(value) for name, value in index["dialect_options"].items()}})


def counting() -> set[str]:
    """Return the tables of an SQLite database whose ids are never reused; inspection does not report this."""
    if db.engine.dialect.name != "sqlite":
        return set()
    with db.engine.connect() as connection:
        made = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        return {name for name, sql in made if re.search(r"\bid INTEGER NOT NULL .*AUTOINCREMENT", sql)}


def test_migrations_and_models_make_the_same_tables(empty: Flask, other: Flask) -> None:
    migrations.upgrade()
    migrated = describe()
    with other.app_context():
        db.metadata.create_all(db.engine)
        assert describe() == migrated
    checks = {name for name, _ in migrated["mailbox"]["check"]}
    assert checks == {"ck_mailbox_name_length", "ck_mailbox_name_lower_case"}


def test_every_constraint_is_named_by_the_convention(empty: Flask) -> None:
    migrations.upgrade()
    inspector = sa.inspect(db.engine)
    for table in tables():
        named: list[Any] = [
            (f"uq_{table}_", inspector.get_unique_constraints(table)),
            (f"ck_{table}_", inspector.get_check_constraints(table)),
            (f"fk_{table}_", inspector.get_foreign_keys(table)),
            ((f"ix_{table}_", f"uq_{table}_"), inspector.get_indexes(table)),
        ]
        if db.engine.dialect.name != "sqlite":  # SQLAlchemy writes an AUTOINCREMENT key without its name.
            named.append((f"pk_{table}", [inspector.get_pk_constraint(table)]))
        names = [(start, each["name"] or "") for start, found in named for each in found]
        assert [name for start, name in names if not name.startswith(start)] == [], table


def test_every_constraint_of_the_models_has_a_name() -> None:
    constraints: list[Any] = [
        each for table in db.metadata.tables.values() for each in [*table.constraints, *table.indexes]
    ]
    assert len(constraints) > len(db.metadata.tables)
    assert [str(each) for each in constraints if not each.name] == []


def test_sqlite_never_reuses_an_id(make_settings: Callable[..., Settings]) -> None:
    app = create_command_app(make_settings("sqlite"))
    with app.app_context():
        migrations.upgrade()
        found = counting()
        db.engine.dispose()
    wanted = {table.name for table in db.metadata.tables.values() if table.autoincrement_column is not None}
    assert wanted >= {"application", "mailbox", "folder", "message", "request_log"}
    assert found == wanted


# The previous release runs on the tables of a revision, so that nodes can be restarted one after the other.


def schema() -> dict[str, Any]:
    """Return what a release relies on, by table: the columns with their types, and the constraints of the rows."""
    inspector = sa.inspect(db.engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"] is not None)
                for column in inspector.get_columns(table)
            },
            "constraints": {
                *(tuple(key["column_names"]) for key in inspector.get_unique_constraints(table)),
                *(check["sqltext"] for check in inspector.get_check_constraints(table)),
                *(
                    (tuple(key["constrained_columns"]), key["referred_table"])
                    for key in inspector.get_foreign_keys(table)
                ),
            },
        }
        for table in tables()
    }


def changes_that_break_previous_release(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what a revision removed, or newly requires of the rows that the previous release writes."""
    found = [f"the table {table} is gone" for table in before if table not in after]
    for table in before.keys() & after.keys():
        old, new = before[table], after[table]
        for name, (kind, nullable, _) in old["columns"].items():
            if name not in new["columns"]:
                found.append(f"{table}.{name} is gone")
            elif new["columns"][name][0] != kind or (nullable and not new["columns"][name][1]):
                found.append(f"{table}.{name} takes other values")
        for name, (_, nullable, has_default) in new["columns"].items():
            if name not in old["columns"] and not nullable and not has_default:
                found.append(f"{table}.{name} must be given")
        of_old_columns = [*map(str, new["constraints"] - old["constraints"])]
        found += [
            f"{table} must hold {constraint}"
            for constraint in of_old_columns
            if not any(name in constraint for name in new["columns"].keys() - old["columns"].keys())
        ]
    return found


def test_previous_release_runs_on_the_tables_of_each_revision(empty: Flask) -> None:
    before = None
    for revision in revisions():
        migrations.upgrade(revision)
        after = schema()
        if before is not None:
            assert (revision, changes_that_break_previous_release(before, after)) == (revision, [])
        before = after


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TABLE message_content", "the table message_content is gone"),
        ("ALTER TABLE mailbox RENAME TO box", "the table mailbox is gone"),
        ("ALTER TABLE request_log DROP COLUMN reason", "request_log.reason is gone"),
        ("ALTER TABLE mailbox ADD COLUMN note text NOT NULL", "mailbox.note must be given"),
        ("ALTER TABLE mailbox ALTER COLUMN name TYPE varchar(10)", "mailbox.name takes other values"),
        ("ALTER TABLE request_log ALTER COLUMN mailbox SET NOT NULL", "request_log.mailbox takes other values"),
        ("ALTER TABLE mailbox ADD CONSTRAINT more CHECK (length(name) > 3)", "mailbox must hold length"),
        ("ALTER TABLE mailbox ADD COLUMN note text", None),
        ("ALTER TABLE mailbox ADD COLUMN note text NOT NULL DEFAULT ''", None),
        ("CREATE TABLE more (id integer PRIMARY KEY)", None),
    ],
)
def test_change_that_breaks_the_previous_release_is_found(
    make_settings: Callable[..., Settings], statement: str, told: str | None
) -> None:
    with create_command_app(make_settings("postgresql")).app_context():
        migrations.upgrade()
        before = schema()
        with db.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        found = changes_that_break_previous_release(before, schema())
        db.engine.dispose()
    assert [sentence for sentence in found if told and told in sentence] if told else found == []


@pytest.mark.only("postgresql")
def test_indexes_of_the_log_are_built_while_servers_write(empty: Flask, empty_settings: Settings) -> None:
    migrations.upgrade("0006")
    row = {name: value for name, value in ROWS["request_log"].items() if name != "id"}
    write = sa.text(
        f"INSERT INTO request_log ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"
    ).bindparams(sa.bindparam("at", type_=sa.DateTime(timezone=True)))
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND state = 'active'"
    )

    def upgrade() -> None:
        with empty.app_context():
            migrations.upgrade()

    engine = sa.create_engine(empty_settings.database_url, poolclass=sa.NullPool)
    with ThreadPoolExecutor() as threads, engine.connect() as writer:
        writer.execute(write, row)
        upgraded = threads.submit(upgrade)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            while not other.scalar(waiting):
                assert not upgraded.done()
                time.sleep(0.02)
            other.execute(sa.text("SET lock_timeout = 2000"))
            other.execute(write, row)
        writer.commit()
        upgraded.result()
    assert migrations.current_revision() == migrations.head_revision()


@pytest.mark.only("postgresql")
def test_index_whose_build_was_interrupted_is_built_again(empty: Flask) -> None:
    migrations.upgrade("0006")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX ix_request_log_message_id ON request_log (at)")
        connection.exec_driver_sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_request_log_message_id'::regclass"
        )
    migrations.upgrade()
    (index,) = [
        each for each in sa.inspect(db.engine).get_indexes("request_log") if each["name"] == "ix_request_log_message_id"
    ]
    assert index["column_names"] == ["message", "id"]
