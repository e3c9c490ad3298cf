"""Calls that are read by their shape are the calls that the general way reads, one by one."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.inference.sources import CORPUS, FIXTURES, exported, span
from otel_audit.convert.inference import read, reader
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.call_shapes import PLAIN_OPERATIONS, call_shape
from otel_audit.convert.inference.plain_calls import read_plain_calls

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
def similar_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Attributes of a few calls of one shape."""
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True))
    if draw(st.integers(0, 9)):
        names = list(dict.fromkeys(["gen_ai.operation.name", "gen_ai.request.model", *names]))
    return [
        {
            name: draw(st.sampled_from(VALUES[name])) if draw(st.integers(0, 11)) == 0 else VALUES[name][0]
            for name in names
        }
        for _ in range(draw(st.integers(1, 4)))
    ]


def read_short(calls: list[dict[str, Any]]) -> list[tuple[InferenceCall, dict[str, Any]] | None]:
    """Reads calls of one shape the short way; ``None`` for those that it leaves to the general one."""
    shape = call_shape(tuple(calls[0]))
    found: list[tuple[InferenceCall, dict[str, Any]] | None] = [None] * len(calls)
    operation = calls[0].get("gen_ai.operation.name")
    if shape is None or type(operation) is not str or operation not in PLAIN_OPERATIONS:
        return found
    positions = [number for number, call in enumerate(calls) if call["gen_ai.operation.name"] == operation]
    while positions:
        read = read_plain_calls(shape, {name: [calls[n][name] for n in positions] for name in calls[0]})
        positions = [position for number, position in enumerate(positions) if number not in read.odd]
        if read.is_read:
            break
    for number, position in enumerate(positions):
        request, response = (
            None if texts is None else texts[number].decode() for texts in (read.requests, read.responses)
        )
        info = {child: values[number] for child, values in read.info.items()} | {"operation": operation}
        target = ("model", read.models[number])
        rest = {name: calls[position][name] for name in shape.rest}
        found[position] = InferenceCall(operation, info, request, response, target), rest
    return found


def check_both_ways(monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]) -> int:
    """Reads calls the short way, and again by the general way with every dialect asked.

    Returns how many the short way read.
    """
    short = read_short(copy.deepcopy(calls))
    for attributes, one in zip(calls, short, strict=True):
        if one is None:
            continue
        general = span(copy.deepcopy(attributes))
        with monkeypatch.context() as patched:
            patched.setattr(reader, "is_left_alone", lambda _: False)
            expected = read(general)
        call, rest = one
        assert call == expected
        # Equal numbers of other types are other JSON.
        assert repr(sorted(call.model_info.items())) == repr(sorted(expected.model_info.items()))
        assert repr((rest, [])) == repr((general.attributes, general.oddities))
    return sum(one is not None for one in short)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(similar_sets())
def test_both_ways_read_the_same_calls(monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]]) -> None:
    check_both_ways(monkeypatch, calls)


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
    assert read_short([ORDINARY | changed]) != [None]


def test_an_odd_call_leaves_the_others_to_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [
        {"gen_ai.request.model": ""}, {"gen_ai.usage.input_tokens": 2**53}, {"gen_ai.request.temperature": "hot"},
        {"gen_ai.response.finish_reasons": []}, {"gen_ai.input.messages": "[]"}, {"gen_ai.output.messages": "x"},
    ]  # fmt: skip
    calls = [ORDINARY | changed for changed in odd for changed in ({}, changed)]
    assert check_both_ways(monkeypatch, calls) == len(odd)


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
    assert read_short([ORDINARY | changed]) == [None]


@pytest.mark.parametrize("value", ["x", '{"user_id":"u","a":[1]}', 7])
def test_both_ways_agree_beside_any_name_that_a_dialect_knows(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    paths = [
        path for folder in (CORPUS, FIXTURES) for path in folder.glob("*.json") if "logs" not in path.name
    ]
    names = {name for path in paths for one in exported(path).spans for name in one.attributes}
    for name in sorted(names - ORDINARY.keys()):
        check_both_ways(monkeypatch, [{**ORDINARY, name: value}])


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
    assert read_short([{**ORDINARY, name: value}]) == [None]
    check_both_ways(monkeypatch, [{**ORDINARY, name: value}])
