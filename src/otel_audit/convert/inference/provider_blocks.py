"""Content blocks of providers as parts of a message: a reader for each type, and for each form without one.

Rules:

1. Members that an API wants and a conversation does not (``cache_control``, ``signature``, ``logprobs`` …) are left
   out. Any other further member stays, after the known ones.
2. A reader returns ``None`` for a block that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from otel_audit.convert.inference.json_text import dump
from otel_audit.convert.inference.media import (
    API_MEMBERS,
    Part,
    audio,
    document,
    first,
    gemini_media,
    image,
    is_nothing,
    part_of,
    video,
)
from otel_audit.convert.inference.tool_parts import tool_call_part, tool_response_part

__all__ = ["Reader", "reader_of", "untyped_reader"]

Reader: TypeAlias = Callable[[Part, list[str]], Part | None]


def _text(block: Part, oddities: list[str]) -> Part | None:
    content = first(block, "text", "content")
    if content is None or content == "":
        return None
    return _with_rest(part_of("text", content=content if isinstance(content, str) else dump(content)), block,
                      "text", "content")  # fmt: skip


def _reasoning(block: Part, oddities: list[str]) -> Part | None:
    content = first(block, "thinking", "text", "reasoning", "content", "summary", "reasoningText")
    if isinstance(content, dict):
        content = content.get("text")
    if isinstance(content, list):
        texts = [item.get("text") if isinstance(item, dict) else item for item in content]
        content = "\n".join(text for text in texts if isinstance(text, str))
    return {"type": "reasoning", "content": content} if isinstance(content, str) and content else None


def _refusal(block: Part, oddities: list[str]) -> Part | None:
    return part_of("refusal", content=first(block, "refusal", "text"))


def _tool_result(block: Part, oddities: list[str]) -> Part | None:
    call_id = first(block, "tool_use_id", "toolUseId", "toolCallId", "tool_call_id", "call_id", "id")
    return tool_response_part(call_id, first(block, "content", "result", "output", "response"), oddities)


def _gemini_text(block: Part, oddities: list[str]) -> Part | None:
    return _reasoning(block, oddities) if block.get("thought") is True else _text(block, oddities)


def _inside(name: str, reader: Reader) -> Reader:
    def read(block: Part, oddities: list[str]) -> Part | None:
        inner = block[name]
        return reader(inner if isinstance(inner, dict) else {}, oddities)

    return read


_READERS: Final[dict[str, Reader]] = {
    "text": _text, "input_text": _text, "output_text": _text, "summary_text": _text,
    "thinking": _reasoning, "redacted_thinking": _reasoning, "reasoning": _reasoning,
    "refusal": _refusal,
    "image": image, "image_url": image, "input_image": image,
    "audio": audio, "input_audio": audio, "audio_url": audio,
    "video": video, "video_url": video,
    "document": document, "file": document, "input_file": document,
    "tool_use": tool_call_part, "server_tool_use": tool_call_part, "mcp_tool_use": tool_call_part,
    "function": tool_call_part, "function_call": tool_call_part, "tool-call": tool_call_part,
    "tool_result": _tool_result, "tool-result": _tool_result, "function_call_output": _tool_result,
    "mcp_tool_result": _tool_result, "web_search_tool_result": _tool_result,
    "code_execution_tool_result": _tool_result,
}  # fmt: skip
"""Block type of a provider → reader."""

_UNTYPED: Final = (
    ("toolUse", _inside("toolUse", tool_call_part)),
    ("toolResult", _inside("toolResult", _tool_result)),
    ("reasoningContent", _inside("reasoningContent", _reasoning)),
    ("functionCall", _inside("functionCall", tool_call_part)),
    ("function_call", _inside("function_call", tool_call_part)),
    ("functionResponse", _inside("functionResponse", _tool_result)),
    ("function_response", _inside("function_response", _tool_result)),
    ("inlineData", gemini_media), ("inline_data", gemini_media),
    ("fileData", gemini_media), ("file_data", gemini_media),
    ("image", image), ("video", video), ("document", document), ("audio", audio),
    ("text", _gemini_text),
)  # fmt: skip
"""Member that tells the kind of a block without ``type`` (Bedrock's, Gemini's) → reader."""


def reader_of(kind: str) -> Reader | None:
    """Returns the reader of blocks of a provider's type; ``None`` for a type that no provider has."""
    return _READERS.get(kind)


def untyped_reader(block: Part) -> Reader | None:
    """Returns the reader of a block without ``type``, by the members that it has."""
    return next((reader for name, reader in _UNTYPED if block.get(name) is not None), None)


def _with_rest(part: Part, block: Part, *read: str) -> Part:
    for key, value in block.items():
        if key not in read and key not in API_MEMBERS and not is_nothing(value):
            part[key] = value
    return part
