"""Processors: what may happen to a record between ``emit`` and its receipt.

A processor adds; none can remove, filter or aggregate. Those that add see each record before those that export it.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import Future

from otel_audit.errors import ConfigurationError, NotDurable
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.provider.delivery import Delivery, RetryPolicy
from otel_audit.sdk.provider.exporting import AuditRecordExporter

__all__ = ["AuditRecordProcessor", "ExportingProcessor", "SimpleAuditRecordProcessor", "check_exporter"]


class AuditRecordProcessor(ABC):
    """Adds something to every record, on the thread that emits it.

    Attributes:
        is_sealing: whether it comes after all others that add, because it proves what they have made.
    """

    is_sealing = False

    @abstractmethod
    def on_emit(self, record: AuditRecord) -> None:
        """Add to a record. What it raises is raised to whoever emits, and the record is not sent.

        Called once with a record of no event when the processor is configured, to see that it only adds.
        """

    def force_flush(self, timeout_s: float = 30.0) -> bool:
        """Hand on what is held back. Returns whether that is done."""
        return True

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """:meth:`force_flush`, and refuse what comes. Returns whether that is done."""
        return self.force_flush(timeout_s)


class ExportingProcessor(AuditRecordProcessor):
    """Brings every record to a sink.

    Attributes:
        is_synchronous: whether :meth:`submit` returns only when the record is acknowledged.
    """

    is_synchronous = False

    def on_emit(self, record: AuditRecord) -> None:
        """Nothing: :meth:`submit` takes the record when everybody has added to it."""

    @abstractmethod
    def submit(self, record: AuditRecord, deadline_s: float) -> Future[AuditReceipt]:
        """Take a record. Calls come in the order in which records were emitted.

        Args:
            record: complete.
            deadline_s: monotonic; until then it may wait for room.

        Returns:
            Its receipt, once a sink has acknowledged it, or why not.

        Raises:
            NotDurable: it is not taken.
        """

    def start_over(self) -> None:
        """In a forked child: what waits is the parent's, and whoever held a lock is not here."""

    def queue_depth(self) -> int:
        """Records that wait."""
        return 0

    def lost(self) -> dict[str, int]:
        """Records that no sink has taken and that are not tried any more, by cause."""
        return {}


class SimpleAuditRecordProcessor(ExportingProcessor):
    """Exports each record on the thread that emits it, one at a time.

    Args:
        exporter: to a sink.
        policy: when it is tried again, within the time that ``emit`` has.
    """

    is_synchronous = True

    def __init__(self, exporter: AuditRecordExporter, *, policy: RetryPolicy | None = None) -> None:
        check_exporter(exporter)
        self._delivery = Delivery(exporter, policy or RetryPolicy())
        self._exporting = threading.Lock()
        self._is_shut_down = False

    def submit(self, record: AuditRecord, deadline_s: float) -> Future[AuditReceipt]:
        """As every exporting processor. An error is raised at once: nothing is kept for later."""
        if not self._exporting.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise NotDurable("other records are still being exported", may_follow=False)
        try:
            if self._is_shut_down:
                raise NotDurable("the processor is shut down", may_follow=False)
            receipts = self._delivery.deliver([record.log()], deadline_s)
        finally:
            self._exporting.release()
        done: Future[AuditReceipt] = Future()
        done.set_result(receipts[record.record_id])
        return done

    def start_over(self) -> None:
        """As every exporting processor."""
        self._exporting = threading.Lock()

    def force_flush(self, timeout_s: float = 30.0) -> bool:
        """As every processor."""
        return self._is_shut_down or self._delivery.exporter.force_flush(timeout_s)

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """As every processor; the second time nothing."""
        if self._is_shut_down:
            return True
        self._is_shut_down = True
        self._delivery.stop()
        return self._delivery.exporter.shutdown(timeout_s)


def check_exporter(exporter: object) -> None:
    """Raises ConfigurationError if it is none."""
    if not isinstance(exporter, AuditRecordExporter):
        raise ConfigurationError("an exporter has export, force_flush and shutdown")
