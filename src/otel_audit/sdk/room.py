"""How much of the queue is free, in records and in bytes, and waiting for more."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["QueueOptions", "Room"]

_SMALLEST_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """Bounds of the hand-over.

    Attributes:
        max_records: spans that may wait; 8,192 is two seconds of a busy service.
        max_bytes: size of what may wait, estimated from samples.
        max_batch: spans handed on at once; kernels of a columnar path are paid once a batch.
        max_batch_bytes: likewise, estimated; large spans go in smaller batches.
        max_delay_s: how long a span waits for company.
        wait_budget_s: how long one episode of fullness may hold application threads; 0 never waits.
        wait_budget_loop_s: the same on a thread that runs an event loop.
        retry_s: pause before a batch that could not be made durable is offered again.
    """

    max_records: int = 8192
    max_bytes: int = 128 << 20
    max_batch: int = 2048
    max_batch_bytes: int = 16 << 20
    max_delay_s: float = 0.2
    wait_budget_s: float = 5.0
    wait_budget_loop_s: float = 0.05
    retry_s: float = 1.0


class Room:
    """The room that is left in a queue. Thread-safe.

    Args:
        waiting: what is in the queue.
        options: its bounds.
    """

    def __init__(self, waiting: deque[Any], options: QueueOptions) -> None:
        self._waiting, self._options = waiting, options
        self._changed = threading.Condition()
        self._weight = 0.0
        self._episode_spent_s = 0.0

    def weigh(self, sample: int, length: int) -> int:
        """Count the bytes of one item for all until the next that is weighed.

        Args:
            sample: its bytes.
            length: of the queue it comes into.

        Returns:
            The length at which to weigh the next: about twice that, so a queue is filled with few samples.
        """
        step = max(_SMALLEST_BATCH, length)
        self._weight += sample * step
        return min(length + step, self._options.max_records)

    def is_left(self) -> bool:
        """Whether one more item may come in."""
        waiting = len(self._waiting)
        return waiting < self._options.max_records and (
            self._weight < self._options.max_bytes or waiting < _SMALLEST_BATCH
        )

    def wait(self, timeout_s: float) -> bool:
        """Wait until there is some. Returns whether there is."""
        with self._changed:
            return self._changed.wait_for(self.is_left, timeout_s)

    def left_of_episode(self, budget_s: float) -> float:
        """Seconds that the present episode of fullness may still hold anybody."""
        return budget_s - self._episode_spent_s

    def wait_in_episode(self, left_s: float) -> bool:
        """Wait on the account of the present episode. Returns whether there is room now."""
        began = time.monotonic()
        try:
            return self.wait(left_s)
        finally:
            self._episode_spent_s += time.monotonic() - began

    def batch_size(self) -> int:
        """How many items are handed on at once: fewer of large ones."""
        average = self._weight / max(1, len(self._waiting))
        if average * self._options.max_batch <= self._options.max_batch_bytes:
            return self._options.max_batch
        return max(_SMALLEST_BATCH, int(self._options.max_batch_bytes / average))

    def freed(self, before: int) -> None:
        """A batch was taken out of a queue that held ``before`` items."""
        left = len(self._waiting)
        self._weight = self._weight * left / before
        with self._changed:
            if left < self._options.max_records // 2:
                self._episode_spent_s = 0.0
            self._changed.notify_all()
