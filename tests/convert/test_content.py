"""With content off, no place in which a dialect puts content comes into a record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convert.building import make_log, make_span
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import EventData, LogData, SpanData

SECRET = "the tulip bulbs of 1637"
OFF = ConvertOptions(content="off")

MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": SECRET}]}])
VALUES: list[Any] = [SECRET, MESSAGES, json.dumps({"q": SECRET}), json.dumps({"q": SECRET})[:-1], [SECRET]]
"""As text, as messages, as JSON, as JSON that a limit has cut, as a list."""

CALLS: dict[str, dict[str, Any]] = {
    "chat": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
    "tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"},
    "retrieval": {"gen_ai.operation.name": "retrieval"},
    "OpenInference": {"openinference.span.kind": "LLM", "llm.model_name": "m"},
    "OpenInference tool": {"openinference.span.kind": "TOOL", "tool.name": "lookup"},
    "OpenLLMetry": {"traceloop.span.kind": "task", "traceloop.entity.name": "step"},
    "MLflow": {"mlflow.spanType": '"CHAT_MODEL"'},
    "Vercel": {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"},
    "MCP": {"mcp.method.name": "tools/call"},
}

NAMES = [
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.prompt", "gen_ai.completion",
    "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.prompt.variable.name",
    "gen_ai.retrieval.documents", "gen_ai.retrieval.query.text", "gen_ai.memory.query.text", "gen_ai.memory.records",
    "gen_ai.evaluation.explanation", "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.input",
    "llm.input_messages.0.message.content", "llm.output_messages.0.message.content", "llm.prompts.0.content",
    "llm.completions.0.content", "llm.prompts", "llm.prompt_template.template", "llm.prompt_template.variables",
    "llm.tools.0.tool.json_schema", "input.value", "output.value", "retrieval.documents.0.document.content",
    "reranker.query", "reranker.input_documents.0.document.content", "embedding.embeddings.0.embedding.text",
    "embedding.text", "document.content", "tool.parameters", "tool_call.function.arguments",
    "traceloop.entity.input", "traceloop.entity.output", "traceloop.prompt.template_variables", "mlflow.spanInputs",
    "mlflow.spanOutputs", "mlflow.chat.tools", "mcp.request.argument.city", "mcp.response.value", "mcp.tool.result",
    "ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.text", "ai.response.object",
    "ai.response.reasoning", "ai.response.toolCalls", "ai.toolCall.args", "ai.toolCall.input", "ai.toolCall.result",
    "ai.toolCall.output", "ai.value", "ai.values", "ai.embedding", "anthropic.tool_result.content",
    "langfuse.observation.input", "langfuse.observation.output", "http.request.body.content", "http.response.body",
]  # fmt: skip


def written(*sources: SpanData | LogData, options: ConvertOptions = OFF) -> list[str]:
    """Everything that each record of these holds, as text."""
    spans = [source for source in sources if isinstance(source, SpanData)]
    logs = [source for source in sources if isinstance(source, LogData)]
    records = Converter(options).convert(spans, logs, observed_unix_nano=1_795_285_057_394_044_809).records
    assert records.num_rows
    assert "audit.unreadable" not in records.column("eventName").to_pylist()
    return [repr(record) for record in records.to_pylist()]


@pytest.mark.parametrize("call", CALLS)
def test_no_attribute_brings_content(call: str) -> None:
    places = [(name, value) for name in NAMES for value in VALUES]
    spans = [make_span("client", attributes={**CALLS[call], name: value}) for name, value in places]
    records = written(*spans)
    assert [place for place, record in zip(places, records, strict=True) if SECRET in record] == []


@pytest.mark.parametrize("call", ["chat", "OpenInference"])
def test_none_of_two_attributes_that_differ_brings_content(call: str) -> None:
    other = {"gen_ai.input.messages": MESSAGES.replace(SECRET, "x"), "input.value": "y"}
    spans = [make_span("client", attributes={**CALLS[call], **other, name: MESSAGES}) for name in NAMES]
    assert [name for name, record in zip(NAMES, written(*spans), strict=True) if SECRET in record] == []


def test_parameters_that_hold_instructions_are_left_out() -> None:
    parameters = json.dumps({"temperature": 0.2, "instructions": SECRET, "messages": [{"content": SECRET}]})
    attributes = {**CALLS["OpenInference"], "llm.invocation_parameters": parameters}
    assert SECRET not in str(written(make_span("client", attributes=attributes)))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("gen_ai.user.message", "content"),
        ("gen_ai.tool.message", "content"),
        ("gen_ai.choice", "message"),
        ("gen_ai.content.prompt", "gen_ai.prompt"),
        ("gen_ai.content.completion", "gen_ai.completion"),
        ("gen_ai.client.inference.operation.details", "gen_ai.input.messages"),
        ("gen_ai.unheard.of", "content"),
    ],
)
def test_no_event_brings_content(name: str, key: str) -> None:
    for value in VALUES:
        events = [EventData(name, 1_795_285_056_394_044_809, {key: value})]
        span = make_span("client", attributes=dict(CALLS["chat"]), events=events)
        assert SECRET not in str(written(span)), value
        alone = make_log(name, attributes={key: value}, trace_id="", span_id="")
        joined = make_log(name, attributes={}, body={"content": value})
        chat = make_span("client", attributes=dict(CALLS["chat"]))
        assert SECRET not in str(written(chat, alone, joined)), value
        assert SECRET not in str(written(chat, make_log(name, body=value))), value


def test_content_stays_where_it_is_on_and_what_is_none_stays_where_it_is_off() -> None:
    attributes = {**CALLS["tool"], "gen_ai.tool.call.arguments": SECRET, "gen_ai.tool.call.id": "call_1"}
    (on,) = written(make_span("client", attributes=dict(attributes)), options=ConvertOptions())
    assert SECRET in on
    (off,) = written(make_span("client", attributes=dict(attributes)))
    assert "call_1" in off
    assert "content-off" in off
    (plain,) = written(make_span("client", attributes=dict(CALLS["tool"])))
    assert "content-off" not in plain
