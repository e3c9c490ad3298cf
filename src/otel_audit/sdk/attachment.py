"""Whether what was attached to a tracer provider is still there, and who else hangs on it."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_audit.sdk.install import Installation
from otel_audit.sdk.sampler import AuditSampler

__all__ = ["company", "flaw"]


def flaw(installation: Installation) -> str | None:
    """Why spans of the global tracer provider do not reach what was installed, or not all; None if they do."""
    provider = trace.get_tracer_provider()
    if provider is not installation.provider:
        return f"the global tracer provider was replaced by another ({type(provider).__name__})"
    if getattr(provider, "_disabled", False):
        return "the global tracer provider is disabled"
    processor = installation._processor
    if not any(each is processor for each in _processors_of(installation.provider)):
        return "the audit processor was taken off the global tracer provider"
    sees_all = processor._recorder.settings.log.sampling == "all"
    if sees_all and not isinstance(installation.provider.sampler, AuditSampler):
        return "the sampler of the global tracer provider was replaced: what it drops would not be audited"
    return None


def company(installation: Installation) -> tuple[list[str], list[str]]:
    """Other processors on the provider.

    Returns:
        All of them, each with its exporter; and those that the SDK does not keep from spans which are recorded
        and not sampled. They see more spans than before where ``sampling = "all"``.
    """
    others = [each for each in _processors_of(installation.provider) if each is not installation._processor]
    return [_name(each) for each in others], [
        _name(each) for each in others if not isinstance(each, BatchSpanProcessor | SimpleSpanProcessor)
    ]


def _processors_of(provider: TracerProvider) -> Iterator[SpanProcessor]:
    yield from _flat(provider._active_span_processor)


def _flat(processor: SpanProcessor) -> Iterator[SpanProcessor]:
    inner = getattr(processor, "_span_processors", None)
    if inner is None:
        yield processor
    else:
        for each in tuple(inner):
            yield from _flat(each)


def _name(processor: SpanProcessor) -> str:
    exporter = getattr(processor, "span_exporter", None)
    name = type(processor).__name__
    return name if exporter is None else f"{name}({type(exporter).__name__})"
