"""The definition of the API for lists and contacts: its signatures and its errors."""

from typing import Any

from ..errors import ApiError, AuthenticationFailed, UseNotAuthorized, message_of
from ..signing.content_type import boundary, media_type
from ..signing.json_pairs import JsonObject, without_byte_order_mark
from ..signing.mechanism import RequestToSign
from ..signing.rcws_scheme import MAX_VALUES, RCWS, is_no_data, read_posted
from ..web.arguments import Arguments, by_name, read_form, read_pairs
from ..web.context import ApiDefinition, RequestContext
from ..web.multipart import read_fields

#: The greatest size of a body. The check of a signature reads the body, so that this bounds its work.
MAX_BODY_BYTES = 32_768

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

# A field has a name and a value. A letter beyond ASCII is two to four escapes.
_MAX_FIELDS = MAX_VALUES // 2
_MAX_ESCAPES = 2000


def error_body(error: ApiError, _request_id: str) -> dict[str, Any]:
    """Return the body of an error response, keys in this order; its request_id is only in a header."""
    is_rejected = isinstance(error, AuthenticationFailed | UseNotAuthorized)
    message = "Not Authorized" if is_rejected else error.message or message_of(error.status)
    fields = {} if error.fields is None else {"fields": [*error.fields]}
    return {"code": error.status, "message": message, **fields}


def _request_to_sign(context: RequestContext) -> RequestToSign:
    """Return the parts of a request that a signature covers; the fields of a form are signed as a JSON object."""
    content_type, body = context.header("CONTENT_TYPE"), context.body or b""
    return RequestToSign(
        context.method, context.target, content_type=content_type, body=body, form=_read_form(content_type, body)
    )


def _read_form(content_type: str | None, body: bytes) -> JsonObject | None:
    """Return the fields of a form; None if the body is not a form, is malformed, or would take long to read.

    Such a body is signed as sent, and rejected only after its signature was found valid.
    """
    kind = _type_of(content_type, body)
    fields: list[tuple[str, Any]] = []
    try:
        if kind == _FORM and body.count(b"&") < _MAX_FIELDS and body.count(b"%") <= _MAX_ESCAPES:
            fields = read_form(body)
        elif kind == _MULTIPART:
            fields = read_fields(body, boundary(content_type or ""), _MAX_FIELDS)
    except ApiError:
        return None
    return JsonObject(fields) if fields and all(isinstance(value, str) for _, value in fields) else None


def _read_arguments(context: RequestContext, to_sign: RequestToSign) -> Arguments:
    """Return the arguments of the query and of the body, as one set; raises UnsupportedMediaType or UnreadableBody."""
    content_type, body = to_sign.content_type, to_sign.body
    arguments = read_form(to_sign.uri.partition("?")[2].encode("latin-1"))
    if to_sign.form is not None:
        arguments += to_sign.form
    elif not is_no_data(without_byte_order_mark(body), read_posted(body)):
        arguments += read_pairs(_JSON if _type_of(content_type, body) == _JSON else content_type or "", body)
    return by_name(arguments)


def _type_of(content_type: str | None, body: bytes) -> str:
    """Return the media type to read a body by: PHP's curl calls JSON a form, and only JSON begins with a brace."""
    return _JSON if without_byte_order_mark(body).startswith(b"{") else media_type(content_type or "").lower()


CONTACTS_API = ApiDefinition(
    prefix="/v1",
    scheme=RCWS,
    request_to_sign=_request_to_sign,
    read_arguments=_read_arguments,
    error_body=error_body,
    max_body_bytes=MAX_BODY_BYTES,
)
