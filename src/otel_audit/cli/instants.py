"""Instants as they are typed: RFC 3339, dates, and so long ago."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import click

_NANOSECONDS_PER_SECOND: Final = 1_000_000_000

_AGO: Final = re.compile(r"(?:\d+(?:\.\d+)?[a-z]+)+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s?(Z|z|[+-]\d{2}:\d{2})?",
    re.ASCII,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ACCEPTED: Final = (
    "2026-11-21T18:04:16Z (RFC 3339; UTC where no zone is given), a date such as 2026-11-21 (its first "
    "instant, UTC), so long ago (90s, 30m, 2h, 7d, 1w, 1d12h), now, today or yesterday"
)


def parse_instant(text: str, *, now_unix_nano: int) -> int:
    """Nanoseconds since the epoch that ``text`` stands for.

    Args:
        text: see :data:`ACCEPTED`.
        now_unix_nano: what "ago" counts from.

    Raises:
        ValueError: it is none of these, or no such day or time exists.
    """
    word = text.strip()
    today = _floor_to_day(now_unix_nano)
    if word in ("now", "today", "yesterday"):
        return {"now": now_unix_nano, "today": today, "yesterday": today - _days(1)}[word]
    if _AGO.fullmatch(word):
        return now_unix_nano - _duration(word)
    if _DATE.fullmatch(word):
        return _days((date.fromisoformat(word) - _EPOCH.date()).days)
    match = _DATE_TIME.fullmatch(word)
    if match is None:
        raise ValueError(f"not an instant; accepted are {ACCEPTED}")
    day, minute, second, fraction, zone = match.groups()
    # datetime ends at microseconds, so the fraction is added by itself; a leap second is the next second.
    leap = second == "60"
    whole = datetime.fromisoformat(
        f"{day}T{minute}:{'59' if leap else second or '00'}{(zone or 'Z').upper()}"
    )
    since = whole - _EPOCH
    seconds = since.days * 86_400 + since.seconds + leap
    return seconds * _NANOSECONDS_PER_SECOND + int((fraction or "").ljust(9, "0"))


def _duration(text: str) -> int:
    total = 0
    for amount, unit in _PART.findall(text):
        if unit not in _SECONDS:
            raise ValueError(f"unknown unit {unit}; accepted are {', '.join(_SECONDS)}")
        whole, _, fraction = amount.partition(".")
        nanoseconds = int(whole) * _NANOSECONDS_PER_SECOND + int(fraction[:9].ljust(9, "0"))
        total += nanoseconds * _SECONDS[unit]
    return total


def _days(count: int) -> int:
    return count * 86_400 * _NANOSECONDS_PER_SECOND


def _floor_to_day(unix_nano: int) -> int:
    return unix_nano - unix_nano % _days(1)


def format_instant(unix_nano: int, digits: int = 9) -> str:
    """RFC 3339, UTC, with so many digits of a second's fraction: 0, 3, 6 or 9."""
    seconds, fraction = divmod(unix_nano, _NANOSECONDS_PER_SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{whole}.{fraction:09d}"[: 19 + (digits + 1 if digits else 0)] + "Z"


class Instant(click.ParamType[int]):
    """A click parameter whose value is nanoseconds since the epoch.

    Args:
        clock: nanoseconds since the epoch, now.
    """

    name = "when"

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_instant(str(value), now_unix_nano=self._clock())
        except ValueError as error:
            self.fail(str(error), param, ctx)
