"""The SDK door: ended spans of the OpenTelemetry SDK become :class:`SpanData`.

Reading the SDK's private slots is several times cheaper than its public properties, which copy. Where a slot
is missing (another SDK version, a subclass, a hand-made span) the public way is taken for that span; a test
holds both ways to the same result.

The spans must have ended: the SDK no longer changes them, so they are read without its locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from otel_audit.convert import notes
from otel_audit.convert.cut_values import cut_texts, cut_under
from otel_audit.convert.exports import DROPPED_ATTRIBUTES, TRACE_STATE
from otel_audit.convert.resources import describe
from otel_audit.convert.span_notes import NOTES_KEY
from otel_audit.convert.spans import Attributes, EventData, LinkData, ResourceData, SpanData
from otel_audit.convert.values import clean_text, plain, unused_key

__all__ = ["read_spans"]

# Keyed by identity: the members are singletons, and hashing an Enum runs Python code.
_KINDS: Final = {id(kind): kind.name.lower() for kind in SpanKind}
_STATUSES: Final = {id(code): code.value for code in StatusCode}

_Item = TypeVar("_Item")

_SCALARS: Final = frozenset({int, float, bool, bytes, type(None)})


class _SdkSpan(SpanData):
    """A span whose attributes are the SDK's own until they are asked for.

    Most spans become columns by looking at them, and a copy that nobody changes is the better part of what
    reading a span costs.
    """

    __slots__ = ("_attributes", "_is_plain")

    def __init__(self, attributes: Mapping[str, Any], *fields: Any) -> None:
        (
            self.name, self.kind, self.trace_id, self.span_id, self.parent_span_id, self.sampled,
            self.start_unix_nano, self.end_unix_nano, self.resource, self.status, self.status_message,
            self.events, self.links, self.dropped_attributes, self.dropped_events, self.dropped_links,
            self.oddities,
        ) = fields  # fmt: skip
        self.joined = ()
        self.notes = None
        self.cut = frozenset()
        self._attributes: Any = attributes
        self._is_plain = False

    @property
    def attributes(self) -> Attributes:
        if not self._is_plain:
            self._attributes = _read_attributes(self._attributes, self.oddities)
            self._is_plain = True
        return self._attributes  # type: ignore[no-any-return]  # plain now

    @attributes.setter
    def attributes(self, attributes: Attributes) -> None:
        self._attributes, self._is_plain = attributes, True

    def shown(self) -> Mapping[str, Any]:
        return self._attributes  # type: ignore[no-any-return]  # the SDK's own or ours


def read_spans(spans: Sequence[ReadableSpan]) -> list[SpanData]:
    """Reads ended spans; never raises for what a span holds.

    Args:
        spans: in any order, of any resources and scopes.

    Returns:
        One :class:`SpanData` a span, in the same order. What is changed in one does not change the SDK's.
    """
    resources: dict[tuple[int, int], ResourceData] = {}
    # The tuple keys hold ids of objects that `spans` keeps alive for as long as this call runs.
    read = []
    for span in spans:
        try:
            read.append(_read_slots(_SLOTS(span), resources))
        except Exception:  # noqa: BLE001 - a slot may hold anything; the public way says what is there
            read.append(_read_public(span, resources))
    return read


_SLOTS: Final[Any] = attrgetter(
    "_name", "_kind", "_context", "_parent", "_start_time", "_end_time", "_attributes", "_resource",
    "_instrumentation_scope", "_status", "_events", "_links",
)  # fmt: skip


def _read_slots(slots: tuple[Any, ...], resources: dict[tuple[int, int], ResourceData]) -> SpanData:
    name, kind, context, parent, start, end, bounded, resource, scope, status, events, links = slots
    oddities: list[str] = []
    shared = resources.get((id(resource), id(scope)))
    if shared is None:
        shared = resources[id(resource), id(scope)] = _read_resource(resource, scope)
    message = status._description
    span = _SdkSpan(
        bounded._dict,
        name if type(name) is str and name.isascii() else _name(name, oddities),
        _KINDS[id(kind)],
        context.trace_id.to_bytes(16, "big").hex(),
        context.span_id.to_bytes(8, "big").hex(),
        parent.span_id.to_bytes(8, "big").hex() if parent is not None else "",
        context.trace_flags & 1 == 1,
        start or 0,
        end or 0,
        shared,
        _STATUSES[id(status._status_code)],
        clean_text(message, oddities) if message else "",
        [_read_event(event, oddities) for event in events._dq] if events._dq else (),
        [_read_link(link, oddities) for link in links._dq] if links._dq else (),
        bounded.dropped,
        events.dropped,
        links.dropped,
        oddities,
    )
    if context.trace_state:
        _add_trace_state(context, span.attributes, oddities)
    span.notes = context.__dict__.get(NOTES_KEY) or None
    if bounded.max_value_len is not None:
        span.cut = cut_texts(bounded._dict, (bounded.max_value_len,))
    if events._dq or links._dq:
        # Their limit need not be that of the span.
        span.cut |= cut_under(part.attributes for part in (*events._dq, *links._dq))
    return span


def _read_public(span: ReadableSpan, resources: dict[tuple[int, int], ResourceData]) -> SpanData:
    """Reads a span through what the SDK documents, each part so that one bad part costs only itself."""
    oddities: list[str] = []
    context = span.get_span_context()
    parent = span.parent
    shared_key = (id(span.resource), id(span.instrumentation_scope))
    shared = resources.get(shared_key)
    if shared is None:
        shared = resources[shared_key] = _read_resource(span.resource, span.instrumentation_scope)
    status = span.status
    code = getattr(status, "status_code", None)
    attributes = _read_attributes(span.attributes or {}, oddities)
    if context and context.trace_state:
        _add_trace_state(context, attributes, oddities)
    # No public property says under which limit the attributes of a span are.
    own, parts = getattr(span, "_attributes", None), (*(span.events or ()), *(span.links or ()))
    cut = cut_under([own, *(getattr(part, "attributes", None) for part in parts)])
    return SpanData(
        notes=context.__dict__.get(NOTES_KEY) or None if context else None,
        name=_name(span.name, oddities),
        kind=_KINDS.get(id(span.kind), "internal"),
        trace_id=_hex(getattr(context, "trace_id", None), 16),
        span_id=_hex(getattr(context, "span_id", None), 8),
        parent_span_id=_hex(parent.span_id, 8) if parent else "",
        sampled=bool(context.trace_flags & 1) if context else None,
        start_unix_nano=_number(span.start_time),
        end_unix_nano=_number(span.end_time),
        attributes=attributes,
        resource=shared,
        status=_STATUSES.get(id(code), 0),
        status_message=clean_text(str(getattr(status, "description", None) or ""), oddities),
        events=_each(span.events, _read_event, oddities),
        links=_each(span.links, _read_link, oddities),
        dropped_attributes=_number(span.dropped_attributes),
        dropped_events=_number(span.dropped_events),
        dropped_links=_number(span.dropped_links),
        oddities=oddities,
        cut=cut,
    )


def _read_attributes(attributes: Mapping[str, Any], oddities: list[str]) -> Attributes:
    """Returns a plain copy; the types that nearly all attributes have are decided inline."""
    copy = dict(attributes)
    for key, value in copy.items():
        kind = type(value)
        if kind is str:
            if not value.isascii():
                copy[key] = clean_text(value, oddities)
        elif kind in _SCALARS:
            continue
        elif kind is tuple and len(value) == 1 and type(value[0]) is str and value[0].isascii():
            copy[key] = [value[0]]
        else:
            copy[key] = plain(value, oddities)
    return copy


def _read_event(event: Any, oddities: list[str]) -> EventData:
    attributes = _read_attributes(event.attributes or {}, oddities)
    if dropped := event.dropped_attributes:
        attributes[DROPPED_ATTRIBUTES] = dropped
    return EventData(_name(event.name, oddities), _number(event.timestamp), attributes)


def _read_link(link: Any, oddities: list[str]) -> LinkData:
    attributes = _read_attributes(link.attributes or {}, oddities)
    if dropped := link.dropped_attributes:
        attributes[DROPPED_ATTRIBUTES] = dropped
    return LinkData(_hex(link.context.trace_id, 16), _hex(link.context.span_id, 8), attributes)


def _read_resource(resource: Any, scope: Any) -> ResourceData:
    oddities: list[str] = []
    return describe(
        _read_attributes(resource.attributes, oddities) if resource else {},
        scope_name=clean_text(str(scope.name or ""), oddities) if scope else "",
        scope_version=clean_text(str(scope.version or ""), oddities) if scope else "",
        scope_attributes=_read_attributes(getattr(scope, "attributes", None) or {}, oddities),
    )


def _add_trace_state(context: Any, attributes: Attributes, oddities: list[str]) -> None:
    """Keeps the trace state, for which the record has no field, under the Collector's name for it."""
    state = ",".join(f"{key}={value}" for key, value in context.trace_state.items())
    attributes[unused_key(attributes, TRACE_STATE, oddities)] = clean_text(state, oddities)


def _each(items: Sequence[Any], read: Callable[[Any, list[str]], _Item], oddities: list[str]) -> list[_Item]:
    done = []
    for item in items:
        try:
            done.append(read(item, oddities))
        except Exception:  # noqa: BLE001 - one bad event must not cost the span
            oddities.append(notes.WRONG_TYPE)
    return done


def _name(name: object, oddities: list[str]) -> str:
    if isinstance(name, str):
        return clean_text(name, oddities)
    oddities.append(notes.WRONG_TYPE)
    return clean_text(str(name), oddities)


def _hex(number: object, size: int) -> str:
    try:
        return number.to_bytes(size, "big").hex() if isinstance(number, int) else ""
    except OverflowError:
        return ""


def _number(value: object) -> int:
    return int.__int__(value) if isinstance(value, int) else 0
