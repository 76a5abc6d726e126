"""Triggers with which the database itself rejects changes, whichever statement makes them."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from daas.storage.engine import db


@contextmanager
def rejecting(app: Flask, verb: str, table: str, when: str = "1 = 1") -> Iterator[None]:
    """Make the INSERT, UPDATE or DELETE of each row fail that meets a condition on OLD or NEW."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            make = [f"CREATE TRIGGER reject BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'no'); END"]
            drop = ["DROP TRIGGER reject"]
        else:
            make = [
                "CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'syntax_error', MESSAGE = 'no'; END $$",
                f"CREATE TRIGGER reject BEFORE {verb} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION reject()",
            ]
            drop = [f"DROP TRIGGER reject ON {table}", "DROP FUNCTION reject"]
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
