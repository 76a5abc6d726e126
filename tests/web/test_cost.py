"""The work for a request before its signature is known to be valid: at most five times that of a plain 401.

The tests count calls of Python functions, calls of C functions (a quarter of their time each) and hashed bytes, which
stand for the work that C does on whole texts. They do not measure time, which differs between machines.
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest
from flask import Flask

from daas.contacts.api import MAX_BODY_BYTES
from daas.signing import mechanism

from ..support.actors import FORM, MOVE

# To write, lower-case and hash this many bytes takes about as long as a call.
BYTES_FOR_A_CALL = 250
C_CALLS_FOR_A_CALL = 4
MOST = 5

LISTS = "/v1/lists.json"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
PART = b"--b\r\nContent-Disposition:form-data;name=a\r\n\r\n%s\r\n"
RCWS = {"Authorization": f"RCWS {'k' * 64}:{'0' * 64}"}
DAAS = {"Authorization": f"DAAS {'k' * 64}:{'0' * 88}", "Date": "Mon, 03 Jun 2013 12:13:56 GMT"}


Cost = Callable[..., float]


@dataclass
class Meter:
    """Counts the work while it is on."""

    calls: int = 0
    c_calls: int = 0
    hashed_bytes: int = 0

    @property
    def cost(self) -> float:
        return self.calls + self.c_calls / C_CALLS_FOR_A_CALL + self.hashed_bytes / BYTES_FOR_A_CALL

    def __enter__(self) -> "Meter":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, _: object) -> None:
        if event == "c_call":
            self.c_calls += 1
        elif event == "call":
            self.calls += 1
            if frame.f_code is mechanism._digest.__code__:
                self.hashed_bytes += len(frame.f_locals["string_to_sign"])


@pytest.fixture
def cost(app: Flask) -> Cost:
    """Return a function that returns the cost of a request, which must be rejected with one of these statuses."""
    client = app.test_client()

    def measure(
        uri: str, headers: dict[str, str], body: bytes = b"", *, method: str = "POST", status: Any = 401
    ) -> float:
        for _ in range(2):  # The first request may fill caches.
            with Meter() as meter:
                response = client.open(uri, method=method, data=body, headers=headers)
        assert response.status_code == status
        return meter.cost

    return measure


@pytest.fixture
def limit(cost: Cost) -> float:
    """Return the cost that no request to either API may exceed."""
    plain = [cost(LISTS, RCWS, method="GET"), cost(MOVE, {**DAAS, "Content-Type": FORM})]
    assert min(plain) > 300  # The meter is on.
    return MOST * min(plain)


def filled(unit: bytes, before: bytes = b"", after: bytes = b"", size: int = MAX_BODY_BYTES) -> bytes:
    """Return a body of about a size, of the same bytes again and again."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def in_text(unit: str) -> bytes:
    return filled(unit.encode(), b'{ "a":"', b'"}')


POSTED = {
    "a list of texts": (JSON, filled(b'"",', b'{"a":[', b'""]}')),
    "a list of objects": (JSON, filled(b"{},", b'{"a":[', b"{}]}")),
    "a list of numbers": (JSON, filled(b"1,", b'{"a":[', b"1]}")),
    "a list of fractions": (JSON, filled(b"1.5,", b'{"a":[', b"1]}")),
    "a list of lists": (JSON, filled(b"[[[[[[]]]]]],", b'{"a":[', b"[]]}")),
    "many names": (JSON, filled(b'"":"",', b"{", b'"":""}')),
    "many names of objects": (JSON, filled(b'"":{},', b"{", b'"":""}')),
    "brackets that open": (JSON, filled(b"[", b'{"a":')),
    "brackets 900 deep": (JSON, b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"),
    "127 names": (JSON, b"{" + b",".join(b'"%d":"%s"' % (n, "Σİ/".encode() * 25) for n in range(127)) + b"}"),
    "253 numbers": (JSON, b'{"\xc3\xa9":[' + b",".join(b"%d" % n for n in range(253)) + b"]}"),
    "a long text": (JSON, in_text("x")),
    "slashes": (JSON, in_text("/")),
    "letters beyond ASCII": (JSON, in_text("é")),
    "as many letters as are varied": (JSON, in_text("Σİ/é")[: 16_380 // 7 * 7] + b'"}'),
    "letters of two code units": (JSON, in_text("😀/")[:16_200] + b'"}'),
    "capital sigmas": (JSON, in_text("Σ'")),
    "escaped letters": (JSON, in_text(r"\u00e9")),
    "escaped slashes": (JSON, in_text(r"\/")),
    "escaped backslashes": (JSON, in_text("\\\\")),
    "spaces": (JSON, filled(b" ", b'{"a":"b"', b"}")),
    "quotes": (JSON, filled(b'"', b"{")),
    "quotes after backslashes": (JSON, filled(b'\\"', b"{")),
    "bytes that are no text": (JSON, filled(b"\xff", b"{")),
    "a long number": (JSON, filled(b"9", b'{"a":', b"}")),
    "a form of separators": (FORM, filled(b"&")),
    "a form of names": (FORM, filled(b"a&")),
    "a form of 128 fields": (FORM, b"&".join(b"a%d=%s" % (n, b"%C3%A9/" * 7) for n in range(128))),
    "a form of escapes": (FORM, filled(b"%41", b"a=")),
    "a form of percent signs": (FORM, filled(b"%", b"a=")),
    "a form of 2,000 escapes": (FORM, b"a=" + b"%41x" * 2000),
    "a form of equals signs": (FORM, filled(b"=", b"a=")),
    "a form of plus signs": (FORM, filled(b"+", b"a=")),
    "empty parts": (MULTIPART, filled(PART % b"", b"", b"--b--")),
    "128 parts": (MULTIPART, PART % ("é/".encode() * 30) * 128 + b"--b--"),
    "a part of headers": (MULTIPART, filled(b"a:b\r\n", b"--b\r\n", b"\r\n\r\n--b--")),
    "a part of parameters": (
        MULTIPART,
        filled(b";a=b", b"--b\r\nContent-Disposition:form-data;name=a", b"\r\n\r\n\r\n--b--"),
    ),
    "a part of line ends": (MULTIPART, filled(b"\r\n", PART[:-4], b"\r\n--b--")),
    "line ends before the parts": (MULTIPART, filled(b"\r\n", b"", PART % b"" + b"--b--")),
    "line ends after the parts": (MULTIPART, filled(b"\r\n", PART % b"" + b"--b--")),
    "delimiters": (MULTIPART, filled(b"\r\n--b", PART[:-4], b"\r\n--b--")),
    "another type": ("text/plain", filled(b"x")),
    "no type": ("", filled(b"a=b&")),
}


@pytest.mark.parametrize(("content_type", "body"), POSTED.values(), ids=POSTED)
def test_no_body_of_a_contact_costs_more_than_five_401s(
    cost: Cost, limit: float, content_type: str, body: bytes
) -> None:
    assert len(body) <= MAX_BODY_BYTES
    assert cost(LISTS, {**RCWS, "Content-Type": content_type}, body) <= limit


@pytest.mark.parametrize(("content_type", "body"), POSTED.values(), ids=POSTED)
def test_no_body_of_a_move_costs_more_than_five_401s(cost: Cost, limit: float, content_type: str, body: bytes) -> None:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    headers = {**DAAS, "Content-Type": content_type, "Content-MD5": md5}
    assert cost(MOVE, headers, (body * 2)[:65_536]) <= limit


def test_body_over_the_limit_costs_no_more(cost: Cost, limit: float) -> None:
    assert cost(LISTS, {**RCWS, "Content-Type": JSON}, b"[" * (MAX_BODY_BYTES + 1), status=413) <= limit


QUERIES = {"separators": "&", "names": "b&a&", "pairs": "b=1&a=2&", "a long name": "b", "escapes": "%41", "equals": "="}


@pytest.mark.parametrize("unit", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("length", [1, 10, 100, 1000, 4000])
def test_no_query_costs_more_than_five_401s(cost: Cost, limit: float, unit: str, length: int) -> None:
    query = (unit * length)[:length]
    assert cost(f"{LISTS}?{query}", RCWS, method="GET") <= limit
    assert cost(f"{MOVE}?{query}", {**DAAS, "Content-Type": FORM}) <= limit
    assert cost(f"/direct/folders?{query}", DAAS, method="GET") <= limit


HEADERS = {
    "semicolons": {"Content-Type": "a/b" + ";" * 8000},
    "boundaries": {"Content-Type": "a/b" + ";boundary=a" * 700},
    "quotes": {"Content-Type": "a/b;boundary" + '"' * 8000},
    "1,000 characters of boundaries": {"Content-Type": "a/b" + ";boundary" * 110},
    "a date of letters": {"Content-Type": FORM + ";x", "Date": "é" * 8000},
    "a date of spaces": {"Content-Type": FORM, "Date": "06/03/2013" + " " * 8000},
    "a zone of words": {"Content-Type": FORM, "X-Daas-Date": "x", "Date": "06/03/2013 12:13:56 " + "a " * 4000},
    "a comment of brackets": {
        "Content-Type": FORM,
        "X-Daas-Date": "x",
        "Date": "3 Jun 2013 12:13:56 Z (" + "()" * 4000,
    },
    "a long signature": {"Content-Type": FORM, "Authorization": "DAAS " + "k" * 4000 + ":" + "s" * 4000},
    "a long Authorization": {"Content-Type": FORM, "Authorization": "DAAS" + " " * 8000 + "x"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_no_header_costs_more_than_five_401s(cost: Cost, limit: float, headers: dict[str, str]) -> None:
    assert cost(MOVE, {**DAAS, **headers}) <= limit


@pytest.mark.parametrize(
    "uri", ["/direct/" + "%41" * 1300, "/direct" + "/a" * 2000, "/v1/" + "%2f" * 1300, "/v1" + "/" * 4000]
)
def test_no_unknown_path_costs_more_than_five_401s(cost: Cost, limit: float, uri: str) -> None:
    assert cost(uri, {**DAAS, "Content-Type": FORM}, status=404) <= limit
