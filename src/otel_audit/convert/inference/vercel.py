"""Vercel AI SDK: ``ai.operationId``, ``ai.prompt.messages``, ``ai.response.text`` and their kin.

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry. The outer span (``ai.generateText``) is what the
application asked for and may hold several inner ones (``ai.generateText.doGenerate``), each a call of the
model; the outer is an ``invoke_agent``, the inner a ``chat``.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.inference.messages import Message, input_messages, message
from otel_audit.convert.inference.semconv import structured, system_parts
from otel_audit.convert.inference.tool_parts import tool_call_part
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["OPERATION", "read"]

OPERATION: Final = "ai.operationId"

_TAKEN: Final = {
    "ai.model.id": "modelName",
    "ai.model.provider": "provider",
    "ai.response.model": "responseModel",
    "ai.response.id": "responseId",
    "ai.usage.promptTokens": "inputTokens",
    "ai.usage.inputTokens": "inputTokens",
    "ai.usage.completionTokens": "outputTokens",
    "ai.usage.outputTokens": "outputTokens",
    "ai.usage.cachedInputTokens": "cacheReadTokens",
    "ai.usage.reasoningTokens": "reasoningTokens",
    "ai.toolCall.name": "toolName",
    "ai.toolCall.id": "toolCallId",
}

_SETTINGS: Final = "ai.settings."


def read(draft: Draft) -> str | None:
    """Reads what is the SDK's of ``draft.rest``; returns the operation, ``None`` for an unknown one."""
    rest = draft.rest
    name = rest.get(OPERATION)
    operation = _operation(name) if isinstance(name, str) else None
    for key, child in _TAKEN.items():
        draft.take(key, child)
    draft.take("ai.usage.tokens", "inputTokens")  # an embedding's
    total = rest.get("ai.usage.totalTokens")
    if total is not None and total == draft.info.get("inputTokens", 0) + draft.info.get("outputTokens", 0):
        del rest["ai.usage.totalTokens"]
    if draft.finish(rest.get("ai.response.finishReason")):
        del rest["ai.response.finishReason"]
    for key in [key for key in rest if key.startswith(_SETTINGS)]:
        if draft.add_parameter(key.removeprefix(_SETTINGS), rest[key]):
            del rest[key]
    if isinstance(name, str):
        if ".stream" in name and "streaming" not in draft.info:
            draft.info["streaming"] = True
        draft.take_extra("ai.telemetry.functionId", "taskName")
    _read_request(draft, operation)
    _read_response(draft, operation)
    return operation


def _operation(name: str) -> str | None:
    if name == "ai.toolCall":
        return "execute_tool"
    if name.startswith("ai.embed"):
        return "embeddings"
    if name.startswith(("ai.generate", "ai.stream")):
        return "chat" if name.endswith((".doGenerate", ".doStream")) else "invoke_agent"
    return None


def _read_request(draft: Draft, operation: str | None) -> None:
    rest, oddities = draft.rest, draft.oddities
    if operation == "execute_tool":
        _take(draft, "ai.toolCall.args", "arguments", draft.request_members)
        _take(draft, "ai.toolCall.input", "arguments", draft.request_members)
    elif operation == "embeddings":
        texts = rest.get("ai.values", rest.get("ai.value"))
        if not is_nothing(texts):
            given = texts if isinstance(texts, list) else [texts]
            draft.request_members["input"] = [_text(item, oddities) for item in given]
            rest.pop("ai.values", None)
            rest.pop("ai.value", None)
    messages = rest.get("ai.prompt.messages")
    if messages is not None and not draft.messages:
        draft.messages = input_messages(structured(messages, oddities), oddities)
        del rest["ai.prompt.messages"]
    prompt = rest.get("ai.prompt")
    tree = structured(prompt, oddities) if prompt is not None else None
    if isinstance(tree, dict) and not draft.messages:
        draft.system = system_parts(tree.get("system"), oddities) if tree.get("system") else []
        draft.messages = input_messages(tree.get("messages", tree.get("prompt")), oddities)
        del rest["ai.prompt"]
    tools = rest.get("ai.prompt.tools")
    if tools is not None and not draft.tools:
        draft.tools = tool_definitions(tools, oddities)
        del rest["ai.prompt.tools"]
    choice = rest.get("ai.prompt.toolChoice")
    if isinstance(choice, str) and draft.add_parameter("tool_choice", container(choice, oddities)):
        del rest["ai.prompt.toolChoice"]


def _text(item: Value, oddities: list[str]) -> Value:
    """Each value of an embedding is JSON text: a text has quotes around it."""
    if isinstance(item, str) and item.startswith('"'):
        tree = structured(f"[{item}]", oddities)
        if isinstance(tree, list) and len(tree) == 1:
            return tree[0]
    return item


def _read_response(draft: Draft, operation: str | None) -> None:
    rest, oddities = draft.rest, draft.oddities
    if operation == "execute_tool":
        _take(draft, "ai.toolCall.result", "result", draft.response_members)
        _take(draft, "ai.toolCall.output", "result", draft.response_members)
        return
    if operation == "embeddings":
        vectors = rest.get("ai.embeddings", rest.get("ai.embedding"))
        if not is_nothing(vectors):
            given = vectors if isinstance(vectors, list) else [vectors]
            draft.response_members["embeddings"] = [
                container(item, oddities) if isinstance(item, str) else item for item in given
            ]
            rest.pop("ai.embeddings", None)
            rest.pop("ai.embedding", None)
        return
    keys = ("ai.response.reasoning", "ai.response.text", "ai.response.object", "ai.response.toolCalls")
    if draft.outputs or all(is_nothing(rest.get(key)) for key in keys):
        return
    reasoning, text, answer, calls = (rest.pop(key, None) for key in keys)
    answer_message: Message = message(
        {"content": text if text is not None else answer, "reasoning": reasoning}, "assistant", oddities
    )
    found = structured(calls, oddities) if calls is not None else None
    for call in found if isinstance(found, list) else []:
        if isinstance(call, dict):
            answer_message["parts"].append(tool_call_part(call, oddities))
    if draft.finish_reasons:
        answer_message["finish_reason"] = draft.finish_reasons[0]
    draft.outputs = [answer_message]


def _take(draft: Draft, key: str, name: str, members: dict[str, Any]) -> None:
    value = draft.rest.get(key)
    if value is None:
        return
    if isinstance(value, str):
        value = container(value, draft.oddities)
    if members.setdefault(name, value) == value:
        del draft.rest[key]
