"""Where what is known about a span waits for its end.

Notes hang on the span's context object: the SDK gives the same object to the span, to its read-only copy at
``on_end`` and, as their parent, to its children in this process. So notes live exactly as long as their span is
of interest to anybody, need no table, no lock and no clock, and no exporter sees them (ADR 0041).

A request is the span that has no parent here and all below it; its :class:`Scope` is handed from parent to child.
Where a span between them was dropped by the sampler, the scope is found in the context variable instead; the
trace id tells whether it is still the one of the same request.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import SpanContext

from otel_audit.convert.span_notes import NOTES_KEY, Scope, SpanNotes

__all__ = ["current_notes", "current_scope", "notes_of", "notes_of_context", "open_notes"]

_scope: Final[ContextVar[Scope | None]] = ContextVar("otel_audit_scope", default=None)


def open_notes(span: Span) -> SpanNotes:
    """Open the notes of a span that starts, in the scope of the request it belongs to. Called in ``on_start``."""
    context: Any = span._context  # the public property costs a call more
    members = context.__dict__
    known: SpanNotes | None = members.get(NOTES_KEY)
    if known is not None:  # a second processor of ours
        return known
    parent: Any = span._parent
    above = None if parent is None else parent.__dict__.get(NOTES_KEY)
    if above is not None:
        notes = SpanNotes(above.scope)
    else:
        scope = _scope.get()
        if scope is None or parent is None or parent[2] or scope.trace_id != context[0]:
            scope = Scope(context[0])
            _scope.set(scope)
        notes = SpanNotes(scope)
    members[NOTES_KEY] = notes
    return notes


def notes_of(span: ReadableSpan) -> SpanNotes | None:
    """The notes of a span, ended or not; ``None`` where it started before we were attached."""
    return notes_of_context(span.get_span_context())


def notes_of_context(context: SpanContext | None) -> SpanNotes | None:
    """Likewise by the span's own context object; one that was rebuilt from ids has no notes."""
    if context is None:
        return None
    notes: SpanNotes | None = context.__dict__.get(NOTES_KEY)
    return notes


def current_notes() -> SpanNotes | None:
    """The notes of the span in whose context the caller runs, if it is one that we see."""
    return notes_of_context(trace.get_current_span().get_span_context())


def current_scope() -> Scope | None:
    """The request in which the caller runs, also below a span that the sampler dropped."""
    context = trace.get_current_span().get_span_context()
    notes = notes_of_context(context)
    if notes is not None:
        return notes.scope
    scope = _scope.get()
    return scope if scope is not None and scope.trace_id == context.trace_id else None
