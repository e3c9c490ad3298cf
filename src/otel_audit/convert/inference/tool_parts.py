"""Calls of tools and their results as parts of a message, from every provider's form of them.

Rules:

1. ``arguments`` and ``response`` that are the JSON text of an object or array are read; other text stays.
2. A response of one text block is its text, of several the list of their texts.
"""

from __future__ import annotations

from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import API_MEMBERS, Part, first, part_of
from otel_audit.convert.spans import Value

__all__ = ["tool_call_part", "tool_response", "tool_response_part", "unpacked"]


def tool_call_part(call: Part, oddities: list[str]) -> Part:
    """Returns a ``tool_call`` from any provider's form of one."""
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = first(inner, "name", "toolName", "tool_name")
    arguments = first(inner, "arguments", "args", "input", "parameters")
    # In OpenAI's Responses API an item's own id is not the one that its result refers to.
    call_id = first(call, "call_id", "id", "toolCallId", "toolUseId", "tool_call_id")
    return part_of("tool_call", id=call_id or None, name=name, arguments=unpacked(arguments, oddities))


def tool_response_part(call_id: object, response: Value, oddities: list[str]) -> Part:
    """Returns a ``tool_call_response``; ``response`` is text, content blocks or any value."""
    return part_of("tool_call_response", id=call_id or None, response=tool_response(response, oddities))


def unpacked(value: Value, oddities: list[str]) -> Value:
    """Returns the object or array that a text holds; any other value as it is."""
    return container(value, oddities) if isinstance(value, str) else value


def tool_response(value: Value, oddities: list[str]) -> Value:
    """Returns what a tool gave: text, content blocks or any value, in normal form."""
    value = unpacked(value, oddities)
    if isinstance(value, dict) and set(value) == {"type", "value"} and value["type"] in ("json", "text"):
        value = unpacked(value["value"], oddities)  # the Vercel SDK's
    if (
        isinstance(value, list)
        and value
        and all(_is_json_block(item) or _is_text_block(item) for item in value)
    ):
        blocks: list[Part] = value  # type: ignore[assignment]  # both kinds are objects
        items = [
            block["json"] if _is_json_block(block) else unpacked(first(block, "text", "content"), oddities)
            for block in blocks
        ]
        return items[0] if len(items) == 1 else items
    return value


def _is_json_block(item: Value) -> bool:
    """Bedrock's, in the result of a tool."""
    return isinstance(item, dict) and item.keys() == {"json"}


def _is_text_block(item: Value) -> bool:
    if not isinstance(item, dict):
        return False
    kind = item.get("type", "text")
    content = first(item, "text", "content")
    return (
        kind in ("text", "output_text", "input_text")
        and isinstance(content, str)
        and len(item.keys() - API_MEMBERS - {"text", "content"}) == 0
    )
