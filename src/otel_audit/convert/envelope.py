"""What a record has whatever happened: ids, times, events, links, counts.

Every function fills leaves of a row and notes what was odd; none raises for what a span holds.
"""

from __future__ import annotations

import re
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.columns import Row
from otel_audit.convert.rest import MAX_EXACT, encode_object, encode_value
from otel_audit.convert.spans import Attributes, EventData, LinkData, LogData, SpanData, Value
from otel_audit.convert.times import DAY_NS, HOUR_NS, MAX_INT64, rfc3339
from otel_audit.convert.values import unused_key
from otel_audit.record.ids import log_record_id

__all__ = [
    "AFTER_NS",
    "BEFORE_NS",
    "NO_TRACE",
    "fill_ids",
    "fill_log_time",
    "fill_span_parts",
    "fill_span_times",
    "is_out_of_bounds",
    "log_row_id",
]

BEFORE_NS: Final = 7 * DAY_NS
AFTER_NS: Final = HOUR_NS

_MAX_INT32: Final = 2**31 - 1

_NO_ID: Final = {
    "traceId": "otlp.trace_id",
    "spanId": "otlp.span_id",
    "parentSpanId": "otlp.parent_span_id",
}
"""Attributes that keep what stood where an id belongs."""

_HEX: Final = re.compile(r"[0-9a-f]{1,64}")

_TRACE_DIGITS: Final = 32
_SPAN_DIGITS: Final = 16
NO_TRACE: Final = "0" * _TRACE_DIGITS


def is_out_of_bounds(event_time: int, observed: int) -> bool:
    """Whether an event's time may not choose the partition (FORMAT, "Layout of a destination").

    Outside of [observed - 7 d, observed + 1 h] a forged or broken clock would make partitions without number,
    or hide a record from retention.
    """
    return not observed - BEFORE_NS <= event_time <= observed + AFTER_NS


def fill_ids(row: Row, rest: Attributes, ids: tuple[str, str, str], oddities: list[str]) -> None:
    """Fills ``traceId``, ``spanId`` and ``parentSpanId``, given in this order; ``""`` where missing.

    An id that the W3C trace context does not know is kept where it is hexadecimal; anything else goes to the
    rest, since ids are not masked.
    """
    trace_id, span_id, parent_id = ids
    if len(trace_id) == _TRACE_DIGITS and trace_id != NO_TRACE and len(span_id) == _SPAN_DIGITS:
        row["traceId"], row["spanId"] = trace_id, span_id
        if len(parent_id) == _SPAN_DIGITS:
            row["parentSpanId"] = parent_id
            return
        if not parent_id:
            return
    oddities.append(notes.ID_MALFORMED)
    for leaf, value in (("traceId", trace_id), ("spanId", span_id), ("parentSpanId", parent_id)):
        if value and _HEX.fullmatch(value):
            row[leaf] = value
        elif value:
            row.pop(leaf, None)
            rest[unused_key(rest, _NO_ID[leaf], oddities)] = value


def fill_span_times(row: Row, span: SpanData, observed: int) -> None:
    """Fills the span's time, exact, and its duration; a span without a start happened when it was seen."""
    start, end = span.start_unix_nano, span.end_unix_nano
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
    for candidate in (time, log_observed):
        if 0 < candidate <= MAX_INT64:
            row["timeUnixNano"] = candidate
            return
    oddities.append(notes.START_MISSING)
    row["timeUnixNano"] = observed


def fill_span_parts(row: Row, span: SpanData) -> None:
    """Fills name, events, links and the counts of what SDK limits threw away."""
    row["spanName"] = span.name or None
    row["sampled"] = span.sampled
    if span.events:
        row["events"] = [_event(event, span.oddities) for event in span.events]
    if span.links:
        row["links"] = [_link(link, span.oddities) for link in span.links]
    if span.joined:
        row["joined"] = list(span.joined)
    if span.dropped_attributes:
        row["droppedAttributes"] = _count(span.dropped_attributes)
    if span.dropped_events:
        row["droppedEvents"] = _count(span.dropped_events)
    if span.dropped_links:
        row["droppedLinks"] = _count(span.dropped_links)


def log_row_id(tenant: str, log: LogData, service_name: str) -> str:
    """Returns the id of a log event's record; to be asked before its attributes are used up."""
    content: Value = {"attributes": log.attributes, "body": log.body}
    return log_record_id(
        tenant,
        trace_id=log.trace_id,
        span_id=log.span_id,
        time_unix_nano=log.time_unix_nano,
        service_name=service_name,
        event_name=log.name,
        content=encode_value(content, []).encode(),
    )


def _event(event: EventData, oddities: list[str]) -> dict[str, str | None]:
    time = event.time_unix_nano
    return {
        "name": event.name or None,
        "timestamp": rfc3339(time) if 0 < time <= MAX_INT64 else None,
        "attributes": encode_object(event.attributes, oddities) if event.attributes else None,
    }


def _link(link: LinkData, oddities: list[str]) -> dict[str, object]:
    attributes = dict(link.attributes)
    ids: Row = {}
    fill_ids(ids, attributes, (link.trace_id, link.span_id, ""), oddities)
    rest = encode_object(attributes, oddities) if attributes else None
    return {"traceId": ids.get("traceId"), "spanId": ids.get("spanId"), "attributes": rest}


def _count(number: int) -> int:
    return min(max(number, 0), _MAX_INT32)
