"""One line in an existing application."""

from __future__ import annotations

from types import TracebackType

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_audit.config import load
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.content_switch import select_hook
from otel_audit.sdk.health import Health
from otel_audit.sdk.log_events import LogEvents
from otel_audit.sdk.log_tap import LogTap
from otel_audit.sdk.processor import AuditSpanProcessor
from otel_audit.sdk.sampler import see_through, stop_seeing_through


class Installation:
    """What :func:`install` attached. A context manager that uninstalls at its end."""

    def __init__(self, provider: TracerProvider, processor: AuditSpanProcessor) -> None:
        self.provider = provider
        self._processor = processor
        self._tap = LogTap(LogEvents(processor._recorder), provider.resource)
        is_full = processor._recorder.settings.streams.model_io.content == "full"
        self._put_hook_back = select_hook() if is_full else None

    def health(self) -> Health:
        """How the log is doing, without touching disk or network."""
        return self._processor.health()

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Make every span ended before durable, and written if the destination can be reached."""
        return self._processor.force_flush(int(timeout_s * 1000))

    def shutdown(self) -> None:
        """Flush and stop recording; the provider goes on without us."""
        self._processor.shutdown()

    def uninstall(self) -> None:
        """Shut down, take our processors off the providers and give the sampler back that was there."""
        self._tap.close()
        if self._put_hook_back is not None:
            self._put_hook_back()
        self.shutdown()
        stop_seeing_through(self.provider)
        active = self.provider._active_span_processor
        with active._lock:
            active._span_processors = tuple(p for p in active._span_processors if p is not self._processor)

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self.uninstall()


def install(
    destination: str | None = None,
    *,
    provider: TracerProvider | None = None,
    create_provider: bool = False,
    **arguments: object,
) -> Installation:
    """Audit every span of the application's tracer provider, whatever its sampler drops, and the GenAI events
    of the global logger provider, whether it is there now or later.

    Args:
        destination: folder or URL; by default ``OTEL_AUDIT_DESTINATION`` or the file says.
        provider: by default the global one.
        create_provider: make and set a global provider if there is none; it is never set behind the
            application's back.
        arguments: further settings by name, sections as nested dicts.

    Raises:
        ConfigurationError: there is no SDK tracer provider, or a setting is unknown, wrong or unsafe.
    """
    found = provider if provider is not None else trace.get_tracer_provider()
    if not isinstance(found, TracerProvider):
        if not create_provider:
            raise ConfigurationError(
                "there is no SDK tracer provider to attach to; set one first, or pass create_provider=True"
            )
        found = TracerProvider()
        trace.set_tracer_provider(found)
    settings = load({"destination": destination, **arguments})
    processor = AuditSpanProcessor(settings)
    found.add_span_processor(processor)
    if settings.log.sampling == "all":
        see_through(found, frozenset(settings.log.include_spans))
    return Installation(found, processor)
