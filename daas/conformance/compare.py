"""Compare a response with the expected one."""

import json
import re
from collections.abc import Iterator, Mapping

from .case import Expected
from .raw_http import Response
from .request import fill

# Seconds by which a moment that the server reports may differ: its clock and ours tick at different times.
_TOLERANCE = 5


def request_id_of(response: Response) -> str:
    """Return the request_id at the beginning of a JSON body, or an empty string if there is none."""
    found = re.match(rb'\{\s*"request_id"\s*:\s*"([^"]*)"', response.body)
    return found[1].decode("latin-1") if found else ""


def find_errors(response: Response, expected: Expected, names: Mapping[str, str], now: float) -> Iterator[str]:
    """Yield a sentence for each difference between a response and the expected one.

    `names` holds the values of the names in the expected texts; `now` is the server's clock in seconds since 1970.
    """
    request_id = request_id_of(response)
    names = {**names, "request_id": request_id}
    if response.status not in _statuses(expected):
        yield f"The status is {response.status}."
    if expected.body and not re.fullmatch(expected.request_id, request_id):
        yield "The body does not begin with a request_id of the expected form."
    if expected.body is not None:
        body = fill(expected.body, names)
        if not (_is_same_json(response.body, body) if expected.as_json else response.body == body.encode()):
            yield "The body differs from the expected one."
    for name, text in expected.headers.items():
        if (value := response.header(name)) != (text and fill(text, names)):
            yield f"The header {name} is {'missing' if value is None else f'{value!r}'}."
    if expected.moment is not None:
        skew = response.header("X-Daas-Clock-Skew") or ""
        if not re.fullmatch("-?[0-9]+", skew) or abs(int(skew) - (expected.moment - now)) > _TOLERANCE:
            yield f"X-Daas-Clock-Skew is {skew or 'missing'}: the date was read as another moment, or not at all."


def describe(expected: Expected, names: Mapping[str, str]) -> str:
    """Return the expected response as text for people: status, headers, an empty line, the body."""
    lines = [" or ".join(map(str, _statuses(expected)))]
    for name, text in expected.headers.items():
        lines.append(f"no {name}" if text is None else f"{name}: {_filled(text, names)}")
    if expected.moment is not None:
        lines.append(f"X-Daas-Clock-Skew: {expected.moment} minus the server's clock")
    if expected.body is not None:
        lines += ["", _filled(expected.body, names) or "(no body)"]
    return "\n".join(lines)


def _statuses(expected: Expected) -> list[int]:
    return [expected.status] if isinstance(expected.status, int) else [*expected.status]


def _filled(text: str, names: Mapping[str, str]) -> str:
    return fill(text, {**names, "request_id": "..."})


def _is_same_json(body: bytes, expected: str) -> bool:
    try:
        return bool(json.loads(body, object_pairs_hook=list) == json.loads(expected, object_pairs_hook=list))
    except ValueError:
        return False
