"""Records that could not be taken: counted by cause, said in a line, and owed to the log as a gap."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from otel_audit.convert.own_events import own_word
from otel_audit.convert.spans import Attributes, LogData
from otel_audit.seal.times import timestamp

_log = logging.getLogger(__name__)

GAP_EVENT: Final = "audit.gap"

UNCLEAN_END: Final = "unclean-end"
"""A process ended without leaving the log in order: nobody knows how many records it held."""

_LINE_EVERY_S: Final = 10.0
"""One line of ours says it; a thousand would fill the disk that is already the trouble."""


class Event(Protocol):
    """Something of the log's own life."""

    def event(self, service: str) -> LogData:
        """What the log says of it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Records lost for one cause.

    Attributes:
        cause: from a closed set: ``queue-full``, ``shutdown-timeout``, ``after-shutdown``, ``internal-error``,
            ``unclean-end``, ``outbox-full``, ``refused``.
        count: how many; None where that is not known.
        from_unix_nano: not before this instant.
        to_unix_nano: not after this one.
        destination: its URL, where others have the records; None where they are lost to all.
    """

    cause: str
    count: int | None
    from_unix_nano: int
    to_unix_nano: int
    destination: str | None = None

    def plus(self, other: Loss) -> Loss:
        """Both as one loss of this cause and destination."""
        return Loss(
            self.cause,
            None if self.count is None or other.count is None else self.count + other.count,
            min(self.from_unix_nano, other.from_unix_nano),
            max(self.to_unix_nano, other.to_unix_nano),
            self.destination,
        )

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        said: Attributes = {
            "audit.gap.cause": self.cause,
            "audit.gap.from": timestamp(self.from_unix_nano),
            "audit.gap.to": timestamp(self.to_unix_nano),
        }
        if self.count is not None:
            said["audit.gap.count"] = self.count
        if self.destination is not None:
            said["audit.gap.destination"] = self.destination
        return own_word(GAP_EVENT, "LOSE", said, service=service, at_unix_nano=self.to_unix_nano)


class Losses:
    """What is lost and not yet in the log. Thread-safe; never raises, never waits to count."""

    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Forget everything, as in a forked child: the parent tells of it, and may have held the lock."""
        self._lock = threading.Lock()
        self._news: deque[Loss] = deque()
        self._owed: dict[tuple[str, str | None], Loss] = {}
        self._events: list[Event] = []
        self._taken: list[Event] = []
        self._total: dict[str, int] = {}
        self._said_s = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._news or self._owed or self._events or self._taken)

    @property
    def total(self) -> dict[str, int]:
        """Records given up since the process started, by cause."""
        with self._lock:
            self._fold()
            return dict(self._total)

    def add(self, cause: str, count: int, destination: str | None = None) -> None:
        """Count records that were given up, at one destination or altogether."""
        now = time.time_ns()
        self._news.append(Loss(cause, count, now, now, destination))
        # Somebody who holds the lock may be the thread that a signal handler of the application interrupted.
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._fold()
            if time.monotonic() - self._said_s <= _LINE_EVERY_S:
                return
            self._said_s = time.monotonic()
            lost = ", ".join(f"{cause} {number}" for cause, number in self._total.items())
        finally:
            self._lock.release()
        _log.error("audit records lost since start: %s; each is in a gap record of the log", lost)

    def take(self) -> list[Event]:
        """What is owed to the log, by a caller who then says that it was :meth:`told` or gives it back."""
        with self._lock:
            self._fold()
            self._taken += [*self._owed.values(), *self._events]
            self._owed.clear()
            self._events.clear()
            return list(self._taken)

    def told(self) -> None:
        """What was taken is durable in the log, and owed no more."""
        with self._lock:
            self._taken.clear()

    def give_back(self) -> None:
        """What was taken could not be written at all, and is owed as before."""
        with self._lock:
            taken, self._taken = self._taken, []
        self.owe(taken)

    def owe(self, events: Iterable[Event]) -> None:
        """Take back what could not be written, take over what another process could not, or take what is no
        loss and is told in the same way."""
        with self._lock:
            for event in events:
                if isinstance(event, Loss):
                    self._owe(event)
                else:
                    self._events.append(event)

    def owed(self) -> list[Loss]:
        """The losses that are in no durable record: those that :meth:`take` would give, and those it gave."""
        with self._lock:
            self._fold()
            return [*self._owed.values(), *(event for event in self._taken if isinstance(event, Loss))]

    def _fold(self) -> None:
        while self._news:
            loss = self._news.popleft()
            self._owe(loss)
            self._total[loss.cause] = self._total.get(loss.cause, 0) + (loss.count or 0)

    def _owe(self, loss: Loss) -> None:
        key = loss.cause, loss.destination
        since = self._owed.get(key)
        self._owed[key] = loss if since is None else since.plus(loss)
