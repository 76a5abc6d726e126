"""Cases about the date: its formats, its zones, what is rejected, and the window around the server's clock."""

from ..case import DENIED, MOVED, Case, Date, RequestSpec, denied, note, page, table

_SEE = page("authentication#date")

# Hours by which a zone is ahead of UTC.
_ZONES = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "HAST": -10, "HADT": -9, "UTC": 0, "UT": 0, "GMT": 0, "Z": 0,
    "AST": -4, "ADT": -3, "ChST": 10, "SST": -11,
}  # fmt: skip
_LONG_NAMES = {
    "Eastern Standard Time": -5, "Eastern Daylight Time": -4, "Central Daylight Time": -5, "Mountain Standard Time": -7,
    "Pacific Daylight Time": -7, "Alaskan Standard Time": -9, "Alaska Daylight Time": -8, "Hawaiian Standard Time": -10,
    "Hawaii-Aleutian Daylight Time": -9, "Atlantic Standard Time": -4, "Chamorro Standard Time": 10,
    "Coordinated Universal Time": 0, "Greenwich Mean Time": 0, "eastern standard time": -5,
}  # fmt: skip
# Minutes by which an offset is ahead of UTC.
_OFFSETS = {
    "+0100": 60, "-0500": -300, "+05:30": 330, "-03:30": -210, "+01": 60, "-10": -600, "+0000": 0, "-0000": 0,
    "GMT+0100": 60, "GMT-0500": -300, "GMT+01:00": 60, "GMT-05": -300,
    "UTC+0100": 60, "UTC-05:00": -300, "UTC+01": 60, "GMT-5": -300, "GMT+5:30": 330, "UTC+1": 60,
}  # fmt: skip

_DOCUMENTED = "{at:%m/%d/%Y %H:%M:%S}"

_FORMS = {
    "documented": Date(form=_DOCUMENTED + " EST", minutes=-300),
    "documented-one-digit": Date(form="{at.month}/{at.day}/{at:%Y %H:%M:%S} UTC"),
    "documented-one-digit-hour": Date(form="{at:%m/%d/%Y} {at.hour}:{at:%M:%S} UTC"),
    "documented-half-day": Date(form="{at:%m/%d/%Y %I:%M:%S %p} -05:00", minutes=-300),
    "documented-half-day-zone": Date(form="{at:%m/%d/%Y %I:%M:%S %p} EST", minutes=-300),
    "documented-blanks": Date(form="{at:%m/%d/%Y}   {at:%H:%M:%S}  UTC"),
    "rfc5322": Date(form="{at:%a, %d %b %Y %H:%M:%S} -0500", minutes=-300),
    "rfc5322-no-weekday": Date(form="{at:%d %b %Y %H:%M:%S} +0530", minutes=330),
    "rfc5322-one-digit": Date(form="{at:%a}, {at.day} {at:%b %Y %H:%M:%S} +0000"),
    "rfc5322-comment": Date(form="{at:%a, %d %b %Y %H:%M:%S} -0500 (EST)", minutes=-300),
    "rfc5322-short-year": Date(form="{at:%a, %d %b %y %H:%M:%S} -0500", minutes=-300),
    "rfc9110": Date(),
    "rfc850": Date(form="{at:%A, %d-%b-%y %H:%M:%S} GMT"),
    "rfc850-zone": Date(form="{at:%A, %d-%b-%y %H:%M:%S} EST", minutes=-300),
    "rfc850-long-year": Date(form="{at:%A, %d-%b-%Y %H:%M:%S} UTC"),
    "asctime": Date(form="{at:%a %b} {at.day:>2} {at:%H:%M:%S %Y}"),
    "rfc3339": Date(form="{at:%Y-%m-%dT%H:%M:%S}Z"),
    "rfc3339-blank": Date(form="{at:%Y-%m-%d %H:%M:%S}-05:00", minutes=-300),
    "rfc3339-fraction": Date(form="{at:%Y-%m-%dT%H:%M:%S}.123456Z"),
    "iso8601-offset": Date(form="{at:%Y-%m-%dT%H:%M:%S}+0100", minutes=60),
    "iso8601-hours": Date(form="{at:%Y-%m-%dT%H:%M:%S}-05", minutes=-300),
    "iso8601-zone": Date(form="{at:%Y-%m-%d %H:%M:%S} UTC"),
    "iso8601-spaced-offset": Date(form="{at:%Y-%m-%d %H:%M:%S} -0500", minutes=-300),
    "iso8601-comma": Date(form="{at:%Y-%m-%dT%H:%M:%S},250Z"),
    "iso8601-basic": Date(form="{at:%Y%m%dT%H%M%S}Z"),
    "iso8601-basic-offset": Date(form="{at:%Y%m%d %H%M%S}.5 +0100", minutes=60),
    "rfc9557": Date(form="{at:%Y-%m-%dT%H:%M:%S}-05:00[America/Chicago]", minutes=-300),
    "javascript": Date(form="{at:%a %b %d %Y %H:%M:%S} GMT-0500 (Eastern Standard Time)", minutes=-300),
    "javascript-no-name": Date(form="{at:%a %b %d %Y %H:%M:%S} GMT+0100", minutes=60),
    "java": Date(form="{at:%a %b %d %H:%M:%S} EST {at:%Y}", minutes=-300),
    "unix": Date(form="{unix}"),
    "unix-milliseconds": Date(form="{unix}250"),
}

# Dates and their moments in seconds since 1970: 1370261636 is 12:13:56 UTC on 3 June 2013.
_MOMENTS = {
    "documented": ("06/03/2013 12:13:56 EST", 1_370_279_636),
    "month-first": ("03/06/2013 12:13:56 UTC", 1_362_572_036),
    "rfc5322": ("Mon, 03 Jun 2013 12:13:56 -0500", 1_370_279_636),
    "rfc850": ("Monday, 03-Jun-13 12:13:56 GMT", 1_370_261_636),
    "rfc850-this-century": ("Thursday, 03-Jun-49 12:13:56 GMT", 2_506_335_236),
    "rfc850-last-century": ("Saturday, 03-Jun-50 12:13:56 GMT", -617_888_764),
    "rfc5322-last-century": ("Fri, 03 Jun 50 12:13:56 GMT", -617_888_764),
    "half-day-midnight": ("06/03/2013 12:13:56 AM UTC", 1_370_218_436),
    "half-day-noon": ("06/03/2013 12:13:56 PM UTC", 1_370_261_636),
    "half-day-evening": ("6/3/2013 9:13:56 pm UTC", 1_370_294_036),
    "unix-milliseconds": ("1370261636999", 1_370_261_636),
    "asctime": ("Mon Jun  3 12:13:56 2013", 1_370_261_636),
    "rfc3339": ("2013-06-03T12:13:56+05:30", 1_370_241_836),
    "javascript": ("Mon Jun 03 2013 12:13:56 GMT+0100 (British Summer Time)", 1_370_258_036),
    "java": ("Mon Jun 03 12:13:56 PDT 2013", 1_370_286_836),
    "unix-9-digits": ("999999999", 999_999_999),
    "unix-10-digits": ("1370261636", 1_370_261_636),
    "unix-11-digits": ("13702616360", 13_702_616_360),
    "other-weekday": ("Fri, 03 Jun 2013 12:13:56 GMT", 1_370_261_636),
    "leap-day": ("02/29/2016 12:13:56 UTC", 1_456_748_036),
    "zone-into-next-year": ("12/31/2013 23:59:59 EST", 1_388_552_399),
}

_UNREADABLE = {
    "blank": "",
    "word": "now",
    "time-alone": "12:13:56 EST",
    "day-alone": "06/03/2013",
    "day-and-zone": "06/03/2013 EST",
    "no-year": "06/03 12:13:56 EST",
    "short-year": "06/03/13 12:13:56 EST",
    "no-seconds": "06/03/2013 12:13 EST",
    "rfc5322-no-seconds": "Mon, 03 Jun 2013 12:13 -0500",
    "rfc3339-no-seconds": "2013-06-03T12:13Z",
    "half-day-13": "06/03/2013 13:13:56 PM EST",
    "half-day-0": "06/03/2013 0:13:56 AM EST",
    "half-day-joined": "06/03/2013 12:13:56PM EST",
    "day-first": "13/06/2013 12:13:56 EST",
    "dots": "03.06.2013 12:13:56 UTC",
    "dashes": "06-03-2013 12:13:56 UTC",
    "no-such-day": "02/30/2013 12:13:56 UTC",
    "no-leap-day": "02/29/2013 12:13:56 UTC",
    "no-such-month": "13/13/2013 12:13:56 UTC",
    "no-such-hour": "06/03/2013 24:13:56 UTC",
    "no-such-minute": "06/03/2013 12:60:56 UTC",
    "other-month": "Mon, 03 Juin 2013 12:13:56 GMT",
    "other-language": "lun., 03 juin 2013 12:13:56 GMT",
    "three-digit-year": "Mon, 03 Jun 113 12:13:56 -0500",
    "zone-of-a-place": "06/03/2013 12:13:56 America/New_York",
    "zone-with-points": "06/03/2013 12:13:56 E.S.T.",
    "zone-of-65-letters": "06/03/2013 12:13:56 " + "Z" * 65,
    "unknown-zone-on-no-such-day": "02/30/2013 12:13:56 CET",
    "comma-in-comment": "Mon Jun 03 2013 12:13:56 GMT-0500 (Eastern, US)",
    "basic-iso8601-joined": "20130603121356Z",
    "basic-and-extended-iso8601": "20130603T12:13:56Z",
    "ten-digits-of-a-fraction": "2013-06-03T12:13:56.0123456789Z",
    "brackets-empty": "2013-06-03T12:13:56Z[]",
    "ordinal-iso8601": "2013-154T12:13:56Z",
    "unix-8-digits": "99999999",
    "unix-12-digits": "137026163600",
    "unix-14-digits": "13702616360000",
    "unix-fraction": "1370261636.5",
    "unix-sign": "-1370261636",
    "more-before": "on 06/03/2013 12:13:56 EST",
    "two": "06/03/2013 12:13:56 EST, 06/03/2013 12:13:56 EST",
    "byte": "06/03/2013 12:13:56 EST\xe9",
}

_WITHOUT_ZONE = {
    "documented": "06/03/2013 12:13:56",
    "rfc5322": "Mon, 03 Jun 2013 12:13:56",
    "rfc3339": "2013-06-03T12:13:56",
    "javascript": "Mon Jun 03 2013 12:13:56",
    "half-day": "06/03/2013 12:13:56 PM",
    "rfc9557": "2013-06-03T12:13:56[America/Chicago]",
    "iso8601-basic": "20130603T121356",
}

_UNKNOWN_ZONE = {
    **{zone: f"06/03/2013 12:13:56 {zone}" for zone in ("BST", "IST", "CEST", "XYZ", "America/Chicago", "EST more")},
    "one-letter": "Mon, 03 Jun 2013 12:13:56 A",
    "offset-of-a-day": "06/03/2013 12:13:56 +2400",
    "offset-of-one-digit": "06/03/2013 12:13:56 -5",
    "other-half-day": "2013-06-03 12:13:56 PM UTC",
    "java": "Mon Jun 03 12:13:56 CEST 2013",
    "rfc850": "Monday, 03-Jun-13 12:13:56 CEST",
    "iso8601": "2013-06-03T12:13:56CEST",
}

# JavaScript's text in a Spanish browser, which sends it as Latin-1.
_SPANISH = Date(form="{at:%a %b %d %Y %H:%M:%S} GMT-0400 (hora est\xe1ndar del Atl\xe1ntico)", minutes=-240)

_READ = [
    *((id_, "each documented date format is accepted", RequestSpec(date=date), MOVED) for id_, date in _FORMS.items()),
    *(
        (
            f"moment-{id_}",
            "a date means the documented moment",
            RequestSpec(date=text),
            denied("date-outside-window", moment=moment),
        )
        for id_, (text, moment) in _MOMENTS.items()
    ),
]

_ZONED = [
    *(
        (
            name,
            "a zone is accepted by its long name",
            RequestSpec(date=Date(form=f"{_DOCUMENTED} {name}", minutes=hours * 60)),
            MOVED,
        )
        for name, hours in _LONG_NAMES.items()
    ),
    *(
        (
            zone,
            "an abbreviation is interpreted literally",
            RequestSpec(date=Date(form=f"{_DOCUMENTED} {zone}", minutes=hours * 60)),
            MOVED,
        )
        for zone, hours in _ZONES.items()
    ),
    *(
        (
            f"{zone}-in-{month}",
            "an abbreviation is interpreted literally, in summer and winter",
            RequestSpec(date=f"{number}/03/2013 12:13:56 {zone}"),
            denied("date-outside-window", moment=noon - hours * 3600),
        )
        for zone, hours in [("EST", -5), ("EDT", -4), ("PST", -8), ("PDT", -7)]
        for month, number, noon in [("January", "01", 1_357_215_236), ("June", "06", 1_370_261_636)]
    ),
    *(
        (
            text,
            "an abbreviation is accepted in any case",
            RequestSpec(date=Date(form=f"{_DOCUMENTED} {text}", minutes=minutes)),
            MOVED,
        )
        for text, minutes in [("est", -300), ("Pdt", -420), ("utc", 0), ("gmt+0100", 60)]
    ),
    *(
        (
            text,
            "an offset is positive to the east, after GMT too",
            RequestSpec(date=Date(form=f"{_DOCUMENTED} {text}", minutes=minutes)),
            MOVED,
        )
        for text, minutes in _OFFSETS.items()
    ),
    *(
        (
            f"{zone}-meant-{half}",
            "a date off by an hour because of EST or EDT is explained as that",
            RequestSpec(date=Date(form=f"{_DOCUMENTED} {zone}", minutes=hours * 60)),
            denied("date-zone-name"),
        )
        for zone, half, hours in [
            ("EST", "EDT", -4),
            ("EDT", "EST", -5),
            ("PST", "PDT", -7),
            ("AST", "ADT", -3),
            ("Eastern Standard Time", "EDT", -4),
        ]
    ),
]

_REFUSED = [
    *(
        (
            id_,
            "every other text is rejected, and nothing is guessed",
            RequestSpec(date=text),
            denied("date-unreadable"),
        )
        for id_, text in _UNREADABLE.items()
    ),
    *(
        (
            f"unknown-zone-{id_}",
            "a date with an unknown zone is explained as that",
            RequestSpec(date=text),
            denied("date-zone-unknown"),
        )
        for id_, text in _UNKNOWN_ZONE.items()
    ),
    *(
        (f"no-zone-{id_}", "a zone is required", RequestSpec(date=text), denied("date-without-zone"))
        for id_, text in _WITHOUT_ZONE.items()
    ),
    *(
        (
            f"today-{id_}",
            "nothing is taken from the clock",
            RequestSpec(date=Date(form=form)),
            denied("date-unreadable"),
        )
        for id_, form in [
            ("time-alone", "{at:%H:%M:%S} UTC"),
            ("no-year", "{at:%m/%d %H:%M:%S} UTC"),
            ("no-seconds", "{at:%m/%d/%Y %H:%M} UTC"),
            ("day-alone", "{at:%m/%d/%Y} UTC"),
        ]
    ),
]

_HEADERS = [
    ("x-daas-date", "X-Daas-Date is accepted instead of Date", RequestSpec(date_header="X-Daas-Date"), MOVED),
    ("missing", "a date is required", RequestSpec(date=None), DENIED),
    ("latin-1", "a zone's name may hold letters of Latin-1", RequestSpec(date=_SPANISH), MOVED),
    (
        "signed-as-utf-8",
        "a date sent as Latin-1 may be signed as UTF-8",
        RequestSpec(date=_SPANISH, signed={"date": "$date_as_utf_8"}),
        MOVED,
    ),
    (
        "trailing-space",
        "spaces around a header's value are not part of it: one at the end of a signed date is wrong",
        RequestSpec(signed={"date": "$date "}),
        DENIED,
    ),
    (
        "both",
        "if both are sent, X-Daas-Date is used",
        RequestSpec(date_header="X-Daas-Date", headers=[("Date", "06/03/2013 12:13:56 EST")]),
        MOVED,
    ),
    (
        "both-unread",
        "if both are sent, X-Daas-Date is used",
        RequestSpec(date_header="X-Daas-Date", headers=[("Date", "yesterday")]),
        MOVED,
    ),
    (
        "both-signed",
        "if both are sent, X-Daas-Date is used",
        RequestSpec(headers=[("X-Daas-Date", "06/03/2013 12:13:56 EST")]),
        DENIED,
    ),
    (
        "both-unreadable",
        "X-Daas-Date is used even if it is malformed",
        RequestSpec(date="yesterday", date_header="X-Daas-Date", headers=[("Date", "$now")]),
        denied("date-unreadable"),
    ),
    ("both-blank", "an empty header counts as present", RequestSpec(headers=[("X-Daas-Date", "")]), DENIED),
    (
        "blanks-around",
        "spaces around a header's value are not part of it",
        RequestSpec(replacements=[("Date: ", "Date: \t ")]),
        MOVED,
    ),
    ("repeated", "a repeated date is rejected", RequestSpec(headers=[("Date", "$date")]), DENIED),
    (
        "repeated-x-daas-date",
        "a repeated date is rejected",
        RequestSpec(date_header="X-Daas-Date", headers=[("X-Daas-Date", "$date")]),
        DENIED,
    ),
    (
        "repeated-signed",
        "a repeated date is rejected, even if both are signed",
        RequestSpec(headers=[("Date", "$date")], signed={"date": "$date,$date"}),
        DENIED,
    ),
    (
        "joined",
        "two dates joined by a comma are rejected",
        RequestSpec(date=Date(form="{at:%a, %d %b %Y %H:%M:%S} GMT, {at:%a, %d %b %Y %H:%M:%S} GMT")),
        DENIED,
    ),
    (
        "repeated-beside",
        "a repeated date is rejected, even if it is not used",
        RequestSpec(date_header="X-Daas-Date", headers=[("Date", "$date"), ("Date", "$date")]),
        DENIED,
    ),
]


def window(seconds: int) -> list[Case]:
    """Return the cases about the window; `seconds` is a setting of the server."""
    outside = denied("date-outside-window")
    rows = [
        ("past", "a date before the window is rejected", -seconds - 60, outside),
        ("future", "a date after the window is rejected", seconds + 60, outside),
        ("inside-past", "a date inside the window is accepted", -seconds + 30, MOVED),
        ("inside-future", "a date inside the window is accepted", seconds - 30, MOVED),
        ("edge-past", "the first second of the window is accepted", -seconds, MOVED),
        ("edge-future", "the last second of the window is accepted", seconds, MOVED),
        ("over-edge-past", "the second before the window is rejected", -seconds - 1, outside),
        ("over-edge-future", "the second after the window is rejected", seconds + 1, outside),
    ]
    return [
        Case(
            f"date.window.{id_}",
            sentence,
            _SEE,
            [(RequestSpec(date=Date(seconds=ahead)), expected)],
            attempts=3 if "edge" in id_ else 1,
        )
        for id_, sentence, ahead, expected in rows
    ]


CASES = [
    *table("date.read", _SEE, _READ),
    *table("date.zone", page("authentication#zones"), _ZONED),
    *table("date.refused", note("0002-dates"), _REFUSED),
    *table("date.header", page("authentication#headers"), _HEADERS),
]
