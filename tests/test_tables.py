"""A test over a table checks every case, and reports each one that fails."""

from typing import Any

import pytest

from .support.tables import each_case


def cases_of(error: BaseException) -> list[str]:
    """Return the notes of all errors in a group, with those of the groups in it."""
    below = [note for each in getattr(error, "exceptions", ()) for note in cases_of(each)]
    return [*getattr(error, "__notes__", ()), *below]


def test_every_case_is_checked_and_every_failure_named() -> None:
    seen = []

    @each_case("number", [1, pytest.param(2, id="two"), 3, 4], ids=["one", "second", "three", "four"])
    def check(number: int) -> None:
        seen.append(number)
        if number == 3:
            pytest.fail("not raised")
        assert number != 2

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases failed") as failed:
        check()
    assert seen == [1, 2, 3, 4]
    assert cases_of(failed.value) == ["The case: two", "The case: three"]


def test_tables_combine_with_each_other_and_with_fixtures() -> None:
    seen = []

    @each_case("letter", "ab")
    @each_case(("number", "square"), {2: 4, 3: 9}.items())
    def check(letter: str, number: int, square: int, fixture: str) -> None:
        seen.append((letter, number, square, fixture))
        assert (letter, number) != ("b", 3)

    with pytest.raises(BaseExceptionGroup) as failed:
        check(fixture="given")
    assert seen == [("a", 2, 4, "given"), ("a", 3, 9, "given"), ("b", 2, 4, "given"), ("b", 3, 9, "given")]
    assert cases_of(failed.value) == ["The case: b", "The case: 3-9"]


@pytest.mark.parametrize("fixture", ["given"])
@each_case("number", range(3))
def test_pytest_gives_a_table_only_its_fixtures(number: int, fixture: str) -> None:
    assert number in range(3)
    assert fixture == "given"


@pytest.mark.parametrize("cases", [[], {}.items()])
def test_table_without_cases_is_an_error(cases: Any) -> None:
    with pytest.raises(AssertionError, match="without cases"):
        each_case("number", cases)
