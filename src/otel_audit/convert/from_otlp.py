"""The OTLP door: ``ExportTraceServiceRequest`` and ``ExportLogsServiceRequest``, protobuf and JSON.

``TracesData`` and ``LogsData`` of files have the same wire form as the requests (opentelemetry-proto 1.x,
``trace.proto`` and ``logs.proto``: both are field 1, repeated), so one reader serves both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from otel_audit.convert.exports import DROPPED_ATTRIBUTES, TRACE_STATE, Export, read_event_name
from otel_audit.convert.otlp_attributes import read_encoded
from otel_audit.convert.otlp_json import load_json, read_document
from otel_audit.convert.otlp_unread import leave_unread
from otel_audit.convert.otlp_values import read_attributes, read_value
from otel_audit.convert.resources import describe
from otel_audit.convert.spans import Attributes, EventData, LinkData, LogData, ResourceData, SpanData
from otel_audit.convert.values import unused_key
from otel_audit.errors import InputError

__all__ = ["read_export", "read_protobuf", "read_traces"]

Format: TypeAlias = Literal["protobuf", "json"]
Signal: TypeAlias = Literal["traces", "logs"]

_LARGE: Final = 1 << 14
"""Bytes of a request from which on attributes are read all at once."""

_Unread: Final = leave_unread(TracesData, f"{Span.DESCRIPTOR.full_name}.attributes")
"""``TracesData`` with spans whose attributes are bytes."""

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
    if signal == "traces" and len(data) >= _LARGE:
        spans = _read_at_once(data)
        if spans is not None:
            return Export(spans, [])
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
        [] if traces is None else read_traces(traces), [] if logs is None else list(_read_logs(logs))
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


def _read_at_once(data: bytes) -> list[SpanData] | None:
    """Returns the spans of a request, ``None`` where it is malformed."""
    traces = _parse(_Unread, data)
    if traces is None:
        return None
    encoded = [span.attributes[:] for span in _spans(traces)]
    try:
        attributes: list[Any] = [*read_encoded(encoded)]
    except ValueError:
        return None
    left = [place for place, found in enumerate(attributes) if found is None]
    if left:
        # As deep in a message as they stood, so that the same are malformed.
        others = _Unread()
        spans = others.resource_spans.add().scope_spans.add().spans
        for place in left:
            spans.add().attributes.extend(encoded[place])
        parsed = _parse(TracesData, others.SerializeToString())
        if parsed is None:
            return None
        for place, span in zip(left, _spans(parsed), strict=True):
            attributes[place] = span.attributes
    return read_traces(traces, attributes)


def read_traces(traces: Any, attributes: Iterable[Any] | None = None) -> list[SpanData]:
    """Reads parsed messages one by one.

    Args:
        traces: ``TracesData``.
        attributes: those of all its spans, each read or as messages, where the spans do not hold them.
    """
    known = iter(span.attributes for span in _spans(traces)) if attributes is None else iter(attributes)
    found: list[SpanData] = []
    for group in traces.resource_spans:
        for leaf in group.scope_spans:
            resource = _read_resource(group.resource, leaf.scope)
            found += [_read_span(span, resource, next(known)) for span in leaf.spans]
    return found


def _read_logs(logs: Any) -> Iterator[LogData]:
    for group in logs.resource_logs:
        for leaf in group.scope_logs:
            resource = _read_resource(group.resource, leaf.scope)
            for log in leaf.log_records:
                yield _read_log(log, resource)


def _read_resource(resource: Any, scope: Any) -> ResourceData:
    oddities: list[str] = []
    return describe(
        read_attributes(resource.attributes, oddities),
        scope_name=scope.name,
        scope_version=scope.version,
        scope_attributes=read_attributes(scope.attributes, oddities),
    )


def _read_span(span: Any, resource: ResourceData, known: Any) -> SpanData:
    oddities: list[str] = []
    attributes: Attributes = known if type(known) is dict else read_attributes(known, oddities)
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
        [_read_event(event, oddities) for event in events] if (events := span.events) else [],
        [_read_link(link, oddities) for link in links] if (links := span.links) else [],
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
        oddities,
    )


def _read_event(event: Any, oddities: list[str]) -> EventData:
    attributes = read_attributes(event.attributes, oddities)
    if event.dropped_attributes_count:
        attributes[DROPPED_ATTRIBUTES] = event.dropped_attributes_count
    return EventData(event.name, event.time_unix_nano, attributes)


def _read_link(link: Any, oddities: list[str]) -> LinkData:
    attributes = read_attributes(link.attributes, oddities)
    if link.dropped_attributes_count:
        attributes[DROPPED_ATTRIBUTES] = link.dropped_attributes_count
    return LinkData(link.trace_id.hex(), link.span_id.hex(), attributes)


def _read_log(log: Any, resource: ResourceData) -> LogData:
    oddities: list[str] = []
    attributes = read_attributes(log.attributes, oddities)
    return LogData(
        name=read_event_name(log.event_name, attributes),
        time_unix_nano=log.time_unix_nano,
        observed_unix_nano=log.observed_time_unix_nano,
        trace_id=log.trace_id.hex(),
        span_id=log.span_id.hex(),
        body=read_value(log.body, oddities),
        attributes=attributes,
        resource=resource,
        dropped_attributes=log.dropped_attributes_count,
        oddities=oddities,
    )
