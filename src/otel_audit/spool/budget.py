"""How much disk the slots of a service use, and when appending must stop.

The bound holds for all slots of a service together. Each process counts its own bytes as it writes and frees them,
and looks at those of the others every few seconds: so they may pass the bound by what they write in that time.

Only appends are refused. Encoding a sealed segment into an outbox takes room too, but it is what empties the
spool, so it may use what appends leave.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.errors import SpoolFull
from otel_audit.spool.files import Files
from otel_audit.spool.options import SpoolOptions

__all__ = ["Budget", "Usage"]

_DEFAULT_MAX_BYTES: Final = 4 << 30

_LOOK_EVERY_S: Final = 5.0

_COUNTED: Final = ("writers", "outbox", "quarantine")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a slot uses of its disk, in bytes.

    Attributes:
        used_bytes: segments, outboxes and quarantine of the slot.
        others_bytes: the same of the service's other slots, a few seconds old.
        max_bytes: what all of them may use together.
        free_bytes: free on the disk, for us.
        min_free_bytes: what appends leave free there.
    """

    used_bytes: int
    others_bytes: int
    max_bytes: int
    free_bytes: int
    min_free_bytes: int


class Budget:
    """Counts the bytes of a slot. Thread-safe.

    Args:
        files: the file system.
        folder: the slot.
        options: the bounds.
    """

    def __init__(self, files: Files, folder: Path, options: SpoolOptions) -> None:
        self._files, self._folder, self._options = files, folder, options
        self._lock = threading.Lock()
        self._used = self._others = self._max_bytes = 0
        self._others_due_s = float("-inf")

    def recount(self) -> None:
        """Count what lies in the slot, and set the bound if it depends on what is free.

        Raises:
            OSError: the folder cannot be read.
        """
        free, _ = self._files.disk(self._folder)
        with self._lock:
            self._used = self._size(self._folder)
            self._look_at_others()
            # What the slots hold already is not free, but it is ours.
            default = min(_DEFAULT_MAX_BYTES, (free + self._used + self._others) // 2)
            self._max_bytes = default if self._options.max_bytes is None else self._options.max_bytes

    def add(self, size: int) -> None:
        """Count bytes that were written; negative for bytes that were freed."""
        with self._lock:
            self._used += size

    def usage(self) -> Usage:
        """Current numbers: one call of the file system."""
        free, total = self._files.disk(self._folder)
        min_free = int(total * self._options.min_free_fraction)
        return Usage(self._used, self._others, self._max_bytes, free, min_free)

    def check(self, size: int, *, use_reserve: bool) -> None:
        """Raise SpoolFull if ``size`` more bytes would pass a bound.

        Args:
            size: bytes about to be appended.
            use_reserve: whether they may go into the reserve for records about losses: the last part of the
                slot's bytes, and the first of those that stay free on the disk.
        """
        with self._lock:
            if time.monotonic() >= self._others_due_s:
                self._look_at_others()
        usage = self.usage()
        reserve = self._options.reserve_bytes
        max_bytes = usage.max_bytes if use_reserve else usage.max_bytes - reserve
        min_free_bytes = usage.min_free_bytes - reserve if use_reserve else usage.min_free_bytes
        held = usage.used_bytes + usage.others_bytes
        if held + size > max_bytes:
            raise SpoolFull(f"the spool holds {held} of at most {usage.max_bytes} bytes (spool_max_bytes)")
        if usage.free_bytes - size < min_free_bytes:
            raise SpoolFull(
                f"the spool's disk has {usage.free_bytes} bytes free and {usage.min_free_bytes} stay free"
            )

    def _look_at_others(self) -> None:
        service = self._folder.parent
        self._others = sum(
            self._size(service / name)
            for name in self._files.names(service)
            if name.startswith("slot-") and name != self._folder.name
        )
        self._others_due_s = time.monotonic() + _LOOK_EVERY_S

    def _size(self, slot: Path) -> int:
        return sum(size for name in _COUNTED for size in self._files.file_sizes(slot / name))
