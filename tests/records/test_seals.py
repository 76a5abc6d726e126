"""Seals: verification finds every change of the logs, and distinguishes a prune from tampering."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Insert, TextClause, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from daas import migrations
from daas.app import create_app, create_command_app
from daas.errors import OperatorError
from daas.records import retention, seals
from daas.records.audit import AuditRow, audit_row
from daas.records.request_log import COLUMNS, RequestLogRow
from daas.records.seals import FORMATS, LOGS, PRUNE_ACT, RowDigests, Seal
from daas.settings import Settings
from daas.storage.engine import db
from daas.storage.transactions import read_transaction, write_transaction

from ..support.builders import Builder
from ..support.commands import Commands, new_name
from ..support.database import before_statements, transaction
from ..support.triggers import rejecting

pytestmark = pytest.mark.both_databases

SEAL_KEY, OTHER_KEY = "k" * 32, "o" * 32
SEAL = ["seal", "at", "log", "format", "after", "through", "rows", "digest", "mac"]


class Evidence:
    """A database of its own, its app, and the commands with which an operator seals and verifies it."""

    def __init__(self, app: Flask, directory: Any) -> None:
        self.app = app
        self.settings = app.extensions["daas"].settings
        self.directory = directory
        self.commands = Commands(self.settings, directory)
        self.ids: list[Any] = []

    def request(self, count: int = 1) -> list[int]:
        """Send requests that leave rows in the log, and return their ids."""
        client = self.app.test_client()
        return [int(client.get(f"/direct/nothing/{n}").headers["X-Request-Id"]) for n in range(count)]

    def act(self) -> Any:
        """Run a command that leaves a row in the audit, and return its id."""
        self.commands.json("mailbox", "add", new_name("box"))
        return self.scalars(select(func.max(AuditRow.id)))[0]

    def seal(self, *args: str, key: str = SEAL_KEY) -> list[dict[str, int | str]]:
        return self.commands.json("request", "seal", *args, DAAS_SEAL_KEY=key)

    def verify(self, *args: Path | str, key: str = SEAL_KEY) -> dict[str, Any]:
        outcome = self.commands.run("request", "verify", *args, "--json", DAAS_SEAL_KEY=key)
        report = json.loads(outcome.stdout)
        assert outcome.status == (0 if report["ok"] else 1)
        assert bool(report["findings"]) is not report["ok"]
        assert outcome.stderr == ("" if report["ok"] else "Error: The log or the audit is not as it was sealed.\n")
        return report

    def prune(self, older_than: str = "0s", key: str = SEAL_KEY) -> int:
        pruned: int = self.commands.json("request", "prune", "--older-than", older_than, "--yes", DAAS_SEAL_KEY=key)[
            "pruned"
        ]
        return pruned

    def errors(self, *args: Path | str, key: str = SEAL_KEY) -> list[tuple[str, int, str]]:
        found = self.verify(*args, key=key)["findings"]
        return [(each["log"], int(each["id"]), each["fault"]) for each in found]

    def tamper(self, *statements: Any) -> None:
        """Change the database directly, as its administrator can."""
        with self.app.app_context(), transaction() as connection:
            for statement in statements:
                connection.execute(statement)

    def scalars(self, query: Any) -> Any:
        with self.app.app_context(), transaction() as connection:
            return connection.scalars(query).all()


@pytest.fixture(scope="module")
def own_app(database_kind: str, make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """Return an app over a database that only these tests write to."""
    own = make_settings(database_kind)
    with create_command_app(own).app_context():
        migrations.upgrade()
        db.engine.dispose()
    app = create_app(own)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def evidence(own_app: Flask, tmp_path: Path) -> Evidence:
    made = Evidence(own_app, tmp_path)
    made.tamper(*(delete(table) for table in (RowDigests, Seal, RequestLogRow, AuditRow)))
    return made


@pytest.fixture
def sealed(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """Return evidence of six requests and an act, sealed two rows at a time; `ids` are theirs, the act's last."""
    monkeypatch.setattr(seals, "_MAX_ROWS", 2)
    evidence.ids = evidence.request(6)
    evidence.ids.append(evidence.act())
    evidence.seal("--output", "kept.jsonl")
    return evidence


def with_seal_key(settings: Settings) -> Settings:
    return replace(settings, seal_key=(SEAL_KEY,))


@contextmanager
def command_app(settings: Settings) -> Iterator[Flask]:
    """Enter the context of an operator's command that has the key of the seals."""
    app = create_command_app(with_seal_key(settings))
    with app.app_context():
        yield app
        db.engine.dispose()


def row(id_: int) -> Any:
    return RequestLogRow.id == id_


def test_unchanged_sealed_logs_verify(sealed: Evidence) -> None:
    report = sealed.verify("--against", sealed.directory / "kept.jsonl")
    assert (report["seals"], report["rows"]) == (4, 7)
    nothing = {"rows": 0, "first": None, "last": None}
    assert report["unsealed"] == [{"log": "request", **nothing}, {"log": "audit", **nothing}]
    assert report["findings"] == report["late"] == report["pruned"] == []


def test_printed_seal_is_the_last_line_of_the_file(sealed: Evidence) -> None:
    sealed.request()
    (made,) = sealed.seal("--output", "kept.jsonl")
    kept = [json.loads(line) for line in (sealed.directory / "kept.jsonl").read_text().splitlines()]
    assert [*made] == SEAL
    assert kept[-1] == made
    assert [each["seal"] for each in kept] == ["1", "2", "3", "4", "5"]
    assert (made["log"], made["after"], made["rows"]) == ("request", str(sealed.ids[5]), 1)
    assert len({each["mac"] for each in kept}) == 5
    assert (sealed.directory / "kept.jsonl").stat().st_mode & 0o777 == 0o600


def test_no_new_rows_make_no_seal(sealed: Evidence) -> None:
    assert sealed.seal() == []


def test_unwritable_file_is_an_error_and_the_next_gets_all_seals(evidence: Evidence) -> None:
    evidence.request()
    outcome = evidence.commands.run("request", "seal", "--output", "nowhere/kept.jsonl", DAAS_SEAL_KEY=SEAL_KEY)
    told = "Error: nowhere/kept.jsonl cannot be written; the next run will append the missing seals.\n"
    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, b"", told)
    evidence.seal("--output", "kept.jsonl")
    assert len((evidence.directory / "kept.jsonl").read_text().splitlines()) == evidence.verify()["seals"] > 0


def test_seals_missing_from_the_file_are_appended(sealed: Evidence) -> None:
    file = sealed.directory / "kept.jsonl"
    kept = file.read_text().splitlines(keepends=True)
    file.write_text("".join(kept[:2]))
    assert sealed.seal("--output", "kept.jsonl") == []
    assert file.read_text() == "".join(kept)


def test_verification_reports_unsealed_rows(sealed: Evidence) -> None:
    first, last = sealed.request(2)
    sealed.act()
    requests, acts = sealed.verify()["unsealed"]
    assert requests == {"log": "request", "rows": 2, "first": str(first), "last": str(last)}
    assert (acts["log"], acts["rows"]) == ("audit", 1)


# Changes by somebody who can write to the database, all of which are found.


# Statements and the errors that verification reports after them, for the ids of the requests and of the act.
TAMPERED: dict[str, Callable[..., Any]] = {
    "altered": lambda ids: (
        [update(RequestLogRow).where(row(ids[2])).values(status=200)],
        [("request", ids[2], "altered")],
    ),
    "another-time": lambda ids: (
        [update(RequestLogRow).where(row(ids[0])).values(at=func.current_timestamp())],
        [("request", ids[0], "altered")],
    ),
    "bound": lambda ids: (
        [update(RequestLogRow).where(row(ids[0])).values(unbound=False)],
        [("request", ids[0], "altered")],
    ),
    "deleted": lambda ids: ([delete(RequestLogRow).where(row(ids[1]))], [("request", ids[1], "deleted")]),
    "last-deleted": lambda ids: ([delete(RequestLogRow).where(row(ids[5]))], [("request", ids[5], "deleted")]),
    "reordered": lambda ids: (
        [
            update(RequestLogRow).where(row(ids[0])).values(id=-1),
            update(RequestLogRow).where(row(ids[3])).values(id=ids[0]),
            update(RequestLogRow).where(row(-1)).values(id=ids[3]),
        ],
        [("request", ids[0], "altered"), ("request", ids[3], "altered")],
    ),
    "act-altered": lambda ids: ([update(AuditRow).values(actor="nobody")], [("audit", ids[6], "altered")]),
    "act-deleted": lambda ids: ([delete(AuditRow)], [("audit", ids[6], "deleted")]),
    "seal-altered": lambda _: ([update(Seal).where(Seal.id == 2).values(rows=1)], [("seal", 2, "altered")]),
    "seal-without-marks": lambda _: (
        [delete(RowDigests).where(RowDigests.seal_id == 2)],
        [("seal", 2, "marks missing")],
    ),
    "seal-deleted": lambda _: (
        [delete(RowDigests).where(RowDigests.seal_id == 2), delete(Seal).where(Seal.id == 2)],
        [("seal", 2, "missing"), ("seal", 3, "altered")],
    ),
    "seals-exchanged": lambda _: (
        [
            delete(RowDigests),
            update(Seal).where(Seal.id == 1).values(id=9),
            update(Seal).where(Seal.id == 2).values(id=1),
            update(Seal).where(Seal.id == 9).values(id=2),
        ],
        [
            *[("seal", id_, "altered") for id_ in (1, 2, 3)],
            *[("seal", id_, "marks missing") for id_ in (1, 2, 3, 4)],
        ],
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_verification_finds_exactly_the_changes(sealed: Any, case: str) -> None:
    statements, expected = TAMPERED[case](sealed.ids)
    sealed.tamper(*statements)
    assert sealed.errors() == expected


def put_seal(id_: int) -> TextClause:
    """Return the statement that inserts a forged seal with an id, over all rows that will ever exist."""
    names = [column.key for column in Seal.__table__.columns]
    values = {"id": str(id_), "through_id": str(2**62)}
    shown = ", ".join(values.get(name, name) for name in names)
    return text(f"INSERT INTO seal ({', '.join(names)}) SELECT {shown} FROM seal WHERE id = 1")


@pytest.mark.parametrize("id_", [0, -1, -(2**63)])
def test_row_without_a_valid_seal_id_does_not_prevent_sealing(sealed: Evidence, id_: int) -> None:
    sealed.tamper(put_seal(id_))
    sealed.request(2)
    assert [made["rows"] for made in sealed.seal()] == [2]
    assert sealed.verify()["rows"] == 9


def test_forged_seal_of_any_id_is_found(sealed: Evidence) -> None:
    sealed.tamper(put_seal(2**62))
    errors = sealed.errors()
    assert errors[0] == ("seal", 5, "missing")
    assert ("seal", 2**62, "altered") in errors
    assert len(errors) < 2000


def test_row_digests_that_fit_an_altered_row_do_not_fit_the_seal(sealed: Evidence) -> None:
    with sealed.app.app_context():
        with read_transaction() as run:
            (changed, other) = seals.read_rows(run, "request", 0, sealed.ids[1])
        marks = b"".join(seals.row_digest(b"guessed", "request", 1, each) for each in (changed, other))
    sealed.tamper(update(RowDigests).where(RowDigests.seal_id == 1).values(marks=marks))
    assert sealed.errors() == [
        ("seal", 1, "marks altered"),
        ("request", sealed.ids[0], "altered"),
        ("request", sealed.ids[1], "altered"),
    ]


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("time_", ["'once'", "5", "x'00'"])
def test_unreadable_rows_are_found(sealed: Evidence, time_: str) -> None:
    sealed.tamper(text(f"UPDATE request_log SET at = {time_} WHERE id = {sealed.ids[2]}"))
    assert sealed.errors() == [("seal", 2, "rows unreadable")]


@pytest.mark.only("sqlite")
def test_text_replaced_by_bytes_is_found(sealed: Evidence) -> None:
    sealed.tamper(text(f"UPDATE request_log SET path = x'00' WHERE id = {sealed.ids[2]}"))
    assert sealed.errors() == [("request", sealed.ids[2], "altered")]


def reseal(evidence: Evidence, from_seal: int) -> None:
    """Make the seals from an id on again, as somebody with the key can."""
    evidence.tamper(delete(RowDigests).where(RowDigests.seal_id >= from_seal), delete(Seal).where(Seal.id >= from_seal))
    evidence.seal()


def test_rows_sealed_again_are_found_only_with_the_kept_seals(sealed: Evidence) -> None:
    sealed.tamper(update(RequestLogRow).where(row(sealed.ids[2])).values(status=200))
    reseal(sealed, 2)
    assert sealed.errors() == []
    assert sealed.errors("--against", sealed.directory / "kept.jsonl") == [
        ("seal", 2, "made anew"),
        ("seal", 3, "made anew"),
        ("seal", 4, "made anew"),
    ]


def test_missing_last_seals_are_found_only_with_the_kept_seals(sealed: Evidence) -> None:
    sealed.tamper(delete(RowDigests).where(RowDigests.seal_id > 2), delete(Seal).where(Seal.id > 2))
    assert sealed.errors() == []
    assert sealed.errors("--against", sealed.directory / "kept.jsonl") == [
        ("seal", 3, "missing"),
        ("seal", 4, "missing"),
    ]


def test_row_inserted_below_a_seal_is_reported(sealed: Evidence) -> None:
    sealed.tamper(delete(RowDigests), delete(Seal))
    sealed.tamper(text(f"UPDATE request_log SET id = {sealed.ids[0] - 1} WHERE id = {sealed.ids[1]}"))
    sealed.seal()
    sealed.tamper(text(f"UPDATE request_log SET id = {sealed.ids[1]} WHERE id = {sealed.ids[4]}"))
    report = sealed.verify()
    assert report["late"] == [{"log": "request", "id": str(sealed.ids[1]), "fault": "late"}]
    assert report["findings"] == [{"log": "request", "id": str(sealed.ids[4]), "fault": "deleted"}]


def test_late_row_is_reported_and_is_no_error(sealed: Evidence) -> None:
    sealed.tamper(
        text(
            "INSERT INTO request_log (id, at, remote_address, method, path, status, reason, duration_ms)"
            " SELECT id - 1000, at, remote_address, method, path, status, reason, duration_ms FROM request_log"
            f" WHERE id = {sealed.ids[0]}"
        )
    )
    report = sealed.verify()
    assert (report["ok"], report["rows"]) == (True, 7)
    assert report["late"] == [{"log": "request", "id": str(sealed.ids[0] - 1000), "fault": "late"}]


def test_seals_under_another_key_are_errors(sealed: Evidence) -> None:
    assert [each for each in sealed.errors(key=OTHER_KEY) if each[0] == "seal"] == [
        ("seal", id_, "altered") for id_ in (1, 2, 3, 4)
    ]


def test_new_key_seals_and_old_key_still_verifies(sealed: Evidence) -> None:
    sealed.request()
    sealed.seal(key=f"{OTHER_KEY},{SEAL_KEY}")
    assert sealed.verify(key=f"{OTHER_KEY},{SEAL_KEY}")["ok"]
    assert ("seal", 5, "altered") in sealed.errors(key=SEAL_KEY)


@pytest.mark.parametrize("command", ["seal", "verify"])
def test_seals_need_a_key(evidence: Evidence, command: str) -> None:
    assert evidence.commands.error("request", command).startswith("DAAS_SEAL_KEY is not set")


@pytest.mark.parametrize("content", ["{}", "[]\n", "no seal"])
def test_file_without_seals_is_an_error(sealed: Evidence, content: str) -> None:
    file = sealed.directory / "other.jsonl"
    file.write_text(content)
    sealed.commands.error("request", "verify", "--against", file, DAAS_SEAL_KEY=SEAL_KEY)


def test_seal_key_is_not_in_the_database(sealed: Evidence) -> None:
    with sealed.app.app_context(), transaction() as connection:
        for table in sa.inspect(connection).get_table_names():
            for each in connection.execute(text(f'SELECT * FROM "{table}"')):
                assert SEAL_KEY not in str(tuple(each))


@pytest.mark.parametrize("log", LOGS)
def test_the_newest_format_covers_every_column(log: str) -> None:
    newest = max(number for name, number in FORMATS if name == log)
    assert newest == seals.newest_format(log)
    assert {*FORMATS[log, newest]} == {*LOGS[log].__table__.columns.keys()}


def test_simultaneous_seals_make_one_chain(evidence: Evidence) -> None:
    evidence.request(3)
    start = threading.Barrier(4)

    def seal(app: Flask) -> Any:
        with app.app_context():
            start.wait(30)
            try:
                return len(seals.seal_logs())
            except OperatorError:
                return 0
            finally:
                db.engine.dispose()

    apps = [create_command_app(with_seal_key(evidence.settings)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(seal, apps)) == 1
    report = evidence.verify()
    assert (report["ok"], report["rows"]) == (True, 3)


def test_rows_written_during_sealing_are_sealed_once(evidence: Evidence) -> None:
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(evidence.request, 60) for _ in range(4)]
        while not all(each.done() for each in asked):
            evidence.seal()
    ids = [id_ for each in asked for id_ in each.result()]
    evidence.seal()
    report = evidence.verify()
    assert (report["ok"], report["late"], report["rows"]) == (True, [], len(ids))


@pytest.mark.only("postgresql")
def test_sealing_waits_for_rows_that_are_being_written(
    evidence: Evidence,
) -> None:
    first = evidence.request()
    with ThreadPoolExecutor(1) as thread:
        with evidence.app.app_context(), db.engine.connect() as writer:
            writing_ = writer.begin()
            slow = writer.execute(
                text(
                    "INSERT INTO request_log (at, remote_address, method, path, status, reason, duration_ms)"
                    " SELECT at, remote_address, method, path, status, reason, duration_ms FROM request_log LIMIT 1"
                    " RETURNING id"
                )
            ).scalar_one()
            last = evidence.request()
            sealing = thread.submit(evidence.seal)
            with pytest.raises(TimeoutError):
                sealing.result(0.5)
            assert evidence.scalars(select(Seal.id)) == []
            writing_.commit()
        (made,) = sealing.result(30)
    assert first[0] < slow < last[0]
    assert (made["rows"], made["through"]) == (3, str(last[0]))
    assert evidence.verify()["late"] == []


# Pruning.


def test_prune_deletes_the_oldest_and_keeps_logs_verifiable(sealed: Evidence) -> None:
    cutoff = sealed.scalars(select(RequestLogRow.at).where(row(sealed.ids[3])))[0]
    sealed.tamper(
        *(
            update(RequestLogRow)
            .where(row(id_))
            .values(at=cutoff.replace(year=2020))
            .execution_options(synchronize_session=False)
            for id_ in sealed.ids[:3]
        )
    )
    reseal(sealed, 1)
    assert sealed.prune("2021-01-01") == 3
    assert sealed.scalars(select(RequestLogRow.id).order_by(RequestLogRow.id)) == sealed.ids[3:6]
    report = sealed.verify()
    assert report["ok"]
    (pruned,) = report["pruned"]
    assert (pruned["through"], pruned["sealed"]) == (str(sealed.ids[2]), False)
    assert sealed.scalars(select(RowDigests.seal_id).order_by(RowDigests.seal_id)) == [2, 3, 4, 5]
    sealed.seal()
    assert sealed.verify()["pruned"] == [{**pruned, "sealed": True}]
    sealed.tamper(delete(RequestLogRow).where(row(sealed.ids[3])))
    assert sealed.errors() == [("request", sealed.ids[3], "deleted")]


def test_altered_prune_record_explains_no_missing_rows(sealed: Evidence) -> None:
    sealed.prune()
    sealed.seal()
    assert sealed.verify()["ok"]
    (act,) = sealed.scalars(select(AuditRow.id).where(AuditRow.act == "request prune"))
    sealed.tamper(update(AuditRow).where(AuditRow.id == act).values(actor="nobody"))
    errors = sealed.errors()
    assert [each for each in errors if each[0] == "audit"] == [
        ("audit", act, "altered"),
        ("audit", act, "prune not sealed"),
    ]
    assert ("seal", 1, "marks missing") in errors


def forge_prune(ids: list[int]) -> Insert:
    """Return the statement that records, as a prune does, that all rows up to the fourth were deleted."""
    return insert(AuditRow).values(audit_row("request prune", through=ids[3]))


FORGED: dict[str, Callable[..., Any]] = {
    "one-deleted": lambda ids: ([delete(RequestLogRow).where(row(ids[2]))], [("request", ids[2], "deleted")]),
    "altered-without-marks": lambda ids: (
        [
            update(RequestLogRow).where(row(ids[2])).values(status=200),
            delete(RowDigests).where(RowDigests.seal_id == 2),
        ],
        [("seal", 2, "marks missing")],
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_prune_record_explains_only_the_oldest_rows(sealed: Any, case: str) -> None:
    statements, expected = FORGED[case](sealed.ids)
    sealed.tamper(forge_prune(sealed.ids), *statements)
    forged = ("audit", sealed.ids[6] + 1, "prune not sealed")
    assert sorted(sealed.errors()) == sorted([forged, *expected])


@pytest.mark.parametrize(
    "details",
    ["", "[]", "{}", '{"through":null}', '{"through":"all"}', '{"through":9e999}', "[" * 99_999],
    ids=["empty", "array", "no-through", "null", "word", "infinite", "deep"],
)
def test_malformed_prune_record_explains_no_missing_rows(sealed: Evidence, details: str) -> None:
    forged = {**audit_row("request prune"), "details": details}
    sealed.tamper(insert(AuditRow).values(forged), delete(RequestLogRow).where(row(sealed.ids[0])))
    report = sealed.verify()
    assert report["findings"] == [
        {"log": "request", "id": str(sealed.ids[0]), "fault": "deleted"},
        {"log": "audit", "id": str(sealed.ids[6] + 1), "fault": "prune not sealed"},
    ]
    assert report["pruned"] == []


def hide(evidence: Evidence, through: int) -> list[Any]:
    """Return the statements that delete the sealed log up to an id, with its digests, and say that it was pruned."""
    whole = select(Seal.id).where(Seal.log == "request", Seal.through_id <= through)
    return [
        delete(RequestLogRow).where(RequestLogRow.id <= through),
        delete(RowDigests).where(RowDigests.seal_id.in_(whole)),
        insert(AuditRow).values(audit_row(PRUNE_ACT, before="2026-01-01T00:00:00+00:00", through=through)),
    ]


HIDDEN = [("seal", 1, "marks missing"), ("seal", 2, "marks missing")]


def test_forged_prune_explains_nothing_and_is_never_sealed(sealed: Any) -> None:
    forged = sealed.ids[6] + 1
    sealed.tamper(*hide(sealed, sealed.ids[3]))
    assert sealed.errors() == [("audit", forged, "prune not sealed"), *HIDDEN]
    sealed.act()
    assert [(each["log"], each["rows"]) for each in sealed.seal()] == [("audit", 1)]
    report = sealed.verify()
    assert (report["pruned"], report["late"]) == ([], [{"log": "audit", "id": str(forged), "fault": "late"}])
    assert sealed.errors() == [("audit", forged, "prune not sealed"), *HIDDEN]


def test_forged_prune_beside_a_sealed_one_is_found(sealed: Any) -> None:
    older = select(RequestLogRow.at).where(row(sealed.ids[2]))
    assert sealed.prune(sealed.scalars(older)[0].isoformat()) == 2
    sealed.tamper(*hide(sealed, sealed.ids[3]))
    assert sealed.errors() == [("audit", sealed.ids[6] + 2, "prune not sealed"), ("seal", 2, "marks missing")]


def test_many_forged_prunes_do_not_prevent_sealing(sealed: Evidence) -> None:
    sealed.tamper(*[forge_prune(sealed.ids) for _ in range(5)])
    last = sealed.act()
    assert [(each["log"], each["rows"], each["through"]) for each in sealed.seal()] == [("audit", 1, str(last))]


def copy_prune(evidence: Evidence) -> list[Any]:
    """Return the statements that record a prune again, with its own seal, under ids that are not taken."""
    audit, seal = (", ".join(column.key for column in table.__table__.columns) for table in (AuditRow, Seal))
    other = {"id": "id + 7", "after_id": "after_id + 7", "through_id": "through_id + 7"}
    names = [other.get(name, name) for name in seal.split(", ")]
    return [
        text(
            f"INSERT INTO audit ({audit}) SELECT {audit.replace('id', 'id + 7', 1)} FROM audit WHERE act = :act"
        ).bindparams(act=PRUNE_ACT),
        text(f"INSERT INTO seal ({seal}) SELECT {', '.join(names)} FROM seal WHERE log = 'prune'"),
        text("INSERT INTO seal_marks SELECT seal_id + 7, marks FROM seal_marks WHERE seal_id = :id").bindparams(id=5),
    ]


def test_copied_record_of_a_prune_counts_for_nothing(sealed: Any) -> None:
    sealed.prune()
    sealed.tamper(*copy_prune(sealed))
    assert ("audit", sealed.ids[6] + 8, "prune not sealed") in sealed.errors()
    assert len(sealed.verify()["pruned"]) == 1


def test_prune_without_its_seal_explains_nothing(sealed: Any) -> None:
    sealed.prune()
    assert sealed.verify()["ok"]
    sealed.tamper(delete(RowDigests).where(RowDigests.seal_id == 5), delete(Seal).where(Seal.id == 5))
    prune = ("audit", sealed.ids[6] + 1, "prune not sealed")
    assert sealed.errors() == [prune, *[("seal", id_, "marks missing") for id_ in (1, 2, 3)]]


def test_prune_whose_seal_was_altered_explains_nothing(sealed: Any) -> None:
    sealed.prune()
    sealed.tamper(update(Seal).where(Seal.id == 5).values(mac=b"m" * 32))
    assert {("seal", 5, "altered"), ("audit", sealed.ids[6] + 1, "prune not sealed")} <= {*sealed.errors()}


def test_prune_sealed_with_another_key_explains_nothing(sealed: Any) -> None:
    sealed.prune(key=OTHER_KEY)
    assert ("audit", sealed.ids[6] + 1, "prune not sealed") in sealed.errors()


def test_prune_sealed_with_a_rotated_key_still_counts(sealed: Evidence) -> None:
    sealed.prune()
    sealed.request()
    sealed.seal(key=f"{OTHER_KEY},{SEAL_KEY}")
    report = sealed.verify(key=f"{OTHER_KEY},{SEAL_KEY}")
    assert (report["ok"], report["late"], len(report["pruned"])) == (True, [], 1)


def test_output_file_has_the_seal_of_a_prune(sealed: Evidence) -> None:
    sealed.prune()
    assert sealed.seal("--output", "kept.jsonl")[0]["log"] == "audit"
    kept = [json.loads(line) for line in (sealed.directory / "kept.jsonl").read_text().splitlines()]
    assert [each["log"] for each in kept] == ["request", "request", "request", "audit", "prune", "audit"]
    assert sealed.verify("--against", sealed.directory / "kept.jsonl")["ok"]


def test_prune_of_a_sealed_log_needs_the_key(sealed: Evidence) -> None:
    error = sealed.commands.error("request", "prune", "--older-than", "0s", "--yes")
    assert error == "DAAS_SEAL_KEY is not set: set it to make or verify seals, or to prune a sealed log."
    assert len(sealed.scalars(select(RequestLogRow.id))) == 6
    assert sealed.scalars(select(AuditRow.id).where(AuditRow.act == PRUNE_ACT)) == []


def seal_as_earlier_release(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal the whole audit in format 1, in which every record of a prune was covered."""
    monkeypatch.delitem(FORMATS, ("audit", 2))
    with evidence.app.app_context(), write_transaction() as run:
        rows = seals.read_rows(run, "audit", 0, 2**62)
        seals._write_seal(run, "audit", (0, rows[-1].id), rows, SEAL_KEY.encode(), seals._last_seal(run))
    monkeypatch.undo()


def test_prune_sealed_by_an_earlier_release_still_counts(evidence: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence.ids = [*evidence.request(4), 0, 0, evidence.act()]
    evidence.seal()
    evidence.tamper(delete(RowDigests).where(RowDigests.seal_id == 2), delete(Seal).where(Seal.id == 2))
    evidence.tamper(*hide(evidence, evidence.ids[3]))
    seal_as_earlier_release(evidence, monkeypatch)
    report = evidence.verify()
    assert (report["ok"], len(report["pruned"])) == (True, 1)
    evidence.request(2)
    evidence.seal()
    evidence.tamper(*hide(evidence, evidence.ids[3] + 1000))
    assert ("audit", evidence.ids[6] + 2, "prune not sealed") in evidence.errors()


def test_prune_from_before_the_first_seal_is_no_error(evidence: Evidence) -> None:
    evidence.request(3)
    assert evidence.commands.json("request", "prune", "--older-than", "0s", "--yes") == {"pruned": 3}
    assert evidence.verify()["ok"]
    evidence.ids = evidence.request(2)
    evidence.act()
    evidence.seal()
    report = evidence.verify()
    assert (report["ok"], report["pruned"]) == (True, [])
    evidence.tamper(delete(RequestLogRow).where(row(evidence.ids[0])))
    assert evidence.errors() == [("request", evidence.ids[0], "deleted")]


def test_prune_dated_before_the_seals_explains_nothing(sealed: Any) -> None:
    sealed.tamper(*hide(sealed, sealed.ids[3]))
    sealed.tamper(update(AuditRow).where(AuditRow.act == PRUNE_ACT).values(at=datetime(2020, 1, 1, tzinfo=UTC)))
    sealed.act()
    sealed.seal()
    assert sealed.errors() == HIDDEN


@pytest.mark.only("sqlite")
def test_prune_with_an_unreadable_record_explains_nothing(sealed: Any) -> None:
    sealed.prune()
    sealed.tamper(text("UPDATE audit SET at = 'once' WHERE act = 'request prune'"))
    assert ("audit", sealed.ids[6] + 1, "prune not sealed") in sealed.errors()


@pytest.mark.only("postgresql")
def test_simultaneous_seal_stops_the_prune(sealed: Evidence) -> None:
    sealed.request()

    def seal_once(statement: str) -> None:
        if statement.startswith("INSERT INTO seal "):
            with sealed.app.app_context():
                seals._seal_batch("request", 2**62, [SEAL_KEY.encode()])

    rejected = pytest.raises(OperatorError, match="nothing was pruned")
    with command_app(sealed.settings) as app, before_statements(app, seal_once), rejected:
        retention.prune_requests(datetime.now(UTC))
    assert (sealed.verify()["seals"], sealed.verify()["rows"]) == (5, 8)
    assert sealed.scalars(select(AuditRow.id).where(AuditRow.act == PRUNE_ACT)) == []


def test_unsealed_rows_are_not_pruned_once_there_are_seals(sealed: Evidence) -> None:
    waiting = sealed.request(2)
    assert sealed.prune() == 6
    assert sealed.scalars(select(RequestLogRow.id).order_by(RequestLogRow.id)) == waiting


def test_prune_without_seals_reuses_no_id(evidence: Evidence) -> None:
    ids = evidence.request(3)
    assert evidence.commands.json("request", "prune", "--older-than", "1d") == {"pruned": 0}
    assert evidence.scalars(select(AuditRow.id)) == []
    assert evidence.commands.json("request", "prune", "--older-than", "0s", "--yes") == {"pruned": 3}
    assert evidence.request()[0] > ids[-1]


def test_time_in_the_future_prunes_nothing(evidence: Evidence) -> None:
    ids = evidence.request(2)
    assert "in the past" in evidence.commands.error("request", "prune", "--older-than", "2999-01-01")
    assert {*ids} <= {*evidence.scalars(select(RequestLogRow.id))}


def test_interrupted_prune_resumes(sealed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH_ROWS", 2)
    everything = sealed.scalars(select(func.max(RequestLogRow.at)))[0].replace(year=2099)
    in_second_batch = rejecting(sealed.app, "DELETE", "request_log", f"OLD.id = {sealed.ids[2]}")
    with in_second_batch, command_app(sealed.settings), pytest.raises(DBAPIError):
        retention.prune_requests(everything)
    assert sealed.verify()["rows"] == 5
    assert sealed.prune() == 4
    assert sealed.verify()["ok"]


def test_requests_are_served_between_batches_of_a_prune(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH_ROWS", 1)
    ids = evidence.request(3)
    with evidence.app.app_context():
        answered: list[Any] = []

        def ask(statement: Any) -> None:
            if statement.startswith("SELECT request_log.id") and len(answered) < 2:
                answered.append(None)
                answered[-1] = evidence.request()

        latest = evidence.scalars(select(func.max(RequestLogRow.at)))[0]
        with before_statements(evidence.app, ask):
            pruned = retention.prune_requests(latest.replace(year=2099))
    assert pruned >= len(ids)
    assert len([each for each in answered if each]) == 2


# Export.


def test_export_has_every_column_of_each_request(evidence: Evidence) -> None:
    ids = evidence.request(3)
    lines = evidence.commands.run("request", "export").text.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [[*each] for each in rows] == [["request_id", *COLUMNS]] * 3
    assert [int(each["request_id"]) for each in rows] == ids
    assert {each["reason"] for each in rows} == {"path-unknown"}
    table = csv.DictReader(io.StringIO(evidence.commands.run("request", "export", "--format", "csv").text))
    as_text = [{name: "" if value is None else str(value) for name, value in each.items()} for each in rows]
    assert [*table] == as_text
    assert evidence.commands.run("request", "export", "--since", "2099-01-01").text == ""


def test_csv_export_protects_cells_that_begin_like_formulas(evidence: Any) -> None:
    build = Builder(evidence.app)
    application = build.application(mailboxes=[build.mailbox()])
    assert application.move(mailbox="=1+1").status_code == 403
    (*_, row) = csv.DictReader(io.StringIO(evidence.commands.run("request", "export", "--format", "csv").text))
    (*_, line) = evidence.commands.run("request", "export").text.splitlines()
    plain = {name: value for name, value in json.loads(line).items() if isinstance(value, str)}
    protected = {name: value for name, value in row.items() if value.startswith("'")}
    assert protected
    assert {name: value[1:] for name, value in protected.items()} == {name: plain[name] for name in protected}
    assert [value for value in row.values() if value.startswith(tuple("=+-@\t\r"))] == []


def test_a_long_listing_reads_batch_by_batch(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daas.records.request_log._BATCH_ROWS", 2)
    ids = evidence.request(5)
    assert [int(each["request_id"]) for each in evidence.commands.json("request", "list")] == ids
