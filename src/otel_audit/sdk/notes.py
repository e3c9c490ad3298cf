"""Where what is known about a span waits for its end.

Notes hang on the span's context object: the SDK gives the same object to the span, to its read-only copy at
``on_end`` and, as their parent, to its children in this process. So notes live exactly as long as their span is
of interest to anybody, need no table, no lock and no clock, and no exporter sees them (ADR 0041).

A request is the span that has no parent here and all below it; its :class:`Scope` is handed from parent to child.
Where a span between them was dropped by the sampler, the scope is found in the context variable instead, as long
as the trace is the same and the span that opened the scope has not ended: whoever comes next in the same thread
finds nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import SpanContext

from otel_audit.convert.claims import baggage_claims
from otel_audit.convert.span_notes import NOTES_KEY, Actor, Scope, SpanNotes
from otel_audit.sdk.identity.noting import note_token

__all__ = [
    "acting_for",
    "current_notes",
    "current_scope",
    "incoming",
    "note_ending",
    "notes_of",
    "notes_of_context",
    "open_notes",
    "open_scope",
]

_scope: Final[ContextVar[tuple[Scope, weakref.ref[trace.Span]] | None]] = ContextVar(
    "otel_audit_scope", default=None
)

acting_for: Final[ContextVar[Actor | None]] = ContextVar("otel_audit_acting_for", default=None)
"""For whom the caller acts, where ``acting_as`` says so."""

incoming: Final[ContextVar[list[Callable[[str], str]] | None]] = ContextVar(
    "otel_audit_incoming", default=None
)
"""The headers of a request whose span is about to start, in a list that this span empties: what is started in its
context later has another's token no more."""


def open_notes(span: Span, parent_context: Context | None = None) -> SpanNotes:
    """Open the notes of a span that starts, in the scope of the request it belongs to. Called in ``on_start``.

    Args:
        span: that starts.
        parent_context: in which it does; by default the caller's.
    """
    context: Any = span._context  # the public property costs a call more
    members = context.__dict__
    known: SpanNotes | None = members.get(NOTES_KEY)
    if known is not None:  # a second processor of ours
        return known
    parent: Any = span._parent
    above: SpanNotes | None = None if parent is None else parent.__dict__.get(NOTES_KEY)
    if above is not None:
        notes = members[NOTES_KEY] = SpanNotes(above.scope)
        notes.on_behalf_of = acting_for.get() or above.on_behalf_of
        if above.scope.reader is not None:
            above.scope.reader()
        return notes
    scope = None if parent is None or parent[2] else _kept_scope(context[0])
    if scope is not None:
        notes = SpanNotes(scope)
    else:
        scope = Scope(context[0])
        notes = SpanNotes(scope, opens=True)
        _scope.set((scope, weakref.ref(span)))
    members[NOTES_KEY] = notes
    notes.on_behalf_of = acting_for.get()
    if notes.opens and (carried := baggage.get_all(parent_context)):
        scope.claims = tuple(baggage_claims(carried.items()))
    headers = incoming.get()
    if headers and span.kind is trace.SpanKind.SERVER:
        note_token(scope, headers.pop())
    return notes


def note_ending(span: ReadableSpan) -> None:
    """What holds where a span ends holds for it too. Called before ``on_end``."""
    actor = acting_for.get()
    if actor is not None:
        notes = notes_of(span)
        if notes is not None and notes.on_behalf_of is None:
            notes.on_behalf_of = actor


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
    return notes.scope if notes is not None else _kept_scope(context.trace_id)


def open_scope() -> Scope | None:
    """Likewise; below spans of which none is known here, a new one, which holds for what starts below the current."""
    scope = current_scope()
    if scope is not None:
        return scope
    span = trace.get_current_span()
    context = span.get_span_context()
    if not context.is_valid or context.is_remote:
        return None
    scope = Scope(context.trace_id)
    # A context whose span was dropped, or started before we were attached, hands it to children all the same.
    context.__dict__[NOTES_KEY] = SpanNotes(scope, opens=True)
    _scope.set((scope, weakref.ref(span)))
    return scope


def _kept_scope(trace_id: int) -> Scope | None:
    kept = _scope.get()
    if kept is None or kept[0].trace_id != trace_id:
        return None
    opener = kept[1]()
    return kept[0] if opener is not None and getattr(opener, "end_time", None) is None else None
