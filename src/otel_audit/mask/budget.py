"""How long one field may be judged."""

from __future__ import annotations

import time

__all__ = ["Budget", "OutOfTime"]


class OutOfTime(Exception):
    """Judging a field took longer than it may."""


class Budget:
    """Time for one field.

    Args:
        seconds: of monotonic time, from now on.
    """

    __slots__ = ("_deadline",)

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """Raises :class:`OutOfTime` once the time is over."""
        if time.monotonic() > self._deadline:
            raise OutOfTime
