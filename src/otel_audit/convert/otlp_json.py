"""OTLP's JSON encoding becomes :class:`SpanData` and :class:`LogData`.

Rules (opentelemetry-proto, ``docs/specification.md``, section "JSON Protobuf Encoding"): keys are
lowerCamelCase; trace and span ids are hexadecimal, not base64; enumerations are integers; 64-bit integers are
decimal strings; unknown fields are ignored. Read as well, since senders write them: integers as numbers,
enumerations by name, ids in base64, snake_case keys, missing ``attributes``, ``instrumentationLibrarySpans``.

Two kinds of trouble are told apart. A structure that is none (a span that is a string) is a *problem*: the
part is left out and reported with its place. A field with an odd value (a time that is no number) is an
*oddity*: the span is read, and its record will say so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from otel_audit.convert.exports import DROPPED_ATTRIBUTES, TRACE_STATE, Export, read_event_name
from otel_audit.convert.otlp_json_values import (
    listed,
    read_attributes,
    read_id,
    read_integer,
    read_kind,
    read_status,
    read_text,
    read_value,
)
from otel_audit.convert.resources import describe
from otel_audit.convert.spans import EventData, LinkData, LogData, ResourceData, SpanData
from otel_audit.convert.values import unused_key
from otel_audit.errors import InputError

__all__ = ["load_json", "read_document"]

_SNAKE: Final = re.compile(r"_([a-z0-9])")


def load_json(data: bytes, *, source: str = "", place: str = "") -> Any:
    """Parses JSON text.

    Raises:
        InputError: it is not JSON; the place is ``place`` and the byte where parsing stopped.
    """
    try:
        return orjson.loads(data)
    except ValueError:
        # The standard library also reads lone surrogates and NaN, which senders do write.
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            at = f"byte {getattr(error, 'pos', 0)}"
            raise InputError("not JSON", source=source, place=f"{place}, {at}" if place else at) from None


def read_document(document: Any, problems: list[InputError], *, source: str = "", place: str = "") -> Export:
    """Reads one parsed ``TracesData``, ``LogsData`` or a list of them.

    Args:
        document: what :func:`load_json` returned.
        problems: takes an error for each part that could not be read.
        source: the file or request, for errors.
        place: where in it, for errors.

    Returns:
        All spans and log events that could be read.
    """
    reader = _Reader(problems, source, place)
    for part in document if isinstance(document, list) else [document]:
        if not isinstance(part, Mapping):
            reader.problem("expected an object with resourceSpans or resourceLogs", "")
            continue
        if "resource_spans" in part or "resource_logs" in part:
            try:
                part = _camel_case(part)  # noqa: PLW2901 - the same part, spelled the official way
            except RecursionError:
                reader.problem("nested too deeply", "")
                continue
        if not part.keys() & {"resourceSpans", "resourceLogs"}:
            if part and "resourceMetrics" not in part:
                reader.problem("expected resourceSpans or resourceLogs", "")
            continue
        reader.traces(part)
        reader.logs(part)
    return reader.export


class _Reader:
    """Walks one document and gathers what it can read."""

    def __init__(self, problems: list[InputError], source: str, place: str) -> None:
        self.export = Export([], [])
        self._problems, self._source, self._place = problems, source, place

    def problem(self, reason: str, path: str) -> None:
        place = ", ".join(part for part in (self._place, path) if part)
        self._problems.append(InputError(reason, source=self._source, place=place))

    def traces(self, document: Mapping[str, Any]) -> None:
        for resource, leaf, path in self._scopes(
            document, "resourceSpans", ("scopeSpans", "instrumentationLibrarySpans")
        ):
            for span, _ in self._objects(leaf, "spans", path):
                self.export.spans.append(_read_span(span, resource))

    def logs(self, document: Mapping[str, Any]) -> None:
        for resource, leaf, path in self._scopes(
            document, "resourceLogs", ("scopeLogs", "instrumentationLibraryLogs")
        ):
            for log, _ in self._objects(leaf, "logRecords", path):
                self.export.logs.append(_read_log(log, resource))

    def _scopes(
        self, document: Mapping[str, Any], top: str, middles: tuple[str, str]
    ) -> Iterator[tuple[ResourceData, Mapping[str, Any], str]]:
        for group, path in self._objects(document, top, ""):
            resource = group.get("resource")
            attributes = resource.get("attributes") if isinstance(resource, Mapping) else None
            for middle in middles:
                for leaf, leaf_path in self._objects(group, middle, path):
                    scope = leaf.get("scope") or leaf.get("instrumentationLibrary")
                    scope = scope if isinstance(scope, Mapping) else {}
                    oddities: list[str] = []
                    yield (
                        describe(
                            read_attributes(attributes, oddities),
                            scope_name=read_text(scope.get("name"), oddities),
                            scope_version=read_text(scope.get("version"), oddities),
                            scope_attributes=read_attributes(scope.get("attributes"), oddities),
                        ),
                        leaf,
                        leaf_path,
                    )

    def _objects(
        self, parent: Mapping[str, Any], key: str, path: str
    ) -> Iterator[tuple[Mapping[str, Any], str]]:
        items = parent.get(key)
        if items is None:
            return
        place = f"{path}.{key}" if path else key
        if not isinstance(items, list):
            self.problem("expected a list", place)
            return
        for index, item in enumerate(items):
            if isinstance(item, Mapping):
                yield item, f"{place}[{index}]"
            else:
                self.problem("expected an object", f"{place}[{index}]")


def _read_span(span: Mapping[str, Any], resource: ResourceData) -> SpanData:
    oddities: list[str] = []
    attributes = read_attributes(span.get("attributes"), oddities)
    status = span.get("status")
    status = status if isinstance(status, Mapping) else {}
    flags = span.get("flags")
    if state := read_text(span.get("traceState"), oddities):
        attributes[unused_key(attributes, TRACE_STATE, oddities)] = state
    return SpanData(
        name=read_text(span.get("name"), oddities),
        kind=read_kind(span.get("kind"), oddities),
        trace_id=read_id(span.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        span_id=read_id(span.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        parent_span_id=read_id(span.get("parentSpanId"), 8, "otlp.parent_span_id", attributes, oddities),
        # Flag 0 may mean "not sampled" or "the sender does not write flags".
        sampled=True if isinstance(flags, int) and flags & 1 else None,
        start_unix_nano=read_integer(span.get("startTimeUnixNano"), oddities),
        end_unix_nano=read_integer(span.get("endTimeUnixNano"), oddities),
        attributes=attributes,
        resource=resource,
        status=read_status(status.get("code")),
        status_message=read_text(status.get("message"), oddities),
        events=[_read_event(item, oddities) for item in listed(span.get("events"), oddities)],
        links=[_read_link(item, oddities) for item in listed(span.get("links"), oddities)],
        dropped_attributes=read_integer(span.get("droppedAttributesCount"), oddities),
        dropped_events=read_integer(span.get("droppedEventsCount"), oddities),
        dropped_links=read_integer(span.get("droppedLinksCount"), oddities),
        oddities=oddities,
    )


def _read_event(event: Mapping[str, Any], oddities: list[str]) -> EventData:
    attributes = read_attributes(event.get("attributes"), oddities)
    if dropped := read_integer(event.get("droppedAttributesCount"), oddities):
        attributes[DROPPED_ATTRIBUTES] = dropped
    return EventData(
        read_text(event.get("name"), oddities), read_integer(event.get("timeUnixNano"), oddities), attributes
    )


def _read_link(link: Mapping[str, Any], oddities: list[str]) -> LinkData:
    attributes = read_attributes(link.get("attributes"), oddities)
    if dropped := read_integer(link.get("droppedAttributesCount"), oddities):
        attributes[DROPPED_ATTRIBUTES] = dropped
    return LinkData(
        read_id(link.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        read_id(link.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        attributes,
    )


def _read_log(log: Mapping[str, Any], resource: ResourceData) -> LogData:
    oddities: list[str] = []
    attributes = read_attributes(log.get("attributes"), oddities)
    return LogData(
        name=read_event_name(read_text(log.get("eventName"), oddities), attributes),
        time_unix_nano=read_integer(log.get("timeUnixNano"), oddities),
        observed_unix_nano=read_integer(log.get("observedTimeUnixNano"), oddities),
        trace_id=read_id(log.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        span_id=read_id(log.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        body=read_value(log.get("body"), oddities, 0),
        attributes=attributes,
        resource=resource,
        dropped_attributes=read_integer(log.get("droppedAttributesCount"), oddities),
        oddities=oddities,
    )


def _camel_case(node: Any) -> Any:
    """Renames every key to lowerCamelCase. Attribute names are values in OTLP, so they are not touched."""
    if isinstance(node, list):
        return [_camel_case(item) for item in node]
    if isinstance(node, Mapping):
        return {_SNAKE.sub(lambda found: found[1].upper(), key): _camel_case(item)
                for key, item in node.items()}  # fmt: skip
    return node
