"""When the last steps are taken: a thread that seals what is due and keeps trying each destination.

A destination that fails is left alone for a while, longer each time, with full jitter, so that a thousand
processes do not come back at once; the others go on meanwhile. Waiting uses the monotonic clock.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_audit.errors import AuditError, SpoolError, describe_defect
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.inheritance import keep
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.options import StreamOptions
from otel_audit.spool import Slot, StreamWriter

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.5
"""How often a segment's age is looked at."""
_SAY_EVERY_S: Final = 60.0
_FIRST_RATIO: Final = 0.35
"""Encoded bytes for a byte of the spool before anything was measured; frames are not compressed."""


@dataclass(slots=True)
class _Route:
    """One destination and how it has been doing."""

    destination: Destination
    failures: int = 0
    due_s: float = 0.0
    said_s: float = field(default=float("-inf"))
    cause: str = ""

    def succeeded(self) -> None:
        if self.failures:
            _log.warning("audit records reach %s again", self.destination.url)
        self.failures, self.due_s = 0, 0.0

    def failed(self, error: Exception) -> None:
        now = time.monotonic()
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self.failures, 10))
        self.failures += 1
        self.cause = str(error) if isinstance(error, AuditError) else f"a defect ({describe_defect(error)})"
        self.due_s = now + random.uniform(pause / 2, pause)  # noqa: S311  (jitter, not a secret)
        if now - self.said_s >= _SAY_EVERY_S:
            self.said_s = now
            _log.error("audit records wait in the spool for %s: %s", self.destination.url, self.cause)


class Shipper:
    """The shipper's thread. Starts at once; :meth:`close` ends it.

    Args:
        slot: whose outboxes are emptied.
        writers: whose segments are sealed, by stream.
        streams: when.
        destinations: where to.
        losses: what the log is not told yet; the slot keeps it.
    """

    def __init__(
        self,
        slot: Slot,
        writers: Mapping[str, StreamWriter],
        streams: Sequence[StreamOptions],
        destinations: Sequence[Destination],
        losses: Losses,
    ) -> None:
        self._slot, self._writers, self._streams = slot, writers, streams
        self._losses = losses
        self._routes = [_Route(destination) for destination in destinations]
        self._state = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._complete = True
        self._closing = False
        self._asleep = False
        self._thread = threading.Thread(target=self._run, name="otel-audit-shipper", daemon=True)
        self._thread.start()

    def notice(self) -> None:
        """Something was appended: wake up if idle, or if a segment is large enough to be sealed."""
        if self._asleep or any(self._is_due(stream) for stream in self._streams):
            with self._state:
                self._asleep = False
                self._state.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Seal everything and ship it. Returns False if something is still owed when the time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._state:
                self._asked += 1
                turn = self._asked
                self._state.notify_all()
                while self._answered < turn and self._thread.is_alive() and time.monotonic() < deadline:
                    self._state.wait(deadline - time.monotonic())
                if self._answered >= turn and self._complete:
                    return True
                # Something failed: whoever flushes wants it tried again while there is time.
                left = min(_FIRST_PAUSE_S, deadline - time.monotonic())
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._state.wait(left)

    def close(self, timeout_s: float) -> bool:
        """Flush, then end the thread. Returns as :meth:`flush`."""
        complete = self.flush(timeout_s)
        with self._state:
            self._closing = True
            self._state.notify_all()
        self._thread.join(max(1.0, timeout_s))
        if not self._thread.is_alive():
            for route in self._routes:
                route.destination.close()
        return complete

    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Destinations that fail now, by URL, each with its cause."""
        return tuple((route.destination.url, route.cause) for route in self._routes if route.failures)

    def _run(self) -> None:
        while True:
            with self._state:
                if not self._closing and self._asked == self._answered:
                    # An idle process is not woken twice a second for nothing.
                    self._asleep = self._complete and not self._has_pending()
                    self._state.wait(None if self._asleep else _LOOK_EVERY_S)
                    self._asleep = False
                if self._closing:
                    return
                turn = self._asked
                is_asked = turn > self._answered
            complete = self._pass(everything=is_asked)
            with self._state:
                self._answered, self._complete = turn, complete
                self._state.notify_all()

    def _pass(self, *, everything: bool) -> bool:
        """Seal what is due, then try each destination that is due. Returns whether nothing is owed any more."""
        keep(self._losses, self._slot)
        for stream in self._streams:
            if everything or self._is_due(stream):
                try:
                    self._writers[stream.name].rotate()
                except SpoolError as error:
                    _log.error("audit records stay unsealed: %s", error)
        complete = True
        for route in self._routes:
            if not everything and time.monotonic() < route.due_s:
                complete = False
                continue
            try:
                route.destination.ship(self._slot)
            except Exception as error:  # noqa: BLE001  (a defect must not end the thread that empties the spool)
                route.failed(error)
                complete = False
            else:
                route.succeeded()
        return complete and not (everything and self._has_pending())

    def _has_pending(self) -> bool:
        return any(writer.pending for writer in self._writers.values())

    def _is_due(self, stream: StreamOptions) -> bool:
        pending = self._writers[stream.name].pending
        return pending is not None and (
            pending.age_s >= stream.max_age_s or pending.size * _FIRST_RATIO >= stream.max_bytes
        )
