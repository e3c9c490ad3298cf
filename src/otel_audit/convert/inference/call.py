"""What every inference dialect is read into, before it becomes columns of a record.

The shapes of ``request`` and ``response``, JSON objects and arrays in minified form, one for each family of
operations, the same in every dialect:

=====================================================  ==========================  ========================
operation                                              request                     response
=====================================================  ==========================  ========================
``chat`` ``generate_content`` ``text_completion``      ``{systemInstructions,      ``[message, …]``
``inference`` ``message`` ``choice``                   messages, tools}``
``invoke_agent`` ``create_agent`` ``invoke_workflow``  likewise; where the span    likewise, else
``plan`` ``chain`` ``prompt`` ``guardrail``            has no messages             ``{"output": value}``
``evaluation`` ``predict`` ``mcp`` ``memory``          ``{"input": value}``
``embeddings``                                         ``{"input": [text, …]}``    ``{"embeddings": [[…]]}``
``retrieval`` ``rerank``                               ``{"query": text,           ``{"documents": […]}``
                                                       "documents": […]}``
``execute_tool``                                       ``{"arguments": value}``    ``{"result": value}``
=====================================================  ==========================  ========================

Messages are in the normal form of :mod:`otel_audit.convert.inference.messages`. A document is
``{id, score, content, metadata}``. Members that are unknown are left out; an object without members is no
object: the field is ``None``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["InferenceCall"]


@dataclass(slots=True)
class InferenceCall:
    """One call of a model, tool, agent, chain, retriever or MCP server, free of its dialect.

    Attributes:
        operation: one of :data:`~otel_audit.convert.inference.operations.OPERATIONS`; makes ``eventName``
            ``gen_ai.<operation>``.
        model_info: children of ``modelInfo`` by name, only those known, each of the type that the schema
            asks for (``extra`` is a ``dict[str, str]``).
        request: JSON text, minified, as in the table above; ``None`` where nothing was captured.
        response: likewise.
        target: ``(type, id)`` of what was acted on: ``model``, ``tool``, ``agent``, ``workflow`` …; ``None``
            where the span names nothing.
        users: asserted user ids as ``(origin, id)``, best first; ``origin`` is the attribute's name.
        session: session id that an association property or metadata gave. ``session.id`` itself stays among
            the span's attributes, for identity to read.
        protocol: ``mcp`` where the span says so, else ``None``.
        method: the protocol's method, as in ``tools/call``; ``None`` without a protocol.
        return_code: the protocol's status code; ``None`` without one.
    """

    operation: str
    model_info: dict[str, object] = field(default_factory=dict)
    request: str | None = None
    response: str | None = None
    target: tuple[str, str] | None = None
    users: list[tuple[str, str]] = field(default_factory=list)
    session: str | None = None
    protocol: str | None = None
    method: str | None = None
    return_code: int | None = None
