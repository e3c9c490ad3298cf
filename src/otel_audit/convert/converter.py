"""Spans and log events of any dialect become rows, rows become one batch.

Nothing that a span holds makes conversion raise or lose it: what a reader does not expect stays an attribute
and is noted, and what fails all the same still gives a record of ids, times and name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import le
from typing import Final

import pyarrow as pa

from otel_audit.convert import events, inference, notes
from otel_audit.convert.bulk import convert_bulk
from otel_audit.convert.bulk_plan import is_ordinary
from otel_audit.convert.columns import Part, Row, RowsPart, build_batch
from otel_audit.convert.envelope import (
    fill_ids,
    fill_log_time,
    fill_span_times,
    is_out_of_bounds,
    log_row_id,
)
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.resources import ResourceFields, map_resource
from otel_audit.convert.rest import finish_attributes
from otel_audit.convert.rows import BROKEN_EVENT, RowBuilder
from otel_audit.convert.select import PLATFORM
from otel_audit.convert.spans import Attributes, LogData, ResourceData, SpanData
from otel_audit.convert.times import MAX_INT64
from otel_audit.convert.values import clean_text
from otel_audit.convert.verdicts import Verdict
from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.ids import log_record_id, span_record_id
from otel_audit.record.schema import SCHEMA_VERSION

__all__ = ["Converter"]

_FEWEST: Final = 16
"""Spans of one shape from which on columns of their own are cheaper than rows: each costs some fifty calls."""


@dataclass(slots=True)
class _Group:
    """Ordinary spans of one shape and one resource, with their places in the batch."""

    verdict: Verdict
    spans: list[SpanData] = field(default_factory=list)
    calls: list[InferenceCall | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


class Converter:
    """Converts batches under one set of options; threads may share it.

    Args:
        options: what becomes a record and how identity is read.
    """

    def __init__(self, options: ConvertOptions | None = None) -> None:
        self._options = options or ConvertOptions()
        self._builder = RowBuilder(self._options)

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
        batch = _Batch(self._options, self._builder, min(max(observed_unix_nano, 0), MAX_INT64))
        for log in batch.read(spans, logs):
            batch.add_log(log)
        return UnmaskedBatch(batch.build())


class _Batch:
    """One batch on its way to columns.

    Args:
        options: of the converter.
        builder: of the converter.
        observed: when the batch was seen, nanoseconds since the epoch.
    """

    def __init__(self, options: ConvertOptions, builder: RowBuilder, observed: int) -> None:
        self._options, self._builder, self._observed = options, builder, observed
        self._bounded = options.bound_event_time
        self._count = 0
        self._rows: list[Row] = []
        self._commons: list[Row] = []
        self._row_places: list[int] = []
        self._row_sources: list[SpanData | LogData] = []
        self._groups: dict[tuple[int, int], _Group] = {}
        self._resources: dict[int, ResourceFields] = {}
        self._merged: dict[tuple[int, int], Row] = {}

    def read(self, spans: Sequence[SpanData], logs: Sequence[LogData]) -> Sequence[LogData]:
        """Takes up every span that becomes a record; returns the log events that joined none."""
        alone = events.join(spans, logs, self._log_id) if logs else []
        builder, observed, bounded, groups = self._builder, self._observed, self._bounded, self._groups
        for span in spans:
            try:
                call = inference.read(span)
                verdict = builder.judge.judge(span.kind, span.attributes, call)
                if verdict.bulk is not None and is_ordinary(span, observed, bounded=bounded):
                    key = (id(verdict), id(span.resource))
                    group = groups.get(key)
                    if group is None:
                        group = groups[key] = _Group(verdict)
                    group.spans.append(span)
                    group.calls.append(call)
                    group.places.append(self._count)
                    self._count += 1
                elif builder.judge.may_be_record(verdict):
                    self._add_span(span, call, verdict, self._count)
                    self._count += 1
            except Exception:  # noqa: BLE001 - the last resort: whatever a span holds, it becomes a record
                self._add(span, self._bare_row(span), {}, self._count)
                self._count += 1
        return alone

    def _add_span(self, span: SpanData, call: InferenceCall | None, verdict: Verdict, place: int) -> None:
        try:
            row = self._builder.span_row(span, call, verdict, self._shared(span.resource), self._observed)
        except Exception:  # noqa: BLE001 - the last resort, as above
            self._add(span, self._bare_row(span), {}, place)
        else:
            if row is not None:
                self._add(span, row, verdict.common, place)

    def add_log(self, log: LogData) -> None:
        """Adds the row of a log event that joined no span, unless it becomes no record."""
        shared = self._shared(log.resource)
        try:
            record_id = self._log_id(log)
            built = self._builder.log_row(log, events.read(log), record_id, shared, self._observed)
        except Exception:  # noqa: BLE001 - the last resort: whatever an event holds, it becomes a record
            built = self._bare_row(log), {}
        if built is not None:
            self._add(log, *built, self._count)
            self._count += 1

    def build(self) -> pa.RecordBatch:
        """Builds the columns, in the order in which spans and log events were given."""
        bulk: list[Part] = []
        places: list[int] = []
        for group in self._groups.values():
            part = self._convert(group)
            if part is None:
                for span, call, place in zip(group.spans, group.calls, group.places, strict=True):
                    self._add_span(span, call, group.verdict, place)
            else:
                bulk.append(part)
                places += group.places
        try:
            return self._assemble(bulk, places)
        except Exception:  # noqa: BLE001 - Arrow names no row, so each is tried by itself below
            for index, source in enumerate(self._row_sources):
                try:
                    build_batch([RowsPart(self._rows[index : index + 1], self._commons[index : index + 1])])
                except Exception:  # noqa: BLE001 - whatever the row holds, its span becomes a record
                    self._rows[index] = self._bare_row(source)
                    self._commons[index] = self._common(source.resource, {})
        return self._assemble(bulk, places)

    def _assemble(self, bulk: Sequence[Part], places: Sequence[int]) -> pa.RecordBatch:
        order = [*places, *self._row_places]
        in_place = all(map(le, order, order[1:]))
        parts = [*bulk, RowsPart(self._rows, self._commons)]
        return build_batch(parts, None if in_place else order)

    def _convert(self, group: _Group) -> Part | None:
        """Returns columns for a group, ``None`` where it needs rows."""
        plan = group.verdict.bulk
        if plan is None or len(group.spans) < _FEWEST:
            return None
        common = self._common(group.spans[0].resource, group.verdict.common)
        if self._shared(group.spans[0].resource).oddities:
            return None
        calls = None if group.calls[0] is None else group.calls
        try:
            return convert_bulk(plan, group.spans, calls, common, self._options.tenant)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - anything unexpected in a value: rows say exactly what it is
            return None

    def _add(self, source: SpanData | LogData, row: Row, common: Row, place: int) -> None:
        self._rows.append(row)
        self._row_sources.append(source)
        self._row_places.append(place)
        self._commons.append(self._common(source.resource, common))

    def _common(self, resource: ResourceData, common: Row) -> Row:
        """Returns one object for all records of a resource and of what their names decide."""
        key = (id(resource), id(common))
        merged = self._merged.get(key)
        if merged is None:
            merged = {**common, **self._shared(resource).row, "observedTimeUnixNano": self._observed}
            if common:
                self._merged[key] = merged
        return merged

    def _shared(self, resource: ResourceData) -> ResourceFields:
        # Keyed by identity: the sources of this batch keep their resources alive.
        shared = self._resources.get(id(resource))
        if shared is None:
            shared = self._resources[id(resource)] = map_resource(resource)
        return shared

    def _log_id(self, log: LogData) -> str:
        return log_row_id(self._options.tenant, log, self._shared(log.resource).service_name)

    def _bare_row(self, source: SpanData | LogData) -> Row:
        """Returns ids, times and name of what could not be converted; reads each of them on its own."""
        row: Row = {}
        rest: Attributes = {}
        oddities = source.oddities = [notes.CONVERSION_FAILED]
        tenant, service = self._options.tenant, self._shared(source.resource).service_name
        trace_id, span_id, name = (
            clean_text(str(text), oddities) for text in (source.trace_id, source.span_id, source.name)
        )
        parent_id = ""
        if isinstance(source, SpanData):
            parent_id = clean_text(str(source.parent_span_id), oddities)
            fill_span_times(row, source, self._observed)
            row["spanKind"], row["sampled"] = source.kind, source.sampled
            row["recordId"] = span_record_id(
                tenant,
                trace_id=trace_id,
                span_id=span_id,
                kind=source.kind,
                start_unix_nano=source.start_unix_nano,
                service_name=service,
            )
        else:
            fill_log_time(row, source.time_unix_nano, source.observed_unix_nano, self._observed, oddities)
            row["recordId"] = log_record_id(
                tenant,
                trace_id=trace_id,
                span_id=span_id,
                time_unix_nano=source.time_unix_nano,
                service_name=service,
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
            "tenant": tenant,
            "outcome": "unknown",
            "capture.state": "none",
            "user.type": "unknown",
            "user.assurance": "none",
        }
        event_time = row["timeUnixNano"]
        moved = self._options.bound_event_time and is_out_of_bounds(event_time, self._observed)  # type: ignore[arg-type]
        row["attributes"] = finish_attributes(rest, oddities, partitioned_by_observed=moved)
        return row
