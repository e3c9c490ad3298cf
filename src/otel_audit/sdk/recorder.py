"""One queue and one pipeline, whatever doors are open: spans and emitted events on their way to one log.

A span that a door has taken carries its recorder's mark, so that the others leave it alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.config import Settings
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import LogData
from otel_audit.errors import NotDurable
from otel_audit.pipeline.losses import Losses
from otel_audit.sdk import endings
from otel_audit.sdk.awaiting import await_later
from otel_audit.sdk.caller import runs_event_loop
from otel_audit.sdk.capture import active
from otel_audit.sdk.gauges import observe
from otel_audit.sdk.health import Health, Trouble
from otel_audit.sdk.holding import Holding
from otel_audit.sdk.late_path import LatePath
from otel_audit.sdk.preflight import try_destinations
from otel_audit.sdk.presence import Presence
from otel_audit.sdk.queue import QueueOptions, SpanQueue
from otel_audit.sdk.rests import Rest
from otel_audit.sdk.weight import weigh
from otel_audit.threads import Reserve

if TYPE_CHECKING:
    from otel_audit.pipeline.prepared import Prepared

_log = logging.getLogger(__name__)

STRICT_WAIT_S: Final = 5.0
"""How long ``strict`` delivery holds the application for the durability of one record."""

_MARK: Final = "_otel_audit_recorders"


class Recorder:
    """What the doors of one configuration share; ``sharing.py`` makes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.users = 0
        self.span_doors = 0
        self.is_hurried = False
        self._is_shared = False
        self._options = pipeline_options(settings)
        if settings.log.preflight:
            try_destinations(self._options)
        self.losses = Losses()
        self._trouble = Trouble()
        self._presence = Presence(self._options.spool_root)
        self._reserve = Reserve()
        has_bodies = active.wants_bodies(settings.capture)
        self._path = LatePath(self._options, self.losses, self._presence, has_bodies=has_bodies)
        waits = settings.log.delivery != "best-effort"
        self._queue: SpanQueue[ReadableSpan | LogData | Rest, Prepared] = SpanQueue(
            self._path.prepare,
            self._path.append,
            self.losses.add,
            QueueOptions(
                max_records=settings.log.queue_max_records,
                max_bytes=settings.log.queue_max_bytes,
                wait_budget_s=5.0 if waits else 0.0,
                wait_budget_loop_s=0.05 if waits else 0.0,
            ),
            weigh=weigh,
            on_start=self._begin,
        )
        self._put = self._queue.put
        observe(self)
        is_strict = settings.log.delivery == "strict"
        self._holding = None
        if has_bodies:
            self._holding = Holding(
                self._put,
                self._count_defect,
                hold_s=0.0 if is_strict else settings.capture.hold,
                max_held=settings.log.queue_max_records,
            )
            self.record = self._record_or_hold  # type: ignore[method-assign]
        if is_strict:
            self.record = self._record_strictly  # type: ignore[method-assign]
        # What the application's thread calls is the queue itself, unless more is to be done.
        self._is_queue_called = self._holding is None and not is_strict
        if self._is_queue_called:
            self.record = self._put  # type: ignore[method-assign, assignment]
        active.switch_on(settings.capture)
        if settings.log.on_sigterm == "finish":
            endings.stand_in_for_sigterm()

    def record(self, span: ReadableSpan) -> None:
        """Take one ended span, unless a door with the same settings has it already. Never raises."""
        self._put(span)

    def share(self, is_shared: bool) -> None:
        """Say whether more than one door brings spans: each span is marked then, and taken once."""
        self._queue.sieve = self._mark if is_shared and self._is_queue_called else None
        self._is_shared = is_shared and not self._is_queue_called

    def _record_or_hold(self, span: ReadableSpan) -> None:
        """Likewise, once the bodies that were captured beside it have ended or ``capture.hold`` is over."""
        holding = self._holding
        assert holding is not None  # noqa: S101  else the span comes another way
        try:
            if self._is_shared and not self._mark(span):
                return
            if not holding.holds(span):
                self._put(span)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self._count_defect()

    def _count_defect(self) -> None:
        self.losses.add("internal-error", 1)

    def _record_strictly(self, span: ReadableSpan) -> None:
        """Likewise, and return once the span's record is durable.

        After ``STRICT_WAIT_S`` the health fails and the record stays queued. A thread that runs an event loop
        is not held: there the ASGI middleware waits, or nobody does and the health says so.
        """
        try:
            if self._is_shared and not self._mark(span):
                return
            if self._holding is not None:
                self._holding.holds(span)  # which it never does here: what is open follows
            if runs_event_loop():
                if not await_later(self._queue.put_awaited(span, 0.0)):
                    self._trouble.began("strict-on-event-loop")
            elif not self._queue.may_wait():
                self._put(span)
            else:
                began = time.monotonic()
                ticket = self._queue.put_awaited(span, STRICT_WAIT_S)
                if ticket.wait_durable(max(0.0, began + STRICT_WAIT_S - time.monotonic())):
                    self._trouble.ended("strict-timeout")
                else:
                    self._trouble.began("strict-timeout")
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self.losses.add("internal-error", 1)

    def _begin(self) -> None:
        """Before the first record of this process, on the thread that brings it."""
        self._presence.show()
        self._reserve.fill(self._options.late_threads)
        endings.watch(self)

    def _mark(self, span: ReadableSpan) -> bool:
        """Mark a span as ours. Returns False if another door has done so."""
        marks = span.__dict__
        taken = marks.get(_MARK, frozenset())
        if self in taken:
            return False
        marks[_MARK] = taken | {self}
        return True

    def record_all(self, spans: Iterable[ReadableSpan]) -> None:
        """Take spans that come as a batch, without waiting for any of them."""
        for span in spans:
            try:
                if self._is_shared and not self._mark(span):
                    continue
                self._put(span)
            except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
                self._count_defect()

    def emit(self, event: LogData, record_id: str, timeout_s: float) -> tuple[bytes, int]:
        """Take one event and return once its record is durable.

        Args:
            event: becomes exactly one record.
            record_id: the id which that will have.
            timeout_s: how long it may take.

        Returns:
            The record's hash and the time it was durable, nanoseconds since the epoch.

        Raises:
            NotDurable: it is not, or not known to be.
        """
        deadline = time.monotonic() + timeout_s
        self._path.expect(record_id)
        try:
            ticket = self._queue.put_awaited(event, timeout_s)
            if not ticket.wait(max(0.0, deadline - time.monotonic())):
                raise NotDurable(
                    self._queue.trouble or f"not durable within {timeout_s:g} s", may_follow=True
                )
            receipt = self._path.receipt(record_id)
            if ticket.lost is not None or receipt is None:
                raise NotDurable(ticket.lost or "internal-error", may_follow=False)
            return receipt
        finally:
            self._path.expect_no_more(record_id)

    def hand_over(self, event: LogData) -> None:
        """Take one event of the application's own, without waiting for its record. Never raises."""
        try:
            self._put(event)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self.losses.add("internal-error", 1)

    def flush(self, timeout_s: float) -> bool:
        """Make everything recorded before durable, and written at the destinations if they can be reached.

        Returns:
            False if the time ran out; what is durable in the spool is written later by itself.
        """
        deadline = time.monotonic() + timeout_s
        return self.make_durable(timeout_s) and self._path.flush(deadline - time.monotonic())

    def finish(self, timeout_s: float) -> bool:
        """:meth:`flush` for the last time, as far as anybody knows: the log says that it is left in order."""
        deadline = time.monotonic() + timeout_s
        return self.make_durable(timeout_s) and self._path.finish(deadline - time.monotonic())

    def make_durable(self, timeout_s: float) -> bool:
        """Make everything recorded before durable. Returns False if the time ran out."""
        if self._holding is not None:
            self._holding.let_go()
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then refuse what comes."""
        deadline = time.monotonic() + timeout_s
        endings.forget(self)
        active.switch_off(self.settings.capture)
        if self._holding is not None:
            self._holding.close()
        complete = self._queue.close(timeout_s)
        if complete:
            # Else the next process tells, where this one could not load what it takes to write anything down.
            self._presence.take_down()
        complete = self._path.close(0.0 if self.is_hurried else deadline - time.monotonic()) and complete
        self._reserve.dismiss()
        return complete

    def queue_depth(self) -> int:
        """Spans and events that wait in memory."""
        return len(self._queue)

    def spool_bytes(self) -> int:
        """Bytes of the spool that this process uses; 0 before its first record."""
        return self._path.spool_bytes()

    def lost(self) -> dict[str, int]:
        """Records lost since the process started, by cause."""
        return dict(self.losses.total)

    def health(self) -> Health:
        """How the log is doing, without touching disk or network."""
        return Health(
            waiting_in_memory=len(self._queue),
            not_durable=self._queue.trouble,
            delivery_troubles=self._troubles(),
            destinations=self._path.troubles(),
            lost=self.lost(),
        )

    def _troubles(self) -> dict[str, float]:
        """What the delivery mode promises and does not keep; a loss is a promise of ``strict`` that stays broken."""
        troubles = self._trouble.since()
        if self.settings.log.delivery == "strict" and self.losses.total:
            troubles["strict-lost"] = 0.0
        return troubles
