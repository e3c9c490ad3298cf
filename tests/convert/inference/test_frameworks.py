"""One conversation about the weather, as real instrumentations of six providers and frameworks record it.

A question; the same with a tool, which the model calls; and the same with the tool's result. What is asked
and answered has the same bytes whoever recorded it, but for ids that providers give and the text that some
models say before they call a tool.
"""

from __future__ import annotations

import pytest

from convert.inference.sources import FIXTURES, event_id, exported
from otel_audit.convert import events
from otel_audit.convert.inference import InferenceCall, read

SYSTEM = '"systemInstructions":[{"type":"text","content":"You are a weather assistant."}]'
ASK = '{"role":"user","parts":[{"type":"text","content":"What is the weather in Paris?"}]}'
TOOLS = (
    '"tools":[{"type":"function","name":"get_weather","description":"Look up the weather",'
    '"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]'
)
LANGCHAIN_TOOLS = TOOLS.replace(
    '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
    '{"properties":{"city":{"type":"string"}},"required":["city"],"type":"object"}',
)
SAID = '{"type":"text","content":"Let me look."},'


def call(tool_id: str, said: str = "") -> str:
    given = f'"id":"{tool_id}",' if tool_id else ""
    return (
        f'{{"role":"assistant","parts":[{said}{{"type":"tool_call",{given}"name":"get_weather",'
        '"arguments":{"city":"Paris"}}]'
    )


def result(tool_id: str) -> str:
    given = f'"id":"{tool_id}",' if tool_id else ""
    return (
        f'{{"role":"tool","parts":[{{"type":"tool_call_response",{given}"response":{{"temperature":18}}}}]}}'
    )


ANSWER = '{"role":"assistant","parts":[{"type":"text","content":"It is 18 degrees in Paris."}]'
STOP = ',"finish_reason":"stop"}'
CALLED = ',"finish_reason":"tool_call"}'

OPENAI, CLAUDE, BEDROCK, GEMINI = ("call_1", ""), ("toolu_1", SAID), ("tooluse_1", ""), ("", "")

NO_TOOLS = frozenset({"bedrock_older_events", "anthropic_sdk", "openai_openllmetry_events"})
"""Recordings without tool definitions: there is no event for them; the SDK leaves them out."""

CHAT, TOOL, TURN = "chat", "tool", "turn"

RECORDED: dict[str, tuple[tuple[str, str], dict[str, int]]] = {
    "anthropic_openinference": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "anthropic_openinference_and_semconv": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "anthropic_openllmetry": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "anthropic_semconv": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "anthropic_sdk": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "openllmetry_before_anthropic": (CLAUDE, {CHAT: 0, TOOL: 1, TURN: 2}),
    "openllmetry_before_openai": (OPENAI, {CHAT: 0, TOOL: 1, TURN: 2}),
    "bedrock_older_events": (BEDROCK, {CHAT: 0, TOOL: 1, TURN: 2}),
    "bedrock_openinference": (BEDROCK, {CHAT: 0, TOOL: 1, TURN: 2}),
    "bedrock_openllmetry": (BEDROCK, {CHAT: 0, TOOL: 1, TURN: 2}),
    "gemini_openinference": (GEMINI, {CHAT: 0, TOOL: 1, TURN: 2}),
    "gemini_openllmetry": (GEMINI, {CHAT: 0, TOOL: 1, TURN: 2}),
    "gemini_semconv": (("get_weather_0", ""), {CHAT: 0, TURN: 1}),
    "langchain_openinference": (OPENAI, {CHAT: 1, TOOL: 4, TURN: 6}),
    "langchain_openinference_and_semconv": (OPENAI, {CHAT: 1, TOOL: 4, TURN: 6}),
    "langchain_openllmetry": (OPENAI, {CHAT: 1, TOOL: 4, TURN: 6}),
    "langchain_semconv": (OPENAI, {CHAT: 0, TOOL: 2, TURN: 4}),
    "llamaindex_openinference": (OPENAI, {CHAT: 0}),
    "llamaindex_openinference_and_semconv": (OPENAI, {CHAT: 0}),
    "openai_openinference_and_semconv": (OPENAI, {CHAT: 0, TOOL: 1, TURN: 2}),
    "openai_openllmetry_events": (OPENAI, {CHAT: 0, TOOL: 1}),
    "mlflow": (OPENAI, {TOOL: 0, TURN: 2}),
    "vercel": (OPENAI, {TOOL: 1, TURN: 3}),
    "span_events": (BEDROCK, {CHAT: 0, TURN: 1}),
}
"""Fixture → the id of the tool call and what the model says before it, and which span is which."""

TURN_WITHOUT_TOOLS = NO_TOOLS | {"vercel", "span_events"}

FINISH_OF_A_CALL = {"gemini_openinference": STOP, "gemini_openllmetry": STOP}
"""Gemini stops when it calls a function, and says so."""


def calls_of(fixture: str) -> list[InferenceCall | None]:
    spans = exported(FIXTURES / f"{fixture}.json").spans
    logs = FIXTURES / f"{fixture}.logs.json"
    if logs.exists():
        assert events.join(spans, exported(logs).logs, event_id) == []
    return [read(span) for span in spans]


@pytest.mark.parametrize("fixture", RECORDED)
def test_the_same_conversation_has_the_same_bytes(fixture: str) -> None:
    (tool_id, said), places = RECORDED[fixture]
    calls = calls_of(fixture)
    tools = LANGCHAIN_TOOLS if fixture.startswith("langchain") else TOOLS
    finish = "" if fixture == "anthropic_sdk" else None
    for scenario, place in places.items():
        found = calls[place]
        assert found is not None
        messages = {
            CHAT: ASK,
            TOOL: ASK,
            TURN: f"{ASK},{call(tool_id, said)}}},{result(tool_id)}",
        }[scenario]
        has_tools = scenario != CHAT and fixture not in (TURN_WITHOUT_TOOLS if scenario == TURN else NO_TOOLS)
        assert found.request == f'{{{SYSTEM},"messages":[{messages}]{"," + tools if has_tools else ""}}}'
        ending = CALLED if scenario == TOOL else STOP
        if scenario == TOOL:
            ending = FINISH_OF_A_CALL.get(fixture, ending)
        answer = call(tool_id, said) if scenario == TOOL else ANSWER
        assert found.response == f"[{answer}{'}' if finish == '' else ending}]", scenario


@pytest.mark.parametrize(
    "fixture",
    ["anthropic_openinference", "anthropic_openllmetry", "anthropic_semconv", "openllmetry_before_anthropic"],
)
def test_an_image_is_the_same_blob(fixture: str) -> None:
    found = calls_of(fixture)[3]
    assert found is not None
    assert found.request == (
        f'{{{SYSTEM},"messages":[{{"role":"user","parts":[{{"type":"text",'
        '"content":"what is in this picture?"},{"type":"blob","mime_type":"image/png","modality":"image",'
        '"content":"iVBORw0KGgo="}]}]}'
    )


OPERATIONS = {
    "langchain_openllmetry": (
        "chain", "chat", "chain", "invoke_agent", "chat", "execute_tool", "chat", "retrieval",
        "create_agent", "chat", "chain", "execute_tool", "chain", "chat", "chain", "invoke_agent",
        "invoke_agent",
    ),
    "langchain_openinference": (
        "prompt", "chat", "chain", "chain", "chat", "execute_tool", "chat", "retrieval", "chat", "chain",
        "execute_tool", "chain", "chat", "chain", "invoke_agent",
    ),
    "langchain_semconv": (
        "chat", "invoke_workflow", "chat", "execute_tool", "chat", "retrieval", "chat", "execute_tool",
        "chat", "invoke_agent",
    ),
    "llamaindex_openinference": (
        "chat", "chat", "chain", "chain", "chat", "execute_tool", "execute_tool", "chain",
        "text_completion",
    ),
    "agents_openinference": (
        "chat", "execute_tool", "chain", "chat", "chain", "invoke_agent", "chain", "invoke_agent",
    ),
    "agents_openllmetry": ("chat", "execute_tool", "chat", "invoke_agent", "invoke_workflow"),
    "mlflow": (
        "chat", "execute_tool", "chat", "invoke_agent", "retrieval", "embeddings", "chat", "chat",
    ),
    "vercel": ("invoke_agent", "chat", "execute_tool", "chat", "embeddings"),
    "steps_semconv": (
        "invoke_agent", "execute_tool", "retrieval", "create_agent", "invoke_workflow", "memory",
    ),
    "mcp_sdk": ("mcp", "mcp", "execute_tool"),
    "mcp_openllmetry": ("execute_tool", "mcp", "mcp"),
    "mcp_conventions": ("execute_tool", "execute_tool", "mcp"),
}  # fmt: skip


@pytest.mark.parametrize("fixture", OPERATIONS)
def test_every_span_is_what_it_did(fixture: str) -> None:
    assert tuple(found and found.operation for found in calls_of(fixture)) == OPERATIONS[fixture]


TOOL_RUNS = {
    "langchain_openllmetry": (5, 11),
    "langchain_semconv": (3, 7),
    "agents_openinference": (1,),
    "agents_openllmetry": (1,),
    "mlflow": (1,),
    "vercel": (2,),
    "steps_semconv": (1,),
    "mcp_openllmetry": (0,),
    "mcp_conventions": (0,),
}


@pytest.mark.parametrize("fixture", TOOL_RUNS)
def test_a_run_of_the_tool_is_the_same(fixture: str) -> None:
    calls = calls_of(fixture)
    for place in TOOL_RUNS[fixture]:
        found = calls[place]
        assert found is not None
        assert found.request == '{"arguments":{"city":"Paris"}}'
        assert found.response == '{"result":{"temperature":18}}'
        assert found.model_info["toolName"] == "get_weather"
        assert found.target == ("tool", "get_weather")
