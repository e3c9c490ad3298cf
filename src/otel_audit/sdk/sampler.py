"""Auditing what the trace sampler drops: recorded for us, and for nobody who exports sampled spans only.

A span that the sampler drops never reaches a processor. The sampler in front of it here asks the provider's own
first; where that drops a span which may become a record, it answers ``RECORD_ONLY``: the span is recorded and its
trace flag stays off, so exporters behind the SDK's processors do not see it, and its children are not sampled for
its sake. What can never become a record stays dropped.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link
    from opentelemetry.trace.span import TraceState
    from opentelemetry.util.types import Attributes

__all__ = ["AuditSampler", "see_through", "stop_seeing_through"]

_CALLS: Final = frozenset({SpanKind.SERVER, SpanKind.CLIENT})

_NEVER: Final = ("db.", "messaging.")
"""Beginnings of attribute names of calls that are no records, unless a setting includes them."""

_ALWAYS: Final = (
    "gen_ai.",
    "llm.",
    "openinference.",
    "traceloop.",
    "mcp.",
    "mlflow.",
    "audit.",
    "rpc.",
    "http.",
)


class AuditSampler(Sampler):
    """Records what ``inner`` drops, if it may become a record.

    Args:
        inner: the sampler that decides what other processors export.
        include: kinds of spans that are records besides: ``db``, ``messaging``, ``internal``.
    """

    def __init__(self, inner: Sampler, include: frozenset[str] = frozenset()) -> None:
        self.inner = inner
        self._never = tuple(prefix for prefix in _NEVER if prefix.rstrip(".") not in include)
        self._internal = "internal" in include
        self._messaging = "messaging" in include

    def should_sample(  # noqa: PLR0917  (the SDK's signature)
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """As ``inner`` answers, but ``RECORD_ONLY`` for what it drops and we record."""
        result = self.inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if result.decision is Decision.DROP and self._may_be_record(kind, attributes):
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        return f"AuditSampler{{{self.inner.get_description()}}}"

    def _may_be_record(self, kind: SpanKind | None, attributes: Mapping[str, object] | None) -> bool:
        """Judged by what a span starts with: an attribute that is set later cannot bring it back."""
        if kind in _CALLS:
            return attributes is None or not _has(attributes, self._never)
        if kind is SpanKind.INTERNAL or kind is None:
            return self._internal or (attributes is not None and _has(attributes, _ALWAYS))
        return self._messaging


def _has(attributes: Mapping[str, object], beginnings: tuple[str, ...]) -> bool:
    # A loop: a generator costs as much as all the rest of dropping a span.
    for key in attributes:  # noqa: SIM110
        if key.startswith(beginnings):
            return True
    return False


def see_through(provider: TracerProvider, include: frozenset[str]) -> None:
    """Put an :class:`AuditSampler` before the sampler of a provider and of the tracers it has handed out."""
    if isinstance(provider.sampler, AuditSampler):
        return
    before = provider.sampler
    provider.sampler = AuditSampler(before, include)
    for tracer in _tracers_of(provider):
        if tracer.sampler is before:
            tracer.sampler = provider.sampler


def stop_seeing_through(provider: TracerProvider) -> None:
    """Give a provider and its tracers their own sampler back."""
    sampler = provider.sampler
    if not isinstance(sampler, AuditSampler):
        return
    provider.sampler = sampler.inner
    for tracer in _tracers_of(provider):
        if tracer.sampler is sampler:
            tracer.sampler = sampler.inner


def _tracers_of(provider: TracerProvider) -> list[Tracer]:
    """Tracers copy the provider's sampler when they are made; newer SDKs keep a list of them, older do not."""
    listed = getattr(provider, "_tracers", None)
    if isinstance(listed, Mapping):
        return [tracer for tracer in listed.values() if isinstance(tracer, Tracer)]
    processor = provider._active_span_processor
    return [one for one in gc.get_objects() if type(one) is Tracer and one.span_processor is processor]
