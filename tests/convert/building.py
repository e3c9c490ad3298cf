"""Spans made by hand, and the records that become of them, for the tests of conversion."""

from __future__ import annotations

import json
from typing import Any

from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import EventData, LogData, ResourceData, SpanData

START = 1_795_285_056_394_044_809
OBSERVED = START + 1_000_000_000
TRACE = "7bdfa8a77d572146ee6a8862d10dc5cd"
SPAN = "54d260cdbc80cc38"
PARENT = "62df615f2d6f767d"


def make_span(kind: str = "server", name: str = "GET /x", **fields: Any) -> SpanData:
    """Returns an ordinary span; keyword ``attributes`` and any other field of it override."""
    values: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "sampled": True,
        "start_unix_nano": START,
        "end_unix_nano": START + 5_000_000,
        "attributes": {},
        "resource": ResourceData({"service.name": "shop"}, "opentelemetry.instrumentation.test", "1.0"),
        **fields,
    }
    return SpanData(**values)


def make_log(name: str = "user.login", **fields: Any) -> LogData:
    values: dict[str, Any] = {
        "name": name,
        "time_unix_nano": START,
        "observed_unix_nano": START + 1,
        "trace_id": "",
        "span_id": "",
        "body": None,
        "attributes": {},
        "resource": ResourceData({"service.name": "shop"}, "", ""),
        **fields,
    }
    return LogData(**values)


def exception(kind: str = "ValueError", message: str = "bad thing") -> EventData:
    return EventData("exception", START + 7, {"exception.type": kind, "exception.message": message})


def records_of(
    *spans: SpanData, logs: tuple[LogData, ...] = (), options: ConvertOptions | None = None
) -> list[dict[str, Any]]:
    """Converts and returns rows as ``compact`` leaves them; validates the batch on the way."""
    batch = Converter(options).convert(spans, logs, observed_unix_nano=OBSERVED).records
    batch.validate(full=True)
    return [compact(row) for row in batch.to_pylist()]


def record_of(span: SpanData, options: ConvertOptions | None = None) -> dict[str, Any]:
    """Returns the one record of a span."""
    (record,) = records_of(span, options=options)
    return record


def http_record(
    attributes: dict[str, Any], kind: str = "server", options: ConvertOptions | None = None, **fields: Any
) -> dict[str, Any]:
    return record_of(make_span(kind, attributes=attributes, **fields), options)


def compact(row: dict[str, Any]) -> dict[str, Any]:
    """Leaves nulls out, makes maps dicts and JSON columns values: what a person would write down."""
    kept = {
        key: _compact(value) for key, value in row.items() if key not in ("timestamp", "observedTimestamp")
    }
    for key in ("attributes", "resource", "request", "response", "changes"):
        if kept.get(key) is not None:
            kept[key] = json.loads(kept[key])
    return {key: value for key, value in kept.items() if value is not None}


def _compact(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _compact(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)
    if isinstance(value, list):
        return [_compact(item) for item in value]
    return value


def notes_of(record: dict[str, Any]) -> list[str]:
    return record.get("attributes", {}).get("audit.notes", [])
