"""How long one field may be judged."""

from __future__ import annotations

import time

__all__ = ["Budget", "OutOfTime"]


class OutOfTime(Exception):
    """Judging a field took longer than it may."""


class Budget:
    """Time for one field, of the thread that judges it.

    What counts is the time that the thread has worked: a machine that is busy with others, or a process that was
    stopped, must not cost a field.

    Args:
        seconds: from now on.
    """

    __slots__ = ("_deadline", "_seconds", "_worked_before")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._worked_before = time.thread_time()
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """Raises :class:`OutOfTime` once the time is over."""
        # The thread's clock is a call to the system; the other one is not, and is never behind it.
        if time.monotonic() > self._deadline and time.thread_time() - self._worked_before > self._seconds:
            raise OutOfTime
