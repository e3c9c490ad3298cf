"""Request parameters under one name each, in one order: ``modelInfo.requestParameters``.

Names are those of the GenAI conventions without ``gen_ai.request.``. Parameters that the conventions do not
name follow, sorted. Numbers that are whole are written without a fraction, since one language sends ``1.0``
and another ``1`` for the same setting.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.inference.json_text import dump
from otel_audit.convert.spans import Value

__all__ = ["NOT_PARAMETERS", "canonical_name", "parameters_text", "plain_parameter"]

_ORDER: Final = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop_sequences",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "choice_count",
    "encoding_formats",
)

_RANKED: Final[frozenset[str]] = frozenset(_ORDER)

_ALIASES: Final = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "maxTokens": "max_tokens",
    "maxTokenCount": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "max_output_token_count": "max_tokens",
    "stop": "stop_sequences",
    "stopSequences": "stop_sequences",
    "n": "choice_count",
    "choice.count": "choice_count",
    "candidate_count": "choice_count",
    "candidateCount": "choice_count",
    "topP": "top_p",
    "p": "top_p",
    "topK": "top_k",
    "k": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "encoding_format": "encoding_formats",
    "reasoning.level": "reasoning_effort",
}

_LISTS: Final = frozenset({"stop_sequences", "encoding_formats"})

NOT_PARAMETERS: Final = frozenset(
    {
        "model", "model_id", "modelId", "model_name", "messages", "input", "prompt", "system", "instructions",
        "tools", "functions", "stream", "user", "conversation", "contents", "systemInstruction",
        "system_instruction", "inputText", "metadata",
    }
)  # fmt: skip
"""Members of a request that say what was asked, by whom and of which model, not how."""


def canonical_name(name: str) -> str:
    """Returns the one name of a parameter that providers call by several."""
    return _ALIASES.get(name, name)


def parameters_text(parameters: dict[str, Value]) -> str | None:
    """Returns parameters, by canonical name, as JSON text; ``None`` where there are none."""
    if not parameters:
        return None
    ordered: dict[str, Value] = {}
    for name in _ORDER:
        if name in parameters:
            value = parameters[name]
            ordered[name] = value if type(value) is int else plain_parameter(name, value)
    if len(ordered) < len(parameters):
        for name in sorted(parameters.keys() - _RANKED):
            ordered[name] = plain_parameter(name, parameters[name])
    return dump(ordered)


def plain_parameter(name: str, value: Any) -> Value:
    """Returns a parameter's value in the one form it has whatever wrote it; ``name`` is canonical."""
    kind = type(value)
    if kind is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if kind is str and name in _LISTS:
        return [value]
    return value  # type: ignore[no-any-return]
