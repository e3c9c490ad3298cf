"""OpenInference: documents, parts, hidden values."""

from __future__ import annotations

import json
import re

import pytest

from convert.inference.sources import call_of, fixture_spans, request_of, span
from otel_audit.convert.inference import read

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids that LangChain gives anew in each run."""


def test_hidden_content_shows_that_it_was_hidden() -> None:
    one = span({"openinference.span.kind": "CHAIN", "input.value": "__REDACTED__", "output.value": "out"})
    found = read(one)
    assert found is not None
    assert (found.request, found.response) == (None, '{"output":"out"}')
    assert one.attributes == {"input.value": "__REDACTED__"}


def test_the_reader_of_retrievals_and_rerankings() -> None:
    retrieval = call_of(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": "weather",
            "retrieval.documents.0.document.id": "d1",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.0.document.content": "mild",
            "retrieval.documents.0.document.metadata": '{"source": "a"}',
            "retrieval.documents.1.document.content": "cold",
        }
    )
    assert retrieval.request == '{"query":"weather"}'
    assert retrieval.response == (
        '{"documents":[{"id":"d1","score":0.5,"content":"mild","metadata":{"source":"a"}},{"content":"cold"}]}'
    )
    reranking = call_of(
        {
            "openinference.span.kind": "RERANKER",
            "reranker.model_name": "m",
            "reranker.query": "weather",
            "reranker.top_k": 1,
            "reranker.input_documents.0.document.id": "d1",
            "reranker.input_documents.1.document.id": "d2",
            "reranker.output_documents.0.document.id": "d2",
        }
    )
    assert reranking.request == '{"query":"weather","documents":[{"id":"d1"},{"id":"d2"}]}'
    assert reranking.response == '{"documents":[{"id":"d2"}]}'
    assert reranking.model_info["requestParameters"] == '{"top_k":1}'
    assert reranking.target == ("model", "m")


def test_openinference_s_parts_of_a_message() -> None:
    prefix = "llm.input_messages.0.message"
    contents = f"{prefix}.contents"
    found = call_of(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            f"{prefix}.role": "assistant",
            f"{contents}.0.message_content.type": "reasoning",
            f"{contents}.0.message_content.text": "Hm.",
            f"{contents}.1.message_content.type": "text",
            f"{contents}.1.message_content.text": "Hi",
            f"{contents}.2.message_content.type": "tool_use",
            f"{contents}.2.tool_call.id": "c1",
            f"{contents}.2.tool_call.function.name": "f",
            f"{contents}.2.tool_call.function.arguments": '{"a": 1}',
            f"{contents}.3.message_content.type": "image",
            f"{contents}.3.message_content.image.image.url": "https://x/y.png",
            f"{contents}.4.message_content.type": "web_search_tool_result",
            f"{contents}.4.message_content.text": json.dumps(
                {"type": "web_search_tool_result", "tool_use_id": "w", "content": []}
            ),
            f"{prefix}.tool_calls.0.tool_call.id": "c1",
            f"{prefix}.tool_calls.0.tool_call.function.name": "f",
            f"{prefix}.tool_calls.0.tool_call.function.arguments": '{"a": 1}',
        }
    )
    assert request_of(found)["messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "Hi"},
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
                {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                {"type": "tool_call_response", "id": "w", "response": []},
            ],
        }
    ]


@pytest.mark.parametrize("name", ["anthropic", "langchain", "llamaindex"])
def test_what_it_derives_for_the_conventions_changes_nothing(name: str) -> None:
    """With both conventions on, a tool's schema is its arguments and the request's model the response's."""
    plain = [read(one) for one in fixture_spans(f"{name}_openinference")]
    both = [read(one) for one in fixture_spans(f"{name}_openinference_and_semconv")]

    assert len(plain) == len(both)
    for one, other in zip(plain, both, strict=True):
        assert one is not None
        assert other is not None
        info = dict(other.model_info)
        if "conversationId" not in one.model_info:
            info.pop("conversationId", None)  # ``session.id`` is for the conventions a conversation
        if "extra" not in one.model_info:
            info.pop("extra", None)  # the conventions say that the tool is a function
        assert info == one.model_info
        assert UUID.sub("", other.request or "") == UUID.sub("", one.request or "")
        assert UUID.sub("", other.response or "") == UUID.sub("", one.response or "")


def test_a_request_model_that_is_derived_is_not_kept_beside_the_real_one() -> None:
    one = fixture_spans("anthropic_openinference_and_semconv")[0]
    call = read(one)

    assert call is not None
    assert call.model_info["modelName"] != call.model_info["responseModel"]
    assert [key for key in one.attributes if key.startswith("gen_ai.")] == []


def test_a_model_is_known_while_the_conventions_name_none() -> None:
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m", "gen_ai.operation.name": "chat"}
    assert call_of(attributes).model_info["modelName"] == "m"
