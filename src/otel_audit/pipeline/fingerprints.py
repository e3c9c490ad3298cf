"""A bounded set of 128-bit values in which many are looked up at once: 16 bytes each, all of it taken at the start.

New values go to a small part that is kept sorted; when it is full it is merged into a larger one, and of those the
oldest goes when there is no room or all of it is older than the window. A look-up is a binary search in each part.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

__all__ = ["Bools", "Fingerprints", "Halves"]

Halves: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Bools: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

_PARTS: Final = 8
_FRESH: Final = 1 << 14
"""Merging so many into a part costs less than looking them up did."""


@dataclass(slots=True)
class _Part:
    high: Halves
    low: Halves
    count: int = 0
    newest_ns: int = 0

    def contains(self, high: Halves, low: Halves) -> Bools:
        if not self.count:
            return np.zeros(len(high), np.bool_)
        places = np.searchsorted(self.high[: self.count], high)
        np.minimum(places, self.count - 1, out=places)
        # Where two values share their first half, only the first of them is found: such a copy is written again,
        # and readers fold it.
        found: Bools = (self.high[places] == high) & (self.low[places] == low)
        return found

    def merge(self, high: Halves, low: Halves, at_ns: int) -> None:
        end = self.count + len(high)
        self.high[self.count : end], self.low[self.count : end] = high, low
        # Two sorted runs: a stable sort merges them.
        order = np.argsort(self.high[:end], kind="stable")
        self.high[:end], self.low[:end] = self.high[:end][order], self.low[:end][order]
        self.count, self.newest_ns = end, max(self.newest_ns, at_ns)


class Fingerprints:
    """Values of the last while. Not thread-safe.

    Args:
        max_entries: how many are remembered at least, within the window.
        window_ns: for how long at least.
    """

    def __init__(self, max_entries: int, window_ns: int) -> None:
        self._window_ns = window_ns
        self._size = -(-max_entries // _PARTS)
        self._fresh_size = min(_FRESH, self._size)
        self._unused = [_part(self._size) for _ in range(_PARTS + 1)]
        self._parts: deque[_Part] = deque()
        self._fresh = _part(self._fresh_size)

    def __len__(self) -> int:
        return self._fresh.count + sum(part.count for part in self._parts)

    def contains(self, high: Halves, low: Halves) -> Bools:
        """Which of these are in the set."""
        found = self._fresh.contains(high, low)
        for part in self._parts:
            found |= part.contains(high, low)
        return found

    def add(self, high: Halves, low: Halves, now_ns: int) -> None:
        """Remember values, each of which is not in the set yet.

        Args:
            high: first halves.
            low: second halves.
            now_ns: wall clock, nanoseconds since the epoch.
        """
        start = 0
        while start < len(high):
            if self._fresh.count == self._fresh_size:
                self._retire_fresh()
            end = start + self._fresh_size - self._fresh.count
            order = np.argsort(high[start:end])
            self._fresh.merge(high[start:end][order], low[start:end][order], now_ns)
            start = end
        while self._parts and self._parts[0].newest_ns < now_ns - self._window_ns:
            self._forget_oldest()

    def _retire_fresh(self) -> None:
        fresh = self._fresh
        if not self._parts or self._parts[-1].count + fresh.count > self._size:
            if not self._unused:
                self._forget_oldest()
            self._parts.append(self._unused.pop())
        self._parts[-1].merge(fresh.high[: fresh.count], fresh.low[: fresh.count], fresh.newest_ns)
        fresh.count = 0

    def _forget_oldest(self) -> None:
        oldest = self._parts.popleft()
        oldest.count = oldest.newest_ns = 0
        self._unused.append(oldest)


def _part(size: int) -> _Part:
    # Written once, so that it is memory from the start, and the process grows no more while it fills.
    return _Part(np.full(size, 1, np.uint64), np.full(size, 1, np.uint64))
