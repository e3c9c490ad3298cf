"""One span gives one record, whichever door it comes through."""

from __future__ import annotations

import dataclasses
import logging
from enum import IntEnum, StrEnum
from typing import Any

from google.protobuf.json_format import MessageToJson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from convert.building import OBSERVED, START
from convert.strategies import attribute_maps, texts
from otel_audit.convert.converter import Converter
from otel_audit.convert.from_otlp import read_export
from otel_audit.convert.from_sdk import read_spans
from otel_audit.convert.spans import SpanData

logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
"""The spans below reach the SDK's limits on purpose; it would log each time."""

EXEMPT = ("sampled", "observedTimestamp", "observedTimeUnixNano", "salts", "digests")
"""What OTLP cannot say, and what differs by nature."""


class _Ended:
    """Keeps the spans that the SDK hands to processors."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None: ...

    def _on_ending(self, span: Any) -> None: ...

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


class _Ids(IdGenerator):
    """Drawn ids, since the SDK's own come from a random source that Hypothesis does not know."""

    def __init__(self, trace_id: int, span_id: int) -> None:
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return self._span_id


contexts = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    trace_state=st.sampled_from([TraceState(), TraceState([("vendor", "a")])]),
)

attributes = attribute_maps(wild=False)


@st.composite
def sdk_spans(draw: st.DrawFn) -> ReadableSpan:
    """A span that the real SDK made, limits and all."""
    ended = _Ended()
    provider = TracerProvider(
        resource=Resource.create(draw(attribute_maps(wild=False, max_size=4))),
        id_generator=_Ids(draw(st.integers(1, 2**128 - 1)), draw(st.integers(1, 2**64 - 1))),
        span_limits=SpanLimits(max_span_attributes=10, max_events=2, max_links=1, max_event_attributes=2),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(ended)  # type: ignore[arg-type]
    tracer = provider.get_tracer(draw(texts()), draw(texts()), attributes=draw(st.none() | attributes))
    span = tracer.start_span(
        draw(texts()),
        kind=draw(st.sampled_from(SpanKind)),
        attributes=draw(attributes),
        links=[Link(draw(contexts), draw(attributes)) for _ in range(draw(st.integers(0, 2)))],
        start_time=draw(st.integers(1, 2**63 - 1) | st.just(START)),
    )
    for _ in range(draw(st.integers(0, 3))):
        span.add_event(
            draw(texts() | st.just("exception")), draw(attributes), draw(st.integers(1, 2**63 - 1))
        )
    if draw(st.booleans()):
        span.set_status(Status(draw(st.sampled_from(StatusCode)), None))
    if draw(st.booleans()):
        span.set_status(Status(StatusCode.ERROR, draw(texts())))
    span.end(draw(st.integers(1, 2**63 - 1) | st.just(START + 5)))
    return ended.spans[0]


def rows(spans: list[SpanData]) -> list[dict[str, Any]]:
    batch = Converter().convert(spans, observed_unix_nano=OBSERVED).records
    batch.validate(full=True)
    return batch.drop_columns(list(EXEMPT)).to_pylist()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sdk_spans())
def test_both_doors_give_the_same_record(span: ReadableSpan) -> None:
    request = encode_spans([span])
    expected = rows(read_spans([span]))
    assert (
        rows(read_export(request.SerializeToString(), format="protobuf", signal="traces").spans) == expected
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sdk_spans())
def test_json_gives_the_same_record_as_protobuf(span: ReadableSpan) -> None:
    """The reference encoder for JSON is protobuf's own, which writes ids in base64: those are read as well."""
    request = encode_spans([span])
    text = MessageToJson(request, use_integers_for_enums=True).encode()
    expected = rows(read_export(request.SerializeToString(), format="protobuf", signal="traces").spans)
    assert rows(read_export(text, format="json").spans) == expected


def public(span: ReadableSpan) -> SpanData:
    """Reads through a subclass that has none of the private slots."""

    class OnlyPublic:
        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(span, name)

    (read,) = read_spans([OnlyPublic()])  # type: ignore[list-item]
    return read


def fields_of(span: SpanData) -> list[str]:
    """Fields in order, so that attributes, which may yet have something to note, come before the notes."""
    values = {field.name: getattr(span, field.name) for field in dataclasses.fields(span)}
    values["events"], values["links"] = list(span.events), list(span.links)
    return [f"{name}={value!r}" for name, value in values.items()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sdk_spans())
def test_private_slots_and_public_properties_say_the_same(span: ReadableSpan) -> None:
    (slots,) = read_spans([span])
    assert fields_of(slots) == fields_of(public(span))


def test_what_the_sdk_holds_is_copied() -> None:
    original = {"a": "b", "list": ("x",)}
    span = ReadableSpan("n", SpanContext(1, 2, False), attributes=original, events=(Event("e", {"k": "v"}),))
    (read,) = read_spans([span])
    read.attributes.clear()
    read.events[0].attributes.clear()
    assert original == {"a": "b", "list": ("x",)}
    assert span.events[0].attributes == {"k": "v"}


def test_spans_share_what_their_resource_and_scope_say() -> None:
    resource, scope = Resource.create({"service.name": "shop"}), InstrumentationScope("s", "1")
    spans = [
        ReadableSpan("n", SpanContext(1, number, False), resource=resource, instrumentation_scope=scope)
        for number in (1, 2)
    ]
    first, second = read_spans(spans)
    assert first.resource is second.resource
    assert first.resource.attributes["service.name"] == "shop"
    assert (first.resource.scope_name, first.resource.scope_version) == ("s", "1")


def test_spans_by_hand_without_context_or_with_odd_slots_are_read() -> None:
    odd = ReadableSpan("n", None, kind="weird", status=None, start_time=None, end_time=None)  # type: ignore[arg-type]
    (read,) = read_spans([odd])
    assert (read.trace_id, read.span_id, read.kind, read.status) == ("", "", "internal", 0)
    assert (read.start_unix_nano, read.end_unix_nano, read.sampled) == (0, 0, None)


def test_dropped_counts_of_events_and_links_and_trace_state_are_kept() -> None:
    state = TraceState([("vendor", "a"), ("other", "b")])
    context = SpanContext(1, 2, False, TraceFlags(1), state)
    ended = _Ended()
    provider = TracerProvider(span_limits=SpanLimits(max_event_attributes=1), shutdown_on_exit=False)
    provider.add_span_processor(ended)  # type: ignore[arg-type]
    span = provider.get_tracer("t").start_span("n")
    span.add_event("e", {"a": 1, "b": 2})
    span.end()
    (read,) = read_spans(ended.spans)
    assert read.events[0].attributes == {"b": 2, "otel.dropped_attributes_count": 1}
    (with_state,) = read_spans([ReadableSpan("n", context)])
    assert with_state.attributes == {"w3c.tracestate": "vendor=a,other=b"}


def test_what_otlp_cannot_carry_is_kept_and_noted() -> None:
    span = ReadableSpan("n\ud800", SpanContext(1, 2, False), attributes={"big": 2**70, "text": "a\udfff"})
    (read,) = read_spans([span])
    assert (read.name, read.attributes) == ("n\ufffd", {"big": 2**70, "text": "a\ufffd"})
    assert read.oddities == ["surrogates-replaced", "surrogates-replaced"]


def test_subclasses_count_as_what_they_extend() -> None:
    class Color(StrEnum):
        RED = "red"

    class Size(IntEnum):
        BIG = 2

    attributes: Any = {"color": Color.RED, "number": Size.BIG, "many": (Color.RED, True)}
    (read,) = read_spans([ReadableSpan("n", SpanContext(1, 2, False), attributes=attributes)])
    assert read.attributes == {"color": "red", "number": 2, "many": ["red", True]}
    assert type(read.attributes["number"]) is int
    assert type(read.attributes["color"]) is str
