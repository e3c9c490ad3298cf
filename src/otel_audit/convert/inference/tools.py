"""Tool definitions in normal form: ``{type, name, description, parameters}``.

The schema is ``gen-ai-tool-definitions.json`` of the GenAI conventions. Providers nest the definition
(OpenAI's ``function``, Bedrock's ``toolSpec``), put several into one (Gemini's ``function_declarations``) or
call the parameters ``input_schema``; a tool that the provider itself runs has a ``type`` and no parameters.
"""

from __future__ import annotations

from typing import Any

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import first, is_nothing
from otel_audit.convert.spans import Value

__all__ = ["tool_definitions"]

_NESTED = ("function", "toolSpec", "tool_spec", "json_schema")
_SEVERAL = ("function_declarations", "functionDeclarations")
_PARAMETERS = (
    "parameters",
    "input_schema",
    "inputSchema",
    "parameters_json_schema",
    "parametersJsonSchema",
    "args",
)
_KNOWN = frozenset({"type", "name", "description", "cache_control", *_NESTED, *_PARAMETERS})


def tool_definitions(value: Value, oddities: list[str]) -> list[dict[str, Any]]:
    """Returns definitions in normal form.

    Args:
        value: definitions of any provider, or their JSON text, or a list of JSON texts.
        oddities: takes notes of what could not be read.
    """
    if isinstance(value, str):
        value = container(value, oddities)
    definitions: list[dict[str, Any]] = []
    for item in value if isinstance(value, list) else [value]:
        tool = container(item, oddities) if isinstance(item, str) else item
        if not isinstance(tool, dict):
            if not is_nothing(tool):
                oddities.append(notes.CONTENT_UNREADABLE)
                definitions.append({"type": "unknown", "name": str(tool)})
            continue
        several = first(tool, *_SEVERAL)
        if isinstance(several, list):
            definitions += tool_definitions(several, oddities)
        else:
            definitions.append(_definition(tool, oddities))
    return definitions


def _definition(tool: dict[str, Any], oddities: list[str]) -> dict[str, Any]:
    nested = next((tool[name] for name in _NESTED if isinstance(tool.get(name), dict)), None)
    inner: dict[str, Any] = tool if nested is None else nested
    kind = tool.get("type") or inner.get("type")
    if not isinstance(kind, str) or kind in ("object", "custom"):  # a bare schema; Anthropic's client tools
        kind = "function"
    definition: dict[str, Any] = {"type": kind}
    for name in ("name", "description"):
        if not is_nothing(inner.get(name)):
            definition[name] = inner[name]
    parameters = first(inner, *_PARAMETERS)
    if isinstance(parameters, str):
        parameters = container(parameters, oddities)
    if isinstance(parameters, dict) and set(parameters) == {"json"}:  # Bedrock
        parameters = parameters["json"]
    if parameters is not None:
        definition["parameters"] = parameters
    for source in (inner,) if inner is tool else (inner, tool):
        for key, item in source.items():
            if key not in _KNOWN and not is_nothing(item):
                definition.setdefault(key, item)
    return definition
