"""Times and durations on the command line."""

import datetime
import re
from typing import Any

import click

from ..signing.dates import DateUnreadable, read_date

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Time(click.ParamType[datetime.datetime]):
    """A time: `90m`, `24h` or `7d` ago (if `ahead`, from now), a day such as 2026-11-02 (UTC), or a date and zone."""

    name = "time"

    def __init__(self, *, ahead: bool = False) -> None:
        self._sign = 1 if ahead else -1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        """Return the time, aware of its zone; report a malformed text as wrong usage."""
        text = str(value).strip()
        try:
            if (duration := parse_duration(text)) is not None:
                return datetime.datetime.now(datetime.UTC) + self._sign * duration
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                text += "T00:00:00Z"
            return datetime.datetime.fromtimestamp(read_date(text).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError):
            self.fail(f"Invalid time {text!r}. Use for example 24h, 2026-11-02 or 2026-11-02T15:00:00Z.", param, ctx)


def parse_duration(text: str) -> datetime.timedelta | None:
    """Return the duration of a text such as 90m, 24h or 7d; None if the text has another form."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


class Duration(click.ParamType[datetime.timedelta]):
    """A duration: 90m, 24h or 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.timedelta:
        """Return the duration; report a malformed text as wrong usage."""
        duration = parse_duration(str(value).strip())
        if duration is None:
            self.fail(f"Invalid duration {value!r}. Use for example 90m, 24h or 7d.", param, ctx)
        return duration


def format_exactly(time: datetime.datetime) -> str:
    """Return a time (UTC) in RFC 3339's format, with microseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def format_time(time: datetime.datetime | None) -> str | None:
    """Return a time in RFC 3339's format, as UTC in whole seconds; None for None."""
    return None if time is None else time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
