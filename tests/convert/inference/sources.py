"""Real and hand-made spans, read as the OTLP door reads them, with the log events of the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otel_audit.convert import events
from otel_audit.convert.exports import Export
from otel_audit.convert.inference import InferenceCall, read
from otel_audit.convert.otlp_json import read_document
from otel_audit.convert.spans import Attributes, EventData, LogData, ResourceData, SpanData

TESTS = Path(__file__).parents[2]
CORPUS = TESTS / "corpus"
FIXTURES = TESTS / "fixtures" / "dialects"


def exported(path: Path) -> Export:
    """Returns what a file of OTLP JSON holds; its reading must find nothing wrong."""
    problems: list[Any] = []
    export = read_document(json.loads(path.read_bytes()), problems)
    assert not problems
    return export


def corpus_spans(run: str) -> list[SpanData]:
    """Returns the spans of a run of the corpus, its log events joined."""
    spans = exported(CORPUS / f"{run}.json").spans
    logs = CORPUS / f"{run}.logs.json"
    if logs.exists():
        assert events.join(spans, exported(logs).logs, event_id) == []
    return spans


def corpus_logs(run: str) -> list[LogData]:
    """Returns the log events of a run of the corpus."""
    return exported(CORPUS / f"{run}.logs.json").logs


def event_id(log: LogData) -> str:
    """Stands for the id of a log event's record."""
    return f"{log.span_id}/{log.name}"


def corpus_calls(run: str) -> list[InferenceCall]:
    """Returns the calls of a run of the corpus, in its order."""
    calls = [read(span) for span in corpus_spans(run)]
    assert None not in calls
    return [call for call in calls if call is not None]


def fixture_spans(name: str) -> list[SpanData]:
    """Returns the spans of a fixture."""
    return exported(FIXTURES / f"{name}.json").spans


def span(
    attributes: Attributes,
    *,
    name: str = "span",
    kind: str = "client",
    scope: str = "test",
    span_events: list[EventData] | None = None,
) -> SpanData:
    """Returns a span with these attributes."""
    return SpanData(
        name=name,
        kind=kind,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id="",
        sampled=None,
        start_unix_nano=1,
        end_unix_nano=2,
        attributes=dict(attributes),
        resource=ResourceData({}, scope, "1"),
        events=span_events or [],
    )


def call_of(attributes: Attributes, **members: Any) -> InferenceCall:
    """Returns the call that a span with these attributes is; it must be one."""
    call = read(span(attributes, **members))
    assert call is not None
    return call


def request_of(call: InferenceCall) -> Any:
    """Returns the request as a value."""
    return None if call.request is None else json.loads(call.request)


def response_of(call: InferenceCall) -> Any:
    """Returns the response as a value."""
    return None if call.response is None else json.loads(call.response)
