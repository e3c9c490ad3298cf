"""Content switched off: what is left among the attributes once messages and bodies are mapped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.sorter import Sorted
from otel_audit.convert.spans import EventData

__all__ = ["drop_content"]

_PREFIXES: Final = (
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.content.",
    "gen_ai.input",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.retrieval",
    "gen_ai.memory.query",
    "gen_ai.memory.records",
    "gen_ai.evaluation.explanation",
    "gen_ai.event.content",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt",
    "llm.completions",
    "llm.tools",
    "llm.invocation_parameters",
    "llm.request.functions",
    "input.",
    "output.",
    "message.",
    "tool.parameters",
    "tool.result",
    "tool.output",
    "tool_call.",
    "system_prompt",
    "retrieval.documents",
    "reranker.",
    "embedding.",
    "document.",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "traceloop.prompt.",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.chat.",
    "mcp.request.argument",
    "mcp.tool.arguments",
    "mcp.tool.result",
    "mcp.response.",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.reasoning",
    "ai.response.toolCalls",
    "ai.response.files",
    "ai.result.",
    "ai.schema",
    "ai.toolCall.args",
    "ai.toolCall.input",
    "ai.toolCall.output",
    "ai.toolCall.result",
    "ai.value",
    "ai.embedding",
    "anthropic.tool_result.",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "http.request.body.",
    "http.response.body.",
    "body",
)
"""Names under which dialects put messages, arguments, results, documents and bodies."""

_MODEL_NAMES: Final = frozenset({"reranker.model_name", "embedding.model_name"})
"""What begins so and is no content."""

_IN_EVENTS: Final = (
    "content", "message", "prompt", "completion", "arguments", "result", "tool_calls", "log.body",
)  # fmt: skip
"""Names of which only events of an inference dialect mean content."""

_NAME: Final = re.compile(r"[\w.:/-]{1,128}")
"""What providers allow as the name of a tool, and more."""

_DIALECTS: Final = ("gen_ai.", "llm.")
"""How the names of such events begin."""

_LEAVES: Final = ("request", "response", "requestBase64", "responseBase64")


def drop_content(
    found: Sorted, events: Sequence[EventData], oddities: list[str], *, is_event: bool = False
) -> None:
    """Takes messages and bodies out of the record's leaves, of what is left of the attributes, and of events.

    Args:
        found: a span's sorted attributes.
        events: of the span; their attributes change.
        oddities: takes a note where there was any.
        is_event: whether it is no span but an event of an inference dialect.
    """
    row = found.row
    dropped = [row.pop(leaf) for leaf in _LEAVES if leaf in row]
    others = [event.attributes for event in events]
    for attributes in (found.rest, found.held, *others):
        names = [name for name in attributes if name.startswith(_PREFIXES) and name not in _MODEL_NAMES]
        dropped += [attributes.pop(name) for name in names]
    own = [event.attributes for event in events if event.name.startswith(_DIALECTS)]
    for attributes in (*own, found.rest) if is_event else own:
        dropped += [attributes.pop(name) for name in _IN_EVENTS if name in attributes]
    tools: Any = row.get("modelInfo.tools")
    if tools and not all(map(_NAME.fullmatch, tools)):
        # Names are no content; but a definition that could not be read stands there as a name.
        row["modelInfo.tools"] = [tool for tool in tools if _NAME.fullmatch(tool)] or None
        dropped.append(tools)
    if dropped:
        oddities.append(notes.CONTENT_OFF)
