"""Compares an answer with the one that was expected."""

import json
import re
from collections.abc import Iterator, Mapping

from .case import Expected
from .request import fill
from .wire import Answer

# How many seconds a moment may be off that is told by the server's clock and judged by ours.
_TOLERANCE = 5


def request_id_of(answer: Answer) -> str:
    """Give the request_id that a body begins with; nothing if it begins with none."""
    found = re.match(rb'\{\s*"request_id"\s*:\s*"([^"]*)"', answer.body)
    return found[1].decode("latin-1") if found else ""


def faults_of(answer: Answer, expected: Expected, names: Mapping[str, str], now: float) -> Iterator[str]:
    """Say what is wrong with an answer, a sentence each; `names` are what the expected texts may name."""
    request_id = request_id_of(answer)
    names = {**names, "request_id": request_id}
    if answer.status not in _statuses(expected):
        yield f"The status is {answer.status}."
    if expected.body and not re.fullmatch(expected.request_id, request_id):
        yield "The body begins with no request_id of the expected form."
    if expected.body is not None:
        due = fill(expected.body, names)
        if not (_is_same_json(answer.body, due) if expected.as_json else answer.body == due.encode()):
            yield "The body is another one."
    for name, text in expected.headers.items():
        if (came := answer.header(name)) != (text and fill(text, names)):
            yield f"The header {name} is {'not there' if came is None else f'{came!r}'}."
    if expected.moment is not None:
        skew = answer.header("X-Daas-Clock-Skew") or ""
        if not re.fullmatch("-?[0-9]+", skew) or abs(int(skew) - (expected.moment - now)) > _TOLERANCE:
            yield f"X-Daas-Clock-Skew is {skew or 'not there'}: the date was read as another moment, or not at all."


def describe(expected: Expected, names: Mapping[str, str]) -> str:
    """Write down what is expected, as people read it."""
    lines = [" or ".join(map(str, _statuses(expected)))]
    for name, text in expected.headers.items():
        lines.append(f"no {name}" if text is None else f"{name}: {_shown(text, names)}")
    if expected.moment is not None:
        lines.append(f"X-Daas-Clock-Skew: {expected.moment} minus the server's clock")
    if expected.body is not None:
        lines += ["", _shown(expected.body, names) or "(no body)"]
    return "\n".join(lines)


def _statuses(expected: Expected) -> list[int]:
    return [expected.status] if isinstance(expected.status, int) else [*expected.status]


def _shown(text: str, names: Mapping[str, str]) -> str:
    return fill(text, {**names, "request_id": "..."})


def _is_same_json(body: bytes, due: str) -> bool:
    try:
        return bool(json.loads(body, object_pairs_hook=list) == json.loads(due, object_pairs_hook=list))
    except ValueError:
        return False
