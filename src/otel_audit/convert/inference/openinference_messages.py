"""OpenInference's messages: ``message.role``, ``message.contents.N.message_content.*`` and their kin."""

from __future__ import annotations

from typing import Any

from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import is_nothing, media_part
from otel_audit.convert.inference.messages import Message, message
from otel_audit.convert.inference.parts import content_parts
from otel_audit.convert.inference.tool_parts import tool_call_part, tool_response_part
from otel_audit.convert.spans import Value

__all__ = ["openinference_message"]


def openinference_message(item: Value, default_role: str, oddities: list[str]) -> Message:
    """Returns a message in normal form.

    Args:
        item: the object that the numbered attributes of one message make.
        default_role: where the message has lost its role.
    """
    given = item.get("message") if isinstance(item, dict) else None
    if not isinstance(given, dict):
        return message(item, default_role, oddities)
    body = {key: value for key, value in given.items() if key not in ("contents", "tool_calls")}
    function = {"name": body.pop("function_call_name", None),
                "arguments": body.pop("function_call_arguments_json", None)}  # fmt: skip
    contents = given.get("contents")
    parts: list[Message] = []
    for content in contents if isinstance(contents, list) else []:
        parts += _content(content, oddities)
    call_id, content = body.pop("tool_call_id", None), body.pop("content", None)
    if call_id is not None or (body.get("role") == "tool" and not parts):
        parts.append(tool_response_part(call_id, content, oddities))
    elif not parts:
        parts = content_parts(content, oddities)
    calls = given.get("tool_calls")
    for call in calls if isinstance(calls, list) else [{"tool_call": function}] if function["name"] else []:
        inner = call.get("tool_call", call) if isinstance(call, dict) else None
        part = tool_call_part(inner, oddities) if isinstance(inner, dict) else None
        if part is not None and part not in parts:
            parts.append(part)
    whole: dict[str, Any] = {**body, "parts": parts}
    return message(whole, default_role, oddities)


def _content(item: Value, oddities: list[str]) -> list[Message]:
    content = item.get("message_content") if isinstance(item, dict) else None
    if not isinstance(content, dict):
        call = item.get("tool_call") if isinstance(item, dict) else None
        return [tool_call_part(call, oddities)] if isinstance(call, dict) else content_parts(item, oddities)
    kind, text = content.get("type"), content.get("text")
    call = item.get("tool_call") if isinstance(item, dict) else None
    call = call if isinstance(call, dict) else content.get("tool_call")
    if isinstance(call, dict):
        return [tool_call_part(call, oddities)]
    for modality in ("image", "audio", "video", "document"):
        holder = content.get(modality)
        if isinstance(holder, dict):
            media = holder.get(modality, holder)
            if isinstance(media, dict) and not is_nothing(media.get("url")):
                return [media_part(media["url"], modality, media.get("mime_type"))]
    if kind == "reasoning":
        return content_parts([{"type": "reasoning", "text": text}], oddities) if text else []
    if kind in (None, "text", "input_text", "output_text"):
        return content_parts([{"type": "text", "text": text}], oddities) if text else []
    block = container(text, oddities) if isinstance(text, str) else None
    if isinstance(block, dict):
        return content_parts([block], oddities)
    return content_parts([{key: value for key, value in content.items() if not is_nothing(value)}], oddities)
