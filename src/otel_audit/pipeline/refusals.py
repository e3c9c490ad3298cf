"""When a destination does not want one object, and never will."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from otel_audit.pipeline.options import ShippingOptions


@dataclass(slots=True)
class _Refused:
    first_s: float
    times: int = 0


class Refusals:
    """Counts refusals of single commits. Not thread-safe; one for each destination.

    Args:
        options: how many refusals, over which time, are final.
        clock_s: monotonic clock, seconds.
    """

    def __init__(self, options: ShippingOptions, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._options, self._clock_s = options, clock_s
        self._refused: dict[tuple[str, int], _Refused] = {}

    def times(self, writer: str, commit: int) -> int:
        """How often a commit was refused so far."""
        refused = self._refused.get((writer, commit))
        return 0 if refused is None else refused.times

    def add(self, writer: str, commit: int) -> bool:
        """Count a refusal. Returns whether it is final."""
        now = self._clock_s()
        refused = self._refused.setdefault((writer, commit), _Refused(now))
        refused.times += 1
        return (
            refused.times >= self._options.refused_times
            and now - refused.first_s >= self._options.refused_over_s
        )

    def forget(self, writer: str, commit: int) -> None:
        """The commit went through, or was given up."""
        self._refused.pop((writer, commit), None)
