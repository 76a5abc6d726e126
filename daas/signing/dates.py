"""Reads the date of a signed request, in a closed list of formats, and compares it with the server's clock.

Nothing is guessed and nothing is filled in from the clock: a parser that does makes an old request valid again
every day. The formats are the documented `MM/DD/YYYY HH:MM:SS ZONE`, RFC 5322, the three of RFC 9110, ISO 8601 /
RFC 3339, JavaScript's and Java's `Date.toString()`, and Unix time. Reading takes time linear in the text's length:
no pattern can match the same characters in two ways.
"""

import calendar
import datetime
import math
import re
from dataclasses import dataclass

# Hours ahead of UTC. An abbreviation is interpreted literally, whatever the season; one that has a meaning in the
# United States has that meaning.
_ZONE_HOURS = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AST": -4, "ADT": -3,
    "AKST": -9, "AKDT": -8, "HST": -10, "HAST": -10, "HADT": -9, "CHST": 10, "SST": -11,
    "UTC": 0, "UT": 0, "GMT": 0, "Z": 0,
}  # fmt: skip
_OTHER_HALF = {
    "EST": "EDT", "EDT": "EST", "CST": "CDT", "CDT": "CST", "MST": "MDT", "MDT": "MST", "PST": "PDT", "PDT": "PST",
    "AST": "ADT", "ADT": "AST", "AKST": "AKDT", "AKDT": "AKST", "HST": "HADT", "HAST": "HADT", "HADT": "HAST",
}  # fmt: skip
_ABBREVIATIONS = {
    "COORDINATED UNIVERSAL TIME": "UTC",
    "GREENWICH MEAN TIME": "GMT",
    "CHAMORRO STANDARD TIME": "CHST",
    **{
        f"{region} {half} TIME".upper(): f"{letters}{half[0]}T"
        for region, letters in {
            "Eastern": "E", "Central": "C", "Mountain": "M", "Pacific": "P", "Atlantic": "A",
            "Alaska": "AK", "Alaskan": "AK", "Hawaii": "HA", "Hawaiian": "HA", "Hawaii-Aleutian": "HA",
        }.items()
        for half in ("STANDARD", "DAYLIGHT")
    },
}  # fmt: skip
# Hours have one digit only after GMT or UTC, and then minutes only after a colon.
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])([0-9]{2}|(?<=[CT][+-])[0-9](?=:|\Z))(?::?([0-9]{2}))?")

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}

_SPACES = r"[ \t]++"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_WEEKDAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_SHORT_OR_LONG_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# Whatever is in the place of a zone, known or not.
_ZONE = r"(?P<zone>[A-Za-z0-9+:/-](?:[A-Za-z0-9 +:/-]{0,62}[A-Za-z0-9+:/-])?)"
# Servers join two headers with a comma, so a comment holds none: two dates must not look like one.
_COMMENT = r"(?:[ \t]*+\([^(),\r\n]*+(?:\([^(),\r\n]*+\)[^(),\r\n]*+)*+\))?"
_ISO_END = rf"(?![0-9])(?:[.,](?P<fraction>[0-9]{{1,9}})(?![0-9]))?(?:[ ]?{_ZONE})?(?:\[[A-Za-z0-9_+/-]{{1,64}}\])?"

_FORMATS = [
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in [
        # The documented format: 06/03/2013 12:13:56 EST, or 06/03/2013 12:13:56 PM EST
        rf"(?P<month>[0-9]{{1,2}})/(?P<day>[0-9]{{1,2}})/(?P<year>[0-9]{{4}}){_SPACES}"
        rf"(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}}):(?P<second>[0-9]{{2}})"
        rf"(?:{_SPACES}(?P<half_day>[AP])M(?=[ \t]|\Z))?+(?:{_SPACES}{_ZONE})?",
        # RFC 5322, and the format that HTTP prefers: Mon, 03 Jun 2013 12:13:56 GMT
        rf"(?:{_WEEKDAY},[ \t]*+)?(?P<day>[0-9]{{1,2}}){_SPACES}{_MONTH}{_SPACES}{_SHORT_OR_LONG_YEAR}"
        rf"{_SPACES}{_TIME}(?:{_SPACES}{_ZONE}{_COMMENT})?",
        # RFC 850: Monday, 03-Jun-13 12:13:56 GMT
        rf"{_LONG_WEEKDAY},{_SPACES}(?P<day>[0-9]{{2}})-{_MONTH}-{_SHORT_OR_LONG_YEAR}"
        rf"{_SPACES}{_TIME}(?:{_SPACES}{_ZONE})?",
        # asctime, which means UTC, and Java: Mon Jun  3 12:13:56 2013, Mon Jun 03 12:13:56 EST 2013
        rf"{_WEEKDAY}{_SPACES}{_MONTH}{_SPACES}(?P<day>[0-9]{{1,2}}){_SPACES}{_TIME}"
        rf"{_SPACES}(?:{_ZONE}{_SPACES}|(?P<asctime>))(?P<year>[0-9]{{4}})",
        # ISO 8601 and RFC 3339, extended and basic: 2013-06-03T12:13:56.5-05:00, 20130603T121356Z
        rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})[T ]{_TIME}{_ISO_END}",
        r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})[T ]"
        rf"(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})(?P<second>[0-9]{{2}}){_ISO_END}",
        # JavaScript: Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern Standard Time)
        rf"{_WEEKDAY}{_SPACES}{_MONTH}{_SPACES}(?P<day>[0-9]{{1,2}}){_SPACES}(?P<year>[0-9]{{4}}){_SPACES}{_TIME}"
        rf"(?:{_SPACES}{_ZONE}{_COMMENT})?",
    ]
]


@dataclass(frozen=True)
class ReadDate:
    """A date in seconds since 1970 (UTC), with its zone's abbreviation in upper case if the zone has a name."""

    timestamp: float
    zone_name: str | None = None


class DateUnreadable(ValueError):
    """A text in none of the formats, or a date that the calendar does not have; `reason` is the name of the error."""

    reason = "date-unreadable"


class DateWithoutZone(DateUnreadable):
    """A date that lacks only its zone."""

    reason = "date-without-zone"


class DateZoneUnknown(DateUnreadable):
    """A date of which all but the zone can be read."""

    reason = "date-zone-unknown"


def read_date(text: str) -> ReadDate:
    """Return the date that a text means, month before day; a weekday that does not fit is ignored.

    Raises DateUnreadable, DateWithoutZone or DateZoneUnknown.
    """
    if re.fullmatch(r"[0-9]{9,11}", text):
        return ReadDate(int(text))
    if re.fullmatch(r"[0-9]{13}", text):
        return ReadDate(int(text) / 1000)
    for date_format in _FORMATS:
        if match := date_format.fullmatch(text):
            return _to_date(match.groupdict())
    raise DateUnreadable(text)


def clock_skew(date: ReadDate, now: float) -> int:
    """Return the date minus the server's clock in whole seconds; `now` is in seconds since 1970.

    Most formats have no fraction, so both are rounded down to whole seconds first.
    """
    return math.floor(date.timestamp) - math.floor(now)


def freshness_error(date: ReadDate, now: float, window: int) -> str | None:
    """Return the name of what is wrong with a date's distance from the server's clock; None if nothing is.

    `window` is in seconds, either way, inclusive; 0 turns the check off. `date-zone-name` means that the date would
    fit with the other half of its zone, EST for EDT; any other distance is `date-outside-window`.
    """
    if window == 0 or abs(clock_skew(date, now)) <= window:
        return None
    if date.zone_name in _OTHER_HALF:
        hours = _ZONE_HOURS[date.zone_name] - _ZONE_HOURS[_OTHER_HALF[date.zone_name]]
        if abs(clock_skew(ReadDate(date.timestamp + hours * 3600), now)) <= window:
            return "date-zone-name"
    return "date-outside-window"


def _to_date(parts: dict[str, str | None]) -> ReadDate:
    """Return the date of a format's parts; the zone is looked at last, so that its errors say that all else is good."""
    year, month, day = parts["year"] or "", parts["month"] or "", int(parts["day"] or 0)
    second = int(parts["second"] or 0)
    try:
        local = datetime.datetime(
            _full_year(year),
            int(month) if month.isdigit() else _MONTHS[month.lower()],
            day,
            _full_hour(int(parts["hour"] or 0), parts.get("half_day")),
            int(parts["minute"] or 0),
            # A leap second is written 60; it is the moment before the next minute's first second.
            59 if second == 60 else second,
            tzinfo=datetime.UTC,
        )
    except ValueError as error:
        raise DateUnreadable(str(error)) from error
    zone = "UTC" if parts.get("asctime") is not None else parts["zone"]
    if zone is None:
        raise DateWithoutZone("no zone")
    zone_name, offset = _read_zone(zone)
    fraction = float(f"0.{parts['fraction']}") if parts.get("fraction") else 0.0
    leap = 1 if second == 60 else 0
    return ReadDate(calendar.timegm(local.timetuple()) + leap + fraction - offset, zone_name)


def _full_year(year: str) -> int:
    """Return a year that may have two digits, completed as RFC 5322, section 4.3, says and not from the clock."""
    if len(year) == 4:
        return int(year)
    return int(year) + (1900 if int(year) >= 50 else 2000)


def _full_hour(hour: int, half_day: str | None) -> int:
    """Return the hour of the day; with A or P for `half_day` the clock has the hours 12, 1, 2 to 11."""
    if half_day is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("a 12-hour clock has the hours 1 to 12")
    return hour % 12 + (12 if half_day in "Pp" else 0)


def _read_zone(text: str) -> tuple[str | None, int]:
    """Return a zone's abbreviation, if it has one, and its distance from UTC in seconds, positive to the east."""
    name = re.sub(" +", " ", text).upper()
    name = _ABBREVIATIONS.get(name, name)
    if name in _ZONE_HOURS:
        return name, _ZONE_HOURS[name] * 3600
    match = _OFFSET.fullmatch(name)
    if match is None or int(match[2]) > 23 or int(match[3] or 0) > 59:
        raise DateZoneUnknown(text)
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return None, seconds if match[1] == "+" else -seconds
