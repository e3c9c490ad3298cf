"""This process's own log as a sink: the spool acknowledges, and destinations get what it holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from otel_audit.config import load
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData
from otel_audit.errors import NotDurable
from otel_audit.record.ids import given_record_id
from otel_audit.sdk.audit_logger import AuditReceipt
from otel_audit.sdk.provider.exporting import ExportResult
from otel_audit.sdk.recorder import Recorder
from otel_audit.sdk.sharing import acquire, release

__all__ = ["OwnLogExporter"]


class OwnLogExporter:
    """Writes where the doors of this process write.

    Args:
        settings: as ``install()`` takes them; by default what files and the environment say.

    Raises:
        ConfigurationError: they are wrong or name no destination.
    """

    def __init__(self, **settings: object) -> None:
        self._recorder: Recorder | None = acquire(load(settings or None), for_spans=False)

    def export(self, records: Sequence[LogData], timeout_s: float) -> ExportResult:
        """As every exporter. What was made durable before one failed is there once, whoever sends it again."""
        recorder = self._recorder
        if recorder is None:
            return ExportResult(failure="refused", cause="the exporter is shut down")
        deadline_s = time.monotonic() + timeout_s
        tenant = recorder.settings.log.tenant
        receipts = {}
        try:
            for record in records:
                given = str(record.attributes[RECORD_ID])
                # Conversion uses attributes up, and this record may be exported again.
                own = replace(record, attributes=dict(record.attributes), is_emitted=True)
                left_s = max(0.0, deadline_s - time.monotonic())
                record_hash, durable = recorder.emit(own, given_record_id(tenant, given), left_s)
                receipts[given] = AuditReceipt(given, f"sha256:{record_hash.hex()}", durable)
        except NotDurable as error:
            return ExportResult(failure="retry", cause=error.cause)
        return ExportResult(receipts)

    def force_flush(self, timeout_s: float) -> bool:
        """As every exporter: what is durable is written at the destinations, too."""
        recorder = self._recorder
        return recorder is None or recorder.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """As every exporter."""
        recorder, self._recorder = self._recorder, None
        return recorder is None or release(recorder, timeout_s)
