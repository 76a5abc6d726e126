"""Reads the date of a signed request in the forms that clients send, and judges how fresh it is.

Nothing is guessed and nothing is filled in from the clock: a parser that does makes an old request valid
again every day. Forms: the documented `MM/DD/YYYY HH:MM:SS ZONE`, RFC 5322, the three of RFC 9110,
ISO 8601 / RFC 3339, JavaScript's and Java's `Date.toString()`, and Unix seconds.
"""

import calendar
import datetime
import math
import re
from dataclasses import dataclass

# Hours that an abbreviation is ahead of UTC, taken at its word whatever the season.
_NAMED_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "HAST": -10, "HADT": -9, "UTC": 0, "UT": 0, "GMT": 0, "Z": 0,
}  # fmt: skip
_OTHER_HALF = {
    "EST": "EDT", "EDT": "EST", "CST": "CDT", "CDT": "CST", "MST": "MDT", "MDT": "MST", "PST": "PDT",
    "PDT": "PST", "AKST": "AKDT", "AKDT": "AKST", "HST": "HADT", "HAST": "HADT", "HADT": "HAST",
}  # fmt: skip
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}

_DAY_NAME = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY_NAME = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_OFFSET = r"[+-][0-9]{2}(?::?[0-9]{2})?"
_ZONE = rf"(?P<zone>(?:GMT|UTC){_OFFSET}|{_OFFSET}|{'|'.join(sorted(_NAMED_ZONES, key=len, reverse=True))})"
# A comma is what servers join two headers with: no form has one where two halves could make a date.
_COMMENT = r"(?:[ \t]*\([^(),\r\n]*(?:\([^(),\r\n]*\)[^(),\r\n]*)*\))?"
_BLANKS = r"[ \t]+"

_FORMS = [
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in [
        # The documented form: 06/03/2013 12:13:56 EST
        rf"(?P<month>[0-9]{{1,2}})/(?P<day>[0-9]{{1,2}})/(?P<year>[0-9]{{4}}){_BLANKS}{_TIME}(?:{_BLANKS}{_ZONE})?",
        # RFC 5322, and with it HTTP's own: Mon, 03 Jun 2013 12:13:56 GMT
        rf"(?:{_DAY_NAME},{_BLANKS})?(?P<day>[0-9]{{1,2}}){_BLANKS}{_MONTH}{_BLANKS}(?P<year>[0-9]{{4}}){_BLANKS}{_TIME}"
        rf"(?:{_BLANKS}{_ZONE}{_COMMENT})?",
        # RFC 850: Monday, 03-Jun-13 12:13:56 GMT
        rf"{_LONG_DAY_NAME},{_BLANKS}(?P<day>[0-9]{{2}})-{_MONTH}-(?P<short_year>[0-9]{{2}}){_BLANKS}{_TIME}"
        rf"(?:{_BLANKS}(?P<zone>GMT))?",
        # asctime, which means UTC, and Java's: Mon Jun  3 12:13:56 2013, Mon Jun 03 12:13:56 EST 2013
        rf"{_DAY_NAME}{_BLANKS}{_MONTH}{_BLANKS}(?P<day>[0-9]{{1,2}}){_BLANKS}{_TIME}"
        rf"{_BLANKS}(?:{_ZONE}{_BLANKS}|(?P<utc>))(?P<year>[0-9]{{4}})",
        # ISO 8601 and RFC 3339: 2013-06-03T12:13:56.5-05:00
        rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})(?:T|[ ]){_TIME}(?:[.](?P<fraction>[0-9]+))?"
        rf"(?P<zone>Z|{_OFFSET})?",
        # JavaScript: Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern Standard Time)
        rf"{_DAY_NAME}{_BLANKS}{_MONTH}{_BLANKS}(?P<day>[0-9]{{1,2}}){_BLANKS}(?P<year>[0-9]{{4}}){_BLANKS}{_TIME}"
        rf"(?:{_BLANKS}{_ZONE}{_COMMENT})?",
    ]
]


@dataclass(frozen=True)
class ReadDate:
    """A date as read: seconds since 1970 in UTC, and its zone's abbreviation in upper case if it has one."""

    timestamp: float
    zone_name: str | None = None


class DateUnreadable(ValueError):
    """A text that is none of the forms, or no date of the calendar."""


class DateWithoutZone(DateUnreadable):
    """A date that is readable but for the zone it lacks."""


def read_date(text: str) -> ReadDate:
    """Read a date in one of the forms, month before day; a weekday that does not fit is ignored.

    Raises DateWithoutZone or DateUnreadable.
    """
    if re.fullmatch(r"[0-9]{9,11}", text):
        return ReadDate(int(text))
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _to_date(match.groupdict())
    raise DateUnreadable(text)


def clock_skew(date: ReadDate, now: float) -> int:
    """Give the date minus the server's clock in whole seconds; `now` is in seconds since 1970.

    Most forms have no fraction, so both are taken in whole seconds.
    """
    return math.floor(date.timestamp) - math.floor(now)


def fault_of_freshness(date: ReadDate, now: float, window: int) -> str | None:
    """Name what is wrong with a date's distance from the server's clock, or None if it lies in the window.

    `window` is in seconds, either way, inclusive; 0 turns the check off. `date-zone-name` means that the
    date would fit with the other half of its zone, EST for EDT; anything else is `date-outside-window`.
    """
    if window == 0 or abs(clock_skew(date, now)) <= window:
        return None
    if date.zone_name in _OTHER_HALF:
        hours = _NAMED_ZONES[date.zone_name] - _NAMED_ZONES[_OTHER_HALF[date.zone_name]]
        if abs(clock_skew(ReadDate(date.timestamp + hours * 3600), now)) <= window:
            return "date-zone-name"
    return "date-outside-window"


def _to_date(parts: dict[str, str | None]) -> ReadDate:
    zone = "UTC" if parts.get("utc") is not None else parts["zone"]
    month = parts["month"] or ""
    year = parts.get("year") or _century(parts["short_year"] or "")
    second = int(parts["second"] or 0)
    try:
        # A leap second is written 60; it is the moment before the next minute's first.
        moment = datetime.datetime(
            int(year),
            int(month) if month.isdigit() else _MONTHS[month.lower()],
            int(parts["day"] or 0),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            min(second, 59),
            tzinfo=datetime.UTC,
        )
        offset = 0 if zone is None else _offset(zone.upper())
    except ValueError as error:
        raise DateUnreadable(str(error)) from error
    if second > 60:
        raise DateUnreadable("a minute has no second above 60")
    if zone is None:
        raise DateWithoutZone("no zone")
    fraction = float(f"0.{parts['fraction']}") if parts.get("fraction") else 0.0
    timestamp = calendar.timegm(moment.timetuple()) + max(0, second - 59) + fraction - offset
    return ReadDate(timestamp, zone.upper() if zone.upper() in _NAMED_ZONES else None)


def _century(short_year: str) -> str:
    """Complete RFC 850's two digits as POSIX does, and not from the clock: 69 to 99 are of the last century."""
    return ("19" if int(short_year) >= 69 else "20") + short_year


def _offset(zone: str) -> int:
    """Give a zone's distance from UTC in seconds, positive to the east."""
    if zone in _NAMED_ZONES:
        return _NAMED_ZONES[zone] * 3600
    sign, digits = re.sub(r"[A-Z:]", "", zone)[0], re.sub(r"[^0-9]", "", zone)
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("an offset is at most 23:59")
    return (hours * 3600 + minutes * 60) * (1 if sign == "+" else -1)
