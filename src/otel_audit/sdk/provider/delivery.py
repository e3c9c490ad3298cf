"""Exporting again until records are acknowledged, or it is an error.

The draft's "Failure handling": what fails is kept and tried again with back-off, within a budget; then whoever
emitted it is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.errors import NotDurable, describe_defect
from otel_audit.pipeline.metrics import count_acknowledged
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.provider.exporting import AuditRecordExporter, ExportResult, Failure
from otel_audit.store.own_traffic import own_traffic

__all__ = ["Delivery", "RetryPolicy", "Undelivered"]

_MAX_BACKOFF_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a failed export is tried again.

    Attributes:
        max_retries: after the first attempt.
        first_backoff_s: wait before the first of them; doubled each time. A sink that says when to come back is
            waited for as long as it says, if that is longer.
        export_timeout_s: of one attempt.
    """

    max_retries: int = 5
    first_backoff_s: float = 1.0
    export_timeout_s: float = 30.0


class Undelivered(NotDurable):
    """A sink has not acknowledged a record.

    Args:
        cause: why.
        failure: of the last attempt.
    """

    def __init__(self, cause: str, failure: Failure) -> None:
        super().__init__(cause, may_follow=failure == "retry")
        self.failure = failure


class Delivery:
    """Brings records to one sink. For one thread at a time; :meth:`stop` for any.

    Args:
        exporter: of that sink.
        policy: when it is tried again.
    """

    def __init__(self, exporter: AuditRecordExporter, policy: RetryPolicy) -> None:
        self.exporter, self._policy = exporter, policy
        self._stopped = threading.Event()

    def deliver(self, records: Sequence[LogData], deadline_s: float) -> Mapping[str, AuditReceipt]:
        """Export until all are acknowledged.

        Args:
            records: with distinct ids.
            deadline_s: monotonic.

        Returns:
            A receipt for each, by record id.

        Raises:
            Undelivered: the budget or the time is exhausted, or the sink refuses them for good.
        """
        policy, backoff_s = self._policy, self._policy.first_backoff_s
        for attempt in range(policy.max_retries + 1):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise Undelivered("no time is left", "retry")
            result = self._export(records, min(left_s, policy.export_timeout_s))
            if result.failure is None:
                return result.receipts
            if result.failure != "retry" or attempt == policy.max_retries:
                raise Undelivered(result.cause, result.failure)
            pause_s = max(backoff_s, result.retry_after_s or 0.0)
            if time.monotonic() + pause_s >= deadline_s or self._stopped.wait(pause_s):
                raise Undelivered(result.cause, "retry")
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)
        raise AssertionError("the last attempt returns or raises")

    def stop(self) -> None:
        """Wait for nothing any more: what fails from now on is an error at once."""
        self._stopped.set()

    def _export(self, records: Sequence[LogData], timeout_s: float) -> ExportResult:
        began_s = time.monotonic()
        try:
            with own_traffic():
                result = self.exporter.export(records, timeout_s)
        except Exception as error:  # noqa: BLE001  (an exporter may be anybody's: its defect is no end of ours)
            return ExportResult(failure="retry", cause=f"a defect of the exporter: {describe_defect(error)}")
        if result.failure is None:
            missing = {record.attributes[RECORD_ID] for record in records} - result.receipts.keys()
            if missing:
                return ExportResult(failure="retry", cause="the sink gave no receipt for every record")
            count_acknowledged(len(records), time.monotonic() - began_s)
        return result
