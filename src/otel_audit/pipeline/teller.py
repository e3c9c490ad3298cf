"""What the log says of itself: what is missing from it, and whatever else is owed to it, in records of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from otel_audit.convert.spans import LogData
from otel_audit.errors import SpoolError
from otel_audit.pipeline.inheritance import keep
from otel_audit.pipeline.life import Life
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.prepared import Prepared
from otel_audit.spool import Slot

__all__ = ["Teller"]


class Teller:
    """Writes what is owed to the log of one process. Thread-safe; never raises for what the disk refuses.

    Args:
        losses: what is owed.
        life: is told when it is written.
        prepare: makes records of events, which reached us at a time: nanoseconds since the epoch.
        append: makes records durable, from the reserve of a full spool if need be. Raises SpoolError.
    """

    def __init__(
        self,
        losses: Losses,
        life: Life,
        *,
        prepare: Callable[[Sequence[LogData], int], Prepared],
        append: Callable[[Prepared], None],
    ) -> None:
        self._losses, self._life = losses, life
        self._prepare, self._append = prepare, append
        self._telling: Prepared | None = None
        self._lock = threading.Lock()

    def tell(self, slot: Slot, service: str) -> None:
        """Write what is owed. What cannot be written now is written later; what a writer has taken is offered again
        as it is, so that nothing is said twice.

        Args:
            slot: keeps what is owed still, for whoever holds it next.
            service: whose log it is.
        """
        with self._lock:
            if self._telling is None:
                events = [event.event(service) for event in self._losses.take()]
                self._telling = self._prepare(events, time.time_ns())
            try:
                self._append(self._telling)
            except SpoolError:
                if self._telling.is_untouched:
                    self._telling = None
                    self._losses.give_back()
            else:
                self._telling = None
                self._losses.told()
                self._life.told(slot)
        keep(self._losses, slot)
