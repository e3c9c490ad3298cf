"""Planted in everything that a model is sent and answers, by log events and by the completion hook."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.util.genai.types import (
    BlobPart,
    FunctionToolDefinition,
    InputMessage,
    OutputMessage,
    TextPart,
    ToolCallRequestPart,
    ToolCallResponsePart,
)

import otel_audit
from leaks.artefacts import files, rows
from leaks.oracle import Oracle
from leaks.planted import Planted
from leaks.sentences import SENTENCES
from leaks.written import Written, everything_logged
from otel_audit.sdk.content import AuditCompletionHook
from sdk.written import LIFE

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}


def told_to_the_hook(text: str) -> dict[str, Any]:
    """Every kind of part, with ``text`` in it."""
    call = ToolCallRequestPart(arguments={"said": text, text: 1}, name="tool", id="call_1")
    result = ToolCallResponsePart(response=json.dumps({"said": text}), id="call_1")
    blob = BlobPart(mime_type="text/plain", modality="text", content=text.encode())
    return {
        "system_instruction": [TextPart(text)],
        "inputs": [InputMessage("user", [TextPart(text), blob, result], name=text)],
        "outputs": [OutputMessage("assistant", [TextPart(text), call], finish_reason="stop")],
        "tool_definitions": [FunctionToolDefinition("tool", text, {"enum": [text]})],
    }


def events(planted: Planted, text: str) -> list[LogRecord]:
    """Every kind of event, with ``text`` in it; the last two carry no messages."""
    function = {"name": "tool", "arguments": json.dumps({"said": text})}
    called = {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    # A secret that is one only by the name before it is looked for where both stand in one text.
    half = len(text) // 2 if planted.kind != "secret" else len(text)
    halves = [{"text": text[:half]}, {"text": text[half:]}]
    return [
        LogRecord(event_name="gen_ai.system.message", body={"content": text}),
        LogRecord(event_name="gen_ai.user.message", body={"content": halves}),
        LogRecord(event_name="gen_ai.assistant.message", body=called),
        LogRecord(event_name="gen_ai.tool.message", body={"id": "call_1", "content": text}),
        LogRecord(event_name="gen_ai.choice", body={"index": 0, "message": {"content": text}}),
        LogRecord(
            event_name="gen_ai.client.inference.operation.details",
            attributes={
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": text}]}]
            },
        ),
        LogRecord(event_name="gen_ai.choice", body=repr({"message": {"content": text}})),
        LogRecord(event_name="gen_ai.evaluation.result", attributes={"gen_ai.evaluation.explanation": text}),
        LogRecord(event_name="app.event", body=text, attributes={"audit.action": "READ", "note": text}),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, list[str]]:
    folder = tmp_path_factory.mktemp("content")
    tracers = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    loggers = LoggerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    places = {
        "destination": str(folder / "log"),
        "spool": str(folder / "spool"),
        "rotation": {"max_age": "1h"},
    }
    with everything_logged() as said:
        settings: dict[str, Any] = {**places, "streams": {"model-io": {"content": "full"}}}
        spans = otel_audit.AuditSpanProcessor(**settings)
        tracers.add_span_processor(spans)
        loggers.add_log_record_processor(otel_audit.AuditLogRecordProcessor(**settings))
        tracer, logger, hook = tracers.get_tracer("t"), loggers.get_logger("t"), AuditCompletionHook()
        for (planted, text), inside in itertools.product(SENTENCES.items(), (True, False)):
            with tracer.start_as_current_span("chat m", attributes=CHAT) as span:
                hook.on_completion(**told_to_the_hook(text), span=span)
            with tracer.start_as_current_span("chat m", attributes=CHAT):
                for event in events(planted, text) if inside else ():
                    logger.emit(event)
            for event in () if inside else events(planted, text):
                logger.emit(event)
        assert spans._recorder.make_durable(60)
        spooled = files(folder)
        loggers.shutdown()
        tracers.shutdown()
    return Written(spooled, files(folder), 0), said


def test_it_is_the_content_that_was_written(written) -> None:
    on_disk, _ = written
    found = [
        row for content in on_disk.shipped.values() for row in rows(content) if row["eventName"] not in LIFE
    ]
    sentences = len(SENTENCES)
    chats = [row for row in found if row["eventName"] == "gen_ai.chat"]
    assert len(chats) >= 4 * sentences
    hooked = [row for row in chats if row["request"] and not row["joined"]]
    assert len(hooked) >= 2 * sentences
    assert all(row["response"] and row["modelInfo"]["tools"] == ["tool"] for row in hooked if row["response"])
    assert sum(len(row["joined"]) == 7 for row in chats if row["joined"]) == sentences
    assert sum(row["eventName"] == "app.event" for row in found) == 2 * sentences


def test_nothing_planted_is_in_any_byte(written) -> None:
    on_disk, said = written
    assert [str(leak) for leak in on_disk.leaks()] == []
    assert [str(leak) for leak in Oracle().leaks(("log", line) for line in said)] == []
