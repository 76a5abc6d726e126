"""A request log of many rows, and the number of rows that a query of it reads."""

import sqlite3
from typing import Any

from flask import Flask
from sqlalchemy import NullPool, create_engine, text

from daas import migrations
from daas.app import create_command_app
from daas.services import services
from daas.settings import Settings
from daas.storage.engine import db

from .database import transaction

#: The columns of the log that must have a value, with one.
ROW = {
    "at": "CURRENT_TIMESTAMP",
    "remote_address": "'192.0.2.1'",
    "service": "'direct/messages/move'",
    "method": "'POST'",
    "path": "'/direct/messages/move'",
    "status": "200",
    "reason": "'moved'",
    "duration_ms": "1.5",
    "mailbox": "'ejaffee'",
}


def make_large_log(settings: Settings, rows: int) -> Flask:
    """Return an app over a new database whose log has moves of message 181 in its last tenth, by `quiet` and `busy`.

    The other rows are by `busy`, and move a message each. The application `quiet` made every tenth of the moves of 181.
    """
    app = create_command_app(settings)
    with app.app_context():
        migrations.upgrade()
        numbers = {
            "sqlite": "WITH RECURSIVE numbers(n) AS"
            f" (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) ",
            "postgresql": f"WITH numbers AS (SELECT generate_series(1, {rows}) AS n) ",
        }[db.engine.dialect.name]
        is_of_181 = f"n > {rows - rows // 10}"
        with transaction() as connection:
            connection.execute(
                text(
                    f"{numbers} INSERT INTO request_log"
                    f" ({', '.join(ROW)}, application, message, folder_from, folder_to)"
                    f" SELECT {', '.join(ROW.values())},"
                    f" CASE WHEN {is_of_181} AND n % 10 = 0 THEN 'quiet' ELSE 'busy' END,"
                    f" CASE WHEN {is_of_181} THEN '181' ELSE CAST(n + 1000 AS VARCHAR(20)) END,"
                    " CASE WHEN n % 2 = 0 THEN 'Sent' ELSE 'Inbox' END,"
                    " CASE WHEN n % 2 = 0 THEN 'Inbox' ELSE 'Sent' END"
                    " FROM numbers ORDER BY n"
                )
            )
        with create_engine(services().settings.database_url, poolclass=NullPool).connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
            connection.execute(text("ANALYZE"))
        db.session.remove()
    return app


def plan_of(query: Any) -> str:
    """Return the database's plan of a query without parameters, one step a line."""
    prefix = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[db.engine.dialect.name]
    with transaction() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(prefix + _to_sql(query)))


def work_of(query: Any) -> int:
    """Return how much a query reads: the rows on PostgreSQL, the instructions of its virtual machine on SQLite."""
    sql = _to_sql(query)
    if db.engine.dialect.name == "postgresql":
        with transaction() as connection:
            (plan,) = connection.exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON) " + sql).scalar_one()
        return _rows_read(plan["Plan"])
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection_of_test = sqlite3.connect(str(services().settings.embedded_database))
    connection_of_test.set_progress_handler(step, 1)
    connection_of_test.execute(sql).fetchall()
    connection_of_test.close()
    return count


def _to_sql(query: Any) -> str:
    return str(query.compile(dialect=db.engine.dialect, compile_kwargs={"literal_binds": True})).replace("%%", "%")


def _rows_read(step: dict[str, Any]) -> int:
    read = (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
    return int(read) + sum(map(_rows_read, step.get("Plans", [])))
