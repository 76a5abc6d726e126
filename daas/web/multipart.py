"""Read the fields of a multipart form that every parser reads the same way, and reject every other form.

The boundary is not signed, and parsers differ in what they tolerate: lines that end with LF, spaces after a
delimiter, two names, encoded names. Werkzeug's decoder accepts all of these, so that the meaning of a signed body would
depend on the parser. Sources: RFC 2046, section 5.1, and RFC 7578.
"""

import re

from ..errors import UnreadableBody
from ..reasons import Reason

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# Before any other character than these two, some parsers keep a backslash and others drop it.
_QUOTED = rb'"(?:[^"\\\r\n\0]|\\["\\])*+"'
_HEADERS = re.compile(rb"((?:" + _TOKEN + rb":[^\r\n\0]*+\r\n){1,16}+)\r\n")
_PARAMETER = re.compile(rb";[ \t]*+(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb")[ \t]*+")
_FORM_DATA = re.compile(
    rb"form-data[ \t]*+((?:;[ \t]*+" + _TOKEN + rb"=(?:" + _TOKEN + rb"|" + _QUOTED + rb")[ \t]*+){1,8}+);?+", re.I
)
# With any other Content-Transfer-Encoding the value would be decoded first.
_UNCODED = {b"7bit", b"8bit", b"binary"}


def read_fields(body: bytes, boundary: str | None, max_fields: int) -> list[tuple[str, str | None]]:
    """Return the names and values of a form's parts, in UTF-8; the value of a part with a file name is None.

    Raises UnreadableBody, also if there are more than `max_fields` parts.
    """
    delimiter = b"--" + (boundary or "").encode("latin-1")
    body = _without_line_ends_around(body)
    if not boundary or not body.startswith(delimiter + b"\r\n") or not body.endswith(b"\r\n" + delimiter + b"--"):
        raise UnreadableBody(Reason.MULTIPART_DELIMITERS)
    inside = body[len(delimiter) : -len(delimiter) - len(b"\r\n--")]
    if inside.count(delimiter) >= max_fields:
        raise UnreadableBody(Reason.TOO_MANY_ARGUMENTS)
    parts = inside.split(b"\r\n" + delimiter)
    # Parsers disagree about any other line that begins with the delimiter.
    if any(not part.startswith(b"\r\n") or b"\n" + delimiter in part or b"\r" + delimiter in part for part in parts):
        raise UnreadableBody(Reason.MULTIPART_DELIMITERS)
    return [_read_part(part.removeprefix(b"\r\n")) for part in parts]


def _without_line_ends_around(body: bytes) -> bytes:
    """Return a body without the CRLFs around it: RFC 2046 counts the one before a delimiter as part of it."""
    before = body[: len(body) - len(body.lstrip(b"\r\n"))]
    after = body[len(body.rstrip(b"\r\n")) :]
    if before.replace(b"\r\n", b"") or after.replace(b"\r\n", b""):
        raise UnreadableBody(Reason.MULTIPART_DELIMITERS)
    return body.strip(b"\r\n")


def _read_part(part: bytes) -> tuple[str, str | None]:
    """Return the name and value of a part, which has one Content-Disposition `form-data` with one `name`."""
    headers = _HEADERS.match(part)
    if headers is None:
        raise UnreadableBody(Reason.MULTIPART_UNREADABLE)
    values: dict[bytes, list[bytes]] = {}
    for line in headers[1].splitlines():
        header, _, value = line.partition(b":")
        values.setdefault(header.lower(), []).append(value.strip(b" \t"))
    dispositions = values.get(b"content-disposition", [])
    codings = values.get(b"content-transfer-encoding", [])
    form_data = _FORM_DATA.fullmatch(dispositions[0]) if len(dispositions) == 1 else None
    if form_data is None or any(coding.lower() not in _UNCODED for coding in codings):
        raise UnreadableBody(Reason.MULTIPART_UNREADABLE)
    pairs = _PARAMETER.findall(form_data[1])
    parameters = {name.lower(): value for name, value in pairs}
    if (
        len(parameters) < len(pairs)
        or b"name" not in parameters
        or any(name.startswith(b"name*") for name in parameters)
    ):
        raise UnreadableBody(Reason.MULTIPART_UNREADABLE)
    try:
        name = _unquote(parameters[b"name"]).decode()
        is_file = any(name.partition(b"*")[0] == b"filename" for name in parameters)
        return name, None if is_file else part[headers.end() :].decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody(Reason.FORM_NOT_UTF_8) from error


def _unquote(value: bytes) -> bytes:
    return re.sub(rb'\\(["\\])', rb"\1", value[1:-1]) if value.startswith(b'"') else value
