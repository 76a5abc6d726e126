"""The files of `cases` are read as `expected.json` and `found.json` say; its README describes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from daas.mail.files import FoundMessage, find_messages
from daas.mail.header import NotAMessage, read_envelope
from daas.mailboxes.models import date_text, fold

from ..support.tables import each_case

CASES = Path(__file__).with_name("cases")
EXPECTED = [json.loads((CASES / name).read_text(encoding="utf-8")) for name in ("expected.json", "found.json")]


def cases(kind: Any) -> Any:
    listed = [expected[kind] for expected in EXPECTED]
    return [case for each in listed for case in (each.items() if isinstance(each, dict) else each)]


def envelope_of(name: Any) -> Any:
    (found,) = find_messages(CASES / name)
    return read_envelope(found.raw)  # type: ignore[union-attr]


def test_every_file_has_an_expected_value() -> None:
    named = {case if isinstance(case, str) else case[0] for kind in EXPECTED[0] for case in cases(kind)}
    described = {"README.md", "expected.json", "found.json"}
    assert len(named) > 90
    assert {path.name for path in CASES.iterdir()} - described == named


@each_case(("name", "count"), cases("mbox"))
def test_mbox_holds_so_many_messages(name: Any, count: Any) -> None:
    found = [*find_messages(CASES / name)]
    assert [type(each) for each in found] == [FoundMessage] * count
    for each in found:
        assert read_envelope(each.raw).subject  # type: ignore[union-attr]


@each_case("name", [name for name, count in cases("mbox") if count == 1])
def test_mbox_with_one_message_keeps_it_byte_for_byte(name: Any) -> None:
    (found,) = find_messages(CASES / name)
    assert found.raw == (CASES / name).read_bytes().partition(b"\n")[2]  # type: ignore[union-attr]


@each_case(("name", "subject"), cases("subject"))
def test_subject_is_decoded(name: Any, subject: Any) -> None:
    assert envelope_of(name).subject == subject


@each_case(("name", "date"), cases("date"))
def test_date_is_right_or_empty(name: Any, date: Any) -> None:
    assert date_text(envelope_of(name).date) == date


@each_case(("name", "fields"), cases("header_read"))
def test_bad_line_hides_no_field(name: Any, fields: Any) -> None:
    envelope = envelope_of(name)
    shown = {"subject": envelope.subject, "from": envelope.sender, "to": envelope.recipients}
    assert {field: shown[field] for field in fields} == fields


@each_case("name", cases("skipped"))
def test_file_that_is_no_mail_is_skipped(name: Any) -> None:
    (found,) = find_messages(CASES / name)
    if isinstance(found, FoundMessage):
        with pytest.raises(NotAMessage):
            read_envelope(found.raw)


@each_case(("name", "texts"), cases("found_by_subject"))
def test_search_folds_white_space(name: Any, texts: Any) -> None:
    stored = fold(envelope_of(name).subject)
    assert [text for text in texts if fold(text) not in stored] == []
