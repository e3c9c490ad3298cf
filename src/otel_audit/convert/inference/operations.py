"""What a span did: the closed vocabulary of operations, and the names that dialects give them.

The names are those of the GenAI conventions (``gen_ai.operation.name``,
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/registry/attributes/gen-ai.md),
with a few of our own for what the conventions do not name.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MODEL_OPERATIONS", "OPERATIONS", "operation_named"]

OPERATIONS: Final[dict[str, str]] = {
    "chat": "A conversation with a model.",
    "generate_content": "Content of any modality from a model.",
    "text_completion": "Text that continues a prompt.",
    "embeddings": "Vectors of texts.",
    "rerank": "Documents put in order by a model.",
    "inference": "A model call of a kind that the span does not say, such as speech or images.",
    "predict": "A plain prediction: features in, result out.",
    "retrieval": "Documents looked up.",
    "execute_tool": "A tool run for a model or agent.",
    "create_agent": "An agent made.",
    "invoke_agent": "An agent asked.",
    "invoke_workflow": "A workflow of several steps run.",
    "plan": "An agent breaking its task down.",
    "handoff": "An agent passing its task to another.",
    "guardrail": "Input or output judged before it goes on.",
    "evaluation": "Output graded.",
    "prompt": "A prompt rendered from a template.",
    "memory": "An agent's memory read or changed.",
    "chain": "A step of a framework that is none of these; often the parent of one.",
    "mcp": "A message of the Model Context Protocol other than a tool call.",
    "message": "A log event on its own: one input message.",
    "choice": "A log event on its own: one output message.",
}
"""Operation → what it stands for. ``eventName`` is ``gen_ai.`` and one of these."""

MODEL_OPERATIONS: Final = frozenset(
    {"chat", "generate_content", "text_completion", "embeddings", "rerank", "inference", "predict"}
)
"""Operations of a model itself, as opposed to what surrounds it."""

_ALIASES: Final = {
    **{name: name for name in OPERATIONS},
    "completion": "text_completion",
    "completions": "text_completion",
    "responses": "chat",
    "response": "chat",
    "message.create": "chat",
    "messages.create": "chat",
    "embedding": "embeddings",
    "llm_request": "inference",
    "speech": "inference",
    "transcription": "inference",
    "speech_group": "inference",
    "image_generation": "inference",
    "generate_image": "inference",
    "text_to_speech": "inference",
    "retrieve": "retrieval",
    "search": "retrieval",
    "vector_db_retrieve": "retrieval",
    "tool": "execute_tool",
    "call_tool": "execute_tool",
    "agent": "invoke_agent",
    "workflow": "invoke_workflow",
    "task": "chain",
    "execute_task": "chain",
    "evaluate": "evaluation",
    "create_memory": "memory",
    "create_memory_store": "memory",
    "delete_memory": "memory",
    "delete_memory_store": "memory",
    "search_memory": "memory",
    "update_memory": "memory",
    "upsert_memory": "memory",
}


def operation_named(name: str) -> str | None:
    """Returns the operation that a dialect's ``name`` stands for, ``None`` where it is unknown."""
    return _ALIASES.get(name) or _ALIASES.get(name.lower())
