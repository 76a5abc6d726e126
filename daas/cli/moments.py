"""Moments on the command line."""

import datetime
import re
from typing import Any

import click

from ..signing.dates import DateUnreadable, read_date

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime.datetime]):
    """A moment: `90m`, `24h` or `7d` ago, or ahead, a day such as 2026-11-02 (UTC), or a date with time and zone."""

    name = "moment"

    def __init__(self, *, ahead: bool = False) -> None:
        self._sign = 1 if ahead else -1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        """Read the text."""
        text = str(value).strip()
        try:
            if (span := read_span(text)) is not None:
                return datetime.datetime.now(datetime.UTC) + self._sign * span
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                text += "T00:00:00Z"
            return datetime.datetime.fromtimestamp(read_date(text).timestamp, datetime.UTC)
        except (DateUnreadable, OverflowError, ValueError):
            self.fail(f"{text!r} is not like 24h, 2026-11-02 or 2026-11-02T15:00:00Z.", param, ctx)


def read_span(text: str) -> datetime.timedelta | None:
    """Read a span of time such as 90m, 24h or 7d; None if it is none."""
    span = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    return datetime.timedelta(**{_UNITS[span[2]]: int(span[1])}) if span else None


class Span(click.ParamType[datetime.timedelta]):
    """A span of time: 90m, 24h or 7d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.timedelta:
        """Read the text."""
        span = read_span(str(value).strip())
        return self.fail(f"{value!r} is not like 90m, 24h or 7d.", param, ctx) if span is None else span


def show_exactly(moment: datetime.datetime) -> str:
    """Write a moment as RFC 3339 does, in microseconds of UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def show_moment(moment: datetime.datetime | None) -> str | None:
    """Write a moment as RFC 3339 does, in whole seconds of UTC."""
    return None if moment is None else moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
