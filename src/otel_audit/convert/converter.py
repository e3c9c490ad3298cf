"""Spans and log events of any dialect become rows, rows become one batch.

Nothing that a span holds makes conversion raise or lose it: what a reader does not expect stays an attribute
and is noted, and what fails all the same still gives a record of ids, times and name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from otel_audit.convert import notes
from otel_audit.convert.columns import Row, build_batch
from otel_audit.convert.envelope import fill_ids, fill_log_time, fill_span_times, is_out_of_bounds
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.resources import ResourceFields, map_resource
from otel_audit.convert.rest import finish_attributes
from otel_audit.convert.rows import BROKEN_EVENT, RowBuilder
from otel_audit.convert.select import PLATFORM
from otel_audit.convert.spans import Attributes, LogData, ResourceData, SpanData
from otel_audit.convert.times import MAX_INT64
from otel_audit.convert.values import clean_text
from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.ids import log_record_id, span_record_id
from otel_audit.record.schema import SCHEMA_VERSION

try:
    from otel_audit.convert import events
    from otel_audit.convert.inference import read as read_inference
except ImportError:
    events = None

    def read_inference(span):
        return None

__all__ = ["Converter"]


class Converter:
    """Converts batches under one set of options; keeps nothing between them, so threads may share it.

    Args:
        options: what becomes a record and how identity is read.
    """

    def __init__(self, options: ConvertOptions | None = None) -> None:
        self._options = options or ConvertOptions()
        self._rows = RowBuilder(self._options)

    def convert(
        self, spans: Sequence[SpanData], logs: Sequence[LogData] = (), *, observed_unix_nano: int
    ) -> UnmaskedBatch:
        """Converts a batch; never raises for what a span or log event holds.

        Args:
            spans: ended spans; their attributes are used up.
            logs: log events that arrived with them; those of the spans' own calls join them.
            observed_unix_nano: when the batch was seen, nanoseconds since the epoch.

        Returns:
            One record for each span and log event that becomes one, spans first, each in the order given.
        """
        observed = min(max(observed_unix_nano, 0), MAX_INT64)
        resources: dict[int, ResourceFields] = {}
        rows: list[Row] = []
        sources: list[SpanData | LogData] = []
        for span in spans:
            shared = resources.get(id(span.resource)) or _share(resources, span.resource)
            try:
                row = self._rows.span_row(span, read_inference(span), shared, observed)
            except Exception:  # noqa: BLE001 - the last resort: whatever a span holds, it becomes a record
                row = self._bare_row(span, shared, observed)
            if row is not None:
                rows.append(row)
                sources.append(span)
        return UnmaskedBatch(self._build(rows, sources, resources, observed))

    def _build(
        self,
        rows: list[Row],
        sources: Sequence[SpanData | LogData],
        resources: dict[int, ResourceFields],
        observed: int,
    ) -> pa.RecordBatch:
        """Builds the batch; a row that does not fit the columns is replaced by its bare one."""
        try:
            return build_batch(rows)
        except Exception:  # noqa: BLE001 - Arrow names no row, so each is tried by itself below
            for index, source in enumerate(sources):
                try:
                    build_batch(rows[index : index + 1])
                except Exception:  # noqa: BLE001 - whatever the row holds, its span becomes a record
                    rows[index] = self._bare_row(source, resources[id(source.resource)], observed)
        return build_batch(rows)

    def _bare_row(self, source: SpanData | LogData, shared: ResourceFields, observed: int) -> Row:
        """Returns ids, times and name of what could not be converted; reads each of them on its own."""
        row: Row = {}
        rest: Attributes = {}
        found: list[str] = []
        tenant, service = self._options.tenant, shared.service_name
        source.oddities = [notes.CONVERSION_FAILED]
        trace_id, span_id, name = (
            clean_text(str(text), found) for text in (source.trace_id, source.span_id, source.name)
        )
        row["spanName"] = name or None
        if isinstance(source, SpanData):
            fill_span_times(row, source, observed)
            row["spanKind"] = source.kind
            row["sampled"] = source.sampled
            parent = clean_text(str(source.parent_span_id), found)
            ids = (("traceId", trace_id), ("spanId", span_id), ("parentSpanId", parent))
            row["recordId"] = span_record_id(
                tenant, trace_id, span_id, source.kind, source.start_unix_nano, service
            )
        else:
            fill_log_time(row, source.time_unix_nano, source.observed_unix_nano, observed, source.oddities)
            ids = (("traceId", trace_id), ("spanId", span_id), ("parentSpanId", ""))
            row["recordId"] = log_record_id(
                tenant, trace_id, span_id, source.time_unix_nano, service, name, b""
            )
        fill_ids(row, rest, ids, source.oddities, required=False)
        row |= {
            "schemaVersion": SCHEMA_VERSION,
            "stream": PLATFORM,
            "eventName": BROKEN_EVENT,
            "tenant": tenant,
            "outcome": "unknown",
            "capture.state": "none",
            "user.type": "unknown",
            "user.assurance": "none",
            **shared.row,
        }
        moved = self._options.bound_event_time and is_out_of_bounds(int(str(row["timeUnixNano"])), observed)
        row["attributes"] = finish_attributes(
            rest, source.oddities + found, partitioned_by_observed=moved
        )
        return row


def _share(resources: dict[int, ResourceFields], resource: ResourceData) -> ResourceFields:
    fields = resources[id(resource)] = map_resource(resource)
    return fields
