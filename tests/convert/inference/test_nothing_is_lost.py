"""Every text and number that a span carried is in the call or still among its attributes and events.

Values are taken apart down to their leaves, JSON in text included. What a span may lose are words of a dialect
for which the record has one of its own (:data:`TRANSLATED`), members that say nothing, and totals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest

from convert.inference.sources import CORPUS, FIXTURES, event_id, exported
from otel_audit.convert import events
from otel_audit.convert.inference import read
from otel_audit.convert.spans import SpanData

RUNS = sorted(
    path
    for path in [*CORPUS.glob("*.json"), *FIXTURES.glob("*.json")]
    if not path.name.startswith("http_") and ".logs." not in path.name
)

TRANSLATED = frozenset(
    {
        # kinds and operations
        "LLM", "EMBEDDING", "TOOL", "AGENT", "CHAIN", "RETRIEVER", "PROMPT", "CHAT_MODEL", "workflow", "task",
        "server", "completion", "embedding",
        # finish reasons
        "tool_calls", "tool-calls", "tool_use", "end_turn", "STOP", "completed",
        # providers
        "OpenAI", "Anthropic", "openai.chat", "openai.embedding", "gemini", "vertexai", "az.ai.inference",
        "aws", "google",
        # roles and kinds of content
        "system",
        "assistant",
        "model", "human", "ai", "constructor", "tool_result", "image_url", "image", "base64",
        "input_text", "output_text", "message", "function_call", "function_call_output", "tool-call",
        "tool-result", "json", "custom", "function", "langchain", "schema", "messages",
        # of a media type, the value itself is in the blob
        "application/json",
    }
)  # fmt: skip
"""Words that the record says in the conventions' own."""

LANGCHAIN = re.compile(
    r"lc_run--.*|(System|Human|AI|Tool)Message(Chunk)?|ChatGeneration(Chunk)?|[0-9a-f-]{36}"
)
"""Names and ids of LangChain's own objects."""

ITEM_ID = "an item of an answer has an id of its own beside the answer's, or the call's that it makes"

UNSAID = frozenset(
    {
        "index", "logprobs", "annotations", "refusal", "audio", "total_tokens", "totalTokens", "total_token_count",
        "status", "tool_calls", "citations", "stop_sequence", "phase", "object", "created_at", "created",
    }
)  # fmt: skip
"""Members of a provider's answer that say nothing about what was answered."""


EXCUSED = {
    "openinference_openai": {"msg_1": ITEM_ID},
    "agents_openinference": {
        "fc_1": ITEM_ID,
        "msg_1": ITEM_ID,
        "stop": "finish reason of an answer that calls a tool",
    },
    "mlflow": {"msg_1": ITEM_ID},
    "traceloop_openai": {
        "user": "role of a text that is embedded",
        "text": "kind of a text that is embedded",
    },
    "openllmetry_before_openai": {"user": "role of a message whose content was not captured"},
    "langchain_openllmetry": {
        "{'city': 'Paris'}": "arguments once more, as a repr",
        "1": "the count of documents",
    },
    "langchain_openinference": {"1": "version of LangChain's serialisation"},
    "openinference_langchain": {"1": "version of LangChain's serialisation"},
    "traceloop_langchain": {
        "unknown": "role of an answer that was streamed: the assistant's",
        "1": "version of LangChain's serialisation",
        "{'order_id': '1001', 'email': 'jane.doe@example.com'}": "arguments once more, as a repr",
    },
    "langchain_openinference_and_semconv": {"1": "version of LangChain's serialisation"},
    "llamaindex_openinference_and_semconv": {"chat": "operation of a helper that calls no model itself"},
    "openai_openinference_and_semconv": {"fc_1": ITEM_ID},
    "openai_openllmetry_events": {"unknown": "finish reason of an embedding, which finishes for none"},
}


def leaves(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in UNSAID:
                yield from leaves(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, depth + 1)
    elif isinstance(value, str):
        inner = inside(value)
        if inner is None:
            yield value
        else:
            yield from leaves(inner, depth + 1)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def inside(text: str) -> Any:
    """The value of a JSON text, or what a ``data:`` URL holds."""
    if text.startswith("data:"):
        head, _, data = text.partition(",")
        return [head.removeprefix("data:").partition(";")[0], data]
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def spans_of(path: Any) -> list[SpanData]:
    spans = exported(path).spans
    logs = path.with_suffix(".logs.json")
    if logs.exists():
        alone = events.join(spans, exported(logs).logs, event_id)
        assert [log for log in alone if log.trace_id] == []
    return spans


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_nothing_is_lost(path: Any) -> None:
    for span in spans_of(path):
        before = set(leaves([span.attributes, [item.attributes for item in span.events]]))
        call = read(span)
        assert call is not None
        after = set(leaves([span.attributes, [item.attributes for item in span.events], span.name]))
        # ``astuple`` copies everything that the call holds, texts of JSON among it.
        after |= set(leaves(astuple(call)))
        totals = {
            str(int(one) + int(other))
            for one in after
            for other in after
            if one.isdigit() and other.isdigit()
        }
        lost = before - after - TRANSLATED - totals - {"", "0"} - EXCUSED.get(path.stem, {}).keys()
        lost = {leaf for leaf in lost if not LANGCHAIN.fullmatch(leaf)}
        assert lost == set(), span.name
