"""Instants: nanoseconds since the epoch, and their text with nine digits."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

__all__ = ["DAY_NS", "HOUR_NS", "MAX_INT64", "rfc3339"]

HOUR_NS: Final = 3_600 * 1_000_000_000
DAY_NS: Final = 24 * HOUR_NS

MAX_INT64: Final = 2**63 - 1
"""Nanoseconds up to April 2262: what the columns of exact times hold."""


def rfc3339(unix_nano: int) -> str:
    """Returns RFC 3339 text with nine digits and ``Z``.

    Args:
        unix_nano: nanoseconds since the epoch, within 64 signed bits.
    """
    seconds, nanos = divmod(unix_nano, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{nanos:09d}Z"


@lru_cache(maxsize=1024)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
