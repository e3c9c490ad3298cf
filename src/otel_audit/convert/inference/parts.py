"""Parts of a message in normal form, read from content blocks of the conventions and of every provider.

Members stand in the schema's order:

====================== =============================================
``text`` ``reasoning`` ``content``
``refusal``            ``content`` (ours: OpenAI's refusals)
``tool_call``          ``id``, ``name``, ``arguments``
``tool_call_response`` ``id``, ``response``
``blob``               ``mime_type``, ``modality``, ``content``
``uri``                ``mime_type``, ``modality``, ``uri``
``file``               ``mime_type``, ``modality``, ``file_id``
====================== =============================================

Rules:

1. ``arguments`` and ``response`` that are the JSON text of an object or array are read; other text stays.
   A response of one text block is its text, of several the list of their texts.
2. A ``data:`` URL is a ``blob``; any other URL a ``uri``.
3. Members that an API wants and a conversation does not (``cache_control``, ``signature``, ``logprobs`` …)
   are left out of provider blocks. Any other further member stays, after the known ones.
4. A block of no known type stays as it is, its ``type`` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import container, dump
from otel_audit.convert.inference.media import (
    Part,
    audio,
    document,
    first,
    gemini_media,
    image,
    is_nothing,
    modality_named,
    part_of,
    video,
)
from otel_audit.convert.spans import Value

__all__ = ["content_blocks", "content_parts", "text_part", "tool_call_part", "tool_response_part"]

Reader: TypeAlias = Callable[[Part, list[str]], Part | None]

_NOISE: Final = frozenset(
    {
        "type", "cache_control", "cachePoint", "annotations", "logprobs", "signature", "status",
        "encrypted_content", "providerOptions", "providerMetadata", "experimental_providerMetadata",
        "caller", "extras", "index", "detail",
    }
)  # fmt: skip

_SCHEMA: Final[dict[str, tuple[str, ...]]] = {
    "text": ("content",),
    "reasoning": ("content",),
    "refusal": ("content",),
    "compaction": ("id", "content"),
    "tool_call": ("id", "name", "arguments"),
    "tool_call_response": ("id", "response"),
    "server_tool_call": ("id", "name", "server_tool_call"),
    "server_tool_call_response": ("id", "server_tool_call_response"),
    "blob": ("mime_type", "modality", "content"),
    "uri": ("mime_type", "modality", "uri"),
    "file": ("mime_type", "modality", "file_id"),
}
"""Part types of the conventions, and their members in order."""


def text_part(content: str) -> Part:
    """Returns a text part."""
    return {"type": "text", "content": content}


def tool_call_part(call: Part, oddities: list[str]) -> Part:
    """Returns a ``tool_call`` from any provider's form of one."""
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = first(inner, "name", "toolName", "tool_name")
    arguments = first(inner, "arguments", "args", "input", "parameters")
    # In OpenAI's Responses API an item's own id is not the one that its result refers to.
    call_id = first(call, "call_id", "id", "toolCallId", "toolUseId", "tool_call_id")
    return part_of("tool_call", id=call_id or None, name=name, arguments=_read(arguments, oddities))


def tool_response_part(call_id: object, response: Value, oddities: list[str]) -> Part:
    """Returns a ``tool_call_response``; ``response`` is text, content blocks or any value."""
    return part_of("tool_call_response", id=call_id or None, response=_response(response, oddities))


def content_parts(content: Value, oddities: list[str]) -> list[Part]:
    """Returns the parts of a message's content: text, one block or a list of blocks.

    Text that is the JSON of a list of blocks counts as that list.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        blocks = _blocks_in(content, oddities)
        if blocks is None:
            return [text_part(content)]
        content = blocks
    if not isinstance(content, list):
        content = [content]
    parts = []
    for block in content:
        part = _block(block, oddities)
        if part is not None:
            parts.append(part)
    return parts


def content_blocks(content: Value, oddities: list[str]) -> list[Value] | None:
    """Returns content blocks: a list, or the list that a text holds; ``None`` for text that is just text."""
    if isinstance(content, list):
        return content
    return _blocks_in(content, oddities) if isinstance(content, str) else None


def _blocks_in(text: str, oddities: list[str]) -> list[Value] | None:
    if not text.startswith(("[{", "[ {", "[\n")):
        return None
    tree = container(text, oddities)
    if not isinstance(tree, list) or not tree:
        return None
    return tree if all(_is_known_block(item) for item in tree) else None


def _is_known_block(item: Value) -> bool:
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    if isinstance(kind, str):
        return kind in _READERS or kind in _SCHEMA
    return _untyped(item) is not None


def _block(block: Value, oddities: list[str]) -> Part | None:
    if isinstance(block, str):
        return text_part(block) if block else None
    if not isinstance(block, dict):
        return None if block is None else text_part(dump(block))
    kind = block.get("type")
    if isinstance(kind, str):
        if kind in _SCHEMA and not _is_provider_form(kind, block):
            return _conventional(kind, block, oddities)
        reader = _READERS.get(kind)
        if reader is not None:
            return reader(block, oddities)
    elif (untyped := _untyped(block)) is not None:
        return untyped(block, oddities)
    first: Part = {"type": kind} if kind is not None else {"type": "unknown"}
    if kind is None:
        oddities.append(notes.CONTENT_UNREADABLE)
    return {**first, **{key: value for key, value in block.items() if key != "type" and value is not None}}


def _is_provider_form(kind: str, block: Part) -> bool:
    """Whether a block shares its type with the conventions but not its members."""
    if kind == "text":
        return "content" not in block and "text" in block
    if kind == "reasoning":
        return "content" not in block
    if kind == "file":
        return "file_id" not in block
    return kind == "refusal" and "content" not in block


def _conventional(kind: str, block: Part, oddities: list[str]) -> Part | None:
    part: Part = {"type": kind}
    names = _SCHEMA[kind]
    for name in names:
        value = block.get(name)
        if value is None or (name == "id" and not value):
            continue
        if name == "arguments":
            value = _read(value, oddities)
        elif name == "response":
            value = _response(value, oddities)
        elif name == "modality":
            value = modality_named(value)
        elif kind == "blob" and name == "content" and isinstance(value, dict):
            value = value.get("base64", value)
        part[name] = value
    if kind == "tool_call_response" and "response" not in part:
        response = _response(first(block, "result", "content"), oddities)
        part = part_of(kind, id=part.get("id"), response=response)
        names = (*names, "result", "content")
    for key, value in block.items():
        if key != "type" and key not in names and not is_nothing(value):
            part[key] = value
    if kind in ("text", "reasoning"):
        content = part.get("content")
        if content is None or content == "":
            return None
        if not isinstance(content, str):
            part["content"] = dump(content)
    return part


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


def _untyped(block: Part) -> Reader | None:
    return next((reader for name, reader in _UNTYPED if block.get(name) is not None), None)


def _read(value: Value, oddities: list[str]) -> Value:
    return container(value, oddities) if isinstance(value, str) else value


def _response(value: Value, oddities: list[str]) -> Value:
    value = _read(value, oddities)
    if isinstance(value, dict) and set(value) == {"type", "value"} and value["type"] in ("json", "text"):
        value = _read(value["value"], oddities)  # the Vercel SDK's
    if (
        isinstance(value, list)
        and value
        and all(_is_json_block(item) or _is_text_block(item) for item in value)
    ):
        blocks: list[Part] = value  # type: ignore[assignment]  # both kinds are objects
        items = [
            block["json"] if _is_json_block(block) else _read(first(block, "text", "content"), oddities)
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
        and len(item.keys() - _NOISE - {"text", "content"}) == 0
    )


def _with_rest(part: Part, block: Part, *read: str) -> Part:
    for key, value in block.items():
        if key not in read and key not in _NOISE and not is_nothing(value):
            part[key] = value
    return part
