"""The parts of a content type: what is signed of it, and by what a multipart body is read."""

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daas.signing.content_type import boundary, media_type, without_boundary

from ..support.tables import each_case

# --- Without the boundary -----------------------------------------------------------------------------


@each_case(
    ("content_type", "signed"),
    [
        pytest.param("multipart/form-data; boundary=abc", "multipart/form-data", id="last"),
        pytest.param("multipart/form-data;boundary=abc", "multipart/form-data", id="no blank"),
        pytest.param("multipart/form-data \t ; \t boundary=abc", "multipart/form-data", id="blanks and tabs"),
        pytest.param('multipart/form-data; boundary="abc"', "multipart/form-data", id="quoted"),
        pytest.param('multipart/form-data; boundary="a;b"', "multipart/form-data", id="quoted semicolon"),
        pytest.param(r'multipart/form-data; boundary="a\";b"', "multipart/form-data", id="quoted escaped quote"),
        pytest.param(r'multipart/form-data; boundary="a\\"; a=b', "multipart/form-data; a=b", id="escaped backslash"),
        pytest.param('multipart/form-data; boundary=""; a=b', "multipart/form-data; a=b", id="quoted empty"),
        pytest.param("multipart/form-data; boundary=; a=b", "multipart/form-data; a=b", id="empty"),
        pytest.param("multipart/form-data; BOUNDARY=abc", "multipart/form-data", id="capitals"),
        pytest.param("multipart/form-data; Boundary=abc", "multipart/form-data", id="mixed case"),
        pytest.param("multipart/form-data; boundary = abc", "multipart/form-data", id="blanks around the equals sign"),
        pytest.param("multipart/form-data; boundary=abc; a=b", "multipart/form-data; a=b", id="first of two"),
        pytest.param("multipart/form-data; a=b; boundary=abc", "multipart/form-data; a=b", id="second of two"),
        pytest.param("x/y; a=b; boundary=abc; c=d", "x/y; a=b; c=d", id="between two"),
        pytest.param("x/y ;a=b\t;boundary=abc \t; c=d", "x/y ;a=b \t; c=d", id="the next one's blanks stay"),
        pytest.param("x/y; boundary=abc; boundary=def", "x/y", id="twice"),
        pytest.param("x/y; boundary=abc; a=b; boundary=def", "x/y; a=b", id="twice, apart"),
        pytest.param("x/y; boundary=abc;", "x/y;", id="a semicolon after it stays"),
        pytest.param("text/plain; boundary=abc", "text/plain", id="of another type"),
        pytest.param('x/y; boundary="abc', "x/y", id="quote never closed"),
        pytest.param("; boundary=abc", "", id="no media type"),
        pytest.param("x/y\xa0; boundary=abc", "x/y\xa0", id="a no-break blank before it stays"),
        pytest.param("x/y; boundary=abc\xa0", "x/y", id="a no-break blank at its end is its own"),
    ],
)
def test_the_boundary_is_taken_out(content_type: str, signed: str) -> None:
    assert without_boundary(content_type) == signed


@each_case(
    "content_type",
    [
        pytest.param("", id="blank"),
        pytest.param("application/x-www-form-urlencoded", id="media type alone"),
        pytest.param("Application/JSON ;  Charset = UTF-8 ;; x=\t", id="case and blanks"),
        pytest.param('x/y; a="; boundary=abc"', id="boundary in another's quotes"),
        pytest.param(r'x/y; a="\"; boundary=abc"', id="boundary in another's quotes, after an escaped quote"),
        pytest.param(r'x/y; a="\\\"; boundary=abc"', id="boundary in another's quotes, after both escaped"),
        pytest.param('x/y; a="; boundary=abc', id="boundary in quotes never closed"),
        pytest.param("x/y; boundary", id="no equals sign"),
        pytest.param("x/y; boundary-x=abc", id="a longer name"),
        pytest.param("x/y; xboundary=abc", id="a name that ends so"),
        pytest.param("x/y; x boundary=abc", id="a name with a blank"),
        pytest.param("x/y; boundary*=utf-8''abc", id="RFC 2231"),
        pytest.param("x/y; boundary*0=abc", id="RFC 2231, in pieces"),
        pytest.param("x/y, boundary=abc", id="a comma for the semicolon"),
        pytest.param("boundary=abc", id="no semicolon"),
        pytest.param("x/y;\xa0boundary=abc", id="a no-break blank"),
        pytest.param("x/y; a=\xe9", id="a Latin-1 letter"),
    ],
)
def test_nothing_else_changes(content_type: str) -> None:
    assert without_boundary(content_type) == content_type


blanks = st.text(" \t", max_size=3)
tokens = st.text("abcxyz0-_'/:\xe9", min_size=1, max_size=8)
quoted = st.lists(
    st.sampled_from(["a", ";", "=", " ", "; boundary=b", r"\"", r"\\", r"\;", "\xe9", ","]), max_size=6
).map(lambda pieces: f'"{"".join(pieces)}"')
boundary_names = st.sampled_from(["boundary", "Boundary", "BOUNDARY", "boUndarY"])
other_names = st.sampled_from(["charset", "name", "x-boundary", "boundary-x", "boundary*", "b", "boundar"])


@st.composite
def parameters(draw: Any, names: st.SearchStrategy[str]) -> str:
    """A parameter with the semicolon before it and the blanks around that."""
    equals = draw(st.sampled_from(["=", " = ", "=\t"]))
    return draw(blanks) + ";" + draw(blanks) + draw(names) + equals + draw(tokens | quoted)


boundaries = parameters(boundary_names).map(lambda text: (True, text))
others = parameters(other_names).map(lambda text: (False, text))
content_types = st.tuples(
    st.sampled_from(["multipart/form-data", "x/y", ""]), st.lists(boundaries | others, max_size=5)
)


@given(content_types)
def test_taking_the_boundary_out_leaves_every_other_byte(content_type: Any) -> None:
    kind, all_parameters = content_type
    text = kind + "".join(parameter for _, parameter in all_parameters)
    assert without_boundary(text) == kind + "".join(parameter for gone, parameter in all_parameters if not gone)


nasty = st.text('"\\;= \tboundary\xe9\n', max_size=60) | st.lists(
    st.sampled_from([";", "boundary=", "BOUNDARY", "=", " ", "\t", '"', "\\", "a", ';boundary="']), max_size=20
).map("".join)


@given(st.text() | nasty)
@example('x/y; boundary="')
@example('x/y; boundary="\\')
@example('x/y; a="\\" ; boundary=b')
@example('x/y; a="\\\n"')
def test_any_text_can_be_read_and_taking_out_twice_changes_no_more(text: Any) -> None:
    once = without_boundary(text)
    assert without_boundary(once) == once
    assert boundary(once) is None
    assert ";" not in media_type(text)
    if "boundary" not in text.lower():
        assert once == text


# --- The bare media type ------------------------------------------------------------------------------


@each_case(
    ("content_type", "bare"),
    [
        pytest.param("application/json", "application/json", id="alone"),
        pytest.param("application/json; charset=UTF-8", "application/json", id="charset"),
        pytest.param("application/json;charset=UTF-8", "application/json", id="no blank"),
        pytest.param("application/json \t; charset=UTF-8", "application/json", id="blanks before"),
        pytest.param(" \tapplication/json", "application/json", id="blanks around"),
        pytest.param("multipart/form-data; boundary=a; b=c", "multipart/form-data", id="multipart"),
        pytest.param("Application/JSON;", "Application/JSON", id="case kept"),
        pytest.param('x/y"; a=b"; c', 'x/y"', id="a quote hides no semicolon here"),
        pytest.param("application/json, text/plain; a=b", "application/json, text/plain", id="comma"),
        pytest.param("; charset=UTF-8", "", id="none"),
        pytest.param("", "", id="blank"),
    ],
)
def test_the_media_type_is_the_text_before_the_first_semicolon(content_type: str, bare: str) -> None:
    assert media_type(content_type) == bare


# --- The boundary -------------------------------------------------------------------------------------


@each_case(
    ("content_type", "found"),
    [
        pytest.param("multipart/form-data; boundary=abc", "abc", id="plain"),
        pytest.param("multipart/form-data;boundary=AbC", "AbC", id="case kept"),
        pytest.param("multipart/form-data; BOUNDARY=abc", "abc", id="name in capitals"),
        pytest.param("multipart/form-data; boundary = abc ; a=b", "abc", id="blanks around it"),
        pytest.param("x/y; a=b; boundary='()+_,-./:=?; c=d", "'()+_,-./:=?", id="every sign of RFC 2046"),
        pytest.param('x/y; boundary="abc"', "abc", id="quoted"),
        pytest.param('x/y; boundary="a b;c"; d=e', "a b;c", id="quoted blank and semicolon"),
        pytest.param(r'x/y; boundary="a\"b\\c\d"', r'a"b\cd', id="escapes"),
        pytest.param('x/y; a="; boundary=no"; boundary=abc', "abc", id="one in another's quotes does not count"),
    ],
)
def test_the_boundary_is_found(content_type: str, found: str) -> None:
    assert boundary(content_type) == found


@each_case(
    "content_type",
    [
        pytest.param("multipart/form-data", id="none"),
        pytest.param("", id="blank"),
        pytest.param("boundary=abc", id="in the place of the media type"),
        pytest.param("x/y; xboundary=abc", id="another name"),
        pytest.param('x/y; a="; boundary=abc"', id="in another's quotes"),
        pytest.param("x/y; boundary=abc; boundary=abc", id="twice"),
        pytest.param('x/y; boundary=abc; a=b; BOUNDARY="def"', id="twice, written otherwise"),
        pytest.param("x/y; boundary=a b", id="a blank in it"),
        pytest.param('x/y; boundary="abc', id="quote never closed"),
        pytest.param('x/y; boundary="abc\\"', id="closing quote escaped"),
        pytest.param('x/y; boundary="a"b', id="text after the quotes"),
        pytest.param('x/y; boundary=a"b"', id="quotes inside"),
        pytest.param('x/y; boundary=a"b;c"', id="quotes inside, with a semicolon"),
    ],
)
def test_a_boundary_that_cannot_be_relied_on_is_none(content_type: str) -> None:
    assert boundary(content_type) is None


@each_case("content_type", ["x/y; boundary=", 'x/y; boundary=""', "x/y; boundary=; a=b"])
def test_an_empty_boundary_is_as_good_as_none(content_type: str) -> None:
    assert not boundary(content_type)


# --- Hostile texts ------------------------------------------------------------------------------------

SIZE = 8192
HOSTILE = {
    "quotes": '"',
    "backslashes": "\\",
    "quotes and backslashes": '"\\',
    "backslashes and quotes": '\\"',
    "semicolons": ";",
    "boundaries": ";boundary=",
    "boundaries with quotes": ';boundary="',
    "boundaries with quotes and backslashes": ';boundary="\\',
    "letters and quotes": 'a"',
    "blanks": "; \t",
}


@each_case("start", ["x/y", 'x/y; boundary="', "x/y; boundary="], ids=["plain", "quoted", "boundary"])
@each_case("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_read_quickly(start: str, piece: str) -> None:
    text = start + (piece * SIZE)[:SIZE]
    started = time.thread_time()
    without_boundary(text)
    boundary(text)
    media_type(text)
    assert time.thread_time() - started < 0.2
