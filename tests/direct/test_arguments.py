"""The arguments of a move, in each of the three content types."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daas.direct.schemas import MoveArguments
from daas.errors import ApiError, InvalidArguments, MissingArguments, UnreadableBody, UnsupportedMediaType
from daas.web.arguments import check_arguments, read_arguments

from ..support.tables import each_case

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=limit"
GOOD = {"mailbox": "test.user", "id": "181", "folder": "Inbox"}
UNDERSTOOD = {"mailbox": "test.user", "id": 181, "folder": "Inbox", "from_folder": None}


def as_form(pairs: Iterable[Any]) -> tuple[str, bytes]:
    return FORM, urlencode([*pairs], quote_via=quote_plus).encode()


def as_json(pairs: Iterable[Any]) -> tuple[str, bytes]:
    return JSON, ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()


def as_multipart(pairs: Any) -> Any:
    parts = [f'--limit\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs]
    return MULTIPART, ("".join(parts) + "--limit--\r\n").encode()


WAYS = {"form": as_form, "json": as_json, "multipart": as_multipart}


def understand(content_type: str, body: bytes) -> dict[str, int | str]:
    return check_arguments(MoveArguments(), read_arguments(content_type, body))


def error_of(content_type: str, body: bytes) -> Any:
    with pytest.raises(ApiError) as caught:
        understand(content_type, body)
    return type(caught.value), caught.value.fields


def reason_of(content_type: str, body: bytes) -> str:
    with pytest.raises(UnreadableBody) as caught:
        read_arguments(content_type, body)
    return str(caught.value.reason)


each_way = each_case("way", WAYS.values(), ids=WAYS)


@each_way
def test_all_three_content_types_have_the_same_meaning(way: Callable[..., Any]) -> None:
    assert understand(*way(GOOD.items())) == UNDERSTOOD


@each_way
def test_names_are_accepted_in_any_case_and_unknown_ones_ignored(way: Callable[..., Any]) -> None:
    pairs = [("MailBox", "test.user"), ("ID", "181"), ("FOLDER", "Inbox"), ("colour", "red"), ("colour", "blue")]
    assert understand(*way(pairs)) == UNDERSTOOD


@each_way
@each_case("spaces", [" ", "\t", "\r\n", " \r\n\t "], ids=repr)
def test_spaces_around_value_are_removed(way: Callable[..., Any], spaces: str) -> None:
    assert understand(*way([(name, spaces + value + spaces) for name, value in GOOD.items()])) == UNDERSTOOD


@each_way
@each_case("name", GOOD)
def test_value_of_spaces_counts_as_missing(way: Callable[..., Any], name: str) -> None:
    assert error_of(*way({**GOOD, name: " \r\n\t"}.items())) == (MissingArguments, [name])


@each_way
@each_case("name", GOOD)
@each_case("again", ["same", "blank"])
def test_repeated_argument_is_invalid_even_if_one_is_empty(way: Callable[..., Any], name: str, again: str) -> None:
    pairs = [*GOOD.items(), (name.upper(), GOOD[name] if again == "same" else "")]
    assert error_of(*way(pairs)) == (InvalidArguments, [name])


@each_way
def test_repeated_argument_with_only_empty_values_is_missing(way: Callable[..., Any]) -> None:
    assert error_of(*way([("mailbox", ""), ("mailbox", " "), ("id", "1"), ("folder", "Sent")])) == (
        MissingArguments,
        ["mailbox"],
    )


@each_way
@each_case(
    "name",
    ["a", "A" * 64, "test.user", "o'neil", "a+b", "{x}", "!#$%&'*+-/=?^_`|~", "1"],
)
def test_mailbox_is_local_part_in_lower_case(way: Callable[..., Any], name: str) -> None:
    assert understand(*way({**GOOD, "mailbox": name}.items()))["mailbox"] == name.lower()


@each_way
@each_case(
    "name",
    ["a" * 65, ".a", "a.", "a..b", "a@b", "a b", "é", "a\u0000b", '"a"', "a,b", "a\nb", "\u212a", "a/\\b", "(a)"],
    ids=ascii,
)
def test_text_that_is_no_local_part_is_no_mailbox(way: Callable[..., Any], name: str) -> None:
    if way is as_multipart and "\n" in name:
        name = name.replace("\n", "\v")
    assert error_of(*way({**GOOD, "mailbox": name}.items())) == (InvalidArguments, ["mailbox"])


@each_way
@each_case("text", ["1", "181", "9223372036854775807"])
def test_decimal_number_is_an_id(way: Callable[..., Any], text: str) -> None:
    assert understand(*way({**GOOD, "id": text}.items()))["id"] == int(text)


NO_IDS = [
    "0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e2",
    "0x1",
    "1 2",
    "1_0",
    "\u0661",
    "9223372036854775808",
    "9" * 5000,
    "1\u0000",
]


@each_way
@each_case("text", NO_IDS, ids=lambda text: ascii(text[:20]))
def test_other_text_is_no_id(way: Callable[..., Any], text: str) -> None:
    assert error_of(*way({**GOOD, "id": text}.items())) == (InvalidArguments, ["id"])


@each_way
@each_case("text", [text for text in NO_IDS if text != "1 2"], ids=lambda text: ascii(text[:20]))
def test_folder_is_standard_name_or_id(way: Callable[..., Any], text: str) -> None:
    assert error_of(*way({**GOOD, "folder": text}.items())) == (InvalidArguments, ["folder"])
    assert understand(*way({**GOOD, "folder": "5"}.items()))["folder"] == 5


@each_case(
    ("written", "error"),
    [
        ('"id":181', None),
        ('"id":1.0', (InvalidArguments, ["id"])),
        ('"id":181.0', (InvalidArguments, ["id"])),
        ('"id":1e2', (InvalidArguments, ["id"])),
        ('"id":-0', (InvalidArguments, ["id"])),
        ('"id":-1', (InvalidArguments, ["id"])),
        ('"id":0', (InvalidArguments, ["id"])),
        ('"id":true', (InvalidArguments, ["id"])),
        ('"id":[1]', (InvalidArguments, ["id"])),
        ('"id":{}', (InvalidArguments, ["id"])),
        ('"id":[]', (InvalidArguments, ["id"])),
        ('"id":null', (MissingArguments, ["id"])),
        ('"id":' + "9" * 5000, (InvalidArguments, ["id"])),
        ('"id":1,"id":1', (InvalidArguments, ["id"])),
        ('"id":1,"ID":2', (InvalidArguments, ["id"])),
        ('"id":null,"id":""', (MissingArguments, ["id"])),
        ('"id":"1\\ud800"', (InvalidArguments, ["id"])),
        ('"id":NaN', (UnreadableBody, None)),
        ('"id":Infinity', (UnreadableBody, None)),
        ('"id":01', (UnreadableBody, None)),
        ('"id":1,', (UnreadableBody, None)),
        ('"id":"\n"', (UnreadableBody, None)),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_json_id_is_string_or_integer(written: str, error: tuple[type[Any], list[str] | None] | None) -> None:
    body = f'{{"mailbox":"test.user","folder":"Inbox",{written}}}'.encode()
    if error is None:
        assert understand(JSON, body) == UNDERSTOOD
    else:
        assert error_of(JSON, body) == error


def test_json_folder_may_be_a_number_but_mailbox_may_not() -> None:
    assert understand(JSON, b'{"mailbox":"a","id":1,"folder":5}')["folder"] == 5
    assert error_of(JSON, b'{"mailbox":5,"id":1,"folder":5}') == (InvalidArguments, ["mailbox"])


@each_case(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"{}{}",
        b"{'mailbox':1}",
        b'\xef\xbb\xbf\xef\xbb\xbf{"id":1}',
        b' \xef\xbb\xbf{"id":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' * 9 + b"1" + b"}" * 9,
        b"[" * 100_000,
        b'{"a":' + b"[" * 8 + b"]" * 8 + b"}",
    ],
    ids=lambda body: ascii(body[:16]),
)
def test_only_a_json_object_of_bounded_depth_is_accepted(body: bytes) -> None:
    assert error_of(JSON, body) == (UnreadableBody, None)


def test_json_of_depth_eight_is_accepted() -> None:
    nested = (
        '{"x":' + "[" * 7 + "]" * 7 + ',"y":"' + "[{" * 20 + '\\"[","mailbox":"test.user","id":181,"folder":"Inbox"}'
    )
    assert understand(JSON, nested.encode()) == UNDERSTOOD


@each_case("body", [b"mailbox=\xff", b"mailbox=%ff", b"a=%C3&b=%A9", b"\xc3\x28=1"], ids=ascii)
def test_form_that_is_not_utf_8_is_unreadable(body: bytes) -> None:
    assert error_of(FORM, body + b"&id=1&folder=Inbox") == (UnreadableBody, None)


PART = b'--limit\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
PARTS = b"".join(PART % (name.encode(), value.encode()) for name, value in GOOD.items())


@each_case(
    ("content_type", "body"),
    [
        (MULTIPART, b"preamble\r\n" + PARTS + b"--limit--\r\n"),
        (MULTIPART, b"\n" + PARTS + b"--limit--\r\n"),
        (MULTIPART, PARTS + b"--limit--\r\nepilogue"),
        (MULTIPART, PARTS + b"--limit--\r\n\n"),
        (MULTIPART, PARTS + b"--limit\r\n"),
        (MULTIPART, PARTS),
        (MULTIPART, PARTS[:-2]),
        (MULTIPART, PARTS + b"--limit--\r\n" + PARTS + b"--limit--\r\n"),
        (MULTIPART, b"--limit\r\n\r\nno disposition\r\n--limit--\r\n"),
        (MULTIPART, b"--limit\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--limit--\r\n"),
        (MULTIPART, PART % (b"id", b"\xff") + b"--limit--\r\n"),
        (MULTIPART, b""),
        ("multipart/form-data", PARTS + b"--limit--\r\n"),
        ("multipart/form-data; boundary=", PARTS + b"--limit--\r\n"),
        ("multipart/form-data; boundary=other", PARTS + b"--limit--\r\n"),
        ("multipart/form-data; boundary=limit; boundary=limit", PARTS + b"--limit--\r\n"),
        ("multipart/form-data; boundary=lim", PARTS + b"--limit--\r\n"),
    ],
    ids=[
        "preamble",
        "LF before",
        "epilogue",
        "LF after",
        "not closed",
        "no closing delimiter",
        "cut",
        "closed twice",
        "no disposition",
        "no name",
        "not UTF-8",
        "empty",
        "no boundary",
        "blank boundary",
        "other boundary",
        "two boundaries",
        "shorter boundary",
    ],
)
def test_ambiguous_multipart_is_unreadable(content_type: str, body: bytes) -> None:
    assert error_of(content_type, body) == (UnreadableBody, None)


LINES = PARTS + b"--limit--"


@each_case("before", [b"", b"\r\n", b"\r\n\r\n"], ids=ascii)
@each_case("after", [b"", b"\r\n", b"\r\n\r\n", b"\r\n" * 20], ids=ascii)
def test_multipart_may_have_crlf_around_it(before: bytes, after: bytes) -> None:
    assert understand(MULTIPART, before + LINES + after) == UNDERSTOOD


# Found by hand: some widely used parser reads each of these as the form, or as another one.
AROUND = {
    "LF before": b"\n" + LINES,
    "CR before": b"\r" + LINES,
    "LF CR before": b"\n\r" + LINES,
    "a space before": b" " + LINES,
    "a space and CRLF before": b" \r\n" + LINES,
    "a byte order mark before": b"\xef\xbb\xbf" + LINES,
    "CRLF and a preamble": b"\r\npreamble\r\n" + LINES,
    "another form before": b"--other\r\n\r\n--other--\r\n" + LINES,
    "LF after": LINES + b"\n",
    "CR after": LINES + b"\r",
    "CRLF LF after": LINES + b"\r\n\n",
    "a space after": LINES + b" ",
    "a space and CRLF after": LINES + b" \r\n",
    "a third hyphen": LINES + b"-",
    "NUL after": LINES + b"\0",
    "an empty line for every line": LINES.replace(b"\r\n", b"\n"),
    "CR for every line": LINES.replace(b"\r\n", b"\r"),
    "LF after the first delimiter": LINES.replace(b"--limit\r\n", b"--limit\n", 1),
    "LF after a delimiter": LINES.replace(b"test.user\r\n--limit\r\n", b"test.user\r\n--limit\n"),
    "CR after a delimiter": LINES.replace(b"test.user\r\n--limit\r\n", b"test.user\r\n--limit\r"),
    "a space after a delimiter": LINES.replace(b"test.user\r\n--limit\r\n", b"test.user\r\n--limit \r\n"),
    "a tab after the first delimiter": LINES.replace(b"--limit\r\n", b"--limit\t\r\n", 1),
    "LF before a delimiter": LINES.replace(b"test.user\r\n--limit", b"test.user\n--limit"),
    "CR before a delimiter": LINES.replace(b"test.user\r\n--limit", b"test.user\r--limit"),
    "LF before the last delimiter": LINES.replace(b"Inbox\r\n", b"Inbox\n"),
    "a delimiter with more after it": LINES.replace(b"test.user\r\n--limit", b"test.user\r\n--limitation"),
    "a closing delimiter inside": LINES.replace(b"test.user\r\n--limit", b"test.user\r\n--limit--\r\n--limit"),
    "two delimiters, one after the other": LINES.replace(b"--limit\r\n", b"--limit\r\n--limit\r\n", 1),
    "only the closing delimiter": b"--limit--",
    "only line ends": b"\r\n\r\n",
    "a delimiter, then its end": b"--limit\r\n--limit--",
}


@each_case("body", AROUND.values(), ids=AROUND)
def test_delimiters_that_readers_disagree_about_are_rejected(body: bytes) -> None:
    assert reason_of(MULTIPART, body) == "multipart-delimiters"


def with_id(header: bytes) -> bytes:
    """Return the valid form with these lines as the header of its second part."""
    return LINES.replace(b'Content-Disposition: form-data; name="id"', header)


@each_case(
    "header",
    [
        b'Content-Disposition: form-data; name="id"',
        b"Content-Disposition: form-data; name=id",
        b'content-disposition:FORM-DATA;NAME="id"',
        b'Content-Disposition: form-data ; name="id" ;',
        b'Content-Type: text/plain; charset=UTF-8\r\nContent-Disposition: form-data; name="id"',
        b'Content-Disposition: form-data; name="id"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Length: 3',
        b'Content-Disposition: form-data; name="id"; x-other=1',
    ],
    ids=ascii,
)
def test_part_is_read_as_clients_write_it(header: bytes) -> None:
    assert understand(MULTIPART, with_id(header)) == UNDERSTOOD


PART_HEADERS = {
    "two names": b'Content-Disposition: form-data; name="id"; name="x"',
    "two names, one in capitals": b'Content-Disposition: form-data; name="id"; NAME="id"',
    "an encoded name": b"Content-Disposition: form-data; name*=utf-8''id",
    "a name and an encoded one": b"Content-Disposition: form-data; name=\"x\"; name*=utf-8''id",
    "a name in pieces": b'Content-Disposition: form-data; name*0="i"; name*1="d"',
    "two dispositions": b'Content-Disposition: form-data; name="id"\r\nContent-Disposition: form-data; name="x"',
    "the same disposition twice": b'Content-Disposition: form-data; name="id"\r\n' * 2 + b"X: y",
    "attachment": b'Content-Disposition: attachment; name="id"',
    "inline": b'Content-Disposition: inline; name="id"',
    "no type": b'Content-Disposition: name="id"',
    "no disposition": b"Content-Type: text/plain",
    "no name": b"Content-Disposition: form-data",
    "a file's name alone": b'Content-Disposition: form-data; filename="id"',
    "a folded header": b'Content-Disposition: form-data;\r\n name="id"',
    "LF in the header": b'Content-Disposition: form-data;\n name="id"',
    "LF between headers": b'X: y\nContent-Disposition: form-data; name="id"',
    "CR between headers": b'Content-Disposition: form-data; name="x"\rContent-Disposition: form-data; name="id"',
    "a space before the colon": b'Content-Disposition : form-data; name="id"',
    "a space before the header": b' Content-Disposition: form-data; name="id"',
    "spaces around the equals sign": b'Content-Disposition: form-data; name = "id"',
    "a comma for the semicolon": b'Content-Disposition: form-data, name="id"',
    "a quote that is not closed": b'Content-Disposition: form-data; name="id',
    "text after the quotes": b'Content-Disposition: form-data; name="i"d',
    "single quotes around two words": b"Content-Disposition: form-data; name='i d'",
    "a backslash that some drop": b'Content-Disposition: form-data; name="i\\d"',
    "a quote that only some escape": b'Content-Disposition: form-data; x="\\"; name="id"; y=\\"',
    "a comment": b'Content-Disposition: form-data (x); name="id"',
    "NUL in the name": b'Content-Disposition: form-data; name="id\0"',
    "base64": b'Content-Disposition: form-data; name="id"\r\nContent-Transfer-Encoding: base64',
    "quoted-printable": b'Content-Disposition: form-data; name="id"\r\nContent-Transfer-Encoding: Quoted-Printable',
    "no colon": b'Content-Disposition: form-data; name="id"\r\nhello',
    "seventeen headers": b'Content-Disposition: form-data; name="id"' + b"\r\nX: y" * 16,
}


@each_case("header", PART_HEADERS.values(), ids=PART_HEADERS)
def test_part_that_parsers_disagree_about_is_rejected(header: bytes) -> None:
    assert reason_of(MULTIPART, with_id(header)) == "multipart-unreadable"


@each_case("extra", [b'; filename="x"', b"; filename*=utf-8''x", b"; FileName=x", b'; filename=""'])
def test_part_with_file_name_is_no_text(extra: bytes) -> None:
    body = with_id(b'Content-Disposition: form-data; name="id"' + extra)
    assert error_of(MULTIPART, body) == (InvalidArguments, ["id"])


@each_case("value", [b"1\r\n2", b"1\n--lim\n2", b"\r\n", b"--limi", b"1\r\n\r\n2", b"-"], ids=ascii)
def test_line_ends_inside_a_value_belong_to_it(value: bytes) -> None:
    body = with_id(b'Content-Disposition: form-data; name="other"').replace(b"181", value)
    assert read_arguments(MULTIPART, body)["other"] == [value.decode()]


@each_case(("content_type", "body"), [as_form(GOOD.items()), as_json(GOOD.items())], ids=["form", "json"])
def test_one_byte_order_mark_is_ignored(content_type: str, body: bytes) -> None:
    assert understand(content_type, b"\xef\xbb\xbf" + body) == UNDERSTOOD
    twice = b"\xef\xbb\xbf\xef\xbb\xbf" + body
    assert error_of(content_type, twice) in [(MissingArguments, ["mailbox"]), (UnreadableBody, None)]


@each_case(
    ("content_type", "body", "reason"),
    [
        (JSON, b"{", "json-unreadable"),
        (JSON, b'{"a":"\xff"}', "json-unreadable"),
        (JSON, b"[]", "json-no-object"),
        (JSON, b"[" * 100_000, "json-too-deep"),
        (JSON, b'{"a":' * 9 + b"1" + b"}" * 9, "json-too-deep"),
        (JSON, b"[" * 9 + b"]" * 9, "json-too-deep"),
        (FORM, b"a=\xff", "form-not-utf-8"),
        (FORM, b"a=%ff", "form-not-utf-8"),
        (MULTIPART, PART % (b"id", b"\xff") + b"--limit--", "form-not-utf-8"),
        (MULTIPART, PART % (b"\xff", b"1") + b"--limit--", "form-not-utf-8"),
        (MULTIPART, PART % (b"x", b"1") * 1011 + b"--limit--", "too-many-arguments"),
        (FORM, b"a=&" * 1011, "too-many-arguments"),
        (JSON, b"{" + b'"a":1,' * 1010 + b'"a":1}', "too-many-arguments"),
    ],
)
def test_unreadable_body_has_a_reason(content_type: str, body: bytes, reason: str) -> None:
    assert reason_of(content_type, body) == reason


def test_multipart_may_quote_boundary_and_lack_last_line_end() -> None:
    assert understand('multipart/form-data; BOUNDARY="limit"', PARTS + b"--limit--") == UNDERSTOOD


def test_part_with_file_name_is_invalid_input() -> None:
    upload = b'--limit\r\nContent-Disposition: form-data; name="folder"; filename="x"\r\n\r\nInbox\r\n'
    body = PART % (b"mailbox", b"a") + PART % (b"id", b"1") + upload + b"--limit--\r\n"
    assert error_of(MULTIPART, body) == (InvalidArguments, ["folder"])


@each_case("content_type", ["text/plain", "application/jsonx", "json", "application/xml", ";"])
def test_other_content_type_is_unsupported(content_type: str) -> None:
    assert error_of(content_type, b"") == (UnsupportedMediaType, None)


@each_case("content_type", ["APPLICATION/JSON", "application/json; charset=iso-8859-1", "application/json ;"])
def test_content_type_matches_without_case_and_parameters(content_type: str) -> None:
    assert understand(content_type, json.dumps(GOOD).encode()) == UNDERSTOOD


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
arguments = st.dictionaries(st.sampled_from(["mailbox", "id", "folder", "other"]), texts)


@given(arguments)
def test_form_and_json_of_same_arguments_get_same_response(pairs: Any) -> None:
    def outcome(way: Any) -> Any:
        try:
            return understand(*way(pairs.items()))
        except ApiError as error:
            return type(error), error.fields, error.message

    assert outcome(as_form) == outcome(as_json)


@given(st.sampled_from([FORM, JSON, MULTIPART]), st.binary(max_size=200))
def test_random_bytes_raise_only_documented_errors(content_type: Any, body: Any) -> None:
    with pytest.raises(ApiError):
        understand(content_type, body)


@given(
    st.lists(
        st.sampled_from([b"--limit", b"--", b"\r\n", b"\n", b"Content-Disposition: form-data; name=id", b"x", b":"])
    )
)
def test_random_multipart_raises_only_documented_errors(pieces: Any) -> None:
    with pytest.raises(ApiError):
        understand(MULTIPART, b"--limit\r\n" + b"".join(pieces) + b"\r\n--limit--")


@each_way
def test_at_most_a_thousand_arguments_are_read(way: Callable[..., Any]) -> None:
    others = [("x", "1")] * (1010 - len(GOOD))
    assert understand(*way([*GOOD.items(), *others])) == UNDERSTOOD
    assert error_of(*way([*GOOD.items(), *others, ("x", "1")])) == (UnreadableBody, None)
