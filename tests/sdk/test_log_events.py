"""GenAI events of the SDK's log pipeline: part of their span's record, or records of their own; nothing else."""

from __future__ import annotations

import gc
import io
import json
import time
from typing import Any

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord
from opentelemetry._logs import _internal as logs_api
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once

import otel_audit
from otel_audit.sdk import log_events, log_tap
from sdk.written import rows

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture
def tracers():
    made = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    yield made
    made.shutdown()


@pytest.fixture
def loggers():
    made = LoggerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    yield made
    made.shutdown()


@pytest.fixture
def no_logger_provider(monkeypatch):
    """A process in which nobody has set a global logger provider yet, and anybody may; no other log listens."""
    monkeypatch.setattr(log_tap, "_taps", [])
    monkeypatch.setattr(logs_api, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(logs_api, "_LOGGER_PROVIDER_SET_ONCE", Once())


@pytest.fixture
def audited(tracers, loggers, places):
    tracers.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    loggers.add_log_record_processor(otel_audit.AuditLogRecordProcessor(**places))
    return places


def start_chat(tracers: TracerProvider) -> Any:
    return tracers.get_tracer("openai").start_as_current_span("chat m", kind=SpanKind.CLIENT, attributes=CHAT)


def say(logger: _logs.Logger, text: str, **members: Any) -> None:
    logger.emit(LogRecord(event_name="gen_ai.user.message", body={"content": text}, **members))


def processors(loggers: LoggerProvider) -> Any:
    return loggers._multi_log_record_processor._log_record_processors


def records(places: dict[str, str]) -> list[dict[str, Any]]:
    """Of the log, with the texts that a model was sent, in their order."""
    found = rows(places)
    for row in found:
        row["said"] = [
            part["content"]
            for message in json.loads(row["request"] or "{}").get("messages", [])
            for part in message["parts"]
        ]
    return sorted(found, key=lambda row: row["said"])


def test_events_of_a_span_in_progress_are_part_of_its_record(audited, tracers, loggers) -> None:
    logger = loggers.get_logger("openai")
    with start_chat(tracers):
        say(logger, "I am jane.doe@example.com")
        logger.emit(LogRecord(event_name="gen_ai.choice", body=CHOICE))
    tracers.shutdown()
    loggers.shutdown()
    (record,) = records(audited)
    assert record["eventName"] == "gen_ai.chat"
    assert record["said"] == ["I am [EMAIL]"]
    assert json.loads(record["response"])[0]["parts"] == [{"type": "text", "content": "Hello"}]
    assert len(record["joined"]) == 2


def test_events_before_after_and_without_a_span_are_records_of_their_own(audited, tracers, loggers) -> None:
    logger = loggers.get_logger("openai")
    say(logger, "1 without")
    with start_chat(tracers) as span:
        context = trace.set_span_in_context(span)
    assert tracers.force_flush()
    say(logger, "2 after", context=context)
    tracers.shutdown()
    loggers.shutdown()
    chat, without, after = records(audited)
    assert (without["said"], after["said"]) == (["1 without"], ["2 after"])
    assert without["eventName"] == after["eventName"] == "gen_ai.message"
    assert without["traceId"] is None
    assert (after["traceId"], after["spanId"]) == (chat["traceId"], chat["spanId"])


def test_an_event_in_a_span_that_is_no_inference_is_a_record_of_its_own(audited, tracers, loggers) -> None:
    with tracers.get_tracer("web").start_as_current_span(
        "GET", kind=SpanKind.SERVER, attributes={"http.request.method": "GET", "url.path": "/"}
    ):
        say(loggers.get_logger("openai"), "Hi")
    tracers.shutdown()
    loggers.shutdown()
    request, event = records(audited)
    assert request["eventName"] == "http.server"
    assert (event["eventName"], event["said"]) == ("gen_ai.message", ["Hi"])
    assert event["spanId"] == request["spanId"]


def test_what_carries_audit_attributes_is_a_record_at_once(audited, tracers, loggers) -> None:
    login = {"audit.actor.id": "u8472", "audit.action": "LOGIN"}
    with start_chat(tracers):
        loggers.get_logger("app").emit(LogRecord(event_name="user.login", attributes=login))
        assert loggers.force_flush()
        (record,) = records(audited)
    assert (record["eventName"], record["stream"], record["action"]) == ("user.login", "platform", "LOGIN")
    loggers.shutdown()


def test_a_genai_event_that_carries_audit_attributes_is_a_record_too(audited, tracers, loggers) -> None:
    with start_chat(tracers):
        say(loggers.get_logger("openai"), "Hi", attributes={"audit.action": "APPROVE"})
    tracers.shutdown()
    loggers.shutdown()
    chat, event = sorted(records(audited), key=lambda row: row["eventName"])
    assert (chat["joined"], chat["said"]) == (None, [])
    assert (event["action"], event["said"], event["spanId"]) == ("APPROVE", ["Hi"], chat["spanId"])


def test_all_other_logs_are_left_alone(audited, loggers) -> None:
    logger = loggers.get_logger("app")
    for record in (
        LogRecord(body="jane.doe@example.com logged in", attributes={"code.line.number": 3}),
        LogRecord(event_name="browser.page_view", attributes={"event.name": "browser.page_view"}),
        LogRecord(body={"gen_ai": "no event"}, attributes={"event.name": 7}),
        LogRecord(),
    ):
        logger.emit(record)
    loggers.shutdown()
    assert records(audited) == []


def test_what_is_wanted_is_seen_by_names_alone() -> None:
    class Unread:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    assert log_events.is_wanted("gen_ai.choice", Unread())  # type: ignore[arg-type]


def test_emitters_are_not_asked_for_logs_that_nobody_takes(audited, loggers) -> None:
    (processor,) = processors(loggers)
    assert processor.enabled(event_name="gen_ai.choice")
    assert not processor.enabled()


def test_an_event_that_cannot_be_read_costs_the_application_nothing(audited, loggers) -> None:
    class Hostile(dict):
        def items(self):
            raise RuntimeError("secret")

    loggers.get_logger("app").emit(LogRecord(event_name="gen_ai.choice", body=Hostile(a=1)))
    (processor,) = processors(loggers)
    assert processor.events.recorder.lost() == {"internal-error": 1}


def test_doors_of_one_log_take_an_event_once_and_each_log_takes_it(
    tracers, loggers, places, tmp_path
) -> None:
    other = {"destination": str(tmp_path / "other"), "spool": str(tmp_path / "other-spool")}
    for where in (places, other):
        tracers.add_span_processor(otel_audit.AuditSpanProcessor(**where))
        for _ in range(2):
            loggers.add_log_record_processor(otel_audit.AuditLogRecordProcessor(**where))
    logger = loggers.get_logger("openai")
    with start_chat(tracers):
        say(logger, "within")
    say(logger, "without")
    tracers.shutdown()
    loggers.shutdown()
    for where in (places, other):
        assert [row["said"] for row in records(where)] == [["within"], ["without"]]


@pytest.mark.parametrize("bound", ["MOST_ON_A_SPAN", "MOST_BYTES"])
def test_an_event_that_finds_no_room_is_a_record_of_its_own(
    audited, tracers, loggers, monkeypatch, bound
) -> None:
    logger = loggers.get_logger("openai")
    gc.collect()
    bounds = {"MOST_ON_A_SPAN": 1, "MOST_BYTES": log_events._room.taken + 1500}
    monkeypatch.setattr(log_events, bound, bounds[bound])
    with start_chat(tracers):
        say(logger, "1 waits" + 1000 * ".")
        say(logger, "2 does not" + 1000 * ".")
        assert loggers.force_flush()  # in one batch the two would join all the same
    tracers.shutdown()
    loggers.shutdown()
    first, second = records(audited)
    assert (first["eventName"], second["eventName"]) == ("gen_ai.chat", "gen_ai.message")
    assert second["said"][0].startswith("2 does not")


def test_what_waited_gives_its_room_back_even_if_its_span_never_ends(audited, tracers, loggers) -> None:
    gc.collect()
    before = log_events._room.taken
    span = tracers.get_tracer("openai").start_span("chat m", attributes=CHAT)
    with trace.use_span(span, end_on_exit=False):
        say(loggers.get_logger("openai"), 100_000 * "x")
    assert log_events._room.taken - before > 100_000
    del span
    gc.collect()
    assert log_events._room.taken == before


@pytest.mark.parametrize("is_apart", [True, False])
def test_a_span_that_ends_while_its_event_comes_loses_nothing(audited, tracers, loggers, is_apart) -> None:
    """Whether the event was still seen cannot be known then: it is a record of its own besides."""
    span = tracers.get_tracer("openai").start_span("chat m", attributes=CHAT)

    class Racing(trace.NonRecordingSpan):
        answers = iter([True, False])

        def is_recording(self) -> bool:
            return next(self.answers)

    context = trace.set_span_in_context(Racing(span.get_span_context()))
    say(loggers.get_logger("openai"), "Hi", context=context)
    if is_apart:
        assert loggers.force_flush()
    span.end()
    tracers.shutdown()
    loggers.shutdown()
    chat, *events = sorted(records(audited), key=lambda row: row["eventName"])
    assert chat["said"] == ["Hi"]
    assert len(chat["joined"]) == 1
    assert [event["recordId"] for event in events] == (chat["joined"] if is_apart else [])


def test_in_strict_delivery_an_event_is_durable_when_its_emitter_goes_on(loggers, places) -> None:
    loggers.add_log_record_processor(otel_audit.AuditLogRecordProcessor(**places, delivery="strict"))
    say(loggers.get_logger("openai"), "Hi")
    (processor,) = processors(loggers)
    assert processor.events.recorder.queue_depth() == 0
    assert processor.events.recorder.spool_bytes() > 0
    loggers.shutdown()


def test_a_provider_that_is_there_gets_a_processor_and_gives_it_back(
    no_logger_provider, tracers, loggers, places
) -> None:
    _logs.set_logger_provider(loggers)
    with otel_audit.install(provider=tracers, **places):
        assert len(processors(loggers)) == 1
        say(_logs.get_logger("openai"), "Hi")
    assert processors(loggers) == ()
    assert [row["said"] for row in records(places)] == [["Hi"]]


def test_without_a_log_sdk_events_are_heard_all_the_same(no_logger_provider, tracers, places) -> None:
    emit, set_provider = logs_api.ProxyLogger.emit, logs_api._set_logger_provider
    early = _logs.get_logger("openai", "1.2")
    with otel_audit.install(provider=tracers, **places):
        with start_chat(tracers):
            say(early, "1 joined")
        late = _logs.get_logger("openai")
        late.emit(event_name="gen_ai.user.message", body={"content": "2 by its members"})
        late.emit(body="no event")
        assert logs_api._LOGGER_PROVIDER is None, "whether there is a provider is the application's business"
    say(early, "3 after the end")
    first, second = records(places)
    assert (first["said"], second["said"]) == (["1 joined"], ["2 by its members"])
    assert second["service"]["name"] == "shop"
    assert second["scope"]["name"] == "openai"
    assert (logs_api.ProxyLogger.emit, logs_api._set_logger_provider) == (emit, set_provider)


def test_a_provider_that_is_set_later_gets_a_processor(no_logger_provider, tracers, loggers, places) -> None:
    early = _logs.get_logger("openai")
    with otel_audit.install(provider=tracers, **places):
        say(early, "1 before")
        _logs.set_logger_provider(loggers)
        say(early, "2 through the proxy")
        say(_logs.get_logger("openai"), "3 directly")
    assert _logs.get_logger_provider() is loggers
    assert processors(loggers) == ()
    assert [row["said"] for row in records(places)] == [["1 before"], ["2 through the proxy"], ["3 directly"]]


def test_other_exporters_of_logs_see_what_they_saw_before(
    no_logger_provider, tracers, loggers, places
) -> None:
    out = io.StringIO()
    exporter = ConsoleLogRecordExporter(out=out, formatter=lambda record: record.to_json(indent=None) + "\n")
    loggers.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    _logs.set_logger_provider(loggers)

    def speak() -> list[dict[str, Any]]:
        out.seek(0)
        out.truncate()
        logger = _logs.get_logger("openai")
        with start_chat(tracers):
            say(logger, "Hi", timestamp=time.time_ns())
            logger.emit(LogRecord(body="a line of a log"))
        seen = [json.loads(line) for line in out.getvalue().splitlines()]
        for line in seen:
            for own in ("trace_id", "span_id", "timestamp", "observed_timestamp"):
                del line[own]
        return seen

    before = speak()
    with otel_audit.install(provider=tracers, **places):
        assert speak() == before
    assert len(before) == 2


def test_a_second_log_of_the_process_hears_proxies_too(no_logger_provider, tracers, places, tmp_path) -> None:
    other = {"destination": str(tmp_path / "other"), "spool": str(tmp_path / "other-spool")}
    with otel_audit.install(provider=tracers, **places):
        with otel_audit.install(provider=tracers, **other):
            say(_logs.get_logger("openai"), "both")
        say(_logs.get_logger("openai"), "one")
    assert [row["said"] for row in records(places)] == [["both"], ["one"]]
    assert [row["said"] for row in records(other)] == [["both"]]
