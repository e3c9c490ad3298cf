"""Nothing that a span can hold makes reading raise, and nothing that is not understood gets lost."""

from __future__ import annotations

import copy
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from convert.inference.sources import CORPUS, FIXTURES, call_of, exported, request_of, response_of, span
from otel_audit.convert import notes
from otel_audit.convert.inference import OPERATIONS, InferenceCall, read
from otel_audit.convert.inference.semconv_fields import FIELDS
from otel_audit.convert.spans import EventData
from otel_audit.record.schema import MODEL_INFO

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}

SEEN_KEYS = sorted(
    {
        key
        for path in [*CORPUS.glob("[!h]*.json"), *FIXTURES.glob("*.json")]
        if "logs" not in path.name
        for one in exported(path).spans
        for key in one.attributes
    }
    | set(FIELDS)
)

SCOPES = (
    "test",
    "openinference.instrumentation.llama_index",
    "opentelemetry.instrumentation.mcp.instrumentation",
)

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["role", "content", "parts", "type", "text", "tool_calls", "function", "name", "arguments", "id",
             "message", "finish_reason", "choices", "messages", "model", "usage", "image_url", "url",
             "source", "data", "output", "kwargs", "lc", "toolUse", "functionCall", "response", "embedding"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip

VALUES = (
    st.text(max_size=12)
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=6)
    | st.none()
    | JSON_LIKE
    | JSON_LIKE.map(json.dumps)
    | JSON_LIKE.map(lambda value: json.dumps(value)[:-1])
    | st.sampled_from(
        ["LLM", "CHAIN", "chat", "tool", "workflow", '"CHAT_MODEL"', "ai.generateText.doGenerate"]
    )
)

ATTRIBUTES = st.dictionaries(st.sampled_from(SEEN_KEYS), VALUES, max_size=8)

EVENTS = st.lists(
    st.builds(
        EventData,
        st.sampled_from(
            ["gen_ai.user.message", "gen_ai.choice", "gen_ai.tool.message", "gen_ai.content.prompt",
             "gen_ai.client.inference.operation.details", "exception"]
        ),
        st.integers(0, 9),
        st.dictionaries(
            st.sampled_from(
                ["gen_ai.event.content", "content", "message", "index", "gen_ai.prompt",
                 "gen_ai.input.messages", "gen_ai.system"]
            ),
            VALUES,
            max_size=3,
        ),
    ),
    max_size=3,
)  # fmt: skip

CHILDREN = {field.name: field.type for field in MODEL_INFO}


def check(call: InferenceCall) -> None:
    """A call has the types that columns ask for, and its texts are minified JSON."""
    assert call.operation in OPERATIONS
    for name, value in call.model_info.items():
        pa.array([list(value.items()) if isinstance(value, dict) else value], CHILDREN[name])
    for text in (call.request, call.response, call.model_info.get("requestParameters")):
        if text is not None:
            assert isinstance(text, str)
            tree = json.loads(text)
            assert json.loads(json.dumps(tree)) == tree
            assert len(json.dumps(tree, ensure_ascii=False, separators=(",", ":"))) >= len(text) - 400
            assert "\u2028" not in text
            text.encode()
    for origin, user in call.users:
        assert origin
        assert user
        assert isinstance(user, str)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ATTRIBUTES, EVENTS, st.sampled_from(SCOPES))
def test_any_attributes_are_read_or_left(
    attributes: dict[str, Any], span_events: list[EventData], scope: str
) -> None:
    one = span(attributes, scope=scope, span_events=span_events)
    before = copy.deepcopy((one.attributes, one.events))
    call = read(one)
    if call is None:
        assert repr((one.attributes, one.events)) == repr(before)
        assert one.oddities == []
        return
    check(call)
    assert set(one.oddities) <= notes.VOCABULARY


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEN_KEYS), VALUES)
@example("gen_ai.usage.input_tokens", "many")
@example("gen_ai.response.finish_reasons", {"a": 1})
@example("gen_ai.request.model", ["m"])
@example("gen_ai.conversation.id", 7)
@example("gen_ai.provider.name", 3.5)
def test_a_wrong_type_stays_where_it_was(key: str, value: Any) -> None:
    """A value that its field cannot take is still among the attributes, with its type."""
    one = span({**CHAT, key: value} if key not in CHAT else CHAT)
    call = read(one)
    assert call is not None
    check(call)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gen_ai.usage.input_tokens", "many"),
        ("gen_ai.usage.output_tokens", True),
        ("gen_ai.usage.input_tokens", 2**53),
        ("gen_ai.response.finish_reasons", [1]),
        ("gen_ai.response.id", 7),
        ("gen_ai.conversation.id", ["a"]),
        ("gen_ai.request.stream", "yes"),
        ("gen_ai.user", {"id": "a"}),
    ],
)
def test_wrong_types_are_noted_and_kept(key: str, value: Any) -> None:
    one = span({**CHAT, key: value})
    call = read(one)
    assert call is not None
    check(call)
    assert one.attributes[key] == value
    assert type(one.attributes[key]) is type(value)
    assert one.oddities == [notes.WRONG_TYPE]


@pytest.mark.parametrize("value", [42.0, "42", 42])
def test_counts_come_as_any_number(value: Any) -> None:
    assert call_of({**CHAT, "gen_ai.usage.input_tokens": value}).model_info["inputTokens"] == 42


@pytest.mark.parametrize("cut", range(1, 90, 7))
def test_messages_that_a_limit_has_cut_stay_as_text(cut: int) -> None:
    whole = json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "My card is 4111 1111 1111 1111"}]}]
    )
    one = span({**CHAT, "gen_ai.input.messages": whole[:-cut], "gen_ai.output.messages": whole[:-cut]})
    call = read(one)
    assert call is not None
    text = [{"type": "text", "content": whole[:-cut]}]
    assert request_of(call) == {"messages": [{"role": "user", "parts": text}]}
    assert response_of(call) == [{"role": "assistant", "parts": text}]
    assert set(one.oddities) == {notes.CONTENT_UNREADABLE}


def test_messages_that_a_limit_has_dropped_leave_a_note() -> None:
    """An SDK keeps the latest 128 attributes: the first messages go, and one loses its role."""
    attributes: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
    for number in range(60):
        attributes[f"llm.input_messages.{number}.message.role"] = "user" if number % 2 == 0 else "assistant"
        attributes[f"llm.input_messages.{number}.message.content"] = f"turn {number}"
    kept = dict(list(attributes.items())[2:][-115:]) | dict(list(attributes.items())[:2])
    one = span(kept)
    call = read(one)
    assert call is not None
    messages = request_of(call)["messages"]
    assert len(messages) == 58
    assert messages[0] == {"role": "user", "parts": [{"type": "text", "content": "turn 2"}]}
    assert messages[-1]["parts"][0]["content"] == "turn 59"
    assert one.oddities == [notes.CONTENT_INCOMPLETE]
    assert one.attributes == {}


def test_what_the_raw_body_still_has_fills_the_gap() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    }
    call = call_of(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "input.value": json.dumps(body),
            "input.mime_type": "application/json",
            "llm.input_messages.1.message.content": "Hi",
        }
    )
    assert request_of(call) == {
        "systemInstructions": [{"type": "text", "content": "Be brief."}],
        "messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
    }


def test_ten_megabytes_are_read() -> None:
    content = "a" * 10_000_000
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": content}]}])
    assert request_of(call_of({**CHAT, "gen_ai.input.messages": messages})) == {
        "messages": [{"role": "user", "parts": [{"type": "text", "content": content}]}]
    }


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"parts":'])
def test_a_hundred_thousand_levels_are_text(opening: str) -> None:
    text = opening * 100_000
    one = span({**CHAT, "gen_ai.input.messages": text, "gen_ai.tool.call.arguments": text})
    call = read(one)
    assert call is not None
    check(call)
    assert request_of(call)["messages"][0]["parts"] == [{"type": "text", "content": text}]
