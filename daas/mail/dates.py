"""Reads the date of a mail header: RFC 5322 with its obsolete forms, and what programs write instead.

A signed request may use fewer formats: misreading its date could accept an old one. A mail's date is only shown.
"""

import re
from datetime import UTC, datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NUMBERS = {name: n % 12 + 1 for n, name in enumerate((*_MONTHS, *_LONG_MONTHS))} | {"sept": 9}

# Hours east of Greenwich. IST and BST are left out, because they have several meanings; the American ones have theirs
# by RFC 5322, 4.3.
_ZONES = {
    **{"ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "cet": 1, "met": 1, "mez": 1, "cest": 2, "mest": 2},
    **{"mesz": 2, "eet": 2, "eest": 3, "msk": 3, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13},
    **{"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8},
    **{"akdt": -8, "akst": -9, "hst": -10},
}

_TIME = (
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:[.,][0-9]+)?)?"
    r"|\.(?P<minute_>[0-9]{2})\.(?P<second_>[0-9]{2}))(?: ?(?P<half>[ap])\.?m\b\.?)?"
)
# An abbreviation, an offset, or both, as in GMT-0500, EDT -0400 and -0400 EDT.
_OFFSET = r"(?:(?P<sign%s>[+-]) ?(?P<hours%s>[0-9]{1,2})(?:(?P<colon%s>:?)(?P<minutes%s>[0-9]{2}))?)"
_ZONE = r"(?: ?(?:(?P<name%s>[a-z]{1,5})? ?" + _OFFSET + r"(?: [a-z]{1,5})?|(?P<alone%s>[a-z]{1,5})))"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[0-9]{2,4})"
_WEEKDAY = r"(?:[^\W\d_]+\.? )?"


def _zone(which: str) -> str:
    return _ZONE % ((which,) * 6)


_FORMS = [
    re.compile(form)
    for form in (
        rf"{_WEEKDAY}{_DAY}[ -]?{_MONTH}[ -]?{_YEAR} {_TIME}{_zone('1')}?",
        rf"{_WEEKDAY}{_MONTH} {_DAY} {_YEAR} {_TIME}{_zone('1')}?",
        # asctime, and what adds a zone before or after its year.
        rf"{_WEEKDAY}(?:{_MONTH} {_DAY}|{_DAY.replace('day', 'day_')} {_MONTH.replace('month', 'month_')})"
        rf" {_TIME}(?:{_zone('1')} | ){_YEAR}{_zone('2')}?",
        r"(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<digits>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
        rf"(?:[t ]| t ){_TIME}{_zone('1')}?",
        r"(?P<year>[0-9]{4})(?P<digits>[0-9]{2})(?P<day>[0-9]{2})[t ]"
        r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})(?:[.,][0-9]+)?"
        rf"{_zone('1')}?",
    )
]

_COMMENT = re.compile(r"\\.|[()]", re.DOTALL)
# A comma separates words, unless it begins a fraction of a second.
_SEPARATING_COMMA = re.compile(r"(?<!:[0-9]{2})(?<![0-9]{6}),|,(?![0-9])")


def read_date(text: str) -> datetime | None:
    """Return the date of a mail in UTC, None if its time is not certain.

    Comments may be anywhere. Years of two digits are 1950 to 2049, of three digits 1900 and more (RFC 5322, 4.3). A
    date without a zone, or with an unknown abbreviation, is taken as UTC, as section 4.3 says. A weekday is ignored.
    """
    plain = _SEPARATING_COMMA.sub(" ", _remove_comments(text))
    plain = re.sub(r" ?: ?", ":", " ".join(plain.split())).lower()
    for form in _FORMS:
        if match := form.fullmatch(plain):
            return _make_date({name: value for name, value in match.groupdict().items() if value is not None})
    return None


def _remove_comments(text: str) -> str:
    """Return the text with a space for each comment (RFC 5322, 3.2.2); one that is not closed ends with the text."""
    plain, depth, start = [], 0, 0
    for mark in _COMMENT.finditer(text):
        if mark[0] == "(":
            if depth == 0:
                plain.append(text[start : mark.start()])
            depth += 1
        elif mark[0] == ")" and depth:
            depth -= 1
            start = mark.end()
    if depth == 0:
        plain.append(text[start:])
    return " ".join(plain)


def _make_date(found: dict[str, str]) -> datetime | None:
    month = int(found["digits"]) if "digits" in found else _MONTH_NUMBERS.get(found.get("month") or found["month_"], 0)
    hour = _read_hour(int(found["hour"]), found.get("half"))
    minute = int(found.get("minute") or found["minute_"])
    second = int(found.get("second") or found.get("second_") or 0)
    east = _read_zone(found, "1")
    if east is None:
        east = _read_zone(found, "2")
    east = timedelta(0) if east is None else east
    if hour is None or second > 60 or abs(east) >= timedelta(days=1):
        return None
    try:
        # Added, not set, because a leap second is the sixtieth (RFC 5322, 3.3).
        date = datetime(
            _read_year(found["year"]), month, int(found.get("day") or found["day_"]), hour, minute, tzinfo=UTC
        )
        return date + timedelta(seconds=second) - east
    except (ValueError, OverflowError):
        return None


def _read_year(digits: str) -> int:
    """Return a year; 0, which no date has, for one before 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    if len(digits) == 3:
        return year + 1900
    return year if year >= 1900 else 0


def _read_hour(hour: int, half: str | None) -> int | None:
    if half is None:
        return hour
    return hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else None


def _read_zone(found: dict[str, str], which: str) -> timedelta | None:
    """Return how far east a zone is, None if there is none; a day, which is too far, if it cannot be."""
    if sign := found.get("sign" + which):
        hours, minutes = found["hours" + which], found.get("minutes" + which) or "0"
        # +530 may be 5:30 or a slip for 05:30 or 53:00; +5:30 and GMT+5 are certain.
        is_certain = len(hours) == 2 or found.get("colon" + which) or found.get("name" + which) in ("gmt", "utc")
        if int(minutes) > 59 or not is_certain:
            return timedelta(days=1)
        return (-1 if sign == "-" else 1) * timedelta(hours=int(hours), minutes=int(minutes))
    if name := found.get("alone" + which):
        return timedelta(hours=_ZONES.get(name, 0))
    return None
