"""The calls that list the folders and messages of a mailbox."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from daas.applications.registry import SERVICES
from daas.mailboxes import administration as mailboxes
from daas.mailboxes.access import AccessibleMailbox
from daas.mailboxes.find_messages import Search, page_query
from daas.storage.engine import db

from ..support.actors import FORM, Application
from ..support.builders import Builder, Mailbox
from ..support.database import transaction

pytestmark = pytest.mark.both_databases

FOLDERS, MESSAGES = "/direct/folders", "/direct/messages"


def get(application: Any, path: Any, headers: Any = None, content_type: Any = None, **arguments: Any) -> TestResponse:
    uri = f"{path}?{urlencode({'mailbox': application.mailbox.name, **arguments})}"
    signed = application.signed_headers(method="GET", uri=uri, content_type=content_type)
    return application.app.test_client().get(uri, headers={**signed, **(headers or {})})


def body_of(response: TestResponse) -> str:
    return response.text.replace(f'"{response.headers["X-Request-Id"]}"', '"N"', 1)


def ids_of(response: TestResponse) -> list[str]:
    assert response.status_code == 200, response.text
    return [message["id"] for message in response.json["messages"]]


class Correspondent(Application):
    """An application with a mailbox of its own, and a function that imports mail into it."""

    theirs: Mailbox

    def put(
        self,
        subject: str = "Results",
        sender: str = "a@example.org",
        date: str = "Mon, 02 Nov 2026 15:00:00 +0000",
        raw: bytes | None = None,
    ) -> str:
        raw = raw or f"From: {sender}\nTo: b@example.org\nSubject: {subject}\nDate: {date}\n\nBody\n".encode()
        return Builder(self.app).raw_message(self.mailbox, raw)


@pytest.fixture
def mail(build: Builder) -> Correspondent:
    application = build.application(mailboxes=[build.mailbox(messages=0, folders=2)])
    return Correspondent(application.app, application.name, application.keys, application.mailboxes)


def test_folders_are_listed_in_the_documented_body(mail: Correspondent) -> None:
    box = mail.mailbox
    folders = ",".join(f'{{"id":"{id_}","name":"Custom {n}"}}' for n, id_ in enumerate(box.folders))
    response = get(mail, FOLDERS)
    assert body_of(response) == f'{{"request_id":"N","mailbox":"{box.name}","folders":[{folders}]}}'
    assert response.headers["Content-Type"] == "application/json"


def test_a_mailbox_without_custom_folders_has_an_empty_list(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox(folders=0)])
    assert get(application, FOLDERS).json["folders"] == []


def test_a_message_is_shown_as_documented(mail: Correspondent) -> None:
    one = mail.put(subject='=?utf-8?q?Caf=C3=A9?= "quoted" / slash', sender="Zo\xeb <z@example.org>")
    response = get(mail, MESSAGES, limit=1)
    size = response.json["messages"][0]["size"]
    assert body_of(response) == (
        f'{{"request_id":"N","mailbox":"{mail.mailbox.name}","messages":[{{"id":"{one}","folder":"Inbox",'
        f'"subject":"Café \\"quoted\\" / slash","from":"Zoë <z@example.org>","to":"b@example.org",'
        f'"date":"2026-11-02T15:00:00Z","size":"{size}","attachments":"0"}}]}}'
    )


def test_message_in_a_custom_folder_has_the_id_of_the_folder(mail: Correspondent) -> None:
    one = mail.put()
    folder = mail.mailbox.folders[1]
    assert mail.move(id=one, folder=folder).status_code == 200
    assert [m["folder"] for m in get(mail, MESSAGES).json["messages"]] == [folder]


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
@pytest.mark.parametrize("suffix", ["", "/", "/format/json", "/format/json/"])
def test_urls_have_the_same_variants_as_a_move(mail: Correspondent, path: str, suffix: str) -> None:
    assert get(mail, path + suffix).status_code == 200


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
@pytest.mark.parametrize("content_type", [None, FORM, "application/json"], ids=str)
def test_get_is_signed_with_and_without_a_content_type(
    mail: Correspondent, path: str, content_type: str | None
) -> None:
    assert get(mail, path, content_type=content_type).status_code == 200


def test_the_query_is_signed_as_it_is_sent(mail: Correspondent) -> None:
    uri = f"{MESSAGES}?mailbox={mail.mailbox.name}&subject=%41+b%2Bc"
    headers = mail.signed_headers(method="GET", uri=uri, content_type=None)
    client = mail.app.test_client()
    assert client.get(uri, headers=headers).status_code == 200
    assert client.get(uri.replace("%41", "A"), headers=headers).status_code == 401


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
def test_other_methods_including_head_are_405(mail: Correspondent, path: str) -> None:
    client = mail.app.test_client()
    answers = [client.open(path, method=method) for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD")]
    assert [(response.status_code, response.headers["Allow"]) for response in answers] == [(405, "GET")] * 5


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
def test_each_call_is_a_service_of_its_own(build: Builder, path: str) -> None:
    others = tuple(service for service in SERVICES if service != path.strip("/"))
    application = build.application(mailboxes=[build.mailbox()], services=others)
    response = get(application, path)
    assert (response.status_code, response.json["message"]) == (403, "Access Denied. Use Not Authorized.")


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
def test_unknown_suspended_and_foreign_mailboxes_look_the_same(build: Builder, mail: Correspondent, path: str) -> None:
    everything = build.application(mailboxes=[build.mailbox()], all_mailboxes=True)
    answers = [
        get(mail, path, mailbox="nobody.at.all"),
        get(mail, path, mailbox=build.mailbox().name),
        get(everything, path, mailbox=build.mailbox(suspended=True).name),
    ]
    expected = '{"request_id":"N","message":"Access Denied. User Not Authorized."}'
    assert {(response.status_code, body_of(response)) for response in answers} == {(403, expected)}


INVALID = {
    "limit": ["0", "1001", "-1", "x", "01", "1.0"],
    "after": ["0", "-1", "x", "9223372036854775808"],
    "folder": ["Spam", "0", "-1", "9223372036854775807"],
    "since": ["yesterday", "2026-11-02", "2026-11-02T15:00:00", "9999-12-31T23:59:59-01:00"],
    "until": ["tomorrow", "0001-01-01T00:00:00+01:00"],
    "subject": ["a\0b", "\x1b[2J", "x" * 999],
    "from": ["a\0b", "x" * 999],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in INVALID.items() for value in values],
    ids=lambda value: ascii(value[:20]),
)
def test_invalid_argument_is_named(mail: Correspondent, name: str, value: str) -> None:
    response = get(mail, MESSAGES, **{name: value})
    sentence = f"'{name.capitalize()}' contains invalid input"
    assert (response.status_code, response.json["message"], response.json["fields"]) == (422, sentence, [name])


@pytest.mark.parametrize("path", [FOLDERS, MESSAGES])
def test_the_mailbox_is_required(mail: Correspondent, path: str) -> None:
    response = get(mail, path, mailbox=" ")
    expected = '{"request_id":"N","fields":["mailbox"],"message":"\'Mailbox\' is a required field."}'
    assert (response.status_code, body_of(response)) == (422, expected)


def test_repeated_argument_is_invalid_in_any_case_of_its_name(mail: Correspondent) -> None:
    name = mail.mailbox.name
    uri = f"{MESSAGES}?MAILBOX={name}&limit=1&Limit=2"
    response = mail.app.test_client().get(uri, headers=mail.signed_headers(method="GET", uri=uri, content_type=None))
    assert (response.status_code, response.json["fields"]) == (422, ["limit"])


def test_empty_arguments_count_as_missing(mail: Correspondent) -> None:
    one = mail.put()
    assert ids_of(get(mail, MESSAGES, folder="", subject=" ", since="", limit="", after="")) == [one]


def test_a_query_that_is_not_utf_8_is_a_400(mail: Correspondent) -> None:
    uri = f"{MESSAGES}?mailbox={mail.mailbox.name}&subject=%ff"
    response = mail.app.test_client().get(uri, headers=mail.signed_headers(method="GET", uri=uri, content_type=None))
    assert (response.status_code, response.json["message"]) == (400, "Bad Request")


def test_arguments_in_the_body_of_a_get_are_ignored(mail: Correspondent) -> None:
    uri = MESSAGES
    headers = mail.signed_headers(method="GET", uri=uri, content_type=FORM)
    response = mail.app.test_client().get(uri, data=f"mailbox={mail.mailbox.name}", headers=headers)
    assert (response.status_code, response.json["fields"]) == (422, ["mailbox"])


def test_required_content_md5_does_not_apply_without_a_body(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    assert get(application, MESSAGES).status_code == 200


@pytest.mark.parametrize(
    ("name", "part", "finds"),
    [
        ("subject", "RESULTS", True),
        ("subject", "strasse", True),
        ("subject", "STRAßE", True),
        ("subject", "100%", True),
        ("subject", "1_0", False),
        ("subject", "é", True),
        ("subject", "e\u0301", True),
        ("subject", "É", True),
        ("subject", "a@example", False),
        ("from", "A@EXAMPLE", True),
        ("from", "results", False),
    ],
    ids=ascii,
)
def test_part_of_a_text_is_found_in_any_case(mail: Correspondent, name: str, part: str, finds: bool) -> None:
    one = mail.put(subject="Results: 100% Straße, café", sender="a@example.org")
    mail.put(subject="Something else", sender="b@example.com")
    assert ids_of(get(mail, MESSAGES, **{name: part})) == ([one] if finds else [])


@pytest.mark.parametrize(
    "sought", ["lab results now", "LAB  results", "results\u00a0now", "b\u3000results\u2009n"], ids=ascii
)
def test_search_folds_white_space_as_the_stored_text_is(mail: Correspondent, sought: Any) -> None:
    one = mail.put(subject="Lab\u00a0 results  now")
    mail.put(subject="Labresultsnow")
    assert ids_of(get(mail, MESSAGES, subject=sought)) == [one]


@pytest.mark.parametrize("subject", ["a\u200cb", "a\u00a0b", "\U0001f469\u200d\u2695\ufe0f", "a\u00adb"], ids=ascii)
def test_subject_can_be_found_by_its_displayed_text(mail: Correspondent, subject: str) -> None:
    one = mail.put(subject=subject)
    shown = get(mail, MESSAGES).json["messages"][0]["subject"]
    assert ids_of(get(mail, MESSAGES, subject=shown)) == [one]


def test_since_and_until_are_inclusive_and_accept_header_dates(mail: Correspondent) -> None:
    days = [mail.put(subject=f"Day {day}", date=f"Mon, 0{day} Nov 2026 12:00:00 +0000") for day in (1, 2, 3)]
    undated = mail.put(raw=b"Subject: No date\n\n")
    assert ids_of(get(mail, MESSAGES)) == [*days, undated]
    assert ids_of(get(mail, MESSAGES, since="2026-11-02T12:00:00Z")) == days[1:]
    assert ids_of(get(mail, MESSAGES, until="11/02/2026 07:00:00 EST")) == days[:2]
    noon = "Mon, 02 Nov 2026 12:00:00 GMT"
    assert ids_of(get(mail, MESSAGES, since=noon, until=noon)) == [days[1]]
    assert ids_of(get(mail, MESSAGES, since="2026-11-02T12:00:01+00:00", until=noon)) == []


def test_all_search_criteria_must_match(mail: Correspondent) -> None:
    box = mail.mailbox
    wanted = mail.put(subject="Lab one", sender="lab@example.org")
    others = [mail.put(subject="Lab two"), mail.put(subject="X", sender="lab@example.org")]
    for id_ in [wanted, *others]:
        assert mail.move(id=id_, folder=box.folder).status_code == 200
    mail.put(subject="Lab three", sender="lab@example.org")
    arguments = {"subject": "lab", "from": "LAB@", "folder": box.folder, "since": "2026-11-01T00:00:00Z"}
    assert ids_of(get(mail, MESSAGES, **arguments)) == [wanted]


@pytest.mark.parametrize(
    "search", [{}, {"folder": "Inbox"}, {"since": "2020-01-01T00:00:00Z"}, {"subject": "x"}], ids=str
)
def test_pages_follow_each_other_and_the_last_has_no_next(mail: Correspondent, search: dict[str, Any]) -> None:
    ids = [mail.put(subject=f"x{n}") for n in range(5)]
    pages: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        response = get(mail, MESSAGES, limit=2, **search, **after)
        pages.append(ids_of(response))
        if "next" not in response.json:
            break
        assert response.json["next"] == pages[-1][-1]
        assert [*response.json] == ["request_id", "mailbox", "messages", "next"]
        after = {"after": response.json["next"]}
    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_a_page_that_ends_with_the_last_message_has_no_next(mail: Correspondent) -> None:
    ids = [mail.put(), mail.put(subject="Two")]
    assert "next" not in get(mail, MESSAGES, limit=2).json
    assert "next" in get(mail, MESSAGES, limit=1).json
    assert ids_of(get(mail, MESSAGES, after=ids[1])) == []


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["Inbox", "Sent", "Draft"])), max_size=12),
    data=st.data(),
)
def test_moves_between_pages_neither_repeat_nor_hide_messages(mail: Correspondent, moves: Any, data: Any) -> None:
    box = mail.mailbox
    if not box.messages:
        box.messages += [mail.put(subject=f"m{n}") for n in range(8)]
    for id_ in box.messages:
        assert mail.move(id=id_, folder="Inbox").status_code == 200
    touched = {box.messages[n] for n, _ in moves}
    seen: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        response = get(mail, MESSAGES, folder="Inbox", limit=3, **after)
        seen += ids_of(response)
        if "next" not in response.json:
            break
        after = {"after": response.json["next"]}
        for _ in range(data.draw(st.integers(0, len(moves)))):
            n, folder = moves.pop()
            assert mail.move(id=box.messages[n], folder=folder).status_code == 200
    assert len(seen) == len({*seen})
    assert {*box.messages} - touched <= {*seen}


AWKWARD = {
    "no header but one": b"Subject:\n\n",
    "NUL and control characters": b"Subject: a\0b\x1b[2J\nFrom: \x07\n\n",
    "raw bytes": b"Subject: \xff\xfe\xe9\nFrom: \xc3\xa9\n\n",
    "an unknown charset": b"Subject: =?x-unknown?q?=E9?=\n\n",
    "a wrong charset": b"Subject: =?utf-8?q?=E9=FF?= =?us-ascii?b?w6k=?=\n\n",
    "broken base64": b"Subject: =?utf-8?b?w6?= =?utf-8?b?!!!?=\n\n",
    "half a surrogate pair": b"Subject: =?utf-16-be?b?2AA=?= =?utf-7?q?+2AA-?=\n\n",
    "a date that is none": b"Subject: x\nDate: Fri, 99 Foo 99999 99:99:99 +9999\n\n",
    "year one": b"Subject: x\nDate: Mon, 01 Jan 0001 00:00:00 +0000\n\n",
    "year 9999": b"Subject: x\nDate: Fri, 31 Dec 9999 23:59:59 -2359\n\n",
    "a subject of 100,000 characters": b"Subject: " + b"x" * 100_000 + b"\n\n",
    "quotes and markup": b'Subject: "\\u0000" <script>\\\n\n',
}


@pytest.mark.parametrize("raw", AWKWARD.values(), ids=AWKWARD)
def test_awkward_mail_comes_out_as_valid_json(mail: Correspondent, raw: bytes) -> None:
    one = mail.put(raw=raw)
    response = get(mail, MESSAGES)
    (shown,) = json.loads(response.data.decode("utf-8"))["messages"]
    assert (response.status_code, shown["id"]) == (200, one)
    assert all(isinstance(value, str) and value.isprintable() for value in shown.values())


def test_row_has_the_arguments_but_not_the_search_texts(mail: Correspondent, build: Builder) -> None:
    response = get(mail, MESSAGES, folder="inbox", subject="diagnosis", **{"from": "someone"})
    row = build.log_row(response.json["request_id"])
    told = (row.status, row.reason, row.service, row.method, row.path, row.mailbox, row.folder, row.application)
    assert told == (200, "listed", "direct/messages", "GET", MESSAGES, mail.mailbox.name, "inbox", mail.name)
    values = [str(getattr(row, column.key)) for column in row.__table__.columns]
    assert not [value for value in values if "diagnosis" in value or "someone" in value]


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([FOLDERS, MESSAGES]),
    arguments=st.dictionaries(
        st.sampled_from(["folder", "subject", "from", "limit", "after", "since"]),
        st.sampled_from(["Inbox", "%", "secret", "1", "1000", "2000-01-01T00:00:00Z", "theirs", "mine"]),
    ),
    ask_theirs=st.booleans(),
)
def test_application_sees_only_mailboxes_granted_to_it(
    mail: Correspondent, build: Builder, path: Any, arguments: Any, ask_theirs: Any
) -> None:
    if not hasattr(mail, "theirs"):
        mail.theirs = build.mailbox(messages=0)
        build.raw_message(mail.theirs, b"Subject: secret of theirs\nDate: Mon, 02 Nov 2026 15:00:00 +0000\n\n")
        mail.put(subject="mine")
    if ask_theirs:
        arguments["mailbox"] = mail.theirs.name
        if "folder" in arguments:
            arguments["folder"] = mail.theirs.folder
    response = get(mail, path, **arguments)
    shown = response.text.replace(mail.theirs.name, "") if ask_theirs else response.text
    assert "theirs" not in shown
    assert not ask_theirs or response.status_code in {403, 422}


# The query plans are checked on tables that are large enough for the databases to use an index.
MANY = 30_000


@pytest.fixture(scope="module")
def many(app: Flask) -> list[AccessibleMailbox]:
    """Return two mailboxes of 30,000 messages, one a minute; all ids of the first are less than those of the second."""
    dialect = app.extensions["daas"].settings.database_url.get_backend_name()
    numbers = {
        "sqlite": f"WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) ",
        "postgresql": f"WITH numbers AS (SELECT generate_series(1, {MANY}) AS n) ",
    }[dialect]
    date = {
        "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', 1450000000 + id * 60, 'unixepoch')",
        "postgresql": "to_timestamp(1450000000 + id * 60)",
    }[dialect]
    digest = {
        "sqlite": "CAST(printf('%032d', id) AS BLOB)",
        "postgresql": "convert_to(lpad(id::text, 32, '0'), 'UTF8')",
    }[dialect]
    with app.app_context():
        boxes = [mailboxes.add_mailbox(f"many{n}.{id(app)}") for n in range(2)]
        inboxes = [mailboxes.find_folder(box, "Inbox") for box in boxes]
        places = [AccessibleMailbox(box.id, inbox.id) for box, inbox in zip(boxes, inboxes, strict=True)]
        db.session.commit()
        with transaction() as connection:  # Not by the product: its statements have timeouts, and none writes so much.
            for place in places:
                connection.execute(
                    text(
                        f"{numbers} INSERT INTO message (mailbox_id, folder_id) "
                        f"SELECT {place.id}, {place.folder_id} FROM numbers"
                    )
                )
            connection.execute(
                text(
                    "INSERT INTO message_envelope (id, mailbox_id, digest, message_id, subject, subject_folded, "
                    "sender, sender_folded, recipients, date, size, imported_at) "
                    f"SELECT id, mailbox_id, {digest}, '', 'S', 's', 'F', 'f', '', {date}, 1, {date} FROM message "
                    f"WHERE mailbox_id IN ({places[0].id}, {places[1].id})"
                )
            )
            connection.execute(text("ANALYZE"))
    return places


def plan_of(mailbox: AccessibleMailbox, search: Search) -> str:
    prefix = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[db.engine.dialect.name]
    query = page_query(mailbox, search)
    statement = str(query.compile(dialect=db.engine.dialect, compile_kwargs={"literal_binds": True}))
    with transaction() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(prefix + statement))


DAY = datetime(2015, 12, 20, tzinfo=UTC)
PLANS = {
    "of a mailbox": (False, Search(after=9), "mailbox_id=? AND id>?", "Only Scan using uq_message_mailbox_id_id"),
    "of a folder": (True, Search(after=9), "folder_id=? AND id>?", "Only Scan using ix_message_folder_id_id"),
    "between dates": (
        False,
        Search(since=DAY, until=DAY + timedelta(days=1)),
        "mailbox_id=? AND date>? AND date<?",
        "ix_message_envelope_mailbox_id_date_id",
    ),
    "of a folder between dates": (
        True,
        Search(since=DAY, until=DAY + timedelta(days=1)),
        "mailbox_id=? AND date>? AND date<?",
        "ix_message_envelope_mailbox_id_date_id",
    ),
    "with a subject": (False, Search(subject="x"), "mailbox_id=? AND id>?", "Only Scan using uq_message_mailbox_id_id"),
}


@pytest.mark.parametrize(("in_folder", "search", "sqlite", "postgresql"), PLANS.values(), ids=PLANS)
def test_ids_of_a_page_come_from_an_index_of_the_folder(
    app: Flask, many: list[AccessibleMailbox], in_folder: bool, search: Search, sqlite: str, postgresql: str
) -> None:
    mailbox = many[1] if in_folder else AccessibleMailbox(many[1].id, None)
    with app.app_context():
        plan = plan_of(mailbox, search)
        wanted = {"sqlite": sqlite, "postgresql": postgresql}[db.engine.dialect.name]
    assert wanted in plan
    assert "SCAN" not in plan  # SQLite reports a scan of a whole table so.
    assert "Seq Scan on message_envelope" not in plan


def test_the_first_and_the_last_page_have_the_same_plan(app: Flask, many: list[AccessibleMailbox]) -> None:
    with app.app_context(), transaction() as connection:
        last = connection.scalar(text("SELECT max(id) FROM message")) - 50
        plans = [plan_of(AccessibleMailbox(many[1].id, None), Search(after=after)) for after in (1, last)]
    kinds = [
        [line.split("(cost")[0] for line in plan.splitlines() if "Index" in line or "SEARCH" in line] for plan in plans
    ]
    assert kinds[0][:1] == kinds[1][:1]


def test_a_path_with_an_escaped_mailbox_is_understood(mail: Correspondent) -> None:
    uri = f"{FOLDERS}?mailbox={quote(mail.mailbox.name).replace('.', '%2E')}"
    response = mail.app.test_client().get(uri, headers=mail.signed_headers(method="GET", uri=uri, content_type=None))
    assert response.json["mailbox"] == mail.mailbox.name
