"""What the names of a model call's attributes alone decide: where each value goes.

Spans of one instrumentation have the same names in the same order, so this is decided once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.convert.inference.semconv_fields import (
    COUNT,
    FIELDS,
    FINISH,
    INPUT,
    OPERATION_NAME,
    OUTPUT,
    PARAMETER,
    PROVIDER,
    TEXT,
)

__all__ = ["PLAIN_OPERATIONS", "CallShape", "call_shape", "is_left_alone"]

PLAIN_OPERATIONS: Final = frozenset({"chat", "generate_content", "text_completion"})
"""Operations whose request and response are messages."""

_NAMESPACES: Final = frozenset(
    {
        "gen_ai",
        "llm",
        "traceloop",
        "openinference",
        "mlflow",
        "ai",
        "mcp",
        "langfuse",
        "langsmith",
        "metadata",
    }
)
"""First words of the names that some dialect may read, though the conventions' table does not have them."""

_LEFT_ALONE: Final = frozenset(
    {
        OPERATION_NAME, "gen_ai.response.time_to_first_chunk", "gen_ai.input.messages_ref",
        "gen_ai.output.messages_ref",
    }
)  # fmt: skip
"""Names of these namespaces that none reads all the same."""

_MODELS: Final = ("modelName", "responseModel")

_KINDS: Final = frozenset({TEXT, PROVIDER, COUNT, FINISH, INPUT, OUTPUT, PARAMETER})
"""Kinds of attributes that need nothing but copying."""


@dataclass(frozen=True, slots=True)
class CallShape:
    """Where the values of calls whose attributes have certain names go; no two of them say the same, and no
    dialect but the conventions' has left a mark.

    Attributes:
        texts: name of each text and the child of ``modelInfo`` that it becomes.
        counts: likewise of token counts.
        parameters: name of each request parameter and its canonical name.
        provider, reasons, asked, answered: names of the provider, the finish reasons, the input and the output
            messages; ``None`` where they have none.
        model: name of the attribute that tells the model.
        rest: names that stay attributes.
    """

    texts: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    provider: str | None
    reasons: str | None
    asked: str | None
    answered: str | None
    model: str
    rest: tuple[str, ...]


def is_left_alone(name: str) -> bool:
    """Whether no dialect reads an attribute that is not in the conventions' table, by its name alone."""
    return name.partition(".")[0] not in _NAMESPACES or name in _LEFT_ALONE


def call_shape(names: tuple[str, ...]) -> CallShape | None:
    """Returns how calls with these attributes are read, ``None`` where the general way has to read them."""
    rest = [name for name in names if name not in FIELDS]
    if OPERATION_NAME not in rest or not all(map(is_left_alone, rest)):
        return None
    rest.remove(OPERATION_NAME)
    by_kind: dict[int, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
    targets = {name: FIELDS[name] for name in names if name in FIELDS}
    for name, (kind, leaf) in targets.items():
        if kind not in _KINDS:
            return None
        by_kind[kind].append((name, leaf))
    models = {leaf: name for name, leaf in by_kind[TEXT]}
    model = next((models[leaf] for leaf in _MODELS if leaf in models), None)
    if model is None or len(set(targets.values())) < len(targets):
        return None

    def only(kind: int) -> str | None:
        return by_kind[kind][0][0] if by_kind[kind] else None

    return CallShape(
        texts=tuple(by_kind[TEXT]),
        counts=tuple(by_kind[COUNT]),
        parameters=tuple(by_kind[PARAMETER]),
        provider=only(PROVIDER),
        reasons=only(FINISH),
        asked=only(INPUT),
        answered=only(OUTPUT),
        model=model,
        rest=tuple(rest),
    )
