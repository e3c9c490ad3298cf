"""Why a model stopped, in the words of the GenAI conventions."""

from __future__ import annotations

from typing import Final

from otel_audit.convert.casing import is_name

__all__ = ["REASONS", "finish_reason"]

REASONS: Final = frozenset({"stop", "length", "content_filter", "tool_call", "error"})
"""The conventions' finish reasons."""

_FINISH_REASONS: Final = {
    "tool_calls": "tool_call",
    "tool-calls": "tool_call",
    "tool_use": "tool_call",
    "tooluse": "tool_call",
    "function_call": "tool_call",
    "malformed_function_call": "error",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop_sequences": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "complete": "stop",
    "completed": "stop",
    "finish": "stop",
    "finished": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
    "failed": "error",
    "cancelled": "error",
}


def finish_reason(reason: object) -> str | None:
    """Returns the conventions' word for a provider's: ``stop``, ``length``, ``content_filter``,
    ``tool_call`` or ``error``; one that is none of these as it is, in lower case if it is all upper case.
    """
    if not isinstance(reason, str) or not reason:
        return None
    if reason in REASONS:
        return reason
    lower = reason.lower()
    known = _FINISH_REASONS.get(lower)
    if known is not None:
        return known
    # Gemini's are upper case, with the name of the enumeration in front when written as a Python enum.
    if is_name(reason) and (reason.isupper() or lower.startswith("finishreason.")):
        lower = lower.removeprefix("finishreason.")
        return _FINISH_REASONS.get(lower, lower)
    return reason
