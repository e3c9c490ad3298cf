"""The normal form of messages: the same conversation has the same bytes in every dialect.

The schema is that of the GenAI conventions (``gen-ai-input-messages.json``, ``gen-ai-output-messages.json``
and ``gen-ai-system-instructions.json`` in
https://github.com/open-telemetry/semantic-conventions-genai/tree/main/docs/gen-ai). Where it leaves room,
these rules decide:

1. Keys stand in the schema's order (a message: ``role``, ``parts``, ``name``, ``finish_reason``), members of
   a part as in :mod:`~otel_audit.convert.inference.parts`; further members follow. Nulls, empty lists and
   empty objects among the further members are left out.
2. System messages at the start of the conversation are **system instructions**, since one dialect gives them
   as messages and another apart. Their parts follow those that a dialect gives apart, unless they are
   the same. A system message with a name, and one later in the conversation, stays a message: there, its
   place means something.
3. Roles: ``human`` is ``user``; ``ai``, ``model`` and ``bot`` are ``assistant``; ``function`` is ``tool``; a
   message of nothing but tool results is of role ``tool``, whatever the provider calls it.
4. Parts of a message: reasoning, then content in its order, then tool calls that stood beside the content
   and are not yet among it. Empty text is no part. A tool's message is a ``tool_call_response``.
5. Finish reasons: see :func:`~otel_audit.convert.inference.finish_reasons.finish_reason`. An empty one is left out.
6. Messages of which no part was captured are no messages: the finish reasons stay in ``modelInfo``.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.casing import lower_name
from otel_audit.convert.inference.finish_reasons import finish_reason
from otel_audit.convert.inference.json_text import UNREADABLE, dump, parse, python_literal
from otel_audit.convert.inference.media import first, is_nothing
from otel_audit.convert.inference.parts import content_blocks, content_parts, text_part
from otel_audit.convert.inference.tool_parts import tool_call_part, tool_response_part
from otel_audit.convert.spans import Value

__all__ = [
    "Message",
    "has_content",
    "input_messages",
    "message",
    "output_messages",
    "split_system",
]

Message = dict[str, Any]

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "function": "tool",
}

_LONE_PARTS: Final = frozenset(
    {"function_call", "function_call_output", "reasoning", "tool_use", "tool_result"}
)
"""Items of OpenAI's Responses API, and blocks, that stand where a message could."""

_KNOWN: Final = frozenset({"role", "parts", "name", "finish_reason"})

_PROVIDER_MEMBERS: Final = frozenset(
    {
        "content", "tool_calls", "toolCalls", "function_call", "tool_call_id", "toolCallId", "id", "type",
        "reasoning", "reasoning_content", "refusal", "index", "stop_reason", "stopReason", "finishReason",
        "status", "message", "data", "additional_kwargs", "response_metadata", "usage_metadata", "example",
        "invalid_tool_calls", "artifact", "logprobs", "phase", "output_type",
    }
)  # fmt: skip
"""Members of providers' messages that are read here or say nothing about the conversation."""


def input_messages(value: Value, oddities: list[str]) -> list[Message]:
    """Returns the messages of a conversation in normal form, system messages still among them.

    Args:
        value: a list of messages in the form of the conventions or of a provider, or one message, or text.
        oddities: takes notes of what could not be read.
    """
    return [message(item, "user", oddities) for item in _items(value)]


def output_messages(value: Value, oddities: list[str]) -> list[Message]:
    """Returns output messages in normal form; a choice ``{index, finish_reason, message}`` is one of them."""
    return [message(item, "assistant", oddities) for item in _items(value)]


def _items(value: Value) -> list[Value]:
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    if value and all(isinstance(item, list) for item in value):  # LangChain's batches of conversations
        return [item for batch in value for item in batch]  # type: ignore[union-attr]  # each is a list
    return value


def has_content(messages: list[Message]) -> bool:
    """Whether any message has a part, or a member that is none of the schema's."""
    return any(item["parts"] or not item.keys() <= _KNOWN for item in messages)


def split_system(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Returns the parts of the system messages at the start, and the other messages."""
    parts: list[Message] = []
    count = 0
    for item in messages:
        if item["role"] != "system" or len(item) != 2:
            break
        parts += item["parts"]
        count += 1
    return parts, messages[count:] if count else messages


def message(value: Value, default_role: str, oddities: list[str]) -> Message:
    """Returns one message in normal form.

    Args:
        value: a message of the conventions (``role``, ``parts``), of OpenAI, Anthropic, Bedrock, Gemini,
            LangChain, the Vercel SDK or a choice that holds one; text, or the JSON of any of these.
        default_role: where the message names none.
    """
    if isinstance(value, str):
        value = _decoded(value, oddities)
    if not isinstance(value, dict):
        content = value if isinstance(value, str) else None if value is None else dump(value)
        return {"role": default_role, "parts": [] if not content else [text_part(content)]}
    value = _opened(value, oddities)
    role = _role(value, default_role)
    given = value.get("parts")
    if given is not None:
        parts = content_parts(given, oddities)
    elif "role" not in value and str(value.get("type")) in _LONE_PARTS:
        parts, role = content_parts([value], oddities), "assistant"
        return {"role": "tool" if _is_tool_result(parts) else role, "parts": parts}
    else:
        parts = _provider_parts(value, role, oddities)
    if _is_tool_result(parts):
        role = "tool"
    normal: Message = {"role": role, "parts": parts}
    name = value.get("name")
    if isinstance(name, str) and name and role != "tool":
        normal["name"] = name
    reason = first(value, "finish_reason", "finishReason", "stop_reason", "stopReason")
    if (word := finish_reason(reason)) is not None:
        normal["finish_reason"] = word
    skipped = _KNOWN if given is not None else _KNOWN | _PROVIDER_MEMBERS
    for key, item in value.items():
        if key not in skipped and not is_nothing(item):
            normal[key] = item
    return normal


def _opened(value: Message, oddities: list[str]) -> Message:
    """The message itself, out of a choice, a generation or a serialised object that holds it."""
    kwargs = value.get("kwargs")
    if "lc" in value and isinstance(kwargs, dict):  # LangChain's serialised objects
        value = kwargs
    inner = value.get("message")
    if "parts" in value or inner is None:
        return value
    if isinstance(inner, str):  # an event's choice as text: content, or the JSON of content blocks
        inner = {"content": inner}
    if not isinstance(inner, dict):
        return value
    inner = _opened(inner, oddities)
    info = value.get("generation_info")
    reason = first(value, "finish_reason", "finishReason", "stop_reason", "stopReason")
    if reason is None and isinstance(info, dict):
        reason = info.get("finish_reason")
    opened = {"tool_calls": value.get("tool_calls"), **inner}
    return opened if reason is None else opened | {"finish_reason": reason}


def _is_tool_result(parts: list[Message]) -> bool:
    return bool(parts) and all(part["type"] == "tool_call_response" for part in parts)


def _decoded(text: str, oddities: list[str]) -> Value:
    """The message that a text holds, or the text."""
    if not text.startswith("{"):
        return text
    tree = parse(text, oddities)
    if tree is UNREADABLE:
        tree = python_literal(text, oddities)
    known = ("role", "content", "parts", "message", "tool_calls")
    return tree if isinstance(tree, dict) and any(key in tree for key in known) else text


def _role(value: Message, default_role: str) -> str:
    role = value.get("role")
    if role is None:
        kind = value.get("type")  # LangChain's
        role = kind if isinstance(kind, str) and (kind in _ROLES or kind in ("system", "tool")) else None
    if not isinstance(role, str) or not role:
        return default_role
    lower = lower_name(role).removeprefix("messagerole.")
    if lower == "unknown" and default_role == "assistant":  # OpenLLMetry's, of what LangChain streamed
        return default_role
    return _ROLES.get(lower, lower)


def _provider_parts(value: Message, role: str, oddities: list[str]) -> list[Message]:
    content = value.get("content")
    if content is None and isinstance(value.get("data"), dict):  # LangChain's serialised form
        content = value["data"].get("content")
    call_id = value.get("tool_call_id", value.get("toolCallId"))
    if call_id is None and role == "tool":
        call_id = value.get("id")
    if role == "tool" or isinstance(call_id, str):
        blocks = content_blocks(content, oddities)
        tried: list[str] = []
        parts = content_parts(blocks, tried) if blocks is not None else []
        if _is_tool_result(parts):
            oddities += tried
            return parts
        return [tool_response_part(call_id, content, oddities)] if call_id or content is not None else []
    parts = []
    reasoning = value.get("reasoning_content", value.get("reasoning"))
    if isinstance(reasoning, str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    parts += content_parts(content, oddities)
    refusal = value.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append({"type": "refusal", "content": refusal})
    return _with_tool_calls(parts, value, oddities)


def _with_tool_calls(parts: list[Message], value: Message, oddities: list[str]) -> list[Message]:
    """Adds tool calls that stand beside the content, once each."""
    calls = value.get("tool_calls", value.get("toolCalls"))
    function = value.get("function_call")
    extra = value.get("additional_kwargs")
    if not calls and isinstance(extra, dict):
        calls, function = extra.get("tool_calls"), function or extra.get("function_call")
    found = (
        [tool_call_part(call, oddities) for call in calls if isinstance(call, dict)]
        if isinstance(calls, list)
        else []
    )
    if isinstance(function, dict) and not found:
        found = [tool_call_part(function, oddities)]
    known = [part for part in parts if part["type"] == "tool_call"]
    for call in found:
        if not any(call == part or (call.get("id") and call.get("id") == part.get("id")) for part in known):
            parts.append(call)
    return parts
