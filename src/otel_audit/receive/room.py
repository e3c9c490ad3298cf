"""How much is being received or waits, over all connections, and whether there is room for more."""

from __future__ import annotations

import threading

from otel_audit.receive.options import ReceiveOptions

__all__ = ["Room"]


class Room:
    """Counts bytes from when they arrive, and requests from when they are complete. Thread-safe.

    A request that arrives slowly takes the room of its bytes and nobody's turn. One that is alone always has room,
    however small that is, so none is refused for ever.

    Args:
        options: bounds.
    """

    def __init__(self, options: ReceiveOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self.requests = 0
        """Requests that wait for their answer."""
        self.bytes = 0
        """Their bytes, and those that have arrived of others."""

    def hold(self, size: int, *, held: int = 0) -> bool:
        """Count bytes that arrived of a request.

        Args:
            size: how many.
            held: bytes of the same request that were counted before.

        Returns:
            False if there is no room for them; they are not counted then.
        """
        with self._lock:
            if self.bytes > held and self.bytes + size > self._options.max_waiting_bytes:
                return False
            self.bytes += size
            return True

    def release(self, held: int) -> None:
        """The bytes of a request that never entered are gone."""
        with self._lock:
            self.bytes -= held

    def enter(self) -> bool:
        """Count a request whose bytes are all held. Returns False if too many wait; it is not counted then."""
        with self._lock:
            if self.requests >= self._options.max_waiting_requests:
                return False
            self.requests += 1
            return True

    def leave(self, held: int) -> None:
        """A request that had entered is answered, and its bytes are gone."""
        with self._lock:
            self.requests -= 1
            self.bytes -= held
