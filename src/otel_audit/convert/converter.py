"""Spans and log events of any dialect become rows or columns, and these become one batch.

Ordinary spans that are alike become columns at once; every other becomes a row. Nothing that a span holds makes
conversion raise or lose it: what a reader does not expect stays an attribute and is noted, and what fails all
the same still gives a record of ids, times and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import le

import pyarrow as pa

from otel_audit.convert import alike, events, inference
from otel_audit.convert.bare import bare_row
from otel_audit.convert.bulk_bodies import add_bodies, has_bodies_at_most, plain_bodies
from otel_audit.convert.bulk_users import add_users, is_user_alone, takes_users
from otel_audit.convert.columns import Part, Row, RowsPart, Section, build_batch
from otel_audit.convert.cut_values import cut_texts_of
from otel_audit.convert.envelope import log_row_id
from otel_audit.convert.gathered import Called, Gathered
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.resources import ResourceFields, map_resource
from otel_audit.convert.rows import RowBuilder
from otel_audit.convert.select import MODEL_IO, PLATFORM
from otel_audit.convert.span_columns import is_ordinary
from otel_audit.convert.spans import LogData, ResourceData, SpanData
from otel_audit.convert.times import MAX_INT64
from otel_audit.convert.unproven import doubt_unknown_senders
from otel_audit.convert.verdicts import Verdict
from otel_audit.record.batch import UnmaskedBatch

__all__ = ["Converter"]


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
            One record for each span and log event that becomes one: those of ``platform``, then those of
            ``model-io``; in each stream spans first, and each in the order given.
        """
        cut = cut_texts_of(spans, logs, self._options.cut_at)
        batch = _Batch(self._options, self._builder, min(max(observed_unix_nano, 0), MAX_INT64))
        for log in batch.read(spans, logs):
            batch.add_log(log)
        return UnmaskedBatch(doubt_unknown_senders(batch.build()), cut)


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
        self._alike: dict[tuple[int, int, bool, bool], Gathered] = {}
        self._called: dict[tuple[int, int, bool], Called] = {}
        self._resources: dict[int, ResourceFields] = {}
        self._merged: dict[tuple[int, int], Row] = {}

    def read(self, spans: Sequence[SpanData], logs: Sequence[LogData]) -> Sequence[LogData]:
        """Takes up every span that becomes a record; returns the log events that joined none."""
        alone = events.join(spans, logs, self._log_id) if logs else []
        lane_of, gathered = self._builder.judge.lane, self._alike
        for place, span in enumerate(spans):
            has_users = span.notes is not None
            has_bodies = span.notes is not None and span.notes.has_bodies
            try:
                lane = None if has_users and not has_bodies_at_most(span) else lane_of(span)
            except Exception:  # noqa: BLE001 - names that are none; the span is looked at by itself
                lane = None
            if (
                lane is None
                or (has_users and not takes_users(lane.verdict))
                or (has_bodies and (lane.call is not None or self._builder.bodies.differ))
            ):
                self._read_singly(span, place)
            else:
                key = (id(lane), id(span.resource), has_users, has_bodies)
                same = gathered.get(key)
                if same is None:
                    same = gathered[key] = Gathered(lane, has_users, has_bodies)
                same.spans.append(span)
                same.places.append(place)
        self._count = len(spans)
        return alone

    def _read_singly(self, span: SpanData, place: int) -> None:
        try:
            if span.notes is not None and self._options.content == "full":
                events.take_up_content(span, span.notes)
            call = inference.read(span)
            verdict = self._builder.judge.judge(span.kind, span.attributes, call)
            if (
                call is not None
                and verdict.bulk is not None
                and (span.notes is None or (is_user_alone(span) and takes_users(verdict)))
                and is_ordinary(span, self._observed, bounded=self._bounded)
            ):
                key = (id(verdict), id(span.resource), span.notes is not None)
                called = self._called.setdefault(key, Called(verdict, has_users=key[2]))
                called.spans.append(span)
                called.calls.append(call)
                called.places.append(place)
            elif self._builder.judge.may_be_record(verdict):
                self._add_span(span, call, verdict, place)
        except Exception:  # noqa: BLE001 - the last resort: whatever a span holds, it becomes a record
            self._add(span, self._bare_row(span), {}, place)

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
        """Builds the columns, in the order in which spans and log events were given, stream after stream."""
        bulk = [*self._convert_alike(), *self._convert_called()]
        try:
            return self._assemble(bulk)
        except Exception:  # noqa: BLE001 - Arrow names no row, so each is tried by itself below
            for index, source in enumerate(self._row_sources):
                try:
                    build_batch([Section([RowsPart(self._rows[index:][:1], self._commons[index:][:1])])])
                except Exception:  # noqa: BLE001 - whatever the row holds, its span becomes a record
                    self._rows[index] = self._bare_row(source)
                    self._commons[index] = self._common(source.resource, {})
        return self._assemble(bulk)

    def _assemble(self, bulk: Iterable[tuple[str, Part, Sequence[int]]]) -> pa.RecordBatch:
        sections = []
        for stream in (PLATFORM, MODEL_IO):
            ours = [
                index
                for index, row in enumerate(self._rows)
                if (row["stream"] if "stream" in row else self._commons[index]["stream"]) == stream
            ]
            rows = RowsPart([self._rows[index] for index in ours], [self._commons[index] for index in ours])
            parts = [(part, places) for of, part, places in bulk if of == stream]
            parts.append((rows, [self._row_places[index] for index in ours]))
            order = [place for _, places in parts for place in places]
            in_place = all(map(le, order, order[1:]))
            sections.append(Section([part for part, _ in parts], None if in_place else order))
        return build_batch(sections)

    def _convert_alike(self) -> Iterable[tuple[str, Part, Sequence[int]]]:
        """Yields stream, records and places of spans that are alike; each that is left over goes singly."""
        for same in self._alike.values():
            verdict, spans, places = same.lane.verdict, same.spans, same.places
            left = set(range(len(spans)))
            if len(spans) >= alike.FEWEST and not self._shared(spans[0].resource).oddities:
                leaves = plain_bodies(spans, self._builder.bodies) if same.has_bodies else []
                plain = [position for position, row in enumerate(leaves) if row is not None]
                parts = alike.convert_alike(
                    same.lane,
                    [spans[position] for position in plain] if same.has_bodies else spans,
                    self._common(spans[0].resource, verdict.common),
                    observed=self._observed,
                    bounded=self._bounded,
                    is_named=self._builder.is_named if self._builder.names_routes else None,
                )
                if same.has_bodies:
                    parts = [(part, [plain[position] for position in positions]) for part, positions in parts]
                    parts = add_bodies(parts, leaves)
                if same.has_users:
                    parts = add_users(parts, spans, self._builder.identity)
                for part, positions in parts:
                    left.difference_update(positions)
                    yield str(verdict.stream), part, [places[position] for position in positions]
            for position in sorted(left):
                self._read_singly(spans[position], places[position])

    def _convert_called(self) -> Iterable[tuple[str, Part, Sequence[int]]]:
        """Yields likewise calls that were read one by one; of spans that need them it makes rows."""
        for same in self._called.values():
            verdict, resource = same.verdict, same.spans[0].resource
            part = None
            if len(same.spans) >= alike.FEWEST and not self._shared(resource).oddities:
                common = self._common(resource, verdict.common)
                part = alike.convert_called(verdict, same.spans, same.calls, common)
                if part is not None and same.has_users:
                    whole, identity = [(part, range(len(part)))], self._builder.identity
                    part = next((one for one, _ in add_users(whole, same.spans, identity)), None)
            if part is not None:
                yield str(verdict.stream), part, same.places
                continue
            for span, call, place in zip(same.spans, same.calls, same.places, strict=True):
                self._add_span(span, call, verdict, place)

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
        return bare_row(source, self._options, self._shared(source.resource).service_name, self._observed)
