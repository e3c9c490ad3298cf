"""When a destination does not want one object, and never will."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_audit.errors import StoreError
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.store.base import Store
from otel_audit.store.layout import ProbeFile

_PROBE: Final = b"\n"


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

    def is_final(self, store: Store, writer: str, commit: int) -> bool:
        """Count that an object of a commit was refused, if the store takes another at the same time.

        Returns:
            Whether it was refused often enough, for long enough.
        """
        now = self._clock_s()
        refused = self._refused.get((writer, commit), _Refused(now))
        # Another object each time: one that is there already may be accepted without being written.
        attempt = f"{writer} {commit} {refused.times}"
        probe = ProbeFile(hashlib.sha256(attempt.encode()).hexdigest()[:16])
        try:
            store.create(probe.path, _PROBE, sha256=hashlib.sha256(_PROBE).hexdigest())
        except StoreError:
            return False
        self._refused[writer, commit] = refused
        refused.times += 1
        return (
            refused.times >= self._options.refused_times
            and now - refused.first_s >= self._options.refused_over_s
        )

    def forget(self, writer: str, commit: int) -> None:
        """The commit went through, or was given up."""
        self._refused.pop((writer, commit), None)
