"""What a record has whatever happened: ids, times, events, links, counts.

Every function fills leaves of a row and notes what was odd; none raises for what a span holds.
"""

from __future__ import annotations

import re
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.columns import Row
from otel_audit.convert.rest import MAX_EXACT, encode_object
from otel_audit.convert.spans import Attributes, EventData, LinkData, SpanData
from otel_audit.convert.times import DAY_NS, HOUR_NS, MAX_INT64, rfc3339
from otel_audit.convert.values import unused_key

__all__ = ["fill_ids", "fill_log_time", "fill_span_parts", "fill_span_times", "is_out_of_bounds"]

_BEFORE: Final = 7 * DAY_NS
_AFTER: Final = HOUR_NS

_MAX_INT32: Final = 2**31 - 1

_HEX: Final = re.compile(r"[0-9a-f]{1,64}")

_SIZES: Final = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
"""Digits of the ids that the W3C trace context knows."""


def is_out_of_bounds(event_time: int, observed: int) -> bool:
    """Whether an event's time may not choose the partition (FORMAT, "Layout of a destination").

    Outside of [observed − 7 d, observed + 1 h] a forged or broken clock would make partitions without number,
    or hide a record from retention.
    """
    return not observed - _BEFORE <= event_time <= observed + _AFTER


def fill_ids(
    row: Row, rest: Attributes, ids: tuple[tuple[str, str], ...], oddities: list[str], *, required: bool
) -> None:
    """Fills ``traceId``, ``spanId`` and ``parentSpanId``.

    Hexadecimal of another length is kept; anything else goes to the rest, since ids are not masked.

    Args:
        ids: leaf and id, ``""`` where missing.
        required: whether trace and span id have to be there.
    """
    for leaf, value in ids:
        if len(value) == _SIZES[leaf] and value.strip("0") and _HEX.fullmatch(value):
            row[leaf] = value
        elif value:
            oddities.append(notes.ID_MALFORMED)
            if _HEX.fullmatch(value):
                row[leaf] = value
            else:
                rest[unused_key(rest, f"otlp.{leaf}", oddities)] = value
        elif required and leaf != "parentSpanId":
            oddities.append(notes.ID_MALFORMED)


def fill_span_times(row: Row, span: SpanData, observed: int) -> None:
    """Fills the span's time, exact, and its duration; a span without a start happened when it was seen."""
    start, end = span.start_unix_nano, span.end_unix_nano
    row["observedTimeUnixNano"] = observed
    started = 0 < start <= MAX_INT64
    row["timeUnixNano"] = start if started else observed
    if not started:
        span.oddities.append(notes.START_MISSING)
    if not 0 < end <= MAX_INT64:
        span.oddities.append(notes.END_MISSING)
    elif started:
        duration = end - start
        if 0 <= duration <= MAX_EXACT:
            row["durationNs"] = duration
        else:
            span.oddities.append(notes.END_BEFORE_START if duration < 0 else notes.DURATION_TOO_LONG)


def fill_log_time(row: Row, time: int, log_observed: int, observed: int, oddities: list[str]) -> None:
    """Fills a log event's time: its own, else when its SDK saw it, else when we did."""
    row["observedTimeUnixNano"] = observed
    for candidate in (time, log_observed):
        if 0 < candidate <= MAX_INT64:
            row["timeUnixNano"] = candidate
            return
    oddities.append(notes.START_MISSING)
    row["timeUnixNano"] = observed


def fill_span_parts(row: Row, span: SpanData) -> None:
    """Fills name, kind, events, links and the counts of what SDK limits threw away."""
    row["spanName"] = span.name or None
    row["spanKind"] = span.kind
    row["sampled"] = span.sampled
    if span.events:
        row["events"] = [_event(event, span.oddities) for event in span.events]
    if span.links:
        row["links"] = [_link(link, span.oddities) for link in span.links]
    if span.dropped_attributes:
        row["droppedAttributes"] = _count(span.dropped_attributes)
    if span.dropped_events:
        row["droppedEvents"] = _count(span.dropped_events)
    if span.dropped_links:
        row["droppedLinks"] = _count(span.dropped_links)


def _event(event: EventData, oddities: list[str]) -> dict[str, str | None]:
    time = event.time_unix_nano
    return {
        "name": event.name or None,
        "timestamp": rfc3339(time) if 0 < time <= MAX_INT64 else None,
        "attributes": encode_object(event.attributes, oddities) if event.attributes else None,
    }


def _link(link: LinkData, oddities: list[str]) -> dict[str, str | None]:
    attributes = dict(link.attributes)
    ids: Row = {}
    fill_ids(ids, attributes, (("traceId", link.trace_id), ("spanId", link.span_id)), oddities, required=True)
    return {
        "traceId": ids.get("traceId"),
        "spanId": ids.get("spanId"),
        "attributes": encode_object(attributes, oddities) if attributes else None,
    }  # type: ignore[dict-item]  # fill_ids writes texts


def _count(number: int) -> int:
    return min(max(number, 0), _MAX_INT32)
