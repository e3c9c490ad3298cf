"""GenAI log events: which join their span, what of them is kept, what becomes of those that stand alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convert.building import START, make_log, make_span, records_of
from convert.inference.sources import (
    CORPUS,
    FIXTURES,
    corpus_logs,
    corpus_spans,
    event_id,
    exported,
    request_of,
    response_of,
)
from otel_audit.convert import events, notes
from otel_audit.convert.inference import read
from otel_audit.convert.spans import LogData, SpanData

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
HI = {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
HELLO = {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}
DETAILS = "gen_ai.client.inference.operation.details"


def chat(**attributes: Any) -> SpanData:
    return make_span("client", "chat m", attributes={**CHAT, **attributes})


def event(name: str, body: Any = None, at: int = START, **fields: Any) -> LogData:
    one = chat()
    values = {"trace_id": one.trace_id, "span_id": one.span_id, "attributes": {"gen_ai.system": "openai"}}
    return make_log(name, body=body, time_unix_nano=at, **values | fields)


def joined(span: SpanData, *logs: LogData) -> list[LogData]:
    return events.join([span], logs, lambda log: f"id of {log.name}")


@pytest.mark.parametrize(
    "run", ["genai_openai_span_and_event", "genai_openai_event_only", "openai_v2_capture_true"]
)
def test_every_event_of_a_run_joins_its_span(run: str) -> None:
    spans, logs = corpus_spans(run), corpus_logs(run)
    assert sum(len(span.joined) for span in spans) == len(logs)
    for span in spans:
        assert read(span) is not None
        assert [item.name for item in span.events] == []
        assert not any(key.startswith("gen_ai.input") for key in span.attributes)


def test_messages_of_events_become_those_of_the_span() -> None:
    span = chat()
    logs = [
        event(
            "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Hello"}}, START + 9
        ),
        event("gen_ai.user.message", {"content": "Hi"}, START + 2),
        event("gen_ai.system.message", {"content": "Be brief."}, START + 1),
    ]
    assert joined(span, *logs) == []
    assert span.joined == ("id of gen_ai.system.message", "id of gen_ai.user.message", "id of gen_ai.choice")
    call = read(span)
    assert call is not None
    assert request_of(call) == {
        "systemInstructions": [{"type": "text", "content": "Be brief."}],
        "messages": [HI],
    }
    assert response_of(call) == [HELLO]
    assert call.model_info["finishReasons"] == ["stop"]
    assert list(span.events) == []


def test_an_event_that_carries_audit_attributes_joins_none() -> None:
    log = event("gen_ai.user.message", {"content": "Hi"}, attributes={"audit.action": "APPROVE"})
    assert joined(chat(), log) == [log]


def test_choices_stand_in_the_order_of_their_index() -> None:
    span = chat()
    logs = [event("gen_ai.choice", {"index": index, "message": {"content": str(index)}}) for index in (1, 0)]
    assert joined(span, *logs) == []
    call = read(span)
    assert call is not None
    assert [item["parts"][0]["content"] for item in response_of(call)] == ["0", "1"]


@pytest.mark.parametrize(
    "body",
    [
        {"content": "Hi"},
        json.dumps({"content": "Hi"}),
        "{'content': 'Hi', 'role': 'user'}",
        "Hi",
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ],
)
def test_a_body_may_be_an_object_its_json_its_repr_or_text(body: Any) -> None:
    call = events.read(event("gen_ai.user.message", body))
    assert call is not None
    assert request_of(call) == {"messages": [HI]}


def test_details_fill_what_the_span_left_open() -> None:
    span = chat()
    details = {
        **CHAT,
        "gen_ai.input.messages": [HI],
        "gen_ai.output.messages": [HELLO],
        "gen_ai.usage.input_tokens": 3,
    }
    assert joined(span, event(DETAILS, attributes=details)) == []
    call = read(span)
    assert call is not None
    assert (request_of(call), response_of(call)) == ({"messages": [HI]}, [HELLO])
    assert call.model_info["inputTokens"] == 3
    assert list(span.events) == []
    assert span.oddities == []


def test_details_that_say_the_same_leave_nothing() -> None:
    known = {
        "gen_ai.input.messages": json.dumps([HI]),
        "gen_ai.usage.input_tokens": 3,
        "server.address": "llm",
    }
    span = chat(**known)
    details = {**CHAT, **known, "gen_ai.input.messages": [HI]}
    assert joined(span, event(DETAILS, attributes=details)) == []
    assert read(span) is not None
    assert list(span.events) == []
    assert span.attributes == {"server.address": "llm"}


def test_what_an_event_says_differently_stays_an_event() -> None:
    span = chat(**{"gen_ai.input.messages": json.dumps([HI]), "gen_ai.usage.input_tokens": 3})
    details = {**CHAT, "gen_ai.input.messages": [HELLO], "gen_ai.usage.input_tokens": 4, "extra": True}
    assert joined(span, event(DETAILS, attributes=details)) == []
    call = read(span)
    assert call is not None
    assert request_of(call) == {"messages": [HI]}
    assert [(item.name, item.attributes) for item in span.events] == [
        (DETAILS, {"gen_ai.input.messages": [HELLO], "gen_ai.usage.input_tokens": 4, "extra": True})
    ]


def test_other_messages_than_the_span_s_stay_events() -> None:
    span = chat(**{"gen_ai.input.messages": json.dumps([HI])})
    assert joined(span, event("gen_ai.user.message", {"content": "something else"})) == []
    assert read(span) is not None
    assert [item.attributes["gen_ai.event.content"] for item in span.events] == [
        {"content": "something else"}
    ]


def test_further_attributes_of_a_message_event_stay() -> None:
    span = chat()
    log = event("gen_ai.user.message", {"content": "Hi"}, attributes={"gen_ai.system": "openai", "retry": 2})
    assert joined(span, log) == []
    assert read(span) is not None
    assert [item.attributes for item in span.events] == [{"retry": 2}]


@pytest.mark.parametrize(
    "log",
    [
        event("gen_ai.user.message", {"content": "Hi"}, trace_id="", span_id=""),
        event("gen_ai.user.message", {"content": "Hi"}, span_id="00f067aa0ba902b7"),
        event("gen_ai.evaluation.result", attributes={"gen_ai.evaluation.name": "Relevance"}),
        event("user.login", {"content": "Hi"}),
    ],
)
def test_what_belongs_to_no_call_stands_alone(log: LogData) -> None:
    span = chat()
    assert joined(span, log) == [log]
    assert span.joined == ()
    assert list(span.events) == []


def test_an_event_of_a_span_that_is_no_inference_stands_alone() -> None:
    span = make_span("server", attributes={"http.request.method": "GET"})
    log = event("gen_ai.user.message", {"content": "Hi"})
    assert joined(span, log) == [log]


def test_a_lone_message_is_a_call_of_its_own() -> None:
    log = event("gen_ai.user.message", {"content": "Hi"}, trace_id="", span_id="")
    call = events.read(log)
    assert call is not None
    assert call.operation == "message"
    assert call.request == '{"messages":[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]}'
    assert call.model_info == {"provider": "openai", "operation": "message"}
    assert (log.attributes, log.body) == ({}, None)


def test_a_lone_choice_is_a_call_of_its_own() -> None:
    body = {"index": 1, "finish_reason": "tool_calls", "message": {}, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]}  # fmt: skip
    call = events.read(event("gen_ai.choice", body))
    assert call is not None
    assert call.operation == "choice"
    assert call.response == (
        '[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"f","arguments":{"a":1}}],'
        '"finish_reason":"tool_call"}]'
    )
    assert call.model_info["extra"] == {"choiceIndex": "1"}


def test_lone_details_are_the_call_they_tell_of() -> None:
    log = event(DETAILS, attributes={**CHAT, "gen_ai.input.messages": [HI], "server.address": "llm"})
    call = events.read(log)
    assert call is not None
    assert (call.operation, request_of(call)) == ("chat", {"messages": [HI]})
    assert log.attributes == {"server.address": "llm"}


def test_a_grade_is_an_evaluation_and_keeps_what_it_says() -> None:
    grade = {
        "gen_ai.evaluation.name": "Relevance",
        "gen_ai.evaluation.score.value": 4.0,
        "gen_ai.evaluation.explanation": "Answers the question of Jane.",
    }
    log = event("gen_ai.evaluation.result", attributes={**grade, "gen_ai.response.id": "chatcmpl-1"})
    call = events.read(log)
    assert call is not None
    assert call.operation == "evaluation"
    assert call.model_info["responseId"] == "chatcmpl-1"
    assert log.attributes == grade


def test_any_other_event_is_left_as_it_was() -> None:
    log = event("user.login", {"content": "Hi"}, attributes={"audit.actor.id": "u1"})
    assert events.read(log) is None
    assert (log.attributes, log.body) == ({"audit.actor.id": "u1"}, {"content": "Hi"})


def test_a_cut_body_is_kept_as_text_and_noted() -> None:
    log = event("gen_ai.user.message", '{"content": "My card is 4111 11')
    call = events.read(log)
    assert call is not None
    assert request_of(call)["messages"][0]["parts"] == [
        {"type": "text", "content": '{"content": "My card is 4111 11'}
    ]
    assert log.oddities == [notes.CONTENT_UNREADABLE]


def test_a_result_told_twice_is_one_message() -> None:
    """Bedrock's instrumentation writes a tool's result by itself and within the user's message."""
    span = chat()
    result = {"toolResult": {"toolUseId": "c1", "content": [{"text": "18"}]}}
    logs = [
        event("gen_ai.tool.message", {"id": "c1", "content": [{"text": "18"}]}),
        event("gen_ai.user.message", {"content": [result]}),
    ]
    assert joined(span, *logs) == []
    call = read(span)
    assert call is not None
    assert request_of(call)["messages"] == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "18"}]}
    ]


def test_records_of_a_run_are_the_same_however_its_content_came() -> None:
    """Spans with content, and spans without it whose events have it, give the same requests and responses."""

    def contents(run: str) -> list[tuple[Any, Any]]:
        logs = CORPUS / f"{run}.logs.json"
        found = records_of(
            *exported(CORPUS / f"{run}.json").spans,
            logs=tuple(exported(logs).logs) if logs.exists() else (),
        )
        return [(record.get("request"), record.get("response")) for record in found]

    assert contents("genai_openai_event_only") == contents("genai_openai_span_only")
    assert contents("genai_openai_span_and_event") == contents("genai_openai_span_only")


def test_an_id_is_the_same_joined_and_alone() -> None:
    log = event("gen_ai.user.message", {"content": "Hi"})
    [alone] = records_of(logs=(event("gen_ai.user.message", {"content": "Hi"}),))
    [record] = records_of(chat(), logs=(log,))
    assert record["joined"] == [alone["recordId"]]
    assert alone["eventName"] == "gen_ai.message"


def test_tool_definitions_that_come_as_a_user_message_are_such() -> None:
    log = next(
        log
        for log in exported(FIXTURES / "anthropic_openllmetry_events.logs.json").logs
        if "input_schema" in str(log.body)
    )
    assert (log.trace_id, log.span_id) == ("", "")

    call = events.read(log)

    assert call is not None
    assert request_of(call) == {
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "Look up the weather",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            }
        ]
    }
    assert call.model_info["tools"] == ["get_weather"]
    assert log.oddities == []


def test_a_vector_that_comes_as_a_choice_is_an_embedding() -> None:
    spans = exported(FIXTURES / "openai_openllmetry_events.json").spans
    events.join(spans, exported(FIXTURES / "openai_openllmetry_events.logs.json").logs, event_id)

    call = next(call for span in spans if (call := read(span)) and call.operation == "embeddings")

    assert call.request == '{"input":["hi"]}'
    assert call.response == '{"embeddings":[[0.1,0.2]]}'


def test_a_lone_vector_is_an_embedding() -> None:
    call = events.read(event("gen_ai.choice", {"index": 1, "message": {"content": [0.25, 0.5]}}))

    assert call is not None
    assert call.response == '{"embeddings":[[0.25,0.5]]}'
    assert call.model_info["extra"] == {"choiceIndex": "1"}
