"""One queue and one pipeline, whatever doors are open: spans and emitted events on their way to one log.

A span that a door has taken carries its recorder's mark, so that the others leave it alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.config import Settings
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import LogData
from otel_audit.errors import NotDurable, describe_defect
from otel_audit.forks import importing
from otel_audit.pipeline.losses import UNCLEAN_END, Loss, Losses
from otel_audit.sdk import endings
from otel_audit.sdk.awaiting import await_later
from otel_audit.sdk.caller import runs_event_loop
from otel_audit.sdk.capture import active
from otel_audit.sdk.gauges import observe
from otel_audit.sdk.health import Health, Trouble
from otel_audit.sdk.holding import Holding
from otel_audit.sdk.log_events import logs_of
from otel_audit.sdk.preflight import try_destinations
from otel_audit.sdk.presence import Presence
from otel_audit.sdk.queue import QueueOptions, SpanQueue
from otel_audit.sdk.rests import Rest, forget_bodies, read_rests
from otel_audit.sdk.weight import weigh
from otel_audit.threads import Reserve

if TYPE_CHECKING:
    from otel_audit.pipeline.path import Pipeline
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
        self._pipeline: Pipeline | None = None
        self.losses = Losses()
        self._trouble = Trouble()
        self._presence = Presence(self._options.spool_root)
        self._reserve = Reserve()
        self._receipts: dict[str, tuple[bytes, int] | None] = {}
        waits = settings.log.delivery != "best-effort"
        self._queue: SpanQueue[ReadableSpan | LogData | Rest, Prepared] = SpanQueue(
            self._prepare,
            self._append,
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
        if active.wants_bodies(settings.capture):
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
        self._receipts[record_id] = None
        try:
            ticket = self._queue.put_awaited(event, timeout_s)
            if not ticket.wait(max(0.0, deadline - time.monotonic())):
                raise NotDurable(
                    self._queue.trouble or f"not durable within {timeout_s:g} s", may_follow=True
                )
            receipt = self._receipts[record_id]
            if ticket.lost is not None or receipt is None:
                raise NotDurable(ticket.lost or "internal-error", may_follow=False)
            return receipt
        finally:
            self._receipts.pop(record_id, None)

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
        if not self.make_durable(timeout_s):
            return False
        pipeline = self._pipeline
        return pipeline is None or _quietly(pipeline.flush, max(0.0, deadline - time.monotonic()))

    def finish(self, timeout_s: float) -> bool:
        """:meth:`flush` for the last time, as far as anybody knows: the log says that it is left in order."""
        deadline = time.monotonic() + timeout_s
        if not self.make_durable(timeout_s):
            return False
        pipeline = self._pipeline
        return pipeline is None or _quietly(pipeline.finish, max(0.0, deadline - time.monotonic()))

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
        if self._pipeline is not None:
            left_s = 0.0 if self.is_hurried else deadline - time.monotonic()
            complete = _quietly(self._pipeline.close, max(0.5, left_s)) and complete
        self._reserve.dismiss()
        return complete

    def queue_depth(self) -> int:
        """Spans and events that wait in memory."""
        return len(self._queue)

    def spool_bytes(self) -> int:
        """Bytes of the spool that this process uses; 0 before its first record."""
        return 0 if self._pipeline is None else self._pipeline.spool_bytes()

    def lost(self) -> dict[str, int]:
        """Records lost since the process started, by cause."""
        return dict(self.losses.total)

    def health(self) -> Health:
        """How the log is doing, without touching disk or network."""
        return Health(
            waiting_in_memory=len(self._queue),
            not_durable=self._queue.trouble,
            delivery_troubles=self._troubles(),
            destinations=() if self._pipeline is None else self._pipeline.troubles(),
            lost=self.lost(),
        )

    def _troubles(self) -> dict[str, float]:
        """What the delivery mode promises and does not keep; a loss is a promise of ``strict`` that stays broken."""
        troubles = self._trouble.since()
        if self.settings.log.delivery == "strict" and self.losses.total:
            troubles["strict-lost"] = 0.0
        return troubles

    def _prepare(self, items: Sequence[ReadableSpan | LogData | Rest]) -> Prepared:
        if self._pipeline is not None:
            return self._prepare_by(self._pipeline, items)
        with importing():
            # Arrow, RE2 and the rest of the path are loaded here, on our thread, at the first span: an
            # application that starts must not pay for them. Some of them load more when they are first used.
            from otel_audit.pipeline.path import Pipeline  # noqa: PLC0415

            pipeline = Pipeline(self._options, self.losses)
            self.losses.owe([Loss(UNCLEAN_END, None, *when) for when in self._presence.left_by_the_dead()])
        # Not under the lock: a thread that reads the registry of models loads the client of its store.
        pipeline.know_models()
        with importing():
            prepared = self._prepare_by(pipeline, items)
        self._pipeline = pipeline
        return prepared

    def _prepare_by(self, pipeline: Pipeline, items: Sequence[ReadableSpan | LogData | Rest]) -> Prepared:
        from otel_audit.convert.from_sdk import read_spans  # noqa: PLC0415

        events = [item for item in items if isinstance(item, LogData)]
        rests = [] if self._holding is None else [item for item in items if isinstance(item, Rest)]
        spans: Any = items
        if events or rests:
            spans = [item for item in items if not isinstance(item, LogData | Rest)]
        events += logs_of(spans)
        read = read_spans(spans)
        if rests:
            read += read_rests(rests)
        prepared = pipeline.prepare(read, events, observed_unix_nano=time.time_ns())
        if self._holding is not None and active.is_sole():
            forget_bodies(spans)
        return prepared

    def _append(self, prepared: Prepared) -> None:
        pipeline = self._pipeline
        assert pipeline is not None  # noqa: S101  it prepared this
        pipeline.append(prepared)
        if prepared.count:
            self._presence.take_down()
        if self._receipts:
            for record_id, record_hash in prepared.record_hashes().items():
                if record_id in self._receipts:
                    self._receipts[record_id] = (record_hash, prepared.durable_unix_nano)


def _quietly(step: Callable[[float], bool], timeout_s: float) -> bool:
    """A step of the path that the application asked for: a defect in it is said, and never raised there."""
    try:
        return step(timeout_s)
    except Exception as error:  # noqa: BLE001  (nothing of ours reaches the application)
        _log.error("a defect in the audit path: %s", describe_defect(error))
        return False
