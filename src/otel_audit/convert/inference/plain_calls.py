"""Model calls as current instrumentations write them, many of one shape at once.

Calls of one shape (:mod:`~otel_audit.convert.inference.call_shapes`) whose values have the expected types are
read column by column; any other goes through :class:`~otel_audit.convert.inference.draft.Draft`, which defines
the result. A property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from math import isfinite
from typing import Any, Final, TypeAlias

from otel_audit.convert.inference.call_shapes import CallShape
from otel_audit.convert.inference.finish_reasons import REASONS, finish_reason
from otel_audit.convert.inference.json_text import MAX_EXACT
from otel_audit.convert.inference.parameters import parameters_text
from otel_audit.convert.inference.providers import provider_named
from otel_audit.convert.inference.semconv_fields import NO_MODEL
from otel_audit.convert.inference.text_messages import write_text_messages

__all__ = ["PlainCalls", "read_plain_calls"]

_TEXTS: Final = frozenset({str})
_INTEGERS: Final = frozenset({int})
_NUMBERS: Final = frozenset({int, float})
_ARRAYS: Final = frozenset({list, tuple})

_Columns: TypeAlias = "Mapping[str, Sequence[Any]]"
"""Name of an attribute → its value in each call."""


@dataclass(frozen=True, slots=True)
class PlainCalls:
    """What was read of calls of one shape.

    Attributes:
        info: child of ``modelInfo`` → its value in each call that is not odd.
        requests, responses: messages in normal form as UTF-8, of the same calls; ``None`` where the shape has
            none.
        models: what each of them was made to.
        odd: positions of the calls that the general way has to read. Where one of them shows before messages
            are read, nothing else is here: the others have to be given again.
        is_read: whether anything else is here.
    """

    info: dict[str, Sequence[Any]]
    requests: Sequence[Any] | None
    responses: Sequence[Any] | None
    models: Sequence[Any]
    odd: frozenset[int]
    is_read: bool = True


def read_plain_calls(shape: CallShape, columns: _Columns) -> PlainCalls:
    """Reads calls of one shape and of one operation among :data:`PLAIN_OPERATIONS`.

    Args:
        shape: of their names.
        columns: their attributes; left as they are.
    """
    odd = _odd_values(shape, columns)
    info: dict[str, Sequence[Any]] = {leaf: columns[name] for name, leaf in (*shape.texts, *shape.counts)}
    if not odd and shape.provider is not None:
        named = {provider: provider_named(provider) for provider in set(columns[shape.provider])}
        info["provider"] = [named[provider] for provider in columns[shape.provider]]
    if not odd and shape.reasons is not None:
        info["finishReasons"], odd = _finish_reasons(columns[shape.reasons])
    if not odd and shape.parameters:
        info["requestParameters"], odd = _parameters(shape, columns)
    if odd:
        return PlainCalls({}, None, None, (), frozenset(odd), is_read=False)
    models: Sequence[Any] = columns[shape.model]
    asked = None if shape.asked is None else columns[shape.asked]
    # The answers first: they are shorter, and where one calls tools the general way reads both.
    responses: Sequence[Any] | None = None
    if shape.answered is not None:
        responses = write_text_messages(columns[shape.answered], is_request=False)
        odd = {position for position, response in enumerate(responses) if response is None}
        if odd and asked is not None:
            asked = ["" if position in odd else text for position, text in enumerate(asked)]
    requests: Sequence[Any] | None = None
    if asked is not None:
        requests = write_text_messages(asked, is_request=True)
        odd |= {position for position, request in enumerate(requests) if request is None}
    if odd:
        kept = [position not in odd for position in range(len(models))]
        info = {leaf: [*compress(values, kept)] for leaf, values in info.items()}
        models = [*compress(models, kept)]
        requests = None if requests is None else [*compress(requests, kept)]
        responses = None if responses is None else [*compress(responses, kept)]
    return PlainCalls(info, requests, responses, models, frozenset(odd))


def _odd_values(shape: CallShape, columns: _Columns) -> set[int]:
    """Positions of the calls of which a value is not of the type, or not in the range, that it has to be."""
    odd: set[int] = set()
    texts = [name for name, _ in shape.texts]
    if shape.provider is not None:
        texts.append(shape.provider)
    for name in texts:
        values = columns[name]
        if set(map(type, values)) != _TEXTS or not all(values) or NO_MODEL in values:
            odd |= _where(values, lambda text: type(text) is not str or text in ("", NO_MODEL))
    for name, _ in shape.counts:
        values = columns[name]
        if set(map(type, values)) != _INTEGERS or min(values) < 0 or max(values) > MAX_EXACT:
            odd |= _where(values, lambda count: type(count) is not int or not 0 <= count <= MAX_EXACT)
    for name, _ in shape.parameters:
        if not _NUMBERS.issuperset(map(type, columns[name])):
            odd |= _where(columns[name], lambda number: type(number) not in _NUMBERS)
    for messages in (shape.asked, shape.answered):
        if messages is not None and set(map(type, columns[messages])) != _TEXTS:
            odd |= _where(columns[messages], lambda text: type(text) is not str)
    return odd


def _where(values: Sequence[Any], is_odd: Callable[[Any], bool]) -> set[int]:
    return {position for position, value in enumerate(values) if is_odd(value)}


def _finish_reasons(values: Sequence[Any]) -> tuple[list[list[str]], set[int]]:
    """Returns finish reasons in the conventions' words, and where there are none or something else."""
    known: dict[Any, list[str]] = {}
    found: list[list[str]] = []
    odd: set[int] = set()
    for position, value in enumerate(values):
        try:
            found.append(known[tuple(value)])
        except (KeyError, TypeError):
            reasons = _in_known_words(value)
            if reasons:
                known[tuple(value)] = reasons
                found.append(reasons)
            else:
                odd.add(position)
    return found, odd


def _in_known_words(value: Any) -> list[str]:
    if type(value) not in _ARRAYS or not _TEXTS.issuperset(map(type, value)) or "" in value:
        return []
    return [reason if reason in REASONS else finish_reason(reason) or reason for reason in value]


def _parameters(shape: CallShape, columns: _Columns) -> tuple[list[str | None], set[int]]:
    """Returns request parameters as JSON text, and where a number is none that JSON keeps exactly."""
    names = tuple(name for _, name in shape.parameters)
    rows = list(zip(*(columns[name] for name, _ in shape.parameters), strict=True))
    texts = {row: _numbers_text(names, row) for row in set(rows)}
    odd = _where(rows, lambda row: texts[row] is None) if None in texts.values() else set()
    return [texts[row] for row in rows], odd


@lru_cache(maxsize=1_024)
def _numbers_text(names: tuple[str, ...], numbers: tuple[float, ...]) -> str | None:
    """Returns request parameters as JSON text, ``None`` where a number is none that JSON keeps exactly.

    Numbers that are equal have the same text, whether whole ones came as integers or not.
    """
    if max(numbers) > MAX_EXACT or min(numbers) < -MAX_EXACT or not all(map(isfinite, numbers)):
        return None
    return parameters_text(dict(zip(names, numbers, strict=True)))
