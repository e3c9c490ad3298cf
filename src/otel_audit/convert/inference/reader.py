"""Decides whether a span is inference, has each dialect read what it knows, and settles on one operation.

Whether a span is a call of a model is decided by what it shows, not by what it is called: a model operation
needs a model. A framework that names every span an operation, or calls every method ``LLM``, makes chains.
Nothing is dropped on suspicion: what is no model call is a record of another operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from otel_audit.convert import notes
from otel_audit.convert.inference import (
    identity,
    mcp,
    message_events,
    mlflow,
    openinference,
    openllmetry,
    semconv,
    vercel,
)
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.call_shapes import is_left_alone
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.operations import MODEL_OPERATIONS, operation_named
from otel_audit.convert.spans import Attributes, SpanData

__all__ = ["is_marked", "read", "settle_operation"]

_OPERATION: Final = gen_ai.GEN_AI_OPERATION_NAME
_PROVIDER: Final = gen_ai.GEN_AI_PROVIDER_NAME
_SYSTEM: Final = gen_ai.GEN_AI_SYSTEM
_MODEL: Final = gen_ai.GEN_AI_REQUEST_MODEL
_TOOL: Final = gen_ai.GEN_AI_TOOL_NAME
_OPENINFERENCE: Final = openinference.SPAN_KIND
_OPENLLMETRY: Final = openllmetry.SPAN_KIND
_REQUEST_TYPE: Final = openllmetry.REQUEST_TYPE
_MLFLOW: Final = mlflow.SPAN_TYPE
_MCP: Final = mcp.METHOD
_MCP_TOOL: Final = mcp.TOOL
_VERCEL: Final = vercel.OPERATION

_FRAMEWORKS: Final = frozenset({"langchain", "langgraph", "llamaindex", "llama_index", "crewai", "haystack"})
"""Providers that are none: what they call a chat may be a step around one."""

_HTTP: Final = ("http.request.method", "http.method")

_ENTITY: Final = "traceloop.entity.input"

_DERIVED: Final = frozenset(
    {"chat", "text_completion", "execute_tool", "embeddings", "retrieval", "invoke_agent"}
)
"""Operations that OpenInference derives from its own span kind when it writes both conventions."""


def is_marked(attributes: Mapping[str, object]) -> bool:
    """Whether any dialect has left its mark. Costs a fifth of a microsecond for a span that has none."""
    return (
        _OPERATION in attributes
        or _PROVIDER in attributes
        or _SYSTEM in attributes
        or _OPENINFERENCE in attributes
        or _OPENLLMETRY in attributes
        or _MODEL in attributes
        or _MCP in attributes
        or _MLFLOW in attributes
        or _VERCEL in attributes
        or _REQUEST_TYPE in attributes
        or _TOOL in attributes
        or _MCP_TOOL in attributes
        or _ENTITY in attributes
    )


def read(span: SpanData) -> InferenceCall | None:
    """Reads an inference span of any dialect.

    What is mapped is taken out of ``span.attributes`` and ``span.events``; everything else stays there, with
    its type. Notes of what was odd go to ``span.oddities``.

    Returns:
        The call, or ``None`` for a span that is no inference, which is left as it was.
    """
    attributes = span.attributes
    if not is_marked(attributes):
        return None
    oddities: list[str] = []
    draft = Draft({}, oddities)
    rest = draft.rest
    named = None
    if _OPENINFERENCE in attributes:
        named = _read_with_derived(draft, span)
    else:
        semconv.read(attributes, draft)
        if not all(map(is_left_alone, rest)):
            named = _read_dialects(draft, span)
    events = message_events.read(span.events, draft) if span.events else span.events
    operation = settle_operation(draft, named)
    if operation is None:
        return None
    span.attributes = rest
    span.events = events
    if oddities:
        span.oddities += oddities
    return draft.call(operation)


def _read_with_derived(draft: Draft, span: SpanData) -> str | None:
    """Reads OpenInference's own attributes before the conventions' that it can write beside them.

    It derives those from its own and so knows less: the request's model is the response's, a tool's arguments
    are its schema. Returns the operation that its own name.
    """
    own: Attributes = {}
    derived: Attributes = {}
    for key, value in span.attributes.items():
        (derived if key.startswith("gen_ai.") else own)[key] = value
    semconv.read(own, draft)
    named = _read_dialects(draft, span)
    if derived:
        if "modelName" in draft.info and derived.get(_MODEL, "") == draft.info.get("responseModel"):
            del derived[_MODEL]
        semconv.read(derived, draft)
        if named == "chain" and operation_named(str(draft.rest.get(_OPERATION))) in _DERIVED:
            del draft.rest[_OPERATION]
    return named


def _read_dialects(draft: Draft, span: SpanData) -> str | None:
    """Has every dialect that left a mark read its part; returns the operation that they name."""
    draft.open()
    rest, scope = draft.rest, span.resource.scope_name
    named = None
    if _MLFLOW in rest:
        named = mlflow.read(draft, span.name)
    if _VERCEL in rest or "ai.model.id" in rest:
        named = vercel.read(draft) or named
    if _OPENINFERENCE in rest:
        named = openinference.read(draft, scope)
    if any(key.startswith(openllmetry.PREFIXES) for key in rest):
        named = openllmetry.read(draft, span.name, scope) or named
    if any(key.startswith("mcp.") for key in rest):
        named = mcp.read(draft)
    identity.read(draft)
    return named


def settle_operation(draft: Draft, named: str | None) -> str | None:
    """Returns the one operation of a call; ``None`` where what was read shows no inference.

    Args:
        draft: everything read so far; ``gen_ai.operation.name`` goes out of its ``rest`` if nothing of it
            would be lost.
        named: what a dialect's own attributes say.
    """
    rest, info = draft.rest, draft.info
    raw = rest.get(_OPERATION)
    given = operation_named(raw) if isinstance(raw, str) else None
    if given is not None and (named is None or not _overrules(named, given)):
        operation: str | None = given
    elif named is not None:
        operation = named
    elif raw is not None:
        draft.oddities.append(notes.NAME_UNSAFE)
        operation = "inference" if "modelName" in info else "chain"
    else:
        operation = _shown(draft)
    if operation in MODEL_OPERATIONS and operation != "predict" and not _has_model(draft, named):
        operation = "chain"
    if operation is not None and operation == raw:
        del rest[_OPERATION]
    return operation


def _overrules(named: str, given: str) -> bool:
    """Whether what a dialect's own attributes say is better than ``gen_ai.operation.name`` beside them."""
    return given == "chain" or named in ("rerank", "execute_tool")


def _has_model(draft: Draft, named: str | None) -> bool:
    info = draft.info
    if "modelName" in info or "responseModel" in info:
        return True
    # The conventions ask for the model only where it is known, as in a request that names a stored prompt.
    return named is None and info.get("provider") not in _FRAMEWORKS


def _shown(draft: Draft) -> str | None:
    """The operation that the facts show where nothing names one."""
    info = draft.info
    draft.open()
    if draft.messages or draft.outputs or draft.finish_reasons or "outputTokens" in info:
        return "chat"
    if any(key in draft.rest for key in _HTTP):
        return None  # a call of a provider's API that is none of a model: its HTTP says what it did
    if "toolName" in info:
        return "execute_tool"
    if "modelName" in info:
        return "inference"
    if "agentName" in info or "agentId" in info:
        return "invoke_agent"
    return "invoke_workflow" if "workflowName" in draft.extra else "chain"
