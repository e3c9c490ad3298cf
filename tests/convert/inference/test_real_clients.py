"""One conversation through the real clients of three vendors and three instrumentations of each: the same bytes.

A question; the same with a tool, which the model calls; and the same with the tool's result. What differs are
ids that the vendors give, and what an instrumentation leaves out.
"""

from __future__ import annotations

import pytest

from convert.inference.sources import call_of, corpus_calls, request_of, response_of
from otel_audit.convert.inference import InferenceCall

SYSTEM = (
    '"systemInstructions":[{"type":"text","content":'
    '"You work for a shop. Customer on the line: Jane, +1 415 555 0100."}]'
)
ASK = (
    '{"role":"user","parts":[{"type":"text","content":'
    '"I am jane.doe@example.com, card 4111 1111 1111 1111. Where is order 1001?"}]}'
)
SAID = (
    '{"role":"assistant","parts":[{"type":"text","content":"Order 1001 went to jane.doe@example.com, '
    'paid by card 4111 1111 1111 1111. Call +1 415 555 0100."}],"finish_reason":"stop"}'
)
TOOLS = (
    ',"tools":[{"type":"function","name":"find_order","description":"Finds an order","parameters":{"type":"object",'
    '"properties":{"order_id":{"type":"string"},"email":{"type":"string"}},"required":["order_id"]}}]'
)
IDS = {"anthropic": "toolu_1001", "bedrock": "tooluse_1001", "google": ""}
FIRST = {"anthropic": 7, "bedrock": 0, "google": 0}
"""Where the conversation begins: Anthropic's client has ended as many spans of its own before."""

RUNS = [f"{dialect}_{vendor}" for dialect in ("genai", "openinference", "traceloop") for vendor in FIRST]


def called(tool_id: str) -> str:
    given = f'"id":"{tool_id}",' if tool_id else ""
    return (
        f'{{"role":"assistant","parts":[{{"type":"tool_call",{given}"name":"find_order",'
        '"arguments":{"order_id":"1001","email":"jane.doe@example.com"}}]'
    )


def told(tool_id: str) -> str:
    given = f'"id":"{tool_id}",' if tool_id else ""
    return (
        f'{{"role":"tool","parts":[{{"type":"tool_call_response",{given}"response":'
        '{"status":"sent","to":"jane.doe@example.com","iban":"DE89370400440532013000"}}]}'
    )


@pytest.mark.parametrize("run", RUNS)
def test_the_same_conversation_has_the_same_bytes(run: str) -> None:
    vendor = run.partition("_")[2]
    # The instrumentation of google-genai numbers the calls, since the vendor gives them no ids.
    tool_id = "find_order_0" if run == "genai_google" else IDS[vendor]
    tools = "" if run == "genai_bedrock" else TOOLS  # there is no event for them
    reason = "stop" if vendor == "google" else "tool_call"
    chat, tool, turn = corpus_calls(run)[FIRST[vendor] : FIRST[vendor] + 3]
    assert chat.request == f'{{{SYSTEM},"messages":[{ASK}]}}'
    assert chat.response == turn.response == f"[{SAID}]"
    assert tool.request == f'{{{SYSTEM},"messages":[{ASK}]{tools}}}'
    assert tool.response == f'[{called(tool_id)},"finish_reason":"{reason}"}}]'
    assert turn.request == f'{{{SYSTEM},"messages":[{ASK},{called(tool_id)}}},{told(tool_id)}]{tools}}}'


@pytest.mark.parametrize("run", RUNS)
def test_a_streamed_answer_is_whole(run: str) -> None:
    vendor = run.partition("_")[2]
    stream = corpus_calls(run)[FIRST[vendor] + 3]
    if run == "traceloop_google":  # which keeps the last piece only
        assert response_of(stream)[0]["parts"][0]["content"] == " 1111. Call +1 415 555 0100."
    else:
        assert stream.response == f"[{SAID}]"


@pytest.mark.parametrize("run", RUNS)
def test_a_refused_call_names_what_was_asked_of_which_model(run: str) -> None:
    refused = corpus_calls(run)[-1]
    assert "overloaded" in refused.model_info["modelName"]
    assert refused.response is None
    if run != "traceloop_bedrock":  # which reads a request only when there is an answer
        assert refused.request == f'{{{SYSTEM},"messages":[{ASK}]}}'


def langchain(output: str, **attributes: str) -> InferenceCall:
    return call_of(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "output.mime_type": "application/json",
            "output.value": output,
            **attributes,
        }
    )


def test_langchain_tells_the_model_and_the_status_beside_its_messages() -> None:
    metadata = '{"model_name":"m-1","id":"r-1","status_code":429,"body":{"error":"too many"}}'
    call = langchain(
        '{"generations":[[{"generation_info":{"finish_reason":"stop"},"message":{"kwargs":'
        f'{{"type":"ai","content":"Hi","response_metadata":{metadata}}}}}}}]]}}'
    )
    assert (call.protocol, call.return_code) == ("http", 429)
    assert (call.model_info["responseModel"], call.model_info["responseId"]) == ("m-1", "r-1")


def test_the_agent_of_langchain_has_its_name() -> None:
    call = call_of({"openinference.span.kind": "AGENT", "metadata": '{"lc_agent_name":"orders"}'})
    assert call.target == ("agent", "orders")
    assert call_of({"openinference.span.kind": "AGENT", "metadata": '{"lc_agent_name":7}'}).target is None


def test_bedrock_results_of_json_are_what_they_hold() -> None:
    block = '{"toolResult":{"toolUseId":"t","content":[{"json":{"a":1}},{"text":"b"}]}}'
    messages = f'[{{"role":"user","content":[{block}]}}]'
    call = call_of(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": messages}
    )
    (part,) = request_of(call)["messages"][0]["parts"]
    assert part["response"] == [{"a": 1}, "b"]


def test_an_answer_of_an_unknown_role_is_the_assistants() -> None:
    said = '[{"role":"unknown","parts":[{"type":"text","content":"Hi"}]}]'
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    assert response_of(call_of({**chat, "gen_ai.output.messages": said}))[0]["role"] == "assistant"
    asked = request_of(call_of({**chat, "gen_ai.input.messages": said}))
    assert asked["messages"][0]["role"] == "unknown", "who asked is not guessed"
