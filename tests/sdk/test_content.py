"""``content = "full"``: what the real instrumentation leaves out is in our log, and in nobody else's."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.util.genai.completion_hook import CompletionHook

import otel_audit
from otel_audit.sdk.content import AuditCompletionHook
from otel_audit.sdk.content_switch import CONFIGURED, HOOK, ContentSwitch, read_switch
from sdk.written import rows
from servers.fake_llm import serving

FULL = {"model-io": {"content": "full"}}
QUESTION = "I am jane.doe@example.com. Where is my order?"
TOOL = {
    "type": "function",
    "function": {"name": "find_order", "description": "Finds an order", "parameters": {"type": "object"}},
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as url:
        yield f"{url}/v1"


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in [HOOK, CONFIGURED, *(n for n in os.environ if "CAPTURE_MESSAGE_CONTENT" in n)]:
        monkeypatch.delenv(name, raising=False)


@dataclass
class App:
    """An application with exporters of its own for spans and logs, whose openai client is instrumented."""

    endpoint: str
    tracers: TracerProvider
    loggers: LoggerProvider
    seen: io.StringIO

    def instrument(self, **options: Any) -> None:
        OpenAIInstrumentor().instrument(tracer_provider=self.tracers, logger_provider=self.loggers, **options)

    def ask(self, **more: Any) -> str | None:
        client = openai.OpenAI(
            base_url=self.endpoint, api_key="sk-proj-FAKESECRETKEYqWx7zvLpd", max_retries=0
        )
        messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
        answer: Any = client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=[TOOL], tool_choice="none", **more
        )
        if more.get("stream"):
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        return answer.choices[0].message.content


@pytest.fixture
def app(endpoint) -> Iterator[App]:
    seen = io.StringIO()
    tracers, loggers = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=seen)))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter(out=seen)))
    yield App(endpoint, tracers, loggers, seen)
    OpenAIInstrumentor().uninstrument()
    tracers.shutdown()
    loggers.shutdown()


def the_chat(places: dict[str, str]) -> dict[str, Any]:
    (record,) = [row for row in rows(places) if row["eventName"] == "gen_ai.chat"]
    return record


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_instrumentation_leaves_out_is_in_our_log_alone(app, places, stream) -> None:
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        app.instrument()
        app.ask(stream=stream)
    record = the_chat(places)
    request = json.loads(record["request"])
    assert request["systemInstructions"] == [{"type": "text", "content": "Be brief."}]
    assert request["messages"][0]["parts"] == [
        {"type": "text", "content": "I am [EMAIL]. Where is my order?"}
    ]
    assert [tool["name"] for tool in request["tools"]] == ["find_order"]
    (answer,) = json.loads(record["response"])
    assert answer["role"] == "assistant"
    assert record["joined"] is None, "no event was emitted"
    assert '"chat gpt-4o-mini"' in app.seen.getvalue(), "its own exporter still sees the span"
    for text in ("jane.doe", "Be brief", "find_order", "Order 1001"):
        assert text not in app.seen.getvalue()


@pytest.mark.parametrize("mode", ["SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"])
def test_what_is_captured_anyway_is_written_once(app, places, monkeypatch, mode) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", mode)
    with otel_audit.install(provider=app.tracers, streams=FULL, **places) as installation:
        app.loggers.add_log_record_processor(otel_audit.AuditLogRecordProcessor(streams=FULL, **places))
        app.instrument()
        app.ask()
        assert installation.flush()
    record = the_chat(places)
    assert json.loads(record["request"])["messages"][0]["role"] == "user"
    assert json.loads(record["response"])[0]["finish_reason"] == "tool_call"
    assert not record["events"]
    assert "duplicate-key" not in (record["attributes"] or "")
    assert len(record["joined"] or []) == (mode != "SPAN_ONLY")


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT", (False, False)),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "false", (False, False)),
        ("TRACELOOP_TRACE_CONTENT", "false", (False, False)),
        ("OPENINFERENCE_HIDE_INPUTS", "true", (False, True)),
        ("OPENINFERENCE_HIDE_OUTPUT_MESSAGES", "true", (True, False)),
        ("OPENINFERENCE_HIDE_OUTPUTS", "false", (True, True)),
    ],
)
def test_an_explicit_switch_wins(app, places, monkeypatch, name, value, written) -> None:
    monkeypatch.setenv(name, value)
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        app.instrument()
        app.ask()
    record = the_chat(places)
    assert (record["request"] is not None, record["response"] is not None) == written


def test_a_log_that_asks_for_less_gets_less(app, places, tmp_path) -> None:
    other = {"destination": str(tmp_path / "other"), "spool": str(tmp_path / "other-spool")}
    with (
        otel_audit.install(provider=app.tracers, streams=FULL, **places),
        otel_audit.install(provider=app.tracers, **other),
    ):
        app.instrument()
        app.ask()
    assert the_chat(places)["request"] is not None
    assert the_chat(other)["request"] is None


def test_by_default_no_hook_is_chosen_and_nothing_is_collected(app, places) -> None:
    with otel_audit.install(provider=app.tracers, **places):
        assert HOOK not in os.environ
        app.instrument(completion_hook=AuditCompletionHook())
        app.ask()
    assert the_chat(places)["request"] is None


class Theirs:
    """A hook of the application."""

    def __init__(self, *, fails: bool = False) -> None:
        self.calls: list[dict[str, Any]] = []
        self._fails = fails

    def on_completion(self, **call: Any) -> None:
        self.calls.append(call)
        if self._fails:
            raise RuntimeError("theirs")


@pytest.mark.parametrize("fails", [False, True])
def test_the_hook_of_the_application_is_called_as_before(app, places, fails) -> None:
    theirs = Theirs(fails=fails)
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        app.instrument(completion_hook=AuditCompletionHook(theirs))
        app.ask()
    (call,) = theirs.calls
    assert call["inputs"][-1].parts[0].content == QUESTION
    assert call["span"] is not None
    assert the_chat(places)["request"] is not None


def test_the_hook_that_was_configured_is_loaded_beside_ours(app, places, monkeypatch, tmp_path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv(HOOK, "upload")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH", str(uploads))
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        assert (os.environ[HOOK], os.environ[CONFIGURED]) == ("otel_audit", "upload")
        hook = AuditCompletionHook()
        app.instrument(completion_hook=hook)
        app.ask()
        hook._beside.shutdown()
    assert (os.environ.get(HOOK), os.environ.get(CONFIGURED)) == ("upload", None)
    assert any(QUESTION in path.read_text() for path in uploads.iterdir())
    assert the_chat(places)["request"] is not None


def test_a_hook_that_is_not_there_costs_ours_nothing(app, places, monkeypatch) -> None:
    monkeypatch.setenv(HOOK, "no-such-hook")
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        app.instrument()
        app.ask()
    assert the_chat(places)["request"] is not None


def test_ours_is_one_by_the_packages_own_protocol() -> None:
    assert isinstance(AuditCompletionHook(), CompletionHook)


def test_binary_parts_are_written_in_base64_and_hostile_ones_cost_nothing(app, places) -> None:
    from opentelemetry.util.genai.types import BlobPart, InputMessage

    class Hostile:
        __dataclass_fields__ = property(lambda self: 1 / 0)

    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}
    image = InputMessage("user", [BlobPart("image/png", "image", b"\x89PNG")])
    with otel_audit.install(provider=app.tracers, streams=FULL, **places):
        hook = AuditCompletionHook()
        with app.tracers.get_tracer("t").start_as_current_span("chat m", attributes=chat) as span:
            hook.on_completion(inputs=[Hostile()], span=span)
            hook.on_completion(inputs=[image], span=span)
    (part,) = json.loads(the_chat(places)["request"])["messages"][0]["parts"]
    assert (part["type"], part["mime_type"]) == ("blob", "image/png")


def test_a_blank_switch_says_nothing() -> None:
    blank = dict.fromkeys(
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "TRACELOOP_TRACE_CONTENT"), " "
    )
    assert read_switch(blank) == read_switch({}) == ContentSwitch(inputs=True, outputs=True)
    assert not read_switch({"OPENINFERENCE_HIDE_INPUTS": "true", "OPENINFERENCE_HIDE_OUTPUTS": "TRUE"})
