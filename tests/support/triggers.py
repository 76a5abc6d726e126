"""Lets the database itself refuse what a test says, whatever statement asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from daas.storage.engine import db


@contextmanager
def refusing(app: Flask, verb: str, table: str, when: str = "1 = 1") -> Iterator[None]:
    """Let each INSERT, UPDATE or DELETE of a row fail for which a condition holds, of OLD or NEW."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            make = [f"CREATE TRIGGER refuse BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'no'); END"]
            drop = ["DROP TRIGGER refuse"]
        else:
            make = [
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'syntax_error', MESSAGE = 'no'; END $$",
                f"CREATE TRIGGER refuse BEFORE {verb} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()",
            ]
            drop = [f"DROP TRIGGER refuse ON {table}", "DROP FUNCTION refuse"]
        run(make)
    try:
        yield
    finally:
        with app.app_context():
            run(drop)


def run(statements: list[str]) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
