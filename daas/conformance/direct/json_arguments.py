"""The arguments in JSON."""

from ..case import JSON, MOVED, UNREADABLE, Ask, Expected, invalid, missing, note, table

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
    "list": "[]",
    "string": '"text"',
    "number": "1",
    "null": "null",
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
    "byte-order-mark": f"\xef\xbb\xbf{{{_ALL}}}",
    "latin-1": f'{{{_ALL},"x":"\xe9"}}',
    "surrogate-in-utf-8": f'{{{_ALL},"x":"\xed\xa0\x80"}}',
    "utf-16": "".join(f"{character}\0" for character in '{"id":1}'),
    "too-deep": f'{{{_ALL},"x":' + "[" * 8 + "]" * 8 + "}",
    "far-too-deep": "[" * 10_000,
}

_READ = [
    *(
        (
            f"id-{id_}",
            "id is a string, or a number written as a whole number",
            Ask(content_type=JSON, body=f"{{{_BOTH},{text}}}"),
            expected,
        )
        for id_, (text, expected) in _IDS.items()
    ),
    (
        "folder-number",
        "folder may be a number",
        Ask(content_type=JSON, body='{"mailbox":"$mailbox","id":"$id","folder":$folder}'),
        MOVED,
    ),
    (
        "folder-fraction",
        "folder may be a number written as a whole number",
        Ask(content_type=JSON, body='{"mailbox":"$mailbox","id":"$id","folder":$folder.0}'),
        invalid("folder"),
    ),
    (
        "mailbox-number",
        "mailbox is a string",
        Ask(content_type=JSON, body='{"mailbox":1,"id":"$id","folder":"$folder"}'),
        invalid("mailbox"),
    ),
    ("blanks", "blanks between the tokens do not count", Ask(content_type=JSON, body=f" {{\r\n\t{_ALL} }}\n"), MOVED),
    (
        "unknown",
        "unknown arguments are ignored, whatever they hold",
        Ask(content_type=JSON, body=f'{{{_ALL},"x":[1.0,{{"y":null}}],"x":true}}'),
        MOVED,
    ),
    (
        "eight-deep",
        "an object may be eight deep",
        Ask(content_type=JSON, body=f'{{{_ALL},"x":' + "[" * 7 + "]" * 7 + "}"),
        MOVED,
    ),
    (
        "brackets-in-strings",
        "brackets in strings are not depth",
        Ask(content_type=JSON, body=f'{{{_ALL},"x":"[[[[[[[[[[{{{{\\"["}}'),
        MOVED,
    ),
    ("utf-8", "an object is UTF-8", Ask(content_type=JSON, body=f'{{{_ALL},"x":"\xc3\xa9"}}'), MOVED),
    (
        "missing",
        "an argument that is required may not be missing",
        Ask(content_type=JSON, body="{}"),
        missing("mailbox", "id", "folder"),
    ),
    *(
        (id_, "what is not one JSON object is not read", Ask(content_type=JSON, body=text), UNREADABLE)
        for id_, text in _BROKEN.items()
    ),
]

CASES = table("json", note("0004-arguments"), _READ)
