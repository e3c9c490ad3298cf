"""A call that is read by its shape is the call that the general way reads."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.inference.sources import CORPUS, FIXTURES, exported, span
from otel_audit.convert.inference import read, reader
from otel_audit.convert.inference.plain_calls import read_plain_call

ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}])
ANSWERED = json.dumps(
    [{"role": "assistant", "parts": [{"type": "text", "content": "“Yes”"}], "finish_reason": "stop"}],
    ensure_ascii=False,
)

VALUES: dict[str, list[Any]] = {
    "gen_ai.operation.name": ["chat", "text_completion", "embeddings", "completion", "dance", "", 1, ["chat"]],
    "gen_ai.request.model": ["m", "unknown", "", 7],
    "gen_ai.response.model": ["m-1", "unknown", None],
    "gen_ai.provider.name": ["openai", "AWS", "langchain", "unknown", " ", "", ["x"]],
    "gen_ai.system": ["openai"],
    "gen_ai.response.id": ["r1", "", 3],
    "gen_ai.usage.input_tokens": [5, 0, -1, 2**53 - 1, 2**53, True, "5", 5.0],
    "gen_ai.usage.output_tokens": [7, 2**60],
    "gen_ai.request.temperature": [0.2, 1, 1.0, True, -0.0, float("nan"), float("inf"), 2**53, 1e300, "hot", None],
    "gen_ai.request.max_tokens": [512, 512.0, 2**60, 10**400],
    "gen_ai.request.seed": [1, True],
    "gen_ai.request.stop_sequences": [["END"]],
    "gen_ai.response.finish_reasons": [["stop"], ["tool_calls"], ["stop", "END_TURN"], [], [""], [1], "stop", None],
    "gen_ai.input.messages": [ASKED, ASKED[:-1], "[]", "Hi", "", [{"role": "user", "content": "Hi"}], 4],
    "gen_ai.output.messages": [ANSWERED, "[]", ANSWERED.replace("text", "tool_call")],
    "gen_ai.system_instructions": ["Be brief."],
    "gen_ai.agent.name": ["support"],
    "server.address": ["llm"],
    "error.type": ["timeout"],
    "custom": ["x", 2**60, ["a"]],
    "metadata": ['{"user_id":"u"}', "x"],
    "llm.custom": ["x"],
}  # fmt: skip


@st.composite
def attribute_sets(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True))
    if draw(st.integers(0, 9)):
        names = list(dict.fromkeys(["gen_ai.operation.name", "gen_ai.request.model", *names]))
    return {
        name: draw(st.sampled_from(VALUES[name])) if draw(st.integers(0, 5)) == 0 else VALUES[name][0]
        for name in names
    }


def check_both_ways(monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any]) -> None:
    """Reads a span as it comes, and again by the general way with every dialect asked."""
    short, general = span(copy.deepcopy(attributes)), span(copy.deepcopy(attributes))
    call = read(short)
    with monkeypatch.context() as patched:
        patched.setattr(reader, "read_plain_call", lambda _: None)
        patched.setattr(reader, "is_left_alone", lambda _: False)
        expected = read(general)
    assert call == expected
    # Equal numbers of other types are other JSON.
    assert repr(call and sorted(call.model_info.items())) == repr(
        expected and sorted(expected.model_info.items())
    )
    assert repr((short.attributes, short.oddities)) == repr((general.attributes, general.oddities))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attribute_sets())
def test_both_ways_read_the_same_call(monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any]) -> None:
    check_both_ways(monkeypatch, attributes)


ORDINARY = {
    name: values[0]
    for name, values in VALUES.items()
    if name
    not in (
        "gen_ai.system",
        "gen_ai.request.stop_sequences",
        "gen_ai.system_instructions",
        "metadata",
        "llm.custom",
    )
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"gen_ai.response.finish_reasons": ["tool_calls"]},
        {"gen_ai.request.temperature": 1},
        {"gen_ai.provider.name": "AWS"},
    ],
)
def test_what_instrumentations_write_goes_the_short_way(changed: dict[str, Any]) -> None:
    assert read_plain_call(ORDINARY | changed) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"gen_ai.operation.name": "embeddings"},
        {"gen_ai.request.model": "unknown"},
        {"gen_ai.response.id": ""},
        {"gen_ai.usage.input_tokens": 2**53},
        {"gen_ai.usage.output_tokens": True},
        {"gen_ai.request.temperature": float("nan")},
        {"gen_ai.request.temperature": True},
        {"gen_ai.response.finish_reasons": [1]},
        {"gen_ai.input.messages": "[]"},
        {"metadata": "{}"},
        {"llm.custom": "x"},
    ],
)
def test_what_needs_more_than_copying_goes_the_general_way(changed: dict[str, Any]) -> None:
    assert read_plain_call(ORDINARY | changed) is None


@pytest.mark.parametrize("value", ["x", '{"user_id":"u","a":[1]}', 7])
def test_both_ways_agree_beside_any_name_that_a_dialect_knows(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    paths = [
        path for folder in (CORPUS, FIXTURES) for path in folder.glob("*.json") if "logs" not in path.name
    ]
    names = {name for path in paths for one in exported(path).spans for name in one.attributes}
    for name in sorted(names - ORDINARY.keys()):
        check_both_ways(monkeypatch, {**ORDINARY, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("langfuse.user.id", "u1"),
        ("langsmith.user_id", "u1"),
        ("mlflow.trace.user", "u1"),
        ("openinference.span.kind", "CHAIN"),
    ],
)
def test_a_mark_of_another_dialect_is_read(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert read_plain_call({**ORDINARY, name: value}) is None
    check_both_ways(monkeypatch, {**ORDINARY, name: value})
