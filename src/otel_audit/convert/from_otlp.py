"""The OTLP door: ``ExportTraceServiceRequest`` and ``ExportLogsServiceRequest``, protobuf and JSON.

``TracesData`` and ``LogsData`` of files have the same wire form as the requests (opentelemetry-proto 1.x,
``trace.proto`` and ``logs.proto``: both are field 1, repeated), so one reader serves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_audit.convert import notes
from otel_audit.convert.exports import DROPPED_ATTRIBUTES, TRACE_STATE, Export, read_event_name
from otel_audit.convert.otlp_json import load_json, read_document
from otel_audit.convert.resources import describe
from otel_audit.convert.spans import Attributes, EventData, LinkData, LogData, ResourceData, SpanData, Value
from otel_audit.convert.values import MAX_DEPTH, TOO_DEEP, unused_key
from otel_audit.errors import InputError

__all__ = ["read_export", "read_protobuf"]

Format: TypeAlias = Literal["protobuf", "json"]
Signal: TypeAlias = Literal["traces", "logs"]

_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
"""By number; 0 is unspecified, which the specification lets receivers take for internal."""


def read_export(data: bytes, *, format: Format, signal: Signal | None = None, source: str = "") -> Export:  # noqa: A002
    """Reads one request whole.

    Args:
        data: the uncompressed body.
        format: ``protobuf`` (``application/x-protobuf``) or ``json`` (``application/json``).
        signal: what the endpoint takes. Without it, JSON says it itself, and protobuf is judged by its ids.
        source: the request or file, for the error.

    Returns:
        Its spans and log events.

    Raises:
        InputError: any part of it cannot be read; nothing is returned then.
    """
    problems: list[InputError] = []
    if format == "json":
        export = read_document(load_json(data, source=source), problems, source=source)
    else:
        export = read_protobuf(data, signal=signal, source=source)
    if problems:
        raise problems[0]
    return export


def read_protobuf(data: bytes, *, signal: Signal | None = None, source: str = "", place: str = "") -> Export:
    """Reads one protobuf message.

    Raises:
        InputError: it is malformed, or ``signal`` is open and it holds neither spans nor log events.
    """
    traces = _parse(TracesData, data) if signal != "logs" else None
    logs = (
        _parse(LogsData, data) if signal == "logs" or (signal is None and not _holds_spans(traces)) else None
    )
    if signal is None and logs is not None:
        # The two have one outer form, so each may parse as the other: what they hold decides.
        if _holds_logs(logs):
            traces = None
        elif traces is not None and (not data or _holds_names(traces)):
            logs = None
        elif traces is not None:
            raise InputError("neither spans nor log records", source=source, place=place)
    if traces is None and logs is None:
        raise InputError("malformed protobuf", source=source, place=place)
    return Export(
        [] if traces is None else list(_read_traces(traces)), [] if logs is None else list(_read_logs(logs))
    )


def _parse(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except (DecodeError, RecursionError):
        return None


def _spans(traces: Any) -> Iterator[Any]:
    for group in traces.resource_spans:
        for leaf in group.scope_spans:
            yield from leaf.spans


def _holds_spans(traces: Any) -> bool:
    """Whether a message is traces for certain: of another signal, these fields would be text or nothing."""
    return traces is not None and any(
        len(span.trace_id) == 16 or span.start_time_unix_nano for span in _spans(traces)
    )


def _holds_names(traces: Any) -> bool:
    return any(span.name and not span.trace_id for span in _spans(traces))


def _holds_logs(logs: Any) -> bool:
    return any(
        log.time_unix_nano or log.observed_time_unix_nano or log.attributes
        for group in logs.resource_logs
        for leaf in group.scope_logs
        for log in leaf.log_records
    )


def _read_traces(traces: Any) -> Iterator[SpanData]:
    for group in traces.resource_spans:
        for leaf in group.scope_spans:
            resource = _read_resource(group.resource, leaf.scope)
            for span in leaf.spans:
                yield _read_span(span, resource)


def _read_logs(logs: Any) -> Iterator[LogData]:
    for group in logs.resource_logs:
        for leaf in group.scope_logs:
            resource = _read_resource(group.resource, leaf.scope)
            for log in leaf.log_records:
                yield _read_log(log, resource)


def _read_resource(resource: Any, scope: Any) -> ResourceData:
    oddities: list[str] = []
    return describe(
        _read_attributes(resource.attributes, oddities),
        scope_name=scope.name,
        scope_version=scope.version,
        scope_attributes=_read_attributes(scope.attributes, oddities),
    )


def _read_span(span: Any, resource: ResourceData) -> SpanData:
    oddities: list[str] = []
    attributes = _read_attributes(span.attributes, oddities)
    if span.trace_state:
        attributes[unused_key(attributes, TRACE_STATE, oddities)] = span.trace_state
    kind = span.kind
    status = span.status
    return SpanData(
        span.name,
        _KINDS[kind] if 0 <= kind < len(_KINDS) else "internal",
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        # Flag 0 may mean "not sampled" or "the sender does not write flags".
        True if span.flags & 1 else None,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        attributes,
        resource,
        status.code if status.code in (1, 2) else 0,
        status.message,
        [_read_event(event, oddities) for event in span.events],
        [_read_link(link, oddities) for link in span.links],
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
        oddities,
    )


def _read_event(event: Any, oddities: list[str]) -> EventData:
    attributes = _read_attributes(event.attributes, oddities)
    if event.dropped_attributes_count:
        attributes[DROPPED_ATTRIBUTES] = event.dropped_attributes_count
    return EventData(event.name, event.time_unix_nano, attributes)


def _read_link(link: Any, oddities: list[str]) -> LinkData:
    attributes = _read_attributes(link.attributes, oddities)
    if link.dropped_attributes_count:
        attributes[DROPPED_ATTRIBUTES] = link.dropped_attributes_count
    return LinkData(link.trace_id.hex(), link.span_id.hex(), attributes)


def _read_log(log: Any, resource: ResourceData) -> LogData:
    oddities: list[str] = []
    attributes = _read_attributes(log.attributes, oddities)
    return LogData(
        name=read_event_name(log.event_name, attributes),
        time_unix_nano=log.time_unix_nano,
        observed_unix_nano=log.observed_time_unix_nano,
        trace_id=log.trace_id.hex(),
        span_id=log.span_id.hex(),
        body=_read_value(log.body, oddities, 0),
        attributes=attributes,
        resource=resource,
        dropped_attributes=log.dropped_attributes_count,
        oddities=oddities,
    )


def _read_attributes(items: Any, oddities: list[str], depth: int = 0) -> Attributes:
    attributes: Attributes = {}
    for item in items:
        key = item.key
        if key in attributes:
            key = unused_key(attributes, key, oddities)
        value = item.value
        # Most values are text, and of one that is not empty the kind need not be asked: one call in four less.
        attributes[key] = value.string_value or _read_value(value, oddities, depth)
    return attributes


def _read_value(value: Any, oddities: list[str], depth: int) -> Value:
    return _read_kind(value, value.WhichOneof("value"), oddities, depth)


def _read_kind(value: Any, kind: str | None, oddities: list[str], depth: int) -> Value:
    match kind:
        case "array_value" | "kvlist_value":
            if depth >= MAX_DEPTH:
                oddities.append(notes.TOO_DEEP)
                return TOO_DEEP
            if kind == "kvlist_value":
                return _read_attributes(value.kvlist_value.values, oddities, depth + 1)
            return [
                item.string_value or _read_value(item, oddities, depth + 1)
                for item in value.array_value.values
            ]
        case None:
            return None
        case _:
            plain: Value = getattr(value, kind)
            return plain
