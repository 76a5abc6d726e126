"""The API of lists and contacts as a value: how its calls are signed, and how it says what went wrong."""

from typing import Any

from ..errors import ApiError, AuthenticationFailed, UseNotAuthorized, message_of
from ..signing.content_type import media_type
from ..signing.mechanism import RequestToSign
from ..signing.rcws_scheme import MIGOMAIL, as_json, is_no_data
from ..web.arguments import Arguments, by_name, read_form, read_pairs
from ..web.context import ApiDefinition, RequestContext

_JSON = "application/json"


def fault_body(fault: ApiError, _request_id: str) -> dict[str, Any]:
    """Give the body of an answer other than success, keys in this order; its request_id stands in a header alone."""
    refused = isinstance(fault, AuthenticationFailed | UseNotAuthorized)
    message = "Not Authorized" if refused else fault.message or message_of(fault.status)
    fields = {} if fault.fields is None else {"fields": [*fault.fields]}
    return {"code": fault.status, "message": message, **fields}


def _request_to_sign(call: RequestContext) -> RequestToSign:
    """Give what a signature covers of a call; what a form posts is signed as JSON."""
    content_type, body = call.header("CONTENT_TYPE"), call.body or b""
    if not is_no_data(body) and _type_of(content_type, body) != _JSON:
        try:
            pairs = [*read_pairs(content_type or "", body)]
            by_name(pairs)  # Too many are unreadable too: nobody has signed yet, and to write them anew takes long.
        except ApiError:
            pairs = []  # What cannot be read is signed as it is, and refused behind a good signature.
        if pairs and all(isinstance(value, str) for _, value in pairs):
            body = as_json((name, str(value)) for name, value in pairs)
    return RequestToSign(call.method, call.target, content_type=content_type, body=body)


def _read_arguments(call: RequestContext, to_sign: RequestToSign) -> Arguments:
    """Read the arguments of a call out of the query and of what it posts, as one set."""
    body = call.body or b""
    pairs = read_form(to_sign.uri.partition("?")[2].encode("latin-1"))
    if not is_no_data(body):
        pairs += read_pairs(_type_of(to_sign.content_type, body), body)
    return by_name(pairs)


def _type_of(content_type: str | None, body: bytes) -> str:
    """Give the type to read a body by: PHP's curl calls JSON a form, and nothing but JSON begins like it."""
    if body.startswith(b"{") or media_type(content_type or "").lower() == _JSON:
        return _JSON
    return content_type or ""


CONTACTS_API = ApiDefinition(
    prefix="/v1",
    scheme=MIGOMAIL,
    request_to_sign=_request_to_sign,
    read_arguments=_read_arguments,
    error_body=fault_body,
)
