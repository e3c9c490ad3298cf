"""``AuditProvider`` of OpenTelemetry's draft audit signal.

Independent of every other provider: its own processors, exporters, queues and counts. It has no sampler, and none
of its settings can keep a record from its sink.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import Future
from typing import Final

from opentelemetry.sdk.resources import Resource

from otel_audit.audit_signal.requirements import check_record
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.convert.values import plain
from otel_audit.errors import ConfigurationError, NotDurable
from otel_audit.pipeline.metrics import count_emitted
from otel_audit.record.ids import random_record_id
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.gauges import observe
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.provider.background import Background
from otel_audit.sdk.provider.clock import warn_of_clock
from otel_audit.sdk.provider.joining import first_of
from otel_audit.sdk.provider.logger import ProviderAuditLogger
from otel_audit.sdk.provider.own_log import OwnLogExporter
from otel_audit.sdk.provider.probing import check_processor
from otel_audit.sdk.provider.processors import (
    AuditRecordProcessor,
    ExportingProcessor,
    SimpleAuditRecordProcessor,
)

__all__ = ["AuditProvider"]

_log = logging.getLogger(__name__)

_SAY_EVERY_S: Final = 60.0

_providers: Final[weakref.WeakSet[AuditProvider]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    for provider in tuple(_providers):
        provider._start_over()


os.register_at_fork(after_in_child=_start_over_in_child)


class AuditProvider:
    """Gives out loggers whose records go to its sinks. Thread-safe.

    Args:
        processors: those that add come first, whatever their order here. Without one that exports, records go to
            this process's own log, whose spool acknowledges them.
        resource: of every record; by default that of the environment.
        skew_warning_s: by how much a record's two times may differ before a line says so.
        refused: nothing; a setting that could keep records back is refused by name.

    Raises:
        ConfigurationError: a processor could remove or keep back records, or a setting does not exist.
    """

    def __init__(
        self,
        *processors: AuditRecordProcessor,
        resource: Resource | None = None,
        skew_warning_s: float = 5.0,
        **refused: object,
    ) -> None:
        if refused:
            raise ConfigurationError(
                f"an audit provider has no setting {', '.join(sorted(refused))}: it neither samples nor filters, "
                "since every audit record reaches its sink"
            )
        attributes = (resource or Resource.create()).attributes
        self.resource = ResourceData({key: plain(value, []) for key, value in attributes.items()})
        self._skew_ns, self._skew_said_s = int(skew_warning_s * 1e9), float("-inf")
        self._order = threading.RLock()
        self._adding: tuple[AuditRecordProcessor, ...] = ()
        self._exporting: tuple[ExportingProcessor, ...] = ()
        self._is_shut_down = False
        self._lost: Counter[str] = Counter()
        self._background = Background(self.emit)
        for processor in processors:
            self.add_audit_record_processor(processor)
        if not self._exporting:
            self.add_audit_record_processor(SimpleAuditRecordProcessor(OwnLogExporter()))
        observe(self)
        _providers.add(self)
        warn_of_clock()

    def add_audit_record_processor(self, processor: AuditRecordProcessor) -> None:
        """Add a processor, for loggers that were given out before as well.

        Raises:
            ConfigurationError: it is none, or it does not only add.
        """
        check_processor(processor)
        with self._order:
            if isinstance(processor, ExportingProcessor):
                self._exporting += (processor,)
            else:
                self._adding = tuple(sorted((*self._adding, processor), key=lambda one: one.is_sealing))

    def get_audit_logger(
        self, name: str, version: str | None = None, schema_url: str | None = None
    ) -> ProviderAuditLogger:
        """A logger.

        Args:
            name: of the part of the application that emits. It labels the logger, not its records.
            version: of that part, likewise.
            schema_url: of what it emits, likewise.

        Raises:
            NotDurable: the provider is shut down.
        """
        if self._is_shut_down:
            raise _shut_down()
        if not name:
            _log.warning("an audit logger without a name was asked for")
        return ProviderAuditLogger(self, name, version, schema_url)

    def emit(self, log: LogData, timeout_s: float) -> AuditReceipt:
        """Take a record and wait until every sink has acknowledged it.

        Returns:
            The receipt of the first exporting processor.

        Raises:
            InputError: the record lacks something, or a processor cannot add to it.
            NotDurable: a sink has not acknowledged it.
        """
        deadline_s = time.monotonic() + timeout_s
        receipts = self._submit(log, deadline_s)
        try:
            first, *_ = [receipt.result(max(0.0, deadline_s - time.monotonic())) for receipt in receipts]
        except TimeoutError:
            raise NotDurable(f"no sink has acknowledged it within {timeout_s:g} s", may_follow=True) from None
        return first

    def emit_async(self, log: LogData, timeout_s: float) -> Future[AuditReceipt]:
        """Likewise, without waiting for the receipt.

        Raises:
            InputError: as :meth:`emit`, at once.
            NotDurable: it is not taken.
        """
        if self._is_shut_down:
            raise _shut_down()
        check_record(log)
        if any(processor.is_synchronous for processor in self._exporting):
            return self._background.submit(log, timeout_s)
        return first_of(self._submit(log, time.monotonic() + timeout_s))

    def force_flush(self, timeout_s: float = 30.0) -> bool:
        """Bring what waits to the sinks. Returns whether that is done; after :meth:`shutdown` nothing is left to do."""
        if self._is_shut_down:
            return True
        deadline_s = time.monotonic() + timeout_s
        if not self._background.flush(timeout_s):
            return False
        done = [one.force_flush(max(0.0, deadline_s - time.monotonic())) for one in self._processors()]
        return all(done)

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """:meth:`force_flush`, then refuse. Returns whether everything was acknowledged; the second time nothing
        is done."""
        deadline_s = time.monotonic() + timeout_s
        complete = self.force_flush(timeout_s)
        # Whoever is emitting now and waits for a sink that is away must not hold this up for longer.
        is_quiet = self._order.acquire(timeout=max(0.0, deadline_s - time.monotonic()))
        was_shut_down, self._is_shut_down = self._is_shut_down, True
        if is_quiet:
            self._order.release()
        if was_shut_down:
            return True
        self._background.close()
        for processor in self._processors():
            complete = processor.shutdown(max(0.0, deadline_s - time.monotonic())) and complete
        return complete

    def _start_over(self) -> None:
        """In a forked child: what waits is the parent's, and whoever held a lock is not here."""
        self._order, self._background = threading.RLock(), Background(self.emit)
        for processor in self._exporting:
            processor.start_over()

    def lost(self) -> dict[str, int]:
        """Records that no sink has acknowledged and that are not tried any more, by cause."""
        return dict(sum((Counter(one.lost()) for one in self._exporting), Counter(self._lost)))

    def queue_depth(self) -> int:
        """Records that wait for their sinks."""
        return len(self._background) + sum(one.queue_depth() for one in self._exporting)

    def spool_bytes(self) -> int:
        """Nothing: a spool counts its own."""
        return 0

    def _submit(self, log: LogData, deadline_s: float) -> list[Future[AuditReceipt]]:
        if not self._order.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise NotDurable("other records are still being emitted", may_follow=False)
        try:
            if self._is_shut_down:
                raise _shut_down()
            log.attributes.setdefault(RECORD_ID, random_record_id())
            check_record(log)
            self._look_at_times(log)
            record = AuditRecord.of(log)
            for processor in self._adding:
                processor.on_emit(record)
            count_emitted()
            try:
                return [processor.submit(record, deadline_s) for processor in self._exporting]
            except NotDurable:
                self._lost["not-acknowledged"] += 1
                raise
        finally:
            self._order.release()

    def _look_at_times(self, log: LogData) -> None:
        skew_ns = log.observed_unix_nano - log.time_unix_nano
        now_s = time.monotonic()
        if skew_ns > self._skew_ns and now_s - self._skew_said_s > _SAY_EVERY_S:
            self._skew_said_s = now_s
            _log.warning("an audit record was emitted %.1f s after it says it happened", skew_ns / 1e9)

    def _processors(self) -> tuple[AuditRecordProcessor, ...]:
        return (*self._adding, *self._exporting)


def _shut_down() -> NotDurable:
    return NotDurable("the provider is shut down", may_follow=False)
