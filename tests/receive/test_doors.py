"""Real exporters over both doors, in every form they send; and what a record says of whoever sent it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
import requests
import zstandard
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from receive.conftest import SinkProcess, StartSink, export_of

CORPUS = Path(__file__).parents[1] / "corpus"
PROTOBUF = {"content-type": "application/x-protobuf"}
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

EXPORTERS: dict[str, Callable[[SinkProcess], GrpcExporter | HttpExporter]] = {
    "grpc": lambda sink: GrpcExporter(sink.grpc, insecure=True),
    "grpc gzip": lambda sink: GrpcExporter(sink.grpc, insecure=True, compression=grpc.Compression.Gzip),
    "http": lambda sink: HttpExporter(f"{sink.http}/v1/traces"),
    "http gzip": lambda sink: HttpExporter(f"{sink.http}/v1/traces", compression=Compression.Gzip),
    "http deflate": lambda sink: HttpExporter(f"{sink.http}/v1/traces", compression=Compression.Deflate),
}


def test_what_exporters_of_the_sdk_send_becomes_records(start_sink: StartSink) -> None:
    sink = start_sink()
    for name, make in EXPORTERS.items():
        provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
        provider.add_span_processor(SimpleSpanProcessor(make(sink)))
        tracer = provider.get_tracer("test")
        attributes = {"http.request.method": "GET", "url.path": "/", "http.response.status_code": 200}
        with tracer.start_as_current_span(name, kind=SpanKind.SERVER, attributes=attributes):
            pass
        provider.shutdown()

    code, said = sink.stop()

    assert (code, said) == (0, "")
    found = sink.records()
    assert Counter(record["spanName"] for record in found) == Counter(list(EXPORTERS))
    assert {record["service"]["name"] for record in found} == {"shop"}


def test_requests_in_every_encoding_and_both_formats(start_sink: StartSink) -> None:
    sink = start_sink()
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
        "identity": bytes,
    }
    names: list[str] = []
    for encoding, packed in pack.items():
        for kind in ("x-protobuf", "json"):
            export = export_of(name := f"{encoding} {kind}")
            names.append(name)
            body = export.SerializeToString() if kind == "x-protobuf" else json_of(export)
            headers = {"content-type": f"application/{kind}", "content-encoding": encoding}
            answer = requests.post(f"{sink.http}/v1/traces", packed(body), headers=headers, timeout=10)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == headers["content-type"]
            assert answer.content == (b"" if kind == "x-protobuf" else b"{}")

    assert sink.stop() == (0, "")
    assert sorted(record["spanName"] for record in sink.records()) == sorted(names)


def test_logs_join_spans_of_the_same_request_or_stand_alone(start_sink: StartSink) -> None:
    sink = start_sink()
    headers = {"content-type": "application/json"}
    spans = (CORPUS / "genai_openai_event_only.json").read_bytes()
    logs = (CORPUS / "genai_openai_event_only.logs.json").read_bytes()
    assert requests.post(f"{sink.http}/v1/traces", spans, headers=headers, timeout=10).ok
    assert requests.post(f"{sink.http}/v1/logs", logs, headers=headers, timeout=10).ok

    assert sink.stop() == (0, "")
    found = sink.records()
    assert {"gen_ai.chat"} < {record["eventName"] for record in found}
    assert any("request" in record for record in found)


def test_an_empty_request_is_taken(sink: SinkProcess) -> None:
    assert requests.post(f"{sink.http}/v1/traces", b"", headers=PROTOBUF, timeout=10).status_code == 200
    with grpc.insecure_channel(sink.grpc) as channel:
        assert channel.unary_unary(TRACES)(b"", timeout=10) == b""


def test_who_sent_it_comes_from_the_connection_and_what_it_says_of_users_is_a_claim(
    start_sink: StartSink,
) -> None:
    sink = start_sink()
    names = ["alone", *(f"bulk {number}" for number in range(40))]
    forged = PROTOBUF | {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}
    said = {"enduser.id": "u-17", "audit.sender.id": "root"}
    body = export_of(*names, **said).SerializeToString()
    assert requests.post(f"{sink.http}/v1/traces", body, headers=forged, timeout=10).ok
    with grpc.insecure_channel(sink.grpc) as channel:
        channel.unary_unary(TRACES)(export_of(*names, **said).SerializeToString(), timeout=10)

    assert sink.stop() == (0, "")
    found = sink.records()
    assert len(found) == 2 * len(names)
    assert {json.dumps(record["sender"], sort_keys=True) for record in found} == {
        '{"address": "127.0.0.1", "method": "none"}'
    }
    assert {(record["user"]["id"], record["user"]["assurance"]) for record in found} == {("u-17", "claimed")}


def test_personal_data_and_credentials_are_masked_before_they_are_written(start_sink: StartSink) -> None:
    sink = start_sink()
    secret, mail = "sk-proj-" + "a1B2c3D4" * 6, "jane.doe@example.com"
    body = export_of("GET", note=f"{mail} uses {secret}").SerializeToString()
    assert requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10).ok
    sink.kill()
    kept = b"".join(path.read_bytes() for path in sink.folder.rglob("*") if path.is_file())
    assert kept
    assert secret.encode() not in kept
    assert mail.encode() not in kept


def test_pages_of_health_readiness_and_figures(sink: SinkProcess) -> None:
    assert requests.get(f"{sink.http}/healthz", timeout=10).text == "ok\n"
    assert requests.get(f"{sink.http}/readyz", timeout=10).text == "ok\n"
    before = figure(sink, 'received_requests_total{transport="http",signal="traces",answer="taken"}')
    requests.post(
        f"{sink.http}/v1/traces", export_of("GET").SerializeToString(), headers=PROTOBUF, timeout=10
    )
    after = figure(sink, 'received_requests_total{transport="http",signal="traces",answer="taken"}')
    assert after == before + 1
    assert figure(sink, "waiting_requests") == 0
    assert figure(sink, "waiting_bytes") == 0
    assert figure(sink, "ready") == 1
    assert figure(sink, "spool_bytes") > 0


def figure(sink: SinkProcess, name: str) -> float:
    lines = requests.get(f"{sink.http}/metrics", timeout=10).text.splitlines()
    return next(
        (float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"otel_audit_{name} ")), 0
    )


def json_of(export: object) -> bytes:
    """OTLP's JSON: ids are hexadecimal."""
    document = MessageToDict(export)  # type: ignore[arg-type]
    spans: Sequence[dict[str, str]] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for span, origin in zip(spans, export.resource_spans[0].scope_spans[0].spans, strict=True):  # type: ignore[attr-defined]
        span["traceId"], span["spanId"] = origin.trace_id.hex(), origin.span_id.hex()
    return json.dumps(document).encode()
