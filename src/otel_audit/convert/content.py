"""Content switched off: what is left among the attributes once messages and bodies are mapped."""

from __future__ import annotations

from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.sorter import Sorted
from otel_audit.convert.spans import Attributes

__all__ = ["drop_content"]

_PREFIXES: Final = (
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.input",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.",
    "gen_ai.tool.definitions",
    "gen_ai.retrieval",
    "gen_ai.event.content",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt",
    "llm.completions",
    "llm.tools",
    "input.",
    "output.",
    "message.",
    "tool.parameters",
    "tool_call.",
    "retrieval.documents",
    "reranker.",
    "embedding.",
    "document.",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mcp.request.argument",
    "http.request.body.",
    "http.response.body.",
    "body",
)
"""Names under which dialects put messages, arguments, results, documents and bodies."""


_LEAVES: Final = ("request", "response", "requestBase64", "responseBase64")


def drop_content(found: Sorted, others: list[Attributes], oddities: list[str]) -> None:
    """Takes messages and bodies out of the record's leaves, of what is left of the attributes, and of others.

    Args:
        found: a span's sorted attributes.
        others: attributes of its events.
        oddities: takes a note where there was any.
    """
    dropped = [found.row.pop(leaf) for leaf in _LEAVES if leaf in found.row]
    for attributes in (found.rest, found.held, *others):
        content = [name for name in attributes if name.startswith(_PREFIXES)]
        dropped += [attributes.pop(name) for name in content]
    if dropped:
        oddities.append(notes.CONTENT_OFF)
