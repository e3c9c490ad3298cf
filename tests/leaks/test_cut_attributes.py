"""Values that the SDK's length limit had cut, at each character: nothing of them is left, wherever they end up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind

import otel_audit
from leaks.artefacts import files, rows, texts_of_files, texts_of_row
from leaks.oracle import Oracle
from leaks.samples import BY_NAME, SAMPLES, Sample
from otel_audit.convert.converter import Converter
from otel_audit.convert.from_otlp import read_protobuf
from otel_audit.convert.from_sdk import read_spans
from otel_audit.convert.from_sdk_logs import LogReader
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

LIMIT = 420
"""Characters: more than what is taken off, so that something is left to see."""

_MASKER = Masker(MaskPolicy(field_timeout_s=3600))
_WORDS = "and so it goes on in the same way for a while " * 20
_SERVER = {"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 500}
_CHAT = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
}  # fmt: skip
_CALL = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"}

_EVERYWHERE: Final = frozenset(
    {"email", "credit-card", "iban", "named-secret", "openai-key", "url-credentials"}
)
"""Kinds of values that are tried at every place, others at a few."""

_Cut = Callable[[str], str]
"""A beginning → a text that begins so and that the limit cuts within the value."""

_PLACES: dict[str, tuple[SpanKind, Callable[[_Cut], dict[str, Any]]]] = {
    "texts": (
        SpanKind.SERVER,
        lambda cut: {
            **_SERVER,
            "app.note": cut(""), "app.notes": ["a", cut(""), "b"], "user_agent.original": cut(""),
            "error.type": cut(""), "http.request.header.x_note": [cut("")],
            "http.response.header.location": ["a", cut("/")],
            "app.json": cut('{"a": {"b": "'), "app.said": cut('"'), "enduser.role": cut(""),
        },
    ),
    "path": (SpanKind.SERVER, lambda cut: {**_SERVER, "url.path": cut("/a/"), "url.query": cut("q=1&p=")}),
    "target": (SpanKind.SERVER, lambda cut: {"http.method": "GET", "http.target": cut("/a?q=")}),
    "URL": (SpanKind.CLIENT, lambda cut: {"http.request.method": "GET", "url.full": cut("http://shop.example/a?q=")}),
    "old URL": (SpanKind.CLIENT, lambda cut: {"http.method": "GET", "http.url": cut("http://shop.example/")}),
    "messages": (
        SpanKind.CLIENT,
        lambda cut: {**_CHAT, "gen_ai.input.messages": cut('[{"role":"user","parts":[{"type":"text","content":"')},
    ),
    "prompts": (
        SpanKind.CLIENT,
        lambda cut: {
            **_CHAT, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": cut(""),
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": cut(""),
        },
    ),
    "OpenInference": (
        SpanKind.INTERNAL,
        lambda cut: {
            **_CALL, "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": cut(""),
            "input.value": cut(""), "output.value": cut('{"text": "'), "llm.invocation_parameters": cut('{"stop": "'),
        },
    ),
}  # fmt: skip


def _cut_after(sample: Sample, length: int) -> _Cut:
    """Makes texts of which the limit lets so many characters of the value through."""
    before = sample.text.index(sample.value) + length
    return lambda start: f"{start}{_WORDS[-(LIMIT - len(start) - before) :]}{sample.text} and more"


def _spans(
    provider: TracerProvider, cut: _Cut, *, places: Iterable[str] = _PLACES, repeated: int = 1
) -> None:
    tracer = provider.get_tracer("app")
    context = SpanContext(0x7BDFA8A77D572146EE6A8862D10DC5CD, 0x54D260CDBC80CC38, is_remote=True)
    for kind, make in map(_PLACES.__getitem__, places):
        for _ in range(repeated):
            with tracer.start_as_current_span("work", kind=kind, attributes=make(cut)):
                pass
    links = [Link(context, {"app.note": cut("")})]
    with tracer.start_as_current_span("work", kind=SpanKind.SERVER, attributes=_SERVER, links=links) as span:
        span.add_event("said", {"text": cut(""), "texts": [cut("")]})
        span.record_exception(ValueError(cut("")))


def _provider(limits: SpanLimits | None = None) -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, kept = TracerProvider(span_limits=limits), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return provider, kept


def _masked(
    spans: Sequence[SpanData] = (), logs: Sequence[LogData] = (), options: ConvertOptions | None = None
) -> list[dict[str, Any]]:
    batch = Converter(options).convert(spans, logs, observed_unix_nano=1_795_300_000_000_000_000)
    records: list[dict[str, Any]] = _MASKER.mask(batch).records.to_pylist()
    return records


def _leaks(sample: Sample, records: Sequence[dict[str, Any]]) -> list[str]:
    oracle = Oracle([sample.planted])
    hidden = ("digests", "salts", "recordId", "traceId", "spanId", "links")
    found = []
    for record in records:
        shown = {name: value for name, value in record.items() if name not in hidden}
        texts = [link["attributes"] for link in record["links"] or ()]
        found += [str(leak) for leak in oracle.leaks(texts_of_row("record", shown))]
        found += [str(leak) for leak in oracle.leaks(("link", text) for text in texts)]
    return found


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", "opentelemetry")  # it warns of every value that it cuts


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recognizer)
def test_cut_by_the_sdk_at_every_character(sample: Sample) -> None:
    provider, kept = _provider(SpanLimits(max_attribute_length=LIMIT))
    places = _PLACES if sample.recognizer in _EVERYWHERE else ("texts",)
    for length in range(1, len(sample.value) + 1):
        _spans(provider, _cut_after(sample, length), places=places)
    assert _leaks(sample, _masked(read_spans(kept.get_finished_spans()))) == []


@pytest.mark.parametrize(
    "limits",
    [
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": str(LIMIT)},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9999", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": str(LIMIT)},
    ],
    ids=["all", "spans"],
)
def test_limits_of_the_environment(
    limits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = BY_NAME["credit-card"]
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    provider = TracerProvider()
    processor = otel_audit.AuditSpanProcessor(
        destination=str(tmp_path / "log"), spool=str(tmp_path / "spool")
    )
    provider.add_span_processor(processor)
    for length in (12, 15):
        _spans(provider, _cut_after(sample, length), repeated=20)  # alike enough to become columns at once
    provider.shutdown()
    written = files(tmp_path)
    assert list(Oracle([sample.planted]).leaks(texts_of_files(written))) == []
    reasons = [
        one["reason"]
        for content in written.values()
        for record in rows(content)
        for one in record["masking"].get("dropped") or ()
    ]
    assert reasons.count("cut") > 2 * 20 * len(_PLACES)


def test_what_is_left_and_that_it_is_told() -> None:
    provider, kept = _provider(SpanLimits(max_attribute_length=LIMIT))
    sample = BY_NAME["credit-card"]
    with provider.get_tracer("app").start_as_current_span(
        "GET", kind=SpanKind.SERVER, attributes=_SERVER
    ) as span:
        span.set_attribute("app.note", _cut_after(sample, 14)(""))
        span.set_attribute("app.short", "not as long as the limit")
        span.set_attribute("user_agent.original", "x" * LIMIT)
    (record,) = _masked(read_spans(kept.get_finished_spans()))
    note = json.loads(record["attributes"])["app.note"]
    assert len(note) == LIMIT - 256
    assert note in _WORDS
    assert json.loads(record["attributes"])["app.short"] == "not as long as the limit"
    assert record["userAgent"] == "x" * (LIMIT - 256)
    dropped = {(one["path"], one["reason"]) for one in record["masking"]["dropped"]}
    assert dropped == {("attributes.app.note", "cut"), ("userAgent", "cut")}


def test_a_text_that_is_all_end_is_withheld() -> None:
    provider, kept = _provider(SpanLimits(max_attribute_length=12))
    with provider.get_tracer("app").start_as_current_span(
        "GET", kind=SpanKind.SERVER, attributes=_SERVER
    ) as span:
        span.set_attribute("app.note", "4111 1111 1111 1111")
    (record,) = _masked(read_spans(kept.get_finished_spans()))
    assert json.loads(record["attributes"])["app.note"] == "[WITHHELD]"


class _Logs(LogRecordProcessor):
    def __init__(self) -> None:
        self.read: list[LogData] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        reader = LogReader()
        self.read.append(
            reader.read(log_record.log_record, log_record.resource, log_record.instrumentation_scope)
        )

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@pytest.mark.parametrize("name", ["email", "credit-card", "named-secret", "openai-key"])
def test_log_records_cut_at_every_character(name: str) -> None:
    sample, logs = BY_NAME[name], _Logs()
    provider = LoggerProvider(log_record_limits=LogRecordLimits(max_log_record_attribute_length=LIMIT))
    provider.add_log_record_processor(logs)
    for length in range(1, len(sample.value) + 1):
        cut = _cut_after(sample, length)
        said = {"audit.action": "SAY", "app.note": cut(""), "app.deep": {"a": [{"b": cut("")}]}}
        provider.get_logger("app").emit(LogRecord(event_name="app.said", attributes=said))
    records = _masked(logs=logs.read)
    assert len(records) == len(sample.value)
    assert _leaks(sample, records) == []


def _through_otlp(spans: Sequence[ReadableSpan]) -> Iterator[SpanData]:
    return iter(read_protobuf(encode_spans(spans).SerializeToString(), signal="traces").spans)


def test_otlp_is_told_where_its_senders_cut() -> None:
    sample = BY_NAME["credit-card"]
    provider, kept = _provider(SpanLimits(max_attribute_length=LIMIT))
    for length in range(1, len(sample.value) + 1):
        _spans(provider, _cut_after(sample, length))
    spans = kept.get_finished_spans()
    assert _leaks(sample, _masked([*_through_otlp(spans)]))  # nothing in OTLP says so
    told = ConvertOptions(cut_at=frozenset({100, LIMIT}))
    assert _leaks(sample, _masked([*_through_otlp(spans)], options=told)) == []
