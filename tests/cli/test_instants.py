"""Instants as they are typed."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.cli.instants import Instant, format_instant, parse_instant

NOW = 1_795_284_256_394_044_809  # 2026-11-21T18:04:16.394044809Z
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
MIDNIGHT = 1_795_219_200 * SECOND  # 2026-11-21T00:00:00Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T18:04:16Z", NOW - 394_044_809),
        ("2026-11-21t18:04:16z", NOW - 394_044_809),
        ("2026-11-21 18:04:16", NOW - 394_044_809),
        ("2026-11-21T18:04:16.394044809Z", NOW),
        ("2026-11-21T18:04:16.39Z", NOW - 4_044_809),
        ("2026-11-21T19:04:16.394044809+01:00", NOW),
        ("2026-11-21T12:34:16.394044809-05:30", NOW),
        ("2026-11-21T18:04", NOW - 16_394_044_809),
        ("2026-11-21", MIDNIGHT),
        (" 2026-11-21 ", MIDNIGHT),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ("now", NOW),
        ("today", MIDNIGHT),
        ("yesterday", MIDNIGHT - DAY),
        ("2h", NOW - 2 * HOUR),
        ("7d", NOW - 7 * DAY),
        ("1w", NOW - 7 * DAY),
        ("90s", NOW - 90 * SECOND),
        ("30m", NOW - 30 * 60 * SECOND),
        ("30min", NOW - 30 * 60 * SECOND),
        ("1.5h", NOW - 90 * 60 * SECOND),
        ("1d12h", NOW - 36 * HOUR),
    ],
)
def test_what_is_accepted(text: str, expected: int) -> None:
    assert parse_instant(text, now_unix_nano=NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2", "h", "-2h", "2y", "2026-13-01", "2026-02-30", "2026-11-21T25:00", "2026-11-21T18:04:61Z",
     "2026-11-21T18:04:16+25:00", "2026-11-21T18", "21.11.2026", "tomorrow",
     "2026-11-21T18:04:16.1234567890Z", "٢h"],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text, now_unix_nano=NOW)


def test_a_refusal_on_the_command_line_says_what_is_accepted() -> None:
    with pytest.raises(click.BadParameter, match=r"RFC 3339.*2h"):
        Instant(lambda: NOW).convert("soon", None, None)


@given(st.integers(-(2**63), 2**63 - 1))
def test_what_is_printed_is_read_back(unix_nano: int) -> None:
    assert parse_instant(format_instant(unix_nano), now_unix_nano=NOW) == unix_nano


@given(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_it_agrees_with_the_standard_library(moment: datetime) -> None:
    seconds = (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001
    parsed = parse_instant(moment.replace(tzinfo=UTC).isoformat(), now_unix_nano=NOW)
    assert abs(parsed / 1e9 - seconds) < 1e-3


@pytest.mark.parametrize(
    ("digits", "expected"),
    [(0, "2026-11-21T18:04:16Z"), (3, "2026-11-21T18:04:16.394Z"), (9, "2026-11-21T18:04:16.394044809Z")],
)
def test_digits_are_cut_not_rounded(digits: int, expected: str) -> None:
    assert format_instant(NOW, digits) == expected
