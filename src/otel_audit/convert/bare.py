"""What is left of a span or log event that could not be converted: ids, times and name."""

from __future__ import annotations

from otel_audit.convert import notes
from otel_audit.convert.columns import Row
from otel_audit.convert.envelope import fill_ids, fill_log_time, fill_span_times, is_out_of_bounds
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.rest import finish_attributes
from otel_audit.convert.select import PLATFORM
from otel_audit.convert.spans import Attributes, LogData, SpanData
from otel_audit.convert.values import clean_text
from otel_audit.record.ids import log_record_id, span_record_id
from otel_audit.record.schema import SCHEMA_VERSION

__all__ = ["BROKEN_EVENT", "bare_row"]

BROKEN_EVENT = "audit.unreadable"
"""``eventName`` of a span or log event that could not be converted."""


def bare_row(source: SpanData | LogData, options: ConvertOptions, service_name: str, observed: int) -> Row:
    """Returns the row of what could not be converted; reads each part of it on its own.

    Args:
        source: the span or log event; its notes are replaced.
        options: of the conversion.
        service_name: of its resource.
        observed: when the batch was seen, nanoseconds since the epoch.
    """
    row: Row = {}
    rest: Attributes = {}
    oddities = source.oddities = [notes.CONVERSION_FAILED]
    trace_id, span_id, name = (
        clean_text(str(text), oddities) for text in (source.trace_id, source.span_id, source.name)
    )
    parent_id = ""
    if isinstance(source, SpanData):
        parent_id = clean_text(str(source.parent_span_id), oddities)
        fill_span_times(row, source, observed)
        row["spanKind"], row["sampled"] = source.kind, source.sampled
        row["recordId"] = span_record_id(
            options.tenant,
            trace_id=trace_id,
            span_id=span_id,
            kind=source.kind,
            start_unix_nano=source.start_unix_nano,
            service_name=service_name,
        )
    else:
        fill_log_time(row, source.time_unix_nano, source.observed_unix_nano, observed, oddities)
        row["recordId"] = log_record_id(
            options.tenant,
            trace_id=trace_id,
            span_id=span_id,
            time_unix_nano=source.time_unix_nano,
            service_name=service_name,
            event_name=name,
            content=b"",
        )
    if trace_id or span_id:
        fill_ids(row, rest, (trace_id, span_id, parent_id), oddities)
    row |= {
        "schemaVersion": SCHEMA_VERSION,
        "stream": PLATFORM,
        "eventName": BROKEN_EVENT,
        "spanName": name or None,
        "tenant": options.tenant,
        "outcome": "unknown",
        "capture.state": "none",
        "user.type": "unknown",
        "user.assurance": "none",
    }
    event_time = row["timeUnixNano"]
    moved = options.bound_event_time and is_out_of_bounds(event_time, observed)  # type: ignore[arg-type]
    row["attributes"] = finish_attributes(rest, oddities, partitioned_by_observed=moved)
    return row
