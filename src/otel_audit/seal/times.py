"""Times as they stand in manifests: RFC 3339, UTC, nine digits, ``Z``; such texts sort as the times do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["timestamp", "unix_nano"]

_FORM: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY: Final = 86_400


def timestamp(unix_nano: int) -> str:
    """``2026-11-21T18:04:16.394044809Z``.

    Args:
        unix_nano: nanoseconds since the epoch, of the years 1 to 9999.
    """
    seconds, nanos = divmod(unix_nano, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()}.{nanos:09d}Z"


def unix_nano(text: str) -> int:
    """Read :func:`timestamp` back, nanoseconds since the epoch.

    Raises:
        ValueError: the text has another form, or there is no such time.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("not a time with nine digits and Z")
    since = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _EPOCH
    return (since.days * _SECONDS_PER_DAY + since.seconds) * 10**9 + int(match[2])
