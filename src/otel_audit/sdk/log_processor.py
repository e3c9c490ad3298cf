"""The processor for log records: GenAI events and what carries ``audit.*``, of a logger provider."""

from __future__ import annotations

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_audit.config import Settings, load
from otel_audit.sdk.log_events import LogEvents, is_wanted
from otel_audit.sdk.sharing import acquire, release

__all__ = ["AuditLogRecordProcessor", "EventProcessor"]


class EventProcessor(LogRecordProcessor):
    """Hands the events of a logger provider to one log, and leaves every other log record alone at once.

    Args:
        events: takes them. Whoever made it closes its log.
    """

    def __init__(self, events: LogEvents) -> None:
        self.events = events

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take the record if it is one of ours. Never raises; costs others well under a microsecond."""
        try:
            record = log_record.log_record
            wanted = is_wanted(record.event_name, record.attributes)
        except Exception:  # noqa: BLE001  (a log record may hold anything)
            return
        if wanted:
            self.events.take(record, log_record.resource, log_record.instrumentation_scope)

    def enabled(
        self,
        *,
        context: Context | None = None,
        instrumentation_scope: InstrumentationScope | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Whether an emitter should go to the trouble: for events, and for no log that is none."""
        del context, instrumentation_scope, severity_number
        return event_name is not None

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Make every event that does not wait for its span durable, and written if the destination can be reached."""
        return self.events.recorder.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Nothing: the log is closed by whoever opened it."""


class AuditLogRecordProcessor(EventProcessor):
    """Hands GenAI events, and log records that carry ``audit.*``, to the audit log.

    A GenAI event whose span is in progress becomes part of that span's record, where an
    :class:`~otel_audit.AuditSpanProcessor` is on the tracer provider; others are records of their own.

    Args:
        settings: by default what environment and file say.
        arguments: settings by name, as of :class:`~otel_audit.AuditSpanProcessor`.

    Raises:
        ConfigurationError: a setting is unknown, wrong or unsafe.
    """

    def __init__(self, settings: Settings | None = None, **arguments: object) -> None:
        recorder = acquire(settings if settings is not None else load(arguments), for_spans=False)
        super().__init__(LogEvents(recorder))
        self._closed = False

    def shutdown(self) -> None:
        """Flush and stop. What cannot be written at its destination in time stays in the spool."""
        if not self._closed:
            self._closed = True
            release(self.events.recorder)
