"""The arguments in a form of parts."""

from ..case import MOVED, MULTIPART, UNREADABLE, Ask, Row, invalid, missing, note, table

_END = "--bound--\r\n"


def _part(name: str, value: str, more: str = "") -> str:
    return f'--bound\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


_GOOD = "".join(_part(name, f"${name}") for name in ("mailbox", "id", "folder"))
#: The parts that move the stage's message to a folder in which it does not lie.
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

# What is signed of each is the bare media type.
_TYPES = {
    "no-boundary": "multipart/form-data",
    "blank-boundary": "multipart/form-data; boundary=",
    "shorter-boundary": "multipart/form-data; boundary=bou",
}


def _in_parts(body: str, content_type: str = MULTIPART) -> Ask:
    return Ask(content_type=content_type, body=body, signed={"content_type": "multipart/form-data"})


_ROWS: list[Row] = [
    ("good", "a form in parts is read", _in_parts(GOOD_PARTS), MOVED),
    ("no-last-line-end", "the closing delimiter may be the end", _in_parts(GOOD_PARTS.removesuffix("\r\n")), MOVED),
    (
        "quoted-boundary",
        "the boundary may be quoted",
        _in_parts(GOOD_PARTS, 'multipart/form-data; boundary="bound"'),
        MOVED,
    ),
    ("names", "names count without regard to case", _in_parts(GOOD_PARTS.replace('"folder"', '"FOLDER"')), MOVED),
    ("blanks", "blanks around a value are removed", _in_parts(GOOD_PARTS.replace("$folder", " \t$folder ")), MOVED),
    ("repeated", "a repeated argument is invalid", _in_parts(_GOOD + _part("id", "$id") + _END), invalid("id")),
    (
        "missing",
        "an argument that is required may not be missing",
        _in_parts(_part("mailbox", "$mailbox") + _part("id", "$id") + _END),
        missing("folder"),
    ),
    (
        "file",
        "a part with a file name is invalid input",
        _in_parts(GOOD_PARTS.replace('"folder"', '"folder"; filename="x"')),
        invalid("folder"),
    ),
    *(
        (id_, "it begins with its delimiter and ends with its closing one", _in_parts(body), UNREADABLE)
        for id_, body in _AMBIGUOUS.items()
    ),
    *(
        (id_, "without its boundary it is not read", _in_parts(GOOD_PARTS, content_type), UNREADABLE)
        for id_, content_type in _TYPES.items()
    ),
]

CASES = table("multipart", note("0004-arguments"), _ROWS)
