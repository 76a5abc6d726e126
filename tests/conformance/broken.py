"""Servers that violate the contract of Direct messages, each in one way, with the cases that must fail."""

import base64
import binascii
import hashlib
import json
import re
import time
from contextlib import suppress
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qsl, unquote

from werkzeug.test import EnvironBuilder

from .broken_server import FORM, Answer, BrokenServers, DirectRequest, Serve, compact

BROKEN = BrokenServers(DirectRequest)
before, after, around = BROKEN.before, BROKEN.after, BROKEN.around

NOBODY, NO_ID = "nobody-has-this", str(2**63 - 1)
USE, USER = "Access Denied. Use Not Authorized.", "Access Denied. User Not Authorized."
KNOWN_TYPES = {FORM, "application/json", "multipart/form-data"}
STANDARD = ("Inbox", "Sent", "Archived", "Draft")


def accept_only(request: DirectRequest, strings: list[str]) -> None:
    """Accept only a signature of these strings, instead of the documented ones."""
    if request.is_signed_for(strings):
        request.sign()
    else:
        request.deny()


def accept_too(request: DirectRequest, strings: list[str]) -> None:
    """Accept a signature of these strings too."""
    if request.is_signed_for(strings):
        request.sign()


# Signatures


@before("signature.hex")
def only_raw_signatures(request: DirectRequest) -> None:
    if len(request.signature) == 88:
        request.deny()


@before("signature.raw")
def only_hexadecimal_signatures(request: DirectRequest) -> None:
    if len(request.signature) == 44:
        request.deny()


@before("signature.hex-respelled", "signature.raw-respelled", "signature.hex-unpadded", "signature.raw-unpadded")
def signatures_decoded(request: DirectRequest) -> None:
    with suppress(binascii.Error):
        decoded = base64.b64decode(request.signature + "==")
        if any(decoded in {digest, digest.hex().encode()} for digest in request.hashes(request.strings())):
            request.sign()


@before("signature.hex-upper-case", "signature.hex-alone")
def any_hexadecimal_text(request: DirectRequest) -> None:
    texts = [digest.hex() for digest in request.hashes(request.strings())]
    if request.signature in {*texts, *(base64.b64encode(text.upper().encode()).decode() for text in texts)}:
        request.sign()


@before("signature.cut", "answer.denied", "told.signature")
def signatures_not_checked(request: DirectRequest) -> None:
    request.sign()


@before("key.upper-public")
def public_key_in_any_case(request: DirectRequest) -> None:
    request["HTTP_AUTHORIZATION"] = f"DAAS {request.public_key.lower()}:{request.signature}"


@after("key.unknown")
def unknown_keys_reported(request: DirectRequest, response: Answer) -> None:
    if response.status == 401 and request.keys is None:
        response.become(401, message="Unknown key.")


@before("signature.shared")
def repeated_signatures_rejected(request: DirectRequest) -> None:
    if request.method == "POST" and request.signature in request.memory:
        request.deny()
    request.memory[request.signature] = True


@after("told.signature", "told.unknown-key")
def errors_explained_to_everybody(_: DirectRequest, response: Answer) -> None:
    if response.status == 401:
        response.headers.setdefault("X-Daas-Error", "signature-mismatch")


@after("told.explained")
def another_string_explained(_: DirectRequest, response: Answer) -> None:
    if "X-Daas-String-To-Sign" in response.headers:
        response.headers["X-Daas-String-To-Sign"] = "UE9TVA=="


@before("authorization.word-daas", "authorization.word-DaAs")
def only_the_word_in_capitals(request: DirectRequest) -> None:
    if not (request["HTTP_AUTHORIZATION"] or "").strip().startswith("DAAS "):
        request.deny()


@before("authorization.repeated", "authorization.joined", "date.header.repeated", "date.header.repeated-signed")
def the_first_of_repeated_headers(request: DirectRequest) -> None:
    for name in ("HTTP_AUTHORIZATION", "HTTP_DATE"):
        request[name] = re.split(r"(?<!Mon|Tue|Wed|Thu|Fri|Sat|Sun),", request[name] or "")[0]
    accept_too(request, request.strings(date=f"{request.date},{request.date}"))


# Strings to sign


@before("string.md5-left-out", "string.md5-blank")
def an_empty_line_for_content_md5(request: DirectRequest) -> None:
    accept_only(request, request.strings(md5=request["HTTP_CONTENT_MD5"] or ""))


@before("string.md5-blank")
def an_empty_line_for_content_md5_too(request: DirectRequest) -> None:
    accept_too(request, request.strings(md5=request["HTTP_CONTENT_MD5"] or ""))


@before("string.md5-unsigned", "md5.unsigned", "md5.blank-unsigned")
def content_md5_not_signed(request: DirectRequest) -> None:
    if request.is_signed_for(request.strings(md5=None)):
        request["HTTP_CONTENT_MD5"] = None
        request.sign()


@before("type.boundary-last", "type.boundary-between", "type.boundary-kept-last")
def the_boundary_signed(request: DirectRequest) -> None:
    accept_only(request, request.strings(content_type=request["CONTENT_TYPE"]))


@before("type.boundary-quoted", "type.boundary-upper-case", "type.boundary-blanks-around")
def the_boundary_taken_out_carelessly(request: DirectRequest) -> None:
    accept_only(request, request.strings(content_type=re.sub(r"; boundary=\w+", "", request["CONTENT_TYPE"] or "")))


@before("type.bare", "type.bare-blank")
def the_bare_media_type_rejected(request: DirectRequest) -> None:
    accept_only(request, request.strings()[:1])


@before("type.other-parameter", "type.boundary-last")
def only_the_bare_media_type(request: DirectRequest) -> None:
    accept_only(request, request.strings()[1:])


@before("string.get.left-out", "string.get.blank")
def an_empty_line_for_no_content_type(request: DirectRequest) -> None:
    accept_only(request, request.strings(content_type=request.documented_type or ""))


@before("string.newline-at-end")
def a_newline_at_the_end_too(request: DirectRequest) -> None:
    accept_too(request, [f"{string}\n" for string in request.strings()])


@before("uri.escaped", "uri.decoded")
def the_path_decoded(request: DirectRequest) -> None:
    accept_only(request, request.strings(uri=unquote(request.target)))


@before("uri.query", "uri.query-unsigned", "uri.query-empty")
def the_query_ignored(request: DirectRequest) -> None:
    accept_only(request, request.strings(uri=request.path))


@before("uri.absolute", "uri.absolute-signed")
def the_absolute_target_signed(request: DirectRequest) -> None:
    accept_only(request, request.strings(uri=request.target))


def change_target(request: DirectRequest, pattern: str, replacement: str) -> None:
    strings = request.strings()
    request.target = re.sub(pattern, replacement, request.target)
    accept_too(request, strings)


@before("uri.fragment", "uri.fragment-empty")
def fragments_cut_off(request: DirectRequest) -> None:
    change_target(request, "#.*", "")


@before("path.two-slashes", "path.two-slashes-behind")
def slashes_merged(request: DirectRequest) -> None:
    change_target(request, "(?<!:)/{2,}", "/")


@after("path.answers-long-slash")
def a_slash_redirected(request: DirectRequest, response: Answer) -> None:
    if request.target.endswith("/"):
        response.status, response.headers["Location"] = 308, request.target.rstrip("/")


# Dates


def ahead(request: DirectRequest) -> float:
    """Return how many seconds the date is ahead of now; accepts only the format that the kit writes by default."""
    return round(parsedate_to_datetime(request.date).replace(tzinfo=UTC).timestamp() - int(time.time()))


@before("date.window.past", "date.window.future", "date.window.over-edge-past", "string.example")
def no_window(request: DirectRequest) -> None:
    if request["HTTP_CONTENT_MD5"] is not None:  # The document's example has the Content-MD5 of another body.
        request.set_md5(request.right_md5)
    request.set_date(formatdate(usegmt=True))


@before("date.window.future", "date.window.over-edge-future")
def a_window_only_into_the_past(request: DirectRequest) -> None:
    if ahead(request) > 0:
        request.set_date(formatdate(usegmt=True))


@before("date.window.edge-past", "date.window.edge-future")
def a_window_without_its_edges(request: DirectRequest) -> None:
    if abs(ahead(request)) >= request.known.window:
        request.deny()


@before("date.window.over-edge-past", "date.window.over-edge-future")
def a_window_of_a_second_more(request: DirectRequest) -> None:
    if abs(ahead(request)) <= request.known.window + 1:
        request.set_date(formatdate(usegmt=True))


@after("date.zone.EST-meant-EDT", "date.zone.PST-meant-PDT")
def the_other_half_not_named(_: DirectRequest, response: Answer) -> None:
    if response.headers.get("X-Daas-Error") == "date-zone-name":
        response.headers["X-Daas-Error"] = "date-outside-window"


@before("date.refused.today-time-alone")
def the_day_guessed(request: DirectRequest) -> None:
    request.set_date(re.sub(r"^(?=\d\d:)", time.strftime("%m/%d/%Y ", time.gmtime()), request.date))


@before("date.refused.today-no-seconds")
def the_seconds_guessed(request: DirectRequest) -> None:
    request.set_date(re.sub(r"(?<![:\d])(\d\d:\d\d)(?!:)(?= )", r"\1:00", request.date))


@before("date.refused.no-zone-documented", "date.refused.no-zone-rfc3339")
def the_zone_guessed(request: DirectRequest) -> None:
    request.set_date(re.sub(r"([ T])(\d\d:\d\d:\d\d)$", r"\1\2Z", request.date.replace("Z", "")))


@before("date.read.moment-month-first")
def the_day_first(request: DirectRequest) -> None:
    request.set_date(re.sub(r"^(\d\d)/(0\d|1[0-2])/", r"\2/\1/", request.date))


@before("date.zone.EST-in-June", "date.zone.PST-in-June")
def daylight_saving_time_by_the_calendar(request: DirectRequest) -> None:
    request.set_date(re.sub(r"^(0[4-9]/.*|10/.*) ([A-Z])ST$", r"\1 \2DT", request.date))


@before("date.zone.GMT+0100", "date.zone.UTC-05:00", "date.read.javascript", "date.read.moment-javascript")
def offsets_after_gmt_reversed(request: DirectRequest) -> None:
    backwards = {"+": "-", "-": "+"}
    request.set_date(
        re.sub(r"(GMT|UTC)([+-])(?=\d)", lambda match: match[1] + backwards[match[2]], request.date, count=1)
    )


@before("date.zone.EST", "date.zone.HADT", "date.zone.AKDT")
def abbreviations_ignored(request: DirectRequest) -> None:
    request.set_date(re.sub(r" [A-Z]{3,4}$", " UTC", request.date))


@before("date.zone.est", "date.zone.Pdt")
def only_abbreviations_in_capitals(request: DirectRequest) -> None:
    if re.search(" [A-Z]?[a-z]{2,3}$", request.date):
        request.deny()


@before("date.read.rfc850", "date.read.asctime", "date.read.unix", "date.read.java", "date.read.moment-rfc850")
def few_forms_of_dates(request: DirectRequest) -> None:
    if not re.match(r"\d\d/|\w{3}, |\d{4}-", request.date):
        request.deny()


@before("date.read.unix-milliseconds", "date.read.moment-unix-milliseconds")
def milliseconds_unread(request: DirectRequest) -> None:
    if re.fullmatch(r"\d{13}", request.date):
        request.deny()


@before("date.refused.half-day-13", "date.read.moment-half-day-evening")
def half_days_ignored(request: DirectRequest) -> None:
    request.set_date(re.sub("(?i) [ap]m(?= )", "", request.date))


@after("date.refused.unknown-zone-CEST", "date.refused.unknown-zone-java")
def unknown_zones_unreadable(_: DirectRequest, response: Answer) -> None:
    if response.headers.get("X-Daas-Error") == "date-zone-unknown":
        response.headers["X-Daas-Error"] = "date-unreadable"


@before("date.header.signed-as-utf-8")
def only_dates_signed_as_sent(request: DirectRequest) -> None:
    if not request.is_well_signed:
        request.deny()


@before("date.refused.unix-12-digits")
def any_number_of_seconds(request: DirectRequest) -> None:
    request.set_date(re.sub(r"^(\d{10})\d\d$", r"\1", request.date))


@before("date.header.both", "date.header.both-unread")
def date_before_x_daas_date(request: DirectRequest) -> None:
    if request["HTTP_DATE"] is not None:
        request["HTTP_X_DAAS_DATE"] = None


@before("date.header.both-unreadable")
def an_unreadable_x_daas_date_ignored(request: DirectRequest) -> None:
    if request["HTTP_DATE"] is not None and not re.search(r"\d", request.date):
        strings = request.strings()
        request["HTTP_X_DAAS_DATE"] = None
        accept_too(request, strings)


# Content-Type, Content-MD5, bodies


@before("md5.wrong", "md5.of-nothing", "md5.blank", "signature.body-covered")
def content_md5_not_compared(request: DirectRequest) -> None:
    if request["HTTP_CONTENT_MD5"] is not None:
        request.set_md5(request.right_md5)


@before("md5.hex", "md5.hex-upper", "md5.base64-of-hex")
def only_content_md5_in_base64(request: DirectRequest) -> None:
    if request["HTTP_CONTENT_MD5"] not in {None, request.right_md5}:
        request.set_md5("AAAA")


@before("md5.unpadded", "md5.respelled")
def content_md5_decoded(request: DirectRequest) -> None:
    with suppress(binascii.Error):
        digest = hashlib.md5(request.body, usedforsecurity=False).digest()
        if base64.b64decode((request["HTTP_CONTENT_MD5"] or "") + "==") == digest:
            request.set_md5(request.right_md5)


@before("md5.required")
def content_md5_required_of_nobody(request: DirectRequest) -> None:
    request.set_md5(request["HTTP_CONTENT_MD5"] or request.right_md5)


@before("content-type.missing", "string.get.post")
def no_content_type_needed(request: DirectRequest) -> None:
    if request.is_well_signed and request.method == "POST" and not request.documented_type:
        request["CONTENT_TYPE"] = FORM
        request.sign()


@before("content-type.other-text", "content-type.other-json-like", "answer.unsupported")
def every_type_read_as_a_form(request: DirectRequest) -> None:
    if request.media_type.lower() not in KNOWN_TYPES:
        request.set_type(FORM)


@before("content-type.json-upper-case")
def only_media_types_in_lower_case(request: DirectRequest) -> None:
    if request.media_type not in KNOWN_TYPES:
        request.set_type("text/plain")


@before("whole.cut", "whole.cut-id", "answer.not-whole", "order.not-whole-401")
def a_cut_body_taken(request: DirectRequest) -> None:
    request["CONTENT_LENGTH"] = str(len(request.body))


@before("size.larger", "size.larger-chunks", "answer.too-large")
def no_limit_of_size(request: DirectRequest) -> None:
    if len(request.body) > request.known.max_body_bytes:
        request.body = request.body.rstrip(b"&")


@before("size.largest")
def a_limit_of_a_byte_less(request: DirectRequest) -> None:
    if len(request.body) == request.known.max_body_bytes:
        request.body += b"&"


@before("coding.content-gzip", "coding.content-x-unknown")
def content_codings_ignored(request: DirectRequest) -> None:
    request["HTTP_CONTENT_ENCODING"] = None


@after("origin.other-served")
def every_origin_let_in(_: DirectRequest, response: Answer) -> None:
    response.headers["Access-Control-Allow-Origin"] = "*"


@after("origin.other", "origin.options")
def every_preflight_allowed(request: DirectRequest, response: Answer) -> None:
    if request.method == "OPTIONS":
        response.status, response.body = 204, b""


# Arguments


@before("form.blanks-blank", "form.blanks-line-end", "multipart.blanks", "json.id-blanks", "form.blank-id")
def spaces_kept(request: DirectRequest) -> None:
    request.change_values(lambda _, value: re.sub(r"[ \t\r\n]", "\xa0", value))


@before("form.other-blanks")
def all_spaces_of_unicode_removed(request: DirectRequest) -> None:
    request.change_values(lambda _, value: value.strip())


@before("form.query")
def arguments_of_the_query(request: DirectRequest) -> None:
    if query := parse_qsl(request.target.partition("?")[2]):
        request.set_pairs([*query, *request.pairs])


@before("form.repeated-other", "form.repeated-id", "json.id-twice", "multipart.repeated")
def the_last_of_two_counts(request: DirectRequest) -> None:
    last = {name.lower(): value for name, value in request.pairs}
    if len(last) < len(request.pairs):
        request.set_pairs([*last.items()])


@before("form.names", "json.id-name-in-upper-case", "multipart.names")
def only_names_in_lower_case(request: DirectRequest) -> None:
    request.set_pairs([(name, value) for name, value in request.pairs if name.islower()])


@before("form.not-utf-8", "form.not-utf-8-bytes", "order.400-422")
def any_bytes_in_forms(request: DirectRequest) -> None:
    request.set_pairs(parse_qsl(request.body.decode("latin-1"), encoding="latin-1", keep_blank_values=True))


@before("id.leading-zero", "id.plus", "id.full-width-digits", "folder.leading-zero", "id.underscore")
def ids_read_by_int(request: DirectRequest) -> None:
    def read(_: str, value: str) -> str:
        with suppress(ValueError):
            return str(int(value))
        return value

    request.change_values(read)


@before("id.fraction", "json.id-fraction", "json.folder-fraction")
def fractions_read(request: DirectRequest) -> None:
    request.change_values(lambda _, value: value.removesuffix(".0"))


@before("json.null", "json.list", "json.more-behind", "json.form")
def broken_json_is_no_arguments(request: DirectRequest) -> None:
    try:
        assert isinstance(json.loads(request.body), dict)
    except (ValueError, AssertionError):
        request.set_pairs([])


@before("json.nan", "json.too-deep", "json.id-twice")
def json_read_as_it_comes(request: DirectRequest) -> None:
    read = json.loads(request.body)
    request.set_pairs([(name, str(value)) for name, value in read.items() if isinstance(value, str | int)])


@before("multipart.preamble", "multipart.epilogue", "multipart.line-feed-before")
def text_around_the_parts_taken(request: DirectRequest) -> None:
    start, end = request.body.find(b"--bound"), request.body.rfind(b"--bound--")
    if 0 <= start < end:
        request.body = request.body[start : end + 9]


@before("multipart.line-before", "multipart.line-behind")
def lines_around_the_parts_rejected(request: DirectRequest) -> None:
    if request.body.startswith(b"\r\n--bound") or request.body.endswith(b"--bound--\r\n\r\n"):
        request.body = b""


@before("multipart.line-feeds", "multipart.line-feed-ends-delimiter", "multipart.line-feed-before-delimiter")
def line_feeds_taken_for_line_ends(request: DirectRequest) -> None:
    if b"--bound" in request.body:
        request.body = re.sub(rb"\r?\n", b"\r\n", request.body)


@before("multipart.two-names", "multipart.name-and-encoded-name")
def the_first_of_two_names(request: DirectRequest) -> None:
    request.body = re.sub(rb'(name="id"); name[^\r]*', rb"\1", request.body)


@before("form.byte-order-mark", "json.byte-order-mark")
def a_byte_order_mark_is_part_of_the_body(request: DirectRequest) -> None:
    if request.body.startswith(b"\xef\xbb\xbf"):
        request.body = b""


@after("content-type.missing", "content-type.blank")
def a_missing_content_type_is_not_named(_: DirectRequest, response: Answer) -> None:
    if response.headers.get("X-Daas-Error") == "content-type-missing":
        del response.headers["X-Daas-Error"]


@after("answer.unreadable", "answer.unsupported", "json.too-deep", "multipart.preamble", "form.not-utf-8")
def a_malformed_body_is_not_explained(_: DirectRequest, response: Answer) -> None:
    if response.status in {400, 415}:
        response.headers.pop("X-Daas-Error", None)


@before("date.header.signed-as-utf-8")
def dates_signed_as_they_are_sent(request: DirectRequest) -> None:
    accept_only(request, request.strings())


@before("authorization.tab", "authorization.tabs-and-spaces")
def only_spaces_after_the_word(request: DirectRequest) -> None:
    if "\t" in (request["HTTP_AUTHORIZATION"] or "").strip():
        request.deny()


@before("multipart.file")
def files_taken_for_texts(request: DirectRequest) -> None:
    request.body = request.body.replace(b'; filename="x"', b"")


@before("mailbox.upper-case")
def only_mailboxes_in_lower_case(request: DirectRequest) -> None:
    request.change_values(lambda name, value: NOBODY if name == "mailbox" and value != value.lower() else value)


@before("mailbox.at", "mailbox.two-dots", "mailbox.65-characters", "answer.invalid")
def any_mailbox_taken(request: DirectRequest) -> None:
    request.change_values(
        lambda name, value: NOBODY if name == "mailbox" and value.lower() != request.known.mailbox.lower() else value
    )


@before("folder.Inbox-as-inbox", "folder.Archived-as-ARCHIVED")
def only_standard_folders_in_their_own_case(request: DirectRequest) -> None:
    request.change_values(
        lambda _, value: "Trash" if value.capitalize() in STANDARD and value not in STANDARD else value
    )


# Responses


@after("answer.use", "answer.user", "order.403-use-user")
def the_two_403s_swapped(_: DirectRequest, response: Answer) -> None:
    if response.status == 403:
        response.become(403, message=USE if response.json["message"] == USER else USER)


@after("mailbox.unknown", "answer.user")
def unknown_mailboxes_distinguishable(request: DirectRequest, response: Answer) -> None:
    if response.status == 403 and request.argument("mailbox") == NOBODY:
        response.become(403, message="No mailbox")


@after("mailbox.suspended")
def suspended_mailboxes_distinguishable(request: DirectRequest, response: Answer) -> None:
    if response.status == 403 and request.argument("mailbox") == request.known.suspended_mailbox:
        response.become(403, message="Suspended")


def arguments_of(request: DirectRequest) -> list[str]:
    """Return the arguments of a move."""
    return [request.argument(name) for name in ("mailbox", "id", "folder")]


def respond_moved(response: Answer, mailbox: str, id_: str, folder: str) -> None:
    """Respond as if a message had been moved."""
    understood = folder.capitalize() if folder.capitalize() in STANDARD else folder
    response.become(200, mailbox=mailbox.lower(), id=id_, folder=understood)


@after("mailbox.other-message", "answer.no-message")
def messages_found_anywhere(request: DirectRequest, response: Answer) -> None:
    if b"Message not found" in response.body:
        respond_moved(response, *arguments_of(request))


@after("answer.missing", "several.missing-two")
def keys_of_a_422_reordered(_: DirectRequest, response: Answer) -> None:
    if response.status == 422 and b"required" in response.body:
        response.become(422, message=response.json["message"], fields=response.json["fields"])


@after("answer.invalid")
def keys_of_the_other_422_reordered(_: DirectRequest, response: Answer) -> None:
    if response.status == 422 and b"invalid" in response.body:
        response.become(422, fields=response.json["fields"], message=response.json["message"])


@after("answer.moved")
def keys_of_a_200_reordered(_: DirectRequest, response: Answer) -> None:
    if response.status == 200:
        response.body = compact(dict(reversed(response.json.items())))


@after("answer.moved")
def spaces_between_the_tokens(_: DirectRequest, response: Answer) -> None:
    if response.status == 200:
        response.body = json.dumps(response.json).encode()


@after("answer.moved", "move.again")
def a_newline_after_a_200(_: DirectRequest, response: Answer) -> None:
    if response.status == 200:
        response.body += b"\n"


@after("answer.moved")
def numbers_for_strings(_: DirectRequest, response: Answer) -> None:
    response.body = re.sub(rb'"id":"(\d+)"', rb'"id":\1', response.body)


@after("folder.Inbox-as-Inbox", "move.standard")
def folders_returned_in_lower_case(request: DirectRequest, response: Answer) -> None:
    if request.method == "POST":
        response.body = response.body.replace(b'"Inbox"}', b'"inbox"}')


@after("several.missing-two", "several.missing-all")
def fields_in_alphabetical_order(_: DirectRequest, response: Answer) -> None:
    if b"required" in response.body:
        response.body = compact({**response.json, "fields": sorted(response.json["fields"])})


@after("several.invalid-two")
def sentences_joined_otherwise(_: DirectRequest, response: Answer) -> None:
    response.body = response.body.replace(b"input. ", b"input, ")


@after("answer.not-found", "header.type.not-found", "path.other-call")
def errors_in_html(_: DirectRequest, response: Answer) -> None:
    if response.status == 404:
        response.headers["Content-Type"], response.body = "text/html", b"<h1>Not Found</h1>"


@after("answer.denied")
def another_sentence_of_a_401(_: DirectRequest, response: Answer) -> None:
    if response.status == 401:
        response.become(401, message="Access Denied.")


@after("answer.denied", "authorization.missing")
def no_www_authenticate(_: DirectRequest, response: Answer) -> None:
    response.headers.remove("WWW-Authenticate")


@after("header.store.moved", "header.store.denied", "header.store.not-found")
def responses_may_be_stored(_: DirectRequest, response: Answer) -> None:
    response.headers.remove("Cache-Control")


@after("header.type.moved", "header.type.missing")
def another_content_type(_: DirectRequest, response: Answer) -> None:
    response.headers["Content-Type"] = "text/json"


@after("header.request-id.moved", "request-id.of-client")
def no_x_request_id(_: DirectRequest, response: Answer) -> None:
    response.headers.remove("X-Request-Id")


@after("request-id.of-client")
def the_clients_request_id(request: DirectRequest, response: Answer) -> None:
    if given := request["HTTP_X_REQUEST_ID"]:
        response.headers["X-Request-Id"] = given
        response.body = compact({**response.json, "request_id": given})


@after("request-id.grows", "move.refused")
def one_request_id_for_all_rejections(_: DirectRequest, response: Answer) -> None:
    if response.status >= 400:
        response.body = compact({**response.json, "request_id": "1812"})


@after("request-id.grows")
def request_ids_that_shrink(_: DirectRequest, response: Answer) -> None:
    if response.status == 422:
        response.body = compact({**response.json, "request_id": str(2**60 - int(response.json["request_id"]))})


@after("method.HEAD")
def head_served(request: DirectRequest, response: Answer) -> None:
    if request.method == "HEAD":
        response.status = 200


@after("method.PUT", "answer.not-allowed")
def no_allow(_: DirectRequest, response: Answer) -> None:
    response.headers.remove("Allow")


# Order and effects


@after("order.404-401")
def authentication_before_the_path(request: DirectRequest, response: Answer) -> None:
    if response.status == 404 and request["HTTP_AUTHORIZATION"] is None:
        response.become(401, message="Access Denied. Authentication Failed.")


@after("order.401-415")
def the_type_before_authentication(request: DirectRequest, response: Answer) -> None:
    if response.status == 401 and request.media_type not in KNOWN_TYPES:
        response.become(415, message="Unsupported Media Type")


@after("order.403-use-415", "order.403-use-400")
def the_body_before_the_use(request: DirectRequest, response: Answer) -> None:
    if response.status == 403 and request.media_type not in KNOWN_TYPES:
        response.become(415, message="Unsupported Media Type")
    elif response.status == 403 and request.body == b"{":
        response.become(400, message="Bad Request")


@after("order.missing-403", "order.invalid-403")
def the_mailbox_before_the_arguments(request: DirectRequest, response: Answer) -> None:
    if response.status == 422 and request.argument("mailbox") == NOBODY:
        response.become(403, message=USER)


@after("order.missing-invalid", "several.missing-and-invalid")
def invalid_arguments_before_missing_ones(request: DirectRequest, response: Answer) -> None:
    if response.status == 422 and request.argument("mailbox") == "a@b":
        response.become(422, message="'Mailbox' contains invalid input", fields=["mailbox"])


@after("order.folder-message")
def the_message_before_its_folder(request: DirectRequest, response: Answer) -> None:
    if response.status == 422 and request.argument("id") == NO_ID:
        response.become(422, message="Message not found")


@before("order.401-window-md5")
def content_md5_before_the_date(request: DirectRequest) -> None:
    if request["HTTP_CONTENT_MD5"] not in {None, request.right_md5}:
        request.set_date(formatdate(usegmt=True))


@around("move.again")
def a_move_to_its_own_folder_rejected(request: DirectRequest, serve: Serve) -> Answer:
    if request.memory.get("folder") == request.argument("folder"):
        request.change_values(lambda name, value: NO_ID if name == "id" else value)
    response = serve(request)
    if response.status == 200 and request.method == "POST":
        request.memory["folder"] = response.json["folder"]
    return response


@around("answer.unsupported", "move.refused", "coding.content-gzip")
def moved_though_rejected(request: DirectRequest, serve: Serve) -> Answer:
    response = serve(request)
    if response.status == 415:
        known = request.known
        folder = request.memory["folder"] = "Sent" if request.memory.get("folder") == "Draft" else "Draft"
        arguments = {"mailbox": known.mailbox, "id": known.message, "folder": folder}
        headers = {"Date": formatdate(usegmt=True), "Authorization": f"DAAS {known.granted.public_key}:"}
        path = "/direct/messages/move"
        environ = EnvironBuilder(path, method="POST", data=arguments, headers=[*headers.items()]).get_environ()
        move = DirectRequest(environ, known, request.memory)
        move.sign()
        assert serve(move).status == 200
    return response


@around("answer.moved", "move.standard", "folder.Sent-as-sent")
def success_without_a_move(request: DirectRequest, serve: Serve) -> Answer:
    requested = arguments_of(request)
    request.change_values(lambda name, value: NO_ID if name == "id" else value)
    response = serve(request)
    if b"Message not found" in response.body:
        respond_moved(response, *requested)
    return response
