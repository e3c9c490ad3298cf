"""The processor: every ended span of a tracer provider, at whatever sampling the provider records."""

from __future__ import annotations

from contextlib import suppress

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_audit.config import Settings, load
from otel_audit.sdk.capture import active, exchange, inference
from otel_audit.sdk.health import Health
from otel_audit.sdk.identity.attached import attach, detach
from otel_audit.sdk.notes import acting_for, note_ending, open_notes
from otel_audit.sdk.sharing import acquire, release


class AuditSpanProcessor(SpanProcessor):
    """Hands ended spans to the audit log.

    Args:
        settings: by default what environment and file say.
        arguments: settings by name, which win over environment and file: keys of ``[log]``, and sections as
            nested dicts, for example ``destination="./audit-log", rotation={"max_age": "5m"}``.

    Raises:
        ConfigurationError: a setting is unknown, wrong or unsafe.

    ``on_end`` never raises and, while the queue has room, never waits; with ``delivery="strict"`` it returns once
    the record is durable.
    """

    def __init__(self, settings: Settings | None = None, **arguments: object) -> None:
        settings = settings if settings is not None else load(arguments)
        self._recorder = acquire(settings)
        if active.wants_anything(settings.capture):
            self.on_start = self._on_start_capturing  # type: ignore[method-assign]
        # What the provider calls is the recorder itself: one call less in the application's thread.
        self.on_end = self._recorder.record  # type: ignore[method-assign]
        self._identity = settings.identity
        attach(self._identity)
        self._closed = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Open the span's notes; without them it is recorded as it is. Costs about a microsecond."""
        with suppress(Exception):
            open_notes(span, parent_context)

    def _on_start_capturing(self, span: Span, parent_context: Context | None = None) -> None:
        """Likewise, and give a server's span what its wrapper sees of the request."""
        with suppress(Exception):
            exchange.bind(span, open_notes(span, parent_context))
            inference.note_start(span)

    def _on_ending(self, span: Span) -> None:
        """Note for whom it was done, which the context says in which it ends."""
        if acting_for.get() is not None:
            with suppress(Exception):
                note_ending(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Take the span. Costs the application thread well under a microsecond."""
        self._recorder.record(span)

    def health(self) -> Health:
        """How the log is doing, without touching disk or network."""
        return self._recorder.health()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Make every span ended before durable, and written at the destinations if they can be reached.

        Returns:
            False if the time ran out; what is durable is written later by itself.
        """
        return self._recorder.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Flush and stop. What cannot be written at its destination in time stays in the spool."""
        if not self._closed:
            self._closed = True
            detach(self._identity)
            release(self._recorder)
