"""The requests of an application, as its own call lists them: nothing of others, and nothing that it did not sign."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update
from werkzeug.test import TestResponse

from daas.applications.registry import DEFAULT_SERVICES
from daas.reasons import CONFIDENTIAL, Reason
from daas.records import own_log
from daas.records.own_log import OwnRequests, oldest_query, page_query, shown_reasons
from daas.records.request_log import RequestLogRow
from daas.settings import Settings
from daas.signing.mechanism import KeyPair
from daas.storage.engine import db

from ..support.actors import FORM, MOVE, Application, authorization, now
from ..support.builders import Builder
from ..support.large_log import make_large_log, plan_of, work_of

pytestmark = pytest.mark.both_databases

REQUESTS = "/direct/requests"
SERVICES = (*DEFAULT_SERVICES, "direct/requests")
KEYS = [
    *["request_id", "at", "method", "path", "service", "status", "reason", "mailbox", "id", "folder", "from", "to"],
    *["remote_address", "duration_ms"],
]
OF_SIGNED = ["path", "service", "mailbox", "id", "folder", "from", "to"]


@pytest.fixture
def owner(build: Builder) -> Application:
    return build.application(mailboxes=[build.mailbox()], services=SERVICES)


def ask(owner: Application, **arguments: Any) -> TestResponse:
    uri = REQUESTS + (f"?{urlencode(arguments)}" if arguments else "")
    headers = owner.signed_headers(method="GET", uri=uri, content_type=None)
    return owner.app.test_client().get(uri, headers=headers)


def requests_of(owner: Application, **arguments: Any) -> list[dict[str, str]]:
    answer = ask(owner, **arguments)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json["requests"]
    return found


def all_requests(owner: Application, after: int, **arguments: Any) -> list[dict[str, str]]:
    """Return the requests of all pages, of ids greater than `after`."""
    found: list[dict[str, str]] = []
    before: dict[str, str] = {}
    while True:
        body = ask(owner, **arguments, **before).json
        found += body["requests"]
        if "next" not in body or int(body["next"]) <= after:
            return [each for each in found if int(each["request_id"]) > after]
        before = {"before": body["next"]}


def test_requests_have_the_documented_body(owner: Application, build: Builder) -> None:
    box = owner.mailbox
    moved = owner.move(folder="archived").json["request_id"]
    answer = ask(owner)
    row = build.log_row(moved)
    assert answer.text == (
        f'{{"request_id":"{answer.headers["X-Request-Id"]}","requests":[{{"request_id":"{moved}",'
        f'"at":"{row.at:%Y-%m-%dT%H:%M:%SZ}","method":"POST","path":"{MOVE}","service":"direct/messages/move",'
        f'"status":"200","reason":"moved","mailbox":"{box.name}","id":"{box.message}","folder":"archived",'
        f'"from":"Inbox","to":"Archived","remote_address":"127.0.0.1","duration_ms":"{row.duration_ms}"}}]}}'
    )
    assert [each["reason"] for each in requests_of(owner)] == ["listed", "moved"]


@pytest.mark.parametrize("suffix", ["", "/", "/format/json", "/format/json/"])
def test_own_log_has_the_same_urls_as_other_calls(owner: Application, suffix: str) -> None:
    uri = REQUESTS + suffix
    headers = owner.signed_headers(method="GET", uri=uri, content_type=None)
    assert owner.app.test_client().get(uri, headers=headers).status_code == 200


def test_own_log_is_a_service_of_its_own(build: Builder) -> None:
    answer = ask(build.application(services=DEFAULT_SERVICES))
    assert (answer.status_code, answer.json["message"]) == (403, "Access Denied. Use Not Authorized.")


def test_rejected_requests_are_shown_with_their_reason(owner: Application) -> None:
    old = "Mon, 02 Nov 2020 15:00:00 GMT"
    rejected = [
        owner.move(id="999999999"),
        owner.post_signed("mailbox=x", date=old),
        owner.move(folder="x"),
        owner.post_signed("{}", content_type="text/plain"),
    ]
    shown = requests_of(owner)
    assert [each["request_id"] for each in shown] == [answer.json["request_id"] for answer in rejected[::-1]]
    assert [(each["status"], each["reason"], each["path"], each["from"], each["to"]) for each in shown] == [
        ("415", "media-type-unsupported", MOVE, "", ""),
        ("422", "argument-invalid", MOVE, "", ""),
        ("401", "date-outside-window", MOVE, "", ""),
        ("422", "message-not-found", MOVE, "", ""),
    ]


def send_wrongly(owner: Application, body: str, **changes: Any) -> TestResponse:
    """Send a request that names the application's key with a wrong signature; a header of None is left out."""
    headers = {
        "Date": now(),
        "Content-Type": FORM,
        "Authorization": f"DAAS {owner.keys.public_key}:x",
        **changes,
    }
    sent = {name: value for name, value in headers.items() if value is not None}
    return owner.app.test_client().post(MOVE, data=body, headers=sent)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "signature": ("signature-mismatch", {}),
    "date missing": ("date-missing", {"Date": None}),
    "date repeated": ("date-repeated", {"X-Daas-Date": "now", "Date": "a,b"}),
    "content type missing": ("content-type-missing", {"Content-Type": None}),
    "key revoked": ("key-revoked", {}),
}


@pytest.mark.parametrize(("reason", "changes"), WRONG.values(), ids=WRONG)
def test_what_unsigned_requests_asked_for_is_neither_shown_nor_found(
    owner: Application, build: Builder, reason: str, changes: dict[str, Any]
) -> None:
    box = owner.mailbox
    answer = send_wrongly(owner, f"mailbox={box.name}&id={box.message}&folder=Sent", **changes)
    with owner.app.app_context(), db.session.begin():
        # As if the service had noted the arguments before it verified the signature.
        row = update(RequestLogRow).where(RequestLogRow.id == int(answer.json["request_id"]))
        row = row.values(mailbox=box.name, message=box.message, folder="Sent", folder_from="a", folder_to="b")
        db.session.execute(row.values(reason=reason))
    (shown,) = requests_of(owner)
    assert (shown["request_id"], shown["reason"]) == (answer.json["request_id"], reason)
    assert [shown[name] for name in OF_SIGNED] == [""] * len(OF_SIGNED)
    assert (shown["method"], shown["status"], shown["remote_address"]) == ("POST", "401", "127.0.0.1")
    assert requests_of(owner, mailbox=box.name) == requests_of(owner, id=box.message) == []


def test_missing_date_of_a_signed_request_shows_what_it_asked_for(owner: Application) -> None:
    box = owner.mailbox
    signed = {"Authorization": authorization(owner.keys, date=""), "Content-Type": FORM}
    body = f"mailbox={box.name}&id=7&folder=Sent"
    assert owner.app.test_client().post(MOVE, data=body, headers=signed).status_code == 401
    (shown,) = requests_of(owner, mailbox=box.name)
    assert (shown["reason"], shown["id"], shown["path"]) == ("date-missing", "7", MOVE)


def test_reasons_of_mailboxes_cannot_be_told_apart(owner: Application, build: Builder) -> None:
    names = ["no.such.box", build.mailbox().name, build.mailbox(suspended=True).name]
    for name in names:
        assert owner.move(mailbox=name, id="1").status_code == 403
    shown = requests_of(owner, reason="user-not-authorized")
    assert [each["mailbox"] for each in shown] == names[::-1]
    assert {each["reason"] for each in shown} == {"user-not-authorized"}
    for reason in CONFIDENTIAL:
        assert ask(owner, reason=reason.value).json["fields"] == ["reason"]


def test_each_filter_finds_only_what_it_says(owner: Application, build: Builder) -> None:
    box, other = owner.mailbox, build.message(owner.mailbox)
    first = owner.move(folder="Sent").json["request_id"]
    second = owner.move(id=f" {other} ", mailbox=box.name.upper()).json["request_id"]
    third = owner.move(id="999999999").json["request_id"]

    def found(**arguments: Any) -> list[str]:
        return [each["request_id"] for each in requests_of(owner, **arguments) if each["service"] == SERVICES[0]]

    assert found(status="422") == found(reason="message-not-found") == found(id="999999999") == [third]
    assert found(reason="moved") == [second, first]
    assert found(id=box.message) == [first]
    assert found(id=other) == [second]
    assert found(mailbox=box.name.title()) == [third, second, first]
    assert found(mailbox="nobody") == found(id="7") == found(status="503") == found(reason="fault") == []
    assert found(id=other, reason="moved", status="200", mailbox=box.name) == [second]
    assert found(before=second) == [first]


def test_since_and_until_include_the_times_that_are_shown(owner: Application, build: Builder) -> None:
    ids = [owner.move().json["request_id"] for _ in range(3)]
    start = datetime(2026, 11, 2, 15, tzinfo=UTC)
    with owner.app.app_context(), db.session.begin():
        for second, id_ in enumerate(ids):
            at = start + timedelta(seconds=second, milliseconds=700)
            db.session.execute(update(RequestLogRow).where(RequestLogRow.id == int(id_)).values(at=at))

    def found(**arguments: Any) -> list[str]:
        return [each["request_id"] for each in requests_of(owner, **arguments)]

    assert found(since="2026-11-02T15:00:01Z", until="2026-11-02T15:00:01Z") == [ids[1]]
    assert found(until="11/02/2026 10:00:01 EST") == [ids[1], ids[0]]
    assert found(until="9999-12-31T23:59:59Z")[-1] == ids[0]


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"status": "99"}, ["status"]),
        ({"status": "600"}, ["status"]),
        ({"reason": "x"}, ["reason"]),
        (
            {"before": "0", "limit": "1001", "id": "x", "mailbox": "@", "until": "x", "since": "yesterday"},
            ["since", "until", "mailbox", "id", "limit", "before"],
        ),
    ],
    ids=str,
)
def test_bad_filters_are_named(owner: Application, arguments: Any, fields: list[str]) -> None:
    answer = ask(owner, **arguments)
    assert (answer.status_code, answer.json["fields"]) == (422, fields)
    sentences = [f"'{ {'id': 'ID'}.get(name, name.title()) }' contains invalid input" for name in fields]
    assert answer.json["message"] == ". ".join(sentences)


def test_every_reason_but_the_confidential_can_be_a_filter() -> None:
    shown = shown_reasons()
    assert {*shown} == {*map(str, Reason)} - {*map(str, CONFIDENTIAL)} | {"user-not-authorized"}
    assert len(shown) == len({*shown})


def log_rows(app: Flask, application: str, count: int, **values: Any) -> list[str]:
    """Write rows of an application and return their ids."""
    row = {
        **dict.fromkeys(["remote_address", "method", "path"], "x"),
        **{"at": datetime.now(UTC), "status": 200, "reason": "moved", "duration_ms": 1.0, "application": application},
        **values,
    }
    with app.app_context(), db.session.begin():
        write = insert(RequestLogRow).values(**row).returning(RequestLogRow.id)
        return [str(db.session.execute(write).scalar_one()) for _ in range(count)]


def test_batch_is_shown_once(owner: Application) -> None:
    (batch,) = log_rows(owner.app, owner.name, 1, reason="moved")
    log_rows(owner.app, owner.name, 3, batch=int(batch))
    assert [each["request_id"] for each in requests_of(owner)] == [batch]


def test_pages_have_each_request_once_and_the_last_has_no_next(owner: Application) -> None:
    ids = log_rows(owner.app, owner.name, 6)
    pages = []
    before = {"before": str(int(ids[-1]) + 1)}
    while before:
        body = ask(owner, limit=2, **before).json
        pages.append([each["request_id"] for each in body["requests"]])
        before = {"before": body["next"]} if "next" in body else {}
    assert pages == [[ids[5], ids[4]], [ids[3], ids[2]], [ids[1], ids[0]]]


def test_a_page_examines_a_bounded_number_of_rows(owner: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_log, "MAX_EXAMINED", 4)
    wanted = log_rows(owner.app, owner.name, 2, status=401)
    others = log_rows(owner.app, owner.name, 6)
    short = ask(owner, status=401, before=int(others[-1]) + 1).json
    assert (short["requests"], short["next"]) == ([], others[2])
    short = ask(owner, status=401, before=short["next"]).json
    assert ([each["request_id"] for each in short["requests"]], short["next"]) == (wanted[::-1], wanted[0])
    assert "next" not in ask(owner, status=401, before=short["next"]).json


def test_search_for_new_requests_ends_at_old_ones(owner: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_log, "MAX_EXAMINED", 4)
    log_rows(owner.app, owner.name, 6, at=datetime.now(UTC) - timedelta(days=3))
    since = datetime.now(UTC) - timedelta(minutes=2)
    body = ask(owner, since=since.isoformat()).json
    assert (body["requests"], "next" in body) == ([], False)
    assert "next" in ask(owner, since=(since - timedelta(days=3)).isoformat()).json


# Isolation: what one application can learn of another, or of requests that it did not sign.

SECRETS = [f"secret{n}.box" for n in range(3)]


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "sender": draw(st.integers(0, 1)),
        "signer": draw(st.sampled_from(["own", "own", "other", "nobody"])),
        "mailbox": draw(st.sampled_from(["own", *SECRETS])),
        "id": draw(st.sampled_from(["1", "7", "999999999"])),
        "date": draw(st.sampled_from(["now", "now", "missing", "repeated", "old", "unreadable"])),
        "content_type": draw(st.sampled_from([FORM, FORM, None, "text/plain"])),
        "method": draw(st.sampled_from(["POST", "POST", "GET"])),
    }


def send(application: Application, other: Application, request: dict[str, Any]) -> tuple[str, bool, str]:
    """Send a request in the name of an application; return its id, whether it was signed, and the mailbox."""
    private_key = {"own": application.keys.private_key, "other": other.keys.private_key, "nobody": "x" * 64}
    keys = KeyPair(application.keys.public_key, private_key[request["signer"]])
    mailbox = application.mailbox.name if request["mailbox"] == "own" else request["mailbox"]
    arguments = urlencode({"mailbox": mailbox, "id": request["id"], "folder": "Sent"})
    date = {
        "now": now(),
        "missing": None,
        "repeated": f"{now()}, {now()}",
        "old": "Mon, 02 Nov 2020 15:00:00 GMT",
        "unreadable": "noon",
    }[request["date"]]
    if request["method"] == "POST":
        uri, body, content_type = MOVE, arguments, request["content_type"]
    else:
        uri, body, content_type = f"/direct/messages?{arguments}", "", None
    headers = {"Date": date, "Content-Type": content_type}
    signed = authorization(keys, method=request["method"], date=date or "", content_type=content_type, uri=uri)
    sent = {**{name: value for name, value in headers.items() if value is not None}, "Authorization": signed}
    answer = application.app.test_client().open(uri, method=request["method"], data=body, headers=sent)
    return answer.headers["X-Request-Id"], request["signer"] == "own", mailbox


@pytest.fixture(scope="module")
def pair(app: Flask) -> list[Application]:
    build = Builder(app)
    return [build.application(mailboxes=[build.mailbox()], services=SERVICES) for _ in range(2)]


@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests(), min_size=1, max_size=5), st.sampled_from([2, 1000]))
def test_applications_see_all_of_their_own_and_nothing_else(
    pair: list[Application], sent: list[dict[str, Any]], limit: int
) -> None:
    with pair[0].app.app_context():
        start = db.session.scalar(select(func.max(RequestLogRow.id))) or 0
    made = [(each["sender"], *send(pair[each["sender"]], pair[1 - each["sender"]], each)) for each in sent]
    for number, application in enumerate(pair):
        own = {id_: (signed, mailbox) for sender, id_, signed, mailbox in made if sender == number}
        shown = {
            each["request_id"]: each
            for each in all_requests(application, start, limit=limit)
            if each["service"] != "direct/requests"
        }
        assert {*shown} == {*own}
        for id_, (signed, mailbox) in own.items():
            assert [*shown[id_]] == KEYS
            if signed:
                assert shown[id_]["mailbox"] in ("", mailbox)
            else:
                assert [shown[id_][name] for name in OF_SIGNED] == [""] * len(OF_SIGNED)
        for secret in SECRETS:
            found = {each["request_id"] for each in requests_of(application, mailbox=secret, limit=1000)}
            assert not {id_ for id_, (signed, mailbox) in own.items() if mailbox != secret or not signed} & found
            assert not {id_ for sender, id_, *_ in made if sender != number} & found


def test_v1_requests_with_the_same_key_are_shown(build: Builder) -> None:
    owner = build.application(services=(*SERVICES, "v1/lists"))
    answer = owner.app.test_client().get(
        "/v1/lists.json", headers={"Authorization": f"RCWS {owner.keys.public_key}:{'0' * 64}"}
    )
    assert answer.status_code == 401
    (shown,) = requests_of(owner)
    assert (shown["reason"], shown["path"], shown["service"]) == ("signature-mismatch", "", "")


# What a page costs.

SIZES = [pytest.param(30_000, id="small"), pytest.param(1_000_000, id="large", marks=pytest.mark.slow)]


@pytest.mark.parametrize("rows", SIZES)
def test_page_of_the_own_log_reads_a_bounded_number_of_rows(
    database_kind: str, make_settings: Callable[..., Settings], rows: int
) -> None:
    app = make_large_log(make_settings(database_kind), rows)
    limits = {"postgresql": (1_000, 25_000), "sqlite": (20_000, 500_000)}[database_kind]
    with app.app_context():
        for application, before in [("busy", rows), ("busy", rows // 2), ("quiet", rows), ("quiet", rows // 2)]:
            page = page_query(application, OwnRequests(before=before), 0)
            oldest = oldest_query(application, before)
            with db.engine.connect() as connection:
                after = connection.execute(oldest).scalar() or 1
            nothing = page_query(application, OwnRequests(before=before, status=401, id=7), after - 1)
            for query, limit in [(page, limits[0]), (oldest, limits[1]), (nothing, limits[1])]:
                plan = plan_of(query)
                assert "ix_request_log_application_id" in plan, plan
                assert "SCAN request_log" not in plan
                assert work_of(query) < limit, (application, before, plan)
        db.engine.dispose()
