"""The contents of the pages, served by the app in this process."""

import base64
import json
import re
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest
from flask import Flask
from markupsafe import escape

from daas import errors
from daas.app import create_app
from daas.applications import lookup as candidates
from daas.applications import registry as applications
from daas.errors import ApiError, DatabaseUnavailable
from daas.reasons import Reason
from daas.settings import load_settings
from daas.signing import dates
from daas.signing.mechanism import KeyPair
from daas.web import cors

from ..conftest import ENCRYPTION_KEY, Clock
from ..support.actors import authorization
from ..support.servers import ROOT
from .pages import (
    AUTHENTICATION,
    CONSOLE,
    DOCUMENTATION,
    ERRORS,
    PAGES,
    REFERENCE,
    SEND_EXAMPLE,
    VECTORS,
    Document,
    without_labels,
)

POLICY = {
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
}
STATIC = "/onboarding/static/"
OPENAPI = "/openapi.json"
DOWNLOADS = (DOCUMENTATION + "examples/", DOCUMENTATION + "vectors/")
COLLECTIONS = DOCUMENTATION + "collections/"


def read(app: Flask, path: str) -> Document:
    response = app.test_client().get(path)
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    return Document(response.text)


def app_with(**environ: str) -> Flask:
    """Return an app whose database is not running."""
    nobody = "postgresql+psycopg://daas@127.0.0.1:1/daas"
    return create_app(load_settings({"DAAS_DATABASE_URL": nobody, "DAAS_ENCRYPTION_KEYS": ENCRYPTION_KEY, **environ}))


def test_root_redirects_to_documentation(app: Flask) -> None:
    response = app.test_client().get("/")
    assert (response.status_code, response.headers["Location"]) == (302, DOCUMENTATION)


def test_every_page_is_linked_from_the_first(app: Flask) -> None:
    seen, waiting = set(), ["/onboarding/documentation/"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        found = {urldefrag(urljoin(page, link)).url for link in read(app, page).links}
        waiting += (
            {link for link in found if not link.startswith((STATIC, OPENAPI, COLLECTIONS, *DOWNLOADS))}
            - seen
            - {*waiting}
        )
    assert seen == {*PAGES}


@pytest.mark.parametrize("path", PAGES)
def test_every_link_and_file_of_a_page_exists(app: Flask, path: str) -> None:
    for link in read(app, path).links:
        url, fragment = urldefrag(urljoin(path, link))
        response = app.test_client().get(url)
        assert response.status_code == 200, link
        if fragment:
            assert fragment in Document(response.text).ids, link


@pytest.mark.parametrize("path", PAGES)
def test_ids_of_a_page_are_unique(app: Flask, path: str) -> None:
    ids = read(app, path).ids
    assert len(ids) == len({*ids})


def test_console_links_to_a_section_for_every_status(app: Flask) -> None:
    script = app.test_client().get(STATIC + "console.js").text
    anchors = {*re.findall(r'\b[45][0-9]{2}: "([a-z0-9-]+)"', script)}
    assert len(anchors) == 11
    assert anchors <= {*read(app, ERRORS).ids}


@pytest.mark.parametrize("path", [*PAGES, "/", "/nothing", OPENAPI, STATIC + "style.css", STATIC + "console.js"])
def test_nothing_may_be_loaded_from_other_hosts(app: Flask, path: str) -> None:
    headers = app.test_client().get(path).headers
    # The icons of Swagger UI are data: images in its stylesheet.
    images = {"img-src 'self' data:"} if path == REFERENCE else {"img-src 'self'"}
    assert {*headers["Content-Security-Policy"].split("; ")} == POLICY | images
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_page_is_not_stored_and_has_no_inline_script_or_style(app: Flask, path: str) -> None:
    response = app.test_client().get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", response.text)


@pytest.mark.parametrize("path", PAGES)
def test_pages_work_without_database(path: str) -> None:
    read(app_with(), path)


def test_pages_show_this_servers_settings() -> None:
    app = app_with(
        DAAS_CLINICAL_DOMAIN="mail.example.net",
        DAAS_DATE_WINDOW_SECONDS="77",
        DAAS_MAX_BODY_BYTES="70001",
        DAAS_BIND="127.0.0.1:8099",
    )
    said = {path: read(app, path).text for path in PAGES}
    assert all("mail.example.net" in text and "direct.example.org." not in text for text in said.values())
    assert "77 seconds" in said[AUTHENTICATION]
    assert "more than 77 seconds" in said[ERRORS]
    assert "70,001 bytes" in said[ERRORS]
    assert "head -c 70002" in said[ERRORS]
    assert "url=http://127.0.0.1:8099\n" in said[ERRORS]


def test_pages_say_if_dates_are_not_compared() -> None:
    app = app_with(DAAS_DATE_WINDOW_SECONDS="0")
    assert "does not compare the date with its clock" in read(app, AUTHENTICATION).text
    assert "date-outside-window" not in read(app, ERRORS).ids


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "unix:/tmp/daas.sock"])
def test_examples_call_this_machine_without_demo_too(bind: str) -> None:
    assert "url=http://127.0.0.1:8000\n" in read(app_with(DAAS_BIND=bind), ERRORS).text


# 2026-01-05 has a month and a day of one digit, and .75 is a fraction of a second.
@pytest.mark.parametrize("now", [1795316402.75, 1767571445.0, 1782864000.5])
def test_every_shown_date_is_the_time_of_the_response(app: Flask, clock: Clock, now: float) -> None:
    clock.stopped = now
    shown = read(app, AUTHENTICATION).all("date")
    assert len(shown) == 10
    assert [dates.read_date(text).timestamp for text in shown] == [int(now)] * 10


def test_every_accepted_zone_is_shown(app: Flask) -> None:
    text = app.test_client().get(AUTHENTICATION).text
    paragraph = re.search(r'<p id="zones">(.*?)</p>', text, re.DOTALL)[1]
    shown = re.findall(r"<code>([A-Za-z]+)</code>", paragraph)
    assert {text.upper() for text in shown} == {*dates._ZONE_HOURS}
    for zone in re.findall(r"<code>((?:GMT)?[+-][0-9:]+|[A-Z][a-z]+ [ A-Za-z]+)</code>", paragraph):
        dates.read_date(f"06/03/2013 12:13:56 {zone}")


def test_example_is_signed_with_the_shown_keys(app: Flask) -> None:
    text = without_labels(app.test_client().get(AUTHENTICATION).text)
    stages = dict(re.findall(r'<th scope="row">([^\n]*?)</th><td><code>([^\n]*?)</code>', text))
    public_key, private_key = stages["public key"], stages["private key"]
    string = stages["string to sign, written as one line"]
    method, date, md5, content_type, uri = string.split("\\n")
    by_hand = {
        raw: authorization(
            KeyPair(public_key, private_key),
            method=method,
            date=date,
            md5=md5,
            content_type=content_type,
            uri=uri,
            raw=raw,
        )
        for raw in (False, True)
    }
    assert stages["<code>Authorization</code>"] == by_hand[False]
    assert stages["signature: base64 of the hexadecimal text"] == by_hand[False].rpartition(":")[2]
    assert stages["also accepted: base64 of the raw bytes"] == by_hand[True].rpartition(":")[2]
    hashed = base64.b64decode(by_hand[True].rpartition(":")[2]).hex()
    assert hashed in stages.values()
    assert (
        f"Authorization: {by_hand[False]}\n" in read(app, DOCUMENTATION).text
        or date not in read(app, DOCUMENTATION).all("http")[0]
    )


def test_keys_of_examples_are_not_registered(app: Flask) -> None:
    public_key = re.search(r"DAAS ([0-9a-f]{64}):", read(app, DOCUMENTATION).all("http")[0])[1]
    with app.app_context():
        assert candidates.find_caller(public_key, "direct/folders") is None


@pytest.mark.parametrize("service", applications.SERVICES)
def test_every_service_is_on_the_first_page(app: Flask, service: str) -> None:
    text = app.test_client().get(DOCUMENTATION).text
    assert f"<code>{service}</code>" in text


@pytest.mark.parametrize(
    "error",
    [error for error in ApiError.__subclasses__() if error.__module__ == errors.__name__],
    ids=lambda error: error.__name__,
)
def test_every_status_and_message_is_on_the_errors_page(app: Flask, error: type[Any]) -> None:
    document = read(app, ERRORS)
    message = error.message or (errors.message_of(error.status) if error.status != 422 else "is a required field.")
    stands = [
        section
        for section in document.sections()
        if section.get("status") == str(error.status) and message in section.get("json", "")
    ]
    assert stands != []


@pytest.mark.parametrize(
    "header", [*cors._RESPONSE_HEADERS.split(", "), *cors._ANNOUNCEMENTS, "WWW-Authenticate", "Allow"]
)
def test_every_header_with_details_is_documented(app: Flask, header: str) -> None:
    assert header in read(app, ERRORS).text + read(app, DOCUMENTATION).text


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_errors_page_explains_each_reason_of_the_log(app: Flask, reason: Reason) -> None:
    assert reason.meaning
    row = f'<tr><th scope="row"><code>{reason}</code></th><td>{escape(reason.meaning)}</td></tr>'
    assert row in without_labels(app.test_client().get(ERRORS).text)


# Files


FILES = {
    f"{DOCUMENTATION}{name}/{path.name}": path
    for name, folder in [("examples", ROOT / "examples"), ("vectors", ROOT / "daas" / "signing" / "vectors")]
    for path in folder.iterdir()
    if path.is_file() and path.name != "__init__.py"
}


@pytest.mark.parametrize("address", FILES)
def test_file_is_downloaded_unchanged(app: Flask, address: str) -> None:
    response = app.test_client().get(address)
    kind = "application/json" if address.endswith(".json") else "text/plain; charset=utf-8"
    assert (response.status_code, response.content_type, response.data) == (200, kind, FILES[address].read_bytes())


def test_every_file_is_offered(app: Flask) -> None:
    links = [link for page in (VECTORS, SEND_EXAMPLE, DOCUMENTATION + "read_message") for link in read(app, page).links]
    assert {link for link in links if link.startswith(DOWNLOADS)} == {*FILES}


def test_every_vector_and_field_is_on_its_page(app: Flask) -> None:
    document = read(app, VECTORS)
    by_file = {path.name: json.loads(path.read_text()) for path in FILES.values() if path.suffix == ".json"}
    fields = by_file.pop("vectors.schema.json")["items"]["properties"]
    assert [json.loads(text) for text in document.all("vector")] == [by_file[name][0] for name in sorted(by_file)]
    for name, vectors in by_file.items():
        mistakes = [vector for vector in vectors if "mistake" in vector]
        assert f"{name}: {len(vectors) - len(mistakes)} to accept, {len(mistakes)} to reject" in document.text
        assert all(vector["name"] in document.text for vector in vectors)
        assert all(vector["mistake"] in document.text for vector in mistakes)
        assert {field for vector in vectors for field in vector} <= {*fields}
    assert all(field["description"] in document.text for field in fields.values())


# Errors of pages


@pytest.mark.parametrize("path", ["/nothing", "/onboarding", "/onboarding/documentation/nothing", STATIC + "x.css"])
def test_missing_page_links_to_documentation(app: Flask, path: str) -> None:
    response = app.test_client().get(path)
    assert (response.status_code, response.content_type) == (404, "text/html; charset=utf-8")
    document = Document(response.text)
    assert f"Nothing is served at {path}." in document.text
    assert {DOCUMENTATION, ERRORS} <= {*document.links}


def test_requested_path_is_shown_as_text(app: Flask) -> None:
    response = app.test_client().get("/<script>alert(1)</script>")
    assert response.status_code == 404
    assert "<script>" not in response.text


@pytest.mark.parametrize(
    "name", ["routes.py", "..", "..%2froutes.py", "%2e%2e%2froutes.py", "x\0y", "static", "__init__.py"]
)
@pytest.mark.parametrize("folder", [STATIC, *DOWNLOADS])
def test_only_files_of_pages_are_sent(app: Flask, folder: str, name: str) -> None:
    assert app.test_client().get(folder + name).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", DOCUMENTATION, ERRORS, CONSOLE, STATIC + "style.css"])
def test_page_allows_only_get(app: Flask, path: str, method: str) -> None:
    response = app.test_client().open(path, method=method, data=b"x")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert f"A {method} was sent to it" in response.text


@pytest.mark.parametrize("path", PAGES)
def test_page_allows_head(app: Flask, path: str) -> None:
    response = app.test_client().head(path)
    assert (response.status_code, response.data) == (200, b"")


def test_unchanged_file_is_304(app: Flask) -> None:
    client = app.test_client()
    first = client.get(STATIC + "style.css")
    again = client.get(STATIC + "style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_invalid_range_is_no_error(app: Flask) -> None:
    response = app.test_client().get(STATIC + "style.css", headers={"Range": "bytes=999999-"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (ZeroDivisionError("secret"), 500, "A defect of this server"),
        (DatabaseUnavailable(), 503, "The database is unavailable"),
    ],
)
def test_failing_page_shows_only_an_error(
    raised: ZeroDivisionError | DatabaseUnavailable, status: int, said: str
) -> None:
    app = app_with()

    def fail() -> str:
        raise raised

    app.add_url_rule("/broken", view_func=fail)
    response = app.test_client().get("/broken")
    assert (response.status_code, response.content_type) == (status, "text/html; charset=utf-8")
    assert said in response.text
    assert "secret" not in response.text
    assert ("Retry-After" in response.headers) == (status == 503)
