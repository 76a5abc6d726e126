"""The definition of the API for Direct messages: its signatures, its dates and its errors."""

import re
from collections.abc import Mapping

from ..applications.lookup import Caller
from ..reasons import Reason
from ..services import services
from ..signing.daas_scheme import DIRECT, content_md5_matches
from ..signing.dates import DateUnreadable, clock_skew, freshness_error, read_date
from ..signing.mechanism import RequestToSign
from ..web.arguments import Arguments, raw_text, read_arguments, read_query
from ..web.authentication import authentication_failed
from ..web.context import ApiDefinition, RequestContext


def _request_to_sign(context: RequestContext) -> RequestToSign:
    """Return the parts of a request that a signature covers, as sent except for spaces around headers."""
    date = context.header("HTTP_X_DAAS_DATE")
    return RequestToSign(
        method=context.method,
        uri=context.target,
        date=context.header("HTTP_DATE") if date is None else date,
        content_type=context.header("CONTENT_TYPE"),
        content_md5=context.header("HTTP_CONTENT_MD5"),
        body=context.body or b"",
    )


def _read_arguments(context: RequestContext, to_sign: RequestToSign) -> Arguments:
    """Return the arguments from the query of a GET, else from the body, and note three of them for the log.

    Raises UnsupportedMediaType or UnreadableBody.
    """
    if to_sign.method == "GET":
        arguments = read_query(to_sign.uri.partition("?")[2], to_sign.content_type)
    else:
        arguments = read_arguments(to_sign.content_type or "", to_sign.body)
    requested = {name: raw_text(arguments, name) for name in ("mailbox", "id", "folder") if name in arguments}
    if "id" not in requested and "ids" in arguments:
        requested["id"] = raw_text(arguments, "ids")
    context.record.requested_arguments = requested
    return arguments


def _header_error(context: RequestContext, to_sign: RequestToSign) -> Reason | None:
    """Return the reason if a header that the signature needs is missing or ambiguous: date or content type."""
    if to_sign.date is None:
        return Reason.DATE_MISSING
    if "HTTP_X_DAAS_DATE" in context.environ and _is_repeated(context.environ.get("HTTP_DATE", "")):
        return Reason.DATE_REPEATED
    if not to_sign.content_type and (to_sign.content_type is not None or _has_body(to_sign)):
        return Reason.CONTENT_TYPE_MISSING
    return None


def _check_freshness(
    context: RequestContext,
    to_sign: RequestToSign,
    caller: Caller,
    header_error: Reason | None,
    explanation: Mapping[str, str],
) -> None:
    """Check the headers, the date and the Content-MD5 of a request whose signature is valid.

    Raises AuthenticationFailed with the first error in X-Daas-Error, and in X-Daas-Clock-Skew a readable date minus the
    server's clock, in seconds.
    """
    if _has_body(to_sign):
        context.body_unsigned = context.record.body_unsigned = to_sign.content_md5 is None
    if header_error and header_error is not Reason.CONTENT_TYPE_MISSING:
        raise authentication_failed(DIRECT, header_error, explanation)
    now = services().clock()
    skew: dict[str, str] = {}
    error = header_error
    try:
        date = read_date(to_sign.date or "")
    except DateUnreadable as unreadable:
        error = error or Reason(unreadable.reason)
    else:
        skew = {"X-Daas-Clock-Skew": str(clock_skew(date, now))}
        stale = freshness_error(date, now, context.settings.date_window_seconds)
        error = error or (Reason(stale) if stale else None)
    error = error or _content_md5_error(to_sign, required=caller.require_content_md5 and _has_body(to_sign))
    if error:
        raise authentication_failed(DIRECT, error, {"X-Daas-Error": error, **skew, **explanation})


def _content_md5_error(to_sign: RequestToSign, *, required: bool) -> Reason | None:
    if to_sign.content_md5 is None:
        return Reason.CONTENT_MD5_REQUIRED if required else None
    return None if content_md5_matches(to_sign.content_md5, to_sign.body) else Reason.CONTENT_MD5_MISMATCH


def _has_body(to_sign: RequestToSign) -> bool:
    """Return whether a request has a body or a method other than GET: those are signed as if they had one."""
    return to_sign.method != "GET" or to_sign.body != b""


def _is_repeated(date: str) -> bool:
    """Return whether a Date header was sent twice: servers join the two values with a comma."""
    try:
        read_date(date.strip(" \t"))
    except DateUnreadable:
        # A single date has at most the comma after its weekday.
        return "," in re.sub(r"\A\s*(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,", "", date, flags=re.I)
    return False


DIRECT_API = ApiDefinition(
    prefix="/direct",
    scheme=DIRECT,
    request_to_sign=_request_to_sign,
    read_arguments=_read_arguments,
    error_body=lambda error, request_id: error.body(request_id),
    header_error=_header_error,
    check_freshness=_check_freshness,
)
