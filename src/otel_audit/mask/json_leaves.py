"""The few leaves of a JSON text that triggers stand in, found without a look at all the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from otel_audit.mask.json_values import LEAST_NUMBER, OPENS, dump
from otel_audit.mask.neighbours import is_message
from otel_audit.mask.recognizer import Family

__all__ = ["FewLeaves", "few_leaves"]


@dataclass(slots=True)
class FewLeaves:
    """What of a JSON value must be judged.

    Attributes:
        value: of the text; a leaf is replaced within it.
        leaves: object, key and path of each string with a trigger.
        messages: arrays of several messages that such strings are in.
    """

    value: Any
    leaves: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)
    messages: list[list[Any]] = field(default_factory=list)


def few_leaves(text: str, path: str, needles: Sequence[tuple[str, Family]]) -> FewLeaves | None:
    """The leaves in which triggers stand.

    Args:
        text: a JSON text.
        path: of the field.
        needles: all triggers of the text, each plain text of a leaf.

    Returns:
        None where it takes a whole walk: a trigger in a key, a number or a nested JSON text, or beside a text
        with which it may be joined.
    """
    try:
        few = FewLeaves(orjson.loads(text))
    except ValueError:
        return None
    sought = {needle for needle, _ in needles}
    if not _collect(few.value, sought, path, few):
        return None
    for needle in sought:
        if text.count(needle) != sum(holder[key].count(needle) for holder, key, _ in few.leaves):
            return None  # what stands elsewhere stands in a key
    return few if dump(few.value) == text else None  # not every JSON text comes back from a parser as it was


def _collect(value: Any, needles: Collection[str], path: str, few: FewLeaves) -> bool:
    if type(value) is dict:
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                for needle in needles:
                    if needle in item:
                        if item.lstrip()[:1] in OPENS:
                            return False
                        few.leaves.append((value, key, f"{path}.{key}"))
                        break
            elif (kind is dict or kind is list) and item:
                if not _collect(item, needles, f"{path}.{key}", few):
                    return False
            elif (kind is int or kind is float) and not -LEAST_NUMBER < item < LEAST_NUMBER:
                return False
        return True
    if type(value) is not list:
        return False
    found = len(few.leaves)
    for index, item in enumerate(value):
        kind = type(item)
        if kind is dict or kind is list:
            if not _collect(item, needles, f"{path}[{index}]", few):
                return False
        elif kind is not bool and item is not None:
            return False
    if len(few.leaves) > found and len(value) > 1:
        if not all(map(is_message, value)):
            return False
        few.messages.append(value)
    return True
