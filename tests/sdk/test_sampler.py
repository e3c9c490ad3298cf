"""Every call is audited at any sampling, and nobody else exports more than before."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

import otel_audit
from sdk.written import rows

HTTP = {"http.request.method": "GET", "url.path": "/orders"}


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


def provider_with(sampler) -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, exporter = TracerProvider(sampler=sampler, shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def request(tracer: trace.Tracer, context=None) -> None:
    with tracer.start_as_current_span("GET", context, kind=SpanKind.SERVER, attributes=HTTP):
        with tracer.start_as_current_span("query", kind=SpanKind.CLIENT, attributes={"db.system": "sqlite"}):
            pass
        with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=HTTP):
            pass
        with tracer.start_as_current_span("work"):
            pass


def test_at_one_percent_every_call_is_audited_and_one_percent_exported(places):
    provider, exporter = provider_with(ParentBased(TraceIdRatioBased(0.01)))
    with otel_audit.install(provider=provider, **places) as installation:
        tracer = provider.get_tracer("web")
        for _ in range(20_000):
            request(tracer)
        assert installation.flush(240)
        assert installation.health().lost == {}
    found = rows(places, "eventName", "sampled")
    assert [row["eventName"] for row in found].count("http.server") == 20_000
    assert [row["eventName"] for row in found].count("http.client") == 20_000
    assert len(found) == 40_000
    exported = exporter.get_finished_spans()
    roots = [span for span in exported if span.parent is None]
    assert 130 <= len(roots) <= 270, "about 200"
    assert len(exported) == 4 * len(roots), "whole traces, the database and the inside too"
    assert sum(bool(row["sampled"]) for row in found) == 2 * len(roots)


def test_tracers_that_were_fetched_before_are_seen_through_too(places):
    provider, exporter = provider_with(ALWAYS_OFF)
    tracer = provider.get_tracer("early")
    with otel_audit.install(provider=provider, **places) as installation:
        request(tracer)
        assert installation.flush(60)
    assert len(rows(places)) == 2
    assert exporter.get_finished_spans() == ()
    assert provider.sampler is tracer.sampler is ALWAYS_OFF, "and have their own sampler back"


def test_a_remote_parent_that_is_not_sampled_decides_for_the_exporters_only(places):
    provider, exporter = provider_with(ParentBased(TraceIdRatioBased(1.0)))
    parent = SpanContext(0x1234, 0x5678, is_remote=True, trace_flags=TraceFlags(0))
    with otel_audit.install(provider=provider, **places) as installation:
        request(provider.get_tracer("web"), trace.set_span_in_context(NonRecordingSpan(parent)))
        assert installation.flush(60)
    found = rows(places, "traceId", "parentSpanId", "eventName")
    assert {row["traceId"] for row in found} == {f"{0x1234:032x}"}
    assert len(found) == 2
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("name", "kind", "attributes", "is_audited"),
    [
        ("chat m", SpanKind.INTERNAL, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, True),
        ("LLM", SpanKind.INTERNAL, {"openinference.span.kind": "LLM", "llm.model_name": "m"}, True),
        ("act", SpanKind.INTERNAL, {"audit.action": "DELETE"}, True),
        ("S/M", SpanKind.SERVER, {"rpc.system": "grpc", "rpc.service": "S", "rpc.method": "M"}, True),
        ("work", SpanKind.INTERNAL, None, False),
        ("GET / http send", SpanKind.INTERNAL, {"asgi.event.type": "http.response.start"}, False),
        ("SELECT", SpanKind.CLIENT, {"db.system.name": "postgresql"}, False),
        ("send", SpanKind.PRODUCER, {"messaging.system": "kafka"}, False),
        ("process", SpanKind.CONSUMER, {"messaging.system": "kafka"}, False),
    ],
)
def test_what_can_never_become_a_record_stays_dropped(places, name, kind, attributes, is_audited):
    provider, _ = provider_with(ALWAYS_OFF)
    with otel_audit.install(provider=provider, **places):
        span = provider.get_tracer("t").start_span(name, kind=kind, attributes=attributes)
        assert span.is_recording() is is_audited
        span.end()


def test_as_sampled_leaves_the_sampler_alone(places):
    provider, _ = provider_with(ALWAYS_OFF)
    with otel_audit.install(provider=provider, sampling="as-sampled", **places):
        assert provider.sampler is ALWAYS_OFF
