"""What captured bodies take in the memory of this process, and the bound on it."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final

__all__ = ["MEMORY", "Memory"]


class Memory:
    """Counts bytes. Whoever takes some gives them back, at any moment and on any thread.

    Attributes:
        max_bytes: what may be taken at a time.
        refused: how often somebody was told that there is none left.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.refused = 0
        self._taken = 0
        # Given back by finalizers, which may run in the middle of `take`: they must neither wait nor count.
        self._returned: deque[int] = deque()
        self._lock = threading.RLock()

    @property
    def taken(self) -> int:
        """Bytes in use now."""
        with self._lock:
            returned = self._returned
            while returned:
                self._taken -= returned.popleft()
            return self._taken

    def take(self, size: int) -> bool:
        """Take ``size`` bytes, if that many are left."""
        with self._lock:
            if self._taken + size > self.max_bytes and self.taken + size > self.max_bytes:
                self.refused += 1
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        """Give bytes back that were taken. Takes no lock."""
        self._returned.append(size)

    def _forget_lock(self) -> None:
        # Whoever held it when the process forked is not here.
        self._lock = threading.RLock()


MEMORY: Final = Memory(64 << 20)
"""Of this process."""

os.register_at_fork(after_in_child=MEMORY._forget_lock)
