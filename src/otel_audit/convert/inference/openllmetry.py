"""OpenLLMetry: what it adds to the GenAI conventions now, and what it wrote before it spoke them.

Now: ``gen_ai.*`` (read by :mod:`~otel_audit.convert.inference.semconv`) and ``traceloop.*`` on the spans of
workflows, tasks, agents and tools. Before: ``gen_ai.prompt.N.role``, ``gen_ai.completion.N.content`` and, in
its first versions, the same under ``llm.prompts`` and ``llm.completions``.

Source: ``opentelemetry.semconv_ai`` and the instrumentations at https://github.com/traceloop/openllmetry.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from otel_audit.convert.inference.documents import documents
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.flattened import nested
from otel_audit.convert.inference.json_text import container, dump
from otel_audit.convert.inference.langchain import read_tool_message
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.inference.messages import Message, input_messages, output_messages
from otel_audit.convert.inference.operations import operation_named
from otel_audit.convert.inference.semconv import structured
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["PREFIXES", "REQUEST_TYPE", "SPAN_KIND", "read"]

SPAN_KIND: Final = "traceloop.span.kind"
REQUEST_TYPE: Final = "llm.request.type"

_KINDS: Final = {
    "workflow": "invoke_workflow",
    "task": "chain",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "handoff": "handoff",
    "server": "mcp",
    "session": "mcp",
    "unknown": "chain",
}

_TYPES: Final = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
}

_ENTITY_NAMES: Final = {"tool": "toolName", "agent": "agentName"}

_MEMBERS: Final = {"execute_tool": ("arguments", "result"), "retrieval": ("query", "documents")}
"""Operation → members of its request and response; others have ``input`` and ``output``."""

_WRAPPER: Final = frozenset(
    {
        "inputs", "input_str", "tags", "metadata", "kwargs", "output", "outputs", "tool_name", "arguments",
        "result", "is_error", "query", "documents", "count",
    }
)  # fmt: skip
_WRAPPED: Final = ("inputs", "arguments", "input_str", "query", "outputs", "output", "result", "documents")

_PROMPTS: Final = ("gen_ai.prompt.", "llm.prompts.")
_COMPLETIONS: Final = ("gen_ai.completion.", "llm.completions.")


PREFIXES: Final = ("traceloop.", "llm.", "gen_ai.prompt", "gen_ai.completion", "gen_ai.task.")
"""Beginnings of attribute names by which the reader knows that there is something to read here."""

_MCP_SCOPE: Final = "opentelemetry.instrumentation.mcp"


def read(draft: Draft, span_name: str, scope: str) -> str | None:
    """Reads what is OpenLLMetry's of ``draft.rest``.

    Args:
        span_name: its MCP spans tell the method nowhere else: ``tools/list.mcp``.
        scope: name of the instrumentation scope.

    Returns:
        The operation that its own attributes name.
    """
    rest = draft.rest
    draft.take("llm.request.model", "modelName")
    draft.take("llm.response.model", "responseModel")
    draft.take("llm.vendor", "provider")
    draft.take_extra("traceloop.workflow.name", "workflowName")
    _read_messages(draft)
    kind = rest.get(SPAN_KIND)
    operation = None
    if isinstance(kind, str) and kind in _KINDS:
        operation = _KINDS[kind]
        del rest[SPAN_KIND]
        _read_entity(draft, kind, operation)
    elif scope.startswith(_MCP_SCOPE) and span_name.endswith(".mcp"):
        operation, draft.method = "mcp", span_name.removesuffix(".mcp")
        _read_entity(draft, "mcp", operation)
    if scope.startswith(_MCP_SCOPE):
        draft.protocol = "mcp"
        draft.method = draft.method or ("tools/call" if operation == "execute_tool" else None)
    request_type = rest.get(REQUEST_TYPE)
    if isinstance(request_type, str) and request_type in _TYPES:
        operation = _TYPES[request_type]
        if operation == "text_completion" and span_name.endswith(".chat"):
            operation = "chat"  # the instrumentation of Anthropic calls every request a completion
        else:
            del rest[REQUEST_TYPE]
    return operation


def _read_messages(draft: Draft) -> None:
    rest, oddities = draft.rest, draft.oddities
    for prefix in _PROMPTS:
        given = nested(rest, prefix, oddities)
        if given is not None:
            messages = input_messages([_prompt(item) for item in given], oddities)
            _agree(draft, prefix, given, messages, draft.messages)
            draft.messages = draft.messages or messages
    for prefix in _COMPLETIONS:
        given = nested(rest, prefix, oddities)
        if given is not None:
            outputs = output_messages(given, oddities)
            _agree(draft, prefix, given, outputs, draft.outputs)
            draft.outputs = draft.outputs or outputs
            if not draft.finish_reasons:
                draft.finish_reasons = [item["finish_reason"] for item in outputs if "finish_reason" in item]
    if isinstance(text := rest.get(gen_ai.GEN_AI_PROMPT), str) and not draft.messages:
        draft.messages = input_messages(structured(text, oddities), oddities)
        del rest[gen_ai.GEN_AI_PROMPT]
    if isinstance(text := rest.get(gen_ai.GEN_AI_COMPLETION), str) and not draft.outputs:
        draft.outputs = output_messages(structured(text, oddities), oddities)
        del rest[gen_ai.GEN_AI_COMPLETION]
    functions = nested(rest, "llm.request.functions.", oddities)
    if isinstance(functions, list) and not draft.tools:
        draft.tools = tool_definitions(functions, oddities)


def _agree(
    draft: Draft, prefix: str, given: list[Value], found: list[Message], known: list[Message] | None
) -> None:
    """Keeps messages that differ from those known already, under the name they came with."""
    if known and known != found:
        draft.rest[prefix.rstrip(".")] = given


def _prompt(item: Value) -> Value:
    """A prompt of text completion stands under its role: ``gen_ai.prompt.0.user``."""
    if isinstance(item, dict) and "content" not in item and isinstance(item.get("user"), str):
        return {"role": "user", "content": item["user"]}
    return item


def _read_entity(draft: Draft, kind: str, operation: str) -> None:
    """Name, input and output of a workflow, task, agent or tool."""
    rest = draft.rest
    name = rest.get("traceloop.entity.name")
    if isinstance(name, str) and name:
        child = _ENTITY_NAMES.get(kind)
        extra = "workflowName" if kind == "workflow" else "taskName"
        if draft.know(child, name) if child is not None else draft.add_extra(extra, name):
            del rest["traceloop.entity.name"]
    raw = rest.get(gen_ai.GEN_AI_OPERATION_NAME)
    if isinstance(raw, str) and operation_named(raw) == "retrieval":
        operation = "retrieval"
    asked, answered = _MEMBERS.get(operation, ("input", "output"))
    for key in ("traceloop.entity.input", "gen_ai.task.input"):
        _take(draft, key, asked, draft.request_members)
    for key in ("traceloop.entity.output", "gen_ai.task.output"):
        _take(draft, key, answered, draft.response_members)
    if operation in _MEMBERS:
        _unwrap(draft, "traceloop.entity.input", asked, draft.request_members)
        _unwrap(draft, "traceloop.entity.output", answered, draft.response_members)
        read_tool_message(draft)


def _take(draft: Draft, key: str, name: str, members: dict[str, Any]) -> None:
    """Moves a value into a request or response; it stays where another value is there already."""
    value = draft.rest.get(key)
    if is_nothing(value):
        return
    if isinstance(value, str):
        value = container(value, draft.oddities)
    if members.setdefault(name, value) == value:
        del draft.rest[key]


def _unwrap(draft: Draft, key: str, name: str, members: dict[str, Any]) -> None:
    """Takes arguments, results, queries and documents out of what a framework puts around them.

    LangChain's is ``{inputs, input_str, tags, metadata, kwargs}`` and ``{output, kwargs}``, MCP's
    ``{tool_name, arguments}`` and ``{result}``. What else the wrapper holds goes back to the attribute.
    """
    wrapper = members.get(name)
    if not isinstance(wrapper, dict) or not wrapper.keys() <= _WRAPPER:
        return
    inner = next((item for item in _WRAPPED if item in wrapper), None)
    if inner is None:
        return
    value = wrapper[inner]
    if isinstance(value, str) and inner != "query":
        value = container(value, draft.oddities)
    if inner == "documents":
        value = documents(value, draft.oddities)
    left = {item: wrapper[item] for item in wrapper if item != inner and not is_nothing(wrapper[item])}
    if "inputs" in wrapper:
        left.pop("input_str", None)  # the same as text
    if isinstance(count := left.get("count"), int) and isinstance(value, list) and count == len(value):
        del left["count"]
    if "tool_name" in left and draft.know("toolName", left["tool_name"]):
        del left["tool_name"]
    members[name] = value
    if left:
        draft.rest[key] = dump(left)
