"""The GenAI conventions, current and older, and the flat attributes of dialects that build on them.

Source: ``gen-ai-spans.md``, ``gen-ai-agent-spans.md`` and the attribute registry of
https://github.com/open-telemetry/semantic-conventions-genai; older names from the deprecated part of the
registry; ``gen_ai.*`` and ``llm.*`` names that OpenLLMetry adds from its ``semconv_ai`` package.

Messages stand on spans as JSON text, on events as structured values; both are read. This is the dialect most
spans speak, so one pass over the attributes sorts them all, and text that is in normal form already is
checked rather than built anew.
"""

from __future__ import annotations

from otel_audit.convert import notes
from otel_audit.convert.inference.documents import documents
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import (
    MAX_EXACT,
    UNREADABLE,
    container,
    parse,
    plain_json,
    python_literal,
)
from otel_audit.convert.inference.messages import (
    Message,
    input_messages,
    message,
    output_messages,
    split_system,
)
from otel_audit.convert.inference.parts import content_parts
from otel_audit.convert.inference.providers import provider_named
from otel_audit.convert.inference.semconv_fields import (
    COUNT,
    EXTRA,
    FIELDS,
    FINISH,
    INPUT,
    KNOW,
    NO_MODEL,
    OPERATION_NAME,
    OUTPUT,
    PARAMETER,
    PROVIDER,
    REQUEST,
    SYSTEM,
    TEXT,
    TOOLS,
    TOTAL,
    USER,
)
from otel_audit.convert.inference.text_messages import read_text_messages
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Attributes, Value

__all__ = ["OPERATION_NAME", "read", "structured", "system_parts"]


def read(attributes: Attributes, draft: Draft) -> None:
    """Moves what is known of ``attributes`` into ``draft`` and everything else into ``draft.rest``.

    ``gen_ai.operation.name`` stays in ``draft.rest``, for the reader to decide on.
    """
    rest, info, parameters = draft.rest, draft.info, draft.parameters
    total = None
    for key, value in attributes.items():
        field = FIELDS.get(key)
        if field is None:
            rest[key] = value
            continue
        kind, name = field
        if kind == TEXT:
            if type(value) is str and value and name not in info and value != NO_MODEL:
                info[name] = value
                continue
            taken = value != NO_MODEL and draft.know(name, value)
        elif kind == PARAMETER:
            type_ = type(value)
            if name not in parameters and (
                (type_ is float and value - value == 0.0)  # type: ignore[operator]  # finite
                or (type_ is int and -MAX_EXACT <= value <= MAX_EXACT)  # type: ignore[operator]
            ):
                parameters[name] = value
                continue
            taken = draft.add_parameter(name, value)
        elif kind == COUNT:
            if type(value) is int and 0 <= value <= MAX_EXACT and name not in info:
                info[name] = value
                continue
            taken = draft.know(name, value)
        elif kind == KNOW:
            taken = draft.know(name, value)
        elif kind == PROVIDER:
            if type(value) is str and value and "provider" not in info:
                info["provider"] = provider_named(value)
                continue
            taken = draft.know(name, value)
        elif kind == FINISH:
            taken = draft.finish(value)
        elif kind == EXTRA:
            taken = isinstance(value, str | int | float) and draft.add_extra(name, value)
        elif kind == USER:
            taken = draft.add_user(key, value)
        elif kind == TOTAL:
            total = (key, value)
            continue
        else:
            taken = _read_content(kind, name, value, draft)
        if not taken:
            rest[key] = value
            if kind in (TEXT, COUNT, KNOW, FINISH, USER, PROVIDER) and name not in info:
                draft.oddities.append(notes.WRONG_TYPE)
    if total is not None:
        _read_total(*total, draft)


def _read_total(key: str, total: Value, draft: Draft) -> None:
    """A total that is the sum of what is known says nothing new."""
    parts = (draft.info.get("inputTokens"), draft.info.get("outputTokens"))
    if total == sum(part or 0 for part in parts):
        return
    if not isinstance(total, int | float) or not draft.add_extra("totalTokens", total):
        draft.rest[key] = total


def _read_content(kind: int, name: str, value: Value, draft: Draft) -> bool:
    oddities = draft.oddities
    if kind == INPUT:
        if draft.messages is None and draft.text_messages is None:
            if type(value) is str:
                draft.text_messages = read_text_messages(value, is_request=True)
            if draft.text_messages is None:
                draft.messages = input_messages(structured(value, oddities), oddities)
            return True
        draft.open()
        given = input_messages(structured(value, oddities), oddities)
        return draft.messages is not None and given in (draft.messages, split_system(draft.messages)[1])
    if kind == OUTPUT:
        if draft.outputs is None and draft.text_outputs is None:
            if type(value) is str:
                draft.text_outputs = read_text_messages(value, is_request=False)
            if draft.text_outputs is None:
                draft.outputs = output_messages(structured(value, oddities), oddities)
            return True
        draft.open()
        return draft.outputs == output_messages(structured(value, oddities), oddities)
    if kind == SYSTEM:
        parts = system_parts(structured(value, oddities), oddities)
        draft.system = draft.system or parts
        return draft.system == parts
    if kind == TOOLS:
        tools = tool_definitions(structured(value, oddities), oddities)
        if draft.tools is None:
            draft.tools = tools
        return draft.tools == tools
    inner = container(value, oddities) if isinstance(value, str) else plain_json(value, oddities)
    if name == "documents":
        inner = documents(inner, oddities)
    members = draft.request_members if kind == REQUEST else draft.response_members
    return bool(members.setdefault(name, inner) == inner)


def structured(value: Value, oddities: list[str]) -> Value:
    """Returns the value that an attribute holds, as JSON text or as it is; text that is no JSON as text.

    Text that looks like JSON and is none, since a limit has cut it, is noted.
    """
    if not isinstance(value, str):
        return plain_json(value, oddities)
    text = value.strip()
    if not text.startswith(("[", "{")):
        return value
    tree = parse(text, oddities)
    if tree is UNREADABLE:
        tree = python_literal(text, oddities)
    if tree is UNREADABLE:
        oddities.append(notes.CONTENT_UNREADABLE)
        return value
    return tree  # type: ignore[return-value]  # the sentinel is ruled out


def system_parts(value: Value, oddities: list[str]) -> list[Message]:
    """Returns the parts of system instructions given as text, parts, or messages of parts."""
    parts: list[Message] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and ("parts" in item or "role" in item):
            parts += message(item, "system", oddities)["parts"]
        else:
            parts += content_parts(item, oddities)
    return parts
