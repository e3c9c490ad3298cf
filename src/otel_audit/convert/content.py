"""Content switched off: what is left among the attributes once messages and bodies are mapped."""

from __future__ import annotations

from typing import Final

from otel_audit.convert.spans import Attributes

__all__ = ["strip_content"]

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


def strip_content(attributes: Attributes) -> bool:
    """Takes content out of attributes. Returns whether there was any."""
    content = [name for name in attributes if name.startswith(_PREFIXES)]
    for name in content:
        del attributes[name]
    return bool(content)
