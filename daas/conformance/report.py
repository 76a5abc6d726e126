"""Format the results of a run: as text, as JUnit's XML, and as JSON."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from .run import FAILED, PASSED, SKIPPED, Exchange, Result


def count(results: Sequence[Result], outcome: str) -> int:
    """Return how many cases have an outcome."""
    return sum(result.outcome == outcome for result in results)


def summary(results: Sequence[Result]) -> str:
    """Return the numbers of cases in one line."""
    counts = ", ".join(f"{count(results, outcome)} {outcome}" for outcome in (PASSED, FAILED, SKIPPED))
    return f"{len(results)} cases: {counts}."


def row(result: Result, width: int) -> str:
    """Return a result's line; `width` is the width of the column of ids."""
    reason = f" ({result.reason})" if result.reason else ""
    return f"{result.outcome:<7}  {result.case.id:<{width}}  {result.case.sentence}{reason}"


def explanation(result: Result) -> str:
    """Return what a failed case sent, what it received and what it expected."""
    parts = [f"{result.case.id}: {result.case.sentence}", f"  see {result.case.see}"]
    for number, exchange in enumerate(result.exchanges, 1):
        if exchange.errors:
            step = f"request {number} of {len(result.exchanges)}: " if len(result.exchanges) > 1 else ""
            parts += [f"  {step}{error}" for error in exchange.errors]
            parts += [f"    {title}\n{_indented(text)}" for title, text in _texts(exchange).items() if text]
    return "\n".join(parts)


def to_json(url: str, results: Sequence[Result]) -> dict[str, Any]:
    """Return a run as a JSON object."""
    return {
        "url": url,
        **{outcome: count(results, outcome) for outcome in (PASSED, FAILED, SKIPPED)},
        "cases": [
            {
                "id": result.case.id,
                "sentence": result.case.sentence,
                "see": result.case.see,
                "outcome": result.outcome,
                "reason": result.reason,
                "seconds": round(result.seconds, 3),
                "exchanges": [{"faults": each.errors, **_texts(each)} for each in result.exchanges if each.errors],
            }
            for result in results
        ],
    }


def to_junit(url: str, results: Sequence[Result]) -> bytes:
    """Return a run as JUnit's XML, for continuous integration; a group of cases is a class."""
    suite = ET.Element("testsuite", name=f"daas conformance {url}", tests=str(len(results)), errors="0")
    suite.set("failures", str(count(results, FAILED)))
    suite.set("skipped", str(count(results, SKIPPED)))
    suite.set("time", f"{sum(result.seconds for result in results):.3f}")
    for result in results:
        group, _, name = result.case.id.rpartition(".")
        case = ET.SubElement(suite, "testcase", classname=group, name=name, time=f"{result.seconds:.3f}")
        if result.outcome == FAILED:
            failure = ET.SubElement(case, "failure", message=_printable(" ".join(result.errors)))
            failure.text = _printable(explanation(result))
        elif result.outcome == SKIPPED:
            ET.SubElement(case, "skipped", message=_printable(result.reason))
    document = ET.Element("testsuites")
    document.append(suite)
    ET.indent(document)
    text: bytes = ET.tostring(document, encoding="utf-8", xml_declaration=True)
    return text


def _texts(exchange: Exchange) -> dict[str, str]:
    return {
        "sent": exchange.request,
        "string_to_sign": exchange.string_to_sign,
        "came": exchange.response,
        "expected": exchange.expected,
    }


def _indented(text: str) -> str:
    return "\n".join(f"      {_printable(line)}" for line in text.split("\n"))


def _printable(text: str) -> str:
    """Return a text in which characters that a terminal or XML cannot hold are escaped."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )
