"""Which dates are accepted, what they mean, and how far from the clock they may be."""

import contextlib
import datetime
import email.utils
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daas.signing.dates import (
    DateUnreadable,
    DateWithoutZone,
    DateZoneUnknown,
    ReadDate,
    clock_skew,
    freshness_error,
    read_date,
)

from ..support.tables import each_case


def cases(table: Any) -> Any:
    """One test for each line of a table, named by its first column."""
    return [pytest.param(*line[1:], id=line[0]) for line in table]


# --- Dates of real clients ----------------------------------------------------------------------------

# Seen from libraries of ten languages; made-up moments.
OF_CLIENTS = json.loads((Path(__file__).parent / "cases" / "dates.json").read_text(encoding="utf-8"))


def error_of(text: str) -> str | None:
    """Return the name of the error for which a date is rejected; None if it is accepted."""
    try:
        read_date(text)
    except DateUnreadable as error:
        return error.reason
    return None


@each_case(("text", "moment"), OF_CLIENTS["accepted"].items(), ids=OF_CLIENTS["accepted"])
def test_dates_of_real_clients_are_accepted(text: str, moment: str) -> None:
    assert math.floor(read_date(text).timestamp) == datetime.datetime.fromisoformat(moment).timestamp()


@each_case(("text", "error"), OF_CLIENTS["rejected"].items(), ids=OF_CLIENTS["rejected"])
def test_dates_that_are_rejected_say_why(text: str, error: str) -> None:
    assert error_of(text) == error


# --- What is accepted -------------------------------------------------------------------------------------

# 1370261636 is 12:13:56 on 3 June 2013, a Monday, in UTC.
READ = [
    ("documented, EST", "06/03/2013 12:13:56 EST", 1370279636),
    ("documented, EDT", "06/03/2013 12:13:56 EDT", 1370276036),
    ("documented, month first", "03/06/2013 12:13:56 UTC", 1362572036),
    ("documented, month first, one digit each", "3/6/2013 12:13:56 UTC", 1362572036),
    ("documented, one digit each", "6/3/2013 12:13:56 EST", 1370279636),
    ("documented, one digit for the month", "6/13/2013 12:13:56 UTC", 1371125636),
    ("documented, blanks repeated", "06/03/2013   12:13:56  EST", 1370279636),
    ("documented, tabs", "06/03/2013\t12:13:56 \tEST", 1370279636),
    ("documented, offset", "06/03/2013 12:13:56 -0500", 1370279636),
    ("documented, offset after GMT", "06/03/2013 12:13:56 GMT+01:00", 1370258036),
    ("RFC 5322", "Mon, 03 Jun 2013 12:13:56 -0500", 1370279636),
    ("RFC 5322, east", "Mon, 03 Jun 2013 12:13:56 +0530", 1370241836),
    ("RFC 5322, minus zero", "Mon, 03 Jun 2013 12:13:56 -0000", 1370261636),
    ("RFC 5322, without weekday", "03 Jun 2013 12:13:56 -0500", 1370279636),
    ("RFC 5322, one-digit day", "Mon, 3 Jun 2013 12:13:56 -0500", 1370279636),
    ("RFC 5322, obsolete zone", "Mon, 3 Jun 2013 12:13:56 EST", 1370279636),
    ("RFC 5322, comment", "Mon, 3 Jun 2013 12:13:56 -0500 (EST)", 1370279636),
    ("RFC 5322, comment in comment", "Mon, 3 Jun 2013 12:13:56 -0500 (E(S)T)", 1370279636),
    ("RFC 5322, blanks repeated", "Mon,  3 Jun  2013 12:13:56  -0500", 1370279636),
    ("RFC 9110", "Mon, 03 Jun 2013 12:13:56 GMT", 1370261636),
    ("RFC 850", "Monday, 03-Jun-13 12:13:56 GMT", 1370261636),
    ("RFC 850, last year of this century", "Thursday, 03-Jun-49 12:13:56 GMT", 2506335236),
    ("RFC 850, first year of the last century", "Saturday, 03-Jun-50 12:13:56 GMT", -617888764),
    ("asctime", "Mon Jun  3 12:13:56 2013", 1370261636),
    ("asctime, one blank", "Mon Jun 3 12:13:56 2013", 1370261636),
    ("asctime, two-digit day", "Thu Jun 13 12:13:56 2013", 1371125636),
    ("ISO 8601, Z", "2013-06-03T12:13:56Z", 1370261636),
    ("ISO 8601, offset", "2013-06-03T12:13:56-05:00", 1370279636),
    ("ISO 8601, offset without colon", "2013-06-03T12:13:56-0500", 1370279636),
    ("ISO 8601, offset in hours", "2013-06-03T12:13:56-05", 1370279636),
    ("ISO 8601, fraction", "2013-06-03T12:13:56.25Z", 1370261636.25),
    ("ISO 8601, fraction of nanoseconds", "2013-06-03T12:13:56.500000000Z", 1370261636.5),
    ("ISO 8601, blank for T", "2013-06-03 12:13:56-05:00", 1370279636),
    ("RFC 3339, small letters", "2013-06-03t12:13:56z", 1370261636),
    ("JavaScript", "Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern Standard Time)", 1370279636),
    ("JavaScript, without the zone's name", "Mon Jun 03 2013 12:13:56 GMT-0500", 1370279636),
    ("JavaScript, east of Greenwich", "Mon Jun 03 2013 12:13:56 GMT+0100 (BST)", 1370258036),
    ("JavaScript, name of a zone in German", "Mon Jun 03 2013 12:13:56 GMT+0200 (Mitteleurop\xe4isch)", 1370254436),
    ("JavaScript, name of a zone in UTF-8", "Mon Jun 03 2013 12:13:56 GMT+0800 (\xe4\xb8\xad\xe5\x9b\xbd)", 1370232836),
    ("JavaScript, name of a zone in brackets", "Mon Jun 03 2013 12:13:56 GMT-0500 (GMT-05:00)", 1370279636),
    ("Java", "Mon Jun 03 12:13:56 EST 2013", 1370279636),
    ("Java, offset", "Mon Jun 03 12:13:56 GMT+01:00 2013", 1370258036),
    ("Unix seconds", "1370261636", 1370261636),
    ("Unix seconds, nine digits", "999999999", 999999999),
    ("Unix seconds, eleven digits", "13702616360", 13702616360),
    ("Unix seconds, leading zero", "0999999999", 999999999),
    ("a weekday that does not fit", "Fri, 03 Jun 2013 12:13:56 GMT", 1370261636),
    ("a weekday that does not fit, RFC 850", "Friday, 03-Jun-13 12:13:56 GMT", 1370261636),
    ("a weekday that does not fit, asctime", "Sun Jun  3 12:13:56 2013", 1370261636),
    ("names in capitals", "MON, 03 JUN 2013 12:13:56 GMT", 1370261636),
    ("names in small letters", "mon jun 03 2013 12:13:56 gmt-0500", 1370279636),
    ("29 February of a leap year", "02/29/2016 12:13:56 UTC", 1456748036),
    ("first second of a year", "01/01/2014 00:00:00 UTC", 1388534400),
    ("last second of a year", "12/31/2013 23:59:59 UTC", 1388534399),
    ("a zone puts it into the next year", "12/31/2013 23:59:59 EST", 1388552399),
    ("before 1970", "12/31/1969 23:59:59 UTC", -1),
    ("a leap second", "2016-12-31T23:59:60Z", 1483228800),
    ("documented, one-digit hour", "06/03/2013 9:13:56 EDT", 1370265236),
    ("documented, midnight on a 12-hour clock", "06/03/2013 12:13:56 AM EST", 1370236436),
    ("documented, noon on a 12-hour clock", "06/03/2013 12:13:56 PM EST", 1370279636),
    ("documented, afternoon", "06/03/2013 1:13:56 pm UTC", 1370265236),
    ("documented, morning", "06/03/2013 01:13:56 Am UTC", 1370222036),
    ("documented, spaces around PM", "06/03/2013 1:13:56   PM  -05:00", 1370283236),
    ("documented, spaces repeated in a zone's name", "06/03/2013 12:13:56 Eastern  Standard   Time", 1370279636),
    ("Windows, West of the Rockies", "06/03/2013 12:13:56 Hawaiian Standard Time", 1370297636),
    ("Windows, Alaska", "06/03/2013 12:13:56 Alaskan Daylight Time", 1370290436),
    (".NET, UTC by its name", "06/03/2013 12:13:56 Coordinated Universal Time", 1370261636),
    ("Guam", "06/03/2013 12:13:56 chamorro standard time", 1370225636),
    ("Samoa", "06/03/2013 12:13:56 SST", 1370301236),
    ("RFC 5322, no space after the weekday", "Mon,03 Jun 2013 12:13:56 -0500", 1370279636),
    ("RFC 5322, two-digit year of the last century", "Fri, 03 Jun 50 12:13:56 GMT", -617888764),
    ("RFC 5322, two-digit year of this century", "Thu, 03 Jun 49 12:13:56 GMT", 2506335236),
    ("RFC 5322, zone's long name and a comment", "3 Jun 2013 12:13:56 Eastern Standard Time (EST)", 1370279636),
    ("RFC 850, offset", "Monday, 03-Jun-13 12:13:56 +0000", 1370261636),
    ("ISO 8601, comma and nine digits", "2013-06-03T12:13:56,000000001Z", 1370261636),
    ("ISO 8601, abbreviation", "2013-06-03T12:13:56EST", 1370279636),
    ("ISO 8601, space and abbreviation", "2013-06-03 12:13:56 EST", 1370279636),
    ("ISO 8601, space, fraction and offset", "2013-06-03 12:13:56.5 -05:00", 1370279636.5),
    ("ISO 8601, long name", "2013-06-03 12:13:56 Pacific Daylight Time", 1370286836),
    ("ISO 8601, basic, space and offset", "20130603 121356 -0500", 1370279636),
    ("ISO 8601, basic, offset", "20130603T121356-0500", 1370279636),
    ("ISO 8601, basic, fraction", "20130603T121356.25Z", 1370261636.25),
    ("RFC 9557, UTC", "2013-06-03T12:13:56Z[Etc/UTC]", 1370261636),
    ("RFC 9557, an offset in brackets", "2013-06-03T12:13:56.5-05:00[America/North_Dakota/New_Salem]", 1370279636.5),
    ("JavaScript, name of a zone in Spanish", "Mon Jun 03 2013 12:13:56 GMT-0400 (hora est\xe1ndar)", 1370276036),
    ("JavaScript, name of a zone in Spanish, UTF-8", "Mon Jun 03 2013 12:13:56 GMT-0400 (est\xc3\xa1ndar)", 1370276036),
    ("Java, long name", "Mon Jun 03 12:13:56 Atlantic Standard Time 2013", 1370276036),
    ("Java, GMT and one digit", "Mon Jun 03 12:13:56 GMT-5 2013", 1370279636),
    ("Unix milliseconds", "1370261636250", 1370261636.25),
    ("Unix milliseconds, leading zero", "0999999999000", 999999999),
    ("a leap second in its zone", "12/31/2016 6:59:60 PM EST", 1483228800),
    ("the earliest", "0001-01-01T00:00:00Z", -62135596800),
    ("the latest, from the far west", "9999-12-31T23:59:59-23:59", 253402387139),
]  # fmt: skip


@each_case(("text", "timestamp"), cases(READ))
def test_a_date_is_read_to_its_moment(text: str, timestamp: float) -> None:
    assert read_date(text).timestamp == timestamp


# Hours to be taken from local time, and what 12:13:56 in June then is.
ABBREVIATIONS = {
    "EST": 1370279636, "EDT": 1370276036, "CST": 1370283236, "CDT": 1370279636, "MST": 1370286836,
    "MDT": 1370283236, "PST": 1370290436, "PDT": 1370286836, "AKST": 1370294036, "AKDT": 1370290436,
    "HST": 1370297636, "HAST": 1370297636, "HADT": 1370294036, "UTC": 1370261636, "UT": 1370261636,
    "GMT": 1370261636, "Z": 1370261636, "AST": 1370276036, "ADT": 1370272436, "CHST": 1370225636, "SST": 1370301236,
}  # fmt: skip
LONG_NAMES = {
    "Eastern Standard Time": "EST", "Eastern Daylight Time": "EDT", "Central Standard Time": "CST",
    "Central Daylight Time": "CDT", "Mountain Standard Time": "MST", "Mountain Daylight Time": "MDT",
    "Pacific Standard Time": "PST", "Pacific Daylight Time": "PDT", "Alaska Standard Time": "AKST",
    "Alaska Daylight Time": "AKDT", "Alaskan Standard Time": "AKST", "Alaskan Daylight Time": "AKDT",
    "Hawaii Standard Time": "HAST", "Hawaiian Standard Time": "HAST", "Hawaii-Aleutian Standard Time": "HAST",
    "Hawaii Daylight Time": "HADT", "Hawaiian Daylight Time": "HADT", "Hawaii-Aleutian Daylight Time": "HADT",
    "Atlantic Standard Time": "AST", "Atlantic Daylight Time": "ADT", "Chamorro Standard Time": "CHST",
    "Coordinated Universal Time": "UTC", "Greenwich Mean Time": "GMT",
}  # fmt: skip
in_any_case = each_case("case", [str.upper, str.lower, str.capitalize], ids=["upper", "lower", "mixed"])
forms_with_any_zone = each_case(
    "form",
    [
        pytest.param("06/03/2013 12:13:56 {}", id="documented"),
        pytest.param("Mon, 03 Jun 2013 12:13:56 {}", id="RFC 5322"),
        pytest.param("Mon Jun 03 2013 12:13:56 {}", id="JavaScript"),
        pytest.param("Mon Jun 03 12:13:56 {} 2013", id="Java"),
        pytest.param("Monday, 03-Jun-13 12:13:56 {}", id="RFC 850"),
        pytest.param("2013-06-03 12:13:56 {}", id="ISO 8601"),
    ],
)


@forms_with_any_zone
@each_case(("zone", "timestamp"), ABBREVIATIONS.items(), ids=ABBREVIATIONS.keys())
def test_an_abbreviation_is_interpreted_literally(form: str, zone: str, timestamp: int) -> None:
    for case in (str.upper, str.lower, str.capitalize):
        assert read_date(form.format(case(zone))) == ReadDate(timestamp, zone)


@forms_with_any_zone
@each_case(("name", "zone"), LONG_NAMES.items(), ids=LONG_NAMES.keys())
def test_a_long_name_means_its_abbreviation(form: str, name: str, zone: str) -> None:
    for case in (str, str.upper, str.lower):
        assert read_date(form.format(case(name))) == ReadDate(ABBREVIATIONS[zone], zone)


OFFSETS = {
    "+0100": 1370258036, "-0100": 1370265236, "+05:30": 1370241836, "-03:30": 1370274236, "+01": 1370258036,
    "-10": 1370297636, "+0000": 1370261636, "-0000": 1370261636, "+23:59": 1370175296, "-2359": 1370347976,
    "GMT+0100": 1370258036, "GMT-0500": 1370279636, "GMT+01:00": 1370258036, "GMT-05": 1370279636,
    "UTC+0100": 1370258036, "UTC-05:00": 1370279636, "UTC+01": 1370258036, "gmt+0100": 1370258036,
    "GMT+1": 1370258036, "GMT-5": 1370279636, "UTC-5": 1370279636, "GMT+5:30": 1370241836, "utc-3:30": 1370274236,
    "GMT+0": 1370261636, "GMT-10": 1370297636,
}  # fmt: skip


@forms_with_any_zone
@each_case(("offset", "timestamp"), OFFSETS.items(), ids=OFFSETS.keys())
def test_an_offset_is_positive_to_the_east_also_after_gmt(form: str, offset: str, timestamp: int) -> None:
    assert read_date(form.format(offset)) == ReadDate(timestamp, None)


@each_case("month", range(1, 13))
def test_every_month_has_its_english_name(month: int) -> None:
    name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
    assert read_date(f"Mon, 05 {name} 2013 12:13:56 GMT") == ReadDate(
        read_date(f"2013-{month:02}-05T12:13:56Z").timestamp, "GMT"
    )


@each_case("weekday", range(7))
def test_every_weekday_has_its_english_names(weekday: int) -> None:
    day = datetime.date(2013, 6, 3 + weekday)
    name = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][weekday]
    moment = 1370261636 + weekday * 86400
    assert read_date(f"{name}, {day.day:02}-Jun-13 12:13:56 GMT").timestamp == moment
    assert read_date(f"{name[:3]}, {day.day:02} Jun 2013 12:13:56 GMT").timestamp == moment


# --- What is not --------------------------------------------------------------------------------------

UNREADABLE = [
    ("nothing", ""),
    ("a blank", " "),
    ("a word", "now"),
    ("today", "today"),
    ("the time alone, with a zone", "12:13:56 EST"),
    ("the time alone", "12:13:56"),
    ("the date alone", "06/03/2013"),
    ("the date alone, ISO 8601", "2013-06-03"),
    ("documented, the date with a zone", "06/03/2013 EST"),
    ("documented, without seconds", "06/03/2013 12:13 EST"),
    ("documented, without minutes", "06/03/2013 12 EST"),
    ("documented, without year", "06/03 12:13:56 EST"),
    ("documented, two-digit year", "06/03/13 12:13:56 EST"),
    ("documented, three-digit year", "06/03/201 12:13:56 EST"),
    ("documented, five-digit year", "06/03/12013 12:13:56 EST"),
    ("documented, day first", "13/06/2013 12:13:56 EST"),
    ("documented, year first", "2013/06/03 12:13:56 EST"),
    ("documented, hyphens", "06-03-2013 12:13:56 EST"),
    ("documented, dots", "03.06.2013 12:13:56 EST"),
    ("documented, three-digit month", "006/03/2013 12:13:56 EST"),
    ("documented, T for the blank", "06/03/2013T12:13:56 EST"),
    ("documented, comma", "06/03/2013, 12:13:56 EST"),
    ("documented, no blank before the zone", "06/03/2013 12:13:56EST"),
    ("documented, no blank before the time", "06/03/201312:13:56 EST"),
    ("documented, fraction", "06/03/2013 12:13:56.5 EST"),
    ("documented, one-digit second", "06/03/2013 12:13:5 EST"),
    ("documented, three-digit second", "06/03/2013 12:13:056 EST"),
    ("documented, weekday", "Mon 06/03/2013 12:13:56 EST"),
    ("documented, zone in brackets", "06/03/2013 12:13:56 (EST)"),
    ("documented, comment", "06/03/2013 12:13:56 EST (x)"),
    ("RFC 5322, without seconds", "Mon, 03 Jun 2013 12:13 -0500"),
    ("RFC 5322, without year", "Mon, 03 Jun 12:13:56 -0500"),
    ("RFC 5322, month by number", "Mon, 03 06 2013 12:13:56 GMT"),
    ("RFC 5322, month before day", "Mon, Jun 03 2013 12:13:56 GMT"),
    ("RFC 5322, month in full", "Mon, 03 June 2013 12:13:56 GMT"),
    ("RFC 5322, month in German", "Mon, 03 Mai 2013 12:13:56 GMT"),
    ("RFC 5322, weekday unknown", "Mo, 03 Jun 2013 12:13:56 GMT"),
    ("RFC 5322, weekday in full", "Monday, 03 Jun 2013 12:13:56 GMT"),
    ("RFC 5322, weekday without comma", "Mon 03 Jun 2013 12:13:56 GMT"),
    ("RFC 5322, comment unclosed", "Mon, 03 Jun 2013 12:13:56 GMT (x"),
    ("RFC 5322, text after the comment", "Mon, 03 Jun 2013 12:13:56 GMT (x) y"),
    ("RFC 5322, comment for the zone", "Mon, 03 Jun 2013 12:13:56 (GMT)"),
    ("RFC 850, one-digit day", "Monday, 3-Jun-13 12:13:56 GMT"),
    ("RFC 850, short weekday", "Mon, 03-Jun-13 12:13:56 GMT"),
    ("RFC 850, without weekday", "03-Jun-13 12:13:56 GMT"),
    ("RFC 850, without seconds", "Monday, 03-Jun-13 12:13 GMT"),
    ("RFC 850, without year", "Monday, 03-Jun 12:13:56 GMT"),
    ("asctime, without year", "Mon Jun  3 12:13:56"),
    ("asctime, without seconds", "Mon Jun  3 12:13 2013"),
    ("asctime, two-digit year", "Mon Jun  3 12:13:56 13"),
    ("asctime, without weekday", "Jun  3 12:13:56 2013"),
    ("asctime, zone at the end", "Mon Jun  3 12:13:56 2013 GMT"),
    ("asctime, weekday in full", "Monday Jun  3 12:13:56 2013"),
    ("ISO 8601, without seconds", "2013-06-03T12:13Z"),
    ("ISO 8601, hour alone", "2013-06-03T12Z"),
    ("ISO 8601, two-digit year", "13-06-03T12:13:56Z"),
    ("ISO 8601, without year", "06-03T12:13:56Z"),
    ("ISO 8601, without day", "2013-06T12:13:56Z"),
    ("ISO 8601, time alone", "T12:13:56Z"),
    ("ISO 8601, one-digit month", "2013-6-03T12:13:56Z"),
    ("ISO 8601, day before month", "2013-13-06T12:13:56Z"),
    ("ISO 8601, day of the year", "2013-154T12:13:56Z"),
    ("ISO 8601, week", "2013-W23-1T12:13:56Z"),
    ("ISO 8601, underscore for T", "2013-06-03_12:13:56Z"),
    ("ISO 8601, two blanks for T", "2013-06-03  12:13:56Z"),
    ("ISO 8601, tab for T", "2013-06-03\t12:13:56Z"),
    ("ISO 8601, fraction without digits", "2013-06-03T12:13:56.Z"),
    ("ISO 8601, fraction of a minute", "2013-06-03T12:13.5Z"),
    ("ISO 8601, year with a sign", "+2013-06-03T12:13:56Z"),
    ("JavaScript, without seconds", "Mon Jun 03 2013 12:13 GMT-0500"),
    ("JavaScript, without year", "Mon Jun 03 12:13:56 GMT-0500"),
    ("JavaScript, two-digit year", "Mon Jun 03 13 12:13:56 GMT-0500"),
    ("JavaScript, without weekday", "Jun 03 2013 12:13:56 GMT-0500"),
    ("JavaScript, comment unclosed", "Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern"),
    ("JavaScript, text after the comment", "Mon Jun 03 2013 12:13:56 GMT-0500 (x) 2014"),
    ("JavaScript's toLocaleString()", "6/3/2013, 12:13:56 PM"),
    ("JavaScript's invalid date", "Invalid Date"),
    ("Java, without seconds", "Mon Jun 03 12:13 EST 2013"),
    ("Java, without year", "Mon Jun 03 12:13:56 EST"),
    ("Java, two-digit year", "Mon Jun 03 12:13:56 EST 13"),
    ("Java, without weekday", "Jun 03 12:13:56 EST 2013"),
    ("Unix seconds, eight digits", "13702616"),
    ("Unix seconds, twelve digits", "137026163600"),
    ("Unix seconds, fraction", "1370261636.5"),
    ("Unix seconds, fraction of nothing", "1370261636."),
    ("Unix seconds, negative", "-1370261636"),
    ("Unix seconds, plus sign", "+1370261636"),
    ("Unix seconds, underscore", "1370_261_636"),
    ("Unix seconds, exponent", "1.370261636e9"),
    ("Unix seconds, hexadecimal", "0x51ac8544"),
    ("Unix seconds, zone", "1370261636 UTC"),
    ("Unix seconds, at sign", "@1370261636"),
    ("Unix seconds, superscript digits", "137026163\u00b2"),
    ("Unix seconds, Arabic digits", "\u0661\u0663\u0667\u0660\u0662\u0666\u0661\u0666\u0663\u0666"),
    ("Arabic digits", "06/03/201\u0663 12:13:56 EST"),
    ("full-width digits", "2013-06-03T12:13:5\uff16Z"),
    ("a long s in a name", "Mon Jun 03 12:13:56 E\u017fT 2013"),
    ("a no-break blank", "06/03/2013\xa012:13:56 EST"),
    ("a minus sign of typography", "2013-06-03T12:13:56\u221205:00"),
    ("month 0", "00/03/2013 12:13:56 EST"),
    ("month 13", "2013-13-03T12:13:56Z"),
    ("day 0", "06/00/2013 12:13:56 EST"),
    ("day 32", "01/32/2013 12:13:56 EST"),
    ("30 February", "02/30/2016 12:13:56 EST"),
    ("29 February of no leap year", "29 Feb 2013 12:13:56 GMT"),
    ("29 February of 1900", "1900-02-29T12:13:56Z"),
    ("31 June", "Mon Jun 31 12:13:56 2013"),
    ("31 September in RFC 850", "Monday, 31-Sep-13 12:13:56 GMT"),
    ("year 0", "0000-06-03T12:13:56Z"),
    ("hour 24", "06/03/2013 24:00:00 EST"),
    ("hour 24, ISO 8601", "2013-06-03T24:00:00Z"),
    ("minute 60", "06/03/2013 12:60:56 EST"),
    ("second 61", "06/03/2013 12:13:61 EST"),
    ("second 61, without zone", "06/03/2013 12:13:61"),
    ("second 99", "2013-06-03T12:13:99Z"),
    ("two dates joined by a comma", "06/03/2013 12:13:56 EST, 06/03/2013 12:13:56 EST"),
    ("two dates joined by a comma alone", "06/03/2013 12:13:56 EST,06/03/2013 12:13:56 EST"),
    ("two dates joined by a comma, RFC 9110", "Mon, 03 Jun 2013 12:13:56 GMT, Mon, 03 Jun 2013 12:13:56 GMT"),
    ("two dates joined by a comma, asctime", "Mon Jun  3 12:13:56 2013,Mon Jun  3 12:13:56 2013"),
    ("two dates joined by a comma, ISO 8601", "2013-06-03T12:13:56Z,2013-06-03T12:13:56Z"),
    ("two dates joined by a comma, Unix seconds", "1370261636,1370261636"),
    ("a comma after it", "06/03/2013 12:13:56 EST,"),
    ("text before it", "x 06/03/2013 12:13:56 EST"),
    ("quotes", '"06/03/2013 12:13:56 EST"'),
    ("NUL after it", "06/03/2013 12:13:56 EST\0"),
    ("a newline for a blank", "06/03/2013\n12:13:56 EST"),
    ("documented, 13 on a 12-hour clock", "06/03/2013 13:13:56 PM EST"),
    ("documented, 0 on a 12-hour clock", "06/03/2013 00:13:56 AM EST"),
    ("documented, 13 on a 12-hour clock, no zone", "06/03/2013 13:13:56 PM"),
    ("documented, no space before PM", "06/03/2013 1:13:56PM EST"),
    ("documented, points in p.m.", "06/03/2013 1:13:56 p.m. EST"),
    ("documented, three-digit hour", "06/03/2013 012:13:56 EST"),
    ("documented, zone of a place with an underscore", "06/03/2013 12:13:56 America/New_York"),
    ("documented, zone of 65 letters", "06/03/2013 12:13:56 " + "A" * 65),
    ("RFC 5322, three-digit year", "Mon, 03 Jun 113 12:13:56 -0500"),
    ("RFC 5322, one-digit year", "Mon, 03 Jun 3 12:13:56 -0500"),
    ("RFC 5322, comma in the comment", "Mon, 03 Jun 2013 12:13:56 GMT (a, b)"),
    ("RFC 850, three-digit year", "Monday, 03-Jun-113 12:13:56 GMT"),
    ("ISO 8601, ten digits of a fraction", "2013-06-03T12:13:56.0123456789Z"),
    ("ISO 8601, basic date, extended time", "20130603T12:13:56Z"),
    ("ISO 8601, extended date, basic time", "2013-06-03T121356Z"),
    ("ISO 8601, basic, neither T nor space", "20130603121356Z"),
    ("ISO 8601, basic, a digit more", "20130603T1213567Z"),
    ("ISO 8601, two spaces before the zone", "2013-06-03T12:13:56  Z"),
    ("RFC 9557, empty brackets", "2013-06-03T12:13:56Z[]"),
    ("RFC 9557, 65 characters in brackets", f"2013-06-03T12:13:56Z[{'a' * 65}]"),
    ("RFC 9557, a space before the brackets", "2013-06-03T12:13:56Z [Etc/UTC]"),
    ("RFC 9557, two pairs of brackets", "2013-06-03T12:13:56Z[Etc/UTC][u-ca=hebrew]"),
    ("RFC 9557, critical", "2013-06-03T12:13:56Z[!Etc/UTC]"),
    ("JavaScript's toLocaleString(), 24 hours", "3.6.2013, 12:13:56"),
    ("Ruby's Time#inspect without zone", "2013-06-03 12:13:56."),
    ("Go's String() with the monotonic clock", "2013-06-03 12:13:56 -0500 EST m=+0.000012"),
    ("Unix seconds, fourteen digits", "13702616360000"),
    ("an unknown zone on a day that does not exist", "06/31/2013 12:13:56 CEST"),
    ("no zone on a day that does not exist", "06/31/2013 12:13:56"),
]  # fmt: skip


@each_case("text", cases(UNREADABLE))
def test_anything_else_is_unreadable(text: str) -> None:
    assert error_of(text) == "date-unreadable"


UNKNOWN_ZONES = [
    "CEST", "CET", "JST", "BST", "IST", "MSK", "AEST", "MEZ", "ET", "HDT", "A", "ESTX", "XEST", "E", "X" * 64,
    "America/Chicago", "US/Eastern", "Eastern", "Eastern Time", "Eastern Summer Time", "Samoa Standard Time",
    "Chamorro Daylight Time", "EST5EDT", "EST+1", "EST-05:00", "EST EDT", "UT+0100", "Z+0100", "UT+1", "EST+5:00",
    "GMT+", "GMT+530", "GMT+5:3", "GMT+24", "GMT+1:60", "GMT +0100", "UTC 0100", "0500", "+5", "+500", "+05000",
    "+5:00", "+05:0", "+05:", "+05:00:00", "+ 0500", "+-0500", "++0500", "+2400", "GMT+2400", "+0560", "more",
]  # fmt: skip


@forms_with_any_zone
@each_case("zone", UNKNOWN_ZONES)
def test_an_unknown_zone_is_told_apart(form: str, zone: str) -> None:
    with pytest.raises(DateZoneUnknown):
        read_date(form.format(zone))


# The signs that no name of a zone has: what is in the place of the zone is then no zone at all.
NO_ZONES = [
    "America/New_York",
    "+05.00",
    "\xb10500",
    "(EST)",
    "E.S.T.",
    "EST,",
    "[EST]",
    "\u0395\u03a3\u03a4",
    "X" * 65,
]


@forms_with_any_zone
@each_case("zone", NO_ZONES)
def test_what_is_no_zone_is_unreadable(form: str, zone: str) -> None:
    assert error_of(form.format(zone)) == "date-unreadable"


@each_case("zone", ["EST", "Eastern Daylight Time", "+0100", "GMT+1:30"])
@each_case("half_day", ["AM", "PM"])
def test_a_12_hour_clock_belongs_to_the_documented_format_only(zone: str, half_day: str) -> None:
    for text in (
        f"Mon, 03 Jun 2013 12:13:56 {half_day} {zone}",
        f"2013-06-03 12:13:56 {half_day} {zone}",
        f"Mon Jun 03 12:13:56 {half_day} {zone} 2013",
    ):
        assert error_of(text) == "date-zone-unknown"


EXAMPLES = {
    "documented": "06/03/2013 12:13:56 EST",
    "RFC 5322": "Mon, 03 Jun 2013 12:13:56 -0500 (EST)",
    "RFC 9110": "Mon, 03 Jun 2013 12:13:56 GMT",
    "RFC 850": "Monday, 03-Jun-13 12:13:56 GMT",
    "asctime": "Mon Jun  3 12:13:56 2013",
    "ISO 8601": "2013-06-03T12:13:56.5-05:00",
    "JavaScript": "Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern Standard Time)",
    "Java": "Mon Jun 03 12:13:56 EST 2013",
    "Unix seconds": "1370261636",
}
every_form = each_case("text", EXAMPLES.values(), ids=EXAMPLES.keys())


@every_form
@each_case("stray", [" ", "\t", "\n", "\r\n", "\v", "\f", "\0", "\xa0", "\u2028"], ids=repr)
def test_nothing_may_stand_around_a_date(text: str, stray: str) -> None:
    for spoiled in (stray + text, text + stray):
        with pytest.raises(DateUnreadable):
            read_date(spoiled)


@each_case(
    "text",
    [
        pytest.param("06/03/2013 12:13:56", id="documented"),
        pytest.param("Mon, 03 Jun 2013 12:13:56", id="RFC 5322"),
        pytest.param("03 Jun 2013 12:13:56", id="RFC 5322, without weekday"),
        pytest.param("Monday, 03-Jun-13 12:13:56", id="RFC 850"),
        pytest.param("2013-06-03T12:13:56", id="ISO 8601"),
        pytest.param("2013-06-03 12:13:56.5", id="ISO 8601, blank and fraction"),
        pytest.param("Mon Jun 03 2013 12:13:56", id="JavaScript"),
        pytest.param("06/03/2013 1:13:56 PM", id="documented, afternoon"),
        pytest.param("20130603T121356", id="ISO 8601, basic"),
        pytest.param("2013-06-03T12:13:56.5[Etc/UTC]", id="RFC 9557"),
    ],
)
def test_a_date_that_lacks_only_its_zone_is_told_apart(text: str) -> None:
    with pytest.raises(DateWithoutZone):
        read_date(text)


# --- Nothing comes from the clock ---------------------------------------------------------------------


class ForbiddenClock(datetime.datetime):
    @classmethod
    def now(cls, *_: Any) -> None:
        raise AssertionError("the clock was read")

    today = utcnow = now


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York"])
def nothing_to_guess_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No clock, and a machine that stands elsewhere."""

    def forbidden(*_: Any) -> None:
        raise AssertionError("the clock was read")

    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    with monkeypatch.context() as patch:
        patch.setattr(datetime, "datetime", ForbiddenClock)
        for name in ("time", "time_ns", "localtime", "gmtime", "mktime"):
            patch.setattr(time, name, forbidden)
        yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("nothing_to_guess_from")
def test_reading_asks_neither_the_clock_nor_the_machines_zone() -> None:
    assert [read_date(text).timestamp for _, text, _ in READ] == [timestamp for *_, timestamp in READ]


# --- Any moment, in any form --------------------------------------------------------------------------

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
LONG_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
EPOCH = datetime.datetime(1970, 1, 1)
HOURS_OF_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9,
    "AKDT": -8, "HST": -10, "HAST": -10, "HADT": -9, "UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "AST": -4, "ADT": -3,
    "ChST": 10, "SST": -11, "Eastern Daylight Time": -4, "Hawaii-Aleutian Standard Time": -10,
}  # fmt: skip


def parts(local: datetime.datetime) -> dict[str, str]:
    names = {"day": DAYS[local.weekday()], "month": MONTHS[local.month - 1]}
    return {**names, "time": f"{local.hour:02}:{local.minute:02}:{local.second:02}", "year": f"{local.year:04}"}


WITH_ANY_ZONE = {
    "documented": lambda at, zone: "{m}/{d}/{year} {time} {zone}".format(**parts(at), m=at.month, d=at.day, zone=zone),
    "documented, two digits": lambda at, zone: f"{at:%m}/{at:%d}/{at.year:04} {at:%H:%M:%S}  {zone}",
    "RFC 5322": lambda at, zone: "{day}, {d} {month} {year} {time} {zone}".format(**parts(at), d=at.day, zone=zone),
    "JavaScript": lambda at, zone: "{day} {month} {d:02} {year} {time} {zone} (Somewhere's Time)".format(
        **parts(at), d=at.day, zone=zone
    ),
    "Java": lambda at, zone: "{day} {month} {d:02} {time} {zone} {year}".format(**parts(at), d=at.day, zone=zone),
}
IN_UTC = {
    "asctime": lambda at: at.ctime(),
    "ISO 8601, Z": lambda at: at.isoformat() + "Z",
    "RFC 9110": lambda at: email.utils.format_datetime(at.replace(tzinfo=datetime.UTC), usegmt=True),
}

moments = st.datetimes(datetime.datetime(1001, 1, 1), datetime.datetime(9998, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)


@st.composite
def zones(draw: Any) -> tuple[str, int]:
    """A zone as it is written, and the minutes that it is ahead of UTC."""
    if draw(st.booleans()):
        name, hours = draw(st.sampled_from(sorted(HOURS_OF_ZONES.items())))
        return draw(st.sampled_from([name, name.lower(), name.capitalize()])), hours * 60
    minutes = draw(st.integers(-1439, 1439))
    sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
    spellings = [f"{sign}{hours:02}{rest:02}", f"{sign}{hours:02}:{rest:02}"]
    if rest == 0:
        spellings.append(f"{sign}{hours:02}")
    return draw(st.sampled_from(["", "GMT", "UTC", "gmt"])) + draw(st.sampled_from(spellings)), minutes


def seconds(moment: datetime.datetime) -> int:
    return (moment - EPOCH) // datetime.timedelta(seconds=1)


@pytest.mark.parametrize("write", WITH_ANY_ZONE.values(), ids=WITH_ANY_ZONE.keys())
@given(moment=moments, zone=zones())
def test_a_moment_reads_back_from_every_form_and_zone(write: Callable[..., Any], moment: Any, zone: Any) -> None:
    text, minutes = zone
    assert read_date(write(moment + datetime.timedelta(minutes=minutes), text)).timestamp == seconds(moment)


@pytest.mark.parametrize("write", IN_UTC.values(), ids=IN_UTC.keys())
@given(moment=moments)
def test_a_moment_reads_back_from_every_form_in_utc(write: Callable[..., Any], moment: Any) -> None:
    assert read_date(write(moment)).timestamp == seconds(moment)


@given(moment=moments, microsecond=st.integers(0, 999999), minutes=st.integers(-1439, 1439), blank=st.booleans())
def test_a_moment_reads_back_from_iso_8601_with_fraction_and_offset(
    moment: Any, microsecond: Any, minutes: Any, blank: Any
) -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    exact = moment.replace(microsecond=microsecond, tzinfo=datetime.UTC)
    text = exact.astimezone(zone).isoformat(sep=" " if blank else "T")
    assert math.isclose(read_date(text).timestamp, seconds(moment) + microsecond / 1e6, abs_tol=1e-4)


@given(moment=st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31)))
def test_a_two_digit_year_is_one_from_1950_to_2049(moment: Any) -> None:
    weekday, month = LONG_DAYS[moment.weekday()], MONTHS[moment.month - 1]
    text = f"{weekday}, {moment.day:02}-{month}-{moment.year % 100:02} {moment:%H:%M:%S} GMT"
    assert read_date(text).timestamp == seconds(moment)
    text = f"{weekday[:3]}, {moment.day} {month} {moment.year % 100:02} {moment:%H:%M:%S} +0000"
    assert read_date(text).timestamp == seconds(moment)


@given(st.integers(10**8, 10**11 - 1))
def test_unix_seconds_read_back(moment: Any) -> None:
    assert read_date(str(moment)) == ReadDate(moment)


@given(
    st.one_of(
        st.text(),
        st.text("0123456789/:-+., TZJunMoEST()\n"),
        st.from_regex(r"[0-9]{1,4}[-/ ][0-9A-Z]{1,3}[-/ ][0-9]{1,4}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}.{0,8}"),
        st.from_regex(r"Mon,? Jun [0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} .{0,8} ?[0-9]{4}"),
    )
)
@example("99/99/9999 99:99:99 EST")
@example("0000-00-00T00:00:00Z")
@example("9999-12-31T23:59:60-23:59")
def test_any_text_is_a_date_or_unreadable(text: Any) -> None:
    try:
        date = read_date(text)
    except DateUnreadable:
        return
    assert math.isfinite(date.timestamp)


# Each written by hand apart from the product's patterns: what a text must hold if it is to be a date.
FULL_TIME = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
FULL_DATES = [
    r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}\s",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]",
    r"[0-9]{1,2}\s+[A-Za-z]{3}\s+(?:[0-9]{2}|[0-9]{4})\s",
    r"[A-Za-z]{3}\s+[0-9]{1,2}\s+[0-9]{4}\s",
    r"day, [0-9]{2}-[A-Za-z]{3}-(?:[0-9]{2}|[0-9]{4})\s",
    r"[A-Za-z]{3}\s+[0-9]{1,2}\s.*\s[0-9]{4}$",
]


@every_form
def test_a_date_is_read_only_where_everything_from_year_to_second_is_written(text: str) -> None:
    cuts = {text[:start] + text[end:] for start in range(len(text)) for end in range(start, len(text) + 1)}
    read = []
    for rest in cuts:
        with contextlib.suppress(DateUnreadable):
            read_date(rest)
            read.append(rest)
    assert text in read
    for rest in read:
        full = re.search(FULL_TIME, rest) and any(re.search(date, rest) for date in FULL_DATES)
        assert full or re.fullmatch("[0-9]{9,11}|[0-9]{13}|[0-9]{8}[T ][0-9]{6}.*", rest), rest


HOSTILE = {
    "blanks": "06/03/2013" + " " * 8000 + "x",
    "blanks before a zone": "Mon, 03 Jun 2013 12:13:56" + " " * 8000,
    "open brackets": "Mon, 03 Jun 2013 12:13:56 GMT " + "(" * 8000,
    "letters in an open bracket": "Mon, 03 Jun 2013 12:13:56 GMT (" + "a" * 8000,
    "pairs of brackets": "Mon, 03 Jun 2013 12:13:56 GMT (" + "()" * 4000,
    "closed brackets": "Mon Jun 03 2013 12:13:56 GMT (" + ")" * 8000,
    "digits": "1" * 8000,
    "digits of a fraction": "2013-06-03T12:13:56." + "1" * 8000 + "x",
    "letters of a zone": "06/03/2013 12:13:56 " + "a" * 8000,
    "spaces in a zone": "06/03/2013 12:13:56 a" + " " * 8000 + "!",
    "words of a zone before a year": "Mon Jun 03 12:13:56 " + "a " * 4000 + "20",
    "spaces after PM": "06/03/2013 12:13:56 PM" + " " * 8000,
    "characters in brackets": "2013-06-03T12:13:56Z[" + "a" * 8000,
}


@each_case("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_refused_quickly(text: str) -> None:
    started = time.thread_time()
    with pytest.raises(DateUnreadable):
        read_date(text)
    assert time.thread_time() - started < 0.5


# --- How fresh ----------------------------------------------------------------------------------------

WINDOW = 900


@each_case("distance", [-900, -899, -1, 0, 1, 899, 900])
def test_a_date_in_the_window_is_fresh_its_edges_included(distance: int) -> None:
    assert freshness_error(ReadDate(1370279636 + distance), 1370279636.0, WINDOW) is None


@each_case("distance", [-86400, -3600, -901, 901, 3600, 86400])
def test_a_date_outside_the_window_is_not_fresh(distance: int) -> None:
    assert freshness_error(ReadDate(1370279636 + distance), 1370279636.0, WINDOW) == "date-outside-window"


@each_case(
    ("timestamp", "now", "fault"),
    [
        pytest.param(1000 - 900, 1000.999, None, id="the clock's fraction does not make an old date older"),
        pytest.param(1000 + 901, 1000.999, "date-outside-window", id="nor a date to come nearer"),
        pytest.param(1000 + 900.999, 1000.0, None, id="the date's own fraction does not count either"),
        pytest.param(1000 - 900.001, 1000.0, "date-outside-window", id="but the second that it lies in does"),
    ],
)
def test_the_edges_are_those_of_whole_seconds(timestamp: float, now: float, fault: str | None) -> None:
    assert freshness_error(ReadDate(timestamp), now, WINDOW) == fault


@each_case("window", [1, 60, 86400])
def test_the_window_is_a_setting(window: int) -> None:
    assert freshness_error(ReadDate(1370279636 - window), 1370279636.0, window) is None
    assert freshness_error(ReadDate(1370279636 + window + 1), 1370279636.0, window) == "date-outside-window"


@each_case("zone", [None, "EST"])
@each_case("timestamp", [-62135596800, 0, 253402387139])
def test_a_window_of_0_turns_the_check_off(timestamp: int, zone: str | None) -> None:
    assert freshness_error(ReadDate(timestamp, zone), 1370279636.0, 0) is None


# A zone, the one it is mistaken for, and the moment of 12:13:56 in that one.
OTHER_HALVES = [
    ("EST", "EDT", 1370276036),
    ("EDT", "EST", 1370279636),
    ("CST", "CDT", 1370279636),
    ("CDT", "CST", 1370283236),
    ("MST", "MDT", 1370283236),
    ("MDT", "MST", 1370286836),
    ("PST", "PDT", 1370286836),
    ("PDT", "PST", 1370290436),
    ("AKST", "AKDT", 1370290436),
    ("AKDT", "AKST", 1370294036),
    ("HST", "HADT", 1370294036),
    ("HAST", "HADT", 1370294036),
    ("HADT", "HAST", 1370297636),
    ("AST", "ADT", 1370272436),
    ("ADT", "AST", 1370276036),
    ("Eastern Standard Time", "EDT", 1370276036),
    ("Hawaiian Daylight Time", "HAST", 1370297636),
]
other_halves = each_case(
    ("zone", "now"), [pytest.param(zone, now, id=f"{zone} for {meant}") for zone, meant, now in OTHER_HALVES]
)


@other_halves
@each_case("distance", [-900, 0, 900])
@in_any_case
def test_a_zone_taken_for_its_other_half_is_named(zone: str, now: int, distance: int, case: Callable[..., Any]) -> None:
    date = read_date(f"06/03/2013 12:13:56 {case(zone)}")
    assert freshness_error(date, now + distance, WINDOW) == "date-zone-name"


@other_halves
@each_case("distance", [-901, 901])
def test_a_date_that_fits_with_neither_half_is_outside_the_window(zone: str, now: int, distance: int) -> None:
    date = read_date(f"06/03/2013 12:13:56 {zone}")
    assert freshness_error(date, now + distance, WINDOW) == "date-outside-window"


@other_halves
def test_an_hour_to_the_other_side_is_outside_the_window(zone: str, now: int) -> None:
    date = read_date(f"06/03/2013 12:13:56 {zone}")
    mirrored = 2 * date.timestamp - now
    assert freshness_error(date, mirrored, WINDOW) == "date-outside-window"


@each_case("zone", ["UTC", "UT", "GMT", "Z", "-0500", "GMT-0500"])
@each_case("hours", [-1, 1])
def test_a_zone_without_another_half_is_outside_the_window(zone: str, hours: int) -> None:
    date = read_date(f"06/03/2013 12:13:56 {zone}")
    assert freshness_error(date, date.timestamp + hours * 3600, WINDOW) == "date-outside-window"


@each_case(
    ("timestamp", "now", "skew"),
    [
        pytest.param(1000, 1000.0, 0, id="none"),
        pytest.param(1000, 1000.999, 0, id="the clock's fraction does not count"),
        pytest.param(1090, 1000.0, 90, id="ahead is positive"),
        pytest.param(910, 1000.0, -90, id="behind is negative"),
        pytest.param(1090, 1000.999, 90, id="ahead, the clock's fraction does not count"),
        pytest.param(910, 1000.999, -90, id="behind, the clock's fraction does not count"),
        pytest.param(1090.75, 1000.0, 90, id="ahead, the date's fraction does not count"),
        pytest.param(910.25, 1000.0, -90, id="behind, the date's fraction does not count"),
        pytest.param(1000.5, 1000.5, 0, id="none, with fractions"),
        pytest.param(-10, -20.0, 10, id="before 1970"),
    ],
)
def test_the_skew_is_the_date_minus_the_clock_in_whole_seconds(timestamp: float, now: float, skew: int) -> None:
    found = clock_skew(ReadDate(timestamp), now)
    assert (found, type(found)) == (skew, int)
