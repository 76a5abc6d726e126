"""The API of Direct messages as a value: how its calls are signed and dated, and how it says what went wrong."""

import re
from collections.abc import Mapping

from flask import current_app

from ..applications.lookup import Candidate
from ..signing.daas_scheme import DIRECT, content_md5_matches
from ..signing.dates import DateUnreadable, DateWithoutZone, clock_skew, fault_of_freshness, read_date
from ..signing.mechanism import RequestToSign
from ..web.arguments import Arguments, as_asked, read_arguments, read_query
from ..web.authentication import authentication_failed
from ..web.context import Api, Call


def _request_to_sign(call: Call) -> RequestToSign:
    """Give what a signature with a date covers of a request, as it was sent but for surrounding blanks."""
    date = call.header("HTTP_X_DAAS_DATE")
    return RequestToSign(
        method=call.method,
        uri=call.target,
        date=call.header("HTTP_DATE") if date is None else date,
        content_type=call.header("CONTENT_TYPE"),
        content_md5=call.header("HTTP_CONTENT_MD5"),
        body=call.body or b"",
    )


def _read_arguments(call: Call, to_sign: RequestToSign) -> Arguments:
    """Read the arguments of a GET out of the query, else out of the body; some of them go into the log.

    Raises UnsupportedMediaType or UnreadableBody.
    """
    if to_sign.method == "GET":
        arguments = read_query(to_sign.uri.partition("?")[2], to_sign.content_type)
    else:
        arguments = read_arguments(to_sign.content_type or "", to_sign.body)
    call.entry.asked = {name: as_asked(arguments, name) for name in ("mailbox", "id", "folder") if name in arguments}
    return arguments


def _fault_of_headers(call: Call, to_sign: RequestToSign) -> str | None:
    """Name what keeps a signature with a date from being checked: no date, two dates, no content type."""
    if to_sign.date is None:
        return "date-missing"
    if "HTTP_X_DAAS_DATE" in call.environ and _is_repeated(call.environ.get("HTTP_DATE", "")):
        return "date-repeated"
    if not to_sign.content_type and (to_sign.content_type is not None or _has_body(to_sign)):
        return "content-type-missing"
    return None


def _check_freshness(
    call: Call, to_sign: RequestToSign, application: Candidate, explanation: Mapping[str, str]
) -> None:
    """Check the date and Content-MD5 of a request whose signature is good; raises AuthenticationFailed."""
    if _has_body(to_sign):
        call.entry.unbound = to_sign.content_md5 is None
    now: float = current_app.extensions["daas_clock"]()
    try:
        date = read_date(to_sign.date or "")
    except DateUnreadable as error:
        fault = "date-without-zone" if isinstance(error, DateWithoutZone) else "date-unreadable"
        raise authentication_failed(DIRECT, fault, {"X-Daas-Error": fault, **explanation}) from error
    fault_found = fault_of_freshness(date, now, call.settings.date_window_seconds)
    if fault_found is None and application.require_content_md5 and call.entry.unbound:
        fault_found = "content-md5-required"
    if fault_found is None and to_sign.content_md5 is not None:
        fault_found = None if content_md5_matches(to_sign.content_md5, to_sign.body) else "content-md5-mismatch"
    if fault_found:
        skew = {"X-Daas-Clock-Skew": str(clock_skew(date, now))}
        raise authentication_failed(DIRECT, fault_found, {"X-Daas-Error": fault_found, **skew, **explanation})


def _has_body(to_sign: RequestToSign) -> bool:
    """Tell whether a request has a body, or is of a kind that has: only a GET goes without."""
    return to_sign.method != "GET" or to_sign.body != b""


def _is_repeated(date: str) -> bool:
    """Tell whether a Date header that does not count was sent twice: servers join the two with a comma."""
    try:
        read_date(date.strip(" \t"))
    except DateUnreadable:
        # One date has a comma behind its weekday at most.
        return "," in re.sub(r"\A\s*(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,", "", date, flags=re.I)
    return False


DIRECT_API = Api(
    prefix="/direct",
    scheme=DIRECT,
    request_to_sign=_request_to_sign,
    read_arguments=_read_arguments,
    fault_body=lambda fault, request_id: fault.body(request_id),
    fault_of_headers=_fault_of_headers,
    check_freshness=_check_freshness,
)
