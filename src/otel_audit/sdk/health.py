"""How the log of this process is doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Health", "Trouble"]


@dataclass(frozen=True, slots=True)
class Health:
    """An answer at one moment; names causes, never values.

    Attributes:
        waiting_in_memory: spans and events that no thread of ours has taken yet.
        not_durable: why what was taken is not on the local disk yet; None while all is well.
        delivery_troubles: what the delivery mode promises and does not keep now, with seconds since when:
            ``strict-timeout``, ``strict-on-event-loop``, and ``strict-lost``, which stays until the process ends.
        destinations: destinations that do not take records now, with cause; records wait for them in the spool.
        lost: records lost since the process started, by cause; each is in a gap record.
    """

    waiting_in_memory: int
    not_durable: str | None = None
    delivery_troubles: Mapping[str, float] = field(default_factory=dict)
    destinations: tuple[tuple[str, str], ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether what is recorded now becomes durable as promised. A store that is away does not change that."""
        return self.not_durable is None and not self.delivery_troubles


class Trouble:
    """What is wrong now, and since when. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}

    def began(self, what: str) -> bool:
        """Note that something is wrong. Returns whether it was all right before."""
        with self._lock:
            if what in self._began:
                return False
            self._began[what] = time.monotonic()
            return True

    def ended(self, what: str) -> None:
        """Note that it is over."""
        if what in self._began:
            with self._lock:
                self._began.pop(what, None)

    def since(self) -> dict[str, float]:
        """Seconds for which each has lasted."""
        now = time.monotonic()
        with self._lock:
            return {what: now - began for what, began in self._began.items()}
