"""Authentication of requests: accepted signatures, and what a 401 explains."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest
from werkzeug.test import TestResponse

from daas.app import create_app
from daas.settings import Settings, load_settings
from daas.storage.engine import db

from ..conftest import ENCRYPTION_KEY, Clock
from ..support.actors import FORM, MOVE, Application, authorization, now
from ..support.builders import Builder

# 3 June 2013, 12:13:56 in New York: 16:13:56 UTC, in daylight saving time.
EXAMPLE = "06/03/2013 12:13:56"
EXAMPLE_EDT = datetime(2013, 6, 3, 16, 13, 56, tzinfo=UTC).timestamp()


def reason_of(build: Builder, response: TestResponse) -> str:
    return build.log_row(response.headers["X-Request-Id"]).reason


def ask(application: Application, **parts: Any) -> TestResponse:
    """Send a valid move of the application's message, signed with the given parts."""
    box = application.mailbox
    return application.post_signed(f"mailbox={box.name}&id={box.message}&folder=Sent", **parts)


@pytest.mark.parametrize("raw", [False, True], ids=["of the hexadecimal text", "of the raw bytes"])
def test_both_encodings_of_the_hash_are_accepted(application: Application, raw: bool) -> None:
    assert ask(application, raw=raw).status_code == 200


def test_browser_may_sign_bare_media_type(application: Application) -> None:
    assert ask(application, headers={"Content-Type": f"{FORM}; charset=UTF-8"}).status_code == 200
    assert ask(application, content_type=f"{FORM}; charset=UTF-8").status_code == 200
    assert ask(application, content_type=f"{FORM};charset=UTF-8", headers={"Content-Type": FORM}).status_code == 401


@pytest.mark.parametrize("word", ["DAAS", "daas", "DaAs"])
def test_scheme_is_accepted_in_any_case_with_spaces_after_it(application: Application, word: str) -> None:
    date = now()
    header = authorization(application.keys, date=date).replace("DAAS ", word + "   ")
    assert ask(application, date=date, headers={"Authorization": header}).status_code == 200


MALFORMED = ["", "DAAS", "DAAS ", "DAAS key", "DAAS :x", "DAAS key:", "Basic YTpi", "RCWS k:s", "DAAS k:s,DAAS k:s"]


@pytest.mark.parametrize("header", [*MALFORMED, "DAAS k:s extra", "DAAS k\xe9:s", "DAASk:s", "DAAS k :s"], ids=ascii)
def test_malformed_authorization_is_401_without_explanation(build: Builder, header: str) -> None:
    application = build.application(mailboxes=[build.mailbox()], explain_401=True)
    response = ask(application, headers={"Authorization": header})
    assert response.status_code == 401
    assert reason_of(build, response) == "authorization-malformed"
    assert not {"X-Daas-Error", "X-Daas-String-To-Sign", "X-Daas-Clock-Skew"} & {*response.headers.keys()}


def test_missing_authorization_is_401(application: Application, build: Builder) -> None:
    response = application.app.test_client().post(MOVE, headers={"Date": now(), "Content-Type": FORM})
    assert (response.status_code, reason_of(build, response)) == (401, "authorization-missing")


@pytest.mark.parametrize(
    "change", [str.upper, lambda key: key[:-1], lambda key: key + "0"], ids=["upper", "cut", "longer"]
)
def test_public_key_is_compared_exactly(
    application: Application, build: Builder, change: Callable[..., Any] | Callable[..., Any]
) -> None:
    date = now()
    header = authorization(application.keys, date=date)
    header = header.replace(application.keys.public_key, change(application.keys.public_key))
    response = ask(application, date=date, headers={"Authorization": header})
    assert (response.status_code, reason_of(build, response)) == (401, "unknown-public-key")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Date": None}, "date-missing"),
        ({"Content-Type": None}, "content-type-missing"),
        ({"Content-Type": " "}, "content-type-missing"),
        ({"X-Daas-Date": "now", "Date": "Mon, 03 Jun 2013 12:13:56 GMT, now"}, "date-repeated"),
    ],
    ids=["no date", "no type", "blank type", "repeated date"],
)
def test_lost_header_is_401_without_x_daas_error(
    application: Application, build: Builder, headers: dict[str, str | None], reason: str
) -> None:
    sent = {**application.signed_headers(), **headers}
    sent = {name: value for name, value in sent.items() if value is not None}
    response = application.app.test_client().post(MOVE, data=b"", headers=sent)
    assert (response.status_code, reason_of(build, response)) == (401, reason)
    assert "X-Daas-Error" not in response.headers


@pytest.mark.parametrize("sent", [None, "", " "], ids=["absent", "blank", "a space"])
@pytest.mark.parametrize("signed", [None, ""], ids=["no line", "a blank line"])
def test_signed_request_without_content_type_is_named(
    build: Builder, clock: Clock, sent: str | None, signed: str | None
) -> None:
    application = build.application(mailboxes=[build.mailbox()], explain_401=True)
    clock.stopped = EXAMPLE_EDT
    headers = application.signed_headers(content_type=signed, date=f"{EXAMPLE} EDT")
    headers = {name: value for name, value in headers.items() if name != "Content-Type"}
    if sent is not None:
        headers["Content-Type"] = sent
    response = application.app.test_client().post(MOVE, data=b"", headers=headers)
    assert (response.status_code, reason_of(build, response)) == (401, "content-type-missing")
    is_good = not (sent is None and signed == "")
    assert response.headers.get("X-Daas-Error") == ("content-type-missing" if is_good else None)
    assert response.headers.get("X-Daas-Clock-Skew") == ("0" if is_good else None)
    # No signature of such a request is accepted, so a string to sign would mislead the client.
    assert "X-Daas-String-To-Sign" not in response.headers


def test_missing_content_type_is_reported_before_date(application: Application) -> None:
    headers = {**application.signed_headers(content_type=None, date="yesterday")}
    response = application.app.test_client().post(MOVE, data=b"", headers=headers)
    assert (response.status_code, response.headers["X-Daas-Error"]) == (401, "content-type-missing")
    assert "X-Daas-Clock-Skew" not in response.headers


@pytest.mark.parametrize("signed_as", ["latin-1", "utf-8"])
@pytest.mark.parametrize("zone", ["hora est\xe1ndar del Atl\xe1ntico", "Mitteleurop\xe4ische Zeit", "\xff"])
def test_latin_1_date_may_be_signed_as_utf_8(application: Application, clock: Clock, zone: str, signed_as: str) -> None:
    clock.stopped = EXAMPLE_EDT
    date = f"Mon Jun 03 2013 12:13:56 GMT-0400 ({zone})"
    for raw in (False, True):
        signed = authorization(application.keys, date=date.encode(signed_as).decode("latin-1"), raw=raw)
        response = ask(application, headers={"Date": date, "Authorization": signed})
        assert response.status_code == 200


def test_utf_8_date_is_signed_as_sent(application: Application, clock: Clock) -> None:
    clock.stopped = EXAMPLE_EDT
    date = "Mon Jun 03 2013 12:13:56 GMT-0400 (\xe5\x8c\x97\xe7\xbe\x8e)"
    assert ask(application, date=date).status_code == 200
    assert ask(application, date=date, headers={"Date": date.replace("\xe5", "\xe6")}).status_code == 401


def test_only_date_may_be_signed_as_utf_8(application: Application) -> None:
    date, uri = now(), f"{MOVE}?x=\xe1"
    signed = authorization(application.keys, date=date, uri=uri.encode().decode("latin-1"))
    headers = {"Date": date, "Content-Type": FORM, "Authorization": signed}
    response = application.app.test_client().open(
        MOVE, method="POST", headers=headers, environ_overrides={"RAW_URI": uri}
    )
    assert response.status_code == 401


def test_explanation_shows_trailing_space_of_signed_date(build: Builder) -> None:
    """moment.js writes a trailing space if it knows no zone: it is signed, but not part of the header's value."""
    application = build.application(mailboxes=[build.mailbox()], explain_401=True)
    date = "06/03/2013 12:13:56"
    response = ask(
        application, headers={"Date": date, **{"Authorization": authorization(application.keys, date=date + " ")}}
    )
    assert (response.status_code, explanation_of(response)) == (401, f"POST\n{date}\n{FORM}\n{MOVE}".encode())


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason"),
    [
        ("text/plain", "", 415, "media-type-unsupported"),
        ("application/json", "{", 400, "json-unreadable"),
        ("application/json", "[]", 400, "json-no-object"),
        ("application/json", '{"a":' * 9 + "1" + "}" * 9, 400, "json-too-deep"),
        (FORM, "a=%ff", 400, "form-not-utf-8"),
        (FORM, "a&" * 1011, 400, "too-many-arguments"),
        ("multipart/form-data", "", 400, "multipart-delimiters"),
    ],
)
def test_signed_400_and_415_have_x_daas_error(
    application: Application, build: Builder, content_type: str, body: str, status: int, reason: str
) -> None:
    response = application.post_signed(body, content_type=content_type)
    assert (response.status_code, response.headers["X-Daas-Error"]) == (status, reason)
    assert reason_of(build, response) == reason


def test_signed_415_for_coding_has_x_daas_error(application: Application) -> None:
    response = application.post_signed("", headers={"Content-Encoding": "gzip"})
    assert (response.status_code, response.headers["X-Daas-Error"]) == (415, "coding-unsupported")


def test_422_has_no_x_daas_error(application: Application) -> None:
    response = application.post_signed("")
    assert (response.status_code, response.headers.get("X-Daas-Error")) == (422, None)


def test_x_daas_date_precedes_date(application: Application) -> None:
    date = now()
    assert ask(application, date=date, headers={"Date": "yesterday", "X-Daas-Date": date}).status_code == 200


@pytest.mark.parametrize("unread", ["yesterday", "Mon, 02 Nov 2026 15:00 GMT", "Monday, noon", ""])
def test_unreadable_date_is_ignored_beside_x_daas_date(application: Application, unread: str) -> None:
    date = now()
    assert ask(application, date=date, headers={"Date": unread, "X-Daas-Date": date}).status_code == 200


@pytest.mark.parametrize("repeated", ["now,now", "Mon, 02 Nov 2026 15:00:00 GMT,Mon, 02 Nov 2026 15:00:00 GMT"])
def test_repeated_date_is_rejected_even_beside_x_daas_date(application: Application, repeated: str) -> None:
    date = now()
    assert ask(application, date=date, headers={"Date": repeated, "X-Daas-Date": date}).status_code == 401


@pytest.mark.parametrize("date", ["", "tomorrow"])
def test_unreadable_x_daas_date_precedes_readable_date(application: Application, date: str) -> None:
    headers = {"Authorization": authorization(application.keys, date=date), "X-Daas-Date": date}
    response = ask(application, headers=headers)
    assert (response.status_code, response.headers["X-Daas-Error"]) == (401, "date-unreadable")


@pytest.mark.parametrize(("offset", "status"), [(-901, 401), (-900, 200), (0, 200), (900, 200), (901, 401)])
def test_date_window_is_900_seconds_either_way_inclusive(
    application: Application, clock: Clock, offset: int, status: int
) -> None:
    clock.stopped = EXAMPLE_EDT - offset + 0.9  # The fraction of the server's second is ignored.
    response = ask(application, date=f"{EXAMPLE} EDT")
    assert response.status_code == status
    if status == 401:
        assert response.headers["X-Daas-Error"] == "date-outside-window"
        assert response.headers["X-Daas-Clock-Skew"] == str(offset)


@pytest.mark.parametrize(
    ("date", "error", "skew"),
    [
        (f"{EXAMPLE} EST", "date-zone-name", "3600"),
        (f"{EXAMPLE} PDT", "date-outside-window", "10800"),
        (EXAMPLE, "date-without-zone", None),
        ("03/06/2013", "date-unreadable", None),
        ("12:13:56 EDT", "date-unreadable", None),
    ],
    ids=["EST in summer", "another zone", "no zone", "no time", "no day"],
)
def test_valid_signature_gets_error_of_its_date(
    application: Application, build: Builder, clock: Clock, date: str, error: str, skew: str | None
) -> None:
    clock.stopped = EXAMPLE_EDT
    response = ask(application, date=date)
    assert (response.status_code, response.headers["X-Daas-Error"]) == (401, error)
    assert response.headers.get("X-Daas-Clock-Skew") == skew
    assert reason_of(build, response) == error


def test_wrong_signature_gets_no_error_of_its_date(application: Application, clock: Clock) -> None:
    clock.stopped = EXAMPLE_EDT
    response = ask(
        application, date=f"{EXAMPLE} EST", headers={"Authorization": f"DAAS {application.keys.public_key}:x"}
    )
    assert not {"X-Daas-Error", "X-Daas-Clock-Skew"} & {*response.headers.keys()}


BODY = b"mailbox=a&id=1&folder=Sent"
MD5 = hashlib.md5(BODY, usedforsecurity=False)


@pytest.mark.parametrize(
    "md5",
    [
        base64.b64encode(MD5.digest()).decode(),
        MD5.hexdigest(),
        MD5.hexdigest().upper(),
        base64.b64encode(MD5.hexdigest().encode()).decode(),
    ],
    ids=["base64", "hex", "HEX", "base64 of hex"],
)
def test_content_md5_is_accepted_in_each_form_of_clients(application: Application, md5: str) -> None:
    assert (
        application.post_signed(BODY, md5=md5).status_code == 403
    )  # Authentication succeeded: the mailbox a is not accessible.


@pytest.mark.parametrize(
    "md5",
    [
        "",
        base64.b64encode(MD5.digest()).decode().rstrip("="),
        base64.b64encode(MD5.hexdigest().upper().encode()).decode(),
        base64.b64encode(hashlib.md5(b"", usedforsecurity=False).digest()).decode(),
        f"{base64.b64encode(MD5.digest()).decode()},{base64.b64encode(MD5.digest()).decode()}",
    ],
    ids=["blank", "no padding", "base64 of HEX", "another body", "repeated"],
)
def test_content_md5_that_does_not_match_is_401(application: Application, clock: Clock, md5: str) -> None:
    clock.stopped = EXAMPLE_EDT
    response = application.post_signed(BODY, md5=md5, date=formatdate(EXAMPLE_EDT, usegmt=True))
    assert (response.status_code, response.headers["X-Daas-Error"]) == (401, "content-md5-mismatch")
    assert response.headers["X-Daas-Clock-Skew"] == "0"


def test_unsigned_content_md5_is_401(application: Application, build: Builder) -> None:
    response = application.post_signed(BODY, headers={"Content-MD5": base64.b64encode(MD5.digest()).decode()})
    assert (response.status_code, reason_of(build, response)) == (401, "signature-mismatch")


def test_content_md5_can_be_required_of_application(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], require_content_md5=True)
    response = ask(application)
    assert (response.status_code, response.headers["X-Daas-Error"]) == (401, "content-md5-required")
    assert application.post_signed(BODY, md5=base64.b64encode(MD5.digest()).decode()).status_code == 403


def explanation_of(response: TestResponse) -> bytes:
    return base64.b64decode(response.headers["X-Daas-String-To-Sign"])


def test_string_to_sign_is_shown_to_application_with_flag(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], explain_401=True)
    date = now()
    response = ask(application, date=date, headers={"Authorization": f"DAAS {application.keys.public_key}:x"})
    assert explanation_of(response) == f"POST\n{date}\n{FORM}\n{MOVE}".encode()


def test_string_to_sign_is_not_shown_without_flag(application: Application) -> None:
    response = ask(application, headers={"Authorization": f"DAAS {application.keys.public_key}:x"})
    assert "X-Daas-String-To-Sign" not in response.headers


def test_string_to_sign_over_2048_characters_is_not_shown(build: Builder) -> None:
    application = build.application(mailboxes=[build.mailbox()], explain_401=True)
    spent = len(f"POST\n{now()}\n{FORM}\n{MOVE}?")
    uris = [f"{MOVE}?{'x' * (length - spent)}" for length in (2048, 2049)]
    responses = [application.post_signed("", uri=uri, headers={"Authorization": "DAAS unknown:x"}) for uri in uris]
    assert ["X-Daas-String-To-Sign" in response.headers for response in responses] == [False, False]
    wrong = {"Authorization": f"DAAS {application.keys.public_key}:x"}
    responses = [application.post_signed("", uri=uri, headers=wrong) for uri in uris]
    assert ["X-Daas-String-To-Sign" in response.headers for response in responses] == [True, False]


@pytest.fixture
def other_app(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Yield a function that makes an app over the same database with other settings."""
    made = []

    def make(**environ: Any) -> Any:
        url = settings.database_url.render_as_string(hide_password=False)
        app = create_app(load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY, **environ}))
        made.append(app)
        return Builder(app)

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def test_setting_shows_string_to_sign_to_everyone(
    other_app: Callable[..., Any],
) -> None:
    build = other_app(DAAS_EXPLAIN_401="1")
    application = build.application(mailboxes=[build.mailbox()])
    response = ask(application, headers={"Authorization": "DAAS unknown-key:x"})
    assert explanation_of(response).startswith(b"POST\n")


def test_window_of_zero_accepts_any_readable_date(other_app: Callable[..., Any]) -> None:
    build = other_app(DAAS_DATE_WINDOW_SECONDS="0")
    application = build.application(mailboxes=[build.mailbox()])
    assert ask(application, date="06/03/2013 12:13:56 EST").status_code == 200
    assert ask(application, date="06/03/2013 12:13:56").headers["X-Daas-Error"] == "date-without-zone"


def test_imported_keys_sign_as_text(build: Builder) -> None:
    from daas.signing.mechanism import KeyPair

    keys = KeyPair("an~old!public-key" + build.mailbox().name, "not/hex=at+all;but,text")
    assert ask(build.application(mailboxes=[build.mailbox()], keys=keys)).status_code == 200
