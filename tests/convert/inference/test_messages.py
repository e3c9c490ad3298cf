"""Messages and parts in normal form, whoever's they are."""

from __future__ import annotations

from typing import Any

import pytest

from otel_audit.convert.inference.finish_reasons import REASONS, finish_reason
from otel_audit.convert.inference.messages import (
    input_messages,
    message,
    output_messages,
    split_system,
)
from otel_audit.convert.inference.parts import content_parts
from otel_audit.convert.inference.tools import tool_definitions

TEXT = {"type": "text", "content": "Hi"}
CALL = {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}
RESULT = {"type": "tool_call_response", "id": "c1", "response": {"b": 2}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"role": "user", "content": "Hi"}, {"role": "user", "parts": [TEXT]}),
        ({"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "user", "parts": [TEXT]}),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"role": "user", "parts": [TEXT]},
        ),
        ({"role": "user", "content": [{"text": "Hi"}]}, {"role": "user", "parts": [TEXT]}),
        ({"role": "user", "content": '[{"type": "text", "text": "Hi"}]'}, {"role": "user", "parts": [TEXT]}),
        ({"role": "user", "parts": [{"text": "Hi"}]}, {"role": "user", "parts": [TEXT]}),
        ({"type": "human", "content": "Hi"}, {"role": "user", "parts": [TEXT]}),
        ({"lc": 1, "kwargs": {"type": "human", "content": "Hi"}}, {"role": "user", "parts": [TEXT]}),
        ({"type": "human", "data": {"content": "Hi"}}, {"role": "user", "parts": [TEXT]}),
        ("Hi", {"role": "user", "parts": [TEXT]}),
        ('{"role": "user", "content": "Hi"}', {"role": "user", "parts": [TEXT]}),
        ("{'role': 'user', 'content': 'Hi'}", {"role": "user", "parts": [TEXT]}),
        ({"role": "user", "content": ""}, {"role": "user", "parts": []}),
        ({"role": "user", "content": None}, {"role": "user", "parts": []}),
        (
            {"role": "User", "name": "Jane", "content": "Hi"},
            {"role": "user", "parts": [TEXT], "name": "Jane"},
        ),
        ({"role": "model", "parts": [{"text": "Hi"}]}, {"role": "assistant", "parts": [TEXT]}),
        ({"role": "MessageRole.ASSISTANT", "content": "Hi"}, {"role": "assistant", "parts": [TEXT]}),
        (
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
                ],
            },
            {"role": "assistant", "parts": [CALL]},
        ),
        (
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
            },
            {"role": "assistant", "parts": [CALL]},
        ),
        (
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}],
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
                ],
            },
            {"role": "assistant", "parts": [CALL]},
        ),
        (
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}]},
            {"role": "assistant", "parts": [CALL]},
        ),
        (
            {"type": "function_call", "id": "fc_9", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
            {"role": "assistant", "parts": [CALL]},
        ),
        (
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]},
        ),
        ({"role": "tool", "tool_call_id": "c1", "content": '{"b":2}'}, {"role": "tool", "parts": [RESULT]}),
        ({"role": "tool", "id": "c1", "content": '{"b":2}'}, {"role": "tool", "parts": [RESULT]}),
        (
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": '{"b": 2}'}],
                    }
                ],
            },
            {"role": "tool", "parts": [RESULT]},
        ),
        (
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": '{"b": 2}'}]}}],
            },
            {"role": "tool", "parts": [RESULT]},
        ),
        (
            {
                "role": "user",
                "parts": [{"function_response": {"id": "c1", "name": "f", "response": {"b": 2}}}],
            },
            {"role": "tool", "parts": [RESULT]},
        ),
        (
            {"type": "function_call_output", "call_id": "c1", "output": '{"b":2}'},
            {"role": "tool", "parts": [RESULT]},
        ),
        ({"role": "user", "parts": [RESULT]}, {"role": "tool", "parts": [RESULT]}),
        (
            {"role": "assistant", "content": "Hi", "reasoning_content": "Greet."},
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "Greet."}, TEXT]},
        ),
        (
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "assistant", "parts": [{"type": "refusal", "content": "No."}]},
        ),
        (
            {"role": "assistant", "content": "Hi", "annotations": [], "audio": None, "logprobs": {"a": 1}},
            {"role": "assistant", "parts": [TEXT]},
        ),
        (
            {"role": "user", "content": "Hi", "annotations": ["x"]},
            {"role": "user", "parts": [TEXT], "annotations": ["x"]},
        ),
    ],
)
def test_a_message_has_one_form(given: Any, expected: Any) -> None:
    found = message(given, "user", [])
    assert found == expected
    assert list(found) == list(expected)
    assert [list(part) for part in found["parts"]] == [list(part) for part in expected["parts"]]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
        ),
        (
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
        ),
        (
            {"type": "input_image", "file_id": "file-1"},
            {"type": "file", "modality": "image", "file_id": "file-1"},
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
            {"type": "blob", "mime_type": "image/jpeg", "modality": "image", "content": "AAAA"},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
        ),
        (
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
            {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
        ),
        (
            {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
            {"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": "AAAA"},
        ),
        (
            {"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/o"}},
            {"type": "uri", "mime_type": "application/pdf", "modality": "document", "uri": "gs://b/o"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": "AAAA"},
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "modality": "document", "file_id": "file-1"},
        ),
        (
            {"type": "image", "image": "AAAA", "mediaType": "image/png"},
            {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
        ),
        (
            {"type": "blob", "mime_type": "application/pdf", "modality": "application", "content": "AAAA"},
            {"type": "blob", "mime_type": "application/pdf", "modality": "document", "content": "AAAA"},
        ),
        ({"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "reasoning", "content": "Hm."}),
        ({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"type": "reasoning", "content": "Hm."}),
        ({"text": "Hm.", "thought": True}, {"type": "reasoning", "content": "Hm."}),
        (
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "reasoning", "content": "Hm."},
        ),
        ({"content": "Hi", "type": "text"}, {"type": "text", "content": "Hi"}),
        (
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}, "citations": None},
            {"type": "text", "content": "Hi"},
        ),
        (
            {"type": "tool_call", "arguments": '{"a":1}', "name": "f", "id": ""},
            {"type": "tool_call", "name": "f", "arguments": {"a": 1}},
        ),
        (
            {"type": "tool_call", "name": "f", "arguments": "not json"},
            {"type": "tool_call", "name": "f", "arguments": "not json"},
        ),
        (
            {"type": "tool_call_response", "id": "c1", "result": "rainy, 57°F"},
            {"type": "tool_call_response", "id": "c1", "response": "rainy, 57°F"},
        ),
        (
            {"content": "Hi", "type": "text", "anthropic_x": 1},
            {"type": "text", "content": "Hi", "anthropic_x": 1},
        ),
        ({"hint": 1, "type": "novel"}, {"type": "novel", "hint": 1}),
    ],
)
def test_a_part_has_one_form(block: Any, part: Any) -> None:
    found = content_parts([block], [])
    assert found == [part]
    assert list(found[0]) == list(part)


@pytest.mark.parametrize("block", [{"type": "text", "text": ""}, {"type": "text", "content": ""}, "", None])
def test_empty_text_is_no_part(block: Any) -> None:
    assert content_parts([block], []) == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("stop", "stop"),
        ("tool_calls", "tool_call"),
        ("tool-calls", "tool_call"),
        ("tool_use", "tool_call"),
        ("function_call", "tool_call"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("STOP", "stop"),
        ("FinishReason.STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("max_tokens", "length"),
        ("length", "length"),
        ("SAFETY", "content_filter"),
        ("content-filter", "content_filter"),
        ("refusal", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("error", "error"),
        ("LANGUAGE", "language"),
        ("pause_turn", "pause_turn"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_finish_reasons_have_one_word(given: Any, word: str | None) -> None:
    assert finish_reason(given) == word
    if word in REASONS:
        assert finish_reason(word) == word


def test_a_choice_is_its_message() -> None:
    choices = [
        {"index": 0, "finish_reason": "tool_calls", "message": {"content": "Hi"},
         "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
        {"finishReason": "STOP", "message": {"role": "model", "parts": [{"text": "Hi"}]}},
        [{"text": "Hi", "generation_info": {"finish_reason": "length"},
          "message": {"lc": 1, "kwargs": {"content": "Hi", "type": "ai"}}}],
    ]  # fmt: skip
    assert output_messages(choices[:2], []) + output_messages(choices[2:], []) == [
        {"role": "assistant", "parts": [TEXT, CALL], "finish_reason": "tool_call"},
        {"role": "assistant", "parts": [TEXT], "finish_reason": "stop"},
        {"role": "assistant", "parts": [TEXT], "finish_reason": "length"},
    ]


def test_system_messages_at_the_start_are_instructions() -> None:
    one, two, late = ({"role": "system", "content": text} for text in ("one", "two", "late"))
    named = {"role": "system", "name": "policy", "content": "named"}
    user = {"role": "user", "content": "Hi"}
    parts, rest = split_system(input_messages([one, two, named, user, late], []))
    assert [part["content"] for part in parts] == ["one", "two"]
    assert [item["parts"][0]["content"] for item in rest] == ["named", "Hi", "late"]
    assert split_system(input_messages([user], [])) == ([], [{"role": "user", "parts": [TEXT]}])


SCHEMA = {"type": "object", "properties": {}}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA}


@pytest.mark.parametrize(
    "given",
    [
        [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
        [{"name": "f", "description": "d", "parameters": SCHEMA}],
        [{"name": "f", "description": "d", "input_schema": SCHEMA}],
        [{"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA}],
        [{"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}}}],
        [{"function_declarations": [{"name": "f", "description": "d", "parameters_json_schema": SCHEMA}]}],
        '[{"parameters":{"type":"object","properties":{}},"name":"f","type":"function","description":"d"}]',
        ['{"type":"function","name":"f","description":"d","inputSchema":{"type":"object","properties":{}}}'],
        [{"name": "f", "description": "d", "parameters": '{"type":"object","properties":{}}'}],
    ],
)
def test_a_tool_definition_has_one_form(given: Any) -> None:
    found = tool_definitions(given, [])
    assert found == [TOOL]
    assert list(found[0]) == list(TOOL)


def test_a_provider_s_own_tool_keeps_its_type() -> None:
    assert tool_definitions([{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}], []) == [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    ]
