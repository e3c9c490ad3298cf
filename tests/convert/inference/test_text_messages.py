"""The codec for messages of text alone gives the very bytes of the general way, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.inference.sources import call_of
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.messages import input_messages, output_messages
from otel_audit.convert.inference.text_messages import read_text_messages

CONTENT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PART = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "reasoning"]), "content": CONTENT}),
    st.fixed_dictionaries({"content": CONTENT, "type": st.just("text")}),
    st.fixed_dictionaries({"type": st.just("uri"), "uri": CONTENT}),
)
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool", "developer"]),
        "parts": st.lists(PART, max_size=3),
    },
    optional={
        "name": st.none() | st.just("Jane"),
        "finish_reason": st.sampled_from(["stop", "tool_calls", "length", "", None]),
    },
)
MESSAGES = st.lists(MESSAGE, max_size=4)
WRITERS = st.sampled_from(
    [((",", ":"), False), ((", ", ": "), False), ((", ", ": "), True), ((",", ": "), False)]
)


def general_request(messages: list[Any]) -> str | None:
    draft = Draft({}, [])
    draft.messages = input_messages(messages, [])
    return draft.call("chat").request


def general_response(messages: list[Any]) -> str | None:
    draft = Draft({}, [])
    draft.outputs = output_messages(messages, [])
    return draft.call("chat").response


@settings(max_examples=300)
@given(MESSAGES, WRITERS)
def test_both_ways_give_the_same_bytes(messages: list[Any], writer: tuple[tuple[str, str], bool]) -> None:
    text = json.dumps(messages, separators=writer[0], ensure_ascii=writer[1])
    request = read_text_messages(text, is_request=True)
    if request is not None:
        assert request.written == general_request(messages)
        assert request.to_messages() == input_messages(messages, [])
    response = read_text_messages(text, is_request=False)
    if response is not None:
        assert response.written == general_response(messages)
    found = call_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": text,
            "gen_ai.output.messages": text,
        }
    )
    assert (found.request, found.response) == (general_request(messages), general_response(messages))


USUAL = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "“Hi”\n"}, {"type": "text", "content": "there"}]},
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(USUAL),
        json.dumps(USUAL, ensure_ascii=False),
        json.dumps(USUAL, ensure_ascii=False, separators=(",", ":")),
        json.dumps(
            [message | {"name": None} for message in USUAL], ensure_ascii=False, separators=(",", ":")
        ),
        json.dumps([message | {"name": None} for message in USUAL], ensure_ascii=False),
        json.dumps(
            [{"parts": message["parts"], "role": message["role"]} for message in USUAL], ensure_ascii=False
        ),
    ][1:],
)
def test_what_instrumentations_write_goes_the_short_way(text: str) -> None:
    assert read_text_messages(text, is_request=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        '[{"role":"user","parts":[{"type":"text","content":"evil","content":"good"}]}]',
        '[{"role": "user", "parts": [{"type": "text", "content": "evil", "content": "good"}]}]',
        '[{"role":"user","role":"user","parts":[{"type":"text","content":"x"}]}]',
        '[{"role":"user","parts":[{"type":"text","content":"a"}],"parts":[{"type":"text","content":"b"}]}]',
    ],
)
def test_a_member_given_twice_is_seen(text: str) -> None:
    assert read_text_messages(text, is_request=True) is None
    assert read_text_messages(text, is_request=False) is None


def test_nothing_of_a_member_given_twice_is_lost() -> None:
    text = '[{"role":"user","parts":[{"type":"text","content":"evil","content":"good"}]}]'
    found = call_of(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": text}
    )
    assert "evil" in str(found.request)
    assert "good" in str(found.request)
