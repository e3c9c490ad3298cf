"""How much is being received or waits, over all connections, and whether there is room for more."""

from __future__ import annotations

import threading

from otel_audit.receive.options import ReceiveOptions

__all__ = ["Room"]


class Room:
    """Counts requests and their bytes. Thread-safe.

    A request that is alone always has room, however small that is, so none is refused for ever.

    Args:
        options: bounds.
    """

    def __init__(self, options: ReceiveOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self.requests = 0
        """Requests that are being received or wait."""
        self.bytes = 0
        """Their bytes, as far as they have arrived."""

    def enter(self, size: int = 0) -> bool:
        """Count a request with the bytes that are there of it. Returns False if there is no room for it."""
        with self._lock:
            if self.requests and not (
                self.requests < self._options.max_waiting_requests
                and self.bytes + size <= self._options.max_waiting_bytes
            ):
                return False
            self.requests += 1
            self.bytes += size
            return True

    def grow(self, size: int) -> bool:
        """Count more bytes of a request that has entered. Returns False, and counts nothing, if there is no room."""
        with self._lock:
            if self.requests > 1 and self.bytes + size > self._options.max_waiting_bytes:
                return False
            self.bytes += size
            return True

    def leave(self, size: int) -> None:
        """A request that had entered is answered; ``size`` is all that was counted of it."""
        with self._lock:
            self.requests -= 1
            self.bytes -= size
