"""Exports records together, on a thread of its own; ``emit`` waits for its receipt all the same.

1. Nothing is dropped: where there is no room, whoever emits waits for it, and gets an error if there is none in time.
2. With a buffer on disk a record is durable before it is taken, and what its process could not export the next one
   does. Without one, what waits ends with the process, and nobody was given a receipt for it.
3. Of a batch that the sink refuses for good, each record is exported by itself: only the one at fault fails.
4. When the budget is exhausted, whoever waits is told. With a buffer the record stays and is tried again; without
   one it was not taken, and counts as dropped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from otel_audit import threads
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.errors import ConfigurationError, NotDurable
from otel_audit.pipeline.saying import Saying
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.provider.delivery import Delivery, RetryPolicy, Undelivered
from otel_audit.sdk.provider.disk_buffer import DiskBuffer, Kept
from otel_audit.sdk.provider.exporting import AuditRecordExporter
from otel_audit.sdk.provider.processors import ExportingProcessor, check_exporter

__all__ = ["BatchAuditRecordProcessor"]

_log = logging.getLogger(__name__)

_LAST_LOOK_S: Final = 0.05


@dataclass(slots=True, eq=False)
class _Waiting:
    record: LogData
    kept: Kept | None
    receipt: Future[AuditReceipt] = field(default_factory=Future)


class BatchAuditRecordProcessor(ExportingProcessor):
    """Accumulates records. Thread-safe; starts its thread with the first record, or with what a buffer holds.

    Args:
        exporter: to a sink.
        buffer: keeps on disk what waits; without one whoever emits waits for room.
        max_queue_size: records that may wait in memory.
        scheduled_delay_s: how long a batch that is not full waits.
        max_export_batch_size: records of a batch.
        policy: when an export is tried again.

    Raises:
        ConfigurationError: a bound is not positive, or the buffer cannot be read.
    """

    def __init__(
        self,
        exporter: AuditRecordExporter,
        *,
        buffer: DiskBuffer | None = None,
        max_queue_size: int = 2048,
        scheduled_delay_s: float = 5.0,
        max_export_batch_size: int = 512,
        policy: RetryPolicy | None = None,
    ) -> None:
        check_exporter(exporter)
        if not 0 < max_export_batch_size <= max_queue_size or scheduled_delay_s <= 0:
            raise ConfigurationError(
                "max_export_batch_size is at least 1 and at most max_queue_size, scheduled_delay_s more than 0"
            )
        self._policy = policy or RetryPolicy()
        self._delivery, self._buffer = Delivery(exporter, self._policy), buffer
        self._max_waiting, self._max_batch, self._delay_s = (
            max_queue_size,
            max_export_batch_size,
            scheduled_delay_s,
        )
        self._saying = Saying(_log)
        self._lost: Counter[str] = Counter()
        left = [] if buffer is None else [_Waiting(record, kept) for record, kept in buffer.waiting()]
        self._is_orphan = False
        self._begin()
        if left:
            with self._state:
                self._waiting.extend(left)
                self._run_thread()

    def start_over(self) -> None:
        """As every exporting processor: a buffer stays with the parent, which holds its folders."""
        self._begin()
        if self._buffer is not None:
            self._buffer.abandon()
            self._is_orphan = self._is_closing = True

    def _begin(self) -> None:
        self._state = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._exporting = 0
        self._flushes = 0
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def submit(self, record: AuditRecord, deadline_s: float) -> Future[AuditReceipt]:
        """As every exporting processor."""
        if self._is_orphan:
            raise NotDurable("a forked process needs a provider of its own", may_follow=False)
        waiting = _Waiting(record.log(), None)
        with self._state:
            has_room = self._state.wait_for(
                lambda: self._is_closing or len(self._waiting) + self._exporting < self._max_waiting,
                max(0.0, deadline_s - time.monotonic()),
            )
            if self._is_closing:
                raise NotDurable("the processor is shut down", may_follow=False)
            if not has_room:
                raise NotDurable("the queue of the processor is full", may_follow=False)
            if self._buffer is not None:
                waiting.kept = self._buffer.put(waiting.record)
            self._waiting.append(waiting)
            self._run_thread()
            self._state.notify_all()
        return waiting.receipt

    def queue_depth(self) -> int:
        """As every exporting processor."""
        return len(self._waiting) + self._exporting

    def lost(self) -> dict[str, int]:
        """As every exporting processor."""
        return dict(self._lost)

    def force_flush(self, timeout_s: float = 30.0) -> bool:
        """As every processor."""
        with self._state:
            if self._is_closing:
                return True
            self._flushes += 1
            self._state.notify_all()
            try:
                return self._state.wait_for(lambda: not self._waiting and not self._exporting, timeout_s)
            finally:
                self._flushes -= 1

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """As every processor. What no sink has acknowledged then is an error of whoever waits for it; a buffer
        keeps it for the next process."""
        if self._is_closing:
            return True
        deadline_s = time.monotonic() + timeout_s
        complete = self.force_flush(timeout_s)
        with self._state:
            self._is_closing = True
            self._state.notify_all()
        self._delivery.stop()
        if self._thread is not None:
            self._thread.join(max(_LAST_LOOK_S, deadline_s - time.monotonic()))
        while self._waiting:
            self._fail(self._waiting.popleft(), Undelivered("the processor is shut down", "retry"))
        if self._buffer is not None:
            self._buffer.close()
        return self._delivery.exporter.shutdown(max(0.0, deadline_s - time.monotonic())) and complete

    def _run_thread(self) -> None:
        if self._thread is None:
            self._thread = threads.start(self._run, "otel-audit-batches")
            if self._thread is None:
                raise NotDurable("no thread can be started", may_follow=True)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            kept = self._bring(batch)
            with self._state:
                self._exporting = 0
                # In front, so that the order stays what it was.
                self._waiting.extendleft(reversed(kept))
                self._state.notify_all()
                if kept:
                    self._state.wait_for(lambda: self._is_closing, self._delay_s)

    def _next(self) -> list[_Waiting] | None:
        """The next batch, once it is full or old enough, or somebody wants it now; None at the end."""
        with self._state:
            self._state.wait_for(lambda: self._waiting or self._is_closing)
            if self._is_closing:
                return None
            self._state.wait_for(
                lambda: len(self._waiting) >= self._max_batch or self._flushes or self._is_closing,
                self._delay_s,
            )
            if self._is_closing:
                return None
            batch: list[_Waiting] = []
            ids: set[object] = set()
            while self._waiting and len(batch) < self._max_batch:
                # An id stands once in a request.
                if self._waiting[0].record.attributes[RECORD_ID] in ids:
                    break
                batch.append(self._waiting.popleft())
                ids.add(batch[-1].record.attributes[RECORD_ID])
            self._exporting = len(batch)
            return batch

    def _bring(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Export a batch. Returns what has to be tried again later."""
        policy = self._policy
        budget_s = (policy.max_retries + 1) * (policy.export_timeout_s + 2**policy.max_retries)
        try:
            receipts = self._delivery.deliver([one.record for one in batch], time.monotonic() + budget_s)
        except Undelivered as error:
            if error.failure == "refused" and len(batch) > 1:
                return [left for one in batch for left in self._bring([one])]
            return [one for one in batch if self._fail(one, error)]
        for one in batch:
            self._settle(one, receipts[str(one.record.attributes[RECORD_ID])])
        return []

    def _settle(self, one: _Waiting, receipt: AuditReceipt) -> None:
        self._remove(one)
        # Whoever waited may have given up, or was told before that it has to wait.
        if not one.receipt.done() and one.receipt.set_running_or_notify_cancel():
            one.receipt.set_result(receipt)

    def _fail(self, one: _Waiting, error: Undelivered) -> bool:
        """Tell whoever waits. Returns whether the record stays to be tried again."""
        stays = one.kept is not None and error.failure != "refused"
        if not one.receipt.done() and one.receipt.set_running_or_notify_cancel():
            one.receipt.set_exception(NotDurable(error.cause, may_follow=stays or error.failure == "retry"))
        if stays:
            self._saying.error("%s: audit records wait: %s", "the sink", error.failure)
        else:
            self._remove(one)
            self._lost[f"sink-{error.failure}"] += 1
            self._saying.error("%s: an audit record was given up: %s", "the sink", error.failure)
        return stays

    def _remove(self, one: _Waiting) -> None:
        if one.kept is not None and self._buffer is not None:
            # What cannot be removed is exported again after a restart, and known by its id.
            with suppress(OSError):
                self._buffer.remove(one.kept)
