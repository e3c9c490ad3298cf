"""The exporter that ``OTEL_TRACES_EXPORTER=otel_audit`` finds by its entry point.

It sits behind the SDK's batch processor, which drops spans when its own queue is full and never sees unsampled
ones: delivery through this door is ``best-effort``, and it says so at start. The processor has neither limit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_audit.config import load
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.recorder import Recorder
from otel_audit.sdk.sharing import acquire, release
from otel_audit.sdk.start import refuse

_log = logging.getLogger(__name__)


class AuditSpanExporter(SpanExporter):
    """Writes finished spans to the audit log.

    Args:
        options: what a declarative OpenTelemetry configuration says of this exporter; settings by name, sections
            as nested mappings. Without it, environment and file speak.

    A wrong configuration ends the process before application code runs, or with ``OTEL_AUDIT_ON_ERROR=warn``
    leaves an exporter that records nothing.
    """

    def __init__(self, **options: object) -> None:
        self._recorder: Recorder | None = None
        try:
            self._recorder = acquire(load(declarative=options))
        except ConfigurationError as error:
            refuse(error)
        else:
            _log.warning(
                "spans come through the batch span processor: delivery is best-effort, and unsampled spans are "
                "not audited; the processor or otel_audit.install() has neither limit"
            )

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take the spans that no other door has taken. They are durable a moment later."""
        if self._recorder is None:
            return SpanExportResult.FAILURE
        self._recorder.record_all(spans)
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As :meth:`AuditSpanProcessor.force_flush`."""
        return self._recorder is None or self._recorder.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Flush and stop."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            release(recorder)
