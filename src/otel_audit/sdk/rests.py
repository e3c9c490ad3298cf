"""What follows records that went with a body still open, on its way to conversion (ADR 0071)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.convert.span_notes import NOTES_KEY, Body, SpanNotes
from otel_audit.sdk.capture.body import BodyRecorder

if TYPE_CHECKING:
    from otel_audit.convert.spans import SpanData

__all__ = ["Rest", "forget_bodies", "read_rests"]


class Rest:
    """What follows a record that went with a body still open: an item of the queue.

    Attributes:
        span: of that record.
        notes: the same span's, with those bodies as a whole.
    """

    __slots__ = ("notes", "span")

    def __init__(self, span: ReadableSpan, notes: SpanNotes, bodies: Sequence[BodyRecorder]) -> None:
        self.span = span
        self.notes = SpanNotes(
            notes.scope,
            request=_Whole(notes.request) if notes.request in bodies else None,
            response=_Whole(notes.response) if notes.response in bodies else None,
            on_behalf_of=notes.on_behalf_of,
            opens=notes.opens,
            continues=True,
        )


def read_rests(rests: Sequence[Rest]) -> list[SpanData]:
    """What conversion makes the records of: each span once more, with the notes on its rest."""
    from otel_audit.convert.from_sdk import read_spans  # noqa: PLC0415  (loads what a start must not pay for)

    spans = read_spans([rest.span for rest in rests])
    for span, rest in zip(spans, rests, strict=True):
        span.notes = rest.notes
    return spans


def forget_bodies(items: Iterable[Any]) -> None:
    """Give back the memory of bodies whose records are written; the rest of what is open is kept elsewhere.

    A task that a request has started may hold the request's span for as long as the process lives.
    """
    for item in items:
        context = getattr(item, "_context", None)
        notes = None if context is None else context.__dict__.get(NOTES_KEY)
        if notes is not None:
            notes.request = notes.response = None


class _Whole:
    """All of a body of which a record was written when it was open."""

    def __init__(self, body: Any) -> None:
        self._body: BodyRecorder = body

    def read(self) -> Body:
        return self._body.read_on()
