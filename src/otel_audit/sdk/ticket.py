"""What somebody holds who waits until a record is durable."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Ticket"]


class Ticket(threading.Event):
    """Travels through the queue with an item, or alone behind the items that it waits for.

    Attributes:
        item: what is to be recorded; None for whoever only waits for those before.
        lost: why it was given up; None while it waits and when it is durable.
    """

    def __init__(self, item: Any = None) -> None:
        super().__init__()
        self.item = item
        self.lost: str | None = None

    def settle(self, lost: str | None) -> None:
        """Tell whoever waits. The first word counts."""
        if not self.is_set():
            self.lost = lost
            self.set()

    def wait_durable(self, timeout_s: float) -> bool:
        """Wait. Returns whether the item is durable."""
        return self.wait(timeout_s) and self.lost is None
