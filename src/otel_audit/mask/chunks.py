"""Values that are split over the events of one span: chunks of a streamed answer.

Each event has attributes of its own, so nothing in one JSON text tells that they go together. What stands at the
same way in the attributes of several events of a span is read as one text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from otel_audit.mask.budget import Budget
from otel_audit.mask.findings import Finding
from otel_audit.mask.joined import pieces_of_joined
from otel_audit.mask.json_values import OPENS, nested
from otel_audit.mask.judge import Judge
from otel_audit.mask.neighbours import Way

__all__ = ["CHUNKED_FIELD", "may_be_chunks", "pieces_of_chunks"]

CHUNKED_FIELD: Final = "events.attributes"

_MAX_STEPS: Final = 48
"""Steps to a text; conversion goes no deeper."""


def may_be_chunks(texts: Sequence[str | None], judge: Judge) -> bool:
    """Whether the texts of several events show a trigger when they are joined.

    Args:
        texts: JSON texts of the events of one span, in order.
        judge: brings the trigger.
    """
    return any(
        judge.trigger.is_in("".join(chunk for _, chunk in chunks).encode("utf-8", "surrogatepass"))
        for chunks in _by_way(texts).values()
    )


def pieces_of_chunks(
    texts: Sequence[str | None], judge: Judge, budget: Budget
) -> dict[int, dict[Way, list[Finding]]]:
    """Pieces of findings that span the attributes of several events: index of the event → way → pieces.

    Raises:
        OutOfTime: the budget is spent.
    """
    found: dict[int, dict[Way, list[Finding]]] = {}
    for way, chunks in _by_way(texts).items():
        parts = [chunk.encode("utf-8", "surrogatepass") for _, chunk in chunks]
        for index, pieces in pieces_of_joined(parts, judge, budget).items():
            found.setdefault(chunks[index][0], {})[way] = pieces
    return found


def _by_way(texts: Sequence[str | None]) -> dict[Way, list[tuple[int, str]]]:
    """Way to a text → events that have one there, and it; several of them."""
    ways: dict[Way, list[tuple[int, str]]] = {}
    for index, text in enumerate(texts):
        try:
            value = None if text is None else orjson.loads(text)
        except ValueError:
            continue
        for way, chunk in _texts(value, ()):
            ways.setdefault(way, []).append((index, chunk))
    return {way: chunks for way, chunks in ways.items() if len(chunks) > 1}


def _texts(value: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if len(way) > _MAX_STEPS:
        return
    if type(value) is str:
        within = nested(value) if value.lstrip()[:1] in OPENS else None
        if isinstance(within, (dict, list)):
            yield from _texts(within, way)
        else:
            yield way, value
    elif type(value) is dict:
        for key, item in value.items():
            yield from _texts(item, (*way, key))
    elif type(value) is list:
        for index, item in enumerate(value):
            yield from _texts(item, (*way, index))
