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

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from otel_audit.convert import notes
from otel_audit.convert.exports import DROPPED_ATTRIBUTES, TRACE_STATE, Export, read_event_name
from otel_audit.convert.resources import describe
from otel_audit.convert.spans import Attributes, EventData, LinkData, LogData, ResourceData, SpanData, Value
from otel_audit.convert.values import MAX_DEPTH, TOO_DEEP, clean_text, unused_key
from otel_audit.errors import InputError

__all__ = ["load_json", "read_document"]

_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
"""By number; 0 is unspecified, which the specification lets receivers take for internal."""

_KIND_NAMES: Final = {"SPAN_KIND_" + kind.upper(): kind for kind in _KINDS}
_STATUS_NAMES: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}

_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){1,32}")

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
                            _read_attributes(attributes, oddities),
                            scope_name=_text(scope.get("name"), oddities),
                            scope_version=_text(scope.get("version"), oddities),
                            scope_attributes=_read_attributes(scope.get("attributes"), oddities),
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
    attributes = _read_attributes(span.get("attributes"), oddities)
    status = span.get("status")
    status = status if isinstance(status, Mapping) else {}
    code = status.get("code", 0)
    flags = span.get("flags")
    if state := _text(span.get("traceState"), oddities):
        attributes[unused_key(attributes, TRACE_STATE, oddities)] = state
    return SpanData(
        name=_text(span.get("name"), oddities),
        kind=_read_kind(span.get("kind"), oddities),
        trace_id=_read_id(span.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        span_id=_read_id(span.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        parent_span_id=_read_id(span.get("parentSpanId"), 8, "otlp.parent_span_id", attributes, oddities),
        # Flag 0 may mean "not sampled" or "the sender does not write flags".
        sampled=True if isinstance(flags, int) and flags & 1 else None,
        start_unix_nano=_read_integer(span.get("startTimeUnixNano"), oddities),
        end_unix_nano=_read_integer(span.get("endTimeUnixNano"), oddities),
        attributes=attributes,
        resource=resource,
        status=code if code in (0, 1, 2) else _STATUS_NAMES.get(code, 0) if isinstance(code, str) else 0,
        status_message=_text(status.get("message"), oddities),
        events=[_read_event(item, oddities) for item in _listed(span.get("events"), oddities)],
        links=[_read_link(item, oddities) for item in _listed(span.get("links"), oddities)],
        dropped_attributes=_read_integer(span.get("droppedAttributesCount"), oddities),
        dropped_events=_read_integer(span.get("droppedEventsCount"), oddities),
        dropped_links=_read_integer(span.get("droppedLinksCount"), oddities),
        oddities=oddities,
    )


def _read_event(event: Mapping[str, Any], oddities: list[str]) -> EventData:
    attributes = _read_attributes(event.get("attributes"), oddities)
    if dropped := _read_integer(event.get("droppedAttributesCount"), oddities):
        attributes[DROPPED_ATTRIBUTES] = dropped
    return EventData(
        _text(event.get("name"), oddities), _read_integer(event.get("timeUnixNano"), oddities), attributes
    )


def _read_link(link: Mapping[str, Any], oddities: list[str]) -> LinkData:
    attributes = _read_attributes(link.get("attributes"), oddities)
    if dropped := _read_integer(link.get("droppedAttributesCount"), oddities):
        attributes[DROPPED_ATTRIBUTES] = dropped
    return LinkData(
        _read_id(link.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        _read_id(link.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        attributes,
    )


def _read_log(log: Mapping[str, Any], resource: ResourceData) -> LogData:
    oddities: list[str] = []
    attributes = _read_attributes(log.get("attributes"), oddities)
    return LogData(
        name=read_event_name(_text(log.get("eventName"), oddities), attributes),
        time_unix_nano=_read_integer(log.get("timeUnixNano"), oddities),
        observed_unix_nano=_read_integer(log.get("observedTimeUnixNano"), oddities),
        trace_id=_read_id(log.get("traceId"), 16, "otlp.trace_id", attributes, oddities),
        span_id=_read_id(log.get("spanId"), 8, "otlp.span_id", attributes, oddities),
        body=_read_value(log.get("body"), oddities, 0),
        attributes=attributes,
        resource=resource,
        dropped_attributes=_read_integer(log.get("droppedAttributesCount"), oddities),
        oddities=oddities,
    )


def _read_attributes(items: Any, oddities: list[str], depth: int = 0) -> Attributes:
    attributes: Attributes = {}
    for item in _listed(items, oddities):
        key = item.get("key")
        name = _foreign(key, oddities)
        if name in attributes:
            name = unused_key(attributes, name, oddities)
        attributes[name] = _read_value(item.get("value"), oddities, depth)
    return attributes


def _read_value(value: Any, oddities: list[str], depth: int) -> Value:
    if not isinstance(value, Mapping):
        if value is not None:
            oddities.append(notes.WRONG_TYPE)
        return None if value is None else _foreign(value, oddities)
    for kind, item in value.items():
        match kind:
            case "stringValue":
                return _text(item, oddities)
            case "boolValue":
                return item if isinstance(item, bool) else _mistyped(item, oddities)
            case "intValue":
                return _read_exact_integer(item, oddities)
            case "doubleValue":
                return _read_double(item, oddities)
            case "bytesValue":
                return _read_bytes(item, oddities)
            case "arrayValue" | "kvlistValue":
                if depth >= MAX_DEPTH:
                    oddities.append(notes.TOO_DEEP)
                    return TOO_DEEP
                values = item.get("values") if isinstance(item, Mapping) else None
                if kind == "kvlistValue":
                    return _read_attributes(values, oddities, depth + 1)
                if not isinstance(values, list):
                    return []
                return [_read_value(entry, oddities, depth + 1) for entry in values]
    return None


def _read_exact_integer(item: Any, oddities: list[str]) -> Value:
    if isinstance(item, int) and not isinstance(item, bool):
        return item
    if isinstance(item, str):
        try:
            return int(item)
        except ValueError:
            return _mistyped(item, oddities)
    if isinstance(item, float) and item.is_integer():
        return int(item)
    return _mistyped(item, oddities)


def _read_double(item: Any, oddities: list[str]) -> Value:
    if isinstance(item, int | float) and not isinstance(item, bool):
        try:
            return float(item)
        except OverflowError:
            return _mistyped(item, oddities)
    if isinstance(item, str):
        try:
            return float(item)
        except ValueError:
            return _mistyped(item, oddities)
    return _mistyped(item, oddities)


def _read_bytes(item: Any, oddities: list[str]) -> Value:
    try:
        return base64.b64decode(item, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return _mistyped(item, oddities)


def _mistyped(item: Any, oddities: list[str]) -> Value:
    oddities.append(notes.WRONG_TYPE)
    if item is None or isinstance(item, bool | int | float):
        return item
    return _foreign(item, oddities)


def _text(item: Any, oddities: list[str]) -> str:
    if isinstance(item, str):
        return item if item.isascii() else clean_text(item, oddities)
    if item is None:
        return ""
    oddities.append(notes.WRONG_TYPE)
    return _foreign(item, oddities)


def _foreign(item: Any, oddities: list[str]) -> str:
    """Returns what stands where text belongs, as JSON text."""
    try:
        return clean_text(item if isinstance(item, str) else json.dumps(item), oddities)
    except RecursionError:
        return TOO_DEEP


def _listed(items: Any, oddities: list[str]) -> list[Mapping[str, Any]]:
    if items is None:
        return []
    if not isinstance(items, list):
        oddities.append(notes.WRONG_TYPE)
        return []
    objects = [item for item in items if isinstance(item, Mapping)]
    if len(objects) != len(items):
        oddities.append(notes.WRONG_TYPE)
    return objects


def _read_integer(item: Any, oddities: list[str]) -> int:
    """Returns a time or count; 0 where it is missing or no number."""
    if isinstance(item, str):
        try:
            return int(item)
        except ValueError:
            pass
    elif isinstance(item, int) and not isinstance(item, bool):
        return item
    elif isinstance(item, float) and item.is_integer():
        return int(item)
    elif item is None:
        return 0
    oddities.append(notes.WRONG_TYPE)
    return 0


def _read_kind(item: Any, oddities: list[str]) -> str:
    if isinstance(item, str) and item in _KIND_NAMES:
        return _KIND_NAMES[item]
    if isinstance(item, int) and 0 <= item < len(_KINDS):
        return _KINDS[item]
    if item is not None and item != "SPAN_KIND_UNSPECIFIED":
        oddities.append(notes.WRONG_TYPE)
    return "internal"


def _read_id(item: Any, size: int, key: str, attributes: Attributes, oddities: list[str]) -> str:
    """Returns lower-case hex; what is none goes among the attributes, so that it is not lost."""
    if item is None or item == "":
        return ""
    if isinstance(item, str):
        lowered = item.lower()
        if _HEX.fullmatch(lowered):
            return lowered
        try:
            raw = base64.b64decode(item, validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) == size:
            return raw.hex()
    attributes[unused_key(attributes, key, oddities)] = _text(item, oddities)
    oddities.append(notes.ID_MALFORMED)
    return ""


def _camel_case(node: Any) -> Any:
    """Renames every key to lowerCamelCase. Attribute names are values in OTLP, so they are not touched."""
    if isinstance(node, list):
        return [_camel_case(item) for item in node]
    if isinstance(node, Mapping):
        return {_SNAKE.sub(lambda found: found[1].upper(), key): _camel_case(item)
                for key, item in node.items()}  # fmt: skip
    return node
