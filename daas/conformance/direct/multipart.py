"""Cases about arguments in a multipart form."""

from ..case import MOVED, MULTIPART, RequestSpec, Row, invalid, malformed, missing, note, table

_END = "--bound--\r\n"


def _part(name: str, value: str, more: str = "") -> str:
    return f'--bound\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


_GOOD = "".join(_part(name, f"${name}") for name in ("mailbox", "id", "folder"))
#: The parts that move the target's message to a folder in which it is not.
GOOD_PARTS = _GOOD + _END

_DELIMITERS = {
    "preamble": "preamble\r\n" + GOOD_PARTS,
    "blank-before": " " + GOOD_PARTS,
    "line-feed-before": "\n" + GOOD_PARTS,
    "epilogue": GOOD_PARTS + "epilogue",
    "blank-behind": GOOD_PARTS + " ",
    "line-feed-behind": GOOD_PARTS + "\n",
    "carriage-return-behind": GOOD_PARTS + "\r",
    "not-closed": _GOOD + "--bound\r\n",
    "no-end": _GOOD,
    "twice": GOOD_PARTS * 2,
    "empty": "",
    "other-boundary": GOOD_PARTS.replace("--bound", "--other"),
    "line-feeds": GOOD_PARTS.replace("\r\n", "\n"),
    "line-feed-ends-delimiter": GOOD_PARTS.replace("$mailbox\r\n--bound\r\n", "$mailbox\r\n--bound\n"),
    "carriage-return-ends-delimiter": GOOD_PARTS.replace("$mailbox\r\n--bound\r\n", "$mailbox\r\n--bound\r"),
    "line-feed-before-delimiter": GOOD_PARTS.replace("$mailbox\r\n--bound", "$mailbox\n--bound"),
    "blank-ends-delimiter": GOOD_PARTS.replace("$mailbox\r\n--bound\r\n", "$mailbox\r\n--bound \r\n"),
    "longer-delimiter": GOOD_PARTS.replace("$mailbox\r\n--bound\r\n", "$mailbox\r\n--boundary\r\n"),
    "closed-inside": GOOD_PARTS.replace("$mailbox\r\n--bound\r\n", "$mailbox\r\n--bound--\r\n--bound\r\n"),
}
_AROUND = {
    "line-before": "\r\n" + GOOD_PARTS,
    "two-lines-before": "\r\n\r\n" + GOOD_PARTS,
    "line-behind": GOOD_PARTS + "\r\n",
    "lines-around": "\r\n" + GOOD_PARTS + "\r\n\r\n",
}

_FORM_DATA = 'Content-Disposition: form-data; name="id"'
_HEADERS = {
    "no-name": "Content-Disposition: form-data",
    "no-disposition": "Content-Type: text/plain",
    "two-names": f'{_FORM_DATA}; name="x"',
    "same-name-twice": f'{_FORM_DATA}; name="id"',
    "encoded-name": "Content-Disposition: form-data; name*=utf-8''id",
    "name-and-encoded-name": f"{_FORM_DATA}; name*=utf-8''x",
    "two-dispositions": f'{_FORM_DATA}\r\nContent-Disposition: form-data; name="x"',
    "attachment": 'Content-Disposition: attachment; name="id"',
    "line-feed-in-header": f"X: y\n{_FORM_DATA}",
    "folded-header": 'Content-Disposition: form-data;\r\n name="id"',
    "blank-before-colon": 'Content-Disposition : form-data; name="id"',
    "base64": f"{_FORM_DATA}\r\nContent-Transfer-Encoding: base64",
}
_READ_HEADERS = {
    "unquoted-name": "Content-Disposition: form-data; name=id",
    "disposition-in-any-case": 'content-disposition:FORM-DATA;NAME="id"',
    "more-headers": f"Content-Type: text/plain; charset=UTF-8\r\n{_FORM_DATA}\r\nContent-Transfer-Encoding: 8bit",
}

# Each is signed as the media type without parameters.
_TYPES = {
    "no-boundary": "multipart/form-data",
    "blank-boundary": "multipart/form-data; boundary=",
    "shorter-boundary": "multipart/form-data; boundary=bou",
}


def _multipart(body: str, content_type: str = MULTIPART) -> RequestSpec:
    return RequestSpec(content_type=content_type, body=body, signed={"content_type": "multipart/form-data"})


_ROWS: list[Row] = [
    ("good", "a multipart form is accepted", _multipart(GOOD_PARTS), MOVED),
    (
        "no-last-line-end",
        "the line end after the closing delimiter is optional",
        _multipart(GOOD_PARTS.removesuffix("\r\n")),
        MOVED,
    ),
    (
        "quoted-boundary",
        "the boundary may be quoted",
        _multipart(GOOD_PARTS, 'multipart/form-data; boundary="bound"'),
        MOVED,
    ),
    ("names", "argument names are accepted in any case", _multipart(GOOD_PARTS.replace('"folder"', '"FOLDER"')), MOVED),
    ("blanks", "spaces around a value are removed", _multipart(GOOD_PARTS.replace("$folder", " \t$folder ")), MOVED),
    ("repeated", "a repeated argument is invalid", _multipart(_GOOD + _part("id", "$id") + _END), invalid("id")),
    (
        "missing",
        "a missing required argument is an error",
        _multipart(_part("mailbox", "$mailbox") + _part("id", "$id") + _END),
        missing("folder"),
    ),
    (
        "file",
        "a part with a file name is invalid input",
        _multipart(GOOD_PARTS.replace('"folder"', '"folder"; filename="x"')),
        invalid("folder"),
    ),
    *((id_, "only CRLF may be around the delimiters", _multipart(body), MOVED) for id_, body in _AROUND.items()),
    *(
        (
            id_,
            "a part is read as clients write it",
            _multipart(GOOD_PARTS.replace(_FORM_DATA, header)),
            MOVED,
        )
        for id_, header in _READ_HEADERS.items()
    ),
    *(
        (
            id_,
            "a multipart body begins with its delimiter and ends with the closing one, each on a line of CRLF",
            _multipart(body),
            malformed("multipart-delimiters"),
        )
        for id_, body in _DELIMITERS.items()
    ),
    *(
        (
            id_,
            "a part has one Content-Disposition form-data with one name, or the body is rejected",
            _multipart(GOOD_PARTS.replace(_FORM_DATA, header)),
            malformed("multipart-unreadable"),
        )
        for id_, header in _HEADERS.items()
    ),
    (
        "not-utf-8",
        "a multipart form that is not UTF-8 is rejected",
        _multipart(_GOOD + _part("x", "\xff") + _END),
        malformed("form-not-utf-8"),
    ),
    *(
        (
            id_,
            "a multipart body without its boundary is rejected",
            _multipart(GOOD_PARTS, content_type),
            malformed("multipart-delimiters"),
        )
        for id_, content_type in _TYPES.items()
    ),
]

CASES = table("multipart", note("0004-arguments"), _ROWS)
