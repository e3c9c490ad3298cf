"""What is inference, of which operation, and what becomes of the facts around it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convert.inference.sources import CORPUS, call_of, exported, request_of, response_of, span
from otel_audit.convert import notes
from otel_audit.convert.inference import MODEL_OPERATIONS, OPERATIONS, read
from otel_audit.convert.inference.operations import operation_named
from otel_audit.convert.inference.providers import provider_named, provider_of

MODEL = {"gen_ai.request.model": "m"}


@pytest.mark.parametrize("path", sorted(CORPUS.glob("http_*.json")), ids=lambda path: path.stem)
def test_no_http_span_is_inference(path: Any) -> None:
    for one in exported(path).spans:
        before = dict(one.attributes)
        assert read(one) is None
        assert one.attributes == before


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({"gen_ai.operation.name": "chat", **MODEL}, "chat"),
        ({"gen_ai.operation.name": "embedding", **MODEL}, "embeddings"),
        ({"gen_ai.operation.name": "completion", **MODEL}, "text_completion"),
        ({"gen_ai.operation.name": "rerank", **MODEL}, "rerank"),
        ({"gen_ai.operation.name": "speech", **MODEL}, "inference"),
        ({"gen_ai.operation.name": "dance", **MODEL}, "inference"),
        ({"gen_ai.operation.name": "dance"}, "chain"),
        ({"gen_ai.operation.name": "execute_task", "gen_ai.provider.name": "langchain"}, "chain"),
        ({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "langchain"}, "chain"),
        ({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}, "chat"),
        ({"gen_ai.operation.name": "invoke_agent"}, "invoke_agent"),
        ({"gen_ai.operation.name": "plan"}, "plan"),
        ({"gen_ai.operation.name": "search_memory"}, "memory"),
        ({"gen_ai.operation.name": "vector_db_retrieve"}, "retrieval"),
        ({"gen_ai.system": "openai", **MODEL}, "inference"),
        ({"gen_ai.system": "openai", "gen_ai.usage.output_tokens": 3, **MODEL}, "chat"),
        ({"gen_ai.system": "OpenAI", "llm.request.type": "chat", **MODEL}, "chat"),
        ({"gen_ai.system": "OpenAI", "llm.request.type": "embedding", **MODEL}, "embeddings"),
        ({"gen_ai.tool.name": "f"}, "execute_tool"),
        ({"traceloop.span.kind": "workflow", "gen_ai.provider.name": "langchain"}, "invoke_workflow"),
        ({"traceloop.span.kind": "task"}, "chain"),
        ({"traceloop.span.kind": "tool", "traceloop.entity.name": "f"}, "execute_tool"),
        ({"traceloop.span.kind": "agent"}, "invoke_agent"),
        ({"openinference.span.kind": "LLM", "llm.model_name": "m"}, "chat"),
        ({"openinference.span.kind": "LLM"}, "chain"),
        (
            {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.prompts": ["Say"]},
            "text_completion",
        ),
        ({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "m"}, "embeddings"),
        ({"openinference.span.kind": "EMBEDDING"}, "chain"),
        ({"openinference.span.kind": "RERANKER", "reranker.model_name": "m"}, "rerank"),
        ({"openinference.span.kind": "RETRIEVER"}, "retrieval"),
        ({"openinference.span.kind": "TOOL", "tool.name": "f"}, "execute_tool"),
        ({"openinference.span.kind": "AGENT"}, "invoke_agent"),
        ({"openinference.span.kind": "CHAIN"}, "chain"),
        ({"openinference.span.kind": "GUARDRAIL"}, "guardrail"),
        ({"openinference.span.kind": "EVALUATOR"}, "evaluation"),
        ({"openinference.span.kind": "PROMPT"}, "prompt"),
        ({"openinference.span.kind": "UNKNOWN"}, "chain"),
        ({"mlflow.spanType": '"CHAT_MODEL"'}, "chain"),
        ({"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.model": '"m"'}, "chat"),
        ({"mlflow.spanType": '"PARSER"'}, "chain"),
        ({"mlflow.spanType": '"RERANKER"', "mlflow.llm.model": '"m"'}, "rerank"),
        ({"mcp.method.name": "tools/call", "mcp.tool.name": "f"}, "execute_tool"),
        ({"mcp.tool.name": "f"}, "execute_tool"),
        ({"mcp.method.name": "initialize"}, "mcp"),
        ({"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m"}, "chat"),
        ({"ai.operationId": "ai.generateObject", "ai.model.id": "m"}, "invoke_agent"),
    ],
)
def test_a_span_is_what_it_shows(attributes: dict[str, Any], operation: str) -> None:
    assert call_of(attributes).operation == operation


def test_a_call_of_a_provider_that_is_none_of_a_model_is_http() -> None:
    """Anthropic's SDK marks the creation of a session with its provider, agent and model."""
    one = span(
        {
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.agent.name": "weather",
            "http.request.method": "POST",
            "url.path": "/v1/sessions",
        }
    )
    before = dict(one.attributes)
    assert read(one) is None
    assert one.attributes == before


def test_the_vocabulary_is_closed() -> None:
    assert OPERATIONS.keys() > MODEL_OPERATIONS
    assert all(operation_named(name) == name for name in OPERATIONS)
    assert operation_named("Embedding") == "embeddings"
    assert operation_named("dance") is None


def test_an_unknown_operation_is_noted_and_kept() -> None:
    one = span({"gen_ai.operation.name": "dance", "gen_ai.provider.name": "openai"})
    assert read(one) is not None
    assert one.attributes == {"gen_ai.operation.name": "dance"}
    assert one.oddities == [notes.NAME_UNSAFE]


def test_a_name_that_says_more_than_the_operation_stays() -> None:
    one = span({"gen_ai.operation.name": "search_memory", "gen_ai.memory.store.id": "ms"})
    assert read(one) is not None
    assert one.attributes == {"gen_ai.operation.name": "search_memory"}


def test_what_two_conventions_say_alike_is_said_once() -> None:
    """OpenInference can write the GenAI conventions beside its own."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}]
    one = span(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m-1",
            "llm.invocation_parameters": '{"model": "m", "temperature": 0.5}',
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Hi",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Hello",
            "llm.token_count.prompt": 3,
            "llm.finish_reason": "stop",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m-1",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.input.messages": json.dumps(messages),
            "gen_ai.output.messages": json.dumps(answer),
        }
    )
    found = read(one)
    assert found is not None
    assert request_of(found) == {"messages": messages}
    assert response_of(found) == answer
    assert one.attributes == {}


def test_what_two_conventions_say_differently_is_kept() -> None:
    one = span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.prompt_tokens": 4,
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "azure.ai.openai",
        }
    )
    found = read(one)
    assert found is not None
    assert found.model_info["inputTokens"] == 3
    assert one.attributes == {"gen_ai.usage.prompt_tokens": 4, "gen_ai.system": "azure.ai.openai"}


def test_a_total_that_is_no_sum_is_a_fact() -> None:
    counts = {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}
    assert "extra" not in call_of({**MODEL, **counts, "gen_ai.usage.total_tokens": 7}).model_info
    assert call_of({**MODEL, **counts, "gen_ai.usage.total_tokens": 9}).model_info["extra"] == {
        "totalTokens": "9"
    }


def test_variables_of_a_prompt_stay_under_their_name() -> None:
    one = span({**MODEL, "gen_ai.operation.name": "chat", "gen_ai.prompt.variable.name": "Jane"})
    assert read(one) is not None
    assert one.attributes == {"gen_ai.prompt.variable.name": "Jane"}


def test_parameters_have_one_name_and_one_order() -> None:
    semconv = call_of(
        {
            "gen_ai.operation.name": "chat",
            **MODEL,
            "gen_ai.request.seed": 7,
            "gen_ai.request.stop_sequences": ["\n"],
            "gen_ai.request.max_tokens": 5,
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.choice.count": 2,
        }
    )
    raw = call_of(
        {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": json.dumps(
                {"model": "m", "n": 2, "max_completion_tokens": 5, "stop": "\n", "seed": 7, "temperature": 1}
            ),
        }
    )
    expected = '{"temperature":1,"max_tokens":5,"stop_sequences":["\\n"],"seed":7,"choice_count":2}'
    assert semconv.model_info["requestParameters"] == expected
    assert raw.model_info["requestParameters"] == expected


def test_a_parameter_that_is_no_number_is_text() -> None:
    one = span({**MODEL, "gen_ai.request.temperature": float("nan"), "gen_ai.request.seed": 2**60})
    found = read(one)
    assert found is not None
    assert found.model_info["requestParameters"] == f'{{"temperature":"NaN","seed":"{2**60}"}}'
    assert sorted(one.oddities) == [notes.NON_FINITE, notes.NUMBER_AS_TEXT]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("gemini", "gcp.gemini"),
        ("AWS", "aws.bedrock"),
        ("mistralai", "mistral_ai"),
        ("anthropic.messages", "anthropic"),
        ("acme", "acme"),
    ],
)
def test_a_provider_has_one_name(given: str, name: str) -> None:
    assert provider_named(given) == name


@pytest.mark.parametrize(
    ("system", "host", "name"),
    [
        ("openai", None, "openai"),
        ("openai", "azure", "azure.ai.openai"),
        ("anthropic", "aws", "aws.bedrock"),
        ("vertexai", "google", "gcp.vertex_ai"),
        (None, "google", "gcp.gen_ai"),
        (None, None, None),
        ("anthropic", "azure", "azure.ai.inference"),
    ],
)
def test_a_provider_is_who_runs_the_model(system: str | None, host: str | None, name: str | None) -> None:
    assert provider_of(system, host) == name
