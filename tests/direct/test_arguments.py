"""What the arguments of a move may hold, in each of the three content types."""

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

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=limit"
GOOD = {"mailbox": "test.user", "id": "181", "folder": "Inbox"}
UNDERSTOOD = {"mailbox": "test.user", "id": 181, "folder": "Inbox"}


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


def fault_of(content_type: str, body: bytes) -> Any:
    with pytest.raises(ApiError) as caught:
        understand(content_type, body)
    return type(caught.value), caught.value.fields


each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@each_way
def test_the_three_content_types_are_understood_alike(way: Callable[..., Any]) -> None:
    assert understand(*way(GOOD.items())) == UNDERSTOOD


@each_way
def test_names_count_in_any_case_and_unknown_ones_are_ignored(way: Callable[..., Any]) -> None:
    pairs = [("MailBox", "test.user"), ("ID", "181"), ("FOLDER", "Inbox"), ("colour", "red"), ("colour", "blue")]
    assert understand(*way(pairs)) == UNDERSTOOD


@each_way
@pytest.mark.parametrize("blanks", [" ", "\t", "\r\n", " \r\n\t "], ids=repr)
def test_blanks_around_a_value_are_removed(way: Callable[..., Any], blanks: str) -> None:
    assert understand(*way([(name, blanks + value + blanks) for name, value in GOOD.items()])) == UNDERSTOOD


@each_way
@pytest.mark.parametrize("name", GOOD)
def test_a_value_of_blanks_counts_as_missing(way: Callable[..., Any], name: str) -> None:
    assert fault_of(*way({**GOOD, name: " \r\n\t"}.items())) == (MissingArguments, [name])


@each_way
@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("again", ["same", "blank"])
def test_a_repeated_argument_is_invalid_even_if_one_of_its_values_is_blank(
    way: Callable[..., Any], name: str, again: str
) -> None:
    pairs = [*GOOD.items(), (name.upper(), GOOD[name] if again == "same" else "")]
    assert fault_of(*way(pairs)) == (InvalidArguments, [name])


@each_way
def test_a_repeated_argument_whose_values_are_all_blank_is_missing(way: Callable[..., Any]) -> None:
    assert fault_of(*way([("mailbox", ""), ("mailbox", " "), ("id", "1"), ("folder", "Sent")])) == (
        MissingArguments,
        ["mailbox"],
    )


@each_way
@pytest.mark.parametrize(
    "name",
    ["a", "A" * 64, "test.user", "o'neil", "a+b", "{x}", "!#$%&'*+-/=?^_`|~", "1"],
)
def test_a_local_part_is_a_mailbox_in_lower_case(way: Callable[..., Any], name: str) -> None:
    assert understand(*way({**GOOD, "mailbox": name}.items()))["mailbox"] == name.lower()


@each_way
@pytest.mark.parametrize(
    "name",
    ["a" * 65, ".a", "a.", "a..b", "a@b", "a b", "é", "a\u0000b", '"a"', "a,b", "a\nb", "\u212a", "a/\\b", "(a)"],
    ids=ascii,
)
def test_what_is_no_local_part_is_no_mailbox(way: Callable[..., Any], name: str) -> None:
    if way is as_multipart and "\n" in name:
        name = name.replace("\n", "\v")
    assert fault_of(*way({**GOOD, "mailbox": name}.items())) == (InvalidArguments, ["mailbox"])


@each_way
@pytest.mark.parametrize("text", ["1", "181", "9223372036854775807"])
def test_a_decimal_number_is_an_id(way: Callable[..., Any], text: str) -> None:
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
@pytest.mark.parametrize("text", NO_IDS, ids=lambda text: ascii(text[:20]))
def test_what_is_not_written_as_an_id_is_none(way: Callable[..., Any], text: str) -> None:
    assert fault_of(*way({**GOOD, "id": text}.items())) == (InvalidArguments, ["id"])


@each_way
@pytest.mark.parametrize("text", [text for text in NO_IDS if text != "1 2"], ids=lambda text: ascii(text[:20]))
def test_a_folder_is_a_standard_name_or_an_id(way: Callable[..., Any], text: str) -> None:
    assert fault_of(*way({**GOOD, "folder": text}.items())) == (InvalidArguments, ["folder"])
    assert understand(*way({**GOOD, "folder": "5"}.items()))["folder"] == 5


@pytest.mark.parametrize(
    ("written", "fault"),
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
def test_a_json_id_is_a_string_or_a_number_written_as_a_whole_number(
    written: str, fault: tuple[type[Any], list[str] | None] | None
) -> None:
    body = f'{{"mailbox":"test.user","folder":"Inbox",{written}}}'.encode()
    if fault is None:
        assert understand(JSON, body) == UNDERSTOOD
    else:
        assert fault_of(JSON, body) == fault


def test_a_json_folder_may_be_a_number_and_a_mailbox_may_not() -> None:
    assert understand(JSON, b'{"mailbox":"a","id":1,"folder":5}')["folder"] == 5
    assert fault_of(JSON, b'{"mailbox":5,"id":1,"folder":5}') == (InvalidArguments, ["mailbox"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"{}{}",
        b"{'mailbox':1}",
        b'\xef\xbb\xbf{"id":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' * 9 + b"1" + b"}" * 9,
        b"[" * 100_000,
        b'{"a":' + b"[" * 8 + b"]" * 8 + b"}",
    ],
    ids=lambda body: ascii(body[:16]),
)
def test_what_is_not_one_json_object_of_bounded_depth_is_unreadable(body: bytes) -> None:
    assert fault_of(JSON, body) == (UnreadableBody, None)


def test_json_eight_deep_is_read_and_brackets_in_strings_do_not_count() -> None:
    nested = (
        '{"x":' + "[" * 7 + "]" * 7 + ',"y":"' + "[{" * 20 + '\\"[","mailbox":"test.user","id":181,"folder":"Inbox"}'
    )
    assert understand(JSON, nested.encode()) == UNDERSTOOD


@pytest.mark.parametrize("body", [b"mailbox=\xff", b"mailbox=%ff", b"a=%C3&b=%A9", b"\xc3\x28=1"], ids=ascii)
def test_a_form_that_is_not_utf_8_is_unreadable_as_a_whole(body: bytes) -> None:
    assert fault_of(FORM, body + b"&id=1&folder=Inbox") == (UnreadableBody, None)


PART = b'--limit\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
PARTS = b"".join(PART % (name.encode(), value.encode()) for name, value in GOOD.items())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MULTIPART, b"preamble\r\n" + PARTS + b"--limit--\r\n"),
        (MULTIPART, b"\r\n" + PARTS + b"--limit--\r\n"),
        (MULTIPART, PARTS + b"--limit--\r\nepilogue"),
        (MULTIPART, PARTS + b"--limit--\r\n\r\n"),
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
        "blank line before",
        "epilogue",
        "line after",
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
def test_multipart_that_could_be_read_in_two_ways_is_unreadable(content_type: str, body: bytes) -> None:
    assert fault_of(content_type, body) == (UnreadableBody, None)


def test_multipart_may_end_without_a_line_end_and_quote_its_boundary() -> None:
    assert understand('multipart/form-data; BOUNDARY="limit"', PARTS + b"--limit--") == UNDERSTOOD


def test_a_part_with_a_file_name_is_invalid_input() -> None:
    upload = b'--limit\r\nContent-Disposition: form-data; name="folder"; filename="x"\r\n\r\nInbox\r\n'
    body = PART % (b"mailbox", b"a") + PART % (b"id", b"1") + upload + b"--limit--\r\n"
    assert fault_of(MULTIPART, body) == (InvalidArguments, ["folder"])


@pytest.mark.parametrize("content_type", ["text/plain", "application/jsonx", "json", "application/xml", ";"])
def test_another_content_type_is_unsupported(content_type: str) -> None:
    assert fault_of(content_type, b"") == (UnsupportedMediaType, None)


@pytest.mark.parametrize(
    "content_type", ["APPLICATION/JSON", "application/json; charset=iso-8859-1", "application/json ;"]
)
def test_a_content_type_counts_without_its_case_and_parameters(content_type: str) -> None:
    assert understand(content_type, json.dumps(GOOD).encode()) == UNDERSTOOD


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
arguments = st.dictionaries(st.sampled_from(["mailbox", "id", "folder", "other"]), texts)


@given(arguments)
def test_a_form_and_json_of_the_same_arguments_get_the_same_answer(pairs: Any) -> None:
    def outcome(way: Any) -> Any:
        try:
            return understand(*way(pairs.items()))
        except ApiError as fault:
            return type(fault), fault.fields, fault.message

    assert outcome(as_form) == outcome(as_json)


@given(st.sampled_from([FORM, JSON, MULTIPART]), st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_documented_fault(content_type: Any, body: Any) -> None:
    with pytest.raises(ApiError):
        understand(content_type, body)


@given(
    st.lists(
        st.sampled_from([b"--limit", b"--", b"\r\n", b"\n", b"Content-Disposition: form-data; name=id", b"x", b":"])
    )
)
def test_no_pieces_of_multipart_raise_anything_but_a_documented_fault(pieces: Any) -> None:
    with pytest.raises(ApiError):
        understand(MULTIPART, b"--limit\r\n" + b"".join(pieces) + b"\r\n--limit--")


@each_way
def test_a_thousand_arguments_are_read_and_no_more(way: Callable[..., Any]) -> None:
    others = [("x", "1")] * (1000 - len(GOOD))
    assert understand(*way([*GOOD.items(), *others])) == UNDERSTOOD
    assert fault_of(*way([*GOOD.items(), *others, ("x", "1")])) == (UnreadableBody, None)
