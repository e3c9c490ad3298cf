"""Lists of objects that a dialect spreads over attributes: ``llm.input_messages.0.message.role`` and so on.

The attribute limit of SDKs (128 by default) drops the oldest attributes, so the first messages of a long
conversation may be missing, or a message may have lost its role. What is there is read in the order of its
numbers; a gap is noted.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import plain_json
from otel_audit.convert.spans import Attributes, Value

__all__ = ["has_prefix", "nested"]

_DEEPEST: Final = 16


def has_prefix(attributes: Attributes, prefix: str) -> bool:
    """Whether any attribute's name starts with ``prefix``."""
    return any(key.startswith(prefix) for key in attributes)


def nested(attributes: Attributes, prefix: str, oddities: list[str]) -> list[Value] | None:
    """Takes every attribute whose name is ``prefix`` and a number, and more steps perhaps, out of a list.

    Args:
        attributes: those that are read are removed. Others under ``prefix`` stay, as do names that fit no
            tree: one is the beginning of another, or has more than 16 steps.
        prefix: with its final dot.
        oddities: takes a note where numbers are missing before the last.

    Returns:
        The items in the order of their numbers, ``None`` where there are none.
    """
    root: dict[str, Any] = {}
    for key in [key for key in attributes if key.startswith(prefix)]:
        steps = key[len(prefix) :].split(".")
        if _is_number(steps[0]) and len(steps) <= _DEEPEST and _place(root, steps, attributes[key]):
            del attributes[key]
    return _closed(root, oddities) if root else None  # type: ignore[return-value]  # its names are numbers


def _is_number(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 10


def _place(root: dict[str, Any], steps: list[str], value: Value) -> bool:
    node = root
    for step in steps[:-1]:
        child = node.setdefault(step, _Node())
        if not isinstance(child, _Node):
            return False
        node = child
    if steps[-1] in node:
        return False
    node[steps[-1]] = value
    return True


class _Node(dict[str, Any]):
    """A branch, told apart from a value that is an object."""


def _closed(node: dict[str, Any], oddities: list[str]) -> Value:
    items = {
        step: _closed(item, oddities) if isinstance(item, _Node) else plain_json(item, oddities)
        for step, item in node.items()
    }
    if not all(_is_number(step) for step in items):
        return items
    numbers = sorted(int(step) for step in items)
    if numbers[-1] != len(numbers) - 1:
        oddities.append(notes.CONTENT_INCOMPLETE)
    by_number = {int(step): item for step, item in items.items()}
    return [by_number[number] for number in sorted(by_number)]
