"""The fields of many spans, a sequence a field, and which of the spans are ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, le, sub
from typing import Any, Final, NamedTuple

from otel_audit.convert.envelope import AFTER_NS, BEFORE_NS, NO_TRACE
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.spans import EventData, LinkData, SpanData
from otel_audit.convert.times import MAX_INT64

__all__ = ["SpanColumns", "is_ordinary", "odd_spans", "read_columns"]

_TRACE_DIGITS: Final = frozenset({32})
_SPAN_DIGITS: Final = frozenset({16})
_PARENT_DIGITS: Final = frozenset({0, 16})


class SpanColumns(NamedTuple):
    """Fields of :class:`~otel_audit.convert.spans.SpanData`, each with one value a span."""

    name: Sequence[str]
    kind: Sequence[str]
    trace_id: Sequence[str]
    span_id: Sequence[str]
    parent_span_id: Sequence[str]
    sampled: Sequence[bool | None]
    start_unix_nano: Sequence[int]
    end_unix_nano: Sequence[int]
    status: Sequence[int]
    status_message: Sequence[str]
    events: Sequence[Sequence[EventData]]
    links: Sequence[Sequence[LinkData]]
    dropped_attributes: Sequence[int]
    dropped_events: Sequence[int]
    dropped_links: Sequence[int]
    oddities: Sequence[Sequence[str]]
    joined: Sequence[Sequence[str]]


_FIELDS: Final[Any] = attrgetter(*SpanColumns._fields)


def read_columns(spans: Sequence[SpanData]) -> SpanColumns:
    """Returns the fields of at least one span."""
    return SpanColumns(*zip(*map(_FIELDS, spans), strict=True))


def is_ordinary(span: SpanData, observed: int, *, bounded: bool) -> bool:
    """Whether nothing around a span's attributes needs a row.

    Args:
        observed: when the batch was seen, nanoseconds since the epoch.
        bounded: whether a time too far from it would have to be noted.
    """
    start, end = span.start_unix_nano, span.end_unix_nano
    return (
        not (span.events or span.links or span.oddities or span.joined)
        and not (span.dropped_attributes or span.dropped_events or span.dropped_links)
        and len(span.trace_id) == 32
        and len(span.span_id) == 16
        and len(span.parent_span_id) in _PARENT_DIGITS
        and span.trace_id != NO_TRACE
        and 0 < start <= end <= MAX_INT64
        and end - start <= MAX_EXACT
        and (not bounded or observed - BEFORE_NS <= start <= observed + AFTER_NS)
    )


def odd_spans(spans: Sequence[SpanData], columns: SpanColumns, observed: int, *, bounded: bool) -> set[int]:
    """Returns the positions of the spans that are not ordinary; one look a column tells that there are none.

    Args:
        spans: at least one.
        columns: their fields.
        observed: as for :func:`is_ordinary`.
        bounded: likewise.
    """
    starts, ends = columns.start_unix_nano, columns.end_unix_nano
    if (
        not (any(columns.events) or any(columns.links) or any(columns.oddities) or any(columns.joined))
        and not (any(columns.dropped_attributes) or any(columns.dropped_events) or any(columns.dropped_links))
        and set(map(len, columns.trace_id)) == _TRACE_DIGITS
        and set(map(len, columns.span_id)) == _SPAN_DIGITS
        and _PARENT_DIGITS.issuperset(map(len, columns.parent_span_id))
        and NO_TRACE not in columns.trace_id
        and min(starts) > max(0, observed - BEFORE_NS if bounded else 0)
        and max(starts) <= (observed + AFTER_NS if bounded else MAX_INT64)
        and max(ends) <= MAX_INT64
        and all(map(le, starts, ends))
        and max(map(sub, ends, starts)) <= MAX_EXACT
    ):
        return set()
    return {
        position for position, span in enumerate(spans) if not is_ordinary(span, observed, bounded=bounded)
    }
