"""Cases about arguments in a multipart form."""

from ..case import MALFORMED, MOVED, MULTIPART, RequestSpec, Row, invalid, missing, note, table

_END = "--bound--\r\n"


def _part(name: str, value: str, more: str = "") -> str:
    return f'--bound\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


_GOOD = "".join(_part(name, f"${name}") for name in ("mailbox", "id", "folder"))
#: The parts that move the target's message to a folder in which it is not.
GOOD_PARTS = _GOOD + _END

_AMBIGUOUS = {
    "preamble": "preamble\r\n" + GOOD_PARTS,
    "blank-line-before": "\r\n" + GOOD_PARTS,
    "epilogue": GOOD_PARTS + "epilogue",
    "line-behind": GOOD_PARTS + "\r\n",
    "not-closed": _GOOD + "--bound\r\n",
    "no-end": _GOOD,
    "twice": GOOD_PARTS * 2,
    "empty": "",
    "other-boundary": GOOD_PARTS.replace("--bound", "--other"),
    "no-name": _GOOD + "--bound\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + _END,
    "no-disposition": _GOOD + "--bound\r\n\r\nx\r\n" + _END,
    "not-utf-8": _GOOD + _part("x", "\xff") + _END,
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
    *(
        (
            id_,
            "a multipart body must begin with its delimiter and end with the closing one",
            _multipart(body),
            MALFORMED,
        )
        for id_, body in _AMBIGUOUS.items()
    ),
    *(
        (id_, "a multipart body without its boundary is rejected", _multipart(GOOD_PARTS, content_type), MALFORMED)
        for id_, content_type in _TYPES.items()
    ),
]

CASES = table("multipart", note("0004-arguments"), _ROWS)
