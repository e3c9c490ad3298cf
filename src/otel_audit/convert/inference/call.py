"""What every inference dialect is read into, before it becomes columns of a record."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_audit.convert.spans import Value


@dataclass(slots=True)
class InferenceCall:
    """One call of a model, tool, agent, chain, retriever or MCP server, free of its dialect.

    Attributes:
        operation: ``chat``, ``text_completion``, ``generate_content``, ``embeddings``, ``retrieval``,
            ``execute_tool``, ``invoke_agent``, ``create_agent``, ``invoke_workflow`` …: names of the GenAI
            conventions; makes ``eventName`` ``gen_ai.<operation>``.
        model_info: children of ``modelInfo`` by name, only those known.
        system_instructions: parts, in the conventions' schema.
        messages: input messages, ``{role, parts[, name]}``.
        tools: tool definitions.
        inputs: what a plain prediction or embedding took, where there are no messages.
        outputs: output messages ``{role, parts, finish_reason}``, or what a plain prediction returned.
        users: asserted user ids as ``(origin, id)``, best first.
        session: conversation or session id that an association property gave.
    """

    operation: str
    model_info: dict[str, object] = field(default_factory=dict)
    system_instructions: Value = None
    messages: Value = None
    tools: Value = None
    inputs: Value = None
    outputs: Value = None
    users: list[tuple[str, str]] = field(default_factory=list)
    session: str | None = None
