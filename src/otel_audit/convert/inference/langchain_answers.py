"""LangChain's answers: what a generation says beside its message goes where a provider's own answer has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from otel_audit.convert.inference.media import is_nothing

__all__ = ["open_generations"]

_SAID_OTHERWISE: Final = frozenset(
    {
        "finish_reason", "id", "logprobs", "model_name", "model_provider", "refusal", "service_tier",
        "system_fingerprint", "token_usage",
    }
)  # fmt: skip
"""Members that the message, the counts and the answer itself say as well, or that say nothing of it."""


def open_generations(rest: dict[str, Any]) -> None:
    """Gives an answer of generations the id and the model that the first of them names.

    What else the provider's client told, such as the body and the status of an error, stays in ``rest`` under
    ``response_metadata``.
    """
    left: list[dict[str, Any]] = []
    for generation in _generations(rest["generations"]):
        facts = _facts(generation)
        for name, member in (("id", "id"), ("model_name", "model")):
            if isinstance(facts.get(name), str):
                rest.setdefault(member, facts[name])
        more = {
            name: value
            for name, value in facts.items()
            if name not in _SAID_OTHERWISE and not is_nothing(value)
        }
        if more and more not in left:
            left.append(more)
    if left:
        rest["response_metadata"] = left[0] if len(left) == 1 else left


def _generations(value: Any) -> Iterator[dict[str, Any]]:
    """Generations stand in lists, one for each prompt."""
    if isinstance(value, list):
        for item in value:
            yield from _generations(item)
    elif isinstance(value, dict):
        yield value


def _facts(generation: dict[str, Any]) -> dict[str, Any]:
    node: Any = generation
    for step in ("message", "kwargs", "response_metadata"):
        node = node.get(step) if isinstance(node, dict) else None
    information = generation.get("generation_info")
    return {
        **(information if isinstance(information, dict) else {}),
        **(node if isinstance(node, dict) else {}),
    }
