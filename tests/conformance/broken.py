"""Servers that break the contract, each by one change of ours, and the cases that must see it."""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote

from werkzeug.test import run_wsgi_app

from daas import errors
from daas.direct import api as direct_api
from daas.direct import routes, schemas
from daas.errors import (
    AuthenticationFailed,
    InvalidArguments,
    MessageNotFound,
    MissingArguments,
    UnsupportedMediaType,
    UserNotAuthorized,
)
from daas.mailboxes.models import Message
from daas.mailboxes.move_message import Move
from daas.signing import daas_scheme as direct_scheme
from daas.signing import dates
from daas.signing.content_type import media_type
from daas.signing.daas_scheme import DIRECT
from daas.signing.dates import DateUnreadable, DateWithoutZone, DateZoneUnknown, clock_skew, freshness_error, read_date
from daas.signing.mechanism import BASE64_OF_HEX, BASE64_OF_RAW, verify
from daas.storage.engine import db
from daas.web import arguments, authentication
from daas.web import lifecycle as api
from daas.web.raw_request import read_whole_body

BROKEN: dict[str, "Broken"] = {}


@dataclass(frozen=True)
class Broken:
    """A way to break the server, `change(monkeypatch, breakable)`, and the ids of the cases made for it."""

    change: Callable
    cases: tuple[str, ...]


def caught_by(*cases: str):
    def note(change):
        BROKEN[change.__name__.replace("_", " ")] = Broken(change, cases)
        return change

    return note


# What is changed: a name of a module, the scheme, or what goes in and comes out.


def api_part(patch, name, part):
    # The API is a value that cannot be changed; a server that breaks the contract has another.
    patch.setitem(vars(direct_api.DIRECT_API), name, part)


def scheme(patch, **parts):
    api_part(patch, "scheme", replace(DIRECT, **parts))


def strings(patch, change):
    """Put other strings to sign in the place of the accepted ones."""
    scheme(patch, strings_to_sign=change)


def signed_request(patch, change):
    original = direct_api.DIRECT_API.request_to_sign
    api_part(patch, "request_to_sign", lambda call: change(call, original(call)))


def environ(breakable, change):
    def around(environ, start_response):
        change(environ)
        return breakable.app(environ, start_response)

    breakable.around = around


def answer(breakable, change):
    """Change (status, headers, body) on the way out; `change` takes the environ too."""

    def around(environ, start_response):
        chunks, status, headers = run_wsgi_app(breakable.app, environ, buffered=True)
        status, body = int(status.split(" ")[0]), b"".join(chunks)
        status, body = change(environ, status, headers, body) or (status, body)
        headers["Content-Length"] = str(len(body))
        start_response(f"{status} X", list(headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    breakable.around = around


# Signatures


@caught_by("signature.hex")
def raw_signatures_alone(patch, _):
    scheme(patch, encodings=(BASE64_OF_RAW,))


@caught_by("signature.raw")
def hexadecimal_signatures_alone(patch, _):
    scheme(patch, encodings=(BASE64_OF_HEX,))


@caught_by("signature.hex-respelled", "signature.raw-respelled", "signature.hex-unpadded", "signature.raw-unpadded")
def signatures_decoded(patch, _):
    def lenient(scheme, strings_to_sign, credentials, private_key):
        for string in strings_to_sign:
            digest = hmac.digest((private_key or "x").encode(), string, hashlib.sha256)
            if base64.b64decode(credentials.signature + "==") in {digest, digest.hex().encode()}:
                return
        verify(scheme, strings_to_sign, credentials, private_key)

    patch.setattr(authentication, "verify", lenient)


@caught_by("signature.hex-upper-case", "signature.hex-alone")
def any_hexadecimal_text(patch, _):
    upper = replace(BASE64_OF_HEX, encode=lambda digest: base64.b64encode(digest.hex().upper().encode()))
    plain = replace(BASE64_OF_HEX, encode=lambda digest: digest.hex().encode())
    scheme(patch, encodings=(*DIRECT.encodings, upper, plain))


@caught_by("signature.cut", "answer.denied", "told.signature")
def signatures_not_checked(patch, _):
    patch.setattr(authentication, "verify", lambda *_: None)


@caught_by("key.upper-public")
def public_key_in_any_case(patch, _):
    original = authentication.find_candidate
    patch.setattr(authentication, "find_candidate", lambda key, service: original(key.lower(), service))


@caught_by("key.unknown")
def unknown_keys_told(patch, _):
    original = authentication.authentication_failed

    def tell(scheme, reason, headers=None):
        fault = original(scheme, reason, headers)
        if reason == "unknown-public-key":
            fault.message = "Unknown key."
        return fault

    patch.setattr(authentication, "authentication_failed", tell)


@caught_by("signature.shared")
def signatures_seen_refused(patch, breakable):
    seen = set()

    def once(environ):
        header = environ.get("HTTP_AUTHORIZATION", "")
        if environ["REQUEST_METHOD"] == "POST" and header in seen:
            environ["HTTP_AUTHORIZATION"] = ""
        seen.add(header)

    environ(breakable, once)


@caught_by("told.signature", "told.unknown-key")
def what_is_wrong_told_to_everybody(patch, breakable):
    def tell(_environ, status, headers, _body):
        if status == 401:
            headers.setdefault("X-Daas-Error", "signature-mismatch")

    answer(breakable, tell)


@caught_by("told.explained")
def another_string_explained(patch, _):
    patch.setattr(authentication, "_explain", lambda *_: {"X-Daas-String-To-Sign": "UE9TVA=="})


@caught_by("authorization.word-daas", "authorization.word-DaAs")
def the_word_in_capitals_alone(patch, breakable):
    def refuse(environ):
        if not environ.get("HTTP_AUTHORIZATION", "").strip().startswith("DAAS "):
            environ["HTTP_AUTHORIZATION"] = ""

    environ(breakable, refuse)


@caught_by("authorization.repeated", "authorization.joined", "date.header.repeated", "date.header.repeated-signed")
def the_first_of_repeated_headers(patch, breakable):
    def first(environ):
        for name in ("HTTP_AUTHORIZATION", "HTTP_DATE"):
            parts = re.split(r"(?<!Mon|Tue|Wed|Thu|Fri|Sat|Sun),", environ.get(name, ""))
            if len(parts) > 1:
                environ[name] = parts[0]

    environ(breakable, first)
    strings(
        patch,
        lambda request: [
            *DIRECT.strings_to_sign(request),
            *DIRECT.strings_to_sign(replace(request, date=f"{request.date},{request.date}")),
        ],
    )


# Strings to sign


@caught_by("string.md5-left-out", "string.md5-blank")
def a_blank_line_for_content_md5(patch, _):
    strings(patch, lambda request: DIRECT.strings_to_sign(replace(request, content_md5=request.content_md5 or "")))


@caught_by("string.md5-blank")
def a_blank_line_for_content_md5_too(patch, _):
    strings(
        patch,
        lambda request: [
            *DIRECT.strings_to_sign(request),
            *DIRECT.strings_to_sign(replace(request, content_md5=request.content_md5 or "")),
        ],
    )


@caught_by("string.md5-unsigned", "md5.unsigned", "md5.blank-unsigned")
def content_md5_not_signed(patch, _):
    strings(
        patch,
        lambda request: [
            *DIRECT.strings_to_sign(request),
            *DIRECT.strings_to_sign(replace(request, content_md5=None)),
        ],
    )
    patch.setattr(direct_api, "content_md5_matches", lambda *_: True)


@caught_by("type.boundary-last", "type.boundary-between", "type.boundary-kept-last")
def the_boundary_signed(patch, _):
    patch.setattr(direct_scheme, "without_boundary", lambda content_type: content_type)


@caught_by("type.boundary-quoted", "type.boundary-upper-case", "type.boundary-blanks-around")
def the_boundary_taken_out_carelessly(patch, _):
    patch.setattr(direct_scheme, "without_boundary", lambda text: re.sub(r"; boundary=\w+", "", text))


@caught_by("type.bare", "type.bare-blank")
def the_bare_media_type_refused(patch, _):
    strings(patch, lambda request: DIRECT.strings_to_sign(request)[:1])


@caught_by("type.other-parameter", "type.boundary-last")
def the_bare_media_type_alone(patch, _):
    strings(patch, lambda request: DIRECT.strings_to_sign(request)[-1:])


@caught_by("string.get.left-out", "string.get.blank")
def a_blank_line_for_no_content_type(patch, _):
    strings(patch, lambda request: DIRECT.strings_to_sign(replace(request, content_type=request.content_type or "")))


@caught_by("string.newline-at-end")
def a_newline_at_the_end_too(patch, _):
    strings(patch, lambda request: [s + end for s in DIRECT.strings_to_sign(request) for end in (b"", b"\n")])


@caught_by("uri.escaped", "uri.decoded")
def the_path_decoded(patch, _):
    signed_request(patch, lambda _, request: replace(request, uri=unquote(request.uri)))


@caught_by("uri.query", "uri.query-unsigned", "uri.query-empty")
def the_query_ignored(patch, _):
    signed_request(patch, lambda _, request: replace(request, uri=request.uri.partition("?")[0]))


@caught_by("uri.absolute", "uri.absolute-signed")
def the_absolute_target_signed(patch, _):
    signed_request(patch, lambda call, request: replace(request, uri=call.environ["RAW_URI"]))


@caught_by("uri.fragment", "uri.fragment-empty")
def fragments_cut_off(patch, breakable):
    environ(breakable, lambda environ: environ.update(RAW_URI=environ["RAW_URI"].partition("#")[0]))


@caught_by("path.two-slashes", "path.two-slashes-behind")
def slashes_merged(patch, breakable):
    environ(breakable, lambda environ: environ.update(RAW_URI=re.sub("(?<!:)/{2,}", "/", environ["RAW_URI"])))


@caught_by("path.answers-long-slash")
def a_slash_redirected(patch, breakable):
    def redirect(environ, status, headers, body):
        if environ["RAW_URI"].endswith("/"):
            headers["Location"] = environ["RAW_URI"].rstrip("/")
            return 308, body
        return None

    answer(breakable, redirect)


# Dates


def dates_read(patch, change):
    patch.setattr(direct_api, "read_date", change)


def freshness(patch, change):
    patch.setattr(direct_api, "freshness_error", change)


@caught_by("date.window.past", "date.window.future", "date.window.over-edge-past", "string.example")
def no_window(patch, _):
    freshness(patch, lambda *_: None)


@caught_by("date.window.future", "date.window.over-edge-future")
def a_window_into_the_past_alone(patch, _):
    freshness(
        patch, lambda date, now, window: (clock_skew(date, now) <= 0 and freshness_error(date, now, window)) or None
    )


@caught_by("date.window.edge-past", "date.window.edge-future")
def a_window_without_its_edges(patch, _):
    freshness(patch, lambda date, now, window: freshness_error(date, now, window - 1))


@caught_by("date.window.over-edge-past", "date.window.over-edge-future")
def a_window_of_a_second_more(patch, _):
    freshness(patch, lambda date, now, window: freshness_error(date, now, window + 1))


@caught_by("date.zone.EST-meant-EDT", "date.zone.PST-meant-PDT")
def the_other_half_not_named(patch, _):
    freshness(patch, lambda *asked: freshness_error(*asked) and "date-outside-window")


@caught_by("date.refused.today-time-alone")
def the_day_guessed(patch, _):
    def guess(text):
        return read_date(time.strftime("%m/%d/%Y ", time.gmtime()) + text if re.match(r"\d\d:", text) else text)

    dates_read(patch, guess)


@caught_by("date.refused.today-no-seconds")
def the_seconds_guessed(patch, _):
    dates_read(patch, lambda text: read_date(re.sub(r"(?<![:\d])(\d\d:\d\d)(?!:)(?= )", r"\1:00", text)))


@caught_by("date.refused.no-zone-documented", "date.refused.no-zone-rfc3339")
def the_zone_guessed(patch, _):
    def guess(text):
        try:
            return read_date(text)
        except DateWithoutZone:
            return read_date(f"{text}Z" if "T" in text else f"{text} UTC")

    dates_read(patch, guess)


@caught_by("date.read.moment-month-first")
def the_day_first(patch, _):
    dates_read(patch, lambda text: read_date(re.sub(r"^(\d\d)/(0\d|1[0-2])/", r"\2/\1/", text)))


@caught_by("date.zone.EST-in-June", "date.zone.PST-in-June")
def daylight_saving_time_by_the_calendar(patch, _):
    def adjust(text):
        date = read_date(text)
        summer = 4 <= time.gmtime(date.timestamp).tm_mon <= 10 and (date.zone_name or "").endswith("ST")
        return replace(date, timestamp=date.timestamp - 3600) if summer else date

    dates_read(patch, adjust)


@caught_by("date.zone.GMT+0100", "date.zone.UTC-05:00", "date.read.javascript", "date.read.moment-javascript")
def offsets_behind_gmt_backwards(patch, _):
    original = dates._read_zone

    def backwards(zone):
        name, offset = original(zone)
        return name, -offset if re.match("(GMT|UTC).", zone) else offset

    patch.setattr(dates, "_read_zone", backwards)


@caught_by("date.zone.EST", "date.zone.HADT", "date.zone.AKDT")
def abbreviations_ignored(patch, _):
    dates_read(patch, lambda text: read_date(re.sub(r" [A-Z]{3,4}$", " UTC", text)))


@caught_by("date.zone.est", "date.zone.Pdt")
def abbreviations_in_capitals_alone(patch, _):
    def strict(text):
        if re.search(" [A-Z]?[a-z]{2,3}$", text):
            raise DateUnreadable(text)
        return read_date(text)

    dates_read(patch, strict)


@caught_by("date.read.rfc850", "date.read.asctime", "date.read.unix", "date.read.java", "date.read.moment-rfc850")
def few_forms_of_dates(patch, _):
    def strict(text):
        if not re.match(r"\d\d/|\w{3}, |\d{4}-", text):
            raise DateUnreadable(text)
        return read_date(text)

    dates_read(patch, strict)


@caught_by("date.read.unix-milliseconds", "date.read.moment-unix-milliseconds")
def milliseconds_unread(patch, _):
    dates_read(patch, lambda text: read_date("" if re.fullmatch(r"\d{13}", text) else text))


@caught_by("date.refused.half-day-13", "date.read.moment-half-day-evening")
def half_days_ignored(patch, _):
    dates_read(patch, lambda text: read_date(re.sub("(?i) [ap]m(?= )", "", text)))


@caught_by("date.refused.unknown-zone-CEST", "date.refused.unknown-zone-java")
def unknown_zones_unreadable(patch, _):
    def strict(text):
        try:
            return read_date(text)
        except DateZoneUnknown as error:
            raise DateUnreadable(text) from error

    dates_read(patch, strict)


@caught_by("date.header.signed-as-utf-8")
def dates_signed_as_sent_alone(patch, _):
    strings(patch, lambda request: [text for text in DIRECT.strings_to_sign(request) if not re.search(rb"\xc3", text)])


@caught_by("date.header.both", "date.header.both-unread")
def date_before_x_daas_date(patch, _):
    signed_request(patch, lambda call, request: replace(request, date=call.header("HTTP_DATE") or request.date))


@caught_by("date.header.both-unreadable")
def an_unreadable_x_daas_date_ignored(patch, _):
    def ignore(call, request):
        try:
            read_date(request.date or "")
        except DateUnreadable:
            return replace(request, date=call.header("HTTP_DATE"))
        return request

    signed_request(patch, ignore)


# Content-Type, Content-MD5, bodies


@caught_by("md5.wrong", "md5.of-nothing", "md5.blank", "signature.body-covered")
def content_md5_not_compared(patch, _):
    patch.setattr(direct_api, "content_md5_matches", lambda *_: True)


@caught_by("md5.hex", "md5.hex-upper", "md5.base64-of-hex")
def content_md5_in_base64_alone(patch, _):
    patch.setattr(direct_api, "content_md5_matches", lambda header, body: header == direct_scheme.content_md5(body))


@caught_by("md5.unpadded", "md5.respelled")
def content_md5_decoded(patch, _):
    def lenient(header, body):
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        return len(header) > 20 and base64.b64decode(header.encode("latin-1", "ignore") + b"==") == digest

    patch.setattr(direct_api, "content_md5_matches", lenient)


@caught_by("md5.required")
def content_md5_required_of_nobody(patch, _):
    for name in ("find_candidate", "recall_candidate"):
        original = getattr(authentication, name)
        patch.setattr(
            authentication,
            name,
            lambda *asked, original=original: (found := original(*asked)) and replace(found, require_content_md5=False),
        )


@caught_by("content-type.missing", "string.get.post")
def no_content_type_needed(patch, _):
    api_part(patch, "header_error", lambda *_: None)
    strings(
        patch,
        lambda request: [*DIRECT.strings_to_sign(request), *DIRECT.strings_to_sign(replace(request, content_type=""))],
    )


@caught_by("content-type.other-text", "content-type.other-json-like", "answer.unsupported")
def every_type_read_as_a_form(patch, _):
    patch.setattr(
        arguments,
        "_find_reader",
        lambda text: arguments._READERS.get(media_type(text).lower(), lambda _, body: arguments.read_form(body)),
    )


@caught_by("content-type.json-upper-case")
def media_types_in_small_letters_alone(patch, _):
    def strict(text):
        if media_type(text) not in arguments._READERS:
            raise UnsupportedMediaType("strict")
        return arguments._READERS[media_type(text)]

    patch.setattr(arguments, "_find_reader", strict)


def body_read(patch, change):
    patch.setattr(api, "read_whole_body", change)


@caught_by("whole.cut", "whole.cut-id", "answer.not-whole", "order.not-whole-401")
def a_cut_body_taken(patch, _):
    body_read(patch, lambda environ, _limit: environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


@caught_by("size.larger", "size.larger-chunks", "answer.too-large")
def no_limit_of_size(patch, _):
    body_read(patch, lambda environ, limit: read_whole_body(environ, limit * 10))


@caught_by("size.largest")
def a_limit_of_a_byte_less(patch, _):
    body_read(patch, lambda environ, limit: read_whole_body(environ, limit - 1))


@caught_by("coding.content-gzip", "coding.content-x-unknown")
def content_codings_ignored(patch, breakable):
    environ(breakable, lambda environ: environ.pop("HTTP_CONTENT_ENCODING", None))


@caught_by("origin.other-served")
def every_origin_let_in(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.set("Access-Control-Allow-Origin", "*"))


@caught_by("origin.other", "origin.options")
def every_preflight_answered(patch, breakable):
    answer(
        breakable,
        lambda environ, *_: (204, b"") if environ["REQUEST_METHOD"] == "OPTIONS" else None,
    )


# Arguments


@caught_by("form.blanks-blank", "form.blanks-line-end", "multipart.blanks", "json.id-blanks", "form.blank-id")
def blanks_kept(patch, _):
    patch.setattr(arguments, "_BLANKS", "\x00")


@caught_by("form.other-blanks")
def all_blanks_of_unicode_removed(patch, _):
    original = arguments._single
    patch.setattr(arguments, "_single", lambda given: original([v.strip() if type(v) is str else v for v in given]))


@caught_by("form.query")
def arguments_of_the_query(patch, _):
    def merge(content_type, body):
        query = authentication.current_call().target.partition("?")[2]
        return arguments.by_name([*parse_qsl(query), *parse_qsl(body.decode())])

    patch.setattr(direct_api, "read_arguments", merge)


@caught_by("form.repeated-other", "form.repeated-id", "json.id-twice", "multipart.repeated")
def the_last_of_two_counts(patch, _):
    original = arguments._single
    patch.setattr(arguments, "_single", lambda given: original(given[-1:]))


@caught_by("form.names", "json.id-name-in-upper-case", "multipart.names")
def names_in_small_letters_alone(patch, _):
    def strict(pairs):
        named = {}
        for name, value in pairs:
            named.setdefault(name, []).append(value)
        return named

    patch.setattr(arguments, "by_name", strict)


@caught_by("form.not-utf-8", "form.not-utf-8-bytes", "order.400-422")
def any_bytes_in_forms(patch, _):
    patch.setattr(
        arguments,
        "read_form",
        lambda body: parse_qsl(body.decode("latin-1"), encoding="latin-1", keep_blank_values=True),
    )


@caught_by("id.leading-zero", "id.plus", "id.full-width-digits", "folder.leading-zero", "id.underscore")
def ids_read_by_int(patch, _):
    def lenient(text):
        try:
            number = int(text)
        except ValueError:
            return None
        return number if 0 < number < 2**63 else None

    patch.setattr(schemas, "read_id", lenient)


@caught_by("id.fraction", "json.id-fraction", "json.folder-fraction")
def fractions_read(patch, _):
    original = schemas.read_id
    patch.setattr(schemas, "read_id", lambda text: original(text.removesuffix(".0")))


@caught_by("json.null", "json.list", "json.more-behind", "json.form")
def broken_json_is_no_arguments(patch, _):
    original = arguments._read_json

    def lenient(body):
        try:
            return original(body)
        except errors.UnreadableBody:
            return []

    patch.setattr(arguments, "_read_json", lenient)


@caught_by("json.nan", "json.too-deep", "json.id-twice", "json.byte-order-mark")
def json_read_as_it_comes(patch, _):
    patch.setattr(
        arguments,
        "_read_json",
        lambda body: [
            (name, arguments.JsonNumber(value) if isinstance(value, int) else value)
            for name, value in json.loads(body.decode("utf-8-sig")).items()
        ],
    )


@caught_by("multipart.preamble", "multipart.epilogue", "multipart.blank-line-before")
def text_around_the_parts_taken(patch, _):
    original = arguments._read_multipart

    def lenient(body, boundary):
        start, end = body.find(b"--bound"), body.rfind(b"--bound--")
        return original(body[start : end + 9] if 0 <= start < end else body, boundary)

    patch.setattr(arguments, "_read_multipart", lenient)


@caught_by("multipart.file")
def files_taken_for_texts(patch, breakable):
    original = arguments._read_multipart
    patch.setattr(
        arguments, "_read_multipart", lambda body, boundary: original(body.replace(b'; filename="x"', b""), boundary)
    )


@caught_by("mailbox.upper-case")
def mailboxes_in_small_letters_alone(patch, _):
    original = schemas.read_mailbox_name
    patch.setattr(schemas, "read_mailbox_name", lambda text: text if original(text) else None)


@caught_by("mailbox.at", "mailbox.two-dots", "mailbox.65-characters", "answer.invalid")
def any_mailbox_taken(patch, _):
    patch.setattr(schemas, "read_mailbox_name", lambda text: text.lower()[:64].replace("\0", ""))


@caught_by("folder.Inbox-as-inbox", "folder.Archived-as-ARCHIVED")
def standard_folders_in_their_own_case_alone(patch, _):
    original = schemas.read_folder
    patch.setattr(schemas, "read_folder", lambda text: original(text) if text.istitle() or text.isdecimal() else None)


# Answers


def body_changed(breakable, status, change):
    answer(breakable, lambda _environ, found, _headers, body: (found, change(body)) if found == status else None)


@caught_by("answer.use", "answer.user", "order.403-use-user")
def the_two_403s_swapped(patch, _):
    use, user = errors.UseNotAuthorized.message, UserNotAuthorized.message
    patch.setattr(errors.UseNotAuthorized, "message", user)
    patch.setattr(UserNotAuthorized, "message", use)


@caught_by("mailbox.unknown", "answer.user")
def unknown_mailboxes_told_apart(patch, _):
    original = UserNotAuthorized.body
    patch.setattr(
        UserNotAuthorized,
        "body",
        lambda self, id_: {
            **original(self, id_),
            **({"message": "No mailbox"} if self.reason == "mailbox-unknown" else {}),
        },
    )


@caught_by("mailbox.suspended")
def suspended_mailboxes_told_apart(patch, _):
    original = UserNotAuthorized.body
    patch.setattr(
        UserNotAuthorized,
        "body",
        lambda self, id_: {**original(self, id_), **({"message": "Suspended"} if "suspended" in self.reason else {})},
    )


@caught_by("mailbox.other-message", "answer.no-message")
def messages_found_anywhere(patch, _):
    original = routes.move_message

    def find(*asked):
        try:
            return original(*asked)
        except MessageNotFound:
            return Move("99999999", str(asked[3]))

    patch.setattr(routes, "move_message", find)


@caught_by("answer.missing", "several.missing-two")
def keys_of_a_422_reordered(patch, _):
    def body(fault, request_id):
        return {**errors.ApiError.body(fault, request_id), "fields": fault.fields}

    patch.setattr(MissingArguments, "body", body)


@caught_by("answer.invalid")
def keys_of_the_other_422_reordered(patch, _):
    patch.setattr(InvalidArguments, "body", MissingArguments.body)


@caught_by("answer.moved")
def keys_of_a_200_reordered(patch, breakable):
    body_changed(
        breakable,
        200,
        lambda body: json.dumps(dict(reversed(json.loads(body).items())), separators=(",", ":")).encode(),
    )


@caught_by("answer.moved")
def spaces_between_the_tokens(patch, breakable):
    body_changed(breakable, 200, lambda body: json.dumps(json.loads(body)).encode())


@caught_by("answer.moved", "move.again")
def a_newline_behind_a_200(patch, breakable):
    body_changed(breakable, 200, lambda body: body + b"\n")


@caught_by("answer.moved")
def numbers_for_strings(patch, breakable):
    body_changed(breakable, 200, lambda body: re.sub(rb'"id":"(\d+)"', rb'"id":\1', body))


@caught_by("folder.Inbox-as-Inbox", "move.standard")
def folders_answered_in_small_letters(patch, breakable):
    body_changed(
        breakable, 200, lambda body: body.replace(b'"Inbox"}', b'"inbox"}') if b'"message"' not in body else body
    )


@caught_by("several.missing-two", "several.missing-all")
def fields_in_alphabetical_order(patch, _):
    patch.setattr(
        MissingArguments,
        "body",
        lambda self, id_: {"request_id": id_, "fields": sorted(self.fields), "message": self.message},
    )


@caught_by("several.invalid-two")
def sentences_joined_otherwise(patch, breakable):
    body_changed(breakable, 422, lambda body: body.replace(b"input. ", b"input, "))


@caught_by("answer.not-found", "header.type.not-found", "path.other-call")
def errors_in_html(patch, breakable):
    def html(_environ, status, headers, _body):
        if status != 404:
            return None
        headers["Content-Type"] = "text/html"
        return 404, b"<h1>Not Found</h1>"

    answer(breakable, html)


@caught_by("answer.denied")
def another_sentence_of_a_401(patch, _):
    patch.setattr(AuthenticationFailed, "message", "Access Denied.")


@caught_by("answer.denied", "authorization.missing")
def no_www_authenticate(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.remove("WWW-Authenticate"))


@caught_by("header.store.moved", "header.store.denied", "header.store.not-found")
def answers_may_be_stored(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.remove("Cache-Control"))


@caught_by("header.type.moved", "header.type.missing")
def another_content_type(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.set("Content-Type", "text/json"))


@caught_by("header.request-id.moved", "request-id.of-client")
def no_x_request_id(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.remove("X-Request-Id"))


@caught_by("request-id.of-client")
def the_clients_request_id(patch, breakable):
    def echo(environ, status, headers, body):
        if given := environ.get("HTTP_X_REQUEST_ID"):
            headers["X-Request-Id"] = given
            return status, re.sub(rb'"request_id":"\d+"', b'"request_id":"%s"' % given.encode(), body)
        return None

    answer(breakable, echo)


@caught_by("request-id.grows", "move.refused")
def one_request_id_for_all_refusals(patch, _):
    patch.setattr(api.request_log, "record_refusal", lambda *_: "1812")


@caught_by("request-id.grows")
def request_ids_that_shrink(patch, breakable):
    body_changed(
        breakable,
        422,
        lambda body: re.sub(rb'"request_id":"(\d+)"', lambda m: b'"request_id":"%d"' % (10**9 - int(m[1])), body),
    )


@caught_by("method.HEAD")
def head_answered(patch, breakable):
    answer(
        breakable,
        lambda environ, _status, _headers, _body: (200, b"") if environ["REQUEST_METHOD"] == "HEAD" else None,
    )


@caught_by("method.PUT", "answer.not-allowed")
def no_allow(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.remove("Allow"))


# Order and effects


@caught_by("order.404-401")
def authentication_before_the_path(patch, breakable):
    denied = b'{"request_id":"1","message":"Access Denied. Authentication Failed."}'
    answer(
        breakable,
        lambda environ, status, _headers, _body: (
            (401, denied) if status == 404 and "HTTP_AUTHORIZATION" not in environ else None
        ),
    )


@caught_by("order.401-415")
def the_type_before_authentication(patch, _):
    original = authentication.authenticate

    def check(call, *asked):
        if call.header("CONTENT_TYPE"):
            arguments._find_reader(call.header("CONTENT_TYPE"))
        return original(call, *asked)

    patch.setattr(authentication, "authenticate", check)


@caught_by("order.403-use-415", "order.403-use-400")
def the_body_before_the_use(patch, _):
    original = authentication._read_signed_arguments

    def check(*asked):
        read = original(*asked)
        if isinstance(read, errors.ApiError):
            raise read
        return read

    patch.setattr(authentication, "_read_signed_arguments", check)


@caught_by("order.missing-403", "order.invalid-403")
def the_mailbox_before_the_arguments(patch, _):
    original = routes.check_arguments

    def check(schema, given):
        if given.get("mailbox") == ["nobody-has-this"]:
            raise UserNotAuthorized("mailbox-unknown")
        return original(schema, given)

    patch.setattr(routes, "check_arguments", check)


@caught_by("order.missing-invalid", "several.missing-and-invalid")
def invalid_arguments_before_missing_ones(patch, _):
    original = routes.check_arguments

    def check(schema, given):
        if given.get("mailbox") == ["a@b"]:
            raise InvalidArguments(["mailbox"], ["'Mailbox' contains invalid input"])
        return original(schema, given)

    patch.setattr(routes, "check_arguments", check)


@caught_by("order.folder-message")
def the_message_before_its_folder(patch, _):
    original = routes.move_message

    def check(application, mailbox, message_id, folder, entry):
        if message_id == 2**63 - 1:
            raise MessageNotFound("message-not-found")
        return original(application, mailbox, message_id, folder, entry)

    patch.setattr(routes, "move_message", check)


@caught_by("order.401-window-md5")
def content_md5_before_the_date(patch, _):
    freshness(patch, lambda *_: None)


@caught_by("move.again")
def a_move_to_where_it_is_refused(patch, breakable):
    original, last = routes.move_message, {}

    def once(application, mailbox, message_id, folder, entry):
        if last.get(message_id) == folder:
            raise MessageNotFound("message-not-found")
        last[message_id] = folder
        return original(application, mailbox, message_id, folder, entry)

    patch.setattr(routes, "move_message", once)


@caught_by("answer.unsupported", "move.refused", "coding.content-gzip")
def moved_though_refused(patch, breakable):
    def move(_environ, status, _headers, _body):
        if status == 415:
            with breakable.app.app_context():
                message = db.session.get(Message, int(breakable.target.message))
                message.folder_id = next(id_ for id_ in map(int, breakable.target.folders) if id_ != message.folder_id)
                db.session.commit()

    answer(breakable, move)


@caught_by("answer.moved", "move.standard", "folder.Sent-as-sent")
def answered_but_not_moved(patch, _):
    patch.setattr(
        routes,
        "move_message",
        lambda _application, _mailbox, _id, folder, _entry: Move(str(time.time_ns()), str(folder)),
    )
