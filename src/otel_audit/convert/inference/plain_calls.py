"""Model calls as current instrumentations write them, read by the shape of their attributes.

Spans of one instrumentation have the same names in the same order. What names alone decide (where each value
goes, that no two say the same, that no other dialect has left a mark) is decided once a shape and remembered,
within bounds. A call of a known shape whose values have the expected types is then taken apart in bulk; any
other goes through :class:`~otel_audit.convert.inference.draft.Draft`, which defines the result. A property test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from typing import Any, Final

from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.json_text import MAX_EXACT
from otel_audit.convert.inference.messages import REASONS, finish_reason
from otel_audit.convert.inference.parameters import parameters_text
from otel_audit.convert.inference.providers import provider_named
from otel_audit.convert.inference.semconv_fields import (
    COUNT,
    FIELDS,
    FINISH,
    INPUT,
    NO_MODEL,
    OPERATION_NAME,
    OUTPUT,
    PARAMETER,
    PROVIDER,
    TEXT,
)
from otel_audit.convert.inference.text_messages import write_text_messages
from otel_audit.convert.spans import Attributes

__all__ = ["is_left_alone", "read_plain_call"]

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

_OPERATIONS: Final = frozenset({"chat", "generate_content", "text_completion"})
"""Operations whose request and response are messages."""

_MODELS: Final = ("modelName", "responseModel")

_ORDER: Final = (TEXT, PROVIDER, COUNT, FINISH, INPUT, OUTPUT, PARAMETER)
"""Values are taken out kind after kind, so that each kind is a slice."""

_TYPES: Final = {TEXT: str, PROVIDER: str, COUNT: int, FINISH: list, INPUT: str, OUTPUT: str}

_NUMBERS: Final = frozenset({int, float})
_TEXT_ONLY: Final = frozenset({str})

_MAX_SHAPES: Final = 1_024
_MAX_NAMES: Final = 16_384
"""What is remembered is bounded, in number and in characters of names: a sender that makes up names must not
fill the memory."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How calls whose attributes have certain names are taken apart.

    Attributes:
        take: values of the operation, then kind after kind as in :data:`_ORDER`.
        types: what these values must be; parameters, which come last, are numbers of either type.
        leaves: children of ``modelInfo`` that texts, the provider and counts become, in order.
        texts, facts, typed: where the texts, the texts and counts, and all values but parameters end.
        names: of parameters, by canonical name.
        provider: position of the provider, 0 where the names have none.
        has_reasons: whether finish reasons follow the facts.
        asked, answered: position of input and output messages, 0 where the names have none.
        model: child of ``modelInfo`` that names the model.
        rest: names that stay attributes.
    """

    take: Callable[[Attributes], tuple[Any, ...]]
    types: tuple[type, ...]
    leaves: tuple[str, ...]
    texts: int
    facts: int
    typed: int
    names: tuple[str, ...]
    provider: int
    has_reasons: bool
    asked: int
    answered: int
    model: str
    rest: tuple[str, ...]


_SHAPES: Final[dict[tuple[str, ...], _Shape | None]] = {}
"""Names of attributes → their shape; ``None`` where the general way has to read them."""


def is_left_alone(name: str) -> bool:
    """Whether no dialect reads an attribute that is not in the conventions' table, by its name alone."""
    return name.partition(".")[0] not in _NAMESPACES or name in _LEFT_ALONE


def read_plain_call(attributes: Attributes) -> tuple[InferenceCall, Attributes] | None:
    """Reads a model call that needs nothing but copying.

    Args:
        attributes: of the span; left as they are.

    Returns:
        The call and the attributes that stay, or ``None`` for what the general way has to read.
    """
    names = tuple(attributes)
    try:
        shape = _SHAPES[names]
    except KeyError:
        shape = _remember(names)
    if shape is None:
        return None
    values = shape.take(attributes)
    texts, facts, typed = shape.texts, shape.facts, shape.typed
    if tuple(map(type, values[:typed])) != shape.types:
        return None
    operation, said = values[0], values[:texts]
    if operation not in _OPERATIONS or "" in said or NO_MODEL in said:
        return None
    for count in values[texts:facts]:
        if not 0 <= count <= MAX_EXACT:
            return None
    info: dict[str, Any] = dict(zip(shape.leaves, values[1:facts], strict=True))
    if shape.provider:
        info["provider"] = provider_named(values[shape.provider])
    if shape.has_reasons and not _take_reasons(values[facts], info):
        return None
    if shape.names:
        numbers = values[typed:]
        if not _NUMBERS.issuperset(map(type, numbers)):
            return None
        info["requestParameters"] = text = _numbers_text(shape.names, numbers)
        if text is None:
            return None
    request = response = None
    # The answer first: it is shorter, and where it calls tools the general way reads both.
    if shape.answered:
        response = write_text_messages(values[shape.answered], is_request=False)
        if response is None:
            return None
    if shape.asked:
        request = write_text_messages(values[shape.asked], is_request=True)
        if request is None:
            return None
    info["operation"] = operation
    call = InferenceCall(operation, info, request, response, ("model", info[shape.model]))
    return call, {name: attributes[name] for name in shape.rest}


def _take_reasons(reasons: list[Any], info: dict[str, Any]) -> bool:
    """Puts finish reasons into the conventions' words; returns whether there are some and they are texts."""
    if not reasons or "" in reasons or not _TEXT_ONLY.issuperset(map(type, reasons)):
        return False
    # Nearly all are in these words, and then the list may stay what it is.
    info["finishReasons"] = reasons if REASONS.issuperset(reasons) else [*map(finish_reason, reasons)]
    return True


@lru_cache(maxsize=1_024)
def _numbers_text(names: tuple[str, ...], numbers: tuple[float, ...]) -> str | None:
    """Returns request parameters as JSON text, ``None`` where a number is none that JSON keeps exactly.

    Numbers that are equal have the same text, whether whole ones came as integers or not.
    """
    if max(numbers) > MAX_EXACT or min(numbers) < -MAX_EXACT or not all(map(isfinite, numbers)):
        return None
    return parameters_text(dict(zip(names, numbers, strict=True)))


def _remember(names: tuple[str, ...]) -> _Shape | None:
    shape = _shape_of(names)
    if len(_SHAPES) < _MAX_SHAPES and sum(map(len, names)) <= _MAX_NAMES:
        _SHAPES[names] = shape
    return shape


def _shape_of(names: tuple[str, ...]) -> _Shape | None:
    rest = [name for name in names if name not in FIELDS]
    if OPERATION_NAME not in rest or not all(map(is_left_alone, rest)):
        return None
    rest.remove(OPERATION_NAME)
    by_kind: dict[int, list[str]] = {kind: [] for kind in _ORDER}
    for name in names:
        if name in FIELDS:
            if FIELDS[name][0] not in by_kind:
                return None
            by_kind[FIELDS[name][0]].append(name)
    taken = [name for kind in _ORDER for name in by_kind[kind]]
    targets = [FIELDS[name] for name in taken]
    leaves = [leaf for kind, leaf in targets if kind in (TEXT, PROVIDER, COUNT)]
    model = next((leaf for leaf in _MODELS if leaf in leaves), None)
    if model is None or len(set(targets)) < len(targets):
        return None
    texts = 1 + len(by_kind[TEXT]) + len(by_kind[PROVIDER])
    facts = texts + len(by_kind[COUNT])
    asked = facts + len(by_kind[FINISH])
    answered = asked + len(by_kind[INPUT])
    return _Shape(
        take=itemgetter(OPERATION_NAME, *taken),
        types=(str, *(_TYPES[kind] for kind, _ in targets if kind != PARAMETER)),
        leaves=tuple(leaves),
        texts=texts,
        facts=facts,
        typed=answered + len(by_kind[OUTPUT]),
        names=tuple(leaf for kind, leaf in targets if kind == PARAMETER),
        provider=texts - 1 if by_kind[PROVIDER] else 0,
        has_reasons=bool(by_kind[FINISH]),
        asked=asked if by_kind[INPUT] else 0,
        answered=answered if by_kind[OUTPUT] else 0,
        model=model,
        rest=tuple(rest),
    )
