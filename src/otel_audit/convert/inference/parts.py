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

1. A block of the conventions keeps its members, the schema's first.
2. One of a provider's is read as ``provider_blocks.py`` says, calls of tools and their results as ``tool_parts.py``,
   media as ``media.py``: a ``data:`` URL is a ``blob``, any other URL a ``uri``.
3. A block of no known type stays as it is, its ``type`` first.
"""

from __future__ import annotations

from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import container, dump
from otel_audit.convert.inference.media import Part, first, is_nothing, modality_named, part_of
from otel_audit.convert.inference.provider_blocks import reader_of, untyped_reader
from otel_audit.convert.inference.tool_parts import tool_response, unpacked
from otel_audit.convert.spans import Value

__all__ = ["content_blocks", "content_parts", "text_part"]

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
        return kind in _SCHEMA or reader_of(kind) is not None
    return untyped_reader(item) is not None


def _block(block: Value, oddities: list[str]) -> Part | None:
    if isinstance(block, str):
        return text_part(block) if block else None
    if not isinstance(block, dict):
        return None if block is None else text_part(dump(block))
    kind = block.get("type")
    if isinstance(kind, str):
        if kind in _SCHEMA and not _is_provider_form(kind, block):
            return _conventional(kind, block, oddities)
        reader = reader_of(kind)
        if reader is not None:
            return reader(block, oddities)
    elif (untyped := untyped_reader(block)) is not None:
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
            value = unpacked(value, oddities)
        elif name == "response":
            value = tool_response(value, oddities)
        elif name == "modality":
            value = modality_named(value)
        elif kind == "blob" and name == "content" and isinstance(value, dict):
            value = value.get("base64", value)
        part[name] = value
    if kind == "tool_call_response" and "response" not in part:
        response = tool_response(first(block, "result", "content"), oddities)
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
