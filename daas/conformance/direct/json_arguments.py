"""Cases about arguments in JSON."""

from ..case import JSON, MOVED, Expected, RequestSpec, invalid, malformed, missing, note, table

_BOTH = '"mailbox":"$mailbox","folder":"$folder"'
_ALL = _BOTH + ',"id":"$id"'

_IDS: dict[str, tuple[str, Expected]] = {
    "string": ('"id":"$id"', MOVED),
    "number": ('"id":$id', MOVED),
    "blanks": ('"id":" $id\\n"', MOVED),
    "name-in-upper-case": ('"ID":$id', MOVED),
    "escaped-name": ('"\\u0069d":$id', MOVED),
    "fraction": ('"id":$id.0', invalid("id")),
    "exponent": ('"id":1e2', invalid("id")),
    "minus-zero": ('"id":-0', invalid("id")),
    "minus": ('"id":-1', invalid("id")),
    "zero": ('"id":0', invalid("id")),
    "true": ('"id":true', invalid("id")),
    "list": ('"id":[$id]', invalid("id")),
    "object": ('"id":{}', invalid("id")),
    "long-number": ('"id":' + "9" * 5000, invalid("id")),
    "surrogate": ('"id":"$id\\ud800"', invalid("id")),
    "null": ('"id":null', missing("id")),
    "blank": ('"id":" \\t"', missing("id")),
    "twice": ('"id":$id,"id":$id', invalid("id")),
    "twice-in-cases": ('"id":$id,"ID":$id', invalid("id")),
    "null-twice": ('"id":null,"id":""', missing("id")),
}

_BROKEN = {
    "empty": "",
    "form": "mailbox=$mailbox&id=$id&folder=$folder",
    "two-objects": f"{{{_ALL}}}{{}}",
    "more-behind": f"{{{_ALL}}} x",
    "comma-behind": f"{{{_ALL},}}",
    "single-quotes": "{'mailbox':'$mailbox','id':'$id','folder':'$folder'}",
    "comment": f"{{{_ALL}}}//",
    "nan": f'{{{_ALL},"x":NaN}}',
    "infinity": f'{{{_ALL},"x":-Infinity}}',
    "leading-zero": f'{{{_BOTH},"id":0$id}}',
    "newline-in-string": f'{{{_ALL},"x":"\n"}}',
    "two-byte-order-marks": f"\xef\xbb\xbf\xef\xbb\xbf{{{_ALL}}}",
    "byte-order-mark-inside": f" \xef\xbb\xbf{{{_ALL}}}",
    "latin-1": f'{{{_ALL},"x":"\xe9"}}',
    "surrogate-in-utf-8": f'{{{_ALL},"x":"\xed\xa0\x80"}}',
    "utf-16": "".join(f"{character}\0" for character in '{"id":1}'),
}
_NO_OBJECT = {"list": "[]", "string": '"text"', "number": "1", "null": "null", "true": "true"}
_TOO_DEEP = {"too-deep": f'{{{_ALL},"x":' + "[" * 8 + "]" * 8 + "}", "far-too-deep": "[" * 10_000}

_READ = [
    *(
        (
            f"id-{id_}",
            "id is a string or an integer",
            RequestSpec(content_type=JSON, body=f"{{{_BOTH},{text}}}"),
            expected,
        )
        for id_, (text, expected) in _IDS.items()
    ),
    (
        "folder-number",
        "folder may be a number",
        RequestSpec(content_type=JSON, body='{"mailbox":"$mailbox","id":"$id","folder":$folder}'),
        MOVED,
    ),
    (
        "folder-fraction",
        "if folder is a number, it must be an integer",
        RequestSpec(content_type=JSON, body='{"mailbox":"$mailbox","id":"$id","folder":$folder.0}'),
        invalid("folder"),
    ),
    (
        "mailbox-number",
        "mailbox is a string",
        RequestSpec(content_type=JSON, body='{"mailbox":1,"id":"$id","folder":"$folder"}'),
        invalid("mailbox"),
    ),
    (
        "blanks",
        "white space between tokens is ignored",
        RequestSpec(content_type=JSON, body=f" {{\r\n\t{_ALL} }}\n"),
        MOVED,
    ),
    (
        "unknown",
        "unknown arguments are ignored, whatever they contain",
        RequestSpec(content_type=JSON, body=f'{{{_ALL},"x":[1.0,{{"y":null}}],"x":true}}'),
        MOVED,
    ),
    (
        "eight-deep",
        "JSON may be nested eight levels deep",
        RequestSpec(content_type=JSON, body=f'{{{_ALL},"x":' + "[" * 7 + "]" * 7 + "}"),
        MOVED,
    ),
    (
        "brackets-in-strings",
        "brackets in strings are not nesting",
        RequestSpec(content_type=JSON, body=f'{{{_ALL},"x":"[[[[[[[[[[{{{{\\"["}}'),
        MOVED,
    ),
    (
        "byte-order-mark",
        "one byte order mark before JSON is ignored",
        RequestSpec(content_type=JSON, body=f"\xef\xbb\xbf{{{_ALL}}}"),
        MOVED,
    ),
    ("utf-8", "JSON is UTF-8", RequestSpec(content_type=JSON, body=f'{{{_ALL},"x":"\xc3\xa9"}}'), MOVED),
    (
        "missing",
        "a missing required argument is an error",
        RequestSpec(content_type=JSON, body="{}"),
        missing("mailbox", "id", "folder"),
    ),
    *(
        (
            id_,
            "a body that is not exactly one JSON object is rejected",
            RequestSpec(content_type=JSON, body=text),
            malformed(reason),
        )
        for reason, texts in [
            ("json-unreadable", _BROKEN),
            ("json-no-object", _NO_OBJECT),
            ("json-too-deep", _TOO_DEEP),
        ]
        for id_, text in texts.items()
    ),
]

CASES = table("json", note("0004-arguments"), _READ)
