"""Places of records in the log, and what is on its way there."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pending", "Range"]


@dataclass(frozen=True, slots=True)
class Range:
    """Positions that an append got: ``first`` to ``last``, both included, within ``writer``."""

    writer: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Pending:
    """What has been appended since the last rotation.

    Attributes:
        records: how many.
        size: bytes in the segment.
        age_s: seconds since the first of them was appended, monotonic.
    """

    records: int
    size: int
    age_s: float
